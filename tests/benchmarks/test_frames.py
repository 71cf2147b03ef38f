"""How evenly the window draws, and how soon it pauses, while the engine works flat out.

Every window is a program of its own (`watched.py`). Two cores are enough; what else runs on them
is seen in the numbers, so that the best of some rounds is taken.
"""

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import lab

ROUNDS = 3
PANELS = {"experiment", "landscape", "loss", "spectrum", "roughness", "connectivity", "numbers"}
RULES = ("sgd", "momentum", "nesterov", "adam", "adamw", "rmsprop", "nadam", "adamax")
FRAME, PAUSE = 20, 50  # ms

SURFACE = lab.Experiment(
    "rosenbrock",
    [lab.Lane(rule, name=rule, lr=1e-4, runs=8) for rule in RULES],
    steps=10_000_000,
    device="cpu",
)
DIGITS = lab.Experiment(
    {"name": "digits_cnn", "batch_size": 64},
    [lab.Lane(rule, name=rule, lr=1e-3) for rule in RULES],
    steps=1_000_000,
    device="cpu",
)
LIVE = lab.Experiment(
    {"name": "digits_mlp", "batch_size": 0},
    [lab.Lane("sgd", lr=0.5), lab.Lane("momentum", lr=0.1)],
    steps=1_000_000,
    device="cpu",
    probes=[lab.ProbePlan("stability", every=10)],
)
MEASURED = tuple(
    lab.ProbePlan(name, every=100) for name in ("hessian_spectrum", "roughness", "connectivity")
)


def watch(folder: Path, experiment: lab.Experiment, seconds: float, pauses: int) -> dict:
    """What `watched.py` says of an experiment."""
    path = folder / "watched.toml"
    path.write_text(experiment.to_toml(), encoding="utf-8")
    program = [sys.executable, str(Path(__file__).with_name("watched.py")), str(path)]
    program += ["--seconds", str(seconds), "--pauses", str(pauses)]
    environment = {**os.environ, "QT_QPA_PLATFORM": "offscreen"}
    done = subprocess.run(program, check=True, stdout=subprocess.PIPE, env=environment)
    found = json.loads(done.stdout)
    measured = {plan.name for plan in experiment.probes}
    front = {"spectrum": "stability"} if measured == {"stability"} else {}
    assert set(found["visible"]) == {front.get(name, name) for name in PANELS}
    assert found["size"] == [1600, 980]
    return found


@pytest.mark.parametrize(
    ("what", "experiment"),
    [
        ("64 runs on a surface", SURFACE),
        ("digits CNN, 8 lanes", DIGITS),
        ("digits MLP, λmax every 10 steps", LIVE),
    ],
)
def test_frames_come_evenly(claims, tmp_path, what, experiment):
    rounds = [watch(tmp_path, experiment, 6.0, 0) for _ in range(ROUNDS)]
    slowest = min(float(np.percentile(found["frames"], 99)) for found in rounds)
    assert all(found["steps"] > 0 for found in rounds)
    claims.at_most(f"{what}, flat out: p99 of the frame interval / ms", slowest, FRAME)


@pytest.mark.parametrize(
    ("what", "experiment"),
    [
        ("64 runs on a surface", SURFACE),
        ("the same with three probes", replace(SURFACE, probes=MEASURED)),
        ("digits CNN with spectrum and roughness", replace(DIGITS, probes=MEASURED[:2])),
    ],
)
def test_a_pause_answers_at_once(claims, tmp_path, what, experiment):
    rounds = [watch(tmp_path, experiment, 0.5, 100) for _ in range(ROUNDS)]
    slowest = min(float(np.percentile(found["pauses"], 99)) for found in rounds)
    claims.at_most(f"{what}, flat out: p99 of a pause / ms", slowest, PAUSE)

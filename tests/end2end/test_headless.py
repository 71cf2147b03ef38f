"""The real program in processes of its own: run, export, script, kill."""

import os
import signal
import subprocess
import sys

import numpy as np
import pytest

import lab
from lab.assets import asset

ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1"}


def program(*words, cwd):
    """Run `landscape-lab` with these words."""
    return subprocess.run(
        [sys.executable, "-W", "error", "-m", "lab", *words],
        cwd=cwd,
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        check=False,
    )


def test_from_a_guided_experiment_to_the_same_numbers_by_script(tmp_path):
    file = str(asset("experiments/himmelblau.toml"))
    done = program(
        "run", file, "--out", "a", "--formats", "npz,png,py", "--steps", "60", cwd=tmp_path
    )
    assert (done.returncode, done.stdout) == (0, "")
    assert done.stderr.startswith("60 steps; ")
    done = program("export", "a/recording.lab", "--out", "b", "--formats", "npz", cwd=tmp_path)
    assert done.returncode == 0
    (tmp_path / "c").mkdir()
    subprocess.run(
        [sys.executable, "-W", "error", "../a/reproduce.py"],
        cwd=tmp_path / "c",
        env=ENVIRONMENT,
        check=True,
    )
    found = [np.load(tmp_path / name / "recording.npz") for name in "abc"]
    arrays = [name for name in found[0].files if name.startswith(("lanes/", "results/"))]
    assert {"lanes/SGD/theta", "lanes/Momentum/loss", "lanes/Adam/grad_norm"} <= set(arrays)
    assert any(name.startswith("results/hessian_spectrum") for name in arrays)
    for name in arrays:
        np.testing.assert_array_equal(found[0][name], found[1][name], err_msg=name)
        if not name.endswith("/seconds"):
            np.testing.assert_array_equal(found[0][name], found[2][name], err_msg=name)
    for archive in found:
        archive.close()
    figures = {path.name for path in (tmp_path / "a").glob("*.png")}
    assert figures == {path.name for path in (tmp_path / "c").glob("*.png")}
    assert {"landscape.png", "loss.png", "eigenvalues.png"} <= figures


KILL = """
import os, signal, sys, time
from lab.commands import progress
shown = []
def show(self, text):
    shown.append(time.monotonic())
    if shown[-1] - shown[0] > 2:  # long enough for what is written once a second
        os.kill(os.getpid(), signal.SIGKILL)
progress.Line.show = show
from lab.cli import main
main(sys.argv[1:])
"""


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="this system has no SIGKILL")
def test_a_killed_run_can_be_opened_and_exported(tmp_path):
    (tmp_path / "x.toml").write_text(
        'problem = "booth"\nsteps = 100000000\n[[lanes]]\noptimizer = "sgd"\nlr = 1e-6\n'
    )
    words = ["run", "x.toml", "--out", "out"]
    done = subprocess.run(
        [sys.executable, "-c", KILL, *words], cwd=tmp_path, env=ENVIRONMENT, check=False
    )
    assert done.returncode == -signal.SIGKILL
    unfinished = tmp_path / "out" / "recording-unfinished.lab"
    recording = lab.open(unfinished)
    head = recording.head
    assert head > 1000
    loss = recording.scalar("sgd", "loss")
    assert loss.shape == (head + 1, 1)
    assert np.isfinite(loss).all()
    recording.close()
    done = program("export", str(unfinished), "--out", "b", "--formats", "png,npz", cwd=tmp_path)
    assert done.returncode == 0
    with np.load(tmp_path / "b" / "recording.npz") as found:
        np.testing.assert_array_equal(found["lanes/sgd/loss"], loss)


def test_doctor_never_crashes(tmp_path):
    bare = {k: v for k, v in ENVIRONMENT.items() if not k.startswith(("DISPLAY", "WAYLAND", "QT"))}
    for extra in ({}, {"QT_QPA_PLATFORM": "offscreen"}):
        done = subprocess.run(
            [sys.executable, "-m", "lab", "doctor"],
            cwd=tmp_path,
            env={**bare, **extra},
            capture_output=True,
            text=True,
            check=False,
        )
        assert (done.returncode, done.stderr) == (0, "")
        assert "torch" in done.stdout
        assert "OpenGL" in done.stdout
    assert "no OpenGL context: 3-D views are off" in done.stdout

"""A million recorded steps of eight lanes: what they take in memory, how soon a row is found."""

import time
from pathlib import Path

import numpy as np
import pytest

from lab.engine.experiment import Experiment
from lab.engine.lane import Block
from lab.engine.plan import Lane
from lab.engine.session import Session

LANES = 8
STEPS = 1_000_000
BLOCK = 250  # steps in a block of rows
KEEP = 6  # blocks between two writings: about a second of eight lanes
MEMORY = 300  # MB over start
SEEK = 20  # ms


def memory() -> float:
    """Megabytes of this process that are in memory."""
    with open("/proc/self/status") as lines:
        return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmRSS"))


def blocks(steps: int):
    """Rows of a lane on a surface, made up."""
    rng = np.random.default_rng(0)
    for first in range(1, steps + 1, BLOCK):
        count = min(BLOCK, steps + 1 - first)
        theta = rng.normal(size=(count, 1, 2)).astype(np.float32)
        done = np.arange(first, first + count, dtype=np.float64)
        yield Block(
            first,
            {
                "theta": theta,
                "loss": theta[:, :, 0] ** 2,
                "grad_norm": np.abs(theta[:, :, 1]),
                "seconds": 1e-4 * done,
                "value_evaluations": 0 * done,
                "gradient_evaluations": done,
                "hessian_products": 0 * done,
            },
        )


def fill(session: Session, steps: int) -> tuple[list[float], float]:
    """Put blocks on record as a session would; seconds that each writing took, and the peak."""
    kept, most = [], memory()
    records = [session.recording.lane(name) for name in session.recording.lanes]
    lanes = [session._lanes.able(name) for name in session.recording.lanes]
    for number, block in enumerate(blocks(steps)):
        for record, lane in zip(records, lanes, strict=True):
            lane.step = block.first + len(block.columns["loss"]) - 1
            record.append(block)
            if record.snapshots.wants(lane.step):
                record.snapshots.add(lane.step, lane.pack())
        if number % KEEP == 0:
            begin = time.perf_counter()
            session.keep()
            kept.append(time.perf_counter() - begin)
            most = max(most, memory())
    return kept, most


def a_session() -> Session:
    lanes = [Lane("adam", name=f"lane {number}") for number in range(LANES)]
    return Session(Experiment("rosenbrock", lanes, steps=STEPS, device="cpu"))


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="memory is read from /proc")
def test_a_million_steps_of_eight_lanes(benchmark, claims):
    session = a_session()
    start = memory()
    kept, most = fill(session, STEPS)
    recording = session.recording
    rng = np.random.default_rng(1)
    seeks = []
    for step in rng.integers(0, STEPS, 500).tolist():
        record = recording.lane(recording.lanes[step % LANES])
        begin = time.perf_counter()
        found = [record.at(name, step) for name in ("theta", "loss", "grad_norm")]
        seeks.append(time.perf_counter() - begin)
        assert [at for at, _ in found] == [step] * 3
    record = recording.lane("lane 0")
    benchmark(lambda: record.at("theta", int(rng.integers(0, STEPS))))
    recording.close()
    what = "a million steps of 8 lanes: "
    claims.at_most(what + "memory over start / MB", most - start, MEMORY)
    claims.at_most(what + "longest seek to a row / ms", 1000 * max(seeks), SEEK)
    claims.at_most(what + "median of writing / ms", 1000 * float(np.median(kept)), 5)


def test_a_run_that_is_recorded_takes_little_longer(claims, tmp_path):
    """Eight lanes for real, with and without a file."""
    lanes = [Lane("adam", name=f"lane {number}") for number in range(LANES)]

    def seconds(path):
        session = Session(Experiment("rosenbrock", lanes, steps=4000, device="cpu"), path=path)
        begin = time.perf_counter()
        session.run()
        taken = time.perf_counter() - begin
        session.recording.close()
        return taken

    seconds(None)
    pairs = [(seconds(tmp_path / "x.lab"), seconds(None)) for _ in range(3)]
    ratio = float(np.median([with_file / without for with_file, without in pairs]))
    claims.at_most("8 lanes recorded into a file / in memory, seconds", ratio, 1.25)

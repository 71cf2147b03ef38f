"""The lowest loss so far."""

import numpy as np
import pytest

import lab
from lab.gui.views import best
from lab.gui.views.best import Best


@pytest.fixture(scope="module")
def recording():
    lanes = [lab.Lane("sgd", lr=[1e-3, 1.0], start=[-1.5, 2.0]), lab.Lane("adam", lr=0.1, runs=3)]
    return lab.run(lab.Experiment("rosenbrock", lanes=lanes, steps=3000, device="cpu"))


@pytest.mark.parametrize("lane", ["sgd", "adam"])
@pytest.mark.parametrize("step", [0, 1, 1023, 1024, 1025, 2999, 3000])
def test_is_the_running_minimum(recording, lane, step):
    expected = np.fmin.reduce(recording.scalar(lane, "loss")[: step + 1], axis=0)
    assert np.array_equal(Best(recording.records[lane]).upto(step), expected)


def test_any_order_of_steps(recording):
    keeper = Best(recording.records["adam"])
    steps = [2500, 10, 3000, 1024, 0]
    found = [keeper.upto(step) for step in steps]
    loss = recording.scalar("adam", "loss")
    for step, lowest in zip(steps, found, strict=True):
        assert np.array_equal(lowest, loss[: step + 1].min(axis=0))


def test_beyond_the_head_is_the_head(recording):
    keeper = Best(recording.records["adam"])
    assert np.array_equal(keeper.upto(10**6), keeper.upto(3000))


def test_a_long_record_is_read_bit_by_bit(recording, monkeypatch):
    monkeypatch.setattr(best, "STRETCH", 16)
    monkeypatch.setattr(best, "AT_ONCE", 10)
    keeper = Best(recording.records["adam"])
    looks = 1
    while (found := keeper.upto(3000)) is None:
        looks += 1
    assert looks == 19  # 188 stretches, ten a look
    assert np.array_equal(found, recording.scalar("adam", "loss").min(axis=0))


def test_of_a_branch(recording):
    made = lab.Session(lab.Experiment("booth", lanes=[lab.Lane("sgd", lr=0.01)], steps=40))
    made.run()
    name = made.branch("sgd", 20, {"lr": 0.3})
    made.run()
    record = made.recording.records[name]
    loss = made.recording.scalar(name, "loss")
    for step in (10, 20, 21, 40):
        assert np.array_equal(Best(record).upto(step), np.fmin.reduce(loss[: step + 1], axis=0))


def test_nothing_on_record_yet():
    class Empty:
        head, runs = -1, 2

    assert Best(Empty()).upto(5) is None

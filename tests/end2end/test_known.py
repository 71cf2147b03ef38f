"""Guided experiments whose answers are known: each is run, and held against its answer."""

import pytest

import lab
from lab.assets import guided_experiments
from lab.engine.device import threads

ANSWERS = {}  # name of the file without "known-" -> a function of the recording that asserts


def branches(recording):
    """Early branches lie behind a barrier, late ones do not (instability analysis)."""
    found = recording.probe("barriers")[-1]
    assert found.lanes.split("\n") == ["trunk", "from 0", "from 40", "from 200"]
    trunk = found.barrier_chord[0]
    assert trunk[1] > 0.1
    assert trunk[3] < 0.02
    assert found.distance[0, 1] > found.distance[0, 2] > found.distance[0, 3] > 0
    assert found.metric_barrier[0, 1] > 0.02 > found.metric_barrier[0, 3]  # Frankle's 2 %
    assert 30 < recording.probe("connectivity")[-1].angle_branch < 120


def permutation(recording):
    """A network and its permuted copy: one function, a barrier between, none once matched."""
    losses = recording.scalar("SGD", "loss")
    assert losses[:, 0] == pytest.approx(losses[:, 1], rel=1e-9)
    for found in recording.probe("connectivity"):
        assert found.barrier > 0.03
        assert found.matched_barrier == pytest.approx(0, abs=1e-12)
        assert found.matched_distance == pytest.approx(0, abs=1e-9)
    last = recording.probe("barriers")[-1]
    assert last.matched == "activations"
    assert abs(last.barrier).max() < 1e-12


ANSWERS |= {"branches": branches, "permutation": permutation}


@pytest.mark.parametrize("name", ANSWERS)
def test_the_answer_is_found(name):
    with threads(1):
        recording = lab.run(str(guided_experiments()[f"known-{name}"]))
    assert not [event for event in recording.events if event.kind == "failed"]
    ANSWERS[name](recording)


def test_every_known_answer_is_asked_for():
    files = {
        name.removeprefix("known-") for name in guided_experiments() if name.startswith("known-")
    }
    assert files == set(ANSWERS)

"""Guided experiments whose answers are known: each is run, and held against its answer."""

import numpy as np
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


def persistence(recording):
    """Basins and hill of Himmelblau's function, at every step the same."""
    for found in recording.probe("topology"):
        assert found.death[1:] == pytest.approx([104.02115057, 67.71948497, 13.31252402])
        assert found.birth == pytest.approx([0.00170801, 0.00792497, 0.01228817, 0.01355216])
        assert found.holes == pytest.approx(np.array([[178.33555361, 181.61612642]]))
        assert found.smad == pytest.approx(61.67313, abs=1e-5)
        assert np.bincount(found.point_index).tolist() == [4, 4, 1]
        minima = found.points[found.point_index == 0]
        known = [point for point, *_ in recording.header["problem"]["optima"]]
        assert sorted(map(tuple, minima)) == pytest.approx(np.array(sorted(known)), abs=1e-5)


def critical_points(recording):
    """All 16 families of the linear autoencoder, each with its loss and index."""
    (found,) = recording.probe("critical_points")
    mine = sorted(zip(found.loss.round(9), found.index, strict=True))
    known = sorted(zip(found.known_loss.round(9), found.known_index, strict=True))
    assert len(known) == 16
    assert mine == pytest.approx(np.array(known))
    correlation = np.corrcoef(found.loss, found.index / found.dim)[0, 1]
    assert correlation == pytest.approx(0.956, abs=5e-4)


ANSWERS |= {"persistence": persistence, "critical-points": critical_points}


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

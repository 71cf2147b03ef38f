import numpy as np
import pytest
import torch

import lab
from lab import analysis
from lab.engine.analysis.chain import wiring_of
from lab.engine.probes import Barriers

RNG = np.random.default_rng(0)
MOONS = lab.problem("moons_mlp", samples=40, widths=(6,))


def test_the_matrix_is_that_of_the_analysis(see, measured):
    rows = RNG.normal(size=(4, MOONS.dim))
    sights = {"a": see(rows[:3], diverged=[1]), "b": see(rows[3:])}
    found, slices = measured(Barriers(points=5), MOONS, sights)
    wanted = analysis.barrier_matrix(MOONS, rows[[0, 2, 3]], points=5)
    assert found.info["lanes"] == "a\na\nb"
    assert found.arrays["run"].tolist() == [0, 2, 0]
    for name in ("barrier", "barrier_chord", "distance", "metric_barrier", "loss"):
        np.testing.assert_array_equal(found.arrays[name], getattr(wanted, name))
    assert found.info["highest"] == wanted.barrier.max()
    assert found.info["metric"] == "accuracy"
    assert slices > 3


def test_first_runs_come_first_where_there_are_many(see, measured):
    sights = {"a": see(RNG.normal(size=(3, 2))), "b": see(RNG.normal(size=(2, 2)))}
    found, _ = measured(Barriers(points=3, most=3), lab.problem("booth"), sights)
    assert found.info["lanes"] == "a\na\nb"
    assert found.arrays["run"].tolist() == [0, 1, 0]
    assert "metric_barrier" not in found.arrays


def test_where_units_cannot_be_matched_it_says_so(see, measured):
    sights = {"a": see(RNG.normal(size=(2, 2)))}
    found, _ = measured(Barriers(matched="weights"), lab.problem("booth"), sights)
    assert found.info["matched"] == "none"
    assert "chain of layers" in found.info["unmatched"]


def test_matched_copies_have_no_barrier(see, measured):
    theta = RNG.normal(size=MOONS.dim)
    order = torch.as_tensor(RNG.permutation(6))
    copy = wiring_of(MOONS).permuted(torch.as_tensor(theta), [order]).numpy()
    found, _ = measured(Barriers(matched="weights"), MOONS, {"a": see(np.stack([theta, copy]))})
    plain, _ = measured(Barriers(), MOONS, {"a": see(np.stack([theta, copy]))})
    assert found.info["highest"] == pytest.approx(0, abs=1e-9)
    assert found.arrays["distance"][0, 1] == pytest.approx(0, abs=1e-9)
    assert plain.arrays["distance"][0, 1] > 1


def test_one_run_is_not_enough(see):
    assert not Barriers().ready({"a": see(np.ones((1, 2)))})
    assert not Barriers().ready({})

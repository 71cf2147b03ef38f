import numpy as np
import pytest
import torch

import lab
from lab import analysis
from lab.engine.analysis.chain import Chain
from lab.engine.probes import Connectivity

RNG = np.random.default_rng(0)
MOONS = lab.problem("moons_mlp", samples=60)


@pytest.fixture
def points():
    return RNG.normal(size=(4, MOONS.dim))


def joined(found):
    info = found.info
    return (info["lane_a"], info["run_a"]), (info["lane_b"], info["run_b"])


def test_the_line_is_that_of_the_analysis(see, measured, points):
    sights = {"adam": see(points[:2]), "sgd": see(points[2:])}
    found, slices = measured(Connectivity(points=11), MOONS, sights)
    assert joined(found) == (("adam", 0), ("sgd", 0))
    path = analysis.linear_path(MOONS, points[0], points[2], points=11)
    np.testing.assert_array_equal(found.arrays["loss"], path.loss)
    np.testing.assert_array_equal(found.arrays["t"], path.t)
    np.testing.assert_array_equal(found.arrays["accuracy"], path.metrics["accuracy"])
    assert found.info["barrier"] == path.barrier
    assert found.info["barrier_chord"] == path.barrier_chord
    assert found.info["distance"] == pytest.approx(np.linalg.norm(points[2] - points[0]))
    moved = analysis.match_permutation(MOONS, points[0], points[2])
    matched = analysis.linear_path(MOONS, points[0], moved, points=11)
    np.testing.assert_array_equal(found.arrays["matched_loss"], matched.loss)
    assert found.info["matched_distance"] < found.info["distance"]
    assert slices >= 3


def test_a_permuted_copy_is_no_barrier_once_it_is_matched(see, measured):
    problem = lab.problem("moons_mlp", widths=(16,))
    theta, chain = RNG.normal(size=problem.dim), Chain.of(problem.layout)
    order = [torch.as_tensor(RNG.permutation(16))]
    copy = chain.permuted(torch.as_tensor(theta), order).numpy()
    found, _ = measured(Connectivity(), problem, {"a": see(theta), "b": see(copy)})
    assert np.ptp(found.arrays["loss"]) > 0.1
    assert np.ptp(found.arrays["matched_loss"]) < 1e-9
    assert found.info["matched_distance"] == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize(
    ("diverged", "wanted"),
    [
        (((), (), ()), (("a", 0), ("b", 0))),
        (((0,), (), ()), (("a", 1), ("b", 0))),
        (((0, 1), (), ()), (("b", 0), ("c", 0))),
        (((), (0, 1), (0, 1)), (("a", 0), ("a", 1))),
    ],
)
def test_which_runs_are_joined(see, measured, points, diverged, wanted):
    sights = {
        lane: see(points[:2], diverged=gone) for lane, gone in zip("abc", diverged, strict=True)
    }
    found, _ = measured(Connectivity(matched=False), MOONS, sights)
    assert joined(found) == wanted
    assert not any(name.startswith("matched") for name in found.arrays)


@pytest.mark.parametrize("diverged", [((0, 1), (0, 1)), ((0, 1), (0,))])
def test_one_run_is_not_enough(see, points, diverged):
    sights = {
        lane: see(points[:2], diverged=gone) for lane, gone in zip("ab", diverged, strict=True)
    }
    assert not Connectivity().ready(sights)
    assert not Connectivity().ready({"a": see(points[0])})
    assert not Connectivity().ready({})


@pytest.mark.parametrize(
    ("problem", "reason"),
    [("booth", "chain of layers"), (lab.problem("moons_mlp", skip=True), "skip connection")],
)
def test_where_units_cannot_be_permuted_the_reason_is_told(see, measured, problem, reason):
    problem = lab.problem(problem) if isinstance(problem, str) else problem
    ends = RNG.normal(size=(2, problem.dim))
    found, _ = measured(Connectivity(), problem, {"a": see(ends)})
    assert reason in found.info["unmatched"]
    assert "matched_loss" not in found.arrays
    assert found.arrays["loss"].shape == (25,)

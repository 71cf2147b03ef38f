import numpy as np
import pytest
import torch

import lab
from lab import analysis
from lab.engine.analysis.chain import wiring_of
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
    theta, wiring = RNG.normal(size=problem.dim), wiring_of(problem)
    order = [torch.as_tensor(RNG.permutation(16))]
    copy = wiring.permuted(torch.as_tensor(theta), order).numpy()
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


def test_where_units_cannot_be_permuted_the_reason_is_told(see, measured):
    ends = RNG.normal(size=(2, 2))
    found, _ = measured(Connectivity(), lab.problem("booth"), {"a": see(ends)})
    assert "chain of layers" in found.info["unmatched"]
    assert "matched_loss" not in found.arrays
    assert found.arrays["loss"].shape == (25,)


def test_units_are_matched_and_repaired_as_the_knobs_say(see, measured, points):
    probe = Connectivity(points=7, method="correlations", repair=True)
    found, _ = measured(probe, MOONS, {"a": see(points[:2])})
    moved = analysis.match_permutation(MOONS, points[0], points[1], method="correlations")
    path = analysis.linear_path(MOONS, points[0], moved, points=7, repair=True)
    np.testing.assert_array_equal(found.arrays["matched_loss"], path.loss)
    assert found.info["repaired"]


def test_second_order_foresees_a_barrier_on_demand(see, measured, points):
    found, _ = measured(Connectivity(predict=True, matched=False), MOONS, {"a": see(points[:2])})
    told = analysis.barrier_predictor(MOONS, points[0], points[1])
    names = ("height", "from_middle", "from_ends")
    assert [found.info[name] for name in names] == [getattr(told, name) for name in names]


def test_branches_tell_their_angles_where_they_began_and_where_they_parted():
    lanes = [
        lab.Lane("sgd", lr=0.3, name="trunk"),
        lab.Lane("sgd", lr=0.3, name="branch", branch_of="trunk", branch_step=4, stream=1),
    ]
    problem = lab.problem("moons_mlp", samples=60, widths=(6,), batch_size=8)
    plans = [lab.ProbePlan("connectivity", 4, {"matched": False})]
    recording = lab.run(lab.Experiment(problem, lanes=lanes, steps=12, probes=plans))
    results = recording.probe("connectivity")
    assert [result.step for result in results] == [8, 12]  # before, the branch was not there
    one, two = recording.theta("trunk"), recording.theta("branch")
    for result in results:
        ends = one[result.step, 0], two[result.step, 0]
        assert result.branch_step == 4
        for key, base in (("angle_start", one[0, 0]), ("angle_branch", one[4, 0])):
            wanted = analysis.angle_between(problem, base, *ends)
            assert result.info[key] == pytest.approx(wanted, rel=1e-6)
    assert results[-1].angle_branch > results[-1].angle_start > 0


def test_lanes_of_one_start_have_an_angle_and_others_none():
    start = [[1.0, 1.0]]
    lanes = [lab.Lane("sgd", lr=0.01, start=start), lab.Lane("adam", lr=0.1, start=start)]
    plans = [lab.ProbePlan("connectivity", 3)]
    (begun, found) = lab.run(
        lab.Experiment("himmelblau", lanes=lanes, steps=3, probes=plans)
    ).probe("connectivity")
    assert "angle_start" not in begun.info
    assert 0 < found.angle_start < 180
    assert "angle_branch" not in found.info
    apart = [lab.Lane("sgd", lr=0.01, runs=2)]
    *_, last = lab.run(lab.Experiment("himmelblau", lanes=apart, steps=3, probes=plans)).probe(
        "connectivity"
    )
    assert "angle_start" not in last.info

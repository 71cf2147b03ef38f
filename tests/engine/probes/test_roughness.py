import numpy as np
import pytest

import lab
from lab import analysis
from lab.engine.probes import RoughnessIndex

RNG = np.random.default_rng(0)
POINT = np.array([1.5, -2.0])


def test_on_a_surface_lines_are_measured_in_parts_of_the_window(see, measured):
    problem = lab.problem(lambda x: x[0] + 1000 * x[1], dim=2, window=((0.0, 10.0), (0.0, 0.02)))
    probe = RoughnessIndex(directions=50, radius=1.0)
    found, slices = measured(probe, problem, see([0.0, 0.0]))
    ends = found.arrays["profiles"][:, -1]
    assert np.abs(ends).max() <= np.hypot(5, 10) * (1 + 1e-9)
    assert np.abs(ends).max() > 0.9 * np.hypot(5, 10)
    assert found.info["mean_tv_l"] == pytest.approx(0.5)  # a slope
    assert found.info["index"] == pytest.approx(0, abs=1e-9)
    assert slices >= 50


def test_without_a_window_lines_have_length_one(see, measured):
    problem = lab.problem(lambda x: (x * x).sum(), dim=5)
    found, _ = measured(RoughnessIndex(radius=0.5), problem, see(np.zeros(5)))
    np.testing.assert_allclose(found.arrays["profiles"][:, [0, -1]], 0.25, rtol=1e-12)
    assert found.info["mean_tv_l"] == pytest.approx(1)  # a symmetric bowl


@pytest.mark.parametrize("scaling", ["auto", "filter", "layer", "none"])
def test_on_a_network_it_is_the_analysis(see, measured, scaling):
    problem = lab.problem("moons_mlp", samples=50)
    theta = RNG.normal(size=problem.dim)
    probe = RoughnessIndex(directions=5, radius=0.3, points=9, scaling=scaling)
    found, _ = measured(probe, problem, see(theta, seed=7))
    normalize = {"auto": "filter", "none": None}.get(scaling, scaling)
    wanted = analysis.roughness_index(problem, theta, 5, 0.3, 9, normalize, seed=7)
    np.testing.assert_array_equal(found.arrays["profiles"], wanted.profiles)
    np.testing.assert_array_equal(found.arrays["s"], wanted.s)
    np.testing.assert_array_equal(found.arrays["total_variation"], wanted.total_variation)
    assert found.info["index"] == wanted.index
    assert (found.info["index_low"], found.info["index_high"]) == wanted.interval
    assert found.info["evaluations"] == 45
    assert found.info["radius"] == 0.3


def test_the_first_run_that_goes_on_is_looked_at(see, measured):
    problem = lab.problem("ackley")
    alone, _ = measured(RoughnessIndex(), problem, see(POINT))
    found, _ = measured(RoughnessIndex(), problem, see([[9, 9], POINT], diverged=[0]))
    assert found.info["run"] == 1
    np.testing.assert_array_equal(found.arrays["profiles"], alone.arrays["profiles"])
    assert not RoughnessIndex().ready(see(POINT, diverged=[0]))


def test_directions_stay_the_same_along_a_run(see, measured):
    problem = lab.problem(lambda x: x @ x.new_tensor([1.0, 2.0]), dim=2)
    one, two, other = (
        measured(RoughnessIndex(), problem, see(point, seed=seed))[0].arrays["profiles"]
        for point, seed in (([0.0, 0.0], 0), ([5.0, 1.0], 0), ([0.0, 0.0], 1))
    )
    np.testing.assert_allclose(two - 7, one, atol=1e-12)  # moved along a slope, on the same lines
    assert (np.abs(other - one) > 1e-3).any()


def test_what_biases_get_is_a_choice(see, measured):
    problem = lab.problem("moons_mlp", samples=50)
    theta = RNG.normal(size=problem.dim)
    found = {}
    for bias in ("zero", "code"):
        probe = RoughnessIndex(directions=4, radius=0.3, points=9, bias=bias)
        found[bias] = measured(probe, problem, see(theta))[0]
        wanted = analysis.roughness_index(problem, theta, 4, 0.3, 9, "filter", bias=bias)
        np.testing.assert_array_equal(found[bias].arrays["profiles"], wanted.profiles)
        assert found[bias].info["bias"] == bias
        assert found[bias].info["scaling"] == "filter"
    assert found["zero"].info["index"] != found["code"].info["index"]
    raw = measured(RoughnessIndex(scaling="none"), problem, see(theta))[0]
    assert raw.info["bias"] == "as drawn"


def test_tracks_are_in_the_info_with_their_band(see, measured):
    info = measured(RoughnessIndex(), lab.problem("ackley"), see(POINT))[0].info
    assert [track.key for track in RoughnessIndex.tracks] == ["index", "mean_tv_l"]
    assert info["index_low"] < info["index"] < info["index_high"]
    assert info["mean_tv_l"] > 0.5

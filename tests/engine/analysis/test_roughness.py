import numpy as np
import pytest
import scipy.stats
import torch

import lab
from lab import analysis
from lab.engine.analysis.roughness import (
    confidence_interval,
    student_quantile,
    total_variation,
)

LINE = np.array([[1.0], [1.0]])


def variations(theta, points, radius):
    """T along the line itself, of a parabola at a distance from its minimum."""
    problem = lab.problem(lambda x: 0.5 * (x @ x), dim=1)
    return analysis.roughness_index(problem, [theta], LINE, radius, points).total_variation


def test_a_parabola_against_its_closed_form(numbers):
    for a, *wanted in numbers["R1a_bowl1d_cols_a_Texact_Tm10_Tm20_Tm100_l0.5"]:
        for value, cells in zip(wanted[1:], (10, 20, 100), strict=False):
            np.testing.assert_allclose(variations(a, cells + 1, 0.5), value, rtol=1e-9)
        exact = 1 + ((0.5 - a) / (0.5 + a)) ** 2 if a < 0.5 else 1.0
        np.testing.assert_allclose(variations(a, 40_001, 0.5), exact, rtol=1e-4)


def test_ripples_against_reference_numbers(numbers):
    rows = numbers["R1b_ripple1d_cols_A_w_ncrit_TVexact_range_Texact_Tm10_20_50_100_1000_l1"]
    for amplitude, frequency, _, _, _, _, *wanted in rows:
        problem = lab.problem(
            lambda x, h=amplitude, w=frequency: (0.5 * x * x + h * torch.sin(w * x))[0], dim=1
        )
        for value, cells in zip(wanted, (10, 20, 50, 100, 1000), strict=True):
            found = analysis.roughness_index(problem, [0.0], LINE, 1.0, cells + 1)
            np.testing.assert_allclose(found.total_variation, value, rtol=1e-9)
            assert found.index == 0
            assert found.mean_tv_l == pytest.approx(value, rel=1e-9)


def test_ten_dimensions_with_given_directions_against_reference_numbers(numbers):
    lines = numbers["R1e_dirs10d_M100_seed1"]
    key = "R1e_bowlripple10d_cols_A_w_then_RI,meanT_for_m10_20_100_1000_20000_l1"
    for amplitude, frequency, *wanted in numbers[key]:
        problem = lab.problem(
            lambda x, h=amplitude, w=frequency: 0.5 * (x @ x) + (h * (1 - torch.cos(w * x))).sum(),
            dim=10,
        )
        for i, cells in enumerate((10, 20, 100, 1000)):
            found = analysis.roughness_index(problem, np.zeros(10), lines, 1.0, cells + 1)
            assert found.index == pytest.approx(wanted[2 * i], rel=1e-9, abs=1e-12)
            assert found.total_variation.mean() == pytest.approx(wanted[2 * i + 1], rel=1e-9)


@pytest.mark.parametrize("dim", [2, 10, 100])
def test_directions_spread_evenly_against_populations_of_a_bowl(numbers, dim):
    problem = lab.problem(lambda x: 0.5 * (x @ x), dim=dim)
    shares = (np.arange(400) + 0.5) / 400  # of the sphere, by the angle to the centre
    cosines = np.sqrt(scipy.stats.beta.ppf(shares, 0.5, (dim - 1) / 2))
    lines = np.zeros((400, dim))
    lines[:, 0], lines[:, 1] = cosines, np.sqrt(1 - cosines**2)
    rows = numbers["R1d_population_cols_D_dist_RI_meanT_stdT_l1"]
    for _, far, index, mean, _ in rows[rows[:, 0] == dim]:
        theta = np.zeros(dim)
        theta[0] = far
        found = analysis.roughness_index(problem, theta, lines, 1.0, 201)
        assert found.index == pytest.approx(index, rel=0.02, abs=1e-9)
        assert found.mean_tv_l == pytest.approx(mean, rel=2e-3)


def test_random_directions_sample_the_population_of_a_bowl(numbers):
    rows = numbers["R1d_population_cols_D_dist_RI_meanT_stdT_l1"]
    index = next(row[2] for row in rows if tuple(row[:2]) == (10, 0.5))
    problem = lab.problem(lambda x: 0.5 * (x @ x), dim=10)
    # Scaled so that every drawn direction has length 1: "filter" at a point of length 1.
    found = analysis.roughness_index(
        problem, np.eye(10)[0] * 0.5, 200, 2.0, 101, normalize="filter", seed=1
    )
    assert found.index == pytest.approx(index, abs=3 * index / 20)


def test_ripples_around_the_centre_are_alike_on_all_lines(numbers):
    """Index zero, and yet far from smooth: what the mean of T·l is shown for."""
    lines = numbers["R1e_dirs10d_M100_seed1"]
    lines = lines / np.linalg.norm(lines, axis=1, keepdims=True)
    index, mean = numbers["R1e_radial_ripple_RI_meanT_m1000"]
    problem = lab.problem(
        lambda x: 0.5 * (x @ x) + 0.1 * (1 - torch.cos(20 * (x @ x + 1e-300).sqrt())), dim=10
    )
    found = analysis.roughness_index(problem, np.zeros(10), lines, 1.0, 1001)
    assert found.index == pytest.approx(index, abs=1e-9)
    assert found.mean_tv_l == pytest.approx(mean, rel=1e-9)


BOWLS = [(10, 1.0), (10, 2.0), (100, 5.0)]  # dimensions, and how many radii from the minimum


@pytest.mark.parametrize(("dim", "far"), BOWLS)
def test_the_interval_holds_the_truth_as_often_as_it_says(numbers, dim, far):
    """The 90 % interval of 200 repetitions on a bowl, with directions of its own each time."""
    rows = numbers["R1d_population_cols_D_dist_RI_meanT_stdT_l1"]
    true = next(row[2] for row in rows if tuple(row[:2]) == (dim, far))
    problem = lab.problem(lambda x: 0.5 * (x @ x), dim=dim)
    theta = np.eye(dim)[0] * far
    rng, held = np.random.default_rng(0), 0
    for _ in range(200):
        lines = rng.normal(size=(50, dim))
        lines /= np.linalg.norm(lines, axis=1, keepdims=True)
        ends = theta + lines[:, None] * np.linspace(-1, 1, 201)[:, None]
        profiles = torch.as_tensor(0.5 * (ends**2).sum(-1))  # as the analysis has them: see below
        low, high = confidence_interval(total_variation(profiles, 1.0), 0.9)
        held += low <= true <= high
    assert 0.80 <= held / 200 <= 0.98
    found = analysis.roughness_index(problem, theta, lines, 1.0, 201, confidence=0.9)
    np.testing.assert_allclose(found.profiles, profiles, rtol=1e-12)
    assert found.interval == pytest.approx((low, high), rel=1e-9)


def test_a_surer_interval_is_wider():
    sample = torch.as_tensor(np.random.default_rng(0).uniform(0.5, 1, 40))
    spans = [np.ptp(confidence_interval(sample, sure)) for sure in (0.5, 0.9, 0.95, 0.99)]
    assert spans == sorted(spans)
    assert confidence_interval(sample) == confidence_interval(sample, 0.95)
    problem = lab.problem("himmelblau")
    for wrong in (0.0, 1.0, 95, "0.9"):
        with pytest.raises(ValueError, match="confidence"):
            analysis.roughness_index(problem, [0.0, 0.0], 4, confidence=wrong)


def test_the_interval_of_equal_lines_and_of_too_few():
    assert confidence_interval(torch.ones(9)) == (0.0, 0.0)
    assert np.isnan(confidence_interval(torch.tensor([1.0, 2.0]))).all()
    assert np.isnan(confidence_interval(torch.tensor([1.0, 2.0, np.nan]))).all()


@pytest.mark.parametrize("degrees", [1, 2, 3, 4, 9, 40, 999])
def test_students_quantile_against_scipy(degrees):
    wanted = scipy.stats.t.ppf(0.975, degrees)
    assert student_quantile(degrees) == pytest.approx(wanted, rel=1e-10)


def test_a_flat_line_has_no_total_variation():
    assert total_variation(torch.ones(1, 5), 1.0).isnan().all()
    problem = lab.problem(lambda x: 0 * x.sum(), dim=3)
    found = analysis.roughness_index(problem, np.ones(3), 4)
    assert np.isnan(found.index)
    assert np.isnan(found.interval).all()


def test_normalisation_and_biases_of_a_network(w3, curvature):
    theta = curvature["W3_theta"]
    options = {"directions": 4, "radius": 0.1, "points": 11, "normalize": "filter"}
    zero, code, raw = (
        analysis.roughness_index(w3, theta, **{**options, **more})
        for more in ({}, {"bias": "code"}, {"normalize": None})
    )
    assert zero.index != code.index != raw.index
    plain = np.random.default_rng(0).normal(size=(3, 354))
    given = analysis.roughness_index(w3, theta, plain, 0.1, 11, normalize="filter")
    line = torch.as_tensor(plain[0]).split(w3.layout.sizes)
    weights = torch.as_tensor(theta).split(w3.layout.sizes)
    scaled = []
    for piece, weight, shape in zip(line, weights, w3.layout.shapes, strict=True):
        rows, own = piece.reshape(shape[0], -1), weight.reshape(shape[0], -1)
        factor = own.norm(dim=1) / rows.norm(dim=1) if len(shape) > 1 else torch.zeros(shape[0])
        scaled.append((rows * factor[:, None]).flatten())
    ends = theta + np.array([[-0.1], [0.1]]) * torch.cat(scaled).numpy()
    np.testing.assert_allclose(given.profiles[0, [0, -1]], w3.value(ends), rtol=1e-9)


def test_rounding_is_told():
    problem = lab.problem(lambda x: 1e6 + x.sum(), dim=2)
    rough = analysis.roughness_index(problem, np.zeros(2, np.float32), 5, 1e-1, 11)
    fine = analysis.roughness_index(problem, np.zeros(2), 5, 1e-1, 11)
    assert rough.resolution < 10
    assert fine.resolution > 1e6


def test_the_seed_decides_the_directions_and_values_are_counted():
    problem = lab.problem("ackley")
    one, same, other = (
        analysis.roughness_index(problem, [1.0, 2.0], 5, 1.0, 21, seed=seed) for seed in (3, 3, 4)
    )
    assert (one.profiles == same.profiles).all()
    assert (one.profiles != other.profiles).any()
    assert one.evaluations == 5 * 21
    assert one.profiles.shape == (5, 21)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"directions": 1}, "directions = 1"),
        ({"directions": np.ones((1, 2))}, "the number of directions = 1"),
        ({"directions": np.ones((3, 4))}, "shape"),
        ({"radius": 0.0}, "radius = 0.0"),
        ({"points": 1}, "points = 1"),
        ({"normalize": "unit"}, "normalize = 'unit'"),
    ],
)
def test_bad_input(arguments, message):
    with pytest.raises(ValueError, match=message):
        analysis.roughness_index(lab.problem("booth"), [0.0, 1.0], **arguments)

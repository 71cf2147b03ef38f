import numpy as np
import pytest
import torch

import lab
from lab import analysis
from lab.engine.analysis.operators import operator as matrix_of
from lab.engine.layout import Layout
from lab.engine.problem import Problem


def test_moments_of_w3_lie_within_their_errors(w3, curvature):
    theta = curvature["W3_theta"]
    found = analysis.spectral_density(w3, theta, probes=40, steps=30, deflate=0)
    assert abs(found.trace - curvature["W3_trace"]) < 4 * found.trace_error
    squares = 354 * (found.weights * found.nodes**2).sum(axis=1)
    error = squares.std(ddof=1) / 40**0.5
    assert abs(squares.mean() - curvature["W3_trace_H2"]) < 4 * error
    np.testing.assert_allclose(found.weights.sum(axis=1), 1, rtol=1e-12)
    assert np.trapezoid(found.density, found.grid) == pytest.approx(1, abs=1e-3)


def test_all_steps_give_the_exact_spectrum_of_every_probe():
    matrix = torch.diag(torch.linspace(1, 2, 20, dtype=torch.float64))
    problem = lab.problem(lambda x: 0.5 * x @ (matrix.to(x) @ x), dim=20)
    found = analysis.spectral_density(problem, np.ones(20), probes=3, steps=100, deflate=0)
    assert found.nodes.shape == (3, 20)
    np.testing.assert_allclose(found.nodes, np.tile(np.linspace(1, 2, 20), (3, 1)), rtol=1e-10)


def test_taking_outliers_out_counts_them_exactly(w3, curvature):
    theta, exact = curvature["W3_theta"], np.sort(curvature["W3_exact_spectrum"])
    plain = analysis.spectral_density(w3, theta, probes=4, steps=40, deflate=0)
    found = analysis.spectral_density(w3, theta, probes=4, steps=40)
    np.testing.assert_allclose(found.outliers, curvature["W3_top20_LM"][:10], rtol=1e-6)
    assert found.trace_error < 0.05 * plain.trace_error
    assert abs(found.trace - exact.sum()) < 4 * found.trace_error
    assert np.trapezoid(found.density, found.grid) == pytest.approx(1, abs=1e-3)
    assert distance(found, exact) < 0.25 * distance(plain, exact)


def distance(found, exact):
    """Wasserstein distance of an estimate to a spectrum."""
    dim, r = len(exact), len(found.outliers)
    nodes = np.concatenate([found.nodes.ravel(), found.outliers])
    share = (dim - r) / dim / len(found.nodes)
    weights = np.concatenate([share * found.weights.ravel(), np.full(r, 1 / dim)])
    points = np.sort(np.concatenate([nodes, exact]))
    order = np.argsort(nodes)
    cumulated = np.concatenate([[0], np.cumsum(weights[order])])
    one = cumulated[np.searchsorted(nodes[order], points[:-1], side="right")]
    two = np.searchsorted(exact, points[:-1], side="right") / dim
    return float(np.sum(np.abs(one - two) * np.diff(points)))


def test_single_precision_of_w1_has_no_false_copies(w1, curvature):
    found = analysis.spectral_density(w1, curvature["W1_theta"], probes=3, steps=40, deflate=0)
    top = curvature["W1_top20_LA"]
    for nodes in found.nodes:
        assert nodes[-1] == pytest.approx(top[0], rel=1e-4)
        assert nodes[-2] == pytest.approx(top[1], rel=1e-3)
    assert found.nodes.dtype == np.float32


def test_one_probe_has_no_error_and_a_flat_function_one_line():
    problem = lab.problem(lambda x: x.sum(), dim=5)
    found = analysis.spectral_density(problem, np.ones(5), probes=1, steps=3)
    assert np.isnan(found.error).all()
    assert np.isnan(found.trace_error)
    assert found.trace == 0
    assert found.grid[found.density.argmax()] == pytest.approx(0, abs=found.sigma)


def test_the_seed_decides_the_vectors_and_products_are_counted(w3, curvature):
    theta = curvature["W3_theta"]
    found = [analysis.spectral_density(w3, theta, 3, 10, seed, 0) for seed in (0, 0, 1)]
    assert (found[0].nodes == found[1].nodes).all()
    assert (found[0].nodes != found[2].nodes).any()
    assert found[0].products == 30


def test_w1_within_half_a_percent_for_a_fifth_of_the_products(w1, curvature):
    exact = np.sort(curvature["W1_exact_spectrum"])
    found = analysis.spectral_density(w1, curvature["W1_theta"], probes=4, steps=40, deflate=20)
    assert found.products < 250
    assert found.trace == pytest.approx(exact.sum(), rel=5e-3)
    low, high = found.trace_interval
    assert low < exact.sum() < high
    assert distance(found, exact) * len(exact) < 0.15 * exact.sum()


SPECTRUM = np.concatenate(
    [np.linspace(4, 20, 8), -(np.linspace(0.01, 0.4, 40) ** 2), np.linspace(0.01, 1.5, 152) ** 3]
)


class Diagonal(Problem):
    """A quadratic with SPECTRUM for eigenvalues."""

    values = torch.as_tensor(SPECTRUM)
    layout = Layout.of({"x": (len(SPECTRUM),)})

    def start(self, generators):
        return torch.zeros(len(generators), self.dim, dtype=torch.float64)

    def evaluate(self, theta, batch=None):
        return 0.5 * (self.values * theta * theta).sum(dim=1)

    def products(self, theta, batch=None):
        return lambda vectors: self.values * vectors


@pytest.mark.parametrize("deflate", [None, 0])
def test_nine_of_ten_intervals_hold_the_truth(deflate):
    """The 90 % intervals of trace and density hold the truth in 80-98 % of 200 repetitions."""
    problem, places = Diagonal(), np.array([-0.1, 0.0, 0.2, 0.5, 1.0])
    sums, heights = [], []
    for seed in range(200):
        found = analysis.spectral_density(
            problem, np.zeros(200), 6, 12, seed, deflate, points=501 if deflate is None else 101
        )
        sums.append(found.trace_interval[0] < SPECTRUM.sum() < found.trace_interval[1])
        bumps = np.exp(-0.5 * ((places[:, None] - SPECTRUM) / found.sigma) ** 2)
        true = bumps.mean(axis=1) / (found.sigma * np.sqrt(2 * np.pi))
        low, high = (np.interp(places, found.grid, row) for row in (found.low, found.high))
        heights.append((low < true) & (true < high))
    assert 0.8 <= np.mean(sums) <= 0.98
    assert np.all(np.abs(np.mean(heights, axis=0) - 0.89) <= 0.09)


def test_the_width_is_what_the_steps_resolve(w3, curvature):
    """Few steps are drawn broad enough that single nodes do not show as eigenvalues."""
    theta, exact = curvature["W3_theta"], curvature["W3_exact_spectrum"]
    few = analysis.spectral_density(w3, theta, probes=64, steps=8, deflate=20)
    spread = np.ptp(few.nodes)
    assert few.sigma == pytest.approx(max(0.003 * np.ptp(exact), 0.75 * spread / 8), rel=1e-3)
    bumps = np.exp(-0.5 * ((few.grid[:, None] - exact) / few.sigma) ** 2)
    true = bumps.mean(axis=1) / (few.sigma * np.sqrt(2 * np.pi))
    np.testing.assert_allclose(few.density, true, atol=0.03 * true.max())


@pytest.mark.parametrize("operator", ["ggn", "rest", "fisher", "ntk"])
def test_other_matrices(w3, curvature, operator):
    theta = torch.as_tensor(curvature["W3_theta"])
    rows = torch.arange(60)
    given = {"operator": operator, "batch": rows}
    found = analysis.spectral_density(w3, theta, probes=20, steps=20, **given)
    matrix = matrix_of(w3, theta, operator, rows)
    full = matrix.product(torch.eye(matrix.size, dtype=theta.dtype))
    exact = torch.linalg.eigvalsh(full)
    assert found.size == matrix.size == len(exact)
    assert found.operator == operator
    low, high = found.trace_interval
    reach = 2 * (high - low) + 1e-9 * exact.abs().sum()
    assert abs(found.trace - exact.sum()) < reach
    assert distance(found, exact.numpy()) < 0.01 * float(exact.abs().max())


def test_the_block_of_a_layer(w3, curvature):
    theta, name = curvature["W3_theta"], w3.layout.names[2]
    found = analysis.spectral_density(w3, theta, probes=30, steps=20, layers=(name,))
    block = curvature["W3_hessian"][48:304, 48:304]  # the second layer's weight
    assert found.size == 256
    assert abs(found.trace - np.trace(block)) < 3 * np.ptp(found.trace_interval) + 1e-9
    np.testing.assert_allclose(found.outliers[0], np.linalg.eigvalsh(block)[-1], rtol=1e-6)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"operator": "jacobian"}, "operator = 'jacobian' is not known"),
        ({"probes": 0}, "probes = 0"),
        ({"steps": 1.5}, "steps = 1.5"),
        ({"deflate": 2}, "fewer than the 2 eigenvalues"),
        ({"sigma": -1.0}, "sigma = -1.0"),
    ],
)
def test_bad_input(arguments, message):
    with pytest.raises(ValueError, match=message):
        analysis.spectral_density(lab.problem("rosenbrock"), np.zeros(2), **arguments)

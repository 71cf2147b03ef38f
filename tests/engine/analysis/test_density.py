import numpy as np
import pytest
import torch

import lab
from lab import analysis


def test_moments_of_w3_lie_within_their_errors(w3, curvature):
    theta = curvature["W3_theta"]
    found = analysis.spectral_density(w3, theta, probes=40, steps=30)
    assert abs(found.trace - curvature["W3_trace"]) < 4 * found.trace_error
    squares = 354 * (found.weights * found.nodes**2).sum(axis=1)
    error = squares.std(ddof=1) / 40**0.5
    assert abs(squares.mean() - curvature["W3_trace_H2"]) < 4 * error
    np.testing.assert_allclose(found.weights.sum(axis=1), 1, rtol=1e-12)
    assert np.trapezoid(found.density, found.grid) == pytest.approx(1, abs=1e-3)


def test_all_steps_give_the_exact_spectrum_of_every_probe():
    matrix = torch.diag(torch.linspace(1, 2, 20, dtype=torch.float64))
    problem = lab.problem(lambda x: 0.5 * x @ (matrix.to(x) @ x), dim=20)
    found = analysis.spectral_density(problem, np.ones(20), probes=3, steps=100)
    assert found.nodes.shape == (3, 20)
    np.testing.assert_allclose(found.nodes, np.tile(np.linspace(1, 2, 20), (3, 1)), rtol=1e-10)


def test_taking_outliers_out_counts_them_exactly(w3, curvature):
    theta, exact = curvature["W3_theta"], np.sort(curvature["W3_exact_spectrum"])
    plain = analysis.spectral_density(w3, theta, probes=4, steps=40)
    found = analysis.spectral_density(w3, theta, probes=4, steps=40, deflate=10)
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
    found = analysis.spectral_density(w1, curvature["W1_theta"], probes=3, steps=40)
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
    found = [analysis.spectral_density(w3, theta, 3, 10, seed=seed) for seed in (0, 0, 1)]
    assert (found[0].nodes == found[1].nodes).all()
    assert (found[0].nodes != found[2].nodes).any()
    assert found[0].products == 30


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"probes": 0}, "probes = 0"),
        ({"steps": 1.5}, "steps = 1.5"),
        ({"deflate": 2}, "fewer than the 2 parameters"),
        ({"sigma": -1.0}, "sigma = -1.0"),
    ],
)
def test_bad_input(arguments, message):
    with pytest.raises(ValueError, match=message):
        analysis.spectral_density(lab.problem("rosenbrock"), np.zeros(2), **arguments)

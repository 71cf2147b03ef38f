"""Traces and diagonals: against dense matrices, with error bars that keep their word."""

import numpy as np
import pytest
import torch

import lab
from lab import analysis
from lab.engine.analysis import trace
from lab.engine.analysis.base import finish
from lab.engine.analysis.operators import Operator
from lab.engine.analysis.quadrature import student

DIM = 150
SPECTRA = {
    "decaying": 1 / np.arange(1, DIM + 1) ** 1.5,
    "outliers": np.r_[50, 30, 20, -8, 0.1 * np.random.default_rng(0).normal(size=DIM - 4)],
    "flat": np.linspace(1, 2, DIM),
}


def planted(eigenvalues):
    basis = np.linalg.qr(np.random.default_rng(1).normal(size=(DIM, DIM)))[0]
    matrix = torch.as_tensor(basis * eigenvalues @ basis.T)
    return Operator(DIM, lambda v: v @ matrix, ""), matrix


@pytest.mark.parametrize("spectrum", SPECTRA)
@pytest.mark.parametrize("method", trace.METHODS)
def test_nine_in_ten_intervals_hold_the_trace(method, spectrum):
    operator, matrix = planted(SPECTRA[spectrum])
    truth, held, estimates = float(matrix.trace()), 0, []
    for seed in range(200):
        steps = trace._ESTIMATES[method](operator, matrix[0], 30, seed)
        found, exact, products = finish(steps)
        value = exact + found.mean()
        error = found.std(ddof=1) / len(found) ** 0.5
        held += abs(value - truth) <= error * student(len(found))
        estimates.append(value)
    assert products == 30
    assert 0.8 <= held / 200 <= 0.98
    assert abs(np.mean(estimates) - truth) < 4 * np.std(estimates) / 200**0.5  # without bias


def test_nine_in_ten_entries_of_a_diagonal_lie_within_their_error():
    problem, matrix = quadratic(SPECTRA["outliers"])
    truth = matrix.diagonal().numpy()
    scores = []
    for seed in range(20):
        found = analysis.hessian_diagonal(problem, np.zeros(DIM), products=45, seed=seed)
        assert not found.exact
        scores.append((found.diagonal - truth) / found.error)
    share = np.mean(np.abs(scores) < student(15))
    assert 0.86 <= share <= 0.94


def quadratic(eigenvalues):
    matrix = planted(eigenvalues)[1]
    return lab.problem(lambda x: 0.5 * x @ (matrix.to(x) @ x), dim=DIM), matrix


@pytest.mark.parametrize("method", ["hutch++", "xtrace"])
def test_thirty_products_are_enough_where_few_eigenvalues_matter(w3, curvature, method):
    errors = []
    for seed in range(10):
        found = analysis.hessian_trace(w3, curvature["W3_theta"], method=method, seed=seed)
        errors.append(found.trace - curvature["W3_trace"])
        assert found.low < found.trace < found.high
        assert found.products == 30
    assert np.sqrt(np.mean(np.square(errors))) < 0.003 * curvature["W3_trace"]


def test_trace_and_diagonal_of_w1(w1, curvature):
    theta = curvature["W1_theta"]
    for method in trace.METHODS:
        found = analysis.hessian_trace(w1, theta, method=method)
        assert abs(found.trace - curvature["W1_trace"]) < 4 * found.error
    assert found.error > 0.15  # Hutchinson's
    diagonal = analysis.hessian_diagonal(w1, theta, products=90)
    misses = np.abs(diagonal.diagonal - curvature["W1_diagH"])
    assert 0.8 < np.mean(misses < 1.7 * diagonal.error) < 0.98
    wanted = np.linalg.norm(diagonal.error)
    assert np.linalg.norm(misses) == pytest.approx(wanted, rel=0.1)


def test_the_whole_diagonal_where_it_costs_no_more(w3, curvature):
    theta = curvature["W3_theta"]
    found = analysis.hessian_trace(w3, theta, products=400)
    assert (found.method, found.error, found.products) == ("exact", 0.0, 354)
    assert found.trace == pytest.approx(float(curvature["W3_trace"]), rel=1e-9)
    diagonal = analysis.hessian_diagonal(w3, theta, products=400)
    assert diagonal.exact
    np.testing.assert_allclose(diagonal.diagonal, curvature["W3_diagH"], rtol=1e-8, atol=1e-11)
    assert not diagonal.error.any()


def test_parts_of_data_and_parameters(w3, curvature):
    theta = torch.tensor(curvature["W3_theta"])
    batch = torch.arange(0, 500, 7)
    ggn = w3.gauss_newton(theta[None], batch[None])[0]
    place = w3.layout.slices["2.weight"]
    options = {"operator": "ggn", "layers": "2.weight", "batch": batch, "products": 60}
    found = analysis.hessian_trace(w3, theta, **options)
    assert found.operator == "ggn"
    wanted = ggn.diagonal()[place]
    assert abs(found.trace - float(wanted.sum())) <= 5 * found.error
    diagonal = analysis.hessian_diagonal(w3, theta, **options)
    assert (abs(diagonal.diagonal - wanted) <= 6 * diagonal.error + 1e-9).all()


def test_an_operator_of_low_rank_leaves_nothing_to_guess():
    problem, _ = quadratic(np.r_[np.arange(1.0, 8), np.zeros(DIM - 7)])
    for method in ("hutch++", "xtrace"):
        found = analysis.hessian_trace(problem, np.zeros(DIM), method=method)
        assert found.trace == pytest.approx(28, rel=1e-10)
        assert found.low <= 28 <= found.high
        assert found.error < 1e-10


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"products": 5}, "products = 5"),
        ({"method": "hutch"}, "method = 'hutch' is not known"),
        ({"operator": "fisher"}, "needs a network's outputs"),
    ],
)
def test_bad_input(arguments, message):
    with pytest.raises(ValueError, match=message):
        analysis.hessian_trace(lab.problem("rosenbrock"), np.zeros(2), **arguments)

import numpy as np
import pytest
import torch

import lab
from lab import analysis

RNG = np.random.default_rng(0)


def quadratic(eigenvalues):
    """A function whose Hessian has these eigenvalues, and that Hessian."""
    dim = len(eigenvalues)
    basis = np.linalg.qr(RNG.normal(size=(dim, dim)))[0]
    matrix = torch.as_tensor(basis * np.array(eigenvalues) @ basis.T)
    return lab.problem(lambda x: 0.5 * x @ (matrix.to(x) @ x), dim=dim), matrix.numpy()


@pytest.mark.parametrize("name", ["rosenbrock", "himmelblau", "beale", "rastrigin"])
def test_hessian_of_surfaces_against_autograd(name):
    problem = lab.problem(name)
    point = np.array([0.7, -0.4])
    wanted = torch.autograd.functional.hessian(
        lambda x: problem.evaluate(x[None])[0], torch.tensor(point)
    )
    np.testing.assert_allclose(analysis.hessian(problem, point), wanted, rtol=1e-10, atol=1e-10)


def test_hessian_of_a_network(w3, curvature):
    found = analysis.hessian(w3, curvature["W3_theta"])
    np.testing.assert_allclose(found, curvature["W3_hessian"], rtol=1e-9, atol=1e-12)
    assert (found == found.T).all()


@pytest.mark.parametrize("k", [1, 5, 10, 20])
def test_top_eigenvalues_of_w3(w3, curvature, k):
    theta = curvature["W3_theta"]
    found = analysis.top_eigenvalues(w3, theta, k=k)
    np.testing.assert_allclose(found.values, curvature["W3_top20_LM"][:k], rtol=1e-6)
    assert found.converged
    assert found.products < 100  # of 354 parameters


def test_eigenvectors_and_residuals_are_what_they_say(w3, curvature):
    found = analysis.top_eigenvalues(w3, curvature["W3_theta"], k=8, tol=1e-4)
    images = found.vectors @ curvature["W3_hessian"]
    true = np.linalg.norm(images - found.values[:, None] * found.vectors, axis=1)
    assert (true <= 1.01 * found.residuals + 1e-14).all()
    assert (found.residuals <= 1e-4 * np.abs(found.values)).all()
    np.testing.assert_allclose(found.vectors @ found.vectors.T, np.eye(8), atol=1e-8)
    overlap = np.abs(np.sum(found.vectors[:5] * curvature["W3_top10_vectors"][:5], axis=1))
    np.testing.assert_allclose(overlap, 1, atol=1e-6)


@pytest.mark.parametrize(("dtype", "rtol"), [(np.float64, 1e-6), (np.float32, 1e-4)])
def test_top_eigenvalues_of_w1(w1, curvature, dtype, rtol):
    found = analysis.top_eigenvalues(w1, curvature["W1_theta"].astype(dtype), k=10)
    np.testing.assert_allclose(found.values, curvature["W1_top20_LM"][:10], rtol=rtol)
    assert found.values.dtype == found.residuals.dtype == found.vectors.dtype == dtype
    assert found.products <= 30


def test_negative_eigenvalues_are_found_and_ordered_by_modulus():
    problem, _ = quadratic([-9.0, 7.0, -5.0, 3.0, *np.linspace(-1, 1, 96)])
    found = analysis.top_eigenvalues(problem, np.zeros(100), k=4)
    np.testing.assert_allclose(found.values, [-9, 7, -5, 3], rtol=1e-6)


@pytest.mark.parametrize(
    ("eigenvalues", "k"),
    [
        (np.ones(100), 4),
        (np.repeat([5.0, 1.0], [3, 97]), 4),
        (np.repeat([-2.0, 5.0, 0.0], [2, 2, 96]), 5),
        (np.zeros(100), 3),
    ],
)
def test_few_distinct_eigenvalues_are_counted_as_often_as_they_occur(eigenvalues, k):
    problem, _ = quadratic(eigenvalues)
    found = analysis.top_eigenvalues(problem, np.ones(100), k=k)
    wanted = eigenvalues[np.argsort(-np.abs(eigenvalues), kind="stable")][:k]
    np.testing.assert_allclose(found.values, wanted, atol=1e-10)
    assert found.converged


def test_small_problems_are_solved_exactly_and_k_is_cut_to_the_dimension():
    found = analysis.top_eigenvalues(lab.problem("rosenbrock"), [1.0, 1.0], k=10)
    wanted = np.linalg.eigvalsh([[802, -400], [-400, 200]])[::-1]
    np.testing.assert_allclose(found.values, wanted, rtol=1e-9)
    assert found.products == 2


def test_the_seed_decides_the_start_and_the_limit_ends_the_search():
    problem, _ = quadratic(np.linspace(0.5, 1, 300))
    found = [analysis.top_eigenvalues(problem, np.ones(300), k=3, seed=s) for s in (0, 0, 1)]
    assert (found[0].vectors == found[1].vectors).all()
    assert (found[0].vectors != found[2].vectors).any()
    short = analysis.top_eigenvalues(problem, np.ones(300), k=3, max_products=10)
    assert short.products == 10
    assert not short.converged
    assert (short.residuals > 1e-3 * short.values).any()


def test_a_hessian_that_is_not_finite_gives_nan_and_comes_to_an_end():
    problem = lab.problem(lambda x: x.sum().sqrt() + (x**4).sum(), dim=100)
    found = analysis.top_eigenvalues(problem, np.zeros(100), k=2)
    assert np.isnan(found.values).all()
    assert not found.converged


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"operator": "ggm"}, "operator = 'ggm' is not known"),
        ({"k": 0}, "k = 0"),
        ({"tol": float("nan")}, "tol"),
        ({"theta": np.zeros((2, 2))}, "one point is needed"),
        ({"theta": np.zeros(3)}, "shape"),
    ],
)
def test_bad_input(arguments, message):
    with pytest.raises(ValueError, match=message):
        analysis.top_eigenvalues(lab.problem("rosenbrock"), **{"theta": np.zeros(2), **arguments})


def test_a_problem_without_second_derivatives_is_refused_with_its_reason():
    problem = lab.problem("diffgrad_f3")
    with pytest.raises(ValueError, match=r"curvature cannot be measured here: .*kinks"):
        analysis.hessian(problem, [0.3])

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
        ({"which": "biggest"}, "which = 'biggest' is not known"),
        ({"operator": "ggn"}, "needs a network's outputs"),
        ({"tol": float("nan")}, "tol"),
        ({"theta": np.zeros((2, 2))}, "one point is needed"),
        ({"theta": np.zeros(3)}, "shape"),
    ],
)
def test_bad_input(arguments, message):
    with pytest.raises(ValueError, match=message):
        analysis.top_eigenvalues(lab.problem("rosenbrock"), **{"theta": np.zeros(2), **arguments})


@pytest.mark.parametrize("which", ["modulus", "largest", "smallest"])
@pytest.mark.parametrize("dim", [50, 300])
def test_each_end_of_a_planted_spectrum(which, dim):
    eigenvalues = np.array([6.0, 4.0, 3.0, -5.0, -2.5, -2.0, *RNG.uniform(-1, 1, dim - 6)])
    problem, matrix = quadratic(eigenvalues)
    found = analysis.top_eigenvalues(problem, np.zeros(dim), k=3, which=which)
    wanted = {"modulus": [6, -5, 4], "largest": [6, 4, 3], "smallest": [-5, -2.5, -2]}[which]
    np.testing.assert_allclose(found.values, wanted, rtol=1e-6)
    rests = found.vectors @ matrix - found.values[:, None] * found.vectors
    assert (np.linalg.norm(rests, axis=1) <= 1.01 * found.residuals + 1e-12).all()
    assert found.converged


def test_smallest_eigenvalues_of_w3(w3, curvature):
    found = analysis.top_eigenvalues(w3, curvature["W3_theta"], k=2, which="smallest")
    wanted = np.sort(np.linalg.eigvalsh(curvature["W3_hessian"]))[:2]
    np.testing.assert_allclose(found.values, wanted, rtol=1e-4)


def test_largest_eigenvalues_of_w1(w1, curvature):
    theta = curvature["W1_theta"]
    found = analysis.top_eigenvalues(w1, theta, k=20, which="largest")
    np.testing.assert_allclose(found.values, curvature["W1_top20_LA"], rtol=1e-4)


@pytest.mark.parametrize("name", ["W1", "W3"])
def test_eigenvalues_of_batches(request, curvature, name):
    problem = request.getfixturevalue(name.lower())
    theta = curvature[f"{name}_theta"]
    pairs = zip(curvature[f"{name}_batch_idx"], curvature[f"{name}_batch_top10_LA"], strict=True)
    for batch, wanted in pairs:
        found = analysis.top_eigenvalues(problem, theta, k=3, which="largest", batch=batch)
        np.testing.assert_allclose(found.values, wanted[:3], rtol=1e-4 if name == "W1" else 1e-6)


def test_other_operators_and_blocks(w3, curvature):
    theta = torch.tensor(curvature["W3_theta"])
    ggn = w3.gauss_newton(theta[None])[0].numpy()
    found = analysis.top_eigenvalues(w3, theta.numpy(), k=4, operator="ggn")
    np.testing.assert_allclose(found.values, np.linalg.eigvalsh(ggn)[:-5:-1], rtol=1e-6)
    assert found.operator == "ggn"
    names = w3.layout.names[2:4]
    block = slice(w3.layout.slices[names[0]].start, w3.layout.slices[names[1]].stop)
    inner = np.linalg.eigvalsh(curvature["W3_hessian"][block, block])
    found = analysis.top_eigenvalues(w3, theta.numpy(), k=3, which="largest", layers=names)
    np.testing.assert_allclose(found.values, inner[:-4:-1], rtol=1e-6)
    assert found.vectors.shape == (3, block.stop - block.start)
    kernel = analysis.top_eigenvalues(w3, theta.numpy(), k=2, operator="ntk", batch=np.arange(40))
    assert kernel.vectors.shape == (2, 80)


def test_a_warm_start_saves_products_and_finds_the_same(w1, curvature):
    theta = torch.as_tensor(curvature["W1_theta"])
    before = analysis.top_eigenvalues(w1, theta, k=10)
    _, gradient = w1.evaluate_with_gradient(theta[None])
    near = theta - 0.1 * gradient[0]
    cold = analysis.top_eigenvalues(w1, near, k=10)
    warm = analysis.top_eigenvalues(w1, near, k=10, start=before.vectors)
    assert warm.products <= cold.products - 4
    assert warm.converged
    torch.testing.assert_close(warm.values, cold.values, rtol=1e-5, atol=0)
    short = analysis.top_eigenvalues(w1, near, k=1, start=before.vectors[:1], max_products=3)
    assert not short.converged  # too early to be sure that nothing else has come up
    torch.testing.assert_close(short.values, cold.values[:1], rtol=1e-3, atol=0)
    assert short.residuals[0] < 0.05 * short.values[0]


@pytest.mark.parametrize("k", [1, 3])
@pytest.mark.parametrize("which", ["modulus", "largest", "smallest"])
def test_a_warm_start_sees_an_eigenvector_that_it_is_orthogonal_to(which, k):
    dim, sign = 400, -1 if which == "smallest" else 1
    wrong = 0
    for seed in range(30):
        draws = np.random.default_rng(seed)
        values = np.concatenate([[1.0, 0.9, 0.8, 0.7], 0.02 * draws.normal(size=dim - 5), [1.3]])
        diagonal = torch.as_tensor(sign * values)
        problem = lab.problem(lambda x, d=diagonal: 0.5 * (d.to(x) * x * x).sum(), dim=dim)
        start = np.eye(dim)[:k]  # exact eigenvectors, none of them the first one
        found = analysis.top_eigenvalues(
            problem, np.zeros(dim), k=k, tol=0.05, which=which, start=start, seed=seed
        )
        wrong += abs(found.values[0] - sign * 1.3) > 0.01
    assert wrong <= 1


@pytest.mark.parametrize("start", [np.ones(100), np.ones((1, 3)), np.zeros((1, 100)), [["a"]]])
def test_vectors_to_start_from_that_are_none(start):
    problem, _ = quadratic(np.arange(100.0))
    with pytest.raises(ValueError, match=r"start|numbers"):
        analysis.top_eigenvalues(problem, np.zeros(100), k=1, start=start)


def test_a_problem_without_second_derivatives_is_refused_with_its_reason():
    problem = lab.problem("diffgrad_f3")
    with pytest.raises(ValueError, match=r"curvature cannot be measured here: .*kinks"):
        analysis.hessian(problem, [0.3])

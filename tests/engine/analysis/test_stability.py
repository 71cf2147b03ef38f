"""The curvature that steps meet, against dense eigenvalues and what rules really do."""

import numpy as np
import pytest
import torch

import lab

A = lab.analysis
MOONS = lab.problem("moons_mlp", samples=48, widths=(12, 8))
RNG = np.random.default_rng(3)
THETA = RNG.normal(size=MOONS.dim) / 2


def test_it_is_the_largest_eigenvalue_of_the_scaled_matrix():
    divisor, decay = RNG.uniform(0.1, 3, size=MOONS.dim), 0.7
    batch = np.arange(0, 48, 3)
    dense = MOONS.hessian(torch.tensor(THETA)[None], torch.tensor(batch)[None])[0].numpy()
    root = np.diag(divisor**-0.5)
    exact = np.linalg.eigvalsh(root @ (dense + decay * np.eye(MOONS.dim)) @ root)[-1]
    found = A.stability(MOONS, THETA, 5.0, divisor, decay, batch, tol=1e-4)
    assert found.value == pytest.approx(exact, rel=1e-6)
    assert found.ratio == pytest.approx(exact / 5)
    assert found.converged
    assert found.residual < 1e-3 * exact
    similar = np.linalg.eigvals(np.diag(1 / divisor) @ (dense + decay * np.eye(MOONS.dim)))
    assert found.value == pytest.approx(similar.real.max(), rel=1e-6)


def test_it_is_the_largest_also_beside_a_larger_negative_one():
    weights = torch.tensor([1.0, -5.0, 0.5, 0.1])
    saddle = lab.problem(lambda x: (weights.to(x) * x**2).sum() / 2, dim=4)
    assert A.stability(saddle, np.zeros(4)).value == pytest.approx(1)
    assert A.stability(saddle, np.zeros(4)).limit == np.inf


def test_a_guarded_warm_start_is_nearer_for_no_more_products():
    cold = A.stability(MOONS, THETA)
    near = THETA + 1e-3 * RNG.normal(size=MOONS.dim)
    warm = A.stability(MOONS, near, start=cold.vector)
    assert warm.value == pytest.approx(A.stability(MOONS, near, tol=1e-5).value, rel=1e-3)
    assert warm.products <= cold.products
    assert warm.residual < cold.residual


def test_a_warm_start_far_off_the_mark_is_no_trap():
    """An eigenvector of another eigenvalue, exactly: the search still finds the largest."""
    weights = torch.linspace(0.01, 1, 100, dtype=torch.float64)
    weights[7] = 9.0
    bowl = lab.problem(lambda x: (weights.to(x) * x**2).sum() / 2, dim=100)
    start = np.eye(100)[50]
    assert A.stability(bowl, np.zeros(100), start=start).value == pytest.approx(9, rel=1e-3)


def test_nonsense_is_refused():
    for options, word in (({"limit": 0.0}, "limit"), ({"tol": 0.0}, "tol")):
        with pytest.raises(ValueError, match=word):
            A.stability(MOONS, THETA, **options)


def test_following_a_vector_takes_one_product_where_it_has_hardly_moved():
    cold = A.stability(MOONS, THETA, tol=1e-4)
    near = THETA + 1e-5 * RNG.normal(size=MOONS.dim)
    found = A.stability(MOONS, near, start=cold.vector, guarded=False)
    assert found.products == 1
    assert found.converged
    assert found.value == pytest.approx(cold.value, rel=1e-3)
    assert np.linalg.norm(found.vector) == pytest.approx(1)


def test_following_falls_back_to_a_search_where_the_vector_is_another():
    found = A.stability(MOONS, THETA, start=RNG.normal(size=MOONS.dim), guarded=False)
    exact = np.linalg.eigvalsh(A.hessian(MOONS, THETA))[-1]
    assert found.value == pytest.approx(exact, rel=1e-3)
    assert found.products > 3


def test_following_can_be_deceived_and_the_guard_cannot():
    weights = torch.linspace(0.01, 1, 100, dtype=torch.float64)
    weights[7] = 9.0
    bowl = lab.problem(lambda x: (weights.to(x) * x**2).sum() / 2, dim=100)
    followed, guarded = (
        A.stability(bowl, np.zeros(100), start=np.eye(100)[50], guarded=way)
        for way in (False, True)
    )
    assert followed.value == pytest.approx(float(weights[50]))
    assert guarded.value == pytest.approx(9, rel=1e-3)

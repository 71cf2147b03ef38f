"""The curvature that steps meet, against dense eigenvalues and what rules really do."""

import numpy as np
import pytest
import torch
from scipy.linalg import expm

import lab
from lab.engine.analysis.base import finish
from lab.engine.analysis.operators import Operator
from lab.engine.analysis.stability import followed, leading
from lab.engine.probes.stability import _GLANCE, _GUARD

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


def crossing(seed: int, speed: float, size: int = 60, steps: int = 96):
    """Matrices whose second eigenvalue overtakes the first, in axes that turn: operator, value."""
    rng = np.random.default_rng(seed)
    axes = np.linalg.qr(rng.normal(size=(size, size)))[0]
    turn = rng.normal(size=(size, size)) / np.sqrt(size)
    turn = expm(0.003 * (turn - turn.T))
    values = np.linspace(-0.3, 0.5, size)
    for step in range(steps):
        values[:3] = 1.0, 0.65 + speed * step, 0.7
        matrix = torch.tensor((axes * values) @ axes.T)
        yield Operator(size, lambda rows, matrix=matrix: rows @ matrix, "planted"), values.max()
        axes = turn @ axes


def watched(seed: int, speed: float, guard: int, *, beside: bool):
    """Relative errors of the largest eigenvalue along the way, and products a measurement."""
    errors, products = [], 0
    first, second = None, torch.ones(60, dtype=torch.float64) if beside else None
    for age, (matrix, exact) in enumerate(crossing(seed, speed)):
        found = None
        if age % guard:
            found = finish(followed(matrix, first, 0.05, second, glance=age % _GLANCE == 1))
        if found is None:
            near = first[None] if age else None
            settings = {"tol": 0.05, "start": near, "limit": 60, "seed": seed, "beside": second}
            found = finish(leading(matrix, torch.zeros(60, dtype=torch.float64), **settings))
        first, second = found.vectors[0], found.vectors[1] if beside else None
        errors.append(abs(float(found.values[0]) / exact - 1))
        products += found.products
    return errors, products / len(errors)


def test_an_eigenvalue_that_overtakes_is_followed_at_once():
    """Changes of up to 1 % a measurement, at the probe's cadence; the vector alone falls behind."""
    families = [(seed, speed) for seed in range(4) for speed in (0.004, 0.006, 0.01)]
    both = [watched(*family, _GUARD, beside=True) for family in families]
    alone = [watched(*family, 16, beside=False) for family in families]
    assert max(max(errors) for errors, _ in both) < 0.02
    assert max(max(errors) for errors, _ in alone) > 0.05
    assert np.mean([used for _, used in both]) < 1.35 * np.mean([used for _, used in alone])


def test_the_vector_beside_is_looked_at_where_the_first_has_moved():
    weights = torch.tensor([3.0, 2.0, 1.0], dtype=torch.float64)
    bowl = lab.problem(lambda x: (weights.to(x) * x**2).sum() / 2, dim=3)
    options = {"guarded": False, "beside": np.eye(3)[0], "glance": False}
    still = A.stability(bowl, np.zeros(3), start=np.eye(3)[1], **options)
    assert (still.value, still.products) == (pytest.approx(2), 1)
    moved = A.stability(bowl, np.zeros(3), start=[0.0, 1.0, 0.5], **options)
    assert (moved.value, moved.products) == (pytest.approx(3), 2)
    assert abs(moved.vector[0]) == pytest.approx(1)
    assert np.linalg.norm(moved.beside) == pytest.approx(1)
    anew = A.stability(bowl, np.zeros(3), beside=np.ones(3))
    assert abs(anew.beside[1]) > 0.9


def test_a_preconditioner_that_is_a_matrix():
    rows = RNG.normal(size=(MOONS.dim, MOONS.dim))
    root = rows @ rows.T / MOONS.dim + np.eye(MOONS.dim)
    exact = np.linalg.eigvalsh(root @ A.hessian(MOONS, THETA) @ root)[-1]
    found = A.stability(MOONS, THETA, divisor=lambda x: x @ torch.tensor(root).to(x), tol=1e-4)
    assert found.value == pytest.approx(exact, rel=1e-6)


def test_coordinates_that_stand_still_do_not_count():
    divisor = np.where(np.arange(MOONS.dim) % 2, np.inf, 1.0)
    exact = np.linalg.eigvalsh(A.hessian(MOONS, THETA)[::2, ::2])[-1]
    assert A.stability(MOONS, THETA, divisor=divisor, tol=1e-4).value == pytest.approx(exact)

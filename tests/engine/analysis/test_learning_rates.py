"""Predicted learning rates: the random-matrix law, its noise, and rates from Ritz values."""

import numpy as np
import pytest
import torch

import lab
from lab.engine.analysis.learning_rates import powers_of_two

A = lab.analysis
MOONS = lab.problem("moons_mlp", samples=48, widths=(6,))
THETA = np.random.default_rng(3).normal(size=MOONS.dim)


def test_the_noise_is_that_of_the_samples_hessians():
    """The sum of all elements' variances over P, by dense Hessians of every sample."""
    points = torch.tensor(THETA).repeat(48, 1)
    hessians = MOONS.hessian(points, torch.arange(48)[:, None]).numpy()
    exact = hessians.var(0).sum() / MOONS.dim * 48 / 47
    found = A.batch_rates(MOONS, THETA, reference=8, pairs=400)
    assert found.noise == pytest.approx(exact, abs=3 * found.noise_error)
    assert found.noise_error < 0.15 * exact
    assert found.reference == 8


def test_laws():
    found = A.batch_rates(MOONS, THETA, [1, 4, 16, 48], pairs=8)
    top = np.linalg.eigvalsh(A.hessian(MOONS, THETA))[-1]
    assert found.lambda_max == pytest.approx(top, rel=1e-4)
    assert found.linear[-1] == pytest.approx(2 / top, rel=1e-4)  # no noise on all data
    assert (np.diff(found.linear) > 0).all()
    np.testing.assert_allclose(found.root / found.root[0], [1, 2, 4, 48**0.5])
    np.testing.assert_allclose(found.linear, 2 / found.largest)
    twice = A.batch_rates(MOONS, THETA, [1, 4, 16, 48], pairs=8, stands=4.0)
    np.testing.assert_allclose(twice.linear, 2 * found.linear)
    np.testing.assert_allclose(twice.root, 2 * found.root)


def test_a_divisor_scales_what_is_measured():
    """Twice as large everywhere halves all curvatures."""
    plain = A.batch_rates(MOONS, THETA, [4], pairs=8)
    half = A.batch_rates(
        MOONS, THETA, [4], pairs=8, divisor=np.full(MOONS.dim, 2.0), lambda_max=plain.lambda_max / 2
    )
    assert half.noise == pytest.approx(plain.noise / 4)
    np.testing.assert_allclose(half.linear, 2 * plain.linear)


def test_polyaks_rates_between_the_ends_of_a_spectrum():
    """The rate contracts best: both ends shrink by (L - l) / (L + l), the heavy ball by √μ."""
    values = np.array([9.0, 4.0, 1.0])
    weights = torch.tensor(values)
    bowl = lab.problem(lambda x: (weights.to(x) * x**2).sum() / 2, dim=3)
    found = A.ritz_rates(bowl, np.zeros(3))
    np.testing.assert_allclose(found.nodes, values)
    assert found.weights.sum() == pytest.approx(1)
    assert (found.largest, found.smallest) == (pytest.approx(9), pytest.approx(1))
    assert abs(1 - found.rate * 9) == pytest.approx(abs(1 - found.rate * 1))
    assert found.momentum == pytest.approx(0.25)
    for value in (9.0, 1.0):
        companion = [[1 + found.momentum - found.momentum_rate * value, -found.momentum], [1, 0]]
        radius = np.abs(np.linalg.eigvals(companion)).max()
        assert radius == pytest.approx(np.sqrt(found.momentum), abs=1e-6)


def test_ritz_values_of_a_batch():
    batch = np.arange(0, 48, 5)
    found = A.ritz_rates(MOONS, THETA, batch, steps=MOONS.dim)
    exact = MOONS.hessian(torch.tensor(THETA)[None], torch.tensor(batch)[None])[0]
    assert found.largest == pytest.approx(np.linalg.eigvalsh(exact)[-1])


def test_batch_sizes():
    assert powers_of_two(10) == [1, 2, 4, 8, 10]
    assert powers_of_two(8) == [1, 2, 4, 8]
    assert powers_of_two(1) == [1]


def test_nonsense_is_refused():
    for options, word in (
        ({"batch_sizes": [0]}, "batch size"),
        ({"batch_sizes": [49]}, "1 to 48"),
        ({"pairs": 1}, "pairs"),
        ({"stands": 0.0}, "stands"),
    ):
        with pytest.raises(ValueError, match=word):
            A.batch_rates(MOONS, THETA, **options)
    with pytest.raises(ValueError, match="samples"):
        A.batch_rates(lab.problem("himmelblau"), [0.0, 0.0])
    hill = lab.problem(lambda x: -(x**2).sum(), dim=2)
    with pytest.raises(ValueError, match="no positive curvature"):
        A.ritz_rates(hill, [1.0, 1.0])

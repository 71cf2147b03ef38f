import numpy as np
import pytest

import lab
from lab import analysis

RNG = np.random.default_rng(0)
MOONS = lab.problem("moons_mlp", samples=120, widths=(5,))
POINT = RNG.normal(size=MOONS.dim)


def test_cosines_are_those_of_the_gradients():
    found = analysis.gradient_alignment(MOONS, POINT, batches=5, batch=40)
    full = MOONS.gradient(POINT)
    assert found.cosines.shape == (5, 5)
    np.testing.assert_allclose(found.cosines.diagonal(), 1, rtol=1e-12)
    pairs = found.cosines[np.triu_indices(5, 1)]
    assert found.mean == pytest.approx(pairs.mean(), rel=1e-12)
    assert found.full == pytest.approx(found.with_full.mean(), rel=1e-12)
    assert found.full_norm == pytest.approx(np.linalg.norm(full), rel=1e-10)
    assert found.full_error == pytest.approx(found.with_full.std(ddof=1) / 5**0.5, rel=1e-10)
    # the first three batches are one epoch: their gradients' mean is that on all data
    first = found.norms[:3] * found.with_full[:3]
    assert first.mean() == pytest.approx(found.full_norm, rel=1e-10)
    square = found.norms[:3] @ found.cosines[:3, :3] @ found.norms[:3]
    assert square / 9 == pytest.approx(found.full_norm**2, rel=1e-10)
    assert found.gradients == 6


def test_a_batch_of_all_samples_is_the_full_gradient():
    found = analysis.gradient_alignment(MOONS, POINT, batches=3, batch=120)
    np.testing.assert_allclose(found.cosines, 1, rtol=1e-10)
    assert (found.mean, found.full) == pytest.approx((1, 1))
    assert found.error == pytest.approx(0, abs=1e-10)


@pytest.mark.parametrize(("batches", "most"), [(8, 1.9), (20, 1.5)])
def test_the_error_is_the_spread_of_repetitions(batches, most):
    seeds = range(60)
    found = [analysis.gradient_alignment(MOONS, POINT, batches, 6, seed=seed) for seed in seeds]
    spread = np.std([one.mean for one in found])
    said = np.sqrt(np.mean([one.error**2 for one in found]))
    assert 0.8 < said / spread < most  # the jackknife errs on the safe side


def test_larger_batches_are_more_alike():
    means = [analysis.gradient_alignment(MOONS, POINT, 8, batch).mean for batch in (2, 10, 60)]
    assert means == sorted(means)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"batches": 1}, "batches = 1: a whole number of at least 2"),
        ({"batch": 0}, "batch = 0"),
        ({"batch": 121}, "batch = 121: there are 120 samples"),
    ],
)
def test_what_is_not_allowed(given, message):
    with pytest.raises(ValueError, match=message):
        analysis.gradient_alignment(MOONS, POINT, **given)


def test_a_problem_without_samples():
    with pytest.raises(ValueError, match="samples are needed"):
        analysis.gradient_alignment(lab.problem("booth"), [0.0, 1.0])

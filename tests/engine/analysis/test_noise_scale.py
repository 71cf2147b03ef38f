"""The gradient noise scale, held against closed forms and its own interval."""

import numpy as np
import pytest
import torch

import lab
from lab.engine.analysis.noise_scale import ratio

A = lab.analysis
RNG = np.random.default_rng(0)


def regression(samples=40):
    """A linear model with a squared loss: gradients and curvature in closed form."""
    inputs, targets = RNG.normal(size=(samples, 4)), RNG.normal(size=(samples, 1))
    module = torch.nn.Linear(4, 1, bias=False).double()
    data = torch.tensor(inputs), torch.tensor(targets)
    problem = lab.problem(module, data=data, loss="mse")
    theta = RNG.normal(size=4)
    gradients = 2 * inputs * (inputs @ theta[:, None] - targets)
    return problem, theta, gradients, 2 * inputs.T @ inputs / samples


def test_all_samples_give_the_closed_form():
    problem, theta, rows, hessian = regression()
    found = A.noise_scale(problem, theta, samples=0, hessian=True)
    mean, cover = rows.mean(0), np.cov(rows.T)
    np.testing.assert_allclose(problem.gradient(theta), mean)
    assert found.variance == pytest.approx(np.trace(cover))
    assert found.slope == pytest.approx(mean @ mean)
    assert found.simple == pytest.approx(np.trace(cover) / (mean @ mean))
    assert found.weighted == pytest.approx(np.trace(hessian @ cover) / (mean @ hessian @ mean))
    assert found.best_rate == pytest.approx((mean @ mean) / (mean @ hessian @ mean))
    assert found.simple_error == found.weighted_error == 0
    assert (found.samples, found.products) == (40, 40)


def test_it_halves_the_gain_of_the_best_step():
    """McCandlish et al., eq. 2.7: with batches of 𝓑 the best expected gain is half of that of all.

    The expected loss after a step, over batches drawn with replacement, by its closed form.
    """
    problem, theta, rows, hessian = regression()
    found = A.noise_scale(problem, theta, samples=0, hessian=True)
    mean, cover = rows.mean(0), np.cov(rows.T)

    def gain(batch):
        bend = mean @ hessian @ mean + np.trace(hessian @ cover) / batch
        return (mean @ mean) ** 2 / (2 * bend)

    assert gain(found.weighted) == pytest.approx(gain(1e12) / 2)
    step = found.best_rate * mean
    fall = problem.value(theta) - problem.value(theta - step)
    assert fall == pytest.approx(gain(1e12))


def test_the_interval_holds_the_truth():
    """Of 200 draws of 60 out of 600 gradients, 80 to 98 % of the 90 % intervals."""
    rows = torch.tensor(RNG.normal(size=(600, 5)) * [1, 2, 1, 0.5, 1] + [1.0, 0, 1, 0, 0.5])
    truth = ratio(rows, rows, 600)
    assert truth.error == 0
    found = []
    for seed in range(200):
        part = rows[torch.randperm(600, generator=torch.Generator().manual_seed(seed))[:60]]
        found.append(ratio(part, part, 600))
    inside = [abs(one.value - truth.value) <= 1.645 * one.error for one in found]
    assert 0.8 <= np.mean(inside) <= 0.98
    # numerator and denominator are unbiased
    for name in ("noise", "slope"):
        values = np.array([getattr(one, name) for one in found])
        spread = values.std() / np.sqrt(len(values))
        assert abs(values.mean() - getattr(truth, name)) < 3.5 * spread


def test_a_gradient_lost_in_noise_gives_infinity():
    rows = torch.tensor([[1.0], [-1.0], [1.0], [-1.0]])
    found = ratio(rows, rows, 400)
    assert found.value == found.error == np.inf


def test_problems_without_samples_are_refused():
    with pytest.raises(ValueError, match="samples"):
        A.noise_scale(lab.problem("himmelblau"), [0.0, 0.0])
    problem, theta, *_ = regression(2)
    with pytest.raises(ValueError, match="at least 3"):
        A.noise_scale(problem, theta)

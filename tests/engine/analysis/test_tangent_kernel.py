"""The tangent kernel against the formula of the paper, dense algebra and what follows from it."""

import numpy as np
import pytest
import torch
from torch import nn

import lab
from lab import analysis
from lab.engine.analysis.operators import operator
from lab.engine.analysis.tangent_kernel import centred_cosine, cosine

RNG = np.random.default_rng(0)


class Quadratic(nn.Module):
    """f = mean of phi(w·x), phi(h) = h + 0.3 h² / 2: the network of the grokking paper."""

    def __init__(self, width, inputs):
        super().__init__()
        self.w = nn.Parameter(torch.zeros(width, inputs, dtype=torch.float64))

    def forward(self, x):
        h = x @ self.w.T
        return (h + 0.15 * h.square()).mean(1, keepdim=True)


def test_alignment_of_the_reference_network(numbers):
    x, y, w = numbers["R6f_x400"], numbers["R6f_y400"], numbers["R6f_W"]
    problem = lab.problem(Quadratic(*w.shape), data=(x, y[:, None]), loss="mse")
    found = analysis.lazy_rich(problem, w.ravel(), w.ravel(), samples=0)
    wanted = numbers["R6f_align_uncentred_centred"]
    np.testing.assert_allclose((found.alignment, found.centred), wanted, rtol=1e-9)
    assert (found.alignment_error, found.drift_error) == (0, 0)  # nothing was left out
    assert found.drift == pytest.approx(0, abs=1e-12)
    assert found.movement == 0
    assert (found.samples, found.gradients) == (400, 800)


def test_against_the_kernel_as_an_operator():
    """Several outputs: the kernel of samples is the trace over outputs of the whole one."""
    problem = lab.problem("moons_mlp", samples=30, widths=(5,))
    theta, start = RNG.normal(size=(2, problem.dim))

    def kernel(point):
        whole = operator(problem, torch.as_tensor(point), "ntk")
        matrix = whole.product(torch.eye(whole.size, dtype=torch.float64)).reshape(30, 2, 30, 2)
        return np.einsum("icjc->ij", matrix.numpy())

    labels = np.eye(2)[problem.dataset.targets.numpy()]
    one, two, wanted = kernel(theta), kernel(start), labels @ labels.T
    found = analysis.lazy_rich(problem, theta, start, samples=0)
    centre = np.eye(30) - 1 / 30

    def against(a, b):
        return (a * b).sum() / np.linalg.norm(a) / np.linalg.norm(b)

    assert found.alignment == pytest.approx(against(one, wanted), rel=1e-10)
    both = centre @ one @ centre, centre @ wanted @ centre
    assert found.centred == pytest.approx(against(*both), rel=1e-10)
    assert found.drift == pytest.approx(1 - against(one, two), rel=1e-10)
    moved = np.linalg.norm(theta - start) / np.linalg.norm(start)
    assert found.movement == pytest.approx(moved, rel=1e-12)


def test_a_network_that_is_linear_in_its_parameters_never_drifts():
    data = RNG.normal(size=(20, 3)), RNG.normal(size=(20, 1))
    problem = lab.problem(nn.Linear(3, 1).double(), data=data, loss="mse")
    found = analysis.lazy_rich(problem, RNG.normal(size=4), RNG.normal(size=4))
    assert found.drift == pytest.approx(0, abs=1e-12)
    assert found.movement > 0


def test_errors_cover_what_all_samples_give():
    problem = lab.problem("moons_mlp", samples=300, widths=(6,))
    theta, start = RNG.normal(size=(2, problem.dim))
    whole = analysis.lazy_rich(problem, theta, start, samples=0)
    some = [analysis.lazy_rich(problem, theta, start, samples=60, seed=s) for s in range(30)]
    for name, error in (
        ("alignment", "alignment_error"),
        ("centred", "centred_error"),
        ("drift", "drift_error"),
    ):
        away = [abs(getattr(x, name) - getattr(whole, name)) / getattr(x, error) for x in some]
        assert 0.7 <= np.mean(np.array(away) < 1.645) <= 1.0, name
        assert 0.4 < np.sqrt(np.mean(np.square(away))) < 1.8, name


def test_cosines_of_matrices():
    one = torch.as_tensor(RNG.normal(size=(4, 6, 6)))
    assert torch.allclose(cosine(one, 3 * one), torch.ones(4, dtype=torch.float64))
    shifted = one + torch.as_tensor(RNG.normal(size=(4, 6, 1)))  # the same once it is centred
    assert torch.allclose(centred_cosine(one, shifted), torch.ones(4, dtype=torch.float64))


def test_what_has_no_kernel():
    with pytest.raises(ValueError, match="is no network"):
        analysis.lazy_rich(lab.problem("booth"), [0.0, 1.0], [0.0, 0.0])
    problem = lab.problem("moons_mlp", norm=True)
    with pytest.raises(ValueError, match="no outputs of their own"):
        analysis.lazy_rich(problem, np.ones(problem.dim), np.ones(problem.dim))

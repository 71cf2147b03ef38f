"""The linear autoencoder and its critical points, against exact Hessians and reference numbers."""

import numpy as np
import pytest
import torch

import lab


def test_critical_points_against_reference_numbers(golden):
    table = np.load(golden / "analyses.npz")[
        "R6e_cols_rank_error_index_fraction_gradnorm_formulaIndex"
    ]
    problem = lab.problem("linear_autoencoder")
    found = [
        (len(one.kept), one.value, one.index, one.index / problem.dim)
        for one in problem.critical_points
    ]
    wanted = [tuple(row[:4]) for row in table]
    np.testing.assert_allclose(sorted(found), sorted(wanted), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("knobs", [{}, {"variances": (1.0, 7.0, 2.5, 0.3), "units": 3}])
def test_critical_points_have_no_slope_and_the_curvature_said(knobs):
    problem = lab.problem("linear_autoencoder", **knobs)
    points = torch.tensor([one.point for one in problem.critical_points], dtype=torch.float64)
    values = torch.tensor([one.value for one in problem.critical_points], dtype=torch.float64)
    torch.testing.assert_close(problem.value(points), values)
    assert problem.gradient(points).abs().max() < 1e-12
    negative = (torch.linalg.eigvalsh(problem.hessian(points)) < -1e-9).sum(1)
    assert negative.tolist() == [one.index for one in problem.critical_points]
    assert [one.kind for one in problem.critical_points].count("minimum") == 1
    assert problem.optima[0].point == problem.critical_points[0].point


def test_value_is_half_the_mean_squared_error_of_samples():
    problem = lab.problem("linear_autoencoder")
    theta = problem.start([torch.Generator(), torch.Generator().manual_seed(1)]) * 3
    signs = torch.tensor(np.array(np.meshgrid(*[[-1, 1]] * 5)).reshape(5, -1))  # all corners
    x = signs * torch.tensor(problem.variances, dtype=torch.float64).sqrt()[:, None]
    for row, value in zip(theta, problem.value(theta), strict=True):
        parts = problem.layout.split(row)
        off = x - parts["decoder"] @ (parts["encoder"] @ x)
        torch.testing.assert_close(value, 0.5 * off.square().sum(0).mean())


def test_gradient_against_differentiation():
    problem = lab.problem("linear_autoencoder", spread=1.0)
    theta = problem.start([torch.Generator()] * 3).requires_grad_()
    (wanted,) = torch.autograd.grad(problem.evaluate(theta).sum(), theta)
    torch.testing.assert_close(problem.gradient(theta.detach()), wanted)
    excess = problem.metrics(theta.detach())["excess_loss"]
    torch.testing.assert_close(excess, problem.value(theta.detach()) - 1.7)


def test_what_leaves_the_points_undetermined_is_refused():
    with pytest.raises(ValueError, match="two or more different numbers"):
        lab.problem("linear_autoencoder", variances=(1.0, 1.0, 2.0))
    with pytest.raises(ValueError, match="nearest 4"):
        lab.problem("linear_autoencoder", units=5)

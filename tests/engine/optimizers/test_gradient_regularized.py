"""Gradient-regularised Newton beyond its golden trajectories: its search, in a batch and alone."""

import json

import numpy as np
import pytest
import torch
from rule_cases import Formula, path_of, quadratic, rosenbrock, running
from torch import nn

import lab

NAME = "gradient_regularized_newton"


@pytest.mark.parametrize("problem", ["rosenbrock", "quadratic"])
def test_the_trust_is_that_of_the_authors_file(golden, problem):
    file = json.loads((golden / "optimizers_b.json").read_text())
    (entry,) = [
        x
        for x in file["entries"]
        if x["name"] == "grad_norm_smooth_newton" and x["problem"] == problem
    ]
    make = {"rosenbrock": rosenbrock, "quadratic": quadratic}[problem]
    start = entry["params"][0]
    lane = running(NAME, make(), plain=True, start=start, gamma=1.0)
    gamma = lane.advance(len(entry["gamma"]) - 1).columns["gamma"][:, 0]
    np.testing.assert_allclose(gamma, entry["gamma"], rtol=1e-12)


def test_a_run_searches_the_same_whoever_searches_beside_it():
    starts = [[-1.5, 2.0], [0.3, 0.1], [1.0, 1.0], [2.0, -3.0]]
    block = running(NAME, rosenbrock(), start=starts, plain=True, gamma=50.0).advance(25)
    assert len(set(block.columns["rejections"][1])) > 1, "searches of one length show nothing"
    for run, start in enumerate(starts):
        alone = running(NAME, rosenbrock(), start=start, plain=True, gamma=50.0).advance(25)
        for name in ("theta", "gamma", "lambda", "rejections"):
            np.testing.assert_array_equal(alone.columns[name][:, 0], block.columns[name][:, run])


def test_every_step_taken_falls_enough_and_has_the_damping_that_is_read():
    problem = rosenbrock()
    columns = running(NAME, problem, runs=4, plain=True).advance(20).columns
    theta = torch.from_numpy(columns["theta"])
    for step in range(20):
        value, gradient = problem.evaluate_with_gradient(theta[step])
        hessian = problem.hessian(theta[step])
        after, slope = problem.evaluate_with_gradient(theta[step + 1])
        damping = torch.from_numpy(columns["lambda"][step + 1])
        taken = damping > 0
        least = slope.square().sum(1) / (8 * damping)
        assert (value - after >= least * (1 - 1e-9) - 1e-25)[taken].all()
        eye = torch.eye(2, dtype=torch.float64)
        moved = (hessian + damping[:, None, None] * eye) @ (theta[step + 1] - theta[step])[
            :, :, None
        ]
        torch.testing.assert_close(moved[taken, :, 0], -gradient[taken], rtol=1e-6, atol=1e-9)


def test_a_matrix_that_is_not_positive_definite_is_a_rejected_try():
    """At the top of cos(x) + cos(y) the Hessian is -1: λ must exceed 1 before a step is taken."""
    problem = Formula(lambda x, y: x.cos() + y.cos(), 2)
    lane = running(NAME, problem, plain=True, start=[0.01, 0.02], gamma=1.0)
    columns = lane.advance(40).columns
    assert columns["rejections"][1, 0] >= 6
    assert columns["lambda"][1, 0] > 1
    assert (np.diff(columns["loss"][:, 0]) <= 0).all()
    assert columns["loss"][-1, 0] == pytest.approx(-2.0, abs=1e-9)


def test_where_no_try_will_do_the_run_stays_and_goes_on_next_time():
    problem = Formula(lambda x, y: x.cos() + y.cos(), 2)
    lane = running(NAME, problem, plain=True, start=[0.01, 0.02], gamma=1.0, tries=3)
    columns = lane.advance(4).columns
    np.testing.assert_array_equal(columns["theta"][1, 0], [0.01, 0.02])
    np.testing.assert_array_equal(columns["rejections"][1:3, 0], 3)
    np.testing.assert_array_equal(columns["gamma"][:3, 0], [1, 1 / 8, 1 / 64])
    assert np.abs(columns["theta"][4, 0] - [0.01, 0.02]).max() > 1e-3


def test_it_rests_where_the_gradient_is_small_and_asks_for_no_more():
    lane = running(NAME, quadratic(), plain=True, start=[1e-9, 0.0])
    path = path_of(lane, 3)[:, 0]
    np.testing.assert_array_equal(path, [[1e-9, 0.0]] * 4)
    assert lane.counts == (0, 3, 6)


def test_gauss_newton_on_a_network_falls_where_the_hessian_is_indefinite():
    g = torch.Generator().manual_seed(0)
    x = torch.randn(20, 3, generator=g, dtype=torch.float64)
    y = x.square().sum(1, keepdim=True)
    problem = lab.problem(nn.Sequential(nn.Linear(3, 5), nn.Tanh(), nn.Linear(5, 1)), data=(x, y))
    start = torch.randn(problem.dim, generator=g, dtype=torch.float64).tolist()
    loss = running(NAME, problem, plain=True, matrix="gauss-newton", start=start).advance(30)
    assert loss.columns["loss"][-1, 0] < 0.3 * loss.columns["loss"][0, 0]
    assert loss.columns["rejections"][1:, 0].max() < 20


def test_gauss_newton_on_a_surface_is_refused_in_a_sentence():
    lane = running(NAME, quadratic(), plain=True, matrix="gauss-newton")
    lane.advance(1)
    assert "this matrix needs a network's outputs" in lane.failure.message


def test_it_says_where_it_does_not_fit():
    with pytest.raises(ValueError, match="needs the whole Hessian and takes at most 2000"):
        running(NAME, lab.problem("digits_mlp"))

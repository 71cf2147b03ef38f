"""The R-operator of fully connected networks against two passes back through a graph."""

import pytest
import torch
from torch import nn

import lab
from lab.engine.problem import Problem
from lab.engine.problems.network import Network

CASES = {
    "plain": {},
    "skip": {"skip": True, "widths": (4, 6, 3)},
    "silu": {"activation": "silu", "widths": (5, 5), "loss": "focal"},
    "relu": {"activation": "relu", "widths": (5,)},
}


@pytest.mark.parametrize("batched", [False, True])
@pytest.mark.parametrize("runs", [1, 3])
@pytest.mark.parametrize("case", CASES)
def test_products_at_one_point_and_at_several(case, runs, batched):
    problem = lab.problem("moons_mlp", samples=30, **{"widths": (4, 4), **CASES[case]})
    draws = torch.Generator().manual_seed(0)
    theta = problem.start([draws] * runs)
    batch = torch.randint(30, (runs, 7), generator=draws) if batched else None
    vectors = torch.randn(3, problem.dim, generator=draws, dtype=torch.float64)
    points = theta.expand(3, -1)
    at = None if batch is None else batch.expand(3, -1)
    kinds = {
        "products": Problem.products(problem, points, at),
        "gauss_newton_products": _by_graph(problem, points, at),
    }
    kinds["rest_products"] = lambda v: kinds["products"](v) - kinds["gauss_newton_products"](v)
    for kind, by_graph in kinds.items():
        found = getattr(problem, kind)(theta, batch)
        torch.testing.assert_close(found(vectors), by_graph(vectors), rtol=1e-9, atol=1e-12)
    if runs == 1:  # any number of vectors
        found = problem.products(theta, batch)
        wanted = kinds["products"](vectors)
        torch.testing.assert_close(found(vectors[:1]), wanted[:1], rtol=1e-9, atol=1e-12)


def _by_graph(problem, points, batch):
    tangent = Network.tangent(problem, points, batch)
    return lambda vector: tangent.pull(tangent.bend(tangent.push(vector)))


def test_no_graph_is_left_behind():
    module = nn.Sequential(nn.Linear(3, 4), nn.ELU(), nn.Linear(4, 2))
    problem = lab.problem(module, data=(torch.randn(9, 3), torch.arange(9) % 2))
    theta = problem.start([torch.Generator()])
    product = problem.products(theta)
    assert not product(theta).requires_grad
    assert not problem.tangent(theta).push(theta).requires_grad
    assert not theta.requires_grad


def test_batch_normalisation_goes_by_the_graph():
    problem = lab.problem("moons_mlp", samples=20, widths=(3,), norm=True)
    theta = problem.start([torch.Generator().manual_seed(0)])
    assert not problem.shares_point
    found = problem.products(theta)(theta)
    torch.testing.assert_close(found, Problem.products(problem, theta)(theta))


def test_operators_at_two_points_do_not_disturb_each_other():
    problem = lab.problem("moons_mlp", samples=20, widths=(4, 3))
    draws = torch.Generator().manual_seed(0)
    points = [problem.start([draws]) for _ in range(2)]
    first, second = (problem.products(point) for point in points)
    halves = problem.tangent(points[0])
    vector = torch.randn(1, problem.dim, generator=draws, dtype=torch.float64)
    found = [first(vector), second(vector), halves.push(vector), first(vector)]
    found.append(halves.pull(found[2]))
    second(torch.randn_like(vector))
    fresh = lab.problem("moons_mlp", samples=20, widths=(4, 3))
    tangent = Network.tangent(fresh, points[0])
    by_graph = [Problem.products(fresh, point)(vector) for point in points]
    pushed = tangent.push(vector)
    wanted = [*by_graph, pushed, by_graph[0], tangent.pull(pushed)]
    for one, other in zip(found, wanted, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-9, atol=1e-12)

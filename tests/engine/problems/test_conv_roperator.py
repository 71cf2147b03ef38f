"""The written-out products of the convolutional network against two passes back through a graph."""

import pytest
import torch

import lab
from lab.engine.problem import Problem

SHAPES = [
    {"widths": (1, 2)},
    {"widths": (2,), "loss": "mse"},
    {"widths": (3, 4, 2), "activation": "gelu", "skip": True},
    {"widths": (2, 3), "activation": "tanh", "loss": "focal"},
]


@pytest.mark.parametrize("knobs", SHAPES)
def test_products_are_those_of_the_graph(knobs):
    problem = lab.problem("digits_cnn", samples=300, **knobs)
    draws = torch.Generator().manual_seed(1)
    theta = problem.start([draws])
    vectors = torch.randn(2, problem.dim, generator=draws, dtype=torch.float64)
    batch = torch.randint(300, (1, 270), generator=draws)  # more than one block of samples
    for at in (None, batch):
        by_graph = Problem.products(problem, theta, at)
        wanted = torch.cat([by_graph(row[None]) for row in vectors])
        found = problem.products(theta, at)(vectors)
        torch.testing.assert_close(found, wanted, rtol=1e-9, atol=1e-12)


def test_several_points_and_batch_normalisation_go_by_the_graph():
    problem = lab.problem("digits_cnn", samples=20, widths=(2,), norm=True)
    theta = problem.start([torch.Generator().manual_seed(seed) for seed in (0, 1)])
    for points in (theta, theta[:1]):
        found = problem.products(points)(points)
        torch.testing.assert_close(found, Problem.products(problem, points)(points))

"""Quadrature, solutions and boundary factors against nested differentiation and closed forms."""

import math

import pytest
import torch
from poisson import factor, laplacian

from lab.engine.problems.poisson_domains import DOMAINS, quadrature


@pytest.mark.parametrize("domain", DOMAINS)
def test_the_solution_has_the_least_energy_and_no_residual(domain):
    nodes = quadrature(domain, 400 if domain == "interval" else 1 << 14, 0)

    def u(x):
        if domain == "ball":
            return torch.sin(math.pi / 2 * (1 - x.norm()))
        return torch.sin(math.pi * x).prod()

    some = nodes.points[1:40]
    values = torch.stack([u(x) for x in some])
    torch.testing.assert_close(values, nodes.solution[1:40])
    bends = torch.stack([laplacian(u, x) for x in some])
    torch.testing.assert_close(-bends, nodes.source[1:40])
    slopes = torch.func.vmap(torch.func.grad(u))(nodes.points)
    torch.testing.assert_close(slopes, nodes.solution_gradient)
    if domain == "cube":  # a narrow peak: the integrals are products of those of one coordinate
        sines, cosines, dim = 0.5, math.pi**2 / 2, DOMAINS[domain].dim
        energy = dim * (0.5 * cosines * sines ** (dim - 1) - math.pi**2 * sines**dim)
    else:
        work = nodes.source * nodes.solution
        energy = (nodes.weights * (0.5 * slopes.square().sum(1) - work)).sum()
    accuracy = {"interval": 1e-8, "ball": 1e-3, "cube": 1e-12}[domain]
    assert energy == pytest.approx(DOMAINS[domain].energy, rel=accuracy)
    assert nodes.weights.sum() == pytest.approx(1, abs=1e-12)


@pytest.mark.parametrize("domain", DOMAINS)
def test_the_factor_is_zero_on_the_boundary_and_its_derivatives_are_right(domain):
    nodes = quadrature(domain, 8, 3)
    for i in range(1, 8):
        x = nodes.points[i]
        torch.testing.assert_close(nodes.factor[i], factor(domain, x))
        slope = torch.func.grad(lambda x: factor(domain, x))(x)
        torch.testing.assert_close(nodes.factor_gradient[i], slope)
        bend = laplacian(lambda x: factor(domain, x), x)
        torch.testing.assert_close(nodes.factor_laplacian[i], bend)


@pytest.mark.parametrize("domain", DOMAINS)
def test_points_lie_inside_and_depend_on_the_seed(domain):
    points = quadrature(domain, 64, 0).points
    if domain == "ball":
        assert points.norm(dim=1).max() <= 1
    else:
        assert points.min() >= 0
        assert points.max() <= 1
    other = quadrature(domain, 64, 1).points
    assert points.equal(other) == (domain == "interval")
    assert points.mean(0) == pytest.approx(0.0 if domain == "ball" else 0.5, abs=0.06)

"""Poisson's equation by a network, against closed forms, nested differentiation and differences."""

import math

import numpy as np
import pytest
import torch
from poisson import factor, laplacian
from torch.nn import functional

import lab
from lab.engine.problems.poisson_domains import quadrature

NAMES = ["deep_ritz", "deep_galerkin"]
SIZES = {"interval": 53, "ball": 473, "cube": 2761}  # the paper's


def moved(problem, runs=2):
    """Points away from the start, biases not zero."""
    draws = torch.Generator().manual_seed(0)
    theta = problem.start([draws] * runs)
    return theta + 0.2 * torch.randn(theta.shape, generator=draws, dtype=torch.float64)


def constant(problem, value):
    """The network that is one number everywhere."""
    theta = torch.zeros(1, problem.dim, dtype=torch.float64)
    theta[0, -1] = value
    return theta


def network(problem, theta, x):
    """The residual network at one point, written once more."""
    parts = problem.layout.split(theta)
    act = {"silu": functional.silu, "tanh": torch.tanh}[problem.activation]

    def layer(name, y):
        return parts[f"{name}.weight"] @ y + parts[f"{name}.bias"]

    y = layer("first", x)
    for block in range(sum("inner.weight" in name for name in parts)):
        more = act(layer(f"block{block}.outer", act(layer(f"block{block}.inner", y))))
        y = y + more if problem.skip else more
    return layer("last", y)[0]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("domain", SIZES)
def test_sizes_are_the_papers(name, domain):
    problem = lab.problem(name, domain=domain)
    assert problem.dim == SIZES[domain]
    theta = problem.start([torch.Generator(), torch.Generator().manual_seed(1)])
    for tensor in problem.layout.split(theta[1]).values():
        assert (tensor.ndim > 1) == bool(tensor.any())
    big = lab.problem(name, width=100).layout
    spread = lab.problem(name, width=100).start([torch.Generator()])[0]
    assert big.split(spread)["block0.inner.weight"].std() == pytest.approx(0.1, rel=0.03)


@pytest.mark.parametrize(
    ("domain", "knobs"),
    [
        ("interval", {"nodes": 6}),
        ("ball", {"nodes": 5, "width": 3, "blocks": 2}),
        ("cube", {"nodes": 3, "width": 3, "blocks": 1}),
        ("interval", {"nodes": 4, "skip": False, "activation": "tanh"}),
    ],
)
def test_losses_are_those_of_nested_differentiation(domain, knobs):
    nodes = quadrature(domain, knobs["nodes"], 0)
    for name in NAMES:
        problem = lab.problem(name, domain=domain, **knobs)
        theta = moved(problem)
        for run, found in enumerate(problem.value(theta)):
            total = 0.0
            for x, weight, source in zip(nodes.points, nodes.weights, nodes.source, strict=True):

                def u(x, problem=problem, row=theta[run]):
                    return factor(domain, x) * network(problem, row, x)

                if name == "deep_ritz":
                    slope = torch.func.grad(u)(x)
                    total += weight * (0.5 * slope @ slope - source * u(x))
                else:
                    total += weight * (laplacian(u, x) + source) ** 2
            torch.testing.assert_close(found, total)


def test_quadratic_trial_functions_against_their_closed_forms():
    assert lab.problem("deep_ritz").value(constant(lab.problem("deep_ritz"), -3))[0] == (
        pytest.approx(-2.3197186342, abs=1e-9)
    )
    problem = lab.problem("deep_galerkin")
    assert problem.value(constant(problem, -3))[0] == pytest.approx(9.3063218308, abs=1e-8)
    rows = torch.cat([constant(problem, -12 / math.pi), constant(problem, -math.pi)])
    ritz, galerkin = lab.problem("deep_ritz").value(rows)[0], problem.value(rows)[1]
    assert ritz == pytest.approx(-24 / math.pi**2, abs=1e-9)  # each at its best
    assert galerkin == pytest.approx(math.pi**4 / 2 - 4 * math.pi**2, abs=1e-8)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("domain", SIZES)
def test_gradients_and_curvature_against_differences(name, domain):
    problem = lab.problem(name, domain=domain, width=3, blocks=1, nodes=12)
    theta = moved(problem)
    gradient = problem.gradient(theta)
    eye = 1e-6 * torch.eye(problem.dim, dtype=torch.float64)
    around = (problem.value(theta[0] + eye) - problem.value(theta[0] - eye)) / 2e-6
    torch.testing.assert_close(gradient[0], around, rtol=1e-5, atol=1e-7)
    slopes = (problem.gradient(theta[0] + eye) - problem.gradient(theta[0] - eye)) / 2e-6
    torch.testing.assert_close(problem.hessian(theta)[0], slopes, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", NAMES)
def test_the_gauss_newton_matrix_is_that_of_the_squares(name):
    problem = lab.problem(name, nodes=12)
    theta = moved(problem)
    nodes = problem._nodes(theta, None)

    def roots(row):
        seen = problem.seen(problem.trial(row[None], nodes), nodes)[0]
        if name == "deep_ritz":
            return (nodes.weights[:, None] / 2).sqrt() * seen[:, 1:]
        return nodes.weights[:, None].sqrt() * seen

    found = problem.gauss_newton(theta)
    for run in range(2):
        jacobian = torch.func.jacrev(roots)(theta[run]).flatten(0, 1)
        torch.testing.assert_close(found[run], 2 * jacobian.T @ jacobian)


def test_batches_average_to_the_whole():
    problem = lab.problem("deep_galerkin", nodes=100, batch_size=10)
    theta = moved(problem)
    order = problem.batches(0, [0, 1])
    assert problem.samples == 101
    parts = [order.at(step) for step in range(order.steps_per_epoch)]
    whole = sum(problem.evaluate(theta, part) * part.shape[1] for part in parts) / problem.samples
    torch.testing.assert_close(whole, problem.value(theta))
    torch.testing.assert_close(
        problem.evaluate_with_gradient(theta, torch.arange(101).expand(2, -1))[1],
        problem.gradient(theta),
    )


@pytest.mark.parametrize("name", NAMES)
def test_metrics_are_zero_at_the_solution_and_one_at_zero(name):
    problem = lab.problem(name)
    zero = torch.zeros(1, problem.dim, dtype=torch.float64)
    assert problem.metrics(zero)["error"][0] == pytest.approx(1)
    a = -12 / math.pi  # the best parabola in the energy
    found = problem.metrics(constant(problem, a))
    x = np.linspace(0, 1, 20_001)
    off = -a * x * (1 - x) - np.sin(np.pi * x)
    wanted = math.sqrt(np.trapezoid(off**2, x) / 0.5)
    assert found["error"][0] == pytest.approx(wanted, rel=1e-6)
    wanted = -24 / math.pi**2 + math.pi**2 / 4
    assert found["excess_energy"][0] == pytest.approx(wanted, rel=1e-6)


@pytest.mark.parametrize("name", NAMES)
def test_single_precision_and_memory(name):
    problem = lab.problem(name)
    theta = moved(problem)
    assert problem.value(theta.float()).dtype == torch.float32
    torch.testing.assert_close(
        problem.value(theta.float()).double(), problem.value(theta), rtol=1e-4, atol=1e-4
    )
    assert problem.forecast(100, torch.float32) > 50 * problem.forecast(1, torch.float32)


def test_what_makes_no_rule_is_refused():
    with pytest.raises(ValueError, match="even number of intervals"):
        lab.problem("deep_ritz", nodes=7)
    with pytest.raises(ValueError, match="nearest 2"):
        lab.problem("deep_ritz", domain="cube", nodes=1)
    assert lab.problem("deep_ritz", domain="ball", nodes=7).samples == 7

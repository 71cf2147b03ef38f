"""Poisson's equation by a network, against closed forms, nested differentiation and differences."""

import math

import numpy as np
import pytest
import torch
from poisson import factor, laplacian
from torch.nn import functional

import lab
from lab import analysis
from lab.engine.analysis.base import finish
from lab.engine.analysis.operators import OPERATORS, operator
from lab.engine.analysis.per_sample import curvature_factors, sample_gradients
from lab.engine.memory import PeakMemory
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
        lab.problem("deep_ritz", nodes=1)
    assert lab.problem("deep_ritz", domain="ball", nodes=7).samples == 7


CASES = [
    ("interval", {"nodes": 6, "width": 3, "blocks": 2}),
    ("ball", {"nodes": 5, "width": 2, "blocks": 1, "activation": "tanh"}),
    ("cube", {"nodes": 3, "width": 2, "blocks": 1}),
]


def outputs(problem, domain, row, points, sources):
    """What the loss is a function of at points, by nested differentiation: (N, numbers)."""

    def at(x, source):
        def u(y):
            return factor(domain, y) * network(problem, row, y)

        if type(problem).__name__ == "DeepRitz":
            return torch.cat([u(x)[None], torch.func.grad(u)(x)])
        return (laplacian(u, x) + source)[None]

    return torch.stack([at(*pair) for pair in zip(points, sources, strict=True)])


def dense(problem, domain, row, chosen, name):
    """A matrix of the loss on some nodes, from whole derivatives and the loss as it is written."""
    nodes = quadrature(domain, problem.nodes, 0)
    points, sources = nodes.points[chosen], nodes.source[chosen]
    weights = len(nodes.points) * nodes.weights[chosen]  # of nodes' own losses in their mean

    def seen(x):
        return outputs(problem, domain, x, points, sources)

    def losses(x):
        z = seen(x)
        if z.shape[1] == 1:
            return weights * z[:, 0] ** 2
        return weights * (0.5 * z[:, 1:].square().sum(1) - sources * z[:, 0])

    jacobian = torch.func.jacrev(seen)(row)  # (N, numbers, dim)
    if name == "ntk":
        return jacobian[:, 0] @ jacobian[:, 0].T
    if name == "fisher":
        gradients = torch.func.jacrev(losses)(row)
        return gradients.T @ gradients / len(chosen)
    bent = 2 * jacobian if jacobian.shape[1] == 1 else jacobian[:, 1:]
    kept = jacobian if jacobian.shape[1] == 1 else jacobian[:, 1:]
    ggn = torch.einsum("ncp,n,ncq->pq", kept, weights / len(chosen), bent)
    if name == "ggn":
        return ggn
    hessian = torch.func.jacrev(torch.func.jacrev(lambda x: losses(x).mean()))(row)
    return hessian if name == "hessian" else hessian - ggn


@pytest.mark.parametrize("matrix", OPERATORS)
@pytest.mark.parametrize(("domain", "knobs"), CASES)
@pytest.mark.parametrize("name", NAMES)
def test_every_matrix_is_the_dense_one(name, domain, knobs, matrix):
    problem = lab.problem(name, domain=domain, **knobs)
    row = moved(problem)[0]
    for batch in (None, [2, 0, 2]):
        chosen = torch.arange(problem.samples) if batch is None else torch.tensor(batch)
        found = operator(problem, row, matrix, batch=batch)
        wanted = dense(problem, domain, row, chosen, matrix)
        assert found.size == len(wanted)
        rows = found.product(torch.eye(found.size, dtype=row.dtype))
        torch.testing.assert_close(rows, wanted, rtol=1e-9, atol=1e-9 * float(wanted.abs().max()))


@pytest.mark.parametrize("name", NAMES)
def test_blocks_of_the_matrices_in_closed_form(name):
    """The last layer enters linearly: no curvature is left out, and its kernel is known."""
    problem = lab.problem(name, nodes=8)
    row, last = moved(problem)[0], ("last.weight", "last.bias")
    eye = torch.eye(problem.layout.shapes[-2][1] + 1, dtype=row.dtype)
    whole, part, rest = (
        operator(problem, row, matrix, layers=last).product(eye)
        for matrix in ("hessian", "ggn", "rest")
    )
    torch.testing.assert_close(whole, part)
    assert rest.abs().max() < 1e-12 * whole.abs().max()
    found = operator(problem, row, "ntk", layers="last.bias")
    x = torch.linspace(0, 1, 9, dtype=row.dtype)
    feature = x * (x - 1) if name == "deep_ritz" else torch.full_like(x, 2.0)
    kernel = found.product(torch.eye(9, dtype=row.dtype))
    torch.testing.assert_close(kernel, torch.outer(feature, feature))


@pytest.mark.parametrize("name", NAMES)
def test_tangents_of_runs_side_by_side_are_those_of_each(name):
    problem = lab.problem(name, domain="ball", nodes=6, width=3, blocks=1)
    theta, batch = moved(problem, 3), torch.tensor([[0, 1], [5, 5], [2, 4]])
    draws = torch.Generator().manual_seed(1)
    vector = torch.randn(theta.shape, generator=draws, dtype=theta.dtype)
    whole = problem.tangent(theta, batch)
    pushed = whole.push(vector)
    for run in range(3):
        one = problem.tangent(theta[run : run + 1], batch[run : run + 1])
        torch.testing.assert_close(one.push(vector[run : run + 1])[0], pushed[run])
        torch.testing.assert_close(one.slopes()[0], whole.slopes()[run])
        bent = one.bend(pushed[run : run + 1])
        torch.testing.assert_close(bent[0], whole.bend(pushed)[run])
        torch.testing.assert_close(one.pull(bent)[0], whole.pull(whole.bend(pushed))[run])
    # the gradient is what the slopes pull back, each with its share of the mean
    gradient = problem.evaluate_with_gradient(theta, batch)[1]
    torch.testing.assert_close(whole.pull(whole.slopes() / 2), gradient)


@pytest.mark.parametrize("name", NAMES)
def test_single_nodes(name):
    """Gradients and curvature of nodes' own losses average to those of the loss."""
    problem = lab.problem(name, domain="ball", nodes=9)  # too many parameters for whole Hessians
    row = moved(problem)[0]
    every = torch.arange(9)
    rows = finish(sample_gradients(problem, row, every))
    torch.testing.assert_close(rows.mean(0), problem.gradient(row))
    fisher = operator(problem, row, "fisher").product(rows)
    torch.testing.assert_close(fisher, (rows @ rows.T) @ rows / 9)
    factors = finish(curvature_factors(problem, row, every))
    assert factors.form == "ggn"
    mean = np.einsum("sri,srj->ij", factors.factors, factors.factors) / 9
    np.testing.assert_allclose(mean, problem.gauss_newton(row[None])[0], atol=1e-8 * mean.max())


@pytest.mark.parametrize("name", NAMES)
def test_alignment_of_the_kernel_with_what_is_sought(name):
    problem = lab.problem(name, nodes=10)
    row, start = moved(problem)
    found = analysis.lazy_rich(problem, row, start, samples=0)
    nodes = quadrature("interval", 10, 0)
    wanted = nodes.solution if name == "deep_ritz" else nodes.source
    kernel, first = (
        dense(problem, "interval", point, torch.arange(11), "ntk") for point in (row, start)
    )
    size = torch.linalg.norm(kernel)
    assert found.alignment == pytest.approx(
        float(wanted @ kernel @ wanted / size / (wanted @ wanted))
    )
    assert found.drift == pytest.approx(
        1 - float((kernel * first).sum() / size / torch.linalg.norm(first)), abs=1e-12
    )


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize(
    ("domain", "nodes"), [("interval", 2), ("ball", 1), ("cube", 1), ("ball", 2)]
)
@pytest.mark.parametrize("name", NAMES)
def test_the_smallest_problems(name, domain, nodes, dtype):
    problem = lab.problem(name, domain=domain, nodes=nodes, width=1, blocks=1)
    row = moved(problem)[0].to(dtype)
    for matrix in OPERATORS:
        found = operator(problem, row, matrix)
        rows = found.product(torch.eye(found.size, dtype=dtype))
        assert rows.dtype == dtype
        wanted = dense(problem, domain, row.double(), torch.arange(problem.samples), matrix)
        room = (1e-4 if dtype is torch.float32 else 1e-9) * float(wanted.abs().max())
        torch.testing.assert_close(rows.double(), wanted, rtol=0, atol=max(room, 1e-12))


@pytest.mark.parametrize("domain", ["ball", "cube"])
@pytest.mark.parametrize("name", NAMES)
def test_memory_is_foreseen(name, domain):
    problem = lab.problem(name, domain=domain, nodes=200)
    theta = moved(problem, 3)
    problem.value(theta)  # the nodes are kept
    with PeakMemory() as memory:
        problem.evaluate_with_gradient(theta)
    assert 0.7 < memory.peak / problem.forecast(3, theta.dtype) < 1.25
    for vectors in (1, 3):
        with PeakMemory() as memory:
            problem.products(theta[:vectors])(theta[:vectors])
        assert 0.7 < memory.peak / problem.product_forecast(vectors, theta.dtype) < 1.25


@pytest.mark.parametrize("name", NAMES)
def test_solutions_are_compared_as_functions(name):
    problem = lab.problem(name, domain="cube", nodes=8)
    one, two = moved(problem)
    points = quadrature("cube", 8, 0).points
    off = [
        factor("cube", x) * (network(problem, one, x) - network(problem, two, x)) for x in points
    ]
    found = analysis.function_distance(problem, one, two)
    torch.testing.assert_close(found.per_sample, torch.stack(off).abs())
    some = analysis.function_distance(problem, one, two, samples=3, seed=1)
    same = torch.isclose(some.per_sample[:, None], found.per_sample, rtol=1e-6, atol=0)
    assert same.any(1).tolist() == [True] * 3

"""Problems of users' modules against the modules themselves."""

import copy
import itertools

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

import lab
from lab.engine.problems.modules import CallableNetwork, SequentialNetwork
from lab.engine.seeds import generator


def chain(*widths, activation=nn.Tanh):
    layers = []
    for inputs, outputs in itertools.pairwise(widths):
        layers += [nn.Linear(inputs, outputs), activation()]
    return nn.Sequential(*layers[:-1])


class Wrapped(nn.Module):
    """Hides a chain from recognition."""

    def __init__(self, inner):
        super().__init__()
        self.inner = inner

    def forward(self, x):
        return self.inner(x)


def data(samples=12, features=3, classes=4, seed=0):
    draws = torch.Generator().manual_seed(seed)
    inputs = torch.randn(samples, features, generator=draws)
    return inputs, torch.arange(samples) % classes


def points(problem, runs=3):
    noise = torch.randn(
        runs, problem.dim, generator=torch.Generator().manual_seed(1), dtype=torch.float64
    )
    return problem.start([generator(0, "start", 0)]) + 0.1 * noise


def reference(module, theta, inputs, targets, loss=functional.cross_entropy):
    """Value, gradient and Hessian by torch's own means, one run at a time."""
    module = copy.deepcopy(module).double()
    names = [name for name, _ in module.named_parameters()]
    shapes = [p.shape for p in module.parameters()]
    sizes = [p.numel() for p in module.parameters()]

    def value(row):
        parts = [p.view(s) for p, s in zip(row.split(sizes), shapes, strict=True)]
        named = dict(zip(names, parts, strict=True))
        return loss(torch.func.functional_call(module, named, inputs.double()), targets)

    gradient = torch.func.grad(value)
    hessians = [torch.autograd.functional.hessian(value, row) for row in theta]
    return (
        torch.stack([value(row) for row in theta]),
        torch.stack([gradient(row) for row in theta]),
        torch.stack(hessians),
    )


@pytest.fixture(params=["chain", "callable"])
def module(request):
    torch.manual_seed(3)
    inner = chain(3, 5, 5, 4)
    return inner if request.param == "chain" else Wrapped(inner)


def test_contract_at_the_reference_points(golden):
    numbers = np.load(golden / "curvature.npz")
    for name, widths, tolerance in (("W1", (64, 64, 64, 10), 1e-6), ("W3", (2, 16, 16, 2), 1e-12)):
        problem = lab.problem(
            chain(*widths), data=(numbers[f"{name}_X"], numbers[f"{name}_y"]), loss="cross_entropy"
        )
        theta = numbers[f"{name}_theta"]
        middle = (25, 25)
        assert numbers["grid"][25] == 0
        assert problem.value(theta.astype(float)) == pytest.approx(
            numbers[f"{name}_surface_loss"][middle], rel=tolerance
        )
        assert problem.value(theta).dtype == theta.dtype
        accuracy = problem.metrics(torch.tensor(theta)[None])["accuracy"].item()
        assert accuracy == pytest.approx(numbers[f"{name}_surface_acc"][middle], abs=1e-7)


def test_hessian_at_the_reference_point(golden):
    numbers = np.load(golden / "curvature.npz")
    problem = lab.problem(chain(2, 16, 16, 2), data=(numbers["W3_X"], numbers["W3_y"]))
    hessian = problem.hessian(torch.tensor(numbers["W3_theta"])[None])[0]
    np.testing.assert_allclose(hessian.numpy(), numbers["W3_hessian"], atol=1e-12)


def test_values_gradients_hessians(module):
    inputs, targets = data()
    problem = lab.problem(module, data=(inputs, targets), loss="cross_entropy")
    theta = points(problem)
    value, gradient, hessian = reference(module, theta, inputs, targets)
    torch.testing.assert_close(problem.value(theta), value)
    torch.testing.assert_close(problem.gradient(theta), gradient)
    torch.testing.assert_close(problem.hessian(theta), hessian)
    torch.testing.assert_close(problem.evaluate_with_gradient(theta)[0], value)


def test_kind_of_network_is_recognised():
    inputs, targets = data()
    assert isinstance(lab.problem(chain(3, 5, 4), data=(inputs, targets)), SequentialNetwork)
    for module in (
        Wrapped(chain(3, 4)),
        nn.Sequential(nn.Linear(3, 4), nn.LayerNorm(4)),
        nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Tanh()),
        nn.Sequential(nn.Tanh(), nn.Linear(3, 4)),
    ):
        assert isinstance(lab.problem(module, data=(inputs, targets)), CallableNetwork)

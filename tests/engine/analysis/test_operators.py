"""Each operator against the dense matrix that automatic differentiation gives, sample by sample."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.autograd import functional

import lab
from lab.engine.analysis.operators import OPERATORS, operator
from lab.engine.memory import PeakMemory

RNG = np.random.default_rng(0)
X, IMAGES = RNG.normal(size=(12, 3)), RNG.normal(size=(9, 1, 4, 4))
CLASSES, VALUES = RNG.integers(3, size=12), RNG.normal(size=(12, 2))


class Residual(nn.Module):
    """A module that is no plain chain."""

    def __init__(self):
        super().__init__()
        self.first, self.second, self.last = nn.Linear(3, 4), nn.Linear(4, 4), nn.Linear(4, 2)

    def forward(self, x):
        hidden = torch.tanh(self.first(x))
        return self.last(hidden + nn.functional.gelu(self.second(hidden)))


def convolutions():
    layers = nn.Conv2d(1, 2, 3), nn.Tanh(), nn.Flatten(), nn.Linear(8, 3)
    return nn.Sequential(*layers)


def chain(*widths, activation=nn.Tanh):
    layers = []
    for i in range(len(widths) - 1):
        layers += [nn.Linear(widths[i], widths[i + 1]), activation()]
    return nn.Sequential(*layers[:-1])


PROBLEMS = {
    "mlp": lambda: lab.problem(chain(3, 4, 3), data=(X, CLASSES)),
    "deep": lambda: lab.problem(chain(3, 4, 4, 2, activation=nn.SiLU), data=(X, VALUES)),
    "relu": lambda: lab.problem(chain(3, 5, 3, activation=nn.ReLU), data=(X, CLASSES)),
    "elu": lambda: lab.problem(chain(3, 5, 2, activation=nn.ELU), data=(X, VALUES), loss="huber"),
    "bent outputs": lambda: lab.problem(
        nn.Sequential(nn.Linear(3, 4, bias=False), nn.Tanh(), nn.Linear(4, 2), nn.Tanh()),
        data=(X, VALUES),
        loss="log_cosh",
    ),
    "skip": lambda: lab.problem("moons_mlp", widths=(3, 5, 4), skip=True, samples=10),
    "norm": lambda: lab.problem("moons_mlp", widths=(3, 3), norm=True, samples=10),
    "two heads": lambda: lab.problem("digits_two_heads", widths=(1,), samples=10),
    "focal": lambda: lab.problem("moons_mlp", widths=(4,), samples=10, loss="focal"),
    "module": lambda: lab.problem(Residual(), data=(X, VALUES)),
    "cnn": lambda: lab.problem("digits_cnn", widths=(1, 2), samples=12, activation="tanh"),
    "convolutions": lambda: lab.problem(convolutions(), data=(IMAGES, CLASSES[:9])),
}


def point_of(problem):
    theta = problem.start([torch.Generator().manual_seed(3)])[0]
    draws = torch.Generator().manual_seed(4)
    return theta + 0.2 * torch.randn(len(theta), generator=draws, dtype=torch.float64)


def dense(problem, theta, name, batch=None, block=slice(None)):
    """The matrix from whole derivatives of outputs and losses."""
    rows = torch.arange(problem.samples) if batch is None else torch.as_tensor(batch)
    inputs, targets = problem.dataset.inputs.double()[rows], problem._prepared.targets[rows]

    def outputs(x):
        return problem.outputs(x[None], inputs)[0]

    def loss(x):
        return problem.criterion.value(outputs(x), targets)

    jacobian = functional.jacobian(outputs, theta).flatten(0, 1)[:, block]
    if name == "ntk":
        return jacobian @ jacobian.T
    if name == "fisher":

        def losses(x):
            found = outputs(x)
            ones = [slice(i, i + 1) for i in range(len(rows))]
            return torch.stack([problem.criterion.value(found[i], targets[i]) for i in ones])

        gradients = functional.jacobian(losses, theta)[:, block]
        return gradients.T @ gradients / len(rows)
    hessian = functional.hessian(loss, theta)[block, block]
    if name == "hessian":
        return hessian
    ends = outputs(theta)
    bend = functional.hessian(
        lambda z: problem.criterion.value(z.view(ends.shape), targets), ends.flatten()
    )
    gauss_newton = jacobian.T @ bend @ jacobian
    return gauss_newton if name == "ggn" else hessian - gauss_newton


def matrix(found, theta):
    """The matrix of an operator, row by row."""
    return found.product(torch.eye(found.size, dtype=theta.dtype))


@pytest.fixture(scope="module")
def problems():
    return {name: make() for name, make in PROBLEMS.items()}


@pytest.mark.parametrize("name", OPERATORS)
@pytest.mark.parametrize("case", PROBLEMS)
def test_every_operator_is_the_dense_matrix(problems, case, name):
    problem = problems[case]
    theta = point_of(problem)
    if name == "fisher" and case == "norm":
        with pytest.raises(ValueError, match="mixes the samples"):
            operator(problem, theta, name)
        return
    found = operator(problem, theta, name)
    wanted = dense(problem, theta, name)
    assert found.size == len(wanted)
    torch.testing.assert_close(matrix(found, theta), wanted, rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("name", OPERATORS)
@pytest.mark.parametrize("case", ["mlp", "module", "cnn"])
def test_batches_and_layers_are_parts_of_the_data_and_of_the_matrix(problems, case, name):
    problem = problems[case]
    theta, batch = point_of(problem), [1, 5, 5, 2]
    names = problem.layout.names[2], problem.layout.names[0]
    places = [problem.layout.slices[n] for n in names[::-1]]
    block = torch.cat([torch.arange(s.start, s.stop) for s in places])
    found = operator(problem, theta, name, batch=batch, layers=names)
    kernel = name == "ntk"
    wanted = dense(problem, theta, name, batch, block if kernel else slice(None))
    wanted = wanted if kernel else wanted[block][:, block]
    torch.testing.assert_close(matrix(found, theta), wanted, rtol=1e-9, atol=1e-11)
    assert "on 4 samples" in found.text
    assert names[0] in found.text


@pytest.mark.parametrize("count", [0, 1, 3, 150])
def test_any_number_of_vectors(problems, count):
    problem = problems["mlp"]
    theta = point_of(problem)
    draws = torch.Generator().manual_seed(0)
    vectors = torch.randn(count, problem.dim, generator=draws, dtype=torch.float64)
    found = operator(problem, theta)
    for rows in (vectors, vectors[: count // 2], vectors):
        wanted = rows @ dense(problem, theta, "hessian")
        torch.testing.assert_close(found.product(rows), wanted, rtol=1e-9, atol=1e-11)


def test_a_function_has_a_hessian_and_nothing_else():
    problem = lab.problem("rosenbrock")
    theta = torch.tensor([1.0, 1.0], dtype=torch.float64)
    wanted = torch.tensor([[802.0, -400.0], [-400.0, 200.0]], dtype=torch.float64)
    torch.testing.assert_close(matrix(operator(problem, theta), theta), wanted)
    for name in OPERATORS[1:]:
        with pytest.raises(ValueError, match="needs a network's outputs: Rosenbrock has none"):
            operator(problem, theta, name)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"name": "ggm"}, "operator = 'ggm' is not known"),
        ({"layers": ("0.wait",)}, "layers = '0.wait' is not known"),
        ({"layers": ()}, "at least one tensor"),
        ({"batch": [0, 12]}, "numbered from 0 to 11"),
        ({"batch": [-1]}, "numbered from 0 to 11"),
        ({"batch": []}, "a list of numbers of samples"),
        ({"batch": [0.5]}, "a list of numbers of samples"),
    ],
)
def test_bad_input(problems, arguments, message):
    with pytest.raises(ValueError, match=message):
        operator(problems["mlp"], point_of(problems["mlp"]), **arguments)


def test_a_surface_has_no_samples_and_kinks_no_curvature():
    point = torch.zeros(2, dtype=torch.float64)
    with pytest.raises(ValueError, match="has no samples"):
        operator(lab.problem("rosenbrock"), point, batch=[0])
    kinks = lab.problem("diffgrad_f3")
    with pytest.raises(ValueError, match="curvature cannot be measured here"):
        operator(kinks, point[:1])


@pytest.mark.parametrize(
    ("name", "count"), [("digits_mlp", 1), ("digits_cnn", 1), ("moons_mlp", 1), ("moons_mlp", 8)]
)
def test_the_memory_of_a_product_is_foreseen(name, count):
    problem = lab.problem(name)
    theta = problem.start([torch.Generator().manual_seed(0)])[0]
    forecast = problem.product_forecast(count, theta.dtype)
    vectors = theta.repeat(count, 1)
    problem.dataset.on(theta)
    with PeakMemory() as memory:
        operator(problem, theta).product(vectors)
    assert 0.6 < memory.peak / forecast < 1.25


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_reference_hessians(w1, w3, curvature, dtype):
    for name, problem in (("W1", w1), ("W3", w3)):
        theta = torch.as_tensor(curvature[f"{name}_theta"]).to(dtype)
        vectors = torch.as_tensor(curvature[f"{name}_top10_vectors"]).to(dtype)
        images = operator(problem, theta).product(vectors)
        found = (images * vectors).sum(1)
        tolerance = 1e-6 if dtype is torch.float64 else 1e-4
        wanted = curvature[f"{name}_top20_LA"][:10]
        np.testing.assert_allclose(found.numpy(), wanted, rtol=tolerance)
    wanted = torch.as_tensor(curvature["W3_hessian"]).to(dtype)
    found = matrix(operator(w3, theta), theta)
    torch.testing.assert_close(
        found, wanted, rtol=1e-4, atol=1e-5 if dtype is torch.float32 else 1e-10
    )

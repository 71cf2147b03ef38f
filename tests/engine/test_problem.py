"""What all problems can do, whatever they are."""

import numpy as np
import pytest
import torch
from toys import Bowl, Regression

import lab
from lab.engine import problem as module


@pytest.mark.parametrize("name", ["rosenbrock", "moons_mlp"])
def test_planes_are_evaluated_in_blocks(name, monkeypatch):
    problem = lab.problem(name)
    draws = torch.Generator().manual_seed(0)
    center, d1, d2 = torch.randn(3, problem.dim, generator=draws, dtype=torch.float64)
    a, b = torch.rand(2, 11, generator=draws, dtype=torch.float64)
    expected = problem.value(center + a[:, None] * d1 + b[:, None] * d2)
    plane = module.Problem.plane_values
    torch.testing.assert_close(plane(problem, center, d1, d2, a, b), expected)
    monkeypatch.setattr(module, "PLANE_NUMBERS", 4 * problem.dim)
    torch.testing.assert_close(plane(problem, center, d1, d2, a, b), expected)
    assert len(plane(problem, center, d1, d2, a[:0], b[:0])) == 0


def test_forecast_grows_with_the_runs():
    problem = lab.problem("rosenbrock")
    assert problem.forecast(1000, torch.float64) == 1000 * problem.forecast(1, torch.float64)
    assert problem.forecast(1, torch.float64) == 2 * problem.forecast(1, torch.float32)


def test_a_lane_that_will_not_fit_is_refused():
    lane = lab.Lane("sgd", runs=900_000_000)
    with pytest.raises(ValueError, match=r"would need .* are free on cpu"):
        lab.run(lab.Experiment("digits_mlp", [lane], device="cpu"))


@pytest.mark.parametrize("given", ["list", "numpy32", "numpy64", "torch32", "torch64", "whole"])
@pytest.mark.parametrize("single", [True, False])
def test_answers_come_in_the_kind_that_was_given(given, single):
    problem = Bowl()
    points = [1.0, -2.0, 3.0] if single else [[1.0, -2.0, 3.0], [0.0, 1.0, 0.0]]
    theta = {
        "list": points,
        "numpy32": np.array(points, dtype=np.float32),
        "numpy64": np.array(points),
        "torch32": torch.tensor(points),
        "torch64": torch.tensor(points, dtype=torch.float64),
        "whole": np.array(points, dtype=np.int64),
    }[given]
    value, gradient = problem.value(theta), problem.gradient(theta)
    exact = np.array(points) * problem.curvature.numpy()
    np.testing.assert_allclose(gradient, exact)
    np.testing.assert_allclose(value, (exact * np.array(points)).sum(-1) / 2)
    assert value.shape == (() if single else (2,))
    if given.startswith("torch"):
        assert isinstance(value, torch.Tensor)
        assert value.dtype is gradient.dtype is theta.dtype
    else:
        wanted = np.float32 if given == "numpy32" else np.float64
        assert value.dtype == gradient.dtype == wanted
        assert isinstance(gradient, np.ndarray)
        assert not single or isinstance(value, np.floating)


@pytest.mark.parametrize(
    ("theta", "words"),
    [
        ([1.0, 2.0], r"theta has shape \(2,\); this problem needs \(3,\) or \(runs, 3\)"),
        (1.0, r"theta has shape \(\)"),
        (np.zeros((2, 2, 3)), r"theta has shape \(2, 2, 3\)"),
        ("abc", "theta = 'abc': an array of numbers is needed"),
        ([[1.0], [1.0, 2.0]], "an array of numbers is needed"),
        (np.ones(3) * 1j, "theta is complex: real numbers are needed"),
        ([None, 1, 2], "an array of numbers is needed"),
    ],
)
def test_other_shapes_are_refused(theta, words):
    for ask in (Bowl().value, Bowl().gradient):
        with pytest.raises(ValueError, match=words):
            ask(theta)


def test_gradients_can_be_taken_through_a_value():
    theta = torch.tensor([1.0, 2.0, 3.0], requires_grad=True)
    (gradient,) = torch.autograd.grad(Bowl().value(theta), theta)
    torch.testing.assert_close(gradient, Bowl().gradient(theta))


@pytest.mark.parametrize("runs", [1, 2, 5])  # fewer and more than there are parameters
@pytest.mark.parametrize("block", [1, 2, 64])
def test_the_hessian_of_every_run_on_its_own_batch(runs, block):
    problem = Regression()
    theta = problem.start([torch.Generator().manual_seed(i) for i in range(runs)])
    batch = problem.batches(0, list(range(runs))).at(3)
    x = problem.x[batch]
    torch.testing.assert_close(problem.hessian(theta, batch, block), 2 * x.mT @ x / 16)
    whole = (2 * problem.x.T @ problem.x / 64).expand(runs, 3, 3)
    torch.testing.assert_close(problem.hessian(theta, None, block), whole)


def test_one_graph_serves_many_products():
    problem = lab.problem("rosenbrock")
    theta = torch.tensor([[-1.5, 2.0], [0.3, 0.4]], dtype=torch.float64)
    product = problem.products(theta)
    dense = problem.hessian(theta)
    for vector in torch.eye(2, dtype=torch.float64):
        torch.testing.assert_close(product(vector.expand(2, 2)), dense @ vector)


def test_functions_without_curvature_have_a_hessian_of_zeros():
    class Plane(Bowl):
        def evaluate(self, theta, batch=None):
            return theta.sum(1)

    theta = torch.ones(2, 3)
    assert Plane().hessian(theta).tolist() == torch.zeros(2, 3, 3).tolist()
    assert Plane().products(theta)(theta).tolist() == torch.zeros(2, 3).tolist()


def test_what_a_problem_is_called():
    assert Bowl().title == "Bowl"
    assert Bowl().choice is None
    rosenbrock = lab.problem("rosenbrock", b=10)
    assert rosenbrock.title == "Rosenbrock"
    assert rosenbrock.choice.to_data() == {"name": "rosenbrock", "b": 10.0}


def test_metrics_on_a_plane_are_those_of_its_points():
    problem = lab.problem("moons_mlp", samples=40)
    draws = torch.Generator().manual_seed(0)
    center, d1, d2 = torch.randn(3, problem.dim, generator=draws, dtype=torch.float64)
    a, b = torch.rand(2, 7, generator=draws, dtype=torch.float64)
    points = center + a[:, None] * d1 + b[:, None] * d2
    values, metrics = module.Problem.plane_values_and_metrics(problem, center, d1, d2, a, b)
    torch.testing.assert_close(values, problem.value(points))
    torch.testing.assert_close(metrics["accuracy"], problem.metrics(points)["accuracy"])
    values, metrics = lab.problem("himmelblau").plane_values_and_metrics(*torch.rand(5, 2))
    assert len(values) == 2
    assert metrics == {}

"""Problems of users' torch functions."""

import math

import numpy as np
import pytest
import torch

import lab
from lab.engine.seeds import generator


def bowl(x):
    return (x**2).sum()


def rosenbrock(x):
    return (1 - x[0]) ** 2 + 100 * (x[1] - x[0] ** 2) ** 2


def branching(x):
    return x[0] ** 2 if x[0] > 0 else 3 * x[0] ** 2 + x[1]


def looping(x):
    total = x[0] ** 4
    for _ in range(int(x.detach().abs().sum()) + 1):
        total = total + x[1].cos()
    return total


WIDE = torch.tensor([[2.0, 1.0], [1.0, 3.0]], dtype=torch.float64)
NARROW = WIDE.float()


def needs_double(x):
    return x @ WIDE @ x


def needs_single(x):
    return x @ NARROW @ x


def starts(problem, runs):
    return problem.start([generator(0, "start", run) for run in range(runs)])


@pytest.mark.parametrize(
    "function", [bowl, rosenbrock, branching, looping, needs_double, needs_single]
)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_values_gradients_hessians(function, dtype):
    problem = lab.problem(function, dim=2)
    theta = starts(problem, 4).to(dtype)
    inner = {needs_double: torch.float64, needs_single: torch.float32}.get(function, dtype)
    rows = theta.to(inner)
    values = torch.stack([function(row) for row in rows]).to(dtype)
    gradients = torch.stack([torch.autograd.functional.jacobian(function, row) for row in rows])
    hessians = torch.stack([torch.autograd.functional.hessian(function, row) for row in rows])
    tolerance = {"rtol": 1e-5, "atol": 1e-5} if torch.float32 in (inner, dtype) else {}
    tolerance = tolerance or {"rtol": 1e-10, "atol": 1e-10}
    torch.testing.assert_close(problem.value(theta), values, **tolerance)
    torch.testing.assert_close(problem.gradient(theta), gradients.to(dtype), **tolerance)
    torch.testing.assert_close(problem.hessian(theta), hessians.to(dtype), **tolerance)
    torch.testing.assert_close(problem.value(theta[0]), values[0], **tolerance)


def test_same_as_the_catalogues_surface():
    ours, theirs = lab.problem(rosenbrock, dim=2), lab.problem("rosenbrock")
    points = np.array([[-1.5, 2.0], [1.0, 1.0], [0.3, -0.2]])
    np.testing.assert_allclose(ours.value(points), theirs.value(points))
    np.testing.assert_allclose(ours.gradient(points), theirs.gradient(points))


def test_way_of_evaluation_is_settled_once():
    calls = []

    def noted(x):
        calls.append(x.shape)
        return (x**2).sum()

    problem = lab.problem(noted, dim=3)
    calls.clear()
    problem.evaluate(starts(problem, 5))
    assert calls == [(3,)]  # once, under vmap
    problem = lab.problem(branching, dim=2)
    torch.testing.assert_close(
        problem.evaluate(torch.tensor([[2.0, 1.0], [-2.0, 1.0]])), torch.tensor([4.0, 13.0])
    )


def test_layout_title_and_family():
    problem = lab.problem(bowl, dim=5)
    assert (problem.dim, problem.layout.names, problem.title) == (5, ("x",), "bowl")
    assert problem.family == "function"
    assert problem.choice is None
    assert problem.batches(0, [0]) is None


def test_starts_without_a_window_are_normal():
    problem = lab.problem(bowl, dim=2)
    theta = starts(problem, 400)
    assert theta.dtype == torch.float64
    assert theta.mean().abs() < 0.15
    assert theta.std().item() == pytest.approx(1, abs=0.1)
    assert torch.equal(starts(problem, 3), theta[:3])


def test_starts_in_a_window():
    problem = lab.problem(bowl, dim=2, window=((-1, 1), (5, 7)), start=[0.5, 6.0])
    theta = starts(problem, 200)
    assert problem.window == ((-1.0, 1.0), (5.0, 7.0))
    assert theta[0].tolist() == [0.5, 6.0]
    low, high = theta.min(0).values, theta.max(0).values
    assert (low > torch.tensor([-1.0, 5.0])).all()
    assert (high < torch.tensor([1.0, 7.0])).all()
    assert (high - low > 1.9).all()


def test_starts_around_a_point():
    theta = starts(lab.problem(bowl, dim=2, start=np.array([10.0, 20.0])), 100)
    assert theta[0].tolist() == [10.0, 20.0]
    np.testing.assert_allclose(theta.mean(0), [10, 20], atol=0.4)


def test_a_function_runs_in_an_experiment():
    problem = lab.problem(needs_double, dim=2)
    experiment = lab.Experiment(problem, [lab.Lane("sgd", lr=0.1, runs=3)], steps=50)
    losses = lab.run(experiment).scalar("sgd", "loss")
    assert losses.shape == (51, 3)
    assert (losses[-1] < 1e-3 * losses[0]).all()


def test_a_function_that_fails_stops_its_own_lane_only():
    def fragile(x):
        if x.detach().abs().max() > 5:
            raise RuntimeError("too far out\nand more")
        return -(x**2).sum()

    lanes = [lab.Lane("sgd", lr=0.5, start=[1.0, 1.0]), lab.Lane("sgd", lr=1e-3, start=[1.0, 1.0])]
    record = lab.run(lab.Experiment(lab.problem(fragile, dim=2), lanes, steps=20))
    assert record.lane("sgd").failure == "RuntimeError: too far out"
    assert record.lane("sgd-2").failure == ""
    assert record.lane("sgd-2").head == 20
    events = [event for event in record.events if event.kind == "failed"]
    assert [event.lane for event in events] == ["sgd"]
    assert "in fragile" in events[0].data["details"]


@pytest.mark.parametrize(
    ("function", "options", "message"),
    [
        (bowl, {}, "dim = ... is needed"),
        (bowl, {"dim": 0}, "dim = 0: the number of the function's variables"),
        (bowl, {"dim": 2.5}, "dim = 2.5"),
        (bowl, {"dim": 2, "windw": 1}, "did you mean 'window'"),
        (bowl, {"dim": 2, "window": ((-1, 1),)}, "2 finite pairs"),
        (bowl, {"dim": 2, "window": ((-1, 1), (1, 1))}, "2 finite pairs"),
        (bowl, {"dim": 2, "window": ((-1, 1), (0, math.inf))}, "2 finite pairs"),
        (lambda x: (x * 1j).sum(), {"dim": 2}, "returned a complex number"),
        (lambda x: (x * torch.rand(2)).sum(), {"dim": 2}, "another value at every call"),
        (bowl, {"dim": 2, "window": 3}, "pairs are needed"),
        (bowl, {"dim": 2, "start": [1.0]}, "2 finite numbers"),
        (bowl, {"dim": 2, "start": [1.0, math.nan]}, "2 finite numbers"),
        (bowl, {"dim": 2, "start": "here"}, "2 numbers are needed"),
        (lambda x: x, {"dim": 2}, r"returned a tensor of shape \(2,\); a torch scalar"),
        (lambda x: x[:1], {"dim": 2}, r"returned a tensor of shape \(1,\); a torch scalar"),
        (lambda x: 1.0, {"dim": 2}, "returned float; a torch scalar"),
        (lambda x: None, {"dim": 2}, "returned NoneType"),
        (lambda x: x.sum().detach(), {"dim": 2}, "does not depend on its argument"),
        (lambda x: torch.tensor(1.0), {"dim": 2}, "does not depend on its argument"),
        (lambda x: x[2], {"dim": 2}, r"shape \(2,\): IndexError: index 2"),
        (lambda x: np.sin(x).sum(), {"dim": 2}, "requires grad"),
        (lambda: 1.0, {"dim": 2}, "TypeError"),
    ],
)
def test_what_is_no_problem_is_refused(function, options, message):
    with pytest.raises(ValueError, match=message) as raised:
        lab.problem(function, **options)
    assert "\n" not in str(raised.value)


def test_wrong_points_are_refused():
    problem = lab.problem(bowl, dim=2)
    with pytest.raises(ValueError, match=r"needs \(2,\) or \(runs, 2\)"):
        problem.value([1.0, 2.0, 3.0])

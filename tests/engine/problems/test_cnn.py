"""The convolutional network against torch's modules."""

import pytest
import torch
import torch_networks as reference

import lab
from lab.engine.problems import cnn
from lab.engine.seeds import generator

SHAPES = [
    {},
    {"widths": (2, 3, 2), "activation": "tanh"},
    {"widths": (2, 2), "activation": "gelu", "skip": True},
    {"widths": (2, 3), "norm": True},
    {"widths": (2, 2), "activation": "silu", "skip": True, "norm": True},
    {"widths": (2, 4, 3), "activation": "tanh", "skip": True},
]


def small(**knobs):
    return lab.problem("digits_cnn", **{"samples": 30, "widths": (2, 2), **knobs})


def module_of(problem):
    return reference.cnn(problem.widths, problem.activation, problem.skip, problem.norm)


def value_of(problem, inputs, targets):
    return reference.value_of(module_of(problem), inputs.view(-1, 1, 8, 8), targets)


def moved(problem, runs):
    theta = problem.start([generator(0, "start", run) for run in range(runs)])
    draws = generator(0, "moved")
    return theta + 0.1 * torch.randn(runs, problem.dim, generator=draws, dtype=torch.float64)


@pytest.mark.parametrize("knobs", SHAPES)
def test_values_gradients_products(knobs):
    problem = small(**knobs)
    value = value_of(problem, problem.dataset.inputs, problem.dataset.targets)
    theta = moved(problem, 2)
    values = torch.stack([value(row) for row in theta])
    gradients = torch.stack([torch.autograd.functional.jacobian(value, row) for row in theta])
    torch.testing.assert_close(problem.value(theta), values)
    torch.testing.assert_close(problem.gradient(theta), gradients)
    vector = torch.randn(2, problem.dim, generator=generator(0), dtype=torch.float64)
    pairs = zip(theta, vector, strict=True)
    products = [torch.autograd.functional.hvp(value, row, v)[1] for row, v in pairs]
    torch.testing.assert_close(problem.products(theta)(vector), torch.stack(products))


def test_hessian():
    problem = small(widths=(1,), samples=10, activation="tanh")
    value = value_of(problem, problem.dataset.inputs, problem.dataset.targets)
    theta = moved(problem, 1)
    expected = torch.autograd.functional.hessian(value, theta[0])
    torch.testing.assert_close(problem.hessian(theta)[0], expected)


def test_parameters_are_those_of_torch():
    assert lab.problem("digits_cnn").dim == 9930
    for norm in (False, True):
        problem = small(norm=norm, widths=(2, 3))
        named = dict(module_of(problem).named_parameters())
        assert problem.layout.names == tuple(named)
        assert problem.layout.shapes == tuple(tuple(part.shape) for part in named.values())


@pytest.mark.parametrize("knobs", SHAPES)
@pytest.mark.parametrize("own", [False, True])
def test_runs_as_groups_are_runs_one_by_one(knobs, own):
    """A GPU evaluates all runs as groups of one convolution; the arithmetic is the same here."""
    problem = small(**knobs)
    theta = moved(problem, 3)
    inputs = problem.dataset.inputs
    if own:
        inputs = inputs[torch.tensor([[0, 1, 2, 3], [9, 8, 7, 6], [4, 4, 5, 20]])]
    grouped = problem._forward(theta.requires_grad_(), inputs)
    torch.testing.assert_close(grouped, problem.outputs(theta, inputs))
    assert grouped.shape == (3, inputs.shape[-2], 10)


@pytest.mark.parametrize("norm", [False, True])
def test_blocks_of_samples_change_nothing(norm, monkeypatch):
    problem = small(norm=norm)
    theta = moved(problem, 2)
    expected = problem.evaluate(theta.requires_grad_()).detach()
    monkeypatch.setattr(cnn, "_SAMPLE_BLOCK", 7)
    torch.testing.assert_close(problem.value(theta.detach()), expected)


def test_planes_are_evaluated_as_points_are():
    problem = small()
    center, d1, d2 = moved(problem, 3).float()
    a, b = torch.rand(2, 5, generator=generator(0))
    points = center + a[:, None] * d1 + b[:, None] * d2
    expected = problem.evaluate_with_gradient(points)[0]
    torch.testing.assert_close(problem.plane_values(center, d1, d2, a, b), expected)
    values, metrics = problem.plane_values_and_metrics(center, d1, d2, a, b)
    torch.testing.assert_close(values, expected)
    assert torch.equal(metrics["accuracy"], problem.metrics(points)["accuracy"])


def test_mini_batches():
    problem = small(batch_size=8)
    theta, batch = moved(problem, 2), problem.batches(0, [0, 1]).at(0)
    value, gradient = problem.evaluate_with_gradient(theta, batch)
    for run in range(2):
        inputs, targets = (part[batch[run]] for part in problem.dataset.on(theta))
        expected = value_of(problem, inputs, targets)
        torch.testing.assert_close(value[run], expected(theta[run]))
        torch.testing.assert_close(
            gradient[run], torch.autograd.functional.jacobian(expected, theta[run])
        )
    assert "batches of 8" in problem.data_text


def test_hidden_activations():
    problem = small(widths=(2, 3))
    theta = moved(problem, 2)
    first, second = problem.hidden(theta)
    assert (first.shape, second.shape) == ((2, 30, 2, 8, 8), (2, 30, 3, 8, 8))
    images = problem.dataset.inputs.view(-1, 1, 8, 8)
    parts = problem.layout.split(theta[1])
    expected = torch.conv2d(images, parts["0.weight"], parts["0.bias"], padding=1).relu()
    torch.testing.assert_close(first[1], expected)


def test_experiments_survive_toml():
    experiment = lab.Experiment(small(batch_size=10, norm=True), [lab.Lane("adam")], steps=3)
    assert lab.Experiment.from_toml(experiment.to_toml()) == experiment
    assert lab.run(experiment).scalar("adam", "loss").shape == (4, 1)


@pytest.mark.parametrize(
    ("knobs", "message"),
    [
        ({"widths": ()}, "at least one convolution"),
        ({"norm": True, "batch_size": 1}, "batch_size = 2 or more"),
        ({"samples": 9}, "nearest 10"),
    ],
)
def test_what_does_not_fit_is_refused(knobs, message):
    with pytest.raises(ValueError, match=message):
        small(**knobs)

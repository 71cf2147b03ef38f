"""The catalogue's fully connected networks against torch's modules and the reference numbers."""

import itertools
import math

import numpy as np
import pytest
import torch
import torch_networks as reference
from torch import nn
from torch.nn import functional

import lab
from lab.engine.problems import dense, network
from lab.engine.seeds import generator

NAMES = ["digits_mlp", "moons_mlp", "circles_mlp", "spirals_mlp", "wave_mlp"]
SHAPES = [
    {},
    {"widths": (), "activation": "relu"},
    {"widths": (5,), "activation": "gelu"},
    {"widths": (4, 4, 4), "activation": "silu", "skip": True},
    {"widths": (4, 3), "norm": True},
    {"widths": (3, 3), "skip": True, "norm": True, "activation": "relu"},
    {"widths": (3, 5, 2), "skip": True},
]


def starts(problem, runs, seed=0):
    return problem.start([generator(seed, "start", run) for run in range(runs)])


def moved(problem, runs, seed=0):
    """Points away from the start, where nothing is special."""
    draws = generator(seed, "moved")
    return starts(problem, runs) + 0.2 * torch.randn(
        runs, problem.dim, generator=draws, dtype=torch.float64
    )


def module_of(problem):
    data = problem.dataset
    return reference.mlp(
        data.inputs.shape[1],
        problem.widths,
        data.outputs,
        problem.activation,
        problem.skip,
        problem.norm,
    )


@pytest.mark.parametrize("knobs", SHAPES)
def test_values_gradients_hessians(knobs):
    problem = lab.problem("moons_mlp", samples=40, **{"widths": (4, 4), **knobs})
    value = reference.value_of(module_of(problem), problem.dataset.inputs, problem.dataset.targets)
    theta = moved(problem, 2)
    values, gradients, hessians = reference.derivatives(value, theta)
    torch.testing.assert_close(problem.value(theta), values)
    torch.testing.assert_close(problem.gradient(theta), gradients)
    torch.testing.assert_close(problem.hessian(theta), hessians)
    vector = torch.randn(2, problem.dim, generator=generator(0), dtype=torch.float64)
    products = problem.products(theta)(vector)
    torch.testing.assert_close(products, torch.einsum("rij,rj->ri", hessians, vector))


@pytest.mark.parametrize("loss", ["mse", {"name": "huber", "delta": 0.3}, lab.loss("log_cosh")])
def test_losses_of_values(loss):
    problem = lab.problem("wave_mlp", widths=(4,), samples=20, loss=loss)
    data = problem.dataset
    value = reference.value_of(module_of(problem), data.inputs, data.targets, lab.loss(loss))
    theta = moved(problem, 3)
    expected = torch.stack([value(row) for row in theta])
    torch.testing.assert_close(problem.value(theta), expected)


def test_squared_error_of_classes_is_that_of_one_hot_rows():
    problem = lab.problem("moons_mlp", widths=(4,), samples=20, loss="mse")
    data = problem.dataset
    rows = functional.one_hot(data.targets, 2).double()
    value = reference.value_of(module_of(problem), data.inputs, rows, functional.mse_loss)
    theta = moved(problem, 1)
    torch.testing.assert_close(problem.value(theta)[0], value(theta[0]))


@pytest.mark.parametrize("name", NAMES)
def test_parameters_are_those_of_torch_in_name_order_and_shape(name):
    for norm in (False, True):
        problem = lab.problem(name, norm=norm)
        named = dict(module_of(problem).named_parameters())
        assert problem.layout.names == tuple(named)
        assert problem.layout.shapes == tuple(tuple(part.shape) for part in named.values())


def test_dimensions_of_the_reference_workloads():
    assert lab.problem("digits_mlp").dim == 8970
    assert lab.problem("moons_mlp").dim == 354


def test_reference_surface(golden):
    numbers = np.load(golden / "curvature.npz")
    problem = lab.problem("digits_mlp")
    center, d1, d2 = (torch.tensor(numbers[f"W1_{key}"]) for key in ("theta", "dx", "dy"))
    grid = torch.tensor(numbers["grid"])
    iy, ix = torch.meshgrid(*[torch.arange(0, 51, 5)] * 2, indexing="ij")
    iy, ix = iy.flatten(), ix.flatten()
    expected = numbers["W1_surface_loss"][iy, ix]
    a, b = grid[ix], grid[iy]
    single = problem.plane_values(center, d1, d2, a.float(), b.float())
    np.testing.assert_allclose(single.numpy(), expected, rtol=1e-5)
    double = [part.double() for part in (center, d1, d2)]
    np.testing.assert_allclose(problem.plane_values(*double, a, b).numpy(), expected, rtol=1e-9)
    points = double[0] + a[:, None] * double[1] + b[:, None] * double[2]
    np.testing.assert_allclose(problem.value(points).numpy(), expected, rtol=1e-9)
    accuracy = problem.metrics(points)["accuracy"].numpy()
    np.testing.assert_allclose(accuracy, numbers["W1_surface_acc"][iy, ix], atol=1e-6)


def test_reference_curvature(golden):
    numbers = np.load(golden / "curvature.npz")
    problem = lab.problem("digits_mlp")
    theta = torch.tensor(numbers["W1_theta"]).double()
    vectors = torch.tensor(numbers["W1_top10_vectors"]).double()
    products = problem.products(theta.expand(10, -1))(vectors)
    found = (products * vectors).sum(1) / (vectors * vectors).sum(1)
    np.testing.assert_allclose(found.numpy(), numbers["W1_top20_LM"][:10], rtol=1e-5)
    assert problem.gradient(theta[None]).norm() < 0.1


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_runs_are_independent(name, dtype):
    problem = lab.problem(name)
    theta = moved(problem, 4).to(dtype)
    value, gradient = problem.evaluate_with_gradient(theta)
    assert value.dtype == gradient.dtype == dtype
    for run in range(4):
        one, slope = problem.evaluate_with_gradient(theta[run : run + 1])
        torch.testing.assert_close(one[0], value[run])
        torch.testing.assert_close(slope[0], gradient[run])
    torch.testing.assert_close(problem.evaluate(theta), value)


@pytest.mark.parametrize("norm", [False, True])
def test_each_run_sees_its_own_batch(norm):
    problem = lab.problem("moons_mlp", batch_size=16, norm=norm)
    theta = moved(problem, 3)
    batch = problem.batches(0, [0, 1, 0]).at(0)
    assert batch.shape == (3, 16)
    value, gradient = problem.evaluate_with_gradient(theta, batch)
    for run in range(3):
        rows = batch[run]
        inputs, targets = problem.dataset.inputs[rows], problem.dataset.targets[rows]
        expected = reference.value_of(module_of(problem), inputs, targets)
        torch.testing.assert_close(value[run], expected(theta[run]))
        slope = torch.autograd.functional.jacobian(expected, theta[run])
        torch.testing.assert_close(gradient[run], slope)


def test_batches_are_off_where_all_data_are_seen():
    assert lab.problem("moons_mlp").batches(0, [0]) is None
    assert lab.problem("moons_mlp", batch_size=500).batches(0, [0]) is None
    assert lab.problem("moons_mlp", batch_size=499).batches(0, [0]) is not None


def test_start_is_torchs():
    problem = lab.problem("digits_mlp", norm=True)
    theta = problem.layout.split(starts(problem, 2))
    draws = [generator(0, "start", run) for run in range(2)]
    for run, (name, rows) in itertools.product(range(2), theta.items()):
        expected = torch.empty(rows.shape[1:], dtype=torch.float64)
        if expected.ndim == 2:
            nn.init.kaiming_uniform_(expected, a=math.sqrt(5), generator=draws[run])
            fan_in = expected.shape[1]
        elif name in ("1.weight", "4.weight"):
            expected.fill_(1)
        elif name in ("1.bias", "4.bias"):
            expected.fill_(0)
        else:
            expected.uniform_(-(fan_in**-0.5), fan_in**-0.5, generator=draws[run])
        torch.testing.assert_close(rows[run], expected)


def test_start_of_a_run_does_not_depend_on_the_others():
    problem = lab.problem("moons_mlp")
    assert torch.equal(starts(problem, 2), starts(problem, 5)[:2])
    assert torch.equal(starts(problem, 2), starts(problem, 2))
    assert not torch.equal(starts(problem, 2), starts(problem, 2, seed=1))
    assert not torch.equal(*starts(problem, 2))


@pytest.mark.parametrize("knobs", SHAPES)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_planes_are_evaluated_as_points_are(knobs, dtype, monkeypatch):
    problem = lab.problem("circles_mlp", samples=60, **{"widths": (4, 4), **knobs})
    center, d1, d2 = moved(problem, 3).to(dtype)
    a, b = torch.rand(2, 23, generator=generator(0), dtype=dtype)
    points = center + a[:, None] * d1 + b[:, None] * d2
    expected = problem.evaluate(points.requires_grad_()).detach()
    torch.testing.assert_close(problem.plane_values(center, d1, d2, a, b), expected)
    values, metrics = problem.plane_values_and_metrics(center, d1, d2, a, b)
    torch.testing.assert_close(values, expected)
    torch.testing.assert_close(metrics["accuracy"], problem.metrics(points)["accuracy"])
    monkeypatch.setattr(dense.DenseNetwork, "_plane_block", lambda *_: 5)
    torch.testing.assert_close(problem.plane_values(center, d1, d2, a, b), expected)


def test_blocks_of_a_plane_stay_small():
    like = torch.zeros(1)
    assert lab.problem("digits_mlp")._plane_block(like) == 4  # 1,797 samples of 64 units: 460 kB
    assert lab.problem("digits_mlp", widths=(4096,))._plane_block(like) == 1
    assert lab.problem("wave_mlp", samples=4, widths=(2,))._plane_block(like) == 1024


def test_many_runs_are_evaluated_in_blocks(monkeypatch):
    problem = lab.problem("moons_mlp", batch_size=8)
    theta, batch = moved(problem, 7), problem.batches(0, range(7)).at(3)
    value, gradient = problem.evaluate_with_gradient(theta, batch)
    plain, accuracy = problem.evaluate(theta), problem.metrics(theta)["accuracy"]
    seen = []
    monkeypatch.setattr(type(problem), "_runs_at_once", lambda *_: seen.append(1) or 3)
    torch.testing.assert_close(problem.evaluate_with_gradient(theta, batch), (value, gradient))
    torch.testing.assert_close(problem.evaluate(theta), plain)
    torch.testing.assert_close(problem.metrics(theta)["accuracy"], accuracy)
    assert seen


def test_memory_forecast_follows_what_a_graph_keeps():
    problem = lab.problem("digits_mlp")
    theta = starts(problem, 4).float()
    kept = network.kept_bytes(problem, theta, 512)
    alone = problem.forecast(4, torch.float32) - 40 * problem.dim * 4
    assert kept == pytest.approx(alone / 1.5 / 1797 * 512, rel=0.1)
    small, large = (problem.forecast(runs, torch.float32) for runs in (1000, 2000))
    assert large - small == 10_000 * problem.dim * 4  # activations come in blocks


def test_hidden_activations():
    problem = lab.problem("moons_mlp", samples=30, widths=(5, 4))
    theta = moved(problem, 2)
    first, second = problem.hidden(theta)
    assert (first.shape, second.shape) == ((2, 30, 5), (2, 30, 4))
    parts = problem.layout.split(theta[1])
    expected = torch.tanh(problem.dataset.inputs @ parts["0.weight"].T + parts["0.bias"])
    torch.testing.assert_close(first[1], expected)
    outputs = second[1] @ parts["4.weight"].T + parts["4.bias"]
    torch.testing.assert_close(problem.outputs(theta, problem.dataset.inputs)[1], outputs)


def test_metrics():
    classes, values = lab.problem("spirals_mlp", arms=3), lab.problem("wave_mlp")
    theta = moved(classes, 2)
    outputs = classes.outputs(theta, classes.dataset.inputs)
    right = [(row.argmax(1) == classes.dataset.targets).double().mean() for row in outputs]
    torch.testing.assert_close(classes.metrics(theta)["accuracy"], torch.stack(right))
    theta = moved(values, 2)
    torch.testing.assert_close(values.metrics(theta)["rmse"], values.value(theta).sqrt())


def test_what_is_said_of_the_data():
    assert lab.problem("digits_mlp").data_text == "all 1,797 samples"
    text = lab.problem("moons_mlp", batch_size=64, norm=True).data_text
    assert text == (
        "all 500 samples; steps see batches of 64; "
        "batch normalisation with the statistics of these samples"
    )
    assert lab.problem("wave_mlp", loss="mae").hessian_trouble
    assert not lab.problem("wave_mlp").hessian_trouble


@pytest.mark.parametrize("name", NAMES)
def test_a_run_learns_something(name):
    small = {"samples": 300} if name == "digits_mlp" else {}
    problem = lab.problem(name, **small)
    experiment = lab.Experiment(problem, [lab.Lane("adam", lr=0.01, runs=2)], steps=150)
    losses = lab.run(experiment).scalar("adam", "loss")
    assert (losses[-1] < 0.5 * losses[0]).all()


@pytest.mark.parametrize("loss", ["huber", {"name": "smooth_l1", "beta": 0.5}, lab.loss("mae")])
def test_experiments_survive_toml(loss):
    problem = lab.problem("wave_mlp", widths=[8, 8], skip=True, loss=loss, data_seed=3)
    experiment = lab.Experiment(problem, [lab.Lane("adam", runs=2)], steps=3, dtype="float64")
    again = lab.Experiment.from_toml(experiment.to_toml())
    assert again == experiment
    assert again.problem.make().criterion == problem.criterion
    np.testing.assert_array_equal(lab.run(again).theta("adam"), lab.run(experiment).theta("adam"))


@pytest.mark.parametrize(
    ("name", "knobs", "message"),
    [
        ("wave_mlp", {"loss": "focal"}, "'focal' compares classes, but the targets here are val"),
        ("moons_mlp", {"loss": "focl"}, "did you mean 'focal'"),
        ("moons_mlp", {"loss": {"name": "focal", "gamma": -1}}, "gamma = -1 is not allowed"),
        ("moons_mlp", {"norm": True, "batch_size": 1}, "batch_size = 2 or more"),
        ("moons_mlp", {"widths": (0,)}, "at least 1"),
        ("moons_mlp", {"activation": "tanhh"}, "did you mean 'tanh'"),
        ("moons_mlp", {"samples": 1.5}, "a whole number is needed"),
        ("moons_mpl", {}, "did you mean 'moons_mlp'"),
    ],
)
def test_what_does_not_fit_is_refused(name, knobs, message):
    with pytest.raises(ValueError, match=message) as raised:
        lab.problem(name, **knobs)
    assert "\n" not in str(raised.value)

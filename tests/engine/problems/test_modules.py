"""Problems of users' modules against the modules themselves."""

import copy
import itertools

import numpy as np
import pytest
import torch
import torch_networks as reference
from torch import nn
from torch.nn import functional

import lab
from lab.engine.problems import modulecall
from lab.engine.problems.modules import CallableNetwork, SequentialNetwork
from lab.engine.seeds import generator


def chain(*widths, activation=nn.Tanh):
    layers = []
    for inputs, outputs in itertools.pairwise(widths):
        layers += [nn.Linear(inputs, outputs), activation()]
    return nn.Sequential(*layers[:-1])


class Wrapped(nn.Module):
    """Hides a module from recognition."""

    def __init__(self, inner):
        super().__init__()
        self.inner = inner

    def forward(self, x):
        return self.inner(x)


class Free(nn.Module):
    """Parameters of its own, beside a layer that can draw its own."""

    def __init__(self):
        super().__init__()
        self.scale = nn.Parameter(torch.tensor(2.0))
        self.layer = nn.Linear(3, 4)

    def forward(self, x):
        return self.scale * self.layer(x)


class Holding(nn.Module):
    """Holds double-precision constants that are neither parameters nor buffers."""

    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(3, 4)
        self.constant = torch.eye(4, dtype=torch.float64)

    def forward(self, x):
        return self.layer(x) @ self.constant


class Branching(nn.Module):
    """Takes a branch that depends on the data, which vmap cannot follow."""

    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(3, 4)

    def forward(self, x):
        out = self.layer(x)
        return out if out.detach().sum() > 0 else 2 * out


class Tied(nn.Module):
    """Two layers that share one weight and one buffer."""

    def __init__(self):
        super().__init__()
        self.one, self.two, self.end = nn.Linear(3, 3), nn.Linear(3, 3), nn.Linear(3, 4)
        self.two.weight = self.one.weight
        self.one.register_buffer("shift", torch.ones(3))
        self.two.register_buffer("shift", self.one.shift)

    def forward(self, x):
        return self.end(
            torch.tanh(self.two(torch.tanh(self.one(x) + self.one.shift))) + self.two.shift
        )


class Twice(nn.Module):
    """One layer that is used twice, under two names."""

    def __init__(self):
        super().__init__()
        self.one, self.end = nn.Linear(3, 3), nn.Linear(3, 4)
        self.two = self.one

    def forward(self, x):
        return self.end(torch.tanh(self.two(torch.tanh(self.one(x)))))


def data(samples=12, features=3, classes=4):
    draws = torch.Generator().manual_seed(0)
    return torch.randn(samples, features, generator=draws), torch.arange(samples) % classes


def moved(problem, runs=3):
    noise = torch.randn(runs, problem.dim, generator=generator(0, "moved"), dtype=torch.float64)
    return problem.start([generator(0, "start", 0)]) + 0.1 * noise


def made(module, seed=3, **options):
    """A module with reproducible parameters, as a problem."""
    torch.manual_seed(seed)
    return lab.problem(module(), **{"data": data(), **options})


MODULES = [
    lambda: chain(3, 5, 5, 4),
    lambda: chain(3, 5, 4, activation=nn.GELU),
    lambda: nn.Sequential(nn.Linear(3, 4, bias=False)),
    lambda: Wrapped(chain(3, 5, 4)),
    lambda: nn.Sequential(nn.Linear(3, 5), nn.LayerNorm(5), nn.ReLU(), nn.Linear(5, 4)),
    lambda: nn.Sequential(nn.Linear(3, 5), nn.BatchNorm1d(5), nn.Tanh(), nn.Linear(5, 4)),
    lambda: nn.Sequential(nn.Linear(3, 5), nn.BatchNorm1d(5), nn.Linear(5, 4)).eval(),
    lambda: nn.Sequential(nn.Unflatten(1, (1, 3)), nn.Conv1d(1, 4, 3), nn.Flatten()),
    Free,
    Holding,
    Branching,
    Tied,
    Twice,
]


@pytest.mark.parametrize("module", MODULES)
def test_values_gradients_hessians(module):
    problem = made(module)
    torch.manual_seed(3)
    value = reference.value_of(module().double(), *data())
    theta = moved(problem)
    values, gradients, hessians = reference.derivatives(value, theta)
    torch.testing.assert_close(problem.value(theta), values)
    torch.testing.assert_close(problem.gradient(theta), gradients)
    torch.testing.assert_close(problem.hessian(theta), hessians)
    torch.testing.assert_close(problem.value(theta[0].numpy()), values[0].item())


@pytest.mark.parametrize("module", MODULES)
def test_both_precisions(module):
    problem = made(module)
    theta = moved(problem)
    value, gradient = problem.evaluate_with_gradient(theta.float())
    assert value.dtype == gradient.dtype == torch.float32
    torch.testing.assert_close(value.double(), problem.value(theta), rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(gradient.double(), problem.gradient(theta), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("module", MODULES)
def test_mini_batches_and_planes(module):
    problem = made(module, batch_size=5)
    theta, batch = moved(problem), problem.batches(0, [0, 1, 2]).at(0)
    torch.manual_seed(3)
    double = module().double()
    for run, value in enumerate(problem.evaluate(theta, batch)):
        inputs, targets = (part[batch[run]] for part in data())
        expected = reference.value_of(double, inputs, targets)(theta[run])
        torch.testing.assert_close(value, expected)
    center, d1, d2 = theta
    a, b = torch.rand(2, 6, generator=generator(0), dtype=torch.float64)
    points = center + a[:, None] * d1 + b[:, None] * d2
    expected = torch.stack([problem.value(point) for point in points])
    torch.testing.assert_close(problem.plane_values(center, d1, d2, a, b), expected)


def test_reference_points(golden):
    numbers = np.load(golden / "curvature.npz")
    for name, widths, tolerance in (("W1", (64, 64, 64, 10), 1e-6), ("W3", (2, 16, 16, 2), 1e-12)):
        problem = lab.problem(
            chain(*widths), data=(numbers[f"{name}_X"], numbers[f"{name}_y"]), loss="cross_entropy"
        )
        theta = numbers[f"{name}_theta"]
        middle = (25, 25)
        assert numbers["grid"][25] == 0
        expected = numbers[f"{name}_surface_loss"][middle]
        assert problem.value(theta.astype(float)) == pytest.approx(expected, rel=tolerance)
        assert problem.value(theta).dtype == theta.dtype
        accuracy = problem.metrics(torch.tensor(theta)[None])["accuracy"].item()
        assert accuracy == pytest.approx(numbers[f"{name}_surface_acc"][middle], abs=1e-7)


def test_reference_surface(golden):
    numbers = np.load(golden / "curvature.npz")
    problem = lab.problem(chain(2, 16, 16, 2), data=(numbers["W3_X"], numbers["W3_y"]))
    center, d1, d2 = (torch.tensor(numbers[f"W3_{key}"]) for key in ("theta", "dx", "dy"))
    grid = torch.tensor(numbers["grid"])
    b, a = (part.flatten() for part in torch.meshgrid(grid, grid, indexing="ij"))
    expected = numbers["W3_surface_loss"].flatten()
    found = problem.plane_values(center, d1, d2, a, b)
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-10)
    points = center + a[:, None] * d1 + b[:, None] * d2
    np.testing.assert_allclose(problem.value(points).numpy(), expected, rtol=1e-10)
    accuracy = problem.metrics(points)["accuracy"].numpy()
    np.testing.assert_allclose(accuracy, numbers["W3_surface_acc"].flatten(), atol=1e-6)
    line = torch.tensor(numbers["line"])
    slice_ = problem.plane_values(center, d1, d2, line, torch.zeros_like(line))
    np.testing.assert_allclose(slice_.numpy(), numbers["W3_line_dx"], rtol=1e-10)
    height = 1e-4  # the slope along the line against the gradient there
    ends = problem.value(center + torch.tensor([[height], [-height]]).double() * d1)
    slope = ((ends[0] - ends[1]) / (2 * height)).item()
    assert problem.gradient(center) @ d1 == pytest.approx(slope, rel=1e-4, abs=1e-9)


def test_reference_hessian(golden):
    numbers = np.load(golden / "curvature.npz")
    problem = lab.problem(chain(2, 16, 16, 2), data=(numbers["W3_X"], numbers["W3_y"]))
    theta = torch.tensor(numbers["W3_theta"])
    hessian = problem.hessian(theta[None])[0]
    np.testing.assert_allclose(hessian.numpy(), numbers["W3_hessian"], atol=1e-12)
    for rows, top in zip(numbers["W3_batch_idx"], numbers["W3_batch_top10_LA"], strict=True):
        batch = torch.tensor(rows)[None].long()
        values = torch.linalg.eigvalsh(problem.hessian(theta[None], batch)[0]).flip(0)[:10]
        np.testing.assert_allclose(values.numpy(), top, rtol=1e-6)


def test_what_is_recognised_as_a_chain():
    shared, same = nn.Linear(3, 3), nn.Tanh()
    frozen = chain(3, 5, 4)
    frozen[0].weight.requires_grad_(False)
    hooked = chain(3, 5, 4)
    hooked[0].register_forward_hook(lambda module, inputs, outputs: 2 * outputs)
    plain = [
        chain(3, 5, 4),
        nn.Sequential(nn.Sequential(nn.Linear(3, 5), nn.ReLU(inplace=True)), nn.Linear(5, 4)),
        nn.Sequential(nn.Linear(3, 5), same, nn.Linear(5, 5), same, nn.Identity(), nn.Linear(5, 4)),
    ]
    other = [
        Wrapped(chain(3, 4)),
        nn.Sequential(nn.Linear(3, 4), nn.LayerNorm(4)),
        nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Tanh()),
        nn.Sequential(nn.Tanh(), nn.Linear(3, 4)),
        nn.Sequential(shared, nn.Tanh(), shared, nn.Linear(3, 4)),
        nn.utils.parametrizations.weight_norm(nn.Sequential(nn.Linear(3, 4))[0]),
        frozen,
        hooked,
    ]
    for module, kind in [(m, SequentialNetwork) for m in plain] + [
        (m, CallableNetwork) for m in other
    ]:
        problem = lab.problem(module, data=data())
        assert type(problem) is kind, module
        theta = problem.start([generator(0)])[0]
        expected = functional.cross_entropy(module(data()[0]), data()[1]).item()
        assert problem.value(theta.float()).item() == pytest.approx(expected, rel=1e-5), module


def test_fixed_parameters_are_left_out():
    module = chain(3, 5, 4)
    module[0].requires_grad_(False)
    problem = lab.problem(module, data=data())
    assert problem.layout.names == ("2.weight", "2.bias")
    assert torch.equal(
        problem.start([generator(0)])[0],
        moved(problem, 1)[0] * 0
        + torch.cat([part.detach().flatten() for part in module[2].parameters()]),
    )


def test_the_module_is_not_touched():
    module = nn.Sequential(nn.Linear(3, 5), nn.BatchNorm1d(5), nn.ReLU(), nn.Linear(5, 4))
    before = copy.deepcopy(module.state_dict())
    state = torch.random.get_rng_state()
    problem = lab.problem(module, data=data())
    theta = problem.start([generator(0, "start", run) for run in range(3)])
    problem.evaluate_with_gradient(theta)
    problem.hessian(theta[:1])
    assert module.training
    assert module[1].track_running_stats
    assert all(part.grad is None for part in module.parameters())
    for name, part in module.state_dict().items():
        assert torch.equal(part, before[name]), name
    assert torch.equal(torch.random.get_rng_state(), state)
    with torch.no_grad():
        module[0].weight.zero_()
    assert torch.equal(problem.start([generator(0)])[0], theta[0])


def test_starts_are_the_modules_own_and_then_anew():
    problem = made(lambda: Wrapped(chain(3, 50, 4)))
    draws = [generator(0, "start", run) for run in range(3)]
    own, one, two = problem.start(draws)
    parameters = [part.detach().double().flatten() for part in problem.module.parameters()]
    assert torch.equal(own, torch.cat(parameters))
    assert not torch.equal(one, two)
    weight = problem.layout.split(two)["inner.0.weight"]
    assert weight.abs().max() <= 3**-0.5  # as torch.nn.Linear draws them
    assert weight.std().item() == pytest.approx((3 * 3) ** -0.5, rel=0.2)
    again = problem.start([generator(0, "start", run) for run in range(2)])
    assert torch.equal(again, torch.stack([own, one]))


def test_parameters_without_a_draw_of_their_own_stay():
    problem = made(Free)
    starts = problem.layout.split(problem.start([generator(0, "start", r) for r in range(2)]))
    assert starts["scale"].tolist() == [2.0, 2.0]
    assert not torch.equal(*starts["layer.weight"])


def test_batch_normalisation_in_both_modes():
    module = nn.Sequential(nn.Linear(3, 5), nn.BatchNorm1d(5), nn.Linear(5, 4))
    inputs, targets = data()
    module[1].running_mean.fill_(0.3)
    theta = torch.cat([part.detach().flatten() for part in module.parameters()])
    for mode, text in ((True, "of these samples"), (False, "stored in the module")):
        problem = lab.problem(module.train(mode), data=(inputs, targets))
        expected = functional.cross_entropy(copy.deepcopy(module)(inputs), targets)
        torch.testing.assert_close(problem.value(theta), expected)
        assert (
            problem.data_text == f"all 12 samples; batch normalisation with the statistics {text}"
        )
    assert lab.problem(chain(3, 4), data=data()).data_text == "all 12 samples"


def test_dropout():
    module = nn.Sequential(nn.Linear(3, 50), nn.Dropout(0.5), nn.Linear(50, 4))
    with pytest.raises(ValueError, match=r"other values at every call .* eval\(\)"):
        lab.problem(module, data=data())
    problem = lab.problem(module.eval(), data=data())
    theta = problem.start([generator(0)])
    assert problem.value(theta) == problem.value(theta)
    lab.problem(nn.Sequential(nn.Linear(3, 4), nn.Dropout(0.0)), data=data())


@pytest.mark.parametrize("shape", [(12,), (12, 1), (12, 2), (12, 2, 3)])
def test_values_of_any_shape(shape):
    inputs = data()[0].numpy()
    targets = np.random.default_rng(0).normal(size=shape)
    count = int(np.prod(shape[1:]))
    shapes = {1: nn.Flatten(0), 2: nn.Identity(), 3: nn.Unflatten(1, (2, 3))}
    module = nn.Sequential(nn.Linear(3, count), shapes[len(shape)])
    problem = lab.problem(module, data=(inputs, targets))  # the loss follows from the targets
    outputs = module(torch.tensor(inputs))
    expected = functional.mse_loss(outputs, torch.tensor(targets).float()).item()
    theta = problem.start([generator(0)])
    assert problem.value(theta).item() == pytest.approx(expected, rel=1e-6)
    assert problem.metrics(theta)["rmse"].item() == pytest.approx(expected**0.5, rel=1e-6)


def test_one_column_of_outputs_and_a_vector_of_targets():
    inputs = data()[0]
    problem = lab.problem(nn.Linear(3, 1), data=(inputs, inputs[:, 0]), loss="mse")
    theta = torch.tensor([[1.0, 0.0, 0.0, 0.0]])
    assert problem.value(theta).item() == pytest.approx(0, abs=1e-12)
    counts = lab.problem(nn.Linear(3, 1), data=(inputs, torch.arange(12)), loss="mse")
    expected = (torch.arange(12) - inputs[:, 0]).square().mean().item()
    assert counts.value(theta).item() == pytest.approx(expected, rel=1e-6)


def test_classes_by_squared_error():
    problem = lab.problem(chain(3, 4), data=data(), loss="mse")
    inputs, targets = data()
    theta = moved(problem, 1)
    rows = functional.one_hot(targets, 4).double()
    expected = functional.mse_loss(problem.outputs(theta, inputs.double())[0], rows)
    torch.testing.assert_close(problem.value(theta)[0], expected)
    assert "accuracy" in problem.metrics(theta)


def test_whole_numbers_as_inputs():
    module = nn.Sequential(nn.Embedding(7, 4), nn.Flatten(), nn.Linear(8, 3))
    words = torch.arange(20).reshape(10, 2) % 7
    problem = lab.problem(module, data=(words, np.arange(10) % 3))
    expected = functional.cross_entropy(module(words), torch.arange(10) % 3).item()
    assert problem.value(problem.start([generator(0)])).item() == pytest.approx(expected)


def test_a_module_that_fails_stops_its_own_lane_only():
    class Fragile(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = nn.Linear(3, 4)

        def forward(self, x):
            if self.layer.weight.detach().abs().max() > 10:
                raise RuntimeError("too large")
            return self.layer(x)

    problem = made(Fragile)
    lanes = [lab.Lane("sgd", lr=1000.0), lab.Lane("sgd", lr=0.1, runs=2)]
    record = lab.run(lab.Experiment(problem, lanes, steps=10))
    assert record.lane("sgd").failure == "RuntimeError: too large"
    losses = record.scalar("sgd-2", "loss")
    assert losses.shape == (11, 2)
    assert (losses[-1] < losses[0]).all()


def test_memory_forecast_counts_activations():
    wide = lab.problem(Wrapped(chain(3, 500, 4)), data=data(samples=400))
    per_run = wide.forecast(1, torch.float32) - 40 * wide.dim
    assert per_run > 400 * 500 * 4  # one hidden activation for each sample, at least
    assert lab.problem(Wrapped(chain(3, 500, 4)), data=data(samples=400), batch_size=40).forecast(
        1, torch.float32
    ) - 40 * wide.dim == pytest.approx(per_run / 10)


def test_a_module_has_no_place_in_a_file():
    experiment = lab.Experiment(made(lambda: chain(3, 4)), [lab.Lane("sgd")])
    with pytest.raises(ValueError, match="which a file cannot hold"):
        experiment.to_toml()


class Uncopied(nn.Linear):
    def __deepcopy__(self, memo):
        raise TypeError("no copies")


class Pair(nn.Linear):
    def forward(self, x):
        return super().forward(x), x


class Detached(nn.Linear):
    def forward(self, x):
        return super().forward(x).detach()


@pytest.mark.parametrize(
    ("module", "options", "message"),
    [
        (nn.Linear(3, 4), {"data": None}, r"data = \(X, y\) is needed"),
        (nn.Linear(3, 4), {"data": data()[0]}, r"data = \(X, y\) is needed"),
        (nn.Linear(3, 4), {"data": (data()[0], [0, 1])}, "X has 12 samples, y has 2"),
        (nn.Linear(3, 4), {"data": ([], [])}, "X holds no samples"),
        (nn.Linear(3, 4), {"data": (["a"], ["b"])}, "X must be an array of numbers"),
        (nn.Linear(3, 3), {}, "target 3 is no class: the outputs have 3 columns"),
        (nn.Linear(2, 4), {}, r"shape \(12, 3\): RuntimeError: mat1 and mat2"),
        (nn.Linear(3, 4), {"loss": "focl"}, "did you mean 'focal'"),
        (nn.Linear(3, 4), {"los": "mse"}, "did you mean 'loss'"),
        (nn.Linear(3, 4), {"batch_size": -1}, "batch_size = -1"),
        (nn.Linear(3, 4), {"batch_size": 1.5}, "batch_size = 1.5"),
        (
            nn.Linear(3, 4),
            {"data": (data()[0], torch.zeros(12)), "loss": "cross_entropy"},
            "whole numbers, not outputs .* float32",
        ),
        (nn.Linear(3, 4), {"data": (data()[0], torch.zeros(12, 3))}, r"shape \(12, 4\)"),
        (
            nn.Sequential(nn.Linear(3, 6), nn.Unflatten(1, (2, 3))),
            {"loss": "cross_entropy"},
            r"needs outputs \(samples, classes\)",
        ),
        (nn.Sequential(nn.Linear(3, 4), nn.Flatten(0)), {}, r"returned shape \(48,\) for 12"),
        (Pair(3, 4), {}, "returned tuple for 12 samples"),
        (Detached(3, 4), {}, "cannot be differentiated"),
        (nn.Flatten(), {}, "no trainable parameters"),
        (Uncopied(3, 4), {}, "cannot be copied: TypeError: no copies"),
    ],
)
def test_what_does_not_fit_is_refused(module, options, message):
    with pytest.raises(ValueError, match=message) as raised:
        lab.problem(module, **{"data": data(), **options})
    assert "\n" not in str(raised.value)


def test_convolutions_of_samples_in_blocks_are_the_same_function(monkeypatch):
    monkeypatch.setattr(modulecall, "_SAMPLE_BLOCK", 5)
    images = torch.randn(12, 1, 6, 6, generator=generator(0), dtype=torch.float64)
    labels = torch.arange(12) % 3
    shared = [nn.Conv2d(1, 4, 3, padding=1), nn.ReLU(), nn.Conv2d(4, 3, 3)]
    ends = [nn.AdaptiveAvgPool2d(1), nn.Flatten()]
    for middle, apart in (([], True), ([nn.BatchNorm2d(3)], False)):
        module = nn.Sequential(*shared, *middle, *ends).double()
        problem = lab.problem(module, data=(images, labels), loss="cross_entropy")
        assert problem._call._by_samples == apart
        theta = moved(problem, 2)
        expected = [reference.value_of(module, images, labels)(row) for row in theta]
        torch.testing.assert_close(problem.evaluate(theta), torch.stack(expected))

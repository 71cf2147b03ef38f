"""Hidden units of modules, read from their operations, against the modules themselves."""

import pytest
import residual_networks
import torch
from torch import nn
from torch.nn import functional

import lab
from lab.engine.analysis.chain import wiring_of
from lab.engine.seeds import generator

DRAWS = torch.Generator().manual_seed(3)


def groups_of(problem):
    """The names of the tensors of each group, and how many units it has."""
    return [({p.tensor for p in g.places}, g.size) for g in wiring_of(problem).groups]


def largest_change(problem, orders=None):
    """The largest change of outputs where all units change places, relative to the outputs."""
    wiring = wiring_of(problem)
    theta = problem.start([generator(0, "start")])[0]
    theta = theta + 0.2 * torch.randn(problem.dim, generator=DRAWS, dtype=torch.float64)
    orders = [torch.randperm(group.size, generator=DRAWS) for group in wiring.groups]
    moved = wiring.permuted(theta, orders)
    assert (moved != theta).sum() > 0.5 * problem.dim
    one, two = problem.outputs(torch.stack([theta, moved]), problem.dataset.inputs)
    return float((one - two).abs().max() / one.abs().max())


@pytest.mark.parametrize(
    "make",
    [
        residual_networks.convolutions,
        residual_networks.ResidualMLP,
        residual_networks.ResNet,
        residual_networks.PlainResNet,
        residual_networks.Mixed,
    ],
)
def test_permuted_networks_compute_the_same_function(make):
    problem = residual_networks.problem_of(make)
    assert all(largest_change(problem) < 1e-12 for _ in range(5))


def test_a_projection_shortcut_shares_the_units_of_its_block():
    found = groups_of(residual_networks.problem_of(residual_networks.ResNet))
    assert [size for _, size in found] == [5, 5, 6, 6, 8, 8]
    (stream, *_), (inner, *_), (second, *_) = found[0], found[1], found[2]
    assert {"conv.weight", "bn.bias", "blocks.0.conv2.weight", "blocks.1.conv1.weight"} < stream
    assert inner == {f"blocks.0.{name}" for name in ("conv1.weight", "bn1.weight", "bn1.bias")} | {
        "blocks.0.conv2.weight"
    }
    assert {"blocks.1.shortcut.0.weight", "blocks.1.conv2.weight", "blocks.2.conv1.weight"} < second


def test_sums_of_layers_that_make_the_outputs_are_not_hidden():
    class Twofold(nn.Module):
        def __init__(self):
            super().__init__()
            self.first, self.one, self.two = nn.Linear(6, 4), nn.Linear(4, 3), nn.Linear(6, 3)

        def forward(self, x):
            return self.one(torch.tanh(self.first(x))) + self.two(x)

    problem = residual_networks.problem_of(residual_networks.ResidualMLP)
    names = [layer.weight for layer in wiring_of(problem).layers]
    assert names == [f"{name}.weight" for name in ("first", "up", "down", "wide", "shortcut")]
    data = problem.dataset.inputs, problem.dataset.targets
    problem = lab.problem(Twofold().double(), data=data, loss="cross_entropy")
    assert [layer.weight for layer in wiring_of(problem).layers] == ["first.weight"]


def test_states_and_sums_are_those_of_the_module():
    problem = residual_networks.problem_of(residual_networks.PlainResNet)
    theta = torch.randn(2, problem.dim, generator=DRAWS, dtype=torch.float64)
    sums, states = problem.hidden_sums(theta), problem.hidden(theta)
    module, inputs = problem.module, problem.dataset.inputs
    for run in range(2):
        nn.utils.vector_to_parameters(theta[run], module.parameters())
        first = module.conv(inputs)
        one, side = module.one(first.relu()), module.shortcut(first.relu())
        two = module.two(one.relu())
        for found, wanted in zip(sums, (first, one, two, side), strict=True):
            torch.testing.assert_close(found[run], wanted)
        last = (two + side).relu().flatten(1)
        for found, wanted in zip(states, (first.relu(), one.relu(), last), strict=True):
            torch.testing.assert_close(found[run], wanted)


def test_a_weight_in_use_twice_ties_what_goes_in_to_what_comes_out():
    class Twice(nn.Module):
        def __init__(self):
            super().__init__()
            self.first, self.again, self.last = nn.Linear(6, 5), nn.Linear(5, 5), nn.Linear(5, 3)

        def forward(self, x):
            x = torch.relu(self.first(x))
            return self.last(torch.relu(self.again(torch.relu(self.again(x)))))

    problem = of(Twice())
    ((names, size),) = groups_of(problem)
    assert names == {f"{n}.weight" for n in ("first", "again", "last")} | {
        "first.bias",
        "again.bias",
    }
    assert size == 5
    assert wiring_of(problem).groups[0].is_coupled
    assert largest_change(problem) < 1e-12


def test_parts_of_a_layer_that_are_treated_otherwise_do_not_change_places_with_others():
    class Parted(nn.Module):
        def __init__(self):
            super().__init__()
            self.first, self.last = nn.Linear(6, 7), nn.Linear(7, 3)

        def forward(self, x):
            one, two = self.first(x).split([3, 4], dim=1)
            return self.last(torch.cat([torch.tanh(one), torch.relu(two)], dim=1))

    problem = of(Parted())
    assert [size for _, size in groups_of(problem)] == [3, 4]
    assert largest_change(problem) < 1e-12


def test_what_is_tied_to_inputs_or_constants_stays():
    class Held(nn.Module):
        def __init__(self):
            super().__init__()
            self.one, self.two, self.last = nn.Linear(6, 6), nn.Linear(6, 4), nn.Linear(4, 3)
            self.register_buffer("mask", torch.tensor([1.0, 0.0, 1.0, 1.0]))

        def forward(self, x):
            x = x + torch.relu(self.one(x))
            return self.last(torch.relu(self.two(x)) * self.mask)

    assert groups_of(of(Held())) == []


def test_hand_written_layers_and_channels_last():
    class ByHand(nn.Module):
        def __init__(self):
            super().__init__()
            self.weight, self.bias = nn.Parameter(torch.randn(6, 5)), nn.Parameter(torch.randn(5))
            self.place = nn.Parameter(torch.randn(5, 1))
            self.frozen, self.last = nn.Linear(5, 4), nn.Linear(8, 3)
            self.frozen.requires_grad_(False)

        def forward(self, x):
            x = torch.tanh(x @ self.weight + self.bias + self.place.flatten())
            x = x.view(x.size(0), -1)
            x = torch.cat([functional.softplus(x), x[:, :3].exp()], dim=-1)
            return self.last(x)

    problem = of(ByHand())
    assert [size for _, size in groups_of(problem)] == [3, 2]
    assert {"weight", "bias", "place", "last.weight"} == groups_of(problem)[0][0]
    assert largest_change(problem) < 1e-12


class Branching(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(6, 3)

    def forward(self, x):
        out = self.layer(x)
        return out if out.sum() > 0 else -out


class Attention(nn.Module):
    def __init__(self):
        super().__init__()
        self.query, self.last = nn.Linear(6, 4), nn.Linear(4, 3)

    def forward(self, x):
        q = self.query(x)
        return self.last((q[:, :, None] @ q[:, None, :]).sum(1))


class Sorted(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.last = nn.Linear(6, 4), nn.Linear(4, 3)

    def forward(self, x):
        return self.last(self.first(x).cumsum(dim=1))


class Written(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.last = nn.Linear(6, 4), nn.Linear(4, 3)

    def forward(self, x):
        x = self.first(x)
        x[:, 0] = 1.0
        return self.last(x)


class Grouped(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.last = nn.Linear(6, 8), nn.Linear(8, 3)
        self.norm = nn.GroupNorm(2, 8)

    def forward(self, x):
        return self.last(self.norm(self.first(x)))


@pytest.mark.parametrize(
    ("module", "message"),
    [
        (Branching, "torch.fx cannot trace the module"),
        (lambda: nn.Sequential(nn.Linear(6, 3), Branching2()), "cannot trace '1' .Branching2"),
        (Attention, "'matmul' of this module: its weight is computed"),
        (Sorted, "'cumsum' of this module: what it does to single units is not known"),
        (Written, "cannot trace the module: 'Proxy' object does not support item assignment"),
        (Grouped, "'group_norm' of this module: units meet some others"),
    ],
)
def test_modules_that_cannot_be_read_are_refused_by_what_they_do(module, message):
    with pytest.raises(ValueError, match=message):
        wiring_of(of(module()))


class Branching2(Branching):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(3, 3)


@pytest.mark.parametrize("stored", [False, True])
def test_stored_statistics_of_batch_normalisation(stored):
    module = residual_networks.convolutions().eval()
    if stored:
        module[1].running_mean = torch.arange(4.0)
    data = torch.randn(9, 1, 8, 8, generator=DRAWS), torch.arange(9) % 3
    problem = lab.problem(module.double(), data=data, loss="cross_entropy")
    if stored:
        with pytest.raises(ValueError, match="in evaluation mode it has other statistics"):
            wiring_of(problem)
    else:
        assert not wiring_of(problem).layers[0].normalised
        assert largest_change(problem) < 1e-12


def of(module):
    """A problem of random rows of six numbers."""
    data = torch.randn(20, 6, generator=DRAWS, dtype=torch.float64), torch.arange(20) % 3
    return lab.problem(module.double(), data=data, loss="cross_entropy")

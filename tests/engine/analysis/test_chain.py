import numpy as np
import pytest
import torch
from torch import nn

import lab
from lab.engine.analysis.base import finish
from lab.engine.analysis.chain import Chain, check_symmetric
from lab.engine.layout import Layout

DRAWS = torch.Generator().manual_seed(0)
IMAGES = torch.randn(20, 2, 6, 6, generator=DRAWS, dtype=torch.float64)
CLASSES = torch.randint(0, 3, (20,), generator=DRAWS)


class Residual(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.second, self.last = nn.Linear(4, 5), nn.Linear(5, 5), nn.Linear(5, 3)

    def forward(self, x):
        x = torch.relu(self.first(x))
        return self.last(x + torch.relu(self.second(x)))


def problem(module, inputs):
    return lab.problem(module.double(), data=(inputs, CLASSES), loss="cross_entropy")


def convolutions(pool):
    head = nn.Linear(4, 3) if pool else nn.Linear(4 * 4, 3)
    return nn.Sequential(
        nn.Conv2d(2, 3, 3),
        nn.BatchNorm2d(3),
        nn.ReLU(),
        nn.Conv2d(3, 4, 3, bias=False),
        nn.Tanh(),
        nn.AdaptiveAvgPool2d(1) if pool else nn.Identity(),
        nn.Flatten(),
        head,
    )


@pytest.mark.parametrize("pool", [True, False])
def test_permuted_convolutions_compute_the_same_function(pool):
    network = problem(convolutions(pool), IMAGES)
    chain = Chain.of(network.layout)
    assert chain.weights == ("0.weight", "3.weight", "7.weight")
    assert chain.units[0] == ("0.bias", "1.weight", "1.bias")
    assert chain.hidden == (3, 4)
    theta = torch.randn(network.dim, generator=DRAWS, dtype=torch.float64)
    order = [torch.tensor([2, 0, 1]), torch.tensor([1, 3, 0, 2])]
    moved = chain.permuted(theta, order)
    assert (moved != theta).any()
    torch.testing.assert_close(network.value(moved), network.value(theta), rtol=1e-12, atol=0)
    finish(check_symmetric(network, chain, theta))


def test_permutations_take_units_where_they_say():
    chain = Chain.of(Layout.of({"w": (3, 2), "b": (3,), "v": (1, 3)}))
    theta = torch.arange(12.0)
    moved = chain.layout.split(chain.permuted(theta, [torch.tensor([2, 0, 1])]))
    assert moved["w"].tolist() == [[4, 5], [0, 1], [2, 3]]
    assert moved["b"].tolist() == [8, 6, 7]
    assert moved["v"].tolist() == [[11, 9, 10]]


def test_a_skip_connection_is_noticed():
    network = problem(Residual(), IMAGES[:, 0, 0, :4])
    theta = torch.randn(network.dim, generator=DRAWS, dtype=torch.float64)
    with pytest.raises(ValueError, match="skip connection"):
        finish(check_symmetric(network, Chain.of(network.layout), theta))


@pytest.mark.parametrize(
    ("shapes", "message"),
    [
        ({"w": (3, 2), "b": (3,)}, "with a hidden layer"),
        ({"x": (2,)}, "'x' of shape .* belongs to none"),
        ({"w": (3, 2), "b": (4,), "v": (1, 3)}, "'b' of shape .* belongs to none"),
        ({"w": (3, 2), "v": (1, 4)}, "'v' takes 4 inputs, 'w' before it gives 3"),
    ],
)
def test_layouts_that_are_no_chain(shapes, message):
    with pytest.raises(ValueError, match=message):
        Chain.of(Layout.of(shapes))


def test_skip_connections_tie_the_units_that_both_layers_have():
    shapes = {"a": (5, 2), "b": (3, 5), "c": (6, 3), "d": (2, 6)}
    chain = Chain.of(Layout.of(shapes), ties=[("a", "b"), ("b", "c")])
    found = {group.layers: group.places.tolist() for group in chain.groups}
    assert found == {(0, 1, 2): [0, 1, 2], (0,): [3, 4], (2,): [3, 4, 5]}
    assert [group.is_coupled for group in chain.groups] == [False, True, False]
    held = Chain.of(Layout.of(shapes), ties=[("c", "d")])
    assert {group.layers: group.places.tolist() for group in held.groups} == {
        (0,): [0, 1, 2, 3, 4],
        (1,): [0, 1, 2],
        (2,): [2, 3, 4, 5],
    }


def test_the_objective_is_an_inner_product():
    chain = Chain.of(Layout.of({"w": (3, 2), "b": (3,), "v": (1, 3), "c": (1,)}))
    a, b = torch.randn(2, 13, generator=DRAWS, dtype=torch.float64)
    same = chain.objective(a, b, chain.identity(torch.device("cpu")))
    assert same == pytest.approx(float(a[:12] @ b[:12]), rel=1e-12)
    order = [torch.tensor([1, 2, 0])]
    assert chain.objective(a, b, order) == pytest.approx(
        float(a[:12] @ chain.permuted(b, order)[:12]), rel=1e-12
    )
    assert np.isfinite(same)

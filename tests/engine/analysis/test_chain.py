import pytest
import torch
from torch import nn

import lab
from lab.engine.analysis.base import finish
from lab.engine.analysis.chain import Chain, check_symmetric, wiring_of
from lab.engine.layout import Layout

DRAWS = torch.Generator().manual_seed(0)
IMAGES = torch.randn(20, 2, 6, 6, generator=DRAWS, dtype=torch.float64)
CLASSES = torch.randint(0, 3, (20,), generator=DRAWS)


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
    wiring = chain.wiring()
    theta = torch.randn(network.dim, generator=DRAWS, dtype=torch.float64)
    order = [torch.tensor([2, 0, 1]), torch.tensor([1, 3, 0, 2])]
    moved = wiring.permuted(theta, order)
    assert (moved != theta).any()
    torch.testing.assert_close(network.value(moved), network.value(theta), rtol=1e-12, atol=0)
    finish(check_symmetric(network, wiring, theta))
    read = wiring_of(network)  # from the operations, not from the layout
    assert torch.equal(read.permuted(theta, order), moved)


def test_a_skip_connection_is_noticed():
    network = lab.problem("moons_mlp", samples=20, widths=(5, 5), skip=True)
    theta = torch.randn(network.dim, generator=DRAWS, dtype=torch.float64)
    with pytest.raises(ValueError, match="order does not matter"):
        finish(check_symmetric(network, Chain.of(network.layout).wiring(), theta))
    finish(check_symmetric(network, wiring_of(network), theta))


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
    chain = Chain.of(Layout.of(shapes))

    def found(*tied):
        return {
            "".join(p.tensor for p in group.places if p.axis == 0): group.places[
                0
            ].indices.flatten()
            for group in chain.wiring(tied).groups
        }

    groups = {names: places.tolist() for names, places in found(("a", "b"), ("b", "c")).items()}
    assert groups == {"abc": [0, 1, 2], "a": [3, 4], "c": [3, 4, 5]}
    groups = {names: places.tolist() for names, places in found(("c", "d")).items()}
    assert groups == {"a": [0, 1, 2, 3, 4], "b": [0, 1, 2], "c": [2, 3, 4, 5]}
    coupled = [group.is_coupled for group in chain.wiring([("a", "b")]).groups]
    assert coupled == [True, False, False]

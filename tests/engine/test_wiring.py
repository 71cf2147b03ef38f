import pytest
import torch

from lab.engine.layout import Layout
from lab.engine.wiring import FIXED, NOTHING, Ties, UnitAxis, Wiring

DRAWS = torch.Generator().manual_seed(0)


def test_ties_are_transitive():
    ties = Ties()
    units = ties.fresh(5)
    ties.tie(units[:2], units[1:3])
    ties.tie(units[4:], torch.tensor([FIXED]))
    assert ties.roots(units).tolist() == [2, 2, 2, 5, FIXED]
    assert ties.roots(torch.tensor([[NOTHING, 6.0]])).tolist() == [[NOTHING, FIXED]]


def wiring_of_a_flattened_image():
    """Two channels of three pixels, then a layer whose third unit stays where it is."""
    ties = Ties()
    channels, units = ties.fresh(2), ties.fresh(3)
    ties.tie(units[2:], torch.tensor([FIXED]))
    axes = [
        UnitAxis("conv", 0, channels),
        UnitAxis("linear", 1, channels.repeat_interleave(3)),
        UnitAxis("linear", 0, units),
    ]
    layout = Layout.of({"conv": (2, 4), "linear": (3, 6), "last": (1,)})
    return Wiring.of(layout, ties, axes, [channels, units], [])


def test_units_that_occur_alike_form_a_group():
    one, two = wiring_of_a_flattened_image().groups
    assert [(place.tensor, place.axis, place.indices.tolist()) for place in one.places] == [
        ("conv", 0, [[0], [1]]),
        ("linear", 1, [[0, 1, 2], [3, 4, 5]]),
    ]
    assert [(number, indices.tolist()) for number, indices in two.states] == [(1, [[0], [1]])]
    assert (one.size, two.size) == (2, 2)
    assert not one.is_coupled


def test_permutations_take_units_where_they_say():
    wiring = wiring_of_a_flattened_image()
    theta = torch.arange(27.0)
    moved = wiring.layout.split(wiring.permuted(theta, [torch.tensor([1, 0]), torch.arange(2)]))
    assert moved["conv"].tolist() == [[4, 5, 6, 7], [0, 1, 2, 3]]
    assert moved["linear"][0].tolist() == [11, 12, 13, 8, 9, 10]
    assert moved["last"].tolist() == [26]
    assert (wiring.permuted(theta, wiring.identity()) == theta).all()


def test_the_objective_is_an_inner_product_of_what_may_move():
    wiring = wiring_of_a_flattened_image()
    a, b = torch.randn(2, 27, generator=DRAWS, dtype=torch.float64)
    orders = [torch.tensor([1, 0]), torch.tensor([1, 0])]
    wanted = float(a[:26] @ wiring.permuted(b, orders)[:26])
    assert wiring.objective(a, b, orders) == pytest.approx(wanted, rel=1e-12)


def test_what_else_is_known_of_units_keeps_them_apart():
    ties = Ties()
    units = ties.fresh(4)
    layout = Layout.of({"w": (4, 2)})
    wiring = Wiring.of(layout, ties, [UnitAxis("w", 0, units)], [], [], [units[:3]])
    assert [group.size for group in wiring.groups] == [3, 1]

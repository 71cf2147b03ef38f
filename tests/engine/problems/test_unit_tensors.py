import pytest
import torch

from lab.engine.problems.unit_tensors import UnitTensors, spread
from lab.engine.wiring import FIXED, NOTHING


@pytest.fixture
def tensors():
    return UnitTensors()


def image(units):
    """Units (channels,) along axis 1 of two images of 3 x 3 pixels."""
    return spread(units, 1, torch.Size((2, len(units), 3, 3)))


def test_units_along_an_axis_leave_out_what_belongs_to_none(tensors):
    units = tensors.fresh(4)
    padded = torch.nn.functional.pad(image(units), (1, 1))
    assert torch.equal(tensors.along(padded, 1), units)
    assert tensors.varies(padded, 1)
    assert not tensors.varies(padded, 3)
    with pytest.raises(ValueError, match="different units meet"):
        tensors.along(padded, 0)
    with pytest.raises(ValueError, match="4 channels become 5"):
        spread(units, 1, torch.Size((2, 5)))


def test_joined_units_are_one(tensors):
    one, two = tensors.fresh(3), tensors.fresh(3)
    joined = tensors.joined([image(one), two.reshape(3, 1, 1)])
    assert torch.equal(tensors.ties.roots(joined), image(one))
    assert torch.equal(tensors.ties.roots(two), one)


def test_what_is_the_same_for_all_units_ties_none(tensors):
    units, gate = tensors.fresh(3), tensors.fresh(1)
    joined = tensors.joined([image(units), image(gate), torch.full((2, 1, 3, 3), float(FIXED))])
    assert torch.equal(joined, image(units))
    assert len(tensors.ties.roots(torch.cat([units, gate])).unique()) == 4
    assert tensors.can_move(units)


def test_an_outer_sum_of_units_leaves_the_second_ones_free(tensors):
    rows, columns = tensors.fresh(3, 1), tensors.fresh(1, 4)
    assert torch.equal(tensors.joined([rows, columns]), columns.expand(3, 4))
    assert not tensors.can_move(rows)
    assert len(tensors.ties.roots(columns).unique()) == 4


def test_constants_hold_units_only_where_they_differ(tensors):
    assert (tensors.constant(torch.ones(3)) == NOTHING).all()
    units = tensors.fresh(3)
    tensors.joined([units, tensors.constant(torch.arange(3.0))])
    assert not tensors.can_move(units)


def test_reductions_keep_units_or_take_all_of_them(tensors):
    units = tensors.fresh(4)
    assert torch.equal(tensors.reduced(image(units), [2, 3], keepdim=False)[0], units)
    assert (tensors.reduced(image(units), [1], keepdim=True) == FIXED).all()
    with pytest.raises(ValueError, match="some others but not all"):
        tensors.reduced(units.reshape(2, 2), [1], keepdim=False)

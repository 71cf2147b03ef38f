import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from lab.engine.layout import Layout

shapes = st.lists(st.lists(st.integers(0, 4), max_size=3).map(tuple), min_size=1, max_size=5)
leads = st.lists(st.integers(0, 3), max_size=2).map(tuple)


@given(shapes, leads)
def test_splitting_and_joining_undo_each_other(shapes, lead):
    layout = Layout.of({f"w{i}": shape for i, shape in enumerate(shapes)})
    theta = torch.arange(torch.Size((*lead, layout.dim)).numel(), dtype=torch.float64)
    theta = theta.reshape(*lead, layout.dim)
    parts = layout.split(theta)
    assert list(parts) == list(layout.names)
    for name, shape in zip(layout.names, shapes, strict=True):
        assert parts[name].shape == (*lead, *shape)
    assert torch.equal(layout.join(parts), theta)
    again = layout.split(layout.join(parts))
    assert all(torch.equal(parts[name], again[name]) for name in parts)


def test_sizes_and_places():
    layout = Layout.of({"weight": [2, 3], "bias": [2], "scale": ()})
    assert layout.shapes == ((2, 3), (2,), ())
    assert layout.sizes == (6, 2, 1)
    assert layout.dim == 9
    assert layout.slices == {"weight": slice(0, 6), "bias": slice(6, 8), "scale": slice(8, 9)}
    assert layout == Layout(("weight", "bias", "scale"), ((2, 3), (2,), ()))


def test_parts_are_views():
    layout = Layout.of({"a": (2,), "b": (2, 2)})
    theta = torch.zeros(3, 6)
    layout.split(theta)["b"][1] = 5
    assert theta[1].tolist() == [0, 0, 5, 5, 5, 5]


def test_the_order_is_that_of_torch():
    module = nn.Sequential(nn.Linear(3, 2), nn.Linear(2, 1))
    layout = Layout.of({name: p.shape for name, p in module.named_parameters()})
    flat = nn.utils.parameters_to_vector(module.parameters())
    assert layout.dim == len(flat)
    for name, parameter in module.named_parameters():
        assert torch.equal(layout.split(flat)[name], parameter)


def test_another_length_is_an_error():
    with pytest.raises(RuntimeError):
        Layout.of({"a": (2,)}).split(torch.zeros(3))

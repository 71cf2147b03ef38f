import numpy as np
import pytest
import torch

import lab
from lab.engine.analysis.directions import given_directions, normalized, random_direction
from lab.engine.layout import Layout

LAYOUT = Layout.of({"c": (3, 2, 2, 2), "b": (3,), "w": (4, 6), "s": ()})
DRAWS = torch.Generator().manual_seed(0)
THETA = torch.randn(LAYOUT.dim, generator=DRAWS, dtype=torch.float64)
LINES = torch.randn(5, LAYOUT.dim, generator=DRAWS, dtype=torch.float64)


def test_filters_get_the_lengths_of_their_weights_and_keep_their_directions():
    parts = LAYOUT.split(normalized(LAYOUT, LINES, THETA, "filter"))
    weights, raw = LAYOUT.split(THETA), LAYOUT.split(LINES)
    for name in ("c", "w"):
        for line in range(5):
            for unit in range(len(weights[name])):
                wanted = raw[name][line, unit]
                wanted = wanted * weights[name][unit].norm() / wanted.norm()
                torch.testing.assert_close(parts[name][line, unit], wanted)
    assert not parts["b"].any()
    assert not parts["s"].any()


def test_layers_get_the_length_of_their_weights():
    parts = LAYOUT.split(normalized(LAYOUT, LINES, THETA, "layer"))
    weights = LAYOUT.split(THETA)
    for name in ("c", "w"):
        lengths = parts[name].flatten(1).norm(dim=1)
        torch.testing.assert_close(lengths, weights[name].norm().expand(5))


def test_the_published_program_copies_biases():
    parts = LAYOUT.split(normalized(LAYOUT, LINES, THETA, "filter", bias="code"))
    weights = LAYOUT.split(THETA)
    assert (parts["b"] == weights["b"]).all()
    assert (parts["s"] == weights["s"]).all()


@pytest.mark.parametrize("normalize", [None, "none"])
def test_no_normalisation_changes_nothing(normalize):
    assert normalized(LAYOUT, LINES, THETA, normalize) is LINES


def test_without_weight_matrices_the_whole_is_one_piece():
    layout = Layout.of({"x": (), "y": ()})
    found = normalized(layout, torch.tensor([[3.0, 4.0]]), torch.tensor([0.0, 2.0]), "filter")
    torch.testing.assert_close(found, torch.tensor([[1.2, 1.6]]))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("fliter",), "normalize = 'fliter' is not known .*'filter'"),
        (("filter", "copy"), "bias = 'copy' is not known"),
    ],
)
def test_unknown_words(arguments, message):
    with pytest.raises(ValueError, match=message):
        normalized(LAYOUT, LINES, THETA, *arguments)


def test_nothing_left_of_a_direction():
    with pytest.raises(ValueError, match="leaves nothing of a direction"):
        normalized(LAYOUT, LINES, torch.zeros_like(THETA), "filter")


def test_draws_depend_on_seed_and_stream_and_take_the_kind_of_another_tensor():
    like = torch.zeros(1, dtype=torch.float32)
    one, same, other = (random_direction(9, 0, "a", i, like=like) for i in (0, 0, 1))
    assert one.dtype == torch.float32
    assert (one == same).all()
    assert (one != other).all()


@pytest.mark.parametrize("bad", [[0.0, 0.0], [np.nan, 1.0]])
def test_given_directions_are_checked(bad):
    with pytest.raises(ValueError, match="direction 1 is zero or not finite"):
        given_directions(lab.problem("booth"), [[1.0, 2.0], bad], THETA)

"""Where a legend hides no line."""

import numpy as np
import pytest

from lab.gui.views.legend_place import HIGHEST, free_corner

RISING = np.linspace(0.1, 0.9, 101)[None]


@pytest.mark.parametrize(
    ("lines", "corner"),
    [
        (RISING[:, ::-1], "top right"),
        (RISING, "top left"),
        (np.concatenate([RISING, 0 * RISING + 0.9]), "bottom right"),
        (np.full((1, 101), np.nan), "top right"),
    ],
)
def test_a_free_corner_is_taken_and_nothing_grows(lines, corner):
    assert free_corner(lines, 0.4, 0.3) == (corner, 1.0)


def test_the_plot_grows_where_no_corner_is_free():
    noisy = np.concatenate([0.9 - 0.8 * RISING, 0.1 + 0 * RISING, RISING])
    noisy[:, :50] += 0.1
    corner, top = free_corner(noisy, 0.4, 0.25)
    under = noisy[:, -40:] if "right" in corner else noisy[:, :41]
    assert corner.startswith("top")
    assert under.max() / top == pytest.approx(0.75)  # just below the legend


def test_lines_are_never_pressed_into_less_than_their_part():
    full = np.stack([np.full(50, 0.0), np.full(50, 1.0), np.full(50, np.nan)])
    assert free_corner(full, 0.5, 0.9)[1] == pytest.approx(1 / (1 - HIGHEST))


def test_a_line_that_leaves_the_plot_asks_for_no_more():
    assert free_corner(np.stack([np.full(9, 50.0), np.zeros(9)]), 0.5, 0.2)[1] == 1.25

"""Where a legend hides no line."""

import numpy as np
import pytest

from lab.gui.views.legend_place import CORNERS, MOST, LegendPlace, needed
from lab.gui.views.plot import Plot
from lab.palette import DARK

X = np.linspace(0, 1, 101)
RISING = 0.1 + 0.8 * X


@pytest.mark.parametrize(
    ("y", "free"),
    [
        (1 - RISING, {"top right", "bottom left"}),
        (RISING, {"top left", "bottom right"}),
        (np.full(101, 0.9), {"bottom right", "bottom left"}),
        (np.full(101, np.nan), set(CORNERS)),
        (np.full(101, 7.0), set(CORNERS)),  # out of sight
    ],
)
def test_corners_without_a_line_need_no_room(y, free):
    tops = needed(X, y, 0.3, 0.25)
    assert {corner for corner, top in tops.items() if top == 1} == free


def test_room_above_is_as_much_as_it_takes():
    tops = needed(X, RISING, 0.4, 0.25)
    assert RISING.max() / tops["top right"] == pytest.approx(0.75)  # just below the legend
    assert tops["bottom left"] == np.inf
    assert needed(X, 0 * X + 1, 0.4, 0.9)["top left"] == pytest.approx(10)


@pytest.fixture
def plot(dressed, qtbot):
    made = Plot("step", "loss")
    qtbot.addWidget(made)
    made.set_theme(DARK)
    made.resize(360, 200)
    made.show()
    return made


ENTRIES = [(DARK.lane(i), f"lane {i}") for i in range(4)]
FULL = np.tile([0.0, 1.0], 50)  # all over the plot


def rows(plot) -> int:
    return round(plot._legend.height() / plot._legend.fontMetrics().height())


def test_names_stand_in_one_column_where_that_is_free(plot):
    assert LegendPlace(plot).name(ENTRIES, X, 0.3 * (1 - X), ((0, 1), (0, 1))) == (0, 1)
    assert (plot._corner, rows(plot)) == ("top right", 4)


def test_and_side_by_side_where_that_takes_less_room(plot):
    x = np.linspace(0, 1, 100)
    low, high = LegendPlace(plot).name(ENTRIES, x, FULL, ((0, 1), (0, 1)))
    assert (low, rows(plot)) == (0, 1)
    plot.aim((0, 1), (low, high), at_once=True)
    assert plot._legend.geometry().bottom() < plot.pixels(0.5, 1).y()
    assert plot._legend.geometry().right() < plot.width()


def test_names_that_are_too_long_for_one_row(plot):
    entries = [(colour, f"a name that is long: {word}") for colour, word in ENTRIES]
    plot.resize(500, 200)
    LegendPlace(plot).name(entries, np.linspace(0, 1, 100), FULL, ((0, 1), (0, 1)))
    assert rows(plot) == 2
    assert plot._legend.geometry().right() < plot.width()


def test_a_low_plot_keeps_most_of_its_height(plot):
    plot.resize(140, 80)
    assert LegendPlace(plot).name(ENTRIES, X, X, ((0, 1), (0, 1)))[1] == MOST


def test_it_moves_only_where_that_saves_much(plot):
    place = LegendPlace(plot)
    for height, top, corner in ((0.1, 1.0, "top right"), (0.6, 1.04, "top right")):
        assert place.name(ENTRIES, X, 0 * X + height, ((0, 1), (0, 1)))[1] == pytest.approx(
            top, abs=0.05
        )
        assert plot._corner == corner
    assert place.name(ENTRIES, X, 0 * X + 0.9, ((0, 1), (0, 1))) == (0, 1)
    assert plot._corner == "bottom right"


def test_no_names_no_legend(plot):
    place = LegendPlace(plot)
    place.name(ENTRIES, X, X, ((0, 1), (0, 1)))
    assert place.name([], X, X, ((0, 1), (2, 5))) == (2, 5)
    assert not plot._legend.isVisible()

"""What lies in the landscape's plot, in pixels."""

import numpy as np
import pytest
from PySide6.QtCore import QPointF
from PySide6.QtGui import QColor

from lab.gui.views.picture import Head, Picture, _star
from lab.gui.views.plot import Plot
from lab.gui.views.trails import Line
from lab.palette import DARK, LIGHT


@pytest.fixture
def plot(qtbot, dressed):
    """A plot from -1 to 1 with a picture in it."""
    made = Plot("x", "y")
    qtbot.addWidget(made)
    made.resize(400, 300)
    made.picture = Picture()
    made.addItem(made.picture, ignoreBounds=True)
    made.set_theme(DARK)
    made.picture.set_theme(DARK)
    made.setRange(xRange=(-1, 1), yRange=(-1, 1), padding=0, disableAutoRange=True)
    made.show()
    return made


def colour(plot, x: float, y: float, dx: int = 0) -> str:
    """The colour where a point of the axes lies."""
    box = plot.getPlotItem().getViewBox()
    at = plot.mapFromScene(box.mapViewToScene(QPointF(x, y)))
    return plot.grab().toImage().pixelColor(at.x() + dx, at.y()).name()


def line(points) -> Line:
    points = np.array(points, dtype=float)[:, None]
    whose = [0] * (len(Line._fields) - 4)
    return Line(*whose, points, points[-1], QColor("#00ff00"), 3.0)


def test_a_path_its_head_and_the_ground(plot):
    assert colour(plot, 0.5, 0.5) == DARK.card
    heads = [Head(np.array([[0.5, 0.0]]), "#ff0000", large=True)]
    plot.picture.set_lines([line([[-0.5, 0.0], [0.0, 0.0], [0.5, 0.0]])], heads)
    assert colour(plot, -0.25, 0.0) == "#00ff00"
    assert colour(plot, 0.5, 0.0) == "#ff0000"
    assert colour(plot, 0.5, 0.5) == DARK.card
    plot.picture.set_theme(LIGHT)
    assert colour(plot, 0.5, 0.5) == LIGHT.card


def test_a_path_grows_and_shrinks(plot):
    points = [[-0.8, 0.0], [-0.4, 0.0], [0.0, 0.0], [0.4, 0.0], [0.8, 0.0]]
    for count in (2, 3, 5, 2):
        plot.picture.set_lines([line(points[:count])], [])
        for place in range(4):
            middle = points[place][0] + 0.2
            seen = colour(plot, middle, 0.0) == "#00ff00"
            assert seen == (place < count - 1), (count, place)


def test_optima_are_stars_the_global_ones_larger(plot):
    plot.picture.set_optima([(-0.5, 0.0, True), (0.5, 0.0, False)])
    assert colour(plot, -0.5, 0.0) == DARK.optimum
    assert colour(plot, 0.5, 0.0) != DARK.card
    assert colour(plot, -0.5, 0.0, dx=1) == DARK.optimum
    assert colour(plot, 0.5, 0.0, dx=2) != DARK.optimum
    plot.picture.set_optima([])
    assert colour(plot, -0.5, 0.0) == DARK.card


def test_one_variable_is_a_graph(plot):
    x = np.linspace(-1, 1, 201)
    plot.picture.set_profile(x, 0 * x + 0.5)
    assert colour(plot, 0.0, 0.5) != DARK.card
    assert colour(plot, 0.0, 0.0) == DARK.card


def test_points_that_are_nowhere_are_not_drawn(plot):
    nowhere = np.full((3, 2), np.nan)
    lost = line([[-0.5, 0.0], [np.nan, np.nan], [1e300, 0.0]])
    plot.picture.set_lines([lost], [Head(nowhere, "#ff0000", large=False)])
    assert colour(plot, 0.0, 0.5) == DARK.card


def test_a_star_has_five_points_upwards():
    star = _star(QPointF(0, 0), 10.0)
    points = [(star.at(i).x(), star.at(i).y()) for i in range(star.size())]
    assert points[0] == pytest.approx((0, -10))
    assert [round(np.hypot(*point), 3) for point in points] == [10.0, 4.5] * 5

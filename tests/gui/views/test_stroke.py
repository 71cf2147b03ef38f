"""Lines and dots as light items: they are drawn where they belong, in their colours."""

import numpy as np
import pyqtgraph as pg
import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QColor, QImage

from lab.gui.views.dots import Dots
from lab.gui.views.stroke import Stroke

RED = "#ff0000"


@pytest.fixture
def plot(qtbot):
    """A plot without axes, in which x and y run from 0 to 10."""
    made = pg.PlotWidget(background="black")
    qtbot.addWidget(made)
    made.getPlotItem().hideAxis("left")
    made.getPlotItem().hideAxis("bottom")
    made.resize(300, 300)
    made.setRange(xRange=(0, 10), yRange=(0, 10), padding=0)
    made.show()
    return made


def seen(plot) -> QImage:
    return plot.grab().toImage()


def colour_at(plot, x: float, y: float) -> str:
    view = plot.getPlotItem().getViewBox()
    where = plot.mapFromScene(view.mapViewToScene(pg.Point(x, y)))
    return QColor(seen(plot).pixel(where)).name()


@pytest.mark.parametrize("width", [1, 4])
@pytest.mark.parametrize("style", [Qt.PenStyle.SolidLine, Qt.PenStyle.CustomDashLine])
def test_a_line_goes_through_its_points_and_breaks_at_nan(plot, width, style):
    line = Stroke()
    pen = pg.mkPen(RED, width=width)
    if style is Qt.PenStyle.CustomDashLine:
        pen.setDashPattern([1000, 1])
    line.set_look(pen, smooth=False)
    plot.addItem(line)
    line.setData(np.array([1.0, 4.0, np.nan, 6.0, 9.0]), np.full(5, 5.0))
    around = [colour_at(plot, x, 5.0) for x in (2.0, 5.0, 8.0)]
    if width == 1:  # a line of one pixel may lie beside the one that is looked at
        image = seen(plot)
        rows = [image.pixelColor(60, y).name() for y in range(image.height())]
        assert rows.count(RED) == 1
    else:
        assert around == [RED, "#000000", RED]


def test_a_line_remembers_its_points(plot):
    line = Stroke()
    line.setData(np.array([1, 2]), np.array([3, 4]))
    x, y = line.getData()
    assert x.tolist() == [1, 2]
    assert y.tolist() == [3, 4]


def test_dots_lie_at_their_places_in_their_colours(plot):
    dots = Dots()
    plot.addItem(dots)
    dots.set_spots([(2, 2, RED), (8, 8, "#00ff00"), (np.nan, 1, RED), (1e30, 5, RED)], 9)
    assert len(dots.spots) == 3
    assert colour_at(plot, 2, 2) == RED
    assert colour_at(plot, 8, 8) == "#00ff00"
    assert colour_at(plot, 5, 5) == "#000000"
    dots.set_spots([], 9)
    assert colour_at(plot, 2, 2) == "#000000"

"""The picture of a surface: heights, colours, contours."""

import numpy as np
import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QImage, QPainter

from lab.gui.views.heatmap import HeatMap, colour_table, contour_path, heights
from lab.palette import COLOUR_MAPS, contrast


@pytest.mark.parametrize("log", [False, True])
def test_heights_go_from_the_lowest_to_the_highest(log):
    loss = np.linspace(-3, 5, 101).reshape(1, -1) ** 3
    found = heights(loss, log=log)
    assert found[0, 0] == 0
    assert found.max() == 1
    assert (np.diff(found[0]) >= 0).all()


def test_logarithmic_heights_show_what_is_near_the_bottom():
    loss = np.logspace(-6, 6, 13)[None]
    linear, log = heights(loss, log=False)[0], heights(loss, log=True)[0]
    assert (linear < 0.004).sum() >= 10
    assert (log[6:] > 0.2).all()


def test_what_is_not_a_number_is_no_height_and_moves_no_other():
    loss = np.array([[0.0, 1.0, np.nan], [2.0, np.inf, -np.inf]])
    found = heights(loss, log=False)
    assert np.isnan(found).sum() == 3
    assert found[0, 0] == 0
    assert found[1, 0] == 1
    assert np.isnan(heights(np.full((2, 2), np.nan), log=True)).all()
    assert (heights(np.full((2, 2), 7.0), log=True) == 0).all()


def test_contours_lie_where_the_height_is():
    x = np.linspace(-1, 1, 81)
    path = contour_path(x, x, np.hypot(x[None], x[:, None]) / np.sqrt(2))
    points = np.array(
        [(path.elementAt(i).x, path.elementAt(i).y) for i in range(path.elementCount())]
    )
    level = np.hypot(*points.T) / np.sqrt(2) * 17
    assert np.abs(level - level.round()).max() < 0.02
    assert set(level.round()) == set(range(1, 17))
    assert contour_path(x, x, np.zeros((81, 81))).isEmpty()


@pytest.mark.parametrize("name", COLOUR_MAPS)
def test_colours_rise_from_dark_to_light(name):
    table = [f"#{value & 0xFFFFFF:06x}" for value in colour_table(name).tolist()]
    assert len(table) == 256
    light = np.array([contrast(colour, "#000000") for colour in table])
    assert (np.diff(light) > -0.12).all()
    assert light[-1] > 2 * light[0]


def painted(heat: HeatMap, size: int = 40) -> QImage:
    picture = QImage(size, size, QImage.Format.Format_RGB32)
    picture.fill(Qt.GlobalColor.black)
    painter = QPainter(picture)
    painter.translate(0, size)
    painter.scale(size / 2, -size / 2)  # the plot's axes from 0 to 2, y upwards
    heat.paint(painter)
    painter.end()
    return picture


def test_rows_are_drawn_upwards_and_unknown_places_in_their_own_colour(qapp):
    heat, axis = HeatMap(), np.array([0.5, 1.5])
    heat.set_colours("grey", "#ff0000")
    heat.show(axis, axis, np.array([[0.0, np.nan], [0.5, 1.0]]), log=False, contours=False)
    picture = painted(heat)
    lower, unknown = picture.pixelColor(3, 37), picture.pixelColor(37, 37)
    left, right = picture.pixelColor(3, 3), picture.pixelColor(37, 3)
    assert unknown.name() == "#ff0000"
    assert lower.red() < left.red() < right.red()
    version = heat.version
    heat.set_colours("magma", "#00ff00")
    assert heat.version > version
    assert painted(heat).pixelColor(37, 37).name() == "#00ff00"
    heat.clear()
    assert painted(heat).pixelColor(3, 3).name() == "#000000"

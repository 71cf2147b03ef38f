"""The area between two curves."""

import numpy as np
from PySide6.QtCore import QPointF

from lab.gui.views.bands import Band, area


def test_holds_what_lies_between():
    x = np.linspace(0, 10, 21)
    path = area(x, np.sin(x), np.sin(x) + 1)
    for at in (0.5, 3.3, 9.7):
        assert path.contains(QPointF(at, np.sin(at) + 0.5))
        assert not path.contains(QPointF(at, np.sin(at) + 1.2))
        assert not path.contains(QPointF(at, np.sin(at) - 0.2))


def test_has_gaps_where_either_is_missing():
    low, high = np.zeros(9), np.ones(9)
    low[2], high[6] = np.nan, np.inf
    path = area(np.arange(9.0), low, high)
    inside = [at for at in np.arange(0.5, 8) if path.contains(QPointF(at, 0.5))]
    assert inside == [0.5, 3.5, 4.5, 7.5]


def test_nothing_and_single_points():
    assert area(np.empty(0), np.empty(0), np.empty(0)).isEmpty()
    assert area(np.arange(3.0), np.full(3, np.nan), np.ones(3)).isEmpty()
    assert not area(np.array([1.0]), np.array([0.0]), np.array([1.0])).contains(QPointF(1, 0.5))


def test_tells_its_bounds(qapp):
    band = Band("#ff0000")
    assert band.boundingRect().isNull()
    band.set_data(np.array([1.0, 3.0]), np.array([-1.0, 0.0]), np.array([2.0, 5.0]))
    assert band.boundingRect().getRect() == (1, -1, 2, 6)
    band.clear()
    assert band.boundingRect().isNull()

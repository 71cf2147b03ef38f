"""Points to pixels, and lines cut off far outside the picture."""

import numpy as np
import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QPainter, QPen, QPixmap, QTransform

from lab.gui.views.strokes import (
    FAR,
    draw_line,
    draw_segments,
    draw_stamps,
    joined,
    to_pixels,
    within,
)


def test_points_become_pixels():
    transform = QTransform(2.0, 0, 0, -3.0, 10.0, 100.0)
    assert to_pixels(transform, np.array([[1.0, 4.0]])).tolist() == [[12.0, 88.0]]
    assert not np.isfinite(to_pixels(transform, np.array([[1e308, np.nan]]))[0, 1])


def test_paths_become_segments():
    paths = np.arange(12.0).reshape(3, 2, 2)  # three rows of two runs
    assert joined(paths).tolist() == [[0, 1, 4, 5], [2, 3, 6, 7], [4, 5, 8, 9], [6, 7, 10, 11]]


@pytest.mark.parametrize(
    ("segment", "cut"),
    [
        ([0, 0, 10, 20], [0, 0, 10, 20]),
        ([0, 0, 1e9, 0], [0, 0, FAR, 0]),
        ([-1e9, 5, 1e9, 5], [-FAR, 5, FAR, 5]),
        ([0, -1e12, 0, 1e12], [0, -FAR, 0, FAR]),
        ([-1e6, -1e6, 1e6, 1e6], [-FAR, -FAR, FAR, FAR]),
        ([1e6, 0, 1e6, 10], None),
        ([0, 1e6, 1e6, 2e6], None),
        ([np.nan, 0, 1, 1], None),
        ([np.inf, 0, 1, 1], None),
    ],
)
def test_segments_are_cut_to_what_is_near(segment, cut):
    far = [2e4, 2e4, 3e4, 3e4]  # one that is dropped, so that there is something to cut
    found = within(np.array([segment, far], dtype=float))
    assert found.tolist() == ([] if cut is None else [pytest.approx(cut)])


@pytest.fixture
def paper(qapp):
    """A picture to draw on, and what is seen on it."""
    picture = QPixmap(40, 40)
    picture.fill(Qt.GlobalColor.black)
    painter = QPainter(picture)
    painter.setPen(QPen(Qt.GlobalColor.white, 3))
    yield painter, lambda x, y: picture.toImage().pixelColor(x, y).name() == "#ffffff"
    painter.end()


def test_segments_are_drawn_even_where_they_leave_the_picture(paper):
    painter, seen = paper
    draw_segments(painter, np.array([[5, 20, 1e30, 20], [np.nan, 0, 3, 3]]))
    assert seen(30, 20)
    assert not seen(2, 20)
    draw_segments(painter, np.empty((0, 4)))


def test_a_line_is_broken_where_there_is_no_number(paper):
    painter, seen = paper
    draw_line(painter, np.array([[2, 10], [10, 10], [np.nan, np.nan], [30, 10], [38, 10.0]]))
    assert seen(6, 10)
    assert seen(34, 10)
    assert not seen(20, 10)


def test_stamps_lie_with_their_middle_on_their_points(paper):
    painter, seen = paper
    stamp = QPixmap(4, 4)
    stamp.fill(Qt.GlobalColor.white)
    draw_stamps(painter, np.array([[10.0, 12.0], [np.nan, 3], [1e9, 3]]), stamp)
    assert seen(9, 11)
    assert not seen(13, 12)

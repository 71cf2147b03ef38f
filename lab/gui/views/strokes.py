"""Many line segments or small pictures in one call of Qt, from arrays of pixel coordinates.

One call for each of a thousand items would cost more in Python than all of them do in Qt; and every
call is a chance for the engine's thread to take over while the window should draw.
"""

import numpy as np
import pyqtgraph as pg
from pyqtgraph.Qt.internals import PrimitiveArray
from PySide6.QtCore import QLineF
from PySide6.QtGui import QPainter, QPixmap, QTransform

FAR = 4096.0  # pixels; beyond this from the picture's corner lines are cut off


def to_pixels(transform: QTransform, points: np.ndarray) -> np.ndarray:
    """Points (..., 2) of the axes as pixels, for a transform that neither turns nor shears."""
    scale = np.array([transform.m11(), transform.m22()])
    with np.errstate(over="ignore", invalid="ignore"):  # what is too far away is left out later
        return points * scale + np.array([transform.dx(), transform.dy()])


def joined(points: np.ndarray) -> np.ndarray:
    """The segments (n, 4) between the rows of paths (rows, runs, 2)."""
    return np.concatenate([points[:-1], points[1:]], axis=2).reshape(-1, 4)


def draw_segments(painter: QPainter, segments: np.ndarray) -> None:
    """Draw segments (n, 4), each x1, y1, x2, y2 in pixels; those that are not finite are left out.

    Args:
        painter: its pen decides how.
        segments: in pixels.
    """
    seen = within(segments)
    if not len(seen):
        return
    lines = PrimitiveArray(QLineF, 4)
    lines.resize(len(seen))
    lines.ndarray()[:] = seen
    painter.drawLines(*lines.drawargs())


def draw_line(painter: QPainter, points: np.ndarray) -> None:
    """Draw a line through points (n, 2) in pixels, broken where one is not finite.

    This is the fastest way for a pen one pixel wide, and the slowest for a wider one.
    """
    x, y = np.clip(points, -FAR, FAR).T
    painter.drawPath(pg.arrayToQPath(x, y, connect="finite"))


def draw_stamps(painter: QPainter, points: np.ndarray, stamp: QPixmap) -> None:
    """Draw a small picture at each of the points (n, 2), its middle there."""
    near = np.abs(points).max(axis=1, initial=0) < FAR  # false for what is not a number
    points = points[near]
    if not len(points):
        return
    pieces = PrimitiveArray(QPainter.PixmapFragment, 10)
    pieces.resize(len(points))
    rows = pieces.ndarray()
    rows[:, :2] = points
    rows[:, 2:] = (0, 0, stamp.width(), stamp.height(), 1, 1, 0, 1)
    rows[:, 6:8] /= stamp.devicePixelRatio()
    painter.drawPixmapFragments(*pieces.drawargs(), stamp)


def within(segments: np.ndarray) -> np.ndarray:
    """Segments (n, 4) cut to a square of pixels around the picture, as Qt's numbers are not large.

    After Liang and Barsky 1984, "A new concept and method for line clipping".
    """
    segments = segments[np.isfinite(segments).all(axis=1)]
    if not len(segments) or np.abs(segments).max() < FAR:
        return segments
    start, step = segments[:, :2], segments[:, 2:] - segments[:, :2]
    enter, leave = np.zeros(len(segments)), np.ones(len(segments))
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        for edge in (-FAR, FAR):
            at = (edge - start) / step  # (n, 2), inf or nan where a segment is parallel to an edge
            inwards = step * edge < 0
            enter = np.fmax(enter, np.where(inwards, at, 0.0).max(axis=1))
            leave = np.fmin(leave, np.where(inwards | (step == 0), 1.0, at).min(axis=1))
        outside = ((step == 0) & (np.abs(start) > FAR)).any(axis=1)
        kept = (enter <= leave) & ~outside
        ends = start[kept, None] + step[kept, None] * np.stack([enter, leave], 1)[kept, :, None]
    return ends.reshape(-1, 4)

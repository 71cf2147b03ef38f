"""Curves of a plot as one item: a thousand points cost a tenth of what pyqtgraph's curves do.

Qt strokes a path of more than one pixel's width as a whole, which is slow; as single segments the
same line is some times faster, and a path of one pixel's width is so once more.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pyqtgraph as pg
from PySide6.QtGui import QColor, QPainter, QPen
from PySide6.QtWidgets import QStyleOptionGraphicsItem, QWidget

from lab.gui.views.strokes import draw_line, draw_segments, joined, to_pixels

CROWDED = 2500  # points of all curves; beyond this lines are a pixel wide


class Polyline(NamedTuple):
    """One curve.

    Attributes:
        x: (n,).
        y: (n,); NaN for a gap.
        colour: as #rrggbb.
        width: in pixels, where there is room.
    """

    x: np.ndarray
    y: np.ndarray
    colour: str
    width: float = 1.5


class Polylines(pg.UIGraphicsItem):
    """All curves of a plot."""

    def __init__(self):
        """Begin without any."""
        super().__init__()
        self.curves: Sequence[Polyline] = ()

    def set_curves(self, curves: Sequence[Polyline]) -> None:
        """Draw these curves."""
        self.curves = curves
        self.update()

    def paint(
        self, painter: QPainter, option: QStyleOptionGraphicsItem, widget: QWidget | None = None
    ) -> None:
        """Draw them."""
        transform = painter.worldTransform()
        painter.save()
        painter.resetTransform()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        crowded = sum(len(curve.x) for curve in self.curves) > CROWDED
        for curve in self.curves:
            points = to_pixels(transform, np.stack([curve.x, curve.y], axis=1))
            painter.setPen(QPen(QColor(curve.colour), 1.0 if crowded else curve.width))
            if crowded:
                draw_line(painter, points)
            else:
                draw_segments(painter, joined(points[:, None]))
        painter.restore()

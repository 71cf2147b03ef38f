"""Discs or triangles of some pixels on a plot, as one item that is cheap to change."""

from collections.abc import Sequence

import numpy as np
import pyqtgraph as pg
from PySide6.QtCore import QPointF, Qt
from PySide6.QtGui import QColor, QPainter
from PySide6.QtWidgets import QStyleOptionGraphicsItem, QWidget

from lab.gui.views.strokes import FAR, to_pixels


class Dots(pg.UIGraphicsItem):
    """Discs, or triangles with a corner below, each with its own colour.

    Attributes:
        spots: x, y and colour of each.
    """

    def __init__(self):
        """Begin without any."""
        super().__init__()
        self.spots: Sequence[tuple[float, float, str]] = ()
        self._size, self._down = 7, False

    def set_spots(
        self, spots: Sequence[tuple[float, float, str]], size: int, *, down: bool = False
    ) -> None:
        """Draw these, all of one size in pixels; not those that are not finite.

        Args:
            spots: x, y and colour of each.
            size: from side to side.
            down: whether they are triangles.
        """
        known = np.isfinite([spot[:2] for spot in spots]).all(axis=-1).tolist() if spots else []
        self.spots = [spot for spot, kept in zip(spots, known, strict=True) if kept]
        self._size, self._down = size, down
        self.update()

    def paint(
        self, painter: QPainter, option: QStyleOptionGraphicsItem, widget: QWidget | None = None
    ) -> None:
        """Draw them."""
        if not self.spots:
            return
        points = to_pixels(painter.worldTransform(), np.array([spot[:2] for spot in self.spots]))
        painter.save()
        painter.resetTransform()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        radius = self._size / 2
        for (x, y), (_, _, colour) in zip(points.tolist(), self.spots, strict=True):
            if max(abs(x), abs(y)) < FAR:
                painter.setBrush(QColor(colour))
                if self._down:
                    corners = ((-radius, -0.8 * radius), (radius, -0.8 * radius), (0.0, radius))
                    painter.drawPolygon([QPointF(x + u, y + v) for u, v in corners])
                else:
                    painter.drawEllipse(QPointF(x, y), radius, radius)
        painter.restore()

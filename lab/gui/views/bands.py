"""A band between two curves: the spread over runs, or the error of a measurement."""

import numpy as np
import pyqtgraph as pg
from PySide6.QtCore import QRectF
from PySide6.QtGui import QBrush, QColor, QPainter, QPainterPath
from PySide6.QtWidgets import QStyleOptionGraphicsItem, QWidget

from lab.palette import BAND_OPACITY


class Band(pg.GraphicsObject):
    """The area between a lower and an upper curve, in one colour and without an edge.

    One item for any number of pieces: where either curve is NaN the band has a gap.
    """

    def __init__(self, colour: str, opacity: float = BAND_OPACITY):
        """Begin empty.

        Args:
            colour: of the area, as #rrggbb.
            opacity: of the area, 0 to 1.
        """
        super().__init__()
        self._path = QPainterPath()
        self._bounds = QRectF()
        self._brush = QBrush()
        self._look: tuple[str, float] | None = None
        self.set_colour(colour, opacity)
        self.setZValue(-1)

    def set_colour(self, colour: str, opacity: float = BAND_OPACITY) -> None:
        """Take another colour."""
        if (colour, opacity) != self._look:
            self._look = (colour, opacity)
            tint = QColor(colour)
            tint.setAlphaF(opacity)
            self._brush = QBrush(tint)
            self.update()

    def set_data(self, x: np.ndarray, low: np.ndarray, high: np.ndarray) -> None:
        """Draw the area between two curves.

        Args:
            x: (n,), rising.
            low: (n,), the lower edge; NaN for a gap.
            high: (n,), the upper edge; NaN for a gap.
        """
        self.prepareGeometryChange()
        self._path = area(x, low, high)
        self._bounds = self._path.controlPointRect()
        self.update()

    def clear(self) -> None:
        """Draw nothing."""
        nothing = np.empty(0)
        self.set_data(nothing, nothing, nothing)

    def boundingRect(self) -> QRectF:
        """The rectangle that holds the band."""
        return self._bounds

    def paint(
        self, painter: QPainter, option: QStyleOptionGraphicsItem, widget: QWidget | None = None
    ) -> None:
        """Fill the area."""
        painter.fillPath(self._path, self._brush)


def area(x: np.ndarray, low: np.ndarray, high: np.ndarray) -> QPainterPath:
    """The outline of the area between two curves, one closed piece between any two gaps."""
    x, low, high = (np.asarray(v, dtype=np.float64) for v in (x, low, high))
    whole = np.isfinite(x) & np.isfinite(low) & np.isfinite(high)
    if whole.all():
        return _piece(x, low, high)
    edges = np.flatnonzero(np.diff(np.concatenate([[False], whole, [False]])))
    outline = QPainterPath()
    for first, last in edges.reshape(-1, 2):
        piece = slice(first, last)
        outline.addPath(_piece(x[piece], low[piece], high[piece]))
    return outline


def _piece(x: np.ndarray, low: np.ndarray, high: np.ndarray) -> QPainterPath:
    across, up = np.concatenate([x, x[::-1]]), np.concatenate([high, low[::-1]])
    return pg.arrayToQPath(across, up, connect="all")

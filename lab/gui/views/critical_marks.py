"""Critical points of the landscape's surface, as marks on it: what each is, its shape tells."""

from typing import Any, NamedTuple

import numpy as np
import pyqtgraph as pg
from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QPainter, QPen, QPolygonF
from PySide6.QtWidgets import QStyleOptionGraphicsItem, QWidget

from lab.gui.bridge import Bridge
from lab.gui.state import ViewState
from lab.gui.views.chip import progress
from lab.gui.views.shapes import Shapes
from lab.gui.views.strokes import FAR, to_pixels
from lab.gui.views.words import short
from lab.palette import DARK, Theme

CASING = (("#000000", 3.6), ("#ffffff", 1.6))  # a line in white, seen on any ground
RADIUS, RING = 6.5, 11.0  # pixels of a mark, and of the ring around the chosen point
NEAR = 9.0  # pixels within which the mouse is at a mark
MOST = 400  # marks that are drawn
MINIMUM, SADDLE, MAXIMUM, DEGENERATE = 0, 1, 2, -1
WORDS = {MINIMUM: "minimum", SADDLE: "saddle", MAXIMUM: "maximum", DEGENERATE: "degenerate point"}
MANY = {MINIMUM: "minima", SADDLE: "saddles", MAXIMUM: "maxima", DEGENERATE: "degenerate points"}
CORNERS = {  # of each shape, from its middle, y downwards
    MINIMUM: ((-1.0, -0.75), (1.0, -0.75), (0.0, 1.0)),
    MAXIMUM: ((-1.0, 0.75), (1.0, 0.75), (0.0, -1.0)),
    SADDLE: ((0.0, -1.15), (1.15, 0.0), (0.0, 1.15), (-1.15, 0.0)),
    DEGENERATE: ((-0.85, -0.85), (0.85, -0.85), (0.85, 0.85), (-0.85, 0.85)),
}


class Marks(NamedTuple):
    """What is drawn, each (n,) or (n, 2)."""

    points: np.ndarray
    index: np.ndarray
    loss: np.ndarray
    slope: np.ndarray


class CriticalMarks(pg.UIGraphicsItem):
    """A triangle down for a minimum, up for a maximum, a diamond for a saddle, else a square."""

    def __init__(self, bridge: Bridge, state: ViewState):
        """Begin without any."""
        super().__init__()
        self.marks: Marks | None = None
        self.chosen: tuple[float, float] | None = None
        self._state, self._theme = state, DARK
        self._shapes = Shapes(bridge, state)
        self._found: Any = None
        self._fresh = False
        self._transform: Any = None
        self.setZValue(-8)  # above the surface, below arrows and starts

    def set_theme(self, theme: Theme) -> None:
        """Take other colours."""
        self._theme = theme
        self.update()

    def signature(self) -> Any:
        """What the marks depend on, beyond what the landscape does."""
        return self._state.critical, self._state.marked, self._state.critical and self._shapes.known

    def look(self, *, exact: bool) -> None:
        """Take what is known of the surface that is shown.

        Args:
            exact: whether the landscape stands on the variables themselves; then marks of another
                window of it may stay until those of this one are there.
        """
        found = self._shapes.look() if self._state.critical else None
        here = self._shapes.fresh or (exact and found is not None and found.kind == "native")
        fresh = found is not None and here
        if found is not self._found or fresh != self._fresh:
            self._found, self._fresh = found, fresh
            self.marks = _marks(found) if fresh else None
            self.update()
        if self._state.marked != self.chosen:
            self.chosen = self._state.marked
            self.update()
        self.setVisible(self.marks is not None or self.chosen is not None)

    @property
    def text(self) -> str:
        """How many of each kind there are; empty where none is shown."""
        if not self._state.critical:
            return ""
        if self.marks is None:
            job = self._shapes.job
            return self._shapes.trouble if job is None else progress(job, "computing …")
        counts = {k: int((self.marks.index == k).sum()) for k in WORDS}
        words = [f"{n} {(MANY if n > 1 else WORDS)[kind]}" for kind, n in counts.items() if n]
        return ", ".join(words) or "none"

    def reading(self, x: float, y: float) -> str:
        """What the mark at a point of the axes is; empty where there is none."""
        if self.marks is None or self._transform is None or not len(self.marks.loss):
            return ""
        at = to_pixels(self._transform, np.array([[x, y]]))[0]
        away = np.hypot(*(to_pixels(self._transform, self.marks.points) - at).T)
        near = int(away.argmin())
        if away[near] > NEAR:
            return ""
        slope = float(self.marks.slope[near])
        word = (
            f"{WORDS[int(self.marks.index[near])]}, loss {short(float(self.marks.loss[near]), 4)}"
        )
        return word + (f", |∇f| {short(slope)}" if slope > 1e-6 else "")

    def paint(
        self, painter: QPainter, option: QStyleOptionGraphicsItem, widget: QWidget | None = None
    ) -> None:
        """Draw all marks, the chosen point ringed."""
        self._transform = painter.worldTransform()
        painter.save()
        painter.resetTransform()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        if self.marks is not None:
            painter.setBrush(Qt.BrushStyle.NoBrush)
            points = to_pixels(self._transform, self.marks.points[:MOST])
            for (x, y), kind in zip(points.tolist(), self.marks.index.tolist(), strict=False):
                if max(abs(x), abs(y)) < FAR:
                    for colour, width in CASING:
                        painter.setPen(QPen(QColor(colour), width))
                        painter.drawPolygon(mark(kind, x, y, RADIUS))
        if self.chosen is not None:
            x, y = to_pixels(self._transform, np.array([self.chosen]))[0].tolist()
            if max(abs(x), abs(y)) < FAR:
                painter.setBrush(Qt.BrushStyle.NoBrush)
                box = QRectF(x - RING, y - RING, 2 * RING, 2 * RING)
                for colour, width in CASING:
                    painter.setPen(QPen(QColor(colour), width))
                    painter.drawEllipse(box)
        painter.restore()


def mark(kind: int, x: float, y: float, radius: float) -> QPolygonF:
    """The shape of a kind around a pixel."""
    return QPolygonF([QPointF(x + radius * u, y + radius * v) for u, v in CORNERS[kind]])


def _marks(found: Any) -> Marks:
    return Marks(
        np.asarray(found.points, dtype=np.float64).reshape(-1, 2),
        np.asarray(found.point_index),
        np.asarray(found.point_loss, dtype=np.float64),
        np.asarray(found.point_slope, dtype=np.float64),
    )

"""Critical points as a scatter: the part of directions that lead down, against the loss."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pyqtgraph as pg
from PySide6.QtCore import QPointF, Qt, Signal, Slot
from PySide6.QtGui import QColor, QMouseEvent, QPainter, QPen
from PySide6.QtWidgets import QStyleOptionGraphicsItem, QWidget

from lab.gui.views.plot import Plot
from lab.gui.views.strokes import FAR, to_pixels
from lab.gui.views.words import dot, short, table
from lab.palette import DARK, Theme

NEAR = 12.0  # pixels within which the mouse is at a point
SPOT, HOLLOW, CHOSEN = 3.5, 6.5, 9.0  # radii in pixels
FAR_APART = 300.0  # losses that differ by more than this factor have a logarithmic axis


class Spot(NamedTuple):
    """One critical point.

    Attributes:
        loss: there.
        alpha: the part of negative eigenvalues.
        colour: of the disc.
        rows: what is told of it, words and numbers.
    """

    loss: float
    alpha: float
    colour: str
    rows: tuple[tuple[str, str], ...]


class _Spots(pg.UIGraphicsItem):
    """Discs for what was found, rings for what is known."""

    def __init__(self):
        """Begin without any."""
        super().__init__()
        self.found, self.colours = np.empty((0, 2)), []
        self.known = np.empty((0, 2))
        self.chosen = -1
        self.theme: Theme = DARK

    def paint(
        self, painter: QPainter, option: QStyleOptionGraphicsItem, widget: QWidget | None = None
    ) -> None:
        """Draw them."""
        transform = painter.worldTransform()
        painter.save()
        painter.resetTransform()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.setPen(QPen(QColor(self.theme.text), 1.2))
        for x, y in to_pixels(transform, self.known).tolist():
            if max(abs(x), abs(y)) < FAR:
                painter.drawEllipse(QPointF(x, y), HOLLOW, HOLLOW)
        painter.setPen(QPen(QColor(self.theme.card), 0.8))
        places = to_pixels(transform, self.found).tolist()
        for (x, y), colour in zip(places, self.colours, strict=True):
            if max(abs(x), abs(y)) < FAR:
                painter.setBrush(QColor(colour))
                painter.drawEllipse(QPointF(x, y), SPOT, SPOT)
        if 0 <= self.chosen < len(places):
            x, y = places[self.chosen]
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.setPen(QPen(QColor(self.theme.accent), 2))
            painter.drawEllipse(QPointF(x, y), CHOSEN, CHOSEN)
        painter.restore()


class Scatter(Plot):
    """One search at a time; a point can be chosen."""

    chosen = Signal(int)  # the number of a point, -1 for none

    def __init__(self):
        """Make an empty plot."""
        super().__init__("loss", "index α")
        self._spots = _Spots()
        self.addItem(self._spots, ignoreBounds=True)
        self.spots: Sequence[Spot] = ()
        self._known: list[tuple[float, float]] = []
        self._log = False
        self._pressed: QPointF | None = None
        self.pointed.connect(self._read)

    def set_theme(self, theme: Theme) -> None:
        """Take the colours of a theme."""
        super().set_theme(theme)
        self._spots.theme = theme

    def show_spots(
        self,
        spots: Sequence[Spot],
        known: Sequence[tuple[float, float]],
        chosen: int,
        *,
        at_once: bool,
    ) -> None:
        """Draw what was found, and what is known.

        Args:
            spots: the points.
            known: loss and alpha of each point that the problem knows.
            chosen: the number of the one that stands out, -1 for none.
            at_once: whether the ranges jump, because this is another search.
        """
        self.spots, self._known = spots, list(known)
        losses = np.array([spot.loss for spot in spots] + [loss for loss, _ in known])
        losses = losses[np.isfinite(losses)]
        low, high = (losses.min(), losses.max()) if len(losses) else (0.0, 1.0)
        self._log = bool(low > 0 and high > FAR_APART * low)
        self.getPlotItem().getAxis("bottom").setLogMode(self._log)
        parts = self._spots
        parts.found = self._place([(spot.loss, spot.alpha) for spot in spots])
        parts.known = self._place(self._known)
        parts.colours, parts.chosen = [spot.colour for spot in spots], chosen
        parts.update()
        alphas = [spot.alpha for spot in spots] + [alpha for _, alpha in known]
        low, high = self._place([(low, 0.0), (high, 0.0)])[:, 0].tolist()
        room = 0.07 * (high - low) or 0.07 * abs(high) or 1.0
        top = max([0.1, *alphas])
        self.aim((low - room, high + room), (-0.1 * top, 1.3 * top), at_once=at_once)

    def fade(self, opacity: float) -> None:
        """Let what is drawn fade, because it is not new any more."""
        self._spots.setOpacity(opacity)

    def nearest(self, x: float, y: float) -> int:
        """The point that is nearest to a point of the axes; -1 where none is near."""
        if not len(self._spots.found):
            return -1
        at = self.pixels(x, y)
        places = [self.pixels(*row) for row in self._spots.found.tolist()]
        away = np.array([np.hypot(p.x() - at.x(), p.y() - at.y()) for p in places])
        return int(away.argmin()) if away.min() <= NEAR else -1

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """A click chooses, a drag moves."""
        self._pressed = event.position()
        super().mousePressEvent(event)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        """Choose the point under the mouse."""
        super().mouseReleaseEvent(event)
        moved = event.position() - self._pressed if self._pressed is not None else QPointF(9, 9)
        if event.button() == Qt.MouseButton.LeftButton and moved.manhattanLength() < 4:
            box = self.getPlotItem().getViewBox()
            at = box.mapSceneToView(self.mapToScene(event.position().toPoint()))
            self.chosen.emit(self.nearest(at.x(), at.y()))

    def _place(self, points: Sequence[tuple[float, float]]) -> np.ndarray:
        """Losses and alphas as places (n, 2) of the plot."""
        places = np.array(points, dtype=np.float64).reshape(-1, 2)
        if self._log:
            places[:, 0] = np.log10(np.maximum(places[:, 0], 1e-300))
        return places

    @Slot(float, float)
    def _read(self, x: float, y: float) -> None:
        """Tell the numbers of the point at the mouse."""
        number = self.nearest(x, y)
        if number < 0:
            self.set_reading(self._known_words(x, y))
            return
        spot = self.spots[number]
        rows = [("loss", short(spot.loss, 4)), ("index α", short(spot.alpha)), *spot.rows]
        self.set_reading(table(rows, f"{dot(spot.colour)} critical point"))

    def _known_words(self, x: float, y: float) -> str:
        """The numbers of a known point that was not found."""
        at = self.pixels(x, y)
        places = self._place(self._known).tolist()
        for (loss, alpha), row in zip(self._known, places, strict=True):
            place = self.pixels(*row)
            if np.hypot(place.x() - at.x(), place.y() - at.y()) <= NEAR:
                rows = [("loss", short(loss, 4)), ("index α", short(alpha))]
                return table(rows, "known, not found")
        return ""

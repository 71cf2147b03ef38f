"""Lines that grow: what was drawn once is kept in a transparent picture and not drawn again."""

from collections.abc import Hashable, Sequence
from typing import NamedTuple

import numpy as np
from PySide6.QtCore import Qt
from PySide6.QtGui import QColor, QPainter, QPen, QPixmap, QTransform

from lab.gui.views.strokes import draw_segments, joined, to_pixels


class Place(NamedTuple):
    """Where a picture is drawn.

    Attributes:
        transform: from the plot's axes to pixels.
        left: pixels from the left of the window to the picture.
        top: pixels from the top.
        width: pixels.
        height: pixels.
        ratio: dots of the screen for each pixel.
    """

    transform: QTransform
    left: int
    top: int
    width: int
    height: int
    ratio: float

    def blank(self, colour: QColor | Qt.GlobalColor) -> QPixmap:
        """An empty picture of this size."""
        made = QPixmap(round(self.width * self.ratio), round(self.height * self.ratio))
        made.setDevicePixelRatio(self.ratio)
        made.fill(colour)
        return made


class Line(NamedTuple):
    """The paths of all runs of a lane.

    Attributes:
        path: what the points belong to.
        halved: how often every second row of `points` was left out; else rows were only added.
        points: (n, runs, 2), in the units of the axes.
        head: (runs, 2), where the runs are.
        colour: with its opacity.
        width: in pixels.
    """

    path: Hashable
    halved: int
    points: np.ndarray
    head: np.ndarray
    colour: QColor
    width: float


class Trails:
    """The lines of all lanes."""

    def __init__(self):
        """Begin without any."""
        self.lines: Sequence[Line] = ()
        self._place: Place | None = None
        self._layer = QPixmap()
        self._drawn: list[tuple[Line, int]] = []

    def layer(self, place: Place) -> QPixmap:
        """The picture of all lines but their last stretches, brought up to date."""
        if place != self._place or not self._grew():
            self._layer = place.blank(Qt.GlobalColor.transparent)
            self._place = place
            self._drawn = [(line, 0) for line in self.lines]
        painter = None
        for line, (old, count) in zip(self.lines, self._drawn, strict=True):
            count = _left(count, line.halved - old.halved)
            rows = line.points[max(0, count - 1) :]
            if len(line.points) > count and len(rows) > 1:
                painter = painter or self._painter()
                painter.setPen(QPen(line.colour, line.width))
                draw_segments(painter, joined(self._pixels(rows)))
        self._drawn = [(line, len(line.points)) for line in self.lines]
        if painter is not None:
            painter.end()
        return self._layer

    def draw_ends(self, painter: QPainter) -> None:
        """Draw the last stretch of every line: from its last point to where the run is now."""
        for line in self.lines:
            if len(line.points):
                painter.setPen(QPen(line.colour, line.width))
                rows = np.stack([line.points[-1], line.head])
                draw_segments(painter, joined(to_pixels(self._place.transform, rows)))

    def _grew(self) -> bool:
        """Whether all lines are those of the last time, with points added at most."""
        return len(self.lines) == len(self._drawn) and all(
            line.path == old.path
            and line.halved >= old.halved
            and line.colour == old.colour
            and line.width == old.width
            and len(line.points) >= _left(count, line.halved - old.halved)
            for line, (old, count) in zip(self.lines, self._drawn, strict=True)
        )

    def _pixels(self, points: np.ndarray) -> np.ndarray:
        return to_pixels(self._place.transform, points) - (self._place.left, self._place.top)

    def _painter(self) -> QPainter:
        painter = QPainter(self._layer)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        # Transparent lines that cross or meet are no darker there: they replace what is below.
        painter.setCompositionMode(QPainter.CompositionMode.CompositionMode_Source)
        return painter


def _left(count: int, times: int) -> int:
    """How many of so many rows are left, at least, where every second was left out some times."""
    return count if times == 0 else max(0, (count >> times) - 1)

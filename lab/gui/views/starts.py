"""The crosses where runs start: they can be dragged, and take along all runs that share them."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import pyqtgraph as pg
from PySide6.QtCore import QLineF, QPointF, Qt, Signal
from PySide6.QtGui import QColor, QPainter, QPen, QPixmap
from PySide6.QtWidgets import QStyleOptionGraphicsItem, QWidget

from lab.gui.views.strokes import draw_stamps, to_pixels
from lab.palette import DARK, Theme

MOST = 256  # crosses; further starts are not drawn
GRAB = 12.0  # pixels from a cross within which it is taken hold of
FEW = 8  # crosses up to which they are large

Owner = tuple[str, int]  # lane and run


class Cross(NamedTuple):
    """A point where runs start.

    Attributes:
        point: x and y.
        owners: the runs that start there, as far as their starts may be moved.
    """

    point: tuple[float, float]
    owners: tuple[Owner, ...]


class Starts(pg.UIGraphicsItem):
    """All crosses."""

    moved = Signal(object)  # lane -> rows of coordinates of all its starts
    dropped = Signal()  # a cross was let go

    def __init__(self):
        """Begin without any."""
        super().__init__()
        self.crosses: list[Cross] = []
        self._rows: dict[str, np.ndarray] = {}
        self._window: tuple | None = None
        self._height: Callable[[float], float] | None = None
        self._held: tuple[Owner, ...] = ()
        self._hovered = -1
        self._theme = DARK
        self._stamps: dict[tuple, QPixmap] = {}
        self.setZValue(3)

    def set_theme(self, theme: Theme) -> None:
        """Take other colours."""
        self._theme = theme
        self._stamps.clear()

    def set_limits(
        self, window: tuple | None, height: Callable[[float], float] | None = None
    ) -> None:
        """Keep starts where they belong.

        Args:
            window: the ranges they must stay in.
            height: for a problem of one variable, the value there.
        """
        self._window, self._height = window, height

    def show_starts(self, starts: Sequence[tuple[str, np.ndarray, bool]]) -> None:
        """Put a cross where runs start; one that is being dragged stays in the user's hand.

        Args:
            starts: lane, its starts (runs, 2), and whether they may be moved.
        """
        if self._held:
            return
        self._rows = {name: points for name, points, movable in starts if movable}
        shared: dict[tuple[float, float], list[Owner]] = {}
        for name, points, movable in starts:
            for run in np.flatnonzero(np.isfinite(points).all(axis=1)).tolist():
                owners = shared.setdefault(tuple(points[run].tolist()), [])
                owners += [(name, run)] if movable else []
        crosses = [Cross(point, tuple(owners)) for point, owners in shared.items()][:MOST]
        if crosses != self.crosses:
            self.crosses, self._hovered = crosses, -1
            self.update()

    def move_start(self, owner: Owner, to: tuple[float, float]) -> bool:
        """Move the start of a run, and of all that share it; whether it may be moved."""
        for cross in self.crosses:
            if owner in cross.owners:
                self._move(cross.owners, to)
                return True
        return False

    def hoverEvent(self, event: Any) -> None:
        """Light up the cross under the mouse, and claim drags of it."""
        at = -1 if event.isExit() else self._near(event.pos())
        if at >= 0 and not event.acceptDrags(Qt.MouseButton.LeftButton):
            at = -1
        if at != self._hovered:
            self._hovered = at
            if at >= 0:
                self.setCursor(Qt.CursorShape.SizeAllCursor)
            else:
                self.unsetCursor()
            self.update()

    def mouseDragEvent(self, event: Any) -> None:
        """Move a cross; drags that begin elsewhere are for the view."""
        if event.isStart():
            near = self._near(event.buttonDownPos())
            is_left = event.button() == Qt.MouseButton.LeftButton
            self._held = self.crosses[near].owners if near >= 0 and is_left else ()
        if not self._held:
            event.ignore()
            return
        event.accept()
        self._move(self._held, (event.pos().x(), event.pos().y()))
        if event.isFinish():
            self._held = ()
            self.dropped.emit()

    def paint(
        self, painter: QPainter, option: QStyleOptionGraphicsItem, widget: QWidget | None = None
    ) -> None:
        """Draw all crosses."""
        if not self.crosses:
            return
        points = to_pixels(painter.worldTransform(), np.array([c.point for c in self.crosses]))
        ratio = painter.device().devicePixelRatioF()
        painter.save()
        painter.resetTransform()
        lit = np.arange(len(points)) == self._hovered
        draw_stamps(painter, points[~lit], self._stamp("#ffffff", ratio))
        draw_stamps(painter, points[lit], self._stamp(self._theme.accent, ratio))
        painter.restore()

    def _near(self, at: QPointF) -> int:
        """The number of the movable cross that is nearest to a point of the axes; -1 for none."""
        movable = [number for number, cross in enumerate(self.crosses) if cross.owners]
        if not movable:
            return -1
        points = np.array([self.crosses[number].point for number in movable])
        transform = self.sceneTransform()  # the scene of a plot is in pixels
        away = to_pixels(transform, points) - to_pixels(transform, np.array([at.x(), at.y()]))
        distance = np.hypot(*away.T)
        best = int(distance.argmin())
        return movable[best] if distance[best] <= GRAB else -1

    def _move(self, owners: tuple[Owner, ...], to: tuple[float, float]) -> None:
        """Tell the new starts of runs, and draw them there at once."""
        to = self._allowed(to)
        changed: dict[str, np.ndarray] = {}
        for name, run in owners:
            rows = changed.setdefault(name, self._rows[name].copy())
            rows[run] = to
        self._rows.update(changed)
        self.crosses = [
            cross._replace(point=to) if cross.owners == owners else cross for cross in self.crosses
        ]
        self.update()
        self.moved.emit({name: rows.tolist() for name, rows in changed.items()})

    def _allowed(self, to: tuple[float, float]) -> tuple[float, float]:
        """The nearest point inside the window, in numbers of six digits as people write them."""
        short = [float(f"{value:.6g}") for value in to]
        for axis, (low, high) in enumerate(self._window or ()):
            short[axis] = min(max(short[axis], low), high)
        return (short[0], self._height(short[0]) if self._height else short[1])

    def _stamp(self, colour: str, ratio: float) -> QPixmap:
        """The picture of a cross: two strokes with a dark edge."""
        key = (colour, len(self.crosses) <= FEW, ratio)
        if key not in self._stamps:
            arm, width = (7.5, 2.5) if key[1] else (4.5, 1.5)
            middle = arm + 2
            made = QPixmap(round(2 * middle * ratio), round(2 * middle * ratio))
            made.setDevicePixelRatio(ratio)
            made.fill(Qt.GlobalColor.transparent)
            painter = QPainter(made)
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            strokes = [
                QLineF(middle - arm, middle, middle + arm, middle),
                QLineF(middle, middle - arm, middle, middle + arm),
            ]
            for ink, thickness in ((QColor(0, 0, 0, 110), width + 1.5), (QColor(colour), width)):
                painter.setPen(QPen(ink, thickness))
                painter.drawLines(strokes)
            painter.end()
            self._stamps[key] = made
        return self._stamps[key]

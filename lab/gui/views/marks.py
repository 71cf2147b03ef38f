"""Marks on the landscape: where runs start, where they are, where the optima lie."""

import numpy as np
import pyqtgraph as pg
from PySide6.QtCore import QObject, Signal, Slot
from PySide6.QtGui import QPainterPath

from lab.palette import DARK, Theme

MOST_STARTS = 64  # crosses that can be taken hold of; further starts are not drawn
Owner = tuple[str, int]  # lane and run


class Marks(QObject):
    """Crosses at the starts, which can be dragged; discs at the heads; stars at the optima."""

    moved = Signal(object)  # lane -> rows of coordinates of all its starts

    def __init__(self, plot: pg.PlotWidget):
        """Add the marks to a plot."""
        super().__init__(plot)
        self._plot = plot
        self._theme = DARK
        self._optima = pg.ScatterPlotItem(symbol="star", size=15, pxMode=True)
        self._heads = pg.ScatterPlotItem(symbol="o", size=11, pxMode=True, antialias=True)
        self._optima.setZValue(1)
        self._heads.setZValue(4)
        for item in (self._optima, self._heads):
            plot.addItem(item, ignoreBounds=True)
        self._crosses: list[pg.TargetItem] = []
        self._owners: dict[pg.TargetItem, list[Owner]] = {}
        self._starts: dict[str, np.ndarray] = {}
        self._selected: Owner = ("", 0)
        self._held: pg.TargetItem | None = None
        self._window: tuple | None = None

    def set_theme(self, theme: Theme) -> None:
        """Take the colours of a theme."""
        self._theme = theme
        self._optima.setPen(pg.mkPen("#000000a0", width=1))
        self._optima.setBrush(pg.mkBrush(theme.optimum))

    def set_optima(self, optima: list, *, flat: bool) -> None:
        """Mark optima: global ones large, others small.

        Args:
            optima: each (point, value, whether it is global).
            flat: whether the second coordinate is the value.
        """
        spots = [
            {
                "pos": (point[0], value) if flat else tuple(point),
                "size": 15 if best else 9,
            }
            for point, value, best in optima
        ]
        self._optima.setData(spots)
        self._optima.setSymbol("star")

    def set_window(self, window: tuple | None) -> None:
        """Keep starts inside this rectangle."""
        self._window = window

    def draw(
        self,
        starts: list[tuple[str, np.ndarray]],
        heads: list[tuple[int, str, np.ndarray]],
        selected: Owner,
        *,
        movable: bool,
    ) -> None:
        """Put all marks in their places.

        Args:
            starts: lane and its starts (runs, 2).
            heads: place and name of a lane, and where its runs are (runs, 2).
            selected: lane and run.
            movable: whether starts may be dragged.
        """
        self._selected = selected
        spots = []
        for place, name, points in heads:
            brush = pg.mkBrush(self._theme.lane(place))
            for run in np.flatnonzero(np.isfinite(points).all(axis=1)).tolist():
                chosen = (name, run) == selected
                ring = pg.mkPen("#ffffff", width=2 if len(points) == 1 or chosen else 1)
                size = 12 if len(points) == 1 or chosen else 7
                spots.append({"pos": points[run], "brush": brush, "pen": ring, "size": size})
        self._heads.setData(spots)
        if self._held is None:
            self._place_crosses(starts, movable)

    def move_selected(self, to: tuple[float, float]) -> None:
        """Move the start of the selected run, and all that share it, to a point."""
        for cross, owners in self._owners.items():
            if self._selected in owners:
                self._move(cross, to)
                return
        if self._owners:
            self._move(next(iter(self._owners)), to)

    def _place_crosses(self, starts: list[tuple[str, np.ndarray]], movable: bool) -> None:
        self._starts = {name: points for name, points in starts if len(points)}
        shared: dict[tuple, list[Owner]] = {}
        for name, points in self._starts.items():
            for run, point in enumerate(points):
                if np.isfinite(point).all():
                    shared.setdefault(tuple(point.tolist()), []).append((name, run))
        places = list(shared.items())[:MOST_STARTS]
        while len(self._crosses) < len(places):
            self._crosses.append(self._new_cross())
        self._owners = {}
        for cross, (point, owners) in zip(self._crosses, places, strict=False):
            cross.blockSignals(True)
            cross.setPos(point)
            cross.blockSignals(False)
            cross.movable = movable
            cross.show()
            self._owners[cross] = owners
        for cross in self._crosses[len(places) :]:
            cross.hide()

    def _new_cross(self) -> pg.TargetItem:
        cross = pg.TargetItem(
            symbol=_plus(),
            size=15,
            pen=pg.mkPen("#ffffff", width=2.5),
            hoverPen=pg.mkPen(self._theme.accent, width=3),
            brush=None,
            movable=True,
        )
        cross.setZValue(3)
        cross.sigPositionChanged.connect(self._dragged)
        cross.sigPositionChangeFinished.connect(self._dropped)
        self._plot.addItem(cross, ignoreBounds=True)
        return cross

    @Slot(object)
    def _dragged(self, cross: pg.TargetItem) -> None:
        self._held = cross
        self._move(cross, (cross.pos().x(), cross.pos().y()))

    @Slot(object)
    def _dropped(self, cross: pg.TargetItem) -> None:
        self._held = None

    def _move(self, cross: pg.TargetItem, to: tuple[float, float]) -> None:
        """Tell the new starts of all runs that begin at a cross."""
        if self._window is not None:
            to = tuple(
                min(max(at, low), high) for at, (low, high) in zip(to, self._window, strict=False)
            )
        changed: dict[str, np.ndarray] = {}
        for name, run in self._owners.get(cross, []):
            rows = changed.setdefault(name, self._starts[name].copy())
            rows[run] = to
        self._starts.update(changed)
        self.moved.emit({name: _rounded(rows) for name, rows in changed.items()})


def _plus() -> QPainterPath:
    """Two strokes; pyqtgraph's own plus is an outline."""
    path = QPainterPath()
    for x, y in ((0.5, 0.0), (0.0, 0.5)):
        path.moveTo(-x, -y)
        path.lineTo(x, y)
    return path


def _rounded(rows: np.ndarray) -> list[list[float]]:
    """Coordinates as people would write them: six digits."""
    return [[float(f"{x:.6g}") for x in row] for row in rows.tolist()]

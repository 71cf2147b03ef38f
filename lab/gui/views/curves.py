"""Curves along the run: the loss of all lanes, against steps, gradient evaluations or seconds."""

from typing import Any

import numpy as np
import pyqtgraph as pg
from PySide6.QtCore import Slot
from PySide6.QtGui import QAction, QActionGroup
from PySide6.QtWidgets import QMenu, QToolButton, QVBoxLayout, QWidget

from lab.gui.bridge import Bridge
from lab.gui.state import ViewState
from lab.gui.views.bands import Band
from lab.gui.views.base import View
from lab.gui.views.plot import Plot, reach
from lab.gui.views.words import dot, short, table
from lab.palette import Theme

POINTS = 400  # of a curve, about as many as a panel has pixels

AXES = {"steps": "", "gradient evaluations": "gradient_evaluations", "seconds": "seconds"}
QUANTITIES = {"loss": "loss", "gradient norm": "grad_norm"}


class Curves(View):
    """Loss or gradient norm of all lanes on log axes."""

    name = "loss"
    title = "Loss"
    export_name = "loss"
    every = 2

    def __init__(self, bridge: Bridge, state: ViewState):
        """Begin empty."""
        super().__init__(bridge, state)
        self._axis, self._quantity, self._log = "steps", "loss", True
        self._plot = Plot("step", "loss", log_y=True)
        inside = QVBoxLayout(self)
        inside.setContentsMargins(0, 0, 0, 0)
        inside.addWidget(self._plot)
        self._curves: dict[str, pg.PlotCurveItem] = {}
        self._bands: dict[str, Band] = {}
        self._plot.pointed.connect(self._read)
        self._named: tuple = ()
        self._changed = True  # whether another quantity or axis was chosen since the last drawing
        self._menu_button = self._make_menu()
        self._say()

    def header_widgets(self) -> list[QWidget]:
        """What the curves are drawn against."""
        return [self._menu_button]

    def set_theme(self, theme: Theme) -> None:
        """Take other colours."""
        super().set_theme(theme)
        self._plot.set_theme(theme)
        self._named = ()

    def draw(self) -> None:
        """Draw all visible lanes up to their heads, and the cursor line."""
        lanes = self.lanes()
        self._make_items(lanes)
        for place, name in lanes:
            self._draw_lane(place, name)
        self._plot.set_cursor(self._cursor_x(lanes))
        self._fit()

    def _make_items(self, lanes: list[tuple[int, str]]) -> None:
        """One curve and one band for each visible lane, named in the legend."""
        names = tuple((place, name) for place, name in lanes)
        if names == self._named:
            return
        self._named = names
        for items in (self._curves, self._bands):
            for item in items.values():
                self._plot.removeItem(item)
            items.clear()
        for place, name in lanes:
            colour = self.theme.lane(place)
            self._bands[name] = Band(colour)
            curve = pg.PlotCurveItem(
                connect="finite", antialias=True, pen=pg.mkPen(colour, width=1.5)
            )
            self._curves[name] = curve
            for item in (self._bands[name], curve):
                self._plot.addItem(item, ignoreBounds=True)
        entries = [(self.theme.lane(place), self._title(name)) for place, name in lanes]
        self._plot.set_legend(entries)

    def _title(self, name: str) -> str:
        return self.recording.records[name].spec.title

    def _draw_lane(self, place: int, name: str) -> None:
        record = self.recording.records[name]
        curve = record.curve(QUANTITIES[self._quantity], 0, record.head + 1, POINTS)
        x = self._along(record, curve.steps)
        low, middle, high = (self._scaled(v) for v in (curve.low, curve.middle, curve.high))
        self._curves[name].setData(x, middle, connect="finite")
        self._bands[name].set_data(x, low, high) if record.runs > 1 else self._bands[name].clear()

    def _scaled(self, values: np.ndarray) -> np.ndarray:
        """Values on the plot's axis: decades where it is logarithmic, gaps where that fails."""
        if not self._log:
            return values
        with np.errstate(divide="ignore", invalid="ignore"):
            logs = np.log10(values)
        return np.where(np.isfinite(logs), logs, np.nan)

    def _along(self, record: Any, steps: np.ndarray) -> np.ndarray:
        """Where steps lie on the x axis."""
        column = AXES[self._axis]
        if not column or not len(steps):
            return steps
        known = np.unique(np.linspace(0, len(steps) - 1, 64).round().astype(int))
        found = [record.at(column, int(steps[i])) for i in known]
        return np.interp(steps, steps[known], [float(np.max(row)) for _, row in found])

    def _cursor_x(self, lanes: list[tuple[int, str]]) -> float | None:
        """The cursor's place, where all lanes agree on one."""
        cursor = self.state.cursor
        if not AXES[self._axis]:
            return float(cursor)
        record = self.recording.records.get(self.state.lane)
        return float(self._along(record, np.array([cursor]))[0]) if record is not None else None

    def _fit(self) -> None:
        """Let the ranges go where they hold all curves."""
        lines = [curve.getData() for curve in self._curves.values()]
        ys = [y[np.isfinite(y)] for _, y in lines if y is not None]
        finite = np.concatenate(ys) if ys else np.empty(0)
        if not len(finite):
            return
        frame = self.bridge.frame
        ends = [float(x[-1]) for x, _ in lines if x is not None and len(x)]
        right = max(ends) if AXES[self._axis] else reach(frame.head, frame.target)
        low, high = float(finite.min()), float(finite.max())
        room = 0.06 * (high - low) or 0.5
        self._plot.aim((0, right or 1.0), (low - room, high + room), at_once=self._changed)
        self._changed = False

    @Slot(float, float)
    def _read(self, x: float, y: float) -> None:
        """The numbers of all lanes at the mouse."""
        rows = []
        for place, name in self.lanes():
            curve = self._curves.get(name)
            along, values = curve.getData() if curve is not None else (None, None)
            if along is None or not len(along) or x > along[-1]:
                continue
            value = float(values[min(int(np.searchsorted(along, x)), len(along) - 1)])
            number = short(10**value if self._log else value)
            rows.append((dot(self.theme.lane(place)), self._title(name), number))
        self._plot.set_reading(table(rows, f"{self._axis} {short(x)}") if rows else "")

    # -- the menu --------------------------------------------------------------------------------

    def _make_menu(self) -> QToolButton:
        button = QToolButton(objectName="flat", text="against steps ▾")
        button.setToolTip("What is drawn, and against what")
        button.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        menu = QMenu(button)
        for names, slot in ((AXES, self._choose_axis), (QUANTITIES, self._choose_quantity)):
            group = QActionGroup(menu)
            for name in names:
                action = menu.addAction(f"against {name}" if names is AXES else name)
                action.setData(name)
                action.setCheckable(True)
                action.setChecked(name in (self._axis, self._quantity))
                group.addAction(action)
            group.triggered.connect(slot)
            menu.addSeparator()
        log = menu.addAction("logarithmic")
        log.setCheckable(True)
        log.setChecked(True)
        log.toggled.connect(self._choose_log)
        button.setMenu(menu)
        return button

    @Slot(QAction)
    def _choose_axis(self, action: QAction) -> None:
        self._axis = action.data()
        self._say()

    @Slot(QAction)
    def _choose_quantity(self, action: QAction) -> None:
        self._quantity = action.data()
        self._say()

    @Slot(bool)
    def _choose_log(self, log: bool) -> None:
        self._log = log
        self._plot.getPlotItem().getAxis("left").setLogMode(log)
        self._say()

    def _say(self) -> None:
        self._menu_button.setText(f"against {self._axis} ▾")
        x = "step" if not AXES[self._axis] else self._axis
        self._plot.set_titles(bottom=x, left=self._quantity)
        self.said.emit("" if self._quantity == "loss" else self._quantity)
        self._changed = True
        self.outdated()

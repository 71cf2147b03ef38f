"""Curves along the run: the loss of all lanes, against steps, gradient evaluations or seconds."""

from typing import Any

import numpy as np
from PySide6.QtCore import Slot
from PySide6.QtGui import QAction, QActionGroup
from PySide6.QtWidgets import QMenu, QToolButton, QVBoxLayout, QWidget

from lab.engine.derived import COST_TEXT
from lab.engine.overview import Curve
from lab.engine.quantities import QUANTITIES as KNOWN
from lab.gui.bridge import Bridge
from lab.gui.state import ViewState
from lab.gui.views.bands import Band
from lab.gui.views.base import View
from lab.gui.views.lane_curve import FLOOR, TAIL, LaneCurve
from lab.gui.views.legend_place import LegendPlace
from lab.gui.views.one_run import OneRun
from lab.gui.views.plot import Plot, reach
from lab.gui.views.polylines import Polyline, Polylines
from lab.gui.views.words import dot, short, table
from lab.palette import Theme

DEEPEST = 20.0  # decades below the highest value that are worth showing
FEW = 4  # lanes that are all looked at in every frame
HIGHEST = 4.0  # decades above the start to which a diverging lane is followed
BAND_ROOM = 1.0  # decades by which a band may widen the axis

AXES = {"steps": "", "gradient evaluations": "oracle_cost", "seconds": "seconds"}
QUANTITIES = {"loss": "loss", "gradient norm": "grad_norm", "learning rate": "lr"}
AXIS_TIPS = {"gradient evaluations": COST_TEXT, "seconds": "time that the lane itself took"}


class Curves(View):
    """Loss or gradient norm of all lanes, on a logarithmic axis where that is possible."""

    name = "loss"
    every = 2
    title = "Loss"
    export_name = "loss"

    def __init__(self, bridge: Bridge, state: ViewState):
        """Begin empty."""
        super().__init__(bridge, state)
        self._axis, self._quantity, self._wants_log, self._log = "steps", "loss", True, True
        self._plot = Plot("step", "loss", log_y=True)
        inside = QVBoxLayout(self)
        inside.setContentsMargins(0, 0, 0, 0)
        inside.addWidget(self._plot)
        self._lines = Polylines()
        self._plot.addItem(self._lines, ignoreBounds=True)
        self._half = 0  # of many lanes, those that are looked at next
        self._bands: list[Band] = []
        self._banded: list[Curve | None] = []  # what each band was made of
        self._names: list[tuple[str, str]] = []  # of the curves, with their colours
        self._legend = LegendPlace(self._plot)
        self._kept: dict[str, LaneCurve] = {}
        self._run: LaneCurve | None = None  # the selected one of several
        self._run_of: tuple = ()
        self._drawn_curves: dict[str, Curve] = {}  # on the plot's axes
        self._plot.pointed.connect(self._read)
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

    def signature(self) -> Any:
        """Also whether the run plays: when it stops, every lane is drawn as it is."""
        return super().signature(), self.bridge.frame.playing

    def draw(self) -> None:
        """Draw all visible lanes up to their heads, and the cursor line.

        Of many lanes that grow, every second one is looked at each time: no frame is then much
        slower than others.
        """
        wanted = QUANTITIES.get(self._quantity, self._quantity)
        records = self.recording.records
        lanes = [(i, name) for i, name in self.lanes() if records[name].knows(wanted)]
        self._drawn_curves = self._read_curves([name for _, name in lanes])
        colours = [self.theme.lane(place) for place, _ in lanes]
        lines = [
            Polyline(curve.steps, curve.middle, colour)
            for curve, colour in zip(self._drawn_curves.values(), colours, strict=True)
        ]
        self._lines.set_curves([*lines, *self._chosen_run()])
        self._draw_bands(colours)
        titles = [self._title(name) for _, name in lanes]
        self._names = list(zip(colours, titles, strict=True))
        self._plot.set_cursor(self._cursor_x())
        self._fit()

    def _read_curves(self, lanes: list[str]) -> dict[str, Curve]:
        """The curves of lanes on the plot's axes; one that grew most is settled each time."""
        self._kept = {name: self._lane_curve(name) for name in lanes}
        longest = max((kept.tail for kept in self._kept.values()), default=0)
        pixel = self._plot.pixel_width()
        halves = self.bridge.frame.playing and len(lanes) > FEW
        self._half = 1 - self._half
        for place, kept in enumerate(self._kept.values()):
            if halves and place % 2 == self._half and kept.latest is not None:
                continue
            settle = kept.tail == longest > TAIL
            longest = 0 if settle else longest
            kept.read(pixel, settle=settle)
        log = self._wants_log and not any(kept.negative for kept in self._kept.values())
        if log == self._log:
            return {name: kept.latest for name, kept in self._kept.items()}
        self._log = log
        self._plot.getPlotItem().getAxis("left").setLogMode(log)
        self._say()
        return self._read_curves(lanes)

    def _chosen_run(self) -> list[Polyline]:
        """The selected run, where its lane has several."""
        record = self.recording.records.get(self.state.lane)
        if self.state.lane not in self._drawn_curves or not 1 < record.runs > self.state.run:
            self._run = None
            return []
        quantity = QUANTITIES.get(self._quantity, self._quantity)
        what = quantity, AXES[self._axis], self._log
        if self._run is None or self._run_of != (record, self.state.run, *what):
            self._run_of = (record, self.state.run, *what)
            self._run = LaneCurve(OneRun(record, self.state.run), *what)
        if self._run.latest is None or self._half or not self.bridge.frame.playing:
            self._run.read(self._plot.pixel_width())  # every second time is enough in a run
        curve = self._run.latest
        return [] if curve is None else [Polyline(curve.steps, curve.middle, self.theme.text, 1.0)]

    def _lane_curve(self, name: str) -> LaneCurve:
        """What is kept of a lane; nothing if something else was drawn the last time."""
        record, kept = self.recording.records[name], self._kept.get(name)
        quantity = QUANTITIES.get(self._quantity, self._quantity)
        wanted = (record, quantity, AXES[self._axis], self._log)
        if kept is None or not kept.shows(*wanted):
            kept = LaneCurve(*wanted)
        return kept

    def _draw_bands(self, colours: list[str]) -> None:
        """The spread of lanes of several runs."""
        wide = [
            (curve, colour)
            for (name, curve), colour in zip(self._drawn_curves.items(), colours, strict=True)
            if self.recording.records[name].runs > 1
        ]
        while len(self._bands) < len(wide):
            self._bands.append(Band(self.theme.lane(0)))
            self._plot.addItem(self._bands[-1], ignoreBounds=True)
            self._banded.append(None)
        for place, (band, (curve, colour)) in enumerate(zip(self._bands, wide, strict=False)):
            band.set_colour(colour)
            if self._banded[place] is not curve:
                self._banded[place] = curve
                band.set_data(curve.steps, curve.low, curve.high)
        for place in range(len(wide), len(self._bands)):
            if self._banded[place] is not None:
                self._banded[place] = None
                self._bands[place].clear()

    def _title(self, name: str) -> str:
        return self.recording.records[name].spec.title

    def _cursor_x(self) -> float | None:
        """The cursor's place, where all lanes agree on one; else that of the selected lane."""
        cursor = self.state.cursor
        if not AXES[self._axis]:
            return float(cursor)
        record = self.recording.records.get(self.state.lane)
        if record is None or record.head < 0:
            return None
        return float(
            self._lane_curve(self.state.lane).along(np.array([min(cursor, record.head)]))[0]
        )

    def _fit(self) -> None:
        """Let the ranges go where they hold all curves, and bands as far as they are near."""
        curves = [c for c in self._drawn_curves.values() if np.isfinite(c.middle).any()]
        if not curves:
            self._plot.set_legend(self._names)
            return
        frame = self.bridge.frame
        right = reach(frame.head, frame.target)
        if AXES[self._axis]:
            right = max(float(c.steps[-1]) for c in curves)
        steps, lows, middles, highs = (np.concatenate(parts) for parts in zip(*curves, strict=True))
        low, high = float(np.nanmin(middles)), float(np.nanmax(middles))
        if self._log:
            begin = max(float(c.middle[np.isfinite(c.middle).argmax()]) for c in curves)
            high = min(high, begin + HIGHEST)
            low = max(low, high - DEEPEST)
            near = (low - BAND_ROOM, high + BAND_ROOM)
        else:
            near = (low - (high - low) / 2, high + (high - low) / 2)
        low = max(near[0], float(np.nanmin(lows[lows > FLOOR], initial=low)))
        high = min(near[1], float(np.nanmax(highs, initial=high)))
        room = 0.06 * (high - low) or 0.5
        span = (0, right or 1.0), (low - room, high + room)
        span = span[0], self._legend.name(self._names, steps, middles, span)
        self._plot.aim(*span, at_once=self._changed)
        self._changed = False

    @Slot(float, float)
    def _read(self, x: float, y: float) -> None:
        """The numbers of all lanes at the mouse."""
        rows = []
        for place, name in self.lanes():
            curve = self._drawn_curves.get(name)
            if curve is None or not len(curve.steps) or x > curve.steps[-1]:
                continue
            at = min(int(np.searchsorted(curve.steps, x)), len(curve.steps) - 1)
            value = float(curve.middle[at])
            number = short(10**value if self._log else value)
            rows.append((dot(self.theme.lane(place)), self._title(name), number))
        self._plot.set_reading(table(rows, f"{self._axis} {short(x)}") if rows else "")

    # -- the menu --------------------------------------------------------------------------------

    def _make_menu(self) -> QToolButton:
        button = QToolButton(objectName="flat", text="against steps ▾")
        button.setToolTip("What is drawn, and against what")
        button.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        menu = QMenu(button)
        menu.setToolTipsVisible(True)
        menu.aboutToShow.connect(self._fill_menu)
        button.setMenu(menu)
        return button

    @Slot()
    def _fill_menu(self) -> None:
        """Offer the axes and what the lanes have on record, the rules' own readings with it."""
        menu = self._menu_button.menu()
        menu.clear()
        for names, chosen, slot in (
            (AXES, self._axis, self._choose_axis),
            ([*QUANTITIES, *self._readings()], self._quantity, self._choose_quantity),
        ):
            group = QActionGroup(menu)
            for name in names:
                action = menu.addAction(f"against {name}" if names is AXES else name)
                action.setToolTip(AXIS_TIPS.get(name, ""))
                action.setData(name)
                action.setCheckable(True)
                action.setChecked(name == chosen)
                group.addAction(action)
            group.triggered.connect(slot)
            menu.addSeparator()
        log = menu.addAction("logarithmic")
        log.setCheckable(True)
        log.setChecked(self._wants_log)
        log.toggled.connect(self._choose_log)

    def _readings(self) -> list[str]:
        """The quantities that only some rules have: a distance they estimate, a radius."""
        if self.recording is None:
            return []
        found = [name for record in self.recording.records.values() for name in record.quantities]
        return [name for name in dict.fromkeys(found) if name not in KNOWN]

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
        self._wants_log = log
        self._say()

    def _say(self) -> None:
        self._menu_button.setText(f"against {self._axis} ▾")
        x = {"steps": "step", "seconds": "time [s]"}.get(self._axis, self._axis)
        self._plot.set_titles(bottom=x, left=self._quantity)
        words = [] if self._quantity == "loss" else [self._quantity]
        if self._wants_log and not self._log:
            words.append("linear: not all values are above 0")
        self.said.emit(" · ".join(words))
        self._changed = True
        self.outdated()

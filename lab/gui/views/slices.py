"""Slices: the loss along lines through the selected run's point, and the parabolas they promise."""

from typing import Any

import numpy as np
from PySide6.QtWidgets import QToolButton, QVBoxLayout, QWidget

from lab.gui.bridge import Bridge
from lab.gui.state import ViewState
from lab.gui.views.asking import STALE
from lab.gui.views.drawing import Drawing
from lab.gui.views.measured import Measured
from lab.gui.views.plot import LEFT_WIDTH, Plot
from lab.gui.views.probing import NOTHING, LaneProbing
from lab.gui.views.segments import Segments
from lab.gui.views.words import dot, short, table
from lab.palette import Theme

LEGEND = 112  # pixels beside the lines
_ROOM = 0.06  # of the height that is left free above and below
_STEEP = 1.5  # a parabola beyond this many times the range of the loss is cut


class Slices(LaneProbing):
    """Loss or accuracy against the distance from the point, a line for each direction."""

    name = "slices"
    title = "Slices"
    export_name = "slices"
    every = 8
    probe = "slices"
    empty = (
        "The loss along lines through the run's point appears here: tick “Slices” under “Measure "
        "while running”, or measure at this step."
    )

    def __init__(self, bridge: Bridge, state: ViewState, parent: QWidget | None = None):
        """Begin empty."""
        super().__init__(bridge, state, parent, Measured(self.probe))
        self._plot = Plot("distance from the point", "loss")
        self._plot.set_note(NOTHING)
        self._drawing = Drawing(self._plot)
        self._plot.pointed.connect(self._read)
        inside = QVBoxLayout(self)
        inside.setContentsMargins(0, 0, 0, 0)
        inside.addWidget(self._plot)
        tips = ("The loss on all data", "What the problem tells beside the loss")
        self._modes = Segments(("loss", "accuracy"), tips)
        self._modes.chosen.connect(self._look_again)
        self._log = QToolButton(objectName="segment", text="log", checkable=True)
        self._log.setToolTip("A logarithmic axis for the loss")
        self._log.setStyleSheet("padding: 2px 7px;")
        self._log.toggled.connect(self._look_again)
        self._found: Any = None
        self._key: Any = None

    def header_widgets(self) -> list[QWidget]:
        """Loss or accuracy, and the logarithmic axis."""
        return [self._modes, self._log]

    def wish(self) -> dict[str, Any] | None:
        """The selected run."""
        lanes = self.ordered()
        if not lanes:
            return None
        lane = lanes[0][1]
        run = self.state.run if lane == self.state.lane else 0
        runs = self.recording.records[lane].runs
        return {"lane": lane, "runs": [(lane, run)]} if runs > 1 and run else {"lane": lane}

    def set_theme(self, theme: Theme) -> None:
        """Take other colours."""
        super().set_theme(theme)
        self._plot.set_theme(theme)
        self._key = None

    def draw(self) -> None:
        """Draw the recording at the cursor."""
        if self.follow():
            self._key = None
        found = self.newest()
        waits = self.waits(found)
        if found:
            self._draw_lines(found[0][1])
        elif waits:
            self._drawing.fade(STALE)
        else:
            self._clear()
        if not waits:
            self._plot.set_note("" if found else self.reason())
        shown = found[0][1] if found else None
        self.tell(shown, [] if shown is None else self._about(shown))

    def _clear(self) -> None:
        self._found = self._key = None
        with self._drawing:
            pass
        self._plot.set_legend([])

    def _draw_lines(self, found: Any) -> None:
        metric = metric_of(found)
        self._modes.setVisible(bool(metric))
        name = metric if metric and self._modes.choice == "accuracy" else "loss"
        log = self._log.isChecked() and name == "loss" and bool((found.loss > 0).all())
        self._log.setVisible(name == "loss")
        key = id(found), self.opacity(found), name, log, self._plot.width()
        if key == self._key:
            return
        jump, self._key, self._found = self._key is None or self._key[2:] != key[2:], key, found
        s, values = (np.asarray(found.arrays[k], np.float64) for k in ("s", name))
        low, high = _span(values)
        if log:
            low, high = np.log10(values[np.isfinite(values)].min()), np.log10(high)
        room = _ROOM * (high - low) or 0.1
        names = found.names.split("|")
        with self._drawing as drawing:
            look = self.theme.muted
            drawing.line("here", [0, 0], [low - room, high + room], look, opacity=0.6, dashed=True)
            for place, (line, row) in enumerate(zip(names, values, strict=True)):
                colour = self.theme.lane(place)
                drawn = np.log10(row) if log else row
                drawing.line(line, s, drawn, colour, width=1.6)
                if name == "loss" and line.startswith("eigenvector"):
                    promised = parabola(found, place)
                    promised[(promised > high + _STEEP * (high - low)) & (not log)] = np.nan
                    if log:
                        promised = np.log10(np.where(promised > 0, promised, np.nan))
                    promised[(promised > high + room) | (promised < low - room)] = np.nan
                    drawing.line((line, "λ"), s, promised, colour, opacity=0.8, dashed=True)
        self._drawing.fade(key[1])
        self._plot.getPlotItem().getAxis("left").setLogMode(y=log)
        self._plot.set_titles(left=name.replace("_", " "))
        share = LEGEND / max(LEGEND, self._plot.width() - LEFT_WIDTH - LEGEND)  # beside the lines
        end = s[-1] + share * (s[-1] - s[0])
        self._plot.aim((s[0], end), (low - room, high + room), at_once=jump)
        entries = [(self.theme.lane(place), line) for place, line in enumerate(names)]
        if name == "loss" and any(line.startswith("eigenvector") for line in names):
            entries.append((self.theme.muted, "dashed: ½ λ s²"))
        self._plot.set_legend(entries, "top right")

    def _about(self, found: Any) -> list[str]:
        """What is known of a result, the most important first."""
        title = self.recording.records[found.lane].spec.title
        run = f", run {found.run + 1}" if self.recording.records[found.lane].runs > 1 else ""
        return [
            f"{title}{run}, step {found.step}",
            f"{found.evaluations:,} values",
            "unit directions",
        ]

    def _read(self, x: float, y: float) -> None:
        """Tell the values of all lines at the mouse."""
        found = self._found
        if found is None or self._key is None:
            return
        s, values = found.s, found.arrays[self._key[2]]
        at = int(np.abs(s - x).argmin())
        rows = []
        for place, line in enumerate(found.names.split("|")):
            value = short(float(values[place, at]))
            rows.append((dot(self.theme.lane(place)), line, value))
            if np.isfinite(found.curvature[place]):
                rows.append(("", "&nbsp;curvature", short(float(found.curvature[place]))))
        where = float(s[at]) if abs(s[at]) > 1e-9 * s[-1] else 0.0  # rounding in the middle
        self._plot.set_reading(table(rows, f"at distance {short(where)}"))


def metric_of(found: Any) -> str:
    """The name of what is known beside the loss, empty for nothing."""
    own = {"s", "loss", "slope", "curvature"}
    return next((name for name in found.arrays if name not in own), "")


def parabola(found: Any, place: int) -> np.ndarray:
    """What slope and curvature at the point promise along a line: (points,)."""
    s = np.asarray(found.s, np.float64)
    middle = float(np.interp(0.0, s, found.loss[place]))
    return middle + found.slope[place] * s + 0.5 * found.curvature[place] * s**2


def _span(values: np.ndarray) -> tuple[float, float]:
    """The lowest and highest finite value."""
    known = values[np.isfinite(values)]
    return (float(known.min()), float(known.max())) if len(known) else (0.0, 1.0)

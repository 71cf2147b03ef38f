"""The leading eigenvalues of every layer's block, layer by layer, and of the whole beside them."""

import math
from typing import Any, NamedTuple

import numpy as np
from PySide6.QtCore import Qt
from PySide6.QtGui import QFontMetrics

from lab.gui.theme import CAPTION_POINTS, number_font
from lab.gui.views.drawing import Drawing
from lab.gui.views.plot import LEFT_WIDTH, Plot
from lab.gui.views.values import finite, logs
from lab.gui.views.words import dot, short, table

LANES = 4  # that are drawn side by side, at most
DEEPEST = 8.0  # decades below the largest modulus that are shown
TOLD = 6  # eigenvalues that are told at the mouse, at most
_APART = 0.6  # places between the last layer and the whole, beyond the usual one
_SPREAD = 0.56  # of a place, taken by the lanes in it
_NAME = 60  # pixels in which most of a name can be read
_GAP = 6  # pixels between two names
_TITLE = "layer   (● λ &gt; 0, ▼ λ &lt; 0{})"


class Lane(NamedTuple):
    """What is drawn of one lane.

    Attributes:
        title: of the lane.
        colour: of the lane.
        result: of the probe.
    """

    title: str
    colour: str
    result: Any

    @property
    def values(self) -> np.ndarray:
        """(n + 1, k), the whole in the last row."""
        return np.asarray(self.result.arrays["eigenvalues"], dtype=np.float64)

    @property
    def trace(self) -> np.ndarray:
        """(n + 1,), NaN where it was not measured."""
        nothing = np.full(len(self.values), np.nan)
        return np.asarray(self.result.arrays.get("trace", nothing), dtype=np.float64)


class LayerSpectraPlot(Plot):
    """A column of marks for each layer, of all lanes side by side."""

    def __init__(self):
        """Make an empty plot."""
        super().__init__(_TITLE.format(""), "|eigenvalue λ|", log_y=True)
        self._drawing = Drawing(self)
        self._lanes: list[Lane] = []
        self._names: list[str] = []
        self.pointed.connect(self._read)

    def show_lanes(self, lanes: list[Lane], opacity: float, *, at_once: bool) -> None:
        """Draw results that have the same layers.

        Args:
            lanes: the selected one first; the others are drawn beside it.
            opacity: of everything.
            at_once: whether the ranges jump, because this is something else.
        """
        self._lanes = lanes[:LANES]
        self._names = names_of(lanes[0].result)
        self._name_places()
        low, high = self._span()
        traces = any(np.isfinite(lane.trace).any() for lane in self._lanes)
        self.set_titles(bottom=_TITLE.format(", — trace" if traces else ""))
        with self._drawing as drawing:
            between = len(self._names) - 1 - (1 - _APART) / 2
            drawing.line("whole", [between] * 2, [low, high], self.theme.muted, opacity=0.5)
            for number, lane in enumerate(self._lanes):
                self._draw(drawing, number, lane)
        drawing.fade(opacity)
        self.aim((-0.6, self._places()[-1] + 0.6), (low, high), at_once=at_once)

    def show_nothing(self) -> None:
        """Be empty."""
        self._lanes, self._names = [], []
        with self._drawing:
            pass

    def fade(self, opacity: float) -> None:
        """Let what is drawn fade, because it is not new any more."""
        self._drawing.fade(opacity)

    def _places(self) -> np.ndarray:
        """Where the layers and the whole stand, (n + 1,)."""
        places = np.arange(len(self._names), dtype=np.float64)
        places[-1] += _APART
        return places

    def _offset(self, number: int) -> float:
        """How far a lane's marks are from the middle of their place."""
        return _SPREAD * ((number + 0.5) / len(self._lanes) - 0.5)

    def _draw(self, drawing: Drawing, number: int, lane: Lane) -> None:
        """One lane: a disc for each eigenvalue above 0, a triangle for those below."""
        values, x = lane.values, self._places() + self._offset(number)
        heights = logs(np.abs(values))
        known = np.isfinite(heights).any(axis=1)
        ends = np.full((len(x), 3), np.nan)
        ends[known, 0], ends[known, 1] = (
            end(heights[known], axis=1) for end in (np.nanmin, np.nanmax)
        )
        drawing.line((number, "stem"), np.repeat(x, 3), ends.ravel(), lane.colour, opacity=0.35)
        for down, there in ((False, values > 0), (True, values < 0)):
            rows, columns = np.nonzero(there)
            spots = zip(x[rows].tolist(), heights[rows, columns].tolist(), strict=True)
            marks = [(*spot, lane.colour) for spot in spots]
            drawing.dots((number, down), marks, 9 if down else 7, down=down)
        half = 0.4 * _SPREAD / len(self._lanes)
        for dashed, there in ((False, lane.trace > 0), (True, lane.trace < 0)):
            if there.any():
                ends = np.stack([x - half, x + half, np.full_like(x, np.nan)], axis=1)[there]
                level = np.repeat(logs(np.abs(lane.trace[there])), 3)
                look = {"width": 2.0, "dashed": dashed}
                drawing.line((number, "trace", dashed), ends.ravel(), level, lane.colour, **look)

    def _span(self) -> tuple[float, float]:
        """All that is drawn, but for what is deep below, with some room."""
        parts = [part for lane in self._lanes for part in (lane.values, lane.trace)]
        heights = finite(*(logs(np.abs(part)) for part in parts))
        if not len(heights):
            return -1.0, 1.0
        high = float(heights.max())
        low = max(float(heights.min()), high - DEEPEST)
        room = max(high - low, 0.5)
        return low - 0.1 * room, high + 0.12 * room

    def _name_places(self) -> None:
        """Names below the layers, as many and as much of them as there is room for."""
        places, names = self._places().tolist(), self._names[:-1]
        wide = max(1.0, (self.width() - LEFT_WIDTH - 12) / (places[-1] + 1.2))  # pixels of a place
        metrics = QFontMetrics(number_font(CAPTION_POINTS))
        needed = min(_NAME, max(metrics.horizontalAdvance(name) for name in names)) + _GAP
        every = max(1, math.ceil(needed / wide))
        room = int(every * wide) - _GAP
        last = places[-1] - every / 2 - _NAME / 4 / wide  # where a name is clear of the last one
        ticks = [
            (x, metrics.elidedText(name, Qt.TextElideMode.ElideMiddle, room))
            for x, name in list(zip(places, names, strict=False))[::every]
            if every == 1 or x <= last
        ]
        self.getPlotItem().getAxis("bottom").setTicks([[*ticks, (places[-1], "all")]])

    def _read(self, x: float, y: float) -> None:
        """Tell the numbers of the layer nearest to the mouse, of the lane nearest in it."""
        if not self._names:
            return
        places = self._places()
        at = int(np.abs(places - x).argmin())
        offsets = np.array([self._offset(number) for number in range(len(self._lanes))])
        lane = self._lanes[int(np.abs(places[at] + offsets - x).argmin())]
        arrays, values = lane.result.arrays, lane.values[at]
        errors = np.asarray(arrays["residuals"], dtype=np.float64)[at]
        known = np.flatnonzero(np.isfinite(values))
        rows = [
            (f"λ{place + 1}", f"{short(float(values[place]))} ± {short(float(errors[place]), 1)}")
            for place in known[:TOLD].tolist()
        ]
        if len(known) > TOLD:
            rows.append((f"… {len(known)} in all", ""))
        if np.isfinite(lane.trace[at]):
            error = float(arrays["trace_error"][at])
            wide = f" ± {short(error, 2)}" if error > 0 else ""
            rows.append(("trace", short(float(lane.trace[at])) + wide))
        if not arrays["converged"][at]:
            rows.append(("not converged", ""))
        where = self._names[at] if at == len(places) - 1 else f"layer {self._names[at]}"
        size = f"{int(arrays['sizes'][at]):,} eigenvalues"
        title = f"{dot(lane.colour)} {lane.title}<br>{where}, {size}"
        self.set_reading(table(rows, title))


def names_of(result: Any) -> list[str]:
    """What the rows of a result are of: the layers, and the whole."""
    return [*result.info["names"].split(", "), "all parameters"]

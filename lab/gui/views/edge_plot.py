"""Curvature against what steps stand, over the run: a log axis, limits dashed, the cursor."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from PySide6.QtCore import Slot

from lab.gui.views.drawing import Drawing
from lab.gui.views.plot import Plot
from lab.gui.views.words import dot, short, table
from lab.palette import mixed

_LEAST = 0.3  # decades that the axis shows at least
_MOST = 8.0  # and at most, below the highest value
_BELOW, _ABOVE = 0.06, 0.14  # parts of the axis left free
_NOTHING = np.empty(0)
PRECONDITIONED = "preconditioned"  # the line that has a scale of its own


class Edge(NamedTuple):
    """What is drawn of one lane, every array (n,); NaN where nothing is known.

    Attributes:
        title: of the lane.
        colour: of the lane.
        strong: whether it is the selected lane.
        steps: where it was measured.
        main: the line.
        limit: corners of its dashed limit, steps and values; empty for none.
        formula: what the limit is.
        others: further lines by name, thin: of the mini-batch, preconditioned.
        other_limit: the dashed limit of the preconditioned line, (n,); empty for none.
    """

    title: str
    colour: str
    strong: bool
    steps: np.ndarray
    main: np.ndarray
    limit: tuple[Sequence[float], Sequence[float]] = ((), ())
    formula: str = ""
    others: dict[str, np.ndarray] = {}  # noqa: RUF012 - never changed
    other_limit: np.ndarray = _NOTHING


class EdgePlot(Plot):
    """Lines of all lanes on a time axis and a log axis."""

    def __init__(self, y_title: str, *, unit_line: str = ""):
        """Make an empty plot.

        Args:
            y_title: title of the y axis.
            unit_line: name of a dashed line at 1; empty for none.
        """
        super().__init__("step", y_title, log_y=True)
        self._drawing, self._heads, self._words = Drawing(self), Drawing(self), Drawing(self)
        self._unit_line = unit_line
        self._edges: list[Edge] = []
        self._at: Any = None
        self.pointed.connect(self._read)
        self.getPlotItem().getViewBox().sigRangeChanged.connect(self._name_limits)

    def show_edges(self, edges: Sequence[Edge], end: float, *, at_once: bool = False) -> None:
        """Draw the lines.

        Args:
            edges: of all lanes; later ones are drawn above.
            end: of the time axis.
            at_once: whether the ranges jump, because this is another run.
        """
        self._edges, self._at = list(edges), None
        with self._drawing as drawing:
            if self._unit_line and edges:
                drawing.line("one", [0, end], [0.0, 0.0], self.theme.warning, dashed=True)
            for key, edge in enumerate(edges):
                self._draw(drawing, key, edge)
        low, high = self._y_range()
        room = high - low
        self.aim((0, end), (low - _BELOW * room, high + _ABOVE * room), at_once=at_once)
        self._name_limits()
        self.fade(1.0)

    def fade(self, opacity: float) -> None:
        """Let what is drawn fade, because it is not new any more."""
        for part in (self._drawing, self._heads, self._words):
            part.fade(opacity)

    def show_cursor(self, step: int) -> None:
        """Draw the cursor line, and a dot where each line stands there."""
        self.set_cursor(step)
        places = [int(np.searchsorted(e.steps, step, side="right")) - 1 for e in self._edges]
        if places == self._at:
            return
        self._at = places
        spots = [
            (float(edge.steps[at]), float(np.log10(edge.main[at])), edge.colour)
            for edge, at in zip(self._edges, places, strict=True)
            if at >= 0 and edge.main[at] > 0
        ]
        with self._heads as heads:
            heads.dots("heads", spots)

    def _draw(self, drawing: Drawing, key: int, edge: Edge) -> None:
        faint = mixed(edge.colour, self.theme.card, 0.55)
        for name, values in edge.others.items():
            drawing.line((key, name), edge.steps, logs(values), faint)
        drawing.line(key, edge.steps, logs(edge.main), edge.colour, width=1.5)
        opacity = 1.0 if edge.strong else 0.6
        xs, ys = edge.limit
        if len(xs):
            colour = self.theme.warning if edge.strong else edge.colour
            drawing.line((key, "limit"), xs, logs(ys), colour, opacity=opacity, dashed=True)
        if len(edge.other_limit):
            values = logs(edge.other_limit)
            colour = self.theme.warning if edge.strong else faint
            drawing.line((key, "other limit"), edge.steps, values, colour, dashed=True)

    @Slot()
    def _name_limits(self) -> None:
        """Words at the left end of the selected lane's limit and of the line at 1.

        There the lines are still away from them; what happens at a limit is further right.
        """
        (left, right), (low, high) = self.getPlotItem().getViewBox().viewRange()
        limits = {}
        if self._unit_line and self._edges:
            limits["one"] = self._unit_line, 0.0
        for edge in self._edges:
            first = edge.limit[1][0] if len(edge.limit[1]) else np.nan
            if not np.isfinite(first) and len(edge.other_limit):
                first = edge.other_limit[0]
            if edge.strong and np.isfinite(first) and first > 0:
                limits["limit"] = edge.formula, float(np.log10(first))
        with self._words as words:
            for key, (text, height) in limits.items():
                if low <= height <= high:
                    above = 1 if height < low + 0.8 * (high - low) else 0
                    look = self.theme.warning, (0, above), self.theme.card
                    words.text(key, text, max(left, 0.0), height, *look)
            scaled = [edge.others[PRECONDITIONED] for edge in self._edges if _is_scaled(edge)]
            if scaled:
                height = float(logs(scaled[-1])[-1])
                if low <= height <= high:
                    look = self.theme.muted, (1, 1), self.theme.card
                    words.text("scaled", PRECONDITIONED, right, height, *look)

    def _y_range(self) -> tuple[float, float]:
        """Logarithms of the lowest and highest value drawn, limits among them."""
        parts = [part for e in self._edges for part in (e.main, *e.others.values(), e.other_limit)]
        parts += [np.asarray(e.limit[1], dtype=np.float64) for e in self._edges]
        values = logs(np.concatenate([*parts, _NOTHING]))
        values = values[np.isfinite(values)]
        if self._unit_line and self._edges:
            values = np.append(values, 0.0)
        if not len(values):
            return 0.0, 1.0
        high = float(values.max())
        low = max(float(values.min()), high - _MOST)
        lacking = max(0.0, _LEAST - (high - low)) / 2
        return low - lacking, high + lacking

    @Slot(float, float)
    def _read(self, x: float, y: float) -> None:
        """Tell the values measured nearest to the mouse."""
        rows, steps = [], set()
        for edge in reversed(self._edges):
            if not len(edge.steps):
                continue
            at = int(np.abs(edge.steps - x).argmin())
            steps.add(int(edge.steps[at]))
            rows.append((dot(edge.colour), edge.title, short(float(edge.main[at]))))
            below = [(name, values[at]) for name, values in edge.others.items()]
            xs, ys = edge.limit
            if len(xs):
                last = max(0, int(np.searchsorted(xs, edge.steps[at], side="right")) - 1)
                below.append((edge.formula, ys[last]))
            if len(edge.other_limit):
                below.append((edge.formula, edge.other_limit[at]))
            known = [(name, value) for name, value in below if np.isfinite(value)]
            rows += [("", name, short(float(value))) for name, value in known]
        if rows:
            self.set_reading(table(rows, f"step {', '.join(map(str, sorted(steps)[:3]))}"))


def _is_scaled(edge: Edge) -> bool:
    """Whether a lane's preconditioned curvature is known, and on the log axis to its end."""
    values = edge.others.get(PRECONDITIONED, _NOTHING)
    return len(values) > 0 and bool(values[-1] > 0)


def logs(values: Any) -> np.ndarray:
    """Logarithms to base ten, NaN where there are none."""
    values = np.asarray(values, dtype=np.float64)
    result = np.full(values.shape, np.nan)
    np.log10(values, out=result, where=values > 0)
    return result

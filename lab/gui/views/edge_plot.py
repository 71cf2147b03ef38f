"""Curvature against what steps stand, over the run: a log axis, limits dashed, the cursor."""

import numpy as np
from PySide6.QtCore import Slot

from lab.gui.views.drawing import Drawing
from lab.gui.views.steps_plot import StepsPlot
from lab.gui.views.track import Track
from lab.gui.views.values import finite

_LEAST = 0.3  # decades that the axis shows at least
_MOST = 8.0  # and at most, below the highest value
_BELOW, _ABOVE = 0.06, 0.14  # parts of the axis left free
PRECONDITIONED = "preconditioned"  # the thin line that has a scale of its own


class EdgePlot(StepsPlot):
    """Tracks of all lanes on a logarithmic axis, the thin ones named, each with its limit."""

    def __init__(self, y_title: str, *, unit_line: str = ""):
        """Make an empty plot.

        Args:
            y_title: title of the y axis.
            unit_line: name of a dashed line at 1; empty for none.
        """
        super().__init__(y_title, log=True)
        self._unit_line = unit_line
        self.getPlotItem().getViewBox().sigRangeChanged.connect(self._name_lines)

    def _draw(
        self, drawing: Drawing, tracks: list[Track], end: float, span: tuple[float, float]
    ) -> None:
        if self._unit_line and tracks:
            drawing.line("one", [0, end], [0.0, 0.0], self.theme.warning, dashed=True)
        for key, track in enumerate(tracks):
            self._draw_track(drawing, key, track)
        self._name_lines()

    @Slot()
    def _name_lines(self) -> None:
        """Words at the left end of the selected lane's limit and of the line at 1.

        There the lines are still away from them; what happens at a limit is further right.
        """
        (left, right), (low, high) = self.getPlotItem().getViewBox().viewRange()
        heights = {}
        if self._unit_line and self._placed:
            heights["one"] = self._unit_line, 0.0
        for edge in self._placed:
            known = finite(edge.limit[1])
            if edge.strong and len(known):
                heights["limit"] = edge.formula, float(known[0])
        scaled = [
            edge.others[edge.names.index(PRECONDITIONED), -1]
            for edge in self._placed
            if PRECONDITIONED in edge.names
        ]
        with self._words as words:
            for key, (text, height) in heights.items():
                if low <= height <= high:
                    above = 1 if height < low + 0.8 * (high - low) else 0
                    look = self.theme.warning, (0, above), self.theme.card
                    words.text(key, text, max(left, 0.0), height, *look)
            if scaled and low <= scaled[-1] <= high:
                look = self.theme.muted, (1, 1), self.theme.card
                words.text("scaled", PRECONDITIONED, right, float(scaled[-1]), *look)

    def _y_range(self, tracks: list[Track]) -> tuple[float, float]:
        """Logarithms of the lowest and highest value drawn, limits among them, with some room."""
        values = finite(*(part for t in tracks for part in (t.main, t.others, t.limit[1])))
        if self._unit_line and tracks:
            values = np.append(values, 0.0)
        if not len(values):
            return 0.0, 1.0
        high = float(values.max())
        low = max(float(values.min()), high - _MOST)
        lacking = max(0.0, _LEAST - (high - low)) / 2
        low, high = low - lacking, high + lacking
        return low - _BELOW * (high - low), high + _ABOVE * (high - low)

"""The merge tree of a surface: leaves at the loss of their minima, joins at their saddles."""

from typing import Any

import numpy as np
from PySide6.QtCore import Slot

from lab.engine.dendrogram import Branch, at_edge, branches, kept, pooled
from lab.gui.views.drawing import Drawing
from lab.gui.views.plot import Plot
from lab.gui.views.words import dot, short, table
from lab.palette import basin

NEAR = 14.0  # pixels within which the mouse is at a line
MANY = 24  # basins beyond which lines are thin and leaves small
FAR_APART = 300.0  # deaths that differ by more than this factor have a logarithmic axis


class TreePlot(Plot):
    """One tree at a time."""

    def __init__(self):
        """Make an empty plot."""
        super().__init__("", "loss")
        axis = self.getPlotItem().getAxis("bottom")
        axis.setTicks([[]])
        axis.setHeight(4)
        self._drawing = Drawing(self)
        self._found: Any = None
        self._branches: list[Branch] = []
        self._area = np.empty(0)
        self._log = False
        self.pointed.connect(self._read)

    def show_tree(self, found: Any, least: float, opacity: float, *, at_once: bool) -> None:
        """Draw a result.

        Args:
            found: of the probe `topology`.
            least: basins of less persistence are left out.
            opacity: of everything.
            at_once: whether the ranges jump, because this is another surface.
        """
        shown = kept(found.birth, found.death, least)
        deaths = found.death[shown & np.isfinite(found.death)]
        low = float(found.birth.min(initial=np.inf))
        log = bool(
            len(deaths) > 1 and low > 0 and deaths.max() > FAR_APART * max(low, deaths.min())
        )
        high = float(deaths.max()) if len(deaths) else found.top
        room = 0.18 * (high - low) or 0.18 * abs(high) or 1.0
        top = high * (high / low) ** 0.18 if log else high + room
        self._found, self._log = found, log
        self._branches = branches(found.birth, found.death, found.elder, shown, top)
        self._area = pooled(found.area, found.death, found.elder, shown)
        self.getPlotItem().getAxis("left").setLogMode(log)
        with self._drawing as drawing:
            self._draw(drawing)
        self._drawing.fade(opacity)
        count = len(self._branches)
        ends = self._up(np.array([low, top])) if np.isfinite(low) else np.array([0.0, 1.0])
        margin = 0.08 * float(np.ptp(ends)) or 1.0
        self.aim((-0.8, max(count, 1) - 0.2), (ends[0] - margin, ends[1]), at_once=at_once)

    def fade(self, opacity: float) -> None:
        """Let what is drawn fade, because it is not new any more."""
        self._drawing.fade(opacity)

    def _up(self, level: Any) -> Any:
        """Loss as heights of the plot."""
        return np.log10(np.maximum(level, 1e-300)) if self._log else level

    def _draw(self, drawing: Drawing) -> None:
        width = 1.6 if len(self._branches) <= MANY else 1.0
        spots = []
        lines: dict[str, list[tuple[float, float]]] = {}  # one of each colour, with gaps
        for branch in self._branches:
            colour = basin(branch.row)
            low, high = (float(self._up(np.float64(v))) for v in (branch.low, branch.high))
            corners = [(branch.x, low), (branch.x, high), (branch.elder, high), (np.nan, np.nan)]
            lines.setdefault(colour, []).extend(corners)
            spots.append((branch.x, low, colour))
        for colour, corners in lines.items():
            x, y = np.array(corners).T
            drawing.line(colour, x, y, colour, width=width)
        drawing.dots("leaves", spots, 8 if len(self._branches) <= MANY else 5)

    def nearest(self, x: float, y: float) -> Branch | None:
        """The basin whose line is nearest to a point of the axes, if it is near."""
        at = self.pixels(x, y)
        best, found = NEAR, None
        for branch in self._branches:
            low, high = (float(self._up(np.float64(v))) for v in (branch.low, branch.high))
            foot = self.pixels(branch.x, min(max(y, low), high))
            away = float(np.hypot(foot.x() - at.x(), foot.y() - at.y()))
            if away < best:
                best, found = away, branch
        return found

    @Slot(float, float)
    def _read(self, x: float, y: float) -> None:
        """Tell the numbers of the basin at the mouse."""
        branch = self.nearest(x, y)
        self.set_reading("" if branch is None else self._words(branch.row))

    def _words(self, row: int) -> str:
        found = self._found
        death, birth = float(found.death[row]), float(found.birth[row])
        share = 100 * float(self._area[row]) / max(1, found.inside)
        rows = [("minimum", short(birth, 4))]
        if np.isfinite(death):
            rows += [("saddle", short(death, 4)), ("depth", short(death - birth, 4))]
        else:
            rows += [("saddle", "joins none")]
        rows += [("drains", f"{share:.3g} % of the window")]
        edge = at_edge(found.minimum[row : row + 1], found.window)[0]
        rows += [("", "at the edge of the window")] if edge else []
        place = ", ".join(short(float(v)) for v in found.minimum[row])
        return table(rows, f"{dot(basin(row))} minimum at ({place})")

"""The persistence barcode of a surface: a bar from birth to death for each basin and each hole."""

from typing import Any, NamedTuple

import numpy as np
from PySide6.QtCore import Slot

from lab.gui.views.drawing import Drawing
from lab.gui.views.plot import Plot
from lab.gui.views.words import dot, short, table

BROAD, THIN, MANY = 3.5, 1.4, 24  # pixels of a bar; bars beyond which they are thin
FAR_APART = 300.0
ROOM = 0.05  # of the range, on both sides


class Bar(NamedTuple):
    """One bar: from birth to death, of a hole or of a basin."""

    birth: float
    death: float
    hole: bool


class BarsPlot(Plot):
    """One barcode at a time: connected pieces (H₀) and holes (H₁), in two colours."""

    def __init__(self):
        """Make an empty plot."""
        super().__init__("loss", "")
        self.getPlotItem().getAxis("left").setWidth(34)
        self._drawing = Drawing(self)
        self._bars: list[Bar] = []
        self._log = False
        self.pointed.connect(self._read)

    def colours(self) -> tuple[str, str]:
        """Of basins and of holes: blue and orange, which colour-blind eyes tell apart."""
        return self.theme.lanes[0], self.theme.lanes[1]

    def show_bars(self, found: Any, least: float, opacity: float, *, at_once: bool) -> None:
        """Draw a result; see `TreePlot.show_tree`."""
        pairs = [Bar(*pair, False) for pair in zip(found.birth, found.death, strict=True)]
        pairs += [Bar(*pair, True) for pair in found.holes]
        bars = [bar for bar in pairs if not bar.death - bar.birth < least]
        self._bars = sorted(bars, key=lambda bar: (bar.hole, bar.birth - bar.death, bar.birth))
        ends = np.array([end for bar in self._bars for end in bar[:2] if np.isfinite(end)])
        if not len(ends):
            ends = np.array([0.0, 1.0])
        low, high = float(ends.min()), float(ends.max())
        deaths = np.array([bar.death for bar in self._bars if np.isfinite(bar.death)])
        self._log = bool(
            len(deaths) > 1 and low > 0 and deaths.max() > FAR_APART * max(low, deaths.min())
        )
        self.getPlotItem().getAxis("bottom").setLogMode(self._log)
        low, high = (float(self._at(np.float64(end))) for end in (low, high))
        room = (high - low) or abs(high) or 1.0
        left, right = low - ROOM * room, high + 2 * ROOM * room
        with self._drawing as drawing:
            self._draw(drawing, right)
        self._drawing.fade(opacity)
        self.aim((left, right), (-0.7, max(3, len(self._bars)) - 0.3), at_once=at_once)
        words = []
        for hole, word in ((False, "H₀"), (True, "H₁")):
            rows = [row for row, bar in enumerate(self._bars) if bar.hole == hole]
            words += [((rows[0] + rows[-1]) / 2, word)] if rows else []
        self.getPlotItem().getAxis("left").setTicks([words])

    def fade(self, opacity: float) -> None:
        """Let what is drawn fade, because it is not new any more."""
        self._drawing.fade(opacity)

    def _at(self, level: Any) -> Any:
        """Loss as places of the plot."""
        return np.log10(np.maximum(level, 1e-300)) if self._log else level

    def _draw(self, drawing: Drawing, right: float) -> None:
        width = BROAD if len(self._bars) <= MANY else THIN
        for hole, colour in zip((False, True), self.colours(), strict=True):
            ends = []
            for row, bar in enumerate(self._bars):
                if bar.hole == hole:
                    begin, end = (float(self._at(np.float64(v))) for v in bar[:2])
                    never = not np.isfinite(bar.death)
                    ends += [(begin, row), (right if never else end, row), (np.nan, np.nan)]
                    if never:
                        drawing.text(("never", row), "∞", right, row, colour, (1, 1))
            if ends:
                x, y = np.array(ends).T
                drawing.line(hole, x, y, colour, width=width)

    @Slot(float, float)
    def _read(self, x: float, y: float) -> None:
        """Tell the numbers of the bar at the mouse."""
        row = round(y)
        if not 0 <= row < len(self._bars):
            self.set_reading("")
            return
        bar = self._bars[row]
        never = not np.isfinite(bar.death)
        rows = [
            ("birth", short(bar.birth, 4)),
            ("death", "never" if never else short(bar.death, 4)),
            ("persistence", "∞" if never else short(bar.death - bar.birth, 4)),
        ]
        word = "a hole (H₁)" if bar.hole else "a basin (H₀)"
        self.set_reading(table(rows, f"{dot(self.colours()[bar.hole])} {word}"))

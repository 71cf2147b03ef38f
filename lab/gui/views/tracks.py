"""What was measured along the run, against steps: a line for each lane, a band, the cursor."""

import time
from collections.abc import Sequence

import numpy as np
from PySide6.QtCore import Slot

from lab.engine.limits import FAR
from lab.gui.views.drawing import Drawing
from lab.gui.views.steps_plot import StepsPlot
from lab.gui.views.track import Track
from lab.gui.views.values import common, finite
from lab.gui.views.words import short

PAUSE = 0.1  # seconds between two drawings of growing tracks
_WIDE = 1.5  # a band beyond this many times the largest value does not stretch the axis


class TracksPlot(StepsPlot):
    """Tracks of all lanes on a linear axis, which may have marks of its own."""

    def __init__(
        self,
        y_title: str,
        *,
        floor: float | None = None,
        marks: Sequence[tuple[float, str]] = (),
        caption: str = "",
    ):
        """Make an empty plot.

        Args:
            y_title: title of the y axis.
            floor: where the y axis begins; as low as the values if not given.
            marks: values with a word, each a thin dashed line; the axis has no other ticks then.
            caption: words in the upper left corner, where the axis has no room for a title.
        """
        super().__init__(y_title)
        self._span = (0.0, 1.0)  # where the y axis is to go
        self._floor, self._marks, self._caption = floor, marks, caption
        if marks:
            ticks = [(value, f"{word} {value}") for value, word in marks]
            self.getPlotItem().getAxis("left").setTicks([ticks])
        self.getPlotItem().getViewBox().sigRangeChanged.connect(self._name_limit)

    def _draw(
        self, drawing: Drawing, tracks: list[Track], end: float, span: tuple[float, float]
    ) -> None:
        self._span, muted = span, self.theme.muted
        for value, word in self._marks:
            drawing.line(word, [0, end], [value] * 2, muted, opacity=0.6, dashed=True)
        if self._caption and tracks:
            drawing.text("caption", self._caption, 0, span[1], muted, (0, 0), self.theme.card)
        for key, track in enumerate(tracks):
            self._draw_track(drawing, key, track, top=span[1])
        self._name_limit()

    @Slot()
    def _name_limit(self) -> None:
        """A word or value for the selected lane's limit, at the right edge as it is now."""
        (_, right), (low, high) = self.getPlotItem().getViewBox().viewRange()
        with self._words as words:
            for track in self._tracks:
                if not track.strong or not len(track.limit[1]):
                    continue
                value, look = track.limit[1][-1], (self.theme.warning, self.theme.card)
                if value <= self._span[1]:
                    above = 1 if value < low + 0.8 * (high - low) else 0
                    words.text("limit", track.formula, right, value, look[0], (1, above), look[1])
                else:
                    text = f"{track.formula} = {short(value)} ↑"
                    words.text("limit", text, right, high, look[0], (1, 0), look[1])

    def _y_range(self, tracks: list[Track]) -> tuple[float, float]:
        """All that is drawn, with some room; what flies off does not stretch it."""
        lines = common(finite(*(part for t in tracks for part in (t.main, t.others))))
        if not len(lines):
            return (0.0, 1.0)
        low, high = float(lines.min()), float(lines.max())
        bands = finite(*(part for t in tracks for part in (t.low, t.high)))
        near = bands[np.abs(bands) <= _WIDE * max(high, -low)]
        low, high = float(near.min(initial=low)), float(near.max(initial=high))
        limits = [t.limit[1][-1] for t in tracks if len(t.limit[1])]
        size = max(high, -low)
        marks = [value for value, _ in self._marks]
        low, high = min([low, *marks]), max([high, *marks, *(v for v in limits if v <= FAR * size)])
        far = any(t.strong and len(t.limit[1]) and t.limit[1][-1] > high for t in tracks)
        room = 0.08 * (high - low) or 0.08 * abs(high) or 1.0
        above = 3 if far or self._caption else 1
        low = self._floor if self._floor is not None and self._floor <= low else low - room
        return low, high + above * room


class Pace:
    """Lets something happen now and then only."""

    def __init__(self):
        """Nothing has happened yet."""
        self._last = float("-inf")

    def allows(self, at_once: bool = False) -> bool:
        """Whether it is time again; it is then taken to happen."""
        now = time.monotonic()
        if now - self._last < PAUSE and not at_once:
            return False
        self._last = now
        return True

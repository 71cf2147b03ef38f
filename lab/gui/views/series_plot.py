"""One quantity of all lanes against steps: lines, bands, a dot for each measurement."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from PySide6.QtCore import Qt
from PySide6.QtGui import QFontMetrics

from lab.gui.theme import CAPTION_POINTS, number_font
from lab.gui.views.drawing import Drawing
from lab.gui.views.plot import BOTTOM_HEIGHT
from lab.gui.views.steps_plot import StepsPlot
from lab.gui.views.track import DEEPEST, Track
from lab.gui.views.values import common, finite

MARGIN = 14  # pixels above a plot's axis and below it
FEW = 40  # up to so many measurements each has its own dot
BAND_ROOM = 0.5  # part of the lines' own span by which bands may widen the axis at each end
SELDOM = 0.1  # part of the values that may lie deeper than `DEEPEST` decades unseen


class SeriesPlot(StepsPlot):
    """Tracks of one quantity, on an axis that may be logarithmic."""

    def __init__(self):
        """Make an empty plot."""
        super().__init__("")

    def show_series(
        self,
        series: Any,
        tracks: Sequence[Track],
        end: float,
        *,
        log: bool,
        room: int,
        at_once: bool = False,
        named: bool = False,
    ) -> None:
        """Draw a quantity.

        Args:
            series: what the probe says of it.
            tracks: of all lanes; later ones are drawn above.
            end: of the time axis.
            log: whether a logarithmic axis is wanted; it is linear where nothing is above 0.
            room: height in pixels, in which the title must fit.
            at_once: whether the ranges jump, because this is something else than before.
            named: whether a legend names the lanes.
        """
        log = log and any((track.main > 0).any() for track in tracks)
        if log != self.log:
            self.log, at_once = log, True
            self.getPlotItem().getAxis("left").setLogMode(log)
        self.unit = series.unit if series.unit != "1" else ""
        self.set_titles(left=titled(series.title, self.unit, room - BOTTOM_HEIGHT - MARGIN))
        self.show_tracks(tracks, end, at_once=at_once, named=named)

    def show_nothing(self) -> None:
        """Be empty."""
        self.show_tracks([], 1.0)

    def _draw(
        self, drawing: Drawing, tracks: list[Track], end: float, span: tuple[float, float]
    ) -> None:
        for key, track in enumerate(tracks):
            self._draw_track(drawing, key, track)
            if len(track.steps) <= FEW:
                seen = np.isfinite(track.main)
                points = zip(track.steps[seen], track.main[seen], strict=True)
                spots = [(float(x), float(y), track.colour) for x, y in points]
                drawing.dots((key, "each"), spots, size=4)
                if len(track.low) and seen.sum() == 1:  # a band of no width
                    at = int(seen.argmax())
                    x, ends = [float(track.steps[at])] * 2, [track.low[at], track.high[at]]
                    drawing.line((key, "error"), x, ends, track.colour, opacity=0.6)

    def _y_range(self, tracks: list[Track]) -> tuple[float, float]:
        """What holds all lines with some room, and bands as far as they are near."""
        lines = finite(*(part for track in tracks for part in (track.main, track.others)))
        if not len(lines):
            return (0.0, 1.0)
        if self.log:
            lines = lines[lines >= min(lines.max() - DEEPEST, np.quantile(lines, SELDOM))]
        else:
            lines = common(lines)
        low, high = float(lines.min()), float(lines.max())
        near = BAND_ROOM * ((high - low) or (0.2 if self.log else abs(high)) or 1.0)
        bands = finite(*(part for track in tracks for part in (track.low, track.high)))
        if len(bands):
            low = max(low - near, min(low, float(bands.min())))
            high = min(high + near, max(high, float(bands.max())))
        least = 0.05 if self.log else 0.05 * abs(high)
        room = max(0.08 * (high - low), least) or 1.0
        if not self.log and 0 <= low < 0.5 * (high - low):
            return 0.0, high + room  # what begins near zero is shown from zero on
        return low - room, high + room


def titled(words: str, unit: str, room: int) -> str:
    """The title of an axis with its unit, the words cut where both together are too long.

    Args:
        words: what is drawn.
        unit: in what; empty for a pure number.
        room: for both, in pixels.
    """
    metrics = QFontMetrics(number_font(CAPTION_POINTS))
    tail = f" [{unit}]" if unit else ""
    left = max(40, room) - metrics.horizontalAdvance(tail)
    return metrics.elidedText(words, Qt.TextElideMode.ElideRight, left) + tail

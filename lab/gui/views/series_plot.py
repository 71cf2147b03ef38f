"""One quantity of all lanes against steps: lines, bands, a dot for each measurement."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from PySide6.QtCore import Qt, Slot
from PySide6.QtGui import QFontMetrics

from lab.gui.theme import CAPTION_POINTS, number_font
from lab.gui.views.drawing import Drawing
from lab.gui.views.plot import BOTTOM_HEIGHT, Plot
from lab.gui.views.tracks import BROAD, Track, thinned
from lab.gui.views.words import dot, short, table

MARGIN = 14  # pixels above a plot's axis and below it
FEW = 40  # up to so many measurements each has its own dot
BAND_ROOM = 0.5  # part of the lines' own span by which bands may widen the axis at each end
DEEPEST = 12.0  # decades below the highest value that are shown
SELDOM = 0.1  # part of the values that may lie deeper than that unseen
OUTLYING = 20.0  # values beyond this many times the 90 % point do not stretch a linear axis


class SeriesPlot(Plot):
    """Tracks of one quantity, on an axis that may be logarithmic."""

    def __init__(self):
        """Make an empty plot."""
        super().__init__("step", "")
        self._drawing, self._heads = Drawing(self), Drawing(self)
        self._tracks: list[Track] = []  # as measured
        self._heights: list[np.ndarray] = []  # of the tracks' points on the axis
        self._series: Any = None
        self._at: Any = None
        self.log = False
        self.pointed.connect(self._read)

    def show_tracks(
        self,
        series: Any,
        tracks: Sequence[Track],
        end: float,
        *,
        log: bool,
        room: int,
        at_once: bool = False,
    ) -> None:
        """Draw a quantity.

        Args:
            series: what the probe says of it.
            tracks: of all lanes; later ones are drawn above.
            end: of the time axis.
            log: whether a logarithmic axis is wanted; it is linear where nothing is above 0.
            room: height in pixels, in which the title must fit.
            at_once: whether the ranges jump, because this is something else than before.
        """
        self._tracks, self._series, self._at = [thinned(t) for t in tracks], series, None
        log = log and any((track.main > 0).any() for track in self._tracks)
        if log != self.log:
            self.log, at_once = log, True
            self.getPlotItem().getAxis("left").setLogMode(log)
        self.set_titles(left=_cut(titled(series), room - BOTTOM_HEIGHT - MARGIN))
        shown = [self._placed(track) for track in self._tracks]
        self._heights = [track.main for track in shown]
        with self._drawing as drawing:
            for key, track in enumerate(shown):
                if len(track.low):
                    drawing.band(key, track.steps, track.low, track.high, track.colour)
                width = 1.5 if len(track.steps) <= BROAD else 1.0
                drawing.line(key, track.steps, track.main, track.colour, width=width)
                if len(track.steps) <= FEW:
                    seen = np.isfinite(track.main)
                    points = zip(track.steps[seen], track.main[seen], strict=True)
                    spots = [(float(x), float(y), track.colour) for x, y in points]
                    drawing.dots((key, "each"), spots, size=4)
                    if len(track.low) and seen.sum() == 1:  # a band of no width
                        at = int(seen.argmax())
                        x, ends = [float(track.steps[at])] * 2, [track.low[at], track.high[at]]
                        drawing.line((key, "error"), x, ends, track.colour, opacity=0.6)
        self.aim((0, end), self._y_range(shown), at_once=at_once)
        self.fade(1.0)

    def show_nothing(self) -> None:
        """Be empty."""
        self._tracks, self._heights, self._at = [], [], None
        for part in (self._drawing, self._heads):
            with part:
                pass

    def fade(self, opacity: float) -> None:
        """Let what is drawn fade, because it is not new any more."""
        for part in (self._drawing, self._heads):
            part.fade(opacity)

    def show_cursor(self, step: int) -> None:
        """Draw the cursor line, and a larger dot where each lane stood last."""
        self.set_cursor(step)
        places = [int(np.searchsorted(t.steps, step, side="right")) - 1 for t in self._tracks]
        if places == self._at:
            return
        self._at = places
        spots = [
            (float(track.steps[at]), float(heights[at]), track.colour)
            for track, heights, at in zip(self._tracks, self._heights, places, strict=True)
            if at >= 0 and np.isfinite(heights[at])
        ]
        with self._heads as heads:
            heads.dots("heads", spots)

    def _placed(self, track: Track) -> Track:
        """The track on the axis as it is now; bands only where there are any."""
        has_band = len(track.low) and np.isfinite(track.low).any()
        low, high = (track.low, track.high) if has_band else (np.empty(0), np.empty(0))
        if not self.log:
            return track._replace(low=low, high=high)
        main = _logarithm(track.main)
        if has_band:  # an edge at or below 0 is far down
            floor = np.nanmin(main) - DEEPEST
            low, high = (np.nan_to_num(_logarithm(x), nan=floor) for x in (low, high))
            there = np.isfinite(track.low) & np.isfinite(main)
            low, high = (np.where(there, x, np.nan) for x in (low, high))
        return track._replace(main=main, low=low, high=high)

    def _y_range(self, tracks: Sequence[Track]) -> tuple[float, float]:
        """What holds all lines with some room, and bands as far as they are near."""
        lines = _finite([track.main for track in tracks])
        if not len(lines):
            return (0.0, 1.0)
        if self.log:
            deep = min(lines.max() - DEEPEST, np.quantile(lines, SELDOM))
            lines = lines[lines >= deep]
        else:
            cap = OUTLYING * np.quantile(np.abs(lines), 0.9)
            lines = lines[np.abs(lines) <= cap] if cap > 0 else lines
        low, high = float(lines.min()), float(lines.max())
        near = BAND_ROOM * ((high - low) or (0.2 if self.log else abs(high)) or 1.0)
        bands = _finite([part for track in tracks for part in (track.low, track.high)])
        if len(bands):
            low = max(low - near, min(low, float(bands.min())))
            high = min(high + near, max(high, float(bands.max())))
        least = 0.05 if self.log else 0.05 * abs(high)
        room = max(0.08 * (high - low), least) or 1.0
        if not self.log and 0 <= low < 0.5 * (high - low):
            return 0.0, high + room  # what begins near zero is shown from zero on
        return low - room, high + room

    @Slot(float, float)
    def _read(self, x: float, y: float) -> None:
        """Tell the values measured nearest to the mouse."""
        rows, steps = [], set()
        for track in self._tracks:
            if len(track.steps):
                at = int(np.abs(track.steps - x).argmin())
                steps.add(int(track.steps[at]))
                rows.append((dot(track.colour), track.title, with_band(track, at)))
        unit = "" if self._series is None or self._series.unit == "1" else self._series.unit
        where = ", ".join(map(str, sorted(steps)[:3]))
        words = [f"step {where}", unit and f"in {unit}"]
        self.set_reading(table(rows, " · ".join(filter(None, words))) if rows else "")


def titled(series: Any) -> str:
    """The title of an axis, with the unit where there is one."""
    return series.title if series.unit in ("", "1") else f"{series.title} [{series.unit}]"


def with_band(track: Track, at: int) -> str:
    """A measured number, and how sure it is: ± where its band is even, else from and to."""
    value = float(track.main[at])
    if not len(track.low) or not np.isfinite(track.low[at]):
        return short(value)
    low, high = float(track.low[at]), float(track.high[at])
    if abs((high - value) - (value - low)) <= 1e-6 * max(abs(high), abs(low)):
        return f"{short(value)} ± {short(high - value, 2)}"
    return f"{short(value)} ({short(low)} – {short(high)})"


def _cut(text: str, room: int) -> str:
    """As much of an axis title as there is room for."""
    metrics = QFontMetrics(number_font(CAPTION_POINTS))
    return metrics.elidedText(text, Qt.TextElideMode.ElideRight, max(40, room))


def _logarithm(values: np.ndarray) -> np.ndarray:
    """Decades; NaN for what has none."""
    return np.log10(np.where(values > 0, values, np.nan))


def _finite(parts: Sequence[np.ndarray]) -> np.ndarray:
    values = np.concatenate([*parts, np.empty(0)])
    return values[np.isfinite(values)]

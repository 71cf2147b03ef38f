"""Lines of all lanes against steps: what such plots draw, the cursor's dots, the nearest values."""

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any

import numpy as np
from PySide6.QtCore import Slot

from lab.gui.views.drawing import Drawing
from lab.gui.views.legend_place import LegendPlace
from lab.gui.views.plot import Plot
from lab.gui.views.track import Track, in_decades, thinned, told
from lab.gui.views.words import table
from lab.palette import mixed

ACROSS = 200  # places along the time axis at which a legend looks for lines
BROAD = 120  # up to so many points a line is broad; antialiased strokes of long ones are slow


class StepsPlot(Plot):
    """A track of each lane on one time axis.

    A subclass draws in `_draw` and says in `_y_range` where its axis goes; both get the tracks as
    they are on the axis, in decades where it is logarithmic.
    """

    def __init__(self, y_title: str, *, log: bool = False):
        """Make an empty plot.

        Args:
            y_title: title of the y axis.
            log: whether that is logarithmic.
        """
        super().__init__("step", y_title, log_y=log)
        self._drawing, self._heads, self._words = Drawing(self), Drawing(self), Drawing(self)
        self._legend_place = LegendPlace(self)
        self.log = log
        self.unit = ""  # of all values, for who points at them
        self._tracks: list[Track] = []  # as measured
        self._heights: list[np.ndarray] = []  # of the tracks' points on the axis
        self._placed: list[Track] = []  # on the axis
        self._at: Any = None  # the points at the cursor
        self.pointed.connect(self._read)

    @abstractmethod
    def _draw(
        self, drawing: Drawing, tracks: list[Track], end: float, span: tuple[float, float]
    ) -> None:
        """Draw.

        Args:
            drawing: open.
            tracks: on the axis.
            end: of the time axis.
            span: of the y axis.
        """

    @abstractmethod
    def _y_range(self, tracks: list[Track]) -> tuple[float, float]:
        """Both ends of the y axis; there may be no tracks."""

    def show_tracks(
        self, tracks: Sequence[Track], end: float, *, at_once: bool = False, named: bool = False
    ) -> None:
        """Draw the lines.

        Args:
            tracks: of all lanes; later ones are drawn above.
            end: of the time axis.
            at_once: whether the ranges jump, because this is another run.
            named: whether a legend names the lanes, where there are several.
        """
        self._tracks, self._at = [thinned(track) for track in tracks], None
        self._placed = [in_decades(t) for t in self._tracks] if self.log else self._tracks
        self._heights = [track.main for track in self._placed]
        span = self._name_lanes(end, self._y_range(self._placed), named=named)
        with self._drawing as drawing:
            self._draw(drawing, self._placed, end, span)
        self.aim((0, end), span, at_once=at_once)
        self.fade(1.0)

    def fade(self, opacity: float) -> None:
        """Let what is drawn fade, because it is not new any more."""
        for part in (self._drawing, self._heads, self._words):
            part.fade(opacity)

    def show_cursor(self, step: int) -> None:
        """Draw the cursor line, and a dot where each line stands there."""
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

    def _name_lanes(
        self, end: float, span: tuple[float, float], *, named: bool
    ) -> tuple[float, float]:
        """Name the lanes where that hides no line; the y axis, with the room that it takes."""
        entries = [(track.colour, track.title) for track in reversed(self._tracks)]
        entries = entries if named and len(entries) > 1 else []
        across = np.linspace(0, end, ACROSS)
        lines = [
            np.interp(across, track.steps, line, left=np.nan, right=np.nan)
            for track in self._placed
            for line in (track.main, *track.others)
            if entries and len(track.steps)
        ]
        x = np.tile(across, len(lines))
        return self._legend_place.name(entries, x, np.ravel(lines), ((0, end), span))

    def _draw_track(self, drawing: Drawing, key: int, track: Track, top: float = np.inf) -> None:
        """Draw a band, thin lines, the line, and its limit if that ends below the top."""
        if np.isfinite(track.low).any():
            drawing.band(key, track.steps, track.low, track.high, track.colour)
        if track.others.size:
            gap = np.full((len(track.others), 1), np.nan)
            x = np.tile([*track.steps, np.nan], len(track.others))
            y = np.concatenate([track.others, gap], axis=1).ravel()
            faint = mixed(track.colour, self.theme.card, 0.5)
            drawing.line((key, "others"), x, y, faint, smooth=len(track.steps) <= BROAD)
        width = 1.5 if len(track.steps) <= BROAD else 1.0
        drawing.line(key, track.steps, track.main, track.colour, width=width)
        xs, ys = track.limit
        if len(xs) and not ys[-1] > top:
            colour = self.theme.warning if track.strong else track.colour
            opacity = 1.0 if track.strong else 0.5
            drawing.line((key, "limit"), xs, ys, colour, opacity=opacity, dashed=True)

    @Slot(float, float)
    def _read(self, x: float, y: float) -> None:
        """Tell the values measured nearest to the mouse, the selected lane's first."""
        rows, steps = [], set()
        for track, placed in zip(self._tracks[::-1], self._placed[::-1], strict=True):
            if len(track.steps):
                at = int(np.abs(track.steps - x).argmin())
                steps.add(int(track.steps[at]))
                heights = placed.others[:, at] if placed.others.size else np.empty(0)
                rows += told(track, at, heights, y)
        words = [f"step {', '.join(map(str, sorted(steps)[:3]))}", self.unit and f"in {self.unit}"]
        self.set_reading(table(rows, " · ".join(filter(None, words))) if rows else "")

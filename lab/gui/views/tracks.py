"""What was measured along the run, against steps: a line for each lane, a band, the cursor."""

import time
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from PySide6.QtCore import Slot

from lab.engine.limits import FAR
from lab.gui.views.drawing import Drawing
from lab.gui.views.plot import Plot
from lab.gui.views.words import dot, short, table
from lab.palette import mixed

MOST = 300  # points of a line: a panel has little more pixels
BROAD = 120  # up to so many points a line is broad; antialiased strokes of long ones are slow
PAUSE = 0.1  # seconds between two drawings of growing tracks
_OUTLYING = 20.0  # values beyond this many times the 90 % point do not stretch the axis
_WIDE = 1.5  # a band beyond this many times the largest value does not stretch it either
_NOTHING = np.empty(0)


class Track(NamedTuple):
    """What is drawn of one lane, every array (n,).

    Attributes:
        title: of the lane.
        colour: of the lane.
        strong: whether it is the selected lane.
        steps: where it was measured.
        main: the line.
        others: thin lines beside it, (m, n).
        low: lower edge of its band; empty for none.
        high: upper edge.
        limit: corners of a dashed line, steps and values; empty for none.
        formula: what the dashed line is.
    """

    title: str
    colour: str
    strong: bool
    steps: np.ndarray
    main: np.ndarray
    others: np.ndarray = np.empty((0, 0))
    low: np.ndarray = _NOTHING
    high: np.ndarray = _NOTHING
    limit: tuple[list[int], list[float]] = ([], [])
    formula: str = ""


class TracksPlot(Plot):
    """Tracks of all lanes on one time axis."""

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
        super().__init__("step", y_title)
        self._drawing, self._heads, self._words = Drawing(self), Drawing(self), Drawing(self)
        self._span = (0.0, 1.0)  # where the y axis is to go
        self._floor, self._marks, self._caption = floor, marks, caption
        if marks:
            ticks = [(value, f"{word} {value}") for value, word in marks]
            self.getPlotItem().getAxis("left").setTicks([ticks])
        self._tracks: list[Track] = []
        self._at: Any = None  # the points at the cursor
        self.pointed.connect(self._read)
        self.getPlotItem().getViewBox().sigRangeChanged.connect(self._name_limit)

    def show_tracks(self, tracks: Sequence[Track], end: float, *, at_once: bool = False) -> None:
        """Draw the lines.

        Args:
            tracks: of all lanes; later ones are drawn above.
            end: of the time axis.
            at_once: whether the ranges jump, because this is another run.
        """
        self._tracks = [thinned(track) for track in tracks]
        self._at = None
        self._span = low, high = self._y_range()
        with self._drawing as drawing:
            for value, word in self._marks:
                drawing.line(
                    word, [0, end], [value] * 2, self.theme.muted, opacity=0.6, dashed=True
                )
            if self._caption and self._tracks:
                look = self.theme.muted, (0, 0), self.theme.card
                drawing.text("caption", self._caption, 0, high, *look)
            for key, track in enumerate(self._tracks):
                self._draw(drawing, key, track, (low, high))
        self.aim((0, end), (low, high), at_once=at_once)
        self._name_limit()
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
            (float(track.steps[at]), float(track.main[at]), track.colour)
            for track, at in zip(self._tracks, places, strict=True)
            if at >= 0
        ]
        with self._heads as heads:
            heads.dots("heads", spots)

    def _draw(self, drawing: Drawing, key: int, track: Track, span: tuple[float, float]) -> None:
        if len(track.low):
            drawing.band(key, track.steps, track.low, track.high, track.colour)
        if track.others.size:
            gap = np.full((len(track.others), 1), np.nan)
            x = np.tile([*track.steps, np.nan], len(track.others))
            y = np.concatenate([track.others, gap], axis=1).ravel()
            faint = mixed(track.colour, self.theme.card, 0.5)
            drawing.line((key, "others"), x, y, faint, smooth=False)
        width = 1.5 if len(track.steps) <= BROAD else 1.0
        drawing.line(key, track.steps, track.main, track.colour, width=width)
        xs, ys = track.limit
        if xs and ys[-1] <= span[1]:
            colour = self.theme.warning if track.strong else track.colour
            opacity = 1.0 if track.strong else 0.5
            drawing.line((key, "limit"), xs, ys, colour, opacity=opacity, dashed=True)

    @Slot()
    def _name_limit(self) -> None:
        """A word or value for the selected lane's limit, at the right edge as it is now."""
        (_, right), (low, high) = self.getPlotItem().getViewBox().viewRange()
        with self._words as words:
            for track in self._tracks:
                if not track.strong or not track.limit[1]:
                    continue
                value, look = track.limit[1][-1], (self.theme.warning, self.theme.card)
                if value <= self._span[1]:
                    above = 1 if value < low + 0.8 * (high - low) else 0
                    words.text("limit", track.formula, right, value, look[0], (1, above), look[1])
                else:
                    text = f"{track.formula} = {short(value)} ↑"
                    words.text("limit", text, right, high, look[0], (1, 0), look[1])

    def _y_range(self) -> tuple[float, float]:
        """All that is drawn, with some room; what flies off does not stretch it."""
        lines = _finite([part for t in self._tracks for part in (t.main, t.others)])
        if not len(lines):
            return (0.0, 1.0)
        cap = _OUTLYING * np.quantile(np.abs(lines), 0.9)
        lines = lines[np.abs(lines) <= cap] if cap > 0 else lines
        low, high = float(lines.min()), float(lines.max())
        bands = _finite([part for t in self._tracks for part in (t.low, t.high)])
        near = bands[np.abs(bands) <= _WIDE * max(high, -low)]
        low, high = float(near.min(initial=low)), float(near.max(initial=high))
        limits = [t.limit[1][-1] for t in self._tracks if t.limit[1]]
        size = max(high, -low)
        marks = [value for value, _ in self._marks]
        low, high = min([low, *marks]), max([high, *marks, *(v for v in limits if v <= FAR * size)])
        far = any(t.strong and t.limit[1] and t.limit[1][-1] > high for t in self._tracks)
        room = 0.08 * (high - low) or 0.08 * abs(high) or 1.0
        above = 3 if far or self._caption else 1
        low = self._floor if self._floor is not None and self._floor <= low else low - room
        return low, high + above * room

    @Slot(float, float)
    def _read(self, x: float, y: float) -> None:
        """Tell the values measured nearest to the mouse."""
        near = [
            (track, int(np.abs(track.steps - x).argmin()))
            for track in self._tracks
            if len(track.steps)
        ]
        if not near:
            return
        rows = []
        for track, at in near:
            value = short(float(track.main[at]))
            if len(track.low) and np.isfinite(track.low[at]):
                value += f" ({short(float(track.low[at]))} – {short(float(track.high[at]))})"
            rows.append((dot(track.colour), track.title, value))
        steps = sorted({int(track.steps[at]) for track, at in near})
        self.set_reading(table(rows, f"step {', '.join(map(str, steps[:3]))}"))


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


def _finite(parts: list[np.ndarray]) -> np.ndarray:
    """All finite numbers of some arrays."""
    values = np.concatenate([*(part.ravel() for part in parts), _NOTHING])
    return values[np.isfinite(values)]


def thinned(track: Track) -> Track:
    """A track of few points that keeps the peaks of its main line, and its ends."""
    count = len(track.steps)
    if count <= MOST:
        return track
    width = -(-count // (MOST // 2))
    main = np.append(track.main, np.full(-count % width, np.nan)).reshape(-1, width)
    first = np.arange(len(main)) * width
    low = first + np.nan_to_num(main, nan=np.inf).argmin(axis=1)
    high = first + np.nan_to_num(main, nan=-np.inf).argmax(axis=1)
    kept = np.unique(np.concatenate([low, high, [0, count - 1]]))
    cut = {
        name: getattr(track, name)[..., kept]
        for name in ("steps", "main", "others", "low", "high")
        if getattr(track, name).size
    }
    return track._replace(**cut)

"""Where a roughness index comes from: the loss on the random lines, and how wiggly each is."""

from typing import Any

import numpy as np
from PySide6.QtWidgets import QHBoxLayout, QWidget

from lab.gui.views.drawing import Drawing
from lab.gui.views.plot import Plot
from lab.gui.views.values import finite
from lab.gui.views.words import short
from lab.palette import DARK, Theme, mixed

MARKS = ((0.5, "slope"), (1.0, "bowl"))  # what the mean of T·l is on a plain slope, in a bowl
_BINS = 14


class LinesPlot(QWidget):
    """The profiles beside the histogram of their total variations."""

    def __init__(self):
        """Make empty plots."""
        super().__init__()
        self._profiles = Plot("distance along the line", "loss")
        self._counts = Plot("T·l", "lines")
        self._lines, self._bars = Drawing(self._profiles), Drawing(self._counts)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(0)
        row.addWidget(self._profiles, 3)
        row.addWidget(self._counts, 2)
        self._found: Any = None
        self._theme = DARK
        self._profiles.pointed.connect(self._read_profiles)
        self._counts.pointed.connect(self._read_counts)

    def set_theme(self, theme: Theme) -> None:
        """Take the colours of a theme."""
        self._theme = theme
        self._profiles.set_theme(theme)
        self._counts.set_theme(theme)

    def set_note(self, text: str) -> None:
        """Say why there is nothing to see."""
        self._profiles.set_note(text)
        self._counts.setVisible(not text)

    def show_lines(self, found: Any, colour: str, opacity: float, *, at_once: bool) -> None:
        """Draw a result of the probe.

        Args:
            found: the result.
            colour: of its lane.
            opacity: of everything.
            at_once: whether the ranges jump, because this is another lane or run.
        """
        self._found = found
        s, profiles = (np.asarray(found.arrays[k], dtype=np.float64) for k in ("s", "profiles"))
        gap = np.full((len(profiles), 1), np.nan)
        x = np.tile([*s, np.nan], len(profiles))
        y = np.concatenate([profiles, gap], axis=1).ravel()
        span, muted = _around(profiles), self._theme.muted
        with self._lines as lines:
            lines.line("profiles", x, y, mixed(colour, self._theme.card, 0.7))
            lines.line("here", [0, 0], span, muted, opacity=0.6, dashed=True)
        lines.fade(opacity)
        self._profiles.aim((s[0], s[-1]), span, at_once=at_once)
        self._draw_counts(colour, opacity, at_once=at_once)

    def fade(self, opacity: float) -> None:
        """Let what is drawn fade, because it is not new any more."""
        self._lines.fade(opacity)
        self._bars.fade(opacity)

    def _draw_counts(self, colour: str, opacity: float, *, at_once: bool) -> None:
        """The histogram of T·l, with what it is on a slope and in a bowl."""
        low, found = MARKS[0][0], self._found
        # no line has less than its rise, which is T·l = 0.5; rounding may say a little less
        values = np.maximum(finite(found.total_variation) * found.radius, low)
        high = max(1.25, 1.04 * float(values.max(initial=0)))
        counts, edges = np.histogram(values, bins=_BINS, range=(low, high))
        top = 1.25 * max(1, int(counts.max()))
        x, y = np.repeat(edges, 2), np.concatenate([[0.0], np.repeat(counts, 2), [0.0]])
        with self._bars as bars:
            bars.band("bars", x, np.zeros_like(x), y, colour, 0.45)
            bars.line("edge", x, y, colour, smooth=False)
            for value, word in MARKS:
                bars.line(word, [value] * 2, [0, top], self._theme.muted, dashed=True)
                bars.text(word, word, value, top, self._theme.muted, (0, 0))
        bars.fade(opacity)
        self._counts.aim((0.9 * low, high), (0, top), at_once=at_once)

    def _read_profiles(self, x: float, y: float) -> None:
        """Tell how the loss differs between lines at this distance."""
        if self._found is None:
            return
        at = int(np.abs(np.asarray(self._found.s) - x).argmin())
        values = finite(np.asarray(self._found.profiles)[:, at])
        if len(values):
            low, high = short(float(values.min())), short(float(values.max()))
            where = short(float(self._found.s[at]))
            self._profiles.set_reading(f"at {where}: loss {low} – {high}")

    def _read_counts(self, x: float, y: float) -> None:
        """Tell how many lines are as wiggly."""
        if self._found is None:
            return
        values = finite(self._found.total_variation) * self._found.radius
        below = int((values <= x).sum())
        self._counts.set_reading(f"T·l ≤ {short(x)}: {below} of {len(values)}")


def _around(values: np.ndarray) -> tuple[float, float]:
    """A range that holds all finite values, with room."""
    values = finite(values)
    if not len(values):
        return (0.0, 1.0)
    low, high = float(values.min()), float(values.max())
    room = 0.06 * (high - low) or 0.06 * abs(high) or 1.0
    return low - room, high + room

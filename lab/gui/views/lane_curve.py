"""What is drawn of one lane's loss: most of it is kept from one drawing to the next. Qt-free."""

from typing import Any

import numpy as np

from lab.engine.overview import Curve, joined
from lab.gui.views.values import logs

POINTS = 200  # of a curve at least: a panel has about twice as many columns of pixels
TAIL = 200  # rows at the end that are read again each time, about
FLOOR = -400.0  # decades; where a band ends whose lower edge is 0: below any float
KNOTS = 64  # places where the x axis is looked up, if it is not the step


class LaneCurve:
    """A quantity of a lane on the axes of a plot.

    Attributes:
        latest: the curve as it was read the last time; None before the first.
        negative: whether there was a value below 0, which has no logarithm.
    """

    def __init__(self, record: Any, quantity: str, column: str, log: bool):
        """Begin with nothing read.

        Args:
            record: of the lane.
            quantity: the column that is drawn.
            column: what it is drawn against; empty for the step.
            log: whether the y axis is logarithmic, in decades.
        """
        self.latest: Curve | None = None
        self.negative = False
        self._what = (record, quantity, column, log)
        self._record, self._quantity, self._column, self._log = self._what
        self._pixel = 0.0
        self._kept: Curve | None = None  # up to the step before `_end`
        self._end = 0

    def shows(self, *what: Any) -> bool:
        """Whether it was made of these arguments."""
        return self._what == what

    @property
    def tail(self) -> int:
        """How many rows are read again each time."""
        return self._record.head + 1 - self._end

    def read(self, pixel: float, *, settle: bool = False) -> None:
        """Bring the curve up to the head.

        Args:
            pixel: width of a pixel in units of the x axis.
            settle: whether to keep all of it, so that the tail is short again. That takes ten
                times as long; it is done without being asked for where the pixels have quite
                another width, or the tail is very long.
        """
        zoomed = not 0.7 * self._pixel < pixel < 1.4 * self._pixel
        if self._kept is None or settle or zoomed or self.tail > 4 * TAIL:
            self._kept, self._pixel = thinned(self._part(0, KNOTS), pixel), pixel
            self._end = self._record.head + 1
            self.latest = self._kept
        elif self.tail:
            self.latest = joined([self._kept, self._part(self._end, 2)])

    def along(self, steps: np.ndarray, knots: int = KNOTS) -> np.ndarray:
        """Where steps lie on the x axis."""
        if not self._column or not len(steps):
            return steps
        known = np.unique(np.linspace(0, len(steps) - 1, knots).round().astype(int))
        found = [self._record.at(self._column, int(steps[i])) for i in known]
        return np.interp(steps, steps[known], [float(np.max(row)) for _, row in found])

    def _part(self, start: int, knots: int) -> Curve:
        """The stretch from a step to the head, on the plot's axes; gaps where that fails."""
        curve = self._record.curve(self._quantity, start, self._record.head + 1, POINTS)
        values = np.stack(curve[1:], dtype=np.float64)
        self.negative = self.negative or bool((values[1] < 0).any())
        values = logs(values) if self._log else np.where(np.isfinite(values), values, np.nan)
        if self._log:
            values[0, np.isnan(values[0]) & ~np.isnan(values[2])] = FLOOR
        return Curve(self.along(curve.steps, knots), *values)


def thinned(curve: Curve, pixel: float) -> Curve:
    """A curve with two points left in each column of pixels that had more.

    The two are the column's extremes, so that no spike is lost.

    Args:
        curve: on the x axis of the plot, along which it rises.
        pixel: width of a column in units of that axis.
    """
    first = np.flatnonzero(np.diff(np.floor(curve.steps / pixel), prepend=np.nan) != 0)
    if len(curve.steps) <= 2 * len(first):
        return curve
    last = np.append(first[1:], len(curve.steps)) - 1
    low, high = np.fmin.reduceat(curve.middle, first), np.fmax.reduceat(curve.middle, first)
    falls = curve.middle[first] > curve.middle[last]
    return Curve(
        _alternating(curve.steps[first], curve.steps[last]),
        np.fmin.reduceat(curve.low, first).repeat(2),
        _alternating(np.where(falls, high, low), np.where(falls, low, high)),
        np.fmax.reduceat(curve.high, first).repeat(2),
    )


def _alternating(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return np.stack([a, b], axis=1).ravel()

"""An overview of a long curve: for each bucket of steps its lowest, middle and highest values.

A plot is a thousand pixels wide, a run may be a million steps long. The overview grows with the
record and lets any stretch be drawn from a few thousand numbers without losing a spike.
"""

from typing import NamedTuple

import numpy as np

BUCKET = 16
_LEVELS = (1, 4, 16, 64, 256, 1024, 4096)  # how many buckets are joined for one point


class Curve(NamedTuple):
    """A curve made for drawing, every array of one length.

    Attributes:
        steps: where the points lie.
        low: bottom of the band over runs (the curve itself for a single run).
        middle: the median over runs.
        high: top of the band.
    """

    steps: np.ndarray
    low: np.ndarray
    middle: np.ndarray
    high: np.ndarray


def joined(curves: list[Curve]) -> Curve:
    """One curve of several that follow each other."""
    return Curve(*[np.concatenate(parts) for parts in zip(*curves, strict=True)])


def summary(rows: np.ndarray) -> np.ndarray:
    """The 10 %, 50 % and 90 % points over runs, ignoring runs that are gone.

    Args:
        rows: (count, runs).

    Returns:
        (count, 3); NaN where all runs are gone.
    """
    if rows.shape[1] == 1:
        return np.repeat(rows, 3, axis=1)
    ordered = np.sort(rows, axis=1)  # NaN goes last
    last = np.maximum(np.isfinite(ordered).sum(axis=1) - 1, -1)[:, None]
    places = np.array([0.1, 0.5, 0.9]) * np.maximum(last, 0)
    below = places.astype(np.intp)
    above = np.minimum(below + 1, np.maximum(last, 0))
    index = np.arange(len(rows))[:, None]
    part = places - below
    with np.errstate(invalid="ignore"):  # infinite losses: where nothing is finite, NaN is right
        result = ordered[index, below] * (1 - part) + ordered[index, above] * part
    result[last[:, 0] < 0] = np.nan
    return result


class Overview:
    """Lowest, middle and highest values of every full bucket of a scalar column."""

    def __init__(self, first: int = 0):
        """Start empty, with the first row to come at a step."""
        self._first = first
        self._rest = np.empty((0, 3), dtype=np.float32)
        self._parts: list[np.ndarray] = []  # each (buckets, 4): low, middle's low and high, high
        self._joined: tuple[int, np.ndarray] = (0, np.empty((0, 4), dtype=np.float32))

    @property
    def nbytes(self) -> int:
        """Bytes held."""
        return sum(part.nbytes for part in self._parts)

    def append(self, rows: np.ndarray) -> None:
        """Add the rows (count, runs) of the steps that follow."""
        with np.errstate(over="ignore"):  # beyond float32 is beyond any plot
            three = np.concatenate([self._rest, summary(rows).astype(np.float32)])
        full = len(three) // BUCKET * BUCKET
        if full:
            cut = three[:full].reshape(-1, BUCKET, 3)
            low, high = np.fmin.reduce(cut, axis=1), np.fmax.reduce(cut, axis=1)
            self._parts.append(np.stack([low[:, 0], low[:, 1], high[:, 1], high[:, 2]], axis=1))
        self._rest = three[full:]

    def curve(self, start: int, stop: int, points: int) -> tuple[Curve, int] | None:
        """The stretch start <= step < stop in `points` to `4 * points` buckets, two points each.

        Returns:
            The curve and the step after its last bucket, or None if the stretch is so short that
            it should be drawn row by row.
        """
        start = max(start, self._first)
        level = next((k for k in reversed(_LEVELS) if stop - start >= k * BUCKET * points), 0)
        if not level:
            return None
        width = level * BUCKET
        buckets = self._buckets()
        first = (start - self._first) // width
        last = min(len(buckets), -(-(stop - self._first) // BUCKET)) // level
        cut = buckets[first * level : last * level].reshape(-1, level, 4)
        low, high = np.fmin.reduce(cut, axis=1), np.fmax.reduce(cut, axis=1)
        at = self._first + np.arange(first, last) * width
        steps = np.stack([at, at + width // 2], axis=1).ravel()
        middle = np.stack([low[:, 1], high[:, 2]], axis=1).ravel()
        curve = Curve(steps, np.repeat(low[:, 0], 2), middle, np.repeat(high[:, 3], 2))
        return curve, self._first + last * width

    def _buckets(self) -> np.ndarray:
        """All full buckets as one array; only what is new is joined to it."""
        count, whole = self._joined
        fresh = self._parts[count:]
        if fresh:
            whole = np.concatenate([whole, *fresh])
            self._joined = (count + len(fresh), whole)
        return whole

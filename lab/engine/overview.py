"""An overview of a long curve: for each bucket of steps its lowest, middle and highest values.

A plot is a thousand pixels wide, a run may be a million steps long. The overview grows with the
record and lets any stretch be drawn from a few thousand numbers without losing a spike.
"""

from typing import NamedTuple

import numpy as np

BUCKET = 16
BATCH = 8 * BUCKET  # rows that are summed up together: numpy's calls cost more than its work
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
    rows = np.where(np.isfinite(rows), rows, np.nan)
    if rows.shape[1] == 1:
        return np.repeat(rows, 3, axis=1)
    ordered = np.sort(rows, axis=1)  # NaN goes last
    last = np.maximum(np.isfinite(ordered).sum(axis=1, keepdims=True) - 1, 0)
    places = np.array([0.1, 0.5, 0.9]) * last
    below = places.astype(np.intp)
    above = np.minimum(below + 1, last)
    part = places - below
    index = np.arange(len(rows))[:, None]
    return ordered[index, below] * (1 - part) + ordered[index, above] * part


class Overview:
    """Lowest, middle and highest values of every full bucket of a scalar column."""

    def __init__(self, first: int = 0):
        """Start empty, with the first row to come at a step."""
        self._first = first
        self._rest: list[np.ndarray] = []  # rows that wait to be summed up
        self._waiting = 0
        # (buckets, 4): low, middle's low and high, high; of the table only the first rows count
        self._view = (np.empty((64, 4), dtype=np.float32), 0)

    @property
    def nbytes(self) -> int:
        """Bytes held."""
        return self._view[0].nbytes

    def append(self, rows: np.ndarray) -> None:
        """Add the rows (count, runs) of the steps that follow."""
        self._rest.append(rows)
        self._waiting += len(rows)
        if self._waiting < BATCH:
            return
        rows = np.concatenate(self._rest)
        fresh = len(rows) // BUCKET
        self._rest = [rows[fresh * BUCKET :].copy()]
        self._waiting = len(self._rest[0])
        with np.errstate(over="ignore"):  # beyond float32 is beyond any plot
            cut = summary(rows[: fresh * BUCKET]).astype(np.float32).reshape(-1, BUCKET, 3)
        low, high = np.fmin.reduce(cut, axis=1), np.fmax.reduce(cut, axis=1)
        table, count = self._view
        if count + fresh > len(table):  # readers go on with the old one
            larger = np.empty((max(2 * len(table), count + fresh), 4), dtype=np.float32)
            larger[:count] = table[:count]
            table = larger
        for place, part in enumerate((low[:, 0], low[:, 1], high[:, 1], high[:, 2])):
            table[count : count + fresh, place] = part
        self._view = (table, count + fresh)

    def curve(self, start: int, stop: int, points: int) -> tuple[Curve, int] | None:
        """The stretch start <= step < stop in `points` to `4 * points` buckets, two points each.

        Returns:
            The curve, from the bucket that holds the start to the last that ends before the stop,
            and the step after it; or None if the stretch is so short that it should be drawn row
            by row.
        """
        start = max(start, self._first)
        level = next((k for k in reversed(_LEVELS) if stop - start >= k * BUCKET * points), 0)
        if not level:
            return None
        width = level * BUCKET
        table, count = self._view
        buckets = table[:count]
        first = (start - self._first) // width
        last = min(len(buckets), (stop - self._first) // BUCKET) // level
        cut = buckets[first * level : last * level].reshape(-1, level, 4)
        low, high = np.fmin.reduce(cut, axis=1), np.fmax.reduce(cut, axis=1)
        at = self._first + np.arange(first, last) * width
        steps = np.stack([at, at + width // 2], axis=1).ravel()
        middle = np.stack([low[:, 1], high[:, 2]], axis=1).ravel()
        curve = Curve(steps, np.repeat(low[:, 0], 2), middle, np.repeat(high[:, 3], 2))
        return curve, self._first + last * width

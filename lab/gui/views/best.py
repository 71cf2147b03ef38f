"""The lowest loss of every run so far, at any step, however long the run. Qt-free."""

from typing import Any

import numpy as np

STRETCH = 1024  # rows from one note of the lowest loss to the next
AT_ONCE = 64  # stretches that are read at one look


class Best:
    """Keeps up with the record of one lane: every row is read once, a bounded number at a time."""

    def __init__(self, record: Any):
        """Begin at the record's first row.

        Args:
            record: of the lane.
        """
        self._record = record
        self._notes: list[np.ndarray] = []  # (runs,), the lowest loss before each stretch

    def upto(self, step: int) -> np.ndarray | None:
        """The lowest loss (runs,) up to a step; NaN for a run without one; None: not yet known."""
        step = min(step, self._record.head)
        if step < 0:
            return None
        if not self._notes:
            self._notes.append(np.full(self._record.runs, np.nan))
        place = step // STRETCH
        for _ in range(AT_ONCE):
            if len(self._notes) > place:
                return self._lowest(place, step + 1)
            self._notes.append(self._lowest(len(self._notes) - 1, len(self._notes) * STRETCH))
        return None

    def _lowest(self, place: int, stop: int) -> np.ndarray:
        """The lowest loss before a stretch and in the part of it before a step."""
        rows = self._record.read("loss", place * STRETCH, stop)[1]
        return np.fmin.reduce(np.concatenate([self._notes[place][None], rows]), axis=0)

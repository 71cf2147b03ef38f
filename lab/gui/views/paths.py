"""Paths for drawing: each lane's points on the plane, kept short however long the run is.

Qt-free. Rows are read from the recording once, brought onto the plane, and thinned by doubling a
stride whenever there are too many.
"""

from typing import Any, Protocol

import numpy as np

MOST = 24_000  # points of all lanes, all their runs together
FEW = 4  # steps at which places are remembered: the start, and where the cursor was last
AT_ONCE = 1 << 20  # numbers that are read at one look


class Ground(Protocol):
    """What paths are drawn on."""

    def place(self, theta: np.ndarray, loss: np.ndarray) -> np.ndarray:
        """Where points lie: theta (n, runs, dim) and loss (n, runs) -> (n, runs, 2)."""


class LanePath:
    """The path of one lane, growing with its record.

    Attributes:
        version: how often every second point was left out; else points are only added.
        behind: whether there is more on record than was read so far.
    """

    def __init__(self, record: Any, ground: Ground, most: int = MOST):
        """Begin at the record's first row.

        Args:
            record: the lane's record.
            ground: what the path is drawn on.
            most: points of all its runs together.
        """
        self.record, self.ground = record, ground
        self.version = 0
        self._room = max(64, most // record.runs)
        self._stride = 1
        self._next = 0
        self._placed: dict[int, np.ndarray] = {}  # where runs are at steps that were asked for
        self._steps = np.empty(0, dtype=np.int64)
        self._points = np.empty((0, record.runs, 2))

    @property
    def behind(self) -> bool:
        """Whether there is more on record than was read so far."""
        return self._next <= self.record.head

    def until(self, step: int) -> np.ndarray:
        """The points (n, runs, 2) of the path up to a step, without that step's own if thinned."""
        self._grow()
        return self._points[: int(np.searchsorted(self._steps, step, side="right"))]

    def at(self, step: int) -> np.ndarray:
        """Where the runs are at a step, or at the nearest earlier one on record: (runs, 2)."""
        theta = self.record.at("theta", step)
        if theta is None:
            return np.full((self.record.runs, 2), np.nan)
        found = theta[0]
        if found not in self._placed:
            if len(self._placed) > FEW:
                self._placed.clear()
            loss = self.record.at("loss", found)
            self._placed[found] = self.ground.place(theta[1][None], loss[1][None])[0]
        return self._placed[found]

    def _grow(self) -> None:
        """Read what is new, at most so much at once, and thin what is too much."""
        head = self.record.head
        if self._next > head:
            return
        first = self.record.at("theta", self._next)
        row = 1 if first is None else first[1].size
        stop = min(head + 1, self._next + max(1, AT_ONCE // row))
        steps, theta = self.record.read("theta", self._next, stop)
        kept = steps % self._stride == 0
        if kept.any():
            loss_steps, loss = self.record.read("loss", self._next, stop)
            loss = loss[np.searchsorted(loss_steps, steps[kept])]
            self._steps = np.concatenate([self._steps, steps[kept]])
            self._points = np.concatenate([self._points, self.ground.place(theta[kept], loss)])
        self._next = stop
        while len(self._steps) > self._room:
            self.version += 1
            self._stride *= 2
            kept = self._steps % self._stride == 0
            self._steps, self._points = self._steps[kept], self._points[kept]

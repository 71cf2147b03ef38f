"""Paths for drawing: each lane's points on the plane, kept short however long the run is.

Qt-free. Rows are read from the recording once, brought onto the plane, and thinned by doubling a
stride whenever there are too many; the point at the cursor is always there.
"""

from typing import Any, Protocol

import numpy as np

MOST = 4000  # points of one lane, all its runs together


class Ground(Protocol):
    """What paths are drawn on."""

    def place(self, theta: np.ndarray, loss: np.ndarray) -> np.ndarray:
        """Where points lie: theta (n, runs, dim) and loss (n, runs) -> (n, runs, 2)."""


class LanePath:
    """The path of one lane, growing with its record."""

    def __init__(self, record: Any, ground: Ground):
        """Begin at the record's first row.

        Args:
            record: the lane's record.
            ground: what the path is drawn on.
        """
        self.record, self.ground = record, ground
        self._room = max(64, MOST // record.runs)
        self._stride = 1
        self._next = 0
        self._steps = np.empty(0, dtype=np.int64)
        self._points = np.empty((0, record.runs, 2))

    def upto(self, step: int) -> tuple[np.ndarray, np.ndarray]:
        """The path up to a step.

        Returns:
            Steps (n,) and points (n, runs, 2), the last of them at the step itself, or at the last
            one on record before it.
        """
        self._grow()
        count = int(np.searchsorted(self._steps, step, side="right"))
        steps, points = self._steps[:count], self._points[:count]
        theta = self.record.at("theta", step)
        if theta is not None and (not count or theta[0] > steps[-1]):
            loss = self.record.at("loss", theta[0])
            steps = np.append(steps, theta[0])
            head = self.ground.place(theta[1][None], loss[1][None])
            points = np.concatenate([points, head])
        return steps, points

    def _grow(self) -> None:
        """Read what is new, thin what is too much."""
        head = self.record.head
        if self._next > head:
            return
        steps, theta = self.record.read("theta", self._next, head + 1)
        kept = steps % self._stride == 0
        if kept.any():
            loss_steps, loss = self.record.read("loss", self._next, head + 1)
            loss = loss[np.searchsorted(loss_steps, steps[kept])]
            self._steps = np.concatenate([self._steps, steps[kept]])
            self._points = np.concatenate([self._points, self.ground.place(theta[kept], loss)])
        self._next = head + 1
        while len(self._steps) > self._room:
            self._stride *= 2
            kept = self._steps % self._stride == 0
            self._steps, self._points = self._steps[kept], self._points[kept]


def line(points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """All runs as one line with NaN between: (n, runs, 2) -> x and y, each (runs * (n + 1),)."""
    gap = np.full((1, points.shape[1], 2), np.nan)
    joined = np.concatenate([points, gap]).transpose(1, 0, 2).reshape(-1, 2)
    return np.ascontiguousarray(joined[:, 0]), np.ascontiguousarray(joined[:, 1])

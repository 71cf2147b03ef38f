"""The play head: the step that is shown, and where time takes it."""

import math
import time
from typing import NamedTuple

LOAD_WINDOW = 0.5  # seconds over which speed and load are averaged


class Due(NamedTuple):
    """What the play head asks for now.

    Attributes:
        step: the step that should be shown.
        wait: seconds until the next one is due; 0 where the head goes as fast as it can.
    """

    step: int
    wait: float


class PlayHead:
    """Moves along the run at some speed; it never runs ahead of what is on record for long."""

    def __init__(self):
        """Stand at the start."""
        self.position = 0
        self.playing = False
        self.speed = math.inf  # steps a second
        self._goal = 0  # where play stops by itself
        self._began = (0.0, 0)  # when and where

    def put(self, step: int) -> None:
        """Stand at a step, or play on from there."""
        self.position = step
        self._began = (time.perf_counter(), step)

    def play(self, goal: int) -> None:
        """Play on from here to a step; from the start where that is here already."""
        self.put(0 if self.position >= goal else self.position)
        self._goal, self.playing = goal, True

    def stop(self) -> None:
        """Stand still."""
        self.playing = False

    def set_speed(self, speed: float) -> None:
        """Set the speed, in steps a second; infinite for as fast as it goes.

        Raises:
            ValueError: not a number above 0.
        """
        if not speed > 0:
            raise ValueError(f"speed = {speed!r}: a number above 0 is needed")
        self.speed = speed
        self.put(self.position)

    def due(self) -> Due:
        """The step that should be shown now."""
        if math.isinf(self.speed):
            return Due(self._goal, 0.0)
        when, where = self._began
        exact = where + (time.perf_counter() - when) * self.speed
        step = min(self._goal, int(exact))
        return Due(step, max(0.0, (step + 1 - exact) / self.speed))

    def move(self, due: Due, head: int) -> float:
        """Go to where the head should be, as far as there is a record.

        Args:
            due: what was asked for.
            head: the last step on record.

        Returns:
            Seconds until it has to be moved again.
        """
        self.position = max(self.position, min(due.step, head))
        if self.position >= self._goal:
            self.playing = False
        if self.position < due.step:  # the engine is the slower one: do not run up a debt
            self._began = (time.perf_counter(), self.position)
            return 0.0
        return due.wait if self.playing else 0.0


class Meter:
    """Speed of the play head and load of the engine, over the last half second."""

    def __init__(self):
        """Begin now."""
        self._begin = time.perf_counter()
        self._busy, self._from = 0.0, 0
        self._speed = self._load = 0.0

    def add(self, begin: float, end: float, position: int) -> None:
        """Count a turn of work from one time to another, which ended at a position."""
        self._busy += end - begin
        span = end - self._begin
        if span >= LOAD_WINDOW:
            self._speed = max(0.0, (position - self._from) / span)
            self._load = min(1.0, self._busy / span)
            self._begin, self._busy, self._from = end, 0.0, position

    def read(self) -> tuple[float, float]:
        """Steps a second, and the share of time at work."""
        idle = time.perf_counter() - self._begin > 2 * LOAD_WINDOW
        return (0.0, 0.0) if idle else (self._speed, self._load)

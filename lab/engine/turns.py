"""How the lanes of a session take turns, and when measurements hold them up."""

import time

from lab.engine.device import use_threads
from lab.engine.lane import RunningLane
from lab.engine.lanes import Lanes
from lab.engine.measurements import Measurements

WAITING = 8  # planned measurements that may wait before stepping waits for them


class Turns:
    """Lets the lane that is furthest behind step, and plans what then is to be measured.

    Attributes:
        seconds: spent on stepping so far.
    """

    def __init__(self, lanes: Lanes, measurements: Measurements, threads: int):
        """Begin with nobody's turn.

        Args:
            lanes: those that step.
            measurements: what is due on the way.
            threads: torch threads to compute with.
        """
        self._lanes, self._measurements, self._threads = lanes, measurements, threads
        self.seconds = 0.0

    def advance(self, target: int, seconds: float) -> bool:
        """Step all lanes towards a target, for a while; see `Session.advance`."""
        begin = time.perf_counter()
        use_threads(self._threads)
        try:
            while True:
                self.settle()
                lanes = [lane for lane in self._lanes.at_work() if lane.step < target]
                if not lanes:
                    return False
                if self._measurements.jobs.planned >= WAITING:
                    return True
                self.burst(min(lanes, key=lambda lane: lane.step), target, begin + seconds)
                if time.perf_counter() - begin >= seconds:
                    self.settle()  # the last lane may just have arrived
                    return True
        finally:
            self.seconds += time.perf_counter() - begin

    def bring(self, name: str, step: int) -> None:
        """Let one lane step until it is somewhere, measured as always; one that is not there stays.

        Args:
            name: of the lane.
            step: where it is wanted.
        """
        lane = next((lane for lane in self._lanes.at_work() if lane.spec.name == name), None)
        while lane in self._lanes.at_work() and lane.step < step:
            self.burst(lane, step, float("inf"))
            if self._measurements.jobs.planned >= WAITING:
                self._measurements.jobs.work()

    def burst(self, lane: RunningLane, target: int, deadline: float) -> None:
        """Let one lane step until its turn is over or a measurement is due."""
        self._lanes.burst(lane, self._measurements.next_due(lane.step, target), deadline)

    def settle(self) -> None:
        """Plan the measurements of all lanes, up to the step that all of them have reached."""
        self._measurements.settle(self._lanes.rear)

"""Results of one measurement, sorted as views need them. Qt-free."""

import bisect
from typing import Any


class Measured:
    """What a recording holds of one measurement, by lane and step; it keeps up as that grows.

    Of two results of one lane at one step the newer one counts.
    """

    def __init__(self, name: str):
        """Begin empty.

        Args:
            name: of the probe.
        """
        self.name = name
        self.count = 0  # how often something was added; equal counts mean that nothing is new
        self._recording: Any = None
        self._source: list | None = None
        self._taken = 0
        self._steps: dict[str, list[int]] = {}
        self._results: dict[str, list[Any]] = {}

    def follow(self, recording: Any) -> None:
        """Take in what is new. Only new results are looked at, unless the recording is another."""
        source = recording.results
        if source is not self._source:
            self._recording, self._source, self._taken = recording, source, 0
            self._steps, self._results = {}, {}
            self.count += 1
        end = len(source)
        for result in source[self._taken : end]:
            if result.name == self.name:
                self._add(result)
        self._taken = end

    def _add(self, result: Any) -> None:
        steps = self._steps.setdefault(result.lane, [])
        results = self._results.setdefault(result.lane, [])
        place = bisect.bisect_left(steps, result.step)
        if place < len(steps) and steps[place] == result.step:
            results[place] = result
        else:
            steps.insert(place, result.step)
            results.insert(place, result)
        self.count += 1

    def along(self, lane: str) -> list[Any]:
        """All results of a lane by step; a branch begins with those of the past that it shares."""
        own = self._results.get(lane, [])
        record = self._recording.records.get(lane) if lane else None
        if record is None or record.parent is None:
            return own
        parent = record.parent.spec.name
        before = self.along(parent)
        shared = bisect.bisect_left(before, record.first, key=lambda result: result.step)
        return [*before[:shared], *own]

    def newest(self, lane: str, step: int) -> Any:
        """The newest result of a lane at a step or before it; None if there is none."""
        results = self.along(lane)
        place = bisect.bisect_right(results, step, key=lambda result: result.step)
        return results[place - 1] if place else None

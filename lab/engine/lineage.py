"""Where lanes come from: what two of them share, and the points they came by."""

from typing import Any, NamedTuple

import numpy as np

_ALL = 1 << 62  # steps: more than any lane makes


class Past(NamedTuple):
    """What came before of a lane, for a measurement that compares runs with where they began.

    Attributes:
        record: of the lane, read where it is asked for and not before.
    """

    record: Any

    def at(self, step: int) -> np.ndarray | None:
        """The points (runs, dim) of a step, or of the nearest earlier one on record."""
        found = self.record.at("theta", step)
        return None if found is None else found[1]

    def parting(self, other: "Past") -> int | None:
        """The last step up to which both lanes were one; None if they never were."""
        return parting(self.record, other.record)


def parting(one: Any, two: Any) -> int | None:
    """The last step up to which the lanes of two records were one lane.

    Args:
        one: the record of a lane.
        two: of another one.

    Returns:
        The step; None for lanes that never shared their past, or are the same.
    """
    if one is two:
        return None
    ways = _line(one), _line(two)
    steps = [min(ways[0][lane], ways[1][lane]) for lane in ways[0] if lane in ways[1]]
    return max(steps, default=None)


def _line(record: Any) -> dict[str, int]:
    """A lane and those it came from, each with the last step up to which they were one."""
    line, until = {}, _ALL
    while record is not None:
        line[record.spec.name] = until
        until = min(until, record.spec.branch_step)
        record = record.parent
    return line

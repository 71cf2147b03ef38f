"""What measurements leave behind for the next one of their kind: warm starts.

A probe that is planned every few steps may begin where it ended the last time. What it needs for
that is kept with the session and its file, not on record, so that a run which was closed and
resumed gives the same numbers as one that went on.
"""

from collections.abc import Mapping

import numpy as np

Arrays = Mapping[str, np.ndarray]
Key = tuple[str, str]  # what is measured, as text, and the lane, empty for all lanes


class Carried:
    """The newest arrays of each planned measurement of each lane.

    Attributes:
        rows: what was left, by plan and lane; a changed row is another object.
    """

    def __init__(self, rows: Mapping[Key, Arrays] | None = None):
        """Begin with some rows, or empty."""
        self.rows: dict[Key, Arrays] = dict(rows or {})

    def get(self, plan: str, lane: str) -> Arrays:
        """What the last measurement left, empty for the first.

        Args:
            plan: what is measured, as text.
            lane: where, empty for all lanes.
        """
        return self.rows.get((plan, lane), {})

    def put(self, plan: str, lane: str, arrays: Arrays) -> None:
        """Keep what a measurement left in place of what the one before it did."""
        if arrays:
            self.rows[plan, lane] = dict(arrays)
        else:
            self.rows.pop((plan, lane), None)

    def forget_lane(self, lane: str) -> None:
        """Drop what was left on a lane."""
        self.rows = {key: arrays for key, arrays in self.rows.items() if key[1] != lane}

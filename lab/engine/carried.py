"""What measurements leave behind for the next one of their kind: warm starts.

A probe that is planned every few steps may begin where it ended the last time. What it needs for
that is kept with the session and its file, not on record, so that a run which was closed and
resumed gives the same numbers as one that went on.
"""

import base64
import json
from collections.abc import Mapping

import numpy as np

from lab.engine.labfile import pack_arrays, unpack_arrays

Arrays = Mapping[str, np.ndarray]


class Carried:
    """The newest arrays of each planned measurement of each lane.

    Attributes:
        version: changes with everything that is put in or taken out.
    """

    def __init__(self, text: str = "[]"):
        """Begin with what `text` gave, or empty.

        Raises:
            ValueError: text that is not whole.
        """
        self.version = 0
        self._arrays: dict[tuple[str, str], Arrays] = {
            (plan, lane): unpack_arrays(base64.b64decode(data))
            for plan, lane, data in json.loads(text)
        }

    def get(self, plan: str, lane: str) -> Arrays:
        """What the last measurement left, empty for the first.

        Args:
            plan: what is measured, as text.
            lane: where, empty for all lanes.
        """
        return self._arrays.get((plan, lane), {})

    def put(self, plan: str, lane: str, arrays: Arrays) -> None:
        """Keep what a measurement left in place of what the one before it did."""
        if arrays or (plan, lane) in self._arrays:
            self._arrays[plan, lane] = dict(arrays)
            self.version += 1

    def forget_lane(self, lane: str) -> None:
        """Drop what was left on a lane."""
        for key in [key for key in self._arrays if key[1] == lane]:
            del self._arrays[key]
            self.version += 1

    def text(self) -> str:
        """All of it, for a file."""
        rows = [
            (*key, base64.b64encode(pack_arrays(dict(arrays))).decode())
            for key, arrays in self._arrays.items()
            if arrays
        ]
        return json.dumps(rows)

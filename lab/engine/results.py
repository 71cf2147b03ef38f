"""What a recording says besides its rows: what was measured, and what happened."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Result:
    """What one measurement gave.

    Attributes:
        name: the probe or analysis.
        lane: the lane it was made on, empty for a measurement of the problem itself.
        step: the step it was made at.
        arrays: named arrays; also reachable as attributes.
        info: numbers and text; also reachable as attributes.
        seconds: what it cost.
    """

    name: str
    lane: str
    step: int
    arrays: Mapping[str, np.ndarray]
    info: Mapping[str, Any]
    seconds: float = 0.0

    @classmethod
    def of(
        cls,
        name: str,
        lane: str,
        step: int,
        arrays: Mapping[str, Any],
        info: Mapping[str, Any],
        seconds: float,
    ) -> "Result":
        """A result as it can be kept in a file: numpy arrays, and plain numbers and text.

        Raises:
            ValueError: something else, by its name.
        """
        kept, told = {}, {}
        for key, value in arrays.items():
            kept[key] = np.asarray(value)
            if kept[key].dtype.kind not in "biuf":
                raise ValueError(f"{key} is no array of numbers but of {kept[key].dtype}")
            kept[key].setflags(write=False)
        for key, value in info.items():
            told[key] = value.item() if isinstance(value, np.generic) else value
            try:
                json.dumps(told[key])
            except TypeError as error:
                raise ValueError(
                    f"{key} is no number or text but a {type(value).__name__}"
                ) from error
        return cls(name, lane, step, kept, told, seconds)

    def __getattr__(self, key: str) -> Any:
        """Named arrays and numbers as attributes."""
        if not key.startswith("__"):
            for place in ("arrays", "info"):
                found = self.__dict__.get(place, {})
                if key in found:
                    return found[key]
        raise AttributeError(f"a {self.__dict__.get('name')!r} result has no {key!r}")


@dataclass(frozen=True)
class Event:
    """Something that happened at a step: a knob turned, a run diverged, a branch, a failure."""

    step: int
    lane: str
    kind: str  # "knob", "diverged", "failed", "branch", "removed", "returned" or "restarted"
    data: Mapping[str, Any]

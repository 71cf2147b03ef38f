"""Which numbers of a recording can be drawn against steps, whatever measured them. Qt-free."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from lab.engine.probe_plan import GROUPS
from lab.gui.views.measured import Measured


class Quantity(NamedTuple):
    """A number that a probe gives.

    Attributes:
        probe: its name in the catalogue.
        key: the number's name in the probe's info.
    """

    probe: str
    key: str


class Numbers(NamedTuple):
    """A quantity of a lane, each (n,).

    Attributes:
        steps: where it was measured.
        value: the quantity, NaN where it was not among what was measured.
        low: lower edge of its band; NaN for none.
        high: upper edge.
    """

    steps: np.ndarray
    value: np.ndarray
    low: np.ndarray
    high: np.ndarray


class Tracked:
    """What a recording holds of the quantities that probes declare; it keeps up as that grows."""

    def __init__(self):
        """Begin empty."""
        self._source: list | None = None
        self._taken = 0
        self._names: set[str] = set()
        self._measured: dict[str, Measured] = {}
        self._parts: dict[Quantity, Measured] = {}  # of quantities that are told part by part

    def follow(self, recording: Any) -> None:
        """Take notice of what was measured; only what is new is looked at."""
        source = recording.results
        if source is not self._source:
            self._source, self._taken, self._names = source, 0, set()
        end = len(source)
        self._names |= {result.name for result in source[self._taken : end]}
        self._taken = end
        for measured in (*self._measured.values(), *self._parts.values()):
            measured.follow(recording)

    def is_on_record(self, probe: str) -> bool:
        """Whether anything was measured by a probe."""
        return probe in self._names

    def measured(self, probe: str, recording: Any) -> Measured:
        """The results of a probe, with the numbers of all its tracks."""
        if probe not in self._measured:
            keys = [series.key for series in probes()[probe].factory.tracks]
            made = Measured(
                probe,
                lambda result: [number for key in keys for number in number_with_band(result, key)],
                wanted=lambda result: not result.info.get("chosen"),
            )
            self._measured[probe] = made
            made.follow(recording)
        return self._measured[probe]

    def numbers(self, quantity: Quantity, lane: str, recording: Any) -> Numbers | None:
        """A quantity of a lane ("" for one of all lanes); None where there is none."""
        steps, rows = self.measured(quantity.probe, recording).table(lane)
        if not len(steps):
            return None
        keys = [series.key for series in probes()[quantity.probe].factory.tracks]
        first = 3 * keys.index(quantity.key)
        value, low, high = rows[:, first : first + 3].T
        return None if np.isnan(value).all() else Numbers(steps, value, low, high)

    def parts(
        self, quantity: Quantity, lane: str, recording: Any
    ) -> tuple[np.ndarray, Sequence[str]]:
        """A quantity of each part of a lane, such as its layers.

        Returns:
            Numbers (m, n) at the n steps of `numbers`, NaN where there is none, and names (m,).
        """
        array = series_of(quantity).parts
        if not array:
            return np.empty((0, 0)), ()
        if quantity not in self._parts:
            self._parts[quantity] = Measured(
                quantity.probe,
                lambda result: result.arrays[array],
                wanted=lambda result: array in result.arrays and not result.info.get("chosen"),
            )
            self._parts[quantity].follow(recording)
        steps, rows = self._parts[quantity].table(lane)
        if not len(steps):
            return np.empty((0, 0)), ()
        places = self.measured(quantity.probe, recording).table(lane)[0]
        found = np.full((rows.shape[1], len(places)), np.nan)
        found[:, np.searchsorted(places, steps)] = np.where(np.isfinite(rows), rows, np.nan).T
        names = self._parts[quantity].newest(lane, int(steps[-1])).info["names"].split(", ")
        return found, names


def number_with_band(result: Any, key: str) -> tuple[float, float, float]:
    """A number of a result, and the edges of its band: NaN for what is not there."""
    info = result.info
    value = _number(info.get(key))
    if f"{key}_low" in info:
        return value, _number(info[f"{key}_low"]), _number(info.get(f"{key}_high"))
    error = _number(info.get(f"{key}_error"))
    return value, value - error, value + error


def probes() -> Mapping[str, Any]:
    """The entries of the probes that declare tracks, by group and then as the catalogue has it."""
    from lab.engine.catalogue import catalogue  # the engine has filled it by now

    found = [
        entry
        for entry in catalogue("probe").values()
        if entry.factory is not None and entry.factory.tracks
    ]
    return {entry.name: entry for entry in sorted(found, key=lambda entry: group_place(entry))}


def group_place(entry: Any) -> int:
    """The place of an entry's group among all groups; those of plugins are the last."""
    return GROUPS.index(entry.family) if entry.family in GROUPS else len(GROUPS)


def series_of(quantity: Quantity) -> Any:
    """What a probe says of one of its tracks."""
    tracks = probes()[quantity.probe].factory.tracks
    return next(series for series in tracks if series.key == quantity.key)


def quantities(probe: str) -> list[Quantity]:
    """All tracks of a probe."""
    return [Quantity(probe, series.key) for series in probes()[probe].factory.tracks]


def _number(value: Any) -> float:
    """A number of an info as a float; NaN for anything else."""
    return float(value) if isinstance(value, int | float) else math.nan

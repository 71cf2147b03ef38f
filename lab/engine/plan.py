"""What an experiment says about its lanes and measurements: plain data, checked when it is made."""

import itertools
import math
from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from lab.engine.catalogue import Choice, Entry, choose, find, located
from lab.engine.knobs import Knob, KnobField, check_keys

_LANE_KEYS = ("optimizer", "name", "runs", "start", "stop", "branch_of", "branch_step", "changes")


@dataclass(frozen=True)
class Change:
    """From this step on, a lane runs with these values of its live knobs."""

    step: int
    knobs: Mapping[str, float]


@dataclass(frozen=True, init=False)
class Lane:
    """One optimizer with its knobs, and the batch of runs it makes.

    A numeric live knob may be a list: the lane then holds one run for each value (for each
    combination, where several knobs are lists) and each start.

    Attributes:
        optimizer: a name of the catalogue, or the import path of a `torch.optim.Optimizer`.
        knobs: all knobs of the optimizer; a tuple where the knob is swept.
        start: where the runs start, one row each, or None for the problem's own starts.
        runs: how many starts (seeds), not counting sweeps.
        name: unique within an experiment; given there if left empty.
        changes: turns of live knobs during the run.
        branch_of: the lane whose past this one shares, empty for a lane of its own.
        branch_step: the step up to which it shares it.
        stop: the step after which the lane stands still, None for the experiment's end.
    """

    optimizer: str
    knobs: Mapping[str, Any]
    start: tuple[tuple[float, ...], ...] | None
    runs: int
    name: str
    changes: tuple[Change, ...]
    branch_of: str
    branch_step: int
    stop: int | None

    def __init__(
        self,
        optimizer: str,
        *,
        start: Any = None,
        runs: int | None = None,
        name: str = "",
        changes: Iterable[Change | Mapping[str, Any]] = (),
        branch_of: str = "",
        branch_step: int = 0,
        stop: int | None = None,
        **knobs: Any,
    ):
        """Check everything that can be checked without the problem.

        Args:
            optimizer: see the class.
            start: array-like (runs, dim) or (dim,).
            runs: see the class; the number of rows of `start` if not given.
            name: see the class.
            changes: `Change`s, or tables with a `step` and knobs.
            branch_of: see the class.
            branch_step: see the class.
            stop: see the class.
            **knobs: knobs of the optimizer that differ from their defaults.

        Raises:
            ValueError: an unknown optimizer or knob, or a value that is not allowed.
        """
        entry = find("optimizer", optimizer)
        with located(f"lane {name or optimizer!r}"):
            rows = None if start is None else _rows(start)
            count = (
                _check_count("runs", 1 if rows is None else len(rows))
                if runs is None
                else (_check_count("runs", runs))
            )
            if rows is not None and len(rows) not in (1, count):
                raise ValueError(f"runs = {count}, but start has {len(rows)} rows (1 or {count})")
            if branch_of and rows is not None:
                raise ValueError("a branch starts where its parent was: leave out start")
            values = {
                "optimizer": optimizer,
                "knobs": MappingProxyType(_check_lane_knobs(entry, knobs)),
                "start": rows,
                "runs": count,
                "name": name,
                "changes": tuple(
                    sorted((_change(entry, item) for item in changes), key=lambda c: c.step)
                ),
                "branch_of": branch_of,
                "branch_step": _check_count("branch_step", branch_step, 0),
                "stop": None if stop is None else _check_count("stop", stop, 0),
            }
        for key, value in values.items():
            object.__setattr__(self, key, value)

    @property
    def entry(self) -> Entry:
        """The optimizer's line of the catalogue."""
        return find("optimizer", self.optimizer)

    @property
    def sweep(self) -> dict[str, tuple[float, ...]]:
        """The swept knobs."""
        return {key: value for key, value in self.knobs.items() if isinstance(value, tuple)}

    @property
    def total_runs(self) -> int:
        """Number of runs in the lane's batch: starts times combinations of swept values."""
        return self.runs * math.prod(len(values) for values in self.sweep.values())

    def run_knobs(self) -> list[dict[str, float]]:
        """The swept knobs' values of every run, in the order of the batch (starts vary fastest)."""
        names = list(self.sweep)
        return [
            dict(zip(names, combination, strict=True))
            for combination in itertools.product(*self.sweep.values())
            for _ in range(self.runs)
        ]

    def with_knobs(self, **knobs: Any) -> "Lane":
        """The same lane with other knobs.

        Raises:
            ValueError: an unknown knob, or a value that is not allowed.
        """
        return self._replace(knobs={**self.knobs, **knobs})

    def with_change(self, step: int, knobs: Mapping[str, float]) -> "Lane":
        """The same lane with live knobs turned at a step; step 0 sets them from the start.

        Raises:
            ValueError: a knob that is not live, or a value that is not allowed.
        """
        if step == 0:
            return self.with_knobs(**knobs)
        earlier = {c.step: dict(c.knobs) for c in self.changes}
        earlier[step] = {**earlier.get(step, {}), **knobs}
        return self._replace(changes=[Change(*item) for item in earlier.items()])

    def renamed(self, name: str) -> "Lane":
        """The same lane under another name."""
        return self._replace(name=name)

    def _replace(self, **changed: Any) -> "Lane":
        values = {key: getattr(self, key) for key in _LANE_KEYS} | {"knobs": self.knobs} | changed
        return Lane(values.pop("optimizer"), **values.pop("knobs"), **values)

    def replace(self, **changed: Any) -> "Lane":
        """The same lane with other attributes (`runs`, `start`, `stop`, ...); checked again.

        Raises:
            ValueError: a value that is not allowed.
        """
        if "start" in changed and "runs" not in changed and changed["start"] is not None:
            changed["runs"] = None
        return self._replace(**changed)

    def to_data(self) -> dict[str, Any]:
        """Plain data for a file; defaults are left out."""
        data: dict[str, Any] = {"optimizer": self.optimizer}
        if self.name:
            data["name"] = self.name
        if self.runs != (len(self.start) if self.start else 1):
            data["runs"] = self.runs
        if self.start is not None:
            data["start"] = [list(row) for row in self.start]
        for key, empty in (("branch_of", ""), ("branch_step", 0), ("stop", None)):
            if getattr(self, key) != empty:
                data[key] = getattr(self, key)
        defaults = {item.name: item.default for item in self.entry.knobs}
        for key, value in self.knobs.items():
            if key not in defaults or value != defaults[key]:
                value = value.to_data() if isinstance(value, Choice) else value
                data[key] = list(value) if isinstance(value, tuple) else value
        if self.changes:
            data["changes"] = [{"step": c.step, **c.knobs} for c in self.changes]
        return data

    @classmethod
    def from_data(cls, data: Mapping[str, Any]) -> "Lane":
        """The inverse of `to_data`.

        Raises:
            ValueError: a missing, unknown or wrong entry.
        """
        if not isinstance(data, Mapping) or not isinstance(data.get("optimizer"), str):
            raise ValueError("optimizer = '...' is needed")
        values = dict(data)
        return cls(values.pop("optimizer"), **values)


@dataclass(frozen=True)
class ProbePlan:
    """Measure something along the way.

    Attributes:
        name: a probe of the catalogue.
        every: steps from one measurement to the next.
        knobs: the probe's own knobs.
    """

    name: str
    every: int = 20
    knobs: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self):
        """Check name, cadence and knobs, and fill in defaults."""
        with located(f"probe {self.name!r}"):
            object.__setattr__(self, "every", _check_count("every", self.every))
        choice = choose("probe", {"name": self.name, **self.knobs})
        object.__setattr__(self, "knobs", choice.knobs)

    def make(self) -> Any:
        """Build the probe.

        Raises:
            ValueError: the entry cannot be used here.
        """
        return find("probe", self.name).make(**self.knobs)

    def to_data(self) -> dict[str, Any]:
        """Plain data for a file."""
        changed = Choice("probe", self.name, self.knobs).changed()
        return {"name": self.name, "every": self.every, **changed}

    @classmethod
    def from_data(cls, data: Any) -> "ProbePlan":
        """The inverse of `to_data`; a name alone is enough.

        Raises:
            ValueError: a missing, unknown or wrong entry.
        """
        if isinstance(data, str):
            return cls(data)
        if not isinstance(data, Mapping) or not isinstance(data.get("name"), str):
            raise ValueError("name = '...' is needed")
        knobs = {key: value for key, value in data.items() if key not in ("name", "every")}
        return cls(data["name"], data.get("every", 20), knobs)


def branch_name(lane: str, taken: Container[str]) -> str:
    """A name for a branch: adam~2, adam~3 and so on."""
    base = lane.partition("~")[0]
    return next(n for n in (f"{base}~{i}" for i in itertools.count(2)) if n not in taken)


def _rows(start: Any) -> tuple[tuple[float, ...], ...]:
    """Array-like (runs, dim) or (dim,) as nested tuples of finite floats."""
    if hasattr(start, "tolist"):
        start = start.tolist()
    try:
        rows = [[float(x) for x in (row if isinstance(row, Iterable) else [row])] for row in start]
    except (TypeError, ValueError) as error:
        raise ValueError(f"start = {start!r}: rows of numbers are needed") from error
    if start and not any(isinstance(row, Iterable) for row in start):
        rows = [[row[0] for row in rows]]
    if not rows or len({len(row) for row in rows}) != 1 or not rows[0]:
        raise ValueError("start: rows of equal length are needed, one for each run")
    if not all(math.isfinite(x) for row in rows for x in row):
        raise ValueError("start: only finite numbers are allowed")
    return tuple(tuple(row) for row in rows)


def _check_count(name: str, value: Any, low: int = 1) -> int:
    return KnobField(name, int, low, Knob(low, 1_000_000_000)).check(value)


def _check_lane_knobs(entry: Entry, knobs: Mapping[str, Any]) -> dict[str, Any]:
    """Check an optimizer's knobs; lists are allowed for numeric live ones."""
    by_name = {item.name: item for item in entry.knobs}
    swept = {}
    for key, value in knobs.items():
        item = by_name.get(key)
        if item is None or not item.is_number or isinstance(value, str):
            continue
        if hasattr(value, "tolist"):
            value = value.tolist()
        if isinstance(value, list | tuple):
            if not item.knob.live:
                raise ValueError(f"{key} cannot be swept: it is fixed for all runs of a lane")
            if not value:
                raise ValueError(f"{key} = []: at least one value is needed")
            swept[key] = tuple(item.check(v) for v in value)
    single = entry.check({key: value for key, value in knobs.items() if key not in swept})
    return {**single, **swept} if not entry.error else dict(knobs)


def _change(entry: Entry, item: Change | Mapping[str, Any]) -> Change:
    if isinstance(item, Mapping):
        item = Change(item.get("step", -1), {k: v for k, v in item.items() if k != "step"})
    with located("changes"):
        step = _check_count("step", item.step, 0)
        live = {knob.name: knob for knob in entry.knobs if knob.knob.live}
        if not entry.error:
            check_keys(item.knobs, live)
            return Change(step, {key: live[key].check(value) for key, value in item.knobs.items()})
        return Change(step, dict(item.knobs))

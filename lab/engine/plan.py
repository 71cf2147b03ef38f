"""What an experiment says about its lanes: plain data, checked when it is made."""

import itertools
import math
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType
from typing import Any

from lab.engine.catalogue import (
    Choice,
    Entry,
    accept_unknown,
    changed_knobs,
    choose,
    find,
    located,
)
from lab.engine.knobs import check_keys, shown
from lab.engine.plan_checks import (
    check_count,
    check_line,
    check_table,
    check_there,
    is_single,
    lane_knobs,
    start_rows,
)

_LANE_KEYS = (
    "optimizer",
    "name",
    "runs",
    "start",
    "stop",
    "branch_of",
    "branch_step",
    "stream",
    "changes",
    "lr_schedule",
)


MOMENTA = ("momentum", "beta1")  # the knobs that a schedule of the momentum sets


@dataclass(frozen=True)
class Change:
    """From this step on, a lane runs with these values of its live knobs."""

    step: int
    knobs: Mapping[str, float]


@dataclass(frozen=True, init=False)
class Lane:
    """One optimizer with its knobs, and the batch of runs it makes.

    A numeric live knob may be a list or a range (see `ranges`), which is kept as the list of its
    values: the lane then holds one run for each value (for each combination, where several knobs
    are lists) and each start. The last of several lists varies
    fastest, and the starts within each combination.

    Attributes:
        optimizer: a name of the catalogue, or the import path of a `torch.optim.Optimizer`.
        knobs: all knobs of the optimizer; a tuple where the knob is swept.
        start: where the runs start, one row each, or None for the problem's own starts.
        runs: how many starts (seeds), not counting sweeps.
        name: unique within an experiment; given there if left empty.
        changes: turns of live knobs during the run.
        branch_of: the lane whose past this one shares, empty for a lane of its own.
        branch_step: the step up to which it shares it.
        stream: which mini-batches and other noise the runs see: lanes of another stream see others,
            so that a branch of its own stream differs from its parent by the noise alone. Starts do
            not depend on it.
        stop: the step after which the lane stands still, None for the experiment's end.
        lr_schedule: how the learning rate changes along the run, None for not at all. The knob `lr`
            is what the schedule is a factor of; one that is made for no number of steps is given
            the experiment's.
    """

    optimizer: str
    knobs: Mapping[str, Any]
    start: tuple[tuple[float, ...], ...] | None
    runs: int
    name: str
    changes: tuple[Change, ...]
    branch_of: str
    branch_step: int
    stream: int
    stop: int | None
    lr_schedule: Choice | None

    def __init__(
        self,
        /,
        optimizer: str,
        *,
        start: Any = None,
        runs: int | None = None,
        name: str = "",
        changes: Sequence[Change | Mapping[str, Any]] = (),
        branch_of: str = "",
        branch_step: int = 0,
        stream: int = 0,
        stop: int | None = None,
        lr_schedule: Any = None,
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
            stream: see the class.
            stop: see the class.
            lr_schedule: a name of the catalogue, or a table of a name and knobs.
            **knobs: knobs of the optimizer that differ from their defaults.

        Raises:
            ValueError: an unknown optimizer or knob, or a value that is not allowed.
        """
        entry = find("optimizer", optimizer)
        with located(f"lane {shown(name or optimizer)}"):
            rows = None if start is None else start_rows(start)
            if runs is None:
                runs = 1 if rows is None else len(rows)
            count = check_count("runs", runs)
            if rows is not None and len(rows) not in (1, count):
                raise ValueError(f"runs = {count}, but start has {len(rows)} rows (1 or {count})")
            if branch_of and rows is not None:
                raise ValueError("a branch starts where its parent was: leave out start")
            if branch_step and not branch_of:
                raise ValueError("branch_step says nothing without branch_of")
            values = {
                "optimizer": optimizer,
                "knobs": MappingProxyType(lane_knobs(entry, knobs)),
                "start": rows,
                "runs": count,
                "name": check_line("name", name),
                "changes": _changes(entry, changes),
                "branch_of": check_line("branch_of", branch_of),
                "branch_step": check_count("branch_step", branch_step, 0),
                "stream": check_count("stream", stream, 0),
                "stop": None if stop is None else check_count("stop", stop, 0),
                "lr_schedule": _lr_schedule(entry, lr_schedule),
            }
        for key, value in values.items():
            object.__setattr__(self, key, value)

    @property
    def entry(self) -> Entry:
        """The optimizer's line of the catalogue; one that cannot be used if it is not installed."""
        with accept_unknown():
            return find("optimizer", self.optimizer)

    @property
    def title(self) -> str:
        """The name for people: the optimizer's title, with what tells this lane from others."""
        short = self.optimizer.rpartition(".")[2]
        if not self.name.startswith(short):
            return self.name
        rest = self.name[len(short) :]
        return f"{self.entry.title}{rest.replace('-', ' ').replace('~', ' branch ')}"

    @property
    def sweep(self) -> dict[str, tuple[float, ...]]:
        """The swept knobs."""
        numbers = [item.name for item in self.entry.knobs if item.is_number]
        return {key: self.knobs[key] for key in numbers if isinstance(self.knobs[key], tuple)}

    @property
    def total_runs(self) -> int:
        """Number of runs in the lane's batch: starts times combinations of swept values."""
        return self.runs * math.prod(len(values) for values in self.sweep.values())

    def run_knobs(self) -> list[dict[str, float]]:
        """The swept knobs' values of every run, in the order of the batch (starts vary fastest)."""
        return [dict(values) for values in self._run_table for _ in range(self.runs)]

    def knobs_of(self, run: int) -> dict[str, float]:
        """The swept knobs' values of one run."""
        return dict(self._run_table[run // self.runs])

    @cached_property
    def _run_table(self) -> list[dict[str, float]]:
        """The swept knobs' values of every combination, in the order of the batch."""
        names, values = list(self.sweep), self.sweep.values()
        return [dict(zip(names, item, strict=True)) for item in itertools.product(*values)]

    def with_knobs(self, **knobs: Any) -> "Lane":
        """The same lane with other knobs.

        Raises:
            ValueError: an unknown knob, or a value that is not allowed.
        """
        return self._replace(knobs={**self.knobs, **knobs})

    def knobs_at(self, step: int) -> dict[str, Any]:
        """The knobs that hold from a step on; a tuple where the runs of a sweep still differ."""
        values = dict(self.knobs)
        for change in self.changes:
            if change.step <= step:
                values.update(change.knobs)
        return values

    def with_change(self, step: int, knobs: Mapping[str, float]) -> "Lane":
        """The same lane with live knobs turned at a step; step 0 sets them from the start.

        A knob that is turned back to what held before is not turned at all.

        Raises:
            ValueError: a knob that is not live, or a value that is not allowed.
        """
        (turned,) = _changes(self.entry, [Change(step, knobs)])
        values, later = dict(self.knobs), {c.step: dict(c.knobs) for c in self.changes}
        before, there = self.knobs_at(step - 1), later.setdefault(step, {})
        for key, value in turned.knobs.items():
            there.pop(key, None)
            if step == 0 and key not in self.sweep:
                values[key] = value
            elif value != before[key]:  # a sweep keeps its runs: they are turned together
                there[key] = value
        changes = [Change(*item) for item in later.items() if item[1]]
        return self._replace(knobs=values, changes=changes)

    def branched(self, name: str, step: int, knobs: Mapping[str, Any]) -> "Lane":
        """A lane that shares the past of this one up to a step and then has other knobs.

        Raises:
            ValueError: an unknown knob, or a value that is not allowed.
        """
        values = {**self.knobs_at(step), **knobs}
        together = {key: v for key, v in values.items() if key in self.sweep and is_single(v)}
        return Lane(
            self.optimizer,
            runs=self.runs,
            name=name,
            branch_of=self.name,
            branch_step=step,
            stream=self.stream,
            lr_schedule=self.lr_schedule,
            changes=[Change(step, together)] if together else [],
            **{key: self.knobs[key] if key in together else v for key, v in values.items()},
        )

    def has_rule_of(self, other: "Lane") -> bool:
        """Whether both have the same rule, but for its live knobs: they can share its state."""
        live = {item.name for item in self.entry.knobs if item.knob.live}
        return self.optimizer == other.optimizer and all(
            self.knobs[key] == other.knobs[key] for key in self.knobs if key not in live
        )

    def scheduled_for(self, steps: int) -> "Lane":
        """The same lane with its schedule made for so many steps, if it was made for none."""
        schedule = self.lr_schedule
        if schedule is None or schedule.knobs.get("steps") != 0:
            return self
        return self._replace(lr_schedule={"name": schedule.name, **schedule.knobs, "steps": steps})

    def scheduled_at(self, step: int) -> dict[str, float]:
        """What the schedule does at a step: a factor of `lr`, and the momentum if it sets that.

        Returns:
            "lr" -> factor, and the name of the momentum's knob -> value; empty without a schedule.
        """
        if self.lr_schedule is None:
            return {}
        schedule, momenta = self._schedule
        found, momentum = {"lr": schedule.factor(step)}, schedule.momentum(step)
        return found if momentum is None else found | dict.fromkeys(momenta, momentum)

    @cached_property
    def _schedule(self) -> tuple[Any, list[str]]:
        """The schedule, and the knobs that one of the momentum sets."""
        live = [item.name for item in self.entry.knobs if item.knob.live]
        return self.lr_schedule.make(), [name for name in MOMENTA if name in live]

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
        for key, empty in (("branch_of", ""), ("branch_step", 0), ("stream", 0), ("stop", None)):
            if getattr(self, key) != empty:
                data[key] = getattr(self, key)
        if self.lr_schedule is not None:
            data["lr_schedule"] = self.lr_schedule.to_data()
        for key, value in changed_knobs(self.entry, self.knobs).items():
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
        check_there("optimizer", data)
        entry = find("optimizer", data["optimizer"])
        if not entry.error:
            check_keys(data, [*_LANE_KEYS, *[item.name for item in entry.knobs]])
        return cls(**data)


def branch_name(lane: str, taken: Container[str]) -> str:
    """A name for a branch: adam~2, adam~3 and so on."""
    base = lane.partition("~")[0]
    return next(n for n in (f"{base}~{i}" for i in itertools.count(2)) if n not in taken)


def free_name(optimizer: str, taken: Container[str]) -> str:
    """A name for a lane: adam, adam-2, adam-3 and so on."""
    wish = optimizer.rpartition(".")[2]
    names = itertools.chain([wish], (f"{wish}-{i}" for i in itertools.count(2)))
    return next(name for name in names if name not in taken)


def lanes_needed(lanes: Sequence[Lane], removed: Container[str]) -> tuple[Lane, ...]:
    """The lanes without removed ones, as far as no other branched from them.

    A removed lane that others branched from stays, and stops where the last of them left it: so an
    experiment of these lanes gives the same record, whatever was done to the lanes before.

    Args:
        lanes: all lanes, parents before branches.
        removed: the names of those that were taken out.
    """
    kept: list[Lane] = []
    left: dict[str, int] = {}  # lane -> the last step at which a branch leaves it
    for lane in reversed(lanes):
        if lane.name in removed:
            if lane.name not in left:
                continue
            lane = lane.replace(stop=left[lane.name])
        if lane.branch_of:
            left[lane.branch_of] = max(lane.branch_step, left.get(lane.branch_of, 0))
        kept.append(lane)
    return tuple(reversed(kept))


def _lr_schedule(entry: Entry, value: Any) -> Choice | None:
    """A schedule of the catalogue, for a rule that has a learning rate to turn."""
    if value is None:
        return None
    with located("lr_schedule"):
        if not entry.error and not any(i.name == "lr" and i.knob.live for i in entry.knobs):
            raise ValueError(f"{entry.name} has no learning rate that could follow a schedule")
        return choose("schedule", value)


def _changes(entry: Entry, items: Any) -> tuple[Change, ...]:
    """Turns of live knobs in the order of their steps, one for each step."""
    live = {knob.name: knob for knob in entry.knobs if knob.knob.live}
    merged: dict[int, dict[str, float]] = {}
    with located("changes"):
        if not isinstance(items, list | tuple):
            raise ValueError(f"{shown(items)} came: a list of tables is needed")
        for item in items:
            if isinstance(item, Mapping) and "step" in item:
                item = Change(item["step"], {k: v for k, v in item.items() if k != "step"})
            if not isinstance(item, Change):
                raise ValueError(f"{shown(item)} came: a step and knobs are needed")
            knobs = dict(check_table("knobs", item.knobs))
            if not entry.error:
                check_keys(knobs, live)
                knobs = {key: live[key].check(value) for key, value in knobs.items()}
            merged.setdefault(check_count("step", item.step, 0), {}).update(knobs)
    return tuple(Change(step, merged[step]) for step in sorted(merged))

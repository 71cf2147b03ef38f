"""A Recording: the append-only record of everything measured, and all that a view ever sees.

The engine's thread appends; any thread reads. `recorder.py` moves full chunks of rows to the `.lab`
file when memory gets short; nothing is ever overwritten.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

from lab.engine.carried import Carried
from lab.engine.catalogue import catalogue
from lab.engine.column import Column
from lab.engine.derived import DERIVED
from lab.engine.experiment import Experiment
from lab.engine.knobs import check_keys, check_name
from lab.engine.lane import Block, Divergence
from lab.engine.overview import Curve, Overview, joined, summary
from lab.engine.plan import Lane
from lab.engine.plan_checks import check_lane
from lab.engine.snapshots import Snapshot, Snapshots

OVERVIEWS = ("loss", "grad_norm")


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


class LaneRecord:
    """The rows of one lane. A branch reads its parent's rows up to the step where it left it."""

    def __init__(
        self,
        spec: Lane,
        parent: "LaneRecord | None",
        fetch: Callable[[int], np.ndarray] | None = None,
    ):
        """Start empty.

        Args:
            spec: what the experiment says about the lane.
            parent: the record of the lane it branched from.
            fetch: reads rows that are only in the file.
        """
        self.spec = spec
        self.parent = parent
        self.runs = spec.total_runs
        self.first = spec.branch_step + 1 if parent else 0
        self.head = self.first - 1  # step of the last row that is complete in every column
        self.columns: dict[str, Column] = {}
        self.overviews = {name: Overview(self.first) for name in OVERVIEWS}
        self.snapshots = Snapshots()
        self.state: Snapshot | None = None  # of the head, as far as the file knows it
        self.diverged: dict[int, Divergence] = {}
        self.failure = ""
        self.removed = False
        self.fetch = fetch

    def append(self, block: Block) -> None:
        """Add a block of rows."""
        for name, rows in block.columns.items():
            if name not in self.columns:
                self.columns = {**self.columns, name: Column(self.first, self.fetch)}
            self.columns[name].append(rows)
            if name in self.overviews:
                self.overviews[name].append(rows)
        self.head = block.first + len(block.columns["loss"]) - 1

    def read(self, name: str, start: int, stop: int) -> tuple[np.ndarray, np.ndarray]:
        """Rows of a column in start <= step < stop.

        Returns:
            The steps on record, and their rows, read-only.

        Raises:
            ValueError: no such column.
        """
        stop = min(stop, self.head + 1)
        if self.parent and start < self.first:
            before = self.parent.read(name, start, min(stop, self.first))
            if stop <= self.first:
                return before
            after = self.read(name, self.first, stop)
            rows = np.concatenate([before[1], after[1]])
            rows.setflags(write=False)
            return np.concatenate([before[0], after[0]]), rows
        column = self._column(name)
        if column is None and name in DERIVED and self.columns:
            return DERIVED[name](self.spec, lambda other: self.read(other, start, stop))
        if column is None and self.parent and not self.columns:  # a branch that is yet to begin
            return self.parent.read(name, 0, 0)
        if column is None:
            raise ValueError(
                f"lane {self.spec.name!r} has no {name!r} on record; there are: "
                f"{', '.join(self.columns) or 'none yet'}"
            )
        return column.read(start, stop)

    def at(self, name: str, step: int) -> tuple[int, np.ndarray] | None:
        """The row of a step, or of the nearest earlier one on record; None before the first."""
        step = min(step, self.head)
        column = self._column(name)
        if column is None and name in DERIVED and step >= self.first:
            steps, rows = self.read(name, step, step + 1)
            return (step, rows[0]) if len(steps) else None
        found = column.at(step) if column and step >= self.first else None
        if found is None and self.parent:  # before the branch, or its first row was thinned away
            return self.parent.at(name, min(step, self.first - 1))
        return found

    def curve(self, name: str, start: int, stop: int, points: int) -> Curve:
        """A scalar over start <= step < stop, made for a plot.

        Args:
            name: the column.
            start: first step.
            stop: one more than the last step.
            points: about how many points are wanted; spikes survive.

        Returns:
            The curve with its band over runs; a long one may begin a little before the start.
        """
        stop = min(stop, self.head + 1)
        if self.parent and start < self.first:
            before = self.parent.curve(name, start, min(stop, self.first), points)
            return (
                before
                if stop <= self.first
                else joined([before, self.curve(name, self.first, stop, points)])
            )
        drawn = self.overviews[name].curve(start, stop, points) if name in self.overviews else None
        if drawn is not None and len(drawn[0].steps):
            curve, end = drawn
            if end >= stop:
                return curve
            return joined([curve, self.curve(name, end, stop, max(2, points // 4))])
        steps, rows = self.read(name, start, stop)
        low, middle, high = summary(rows[:, None] if rows.ndim == 1 else rows).T
        return Curve(steps, low, middle, high)

    @property
    def quantities(self) -> list[str]:
        """What can be read as a number for each run and step, the rule's own readings last."""
        kept = self.columns or (self.parent.columns if self.parent else {})
        derived = [name for name in DERIVED if name != "lr" or "lr" in self.spec.knobs]
        return [name for name in (*kept, *derived) if name not in ("theta", "shown")]

    def knows(self, name: str) -> bool:
        """Whether there are numbers of that name; quicker than to look through `quantities`."""
        return name in self.columns or name in self.quantities

    def _column(self, name: str) -> Column | None:
        """A column; a rule that shows what it evaluates has one for both."""
        return self.columns.get(name) or (self.columns.get("theta") if name == "shown" else None)

    def divergence_text(self) -> str:
        """Which runs diverged, from when on and at what loss, as a sentence; empty for none."""
        if not self.diverged:
            return ""
        run, first = min(self.diverged.items(), key=lambda item: item[1].step)
        where = f"at step {first.step:,} with a loss of {first.loss:.3g}"
        if self.runs == 1:
            return f"{self.spec.name} diverged {where}"
        many = f"{len(self.diverged)} of {self.runs} runs diverged"
        return f"{self.spec.name}: {many}, the first (run {run + 1}) {where}"

    def ancestor(self, step: int) -> "LaneRecord":
        """The record of the lane that went on from a step: this one, or one it branched from."""
        if self.parent and step < self.spec.branch_step:
            return self.parent.ancestor(step)
        return self


class Recording:
    """Everything measured in one session.

    Attributes:
        experiment: what is run, with all changes made so far.
        header: device, dtype, threads and versions: what else the numbers depend on.
        events: what happened, in order.
        results: what was measured, in order.
        waiting: planned measurements that were yet to be made when the session was kept: plan (as
            plain data), lane and step.
        carried: what measurements left for the next ones, kept for a session that goes on.
    """

    def __init__(self, experiment: Experiment, header: Mapping[str, Any]):
        """Start empty."""
        self.experiment = experiment
        self.header = dict(header)
        self.events: list[Event] = []
        self.results: list[Result] = []
        self.waiting: list[tuple[dict[str, Any], str, int]] = []
        self.carried = Carried()
        self.records: dict[str, LaneRecord] = {}
        self.fetch: Callable[[int], np.ndarray] | None = None  # set once there is a file
        self.recorder: Any = None  # the Recorder that keeps its file

    @property
    def lanes(self) -> list[str]:
        """Names of the lanes, in order."""
        return [name for name, record in self.records.items() if not record.removed]

    @property
    def head(self) -> int:
        """The last step on record in any lane; -1 before the first."""
        return max((r.head for r in self.records.values() if not r.removed), default=-1)

    @property
    def nbytes(self) -> int:
        """Bytes held in memory."""
        total = 0
        for record in list(self.records.values()):
            total += record.snapshots.nbytes
            total += sum(column.nbytes for column in record.columns.values())
            total += sum(overview.nbytes for overview in record.overviews.values())
        return total + sum(a.nbytes for r in list(self.results) for a in r.arrays.values())

    def note(
        self, step: int, lane: str, kind: str, data: Mapping[str, Any] = MappingProxyType({})
    ) -> None:
        """Put something that happened on record; see `Event`."""
        self.events.append(Event(step, lane, kind, dict(data)))

    def add_lane(self, spec: Lane) -> LaneRecord:
        """Begin the record of a lane, in the place of one of that name if there was one."""
        if spec.name in self.records:
            self._clear(spec.name)
        parent = self.records[spec.branch_of] if spec.branch_of else None
        record = LaneRecord(spec, parent, self._fetch_rows)
        self.records = {**self.records, spec.name: record}
        return record

    def drop_lane(self, name: str) -> None:
        """Forget a lane, with what was measured on it."""
        self._clear(name)
        self.records = {key: record for key, record in self.records.items() if key != name}

    def branches(self, name: str) -> list[LaneRecord]:
        """The records of lanes that branched from a lane, or from a branch of it."""
        found: list[LaneRecord] = []
        for record in self.records.values():  # parents come before branches
            if record.parent is not None and (
                record.parent.spec.name == name or record.parent in found
            ):
                found.append(record)
        return found

    def lane(self, name: str) -> LaneRecord:
        """The record of a lane.

        Raises:
            ValueError: no such lane.
        """
        check_lane(name, self.records)
        return self.records[name]

    def theta(self, lane: str) -> np.ndarray:
        """The points at which the rule was evaluated.

        Returns:
            (steps + 1, runs, dim), read-only; fewer rows where a very long record was thinned
            (`steps` says which).

        Raises:
            ValueError: no such lane.
        """
        record = self.lane(lane)
        return record.read("theta", 0, record.head + 1)[1]

    def scalar(self, lane: str, name: str) -> np.ndarray:
        """A scalar along a lane.

        Args:
            lane: name of the lane.
            name: loss, grad_norm, gradient_evaluations, value_evaluations, hessian_products,
                oracle_cost (all three at their cost), seconds, lr, or a reading of the rule.

        Returns:
            (steps + 1, runs), read-only; NaN after a run diverged.

        Raises:
            ValueError: no such lane or scalar.
        """
        record = self.lane(lane)
        rows = record.read(name, 0, record.head + 1)[1]
        if rows.ndim == 1:  # one number for all runs of the lane
            rows = np.broadcast_to(rows[:, None], (len(rows), record.runs))
        return rows

    def steps(self, lane: str, name: str = "theta") -> np.ndarray:
        """The steps that the rows of a column stand for: 0, 1, 2 ... unless it was thinned.

        Raises:
            ValueError: no such lane or column.
        """
        record = self.lane(lane)
        return record.read(name, 0, record.head + 1)[0]

    def probe(self, name: str) -> list[Result]:
        """All results of a probe or analysis, by step and then in the order of the lanes.

        Raises:
            ValueError: no probe has that name, and nothing was measured under it.
        """
        place = {lane: number for number, lane in enumerate(self.records)}
        found = [result for result in list(self.results) if result.name == name]
        if not found and name not in [plan.name for plan in self.experiment.probes]:
            measured = {result.name for result in list(self.results)}
            check_name(name, sorted({"surface", *measured, *catalogue("probe")}), "probe")
        return sorted(found, key=lambda result: (result.step, place.get(result.lane, -1)))

    def diverged(self, lane: str) -> dict[int, Divergence]:
        """The runs of a lane that diverged: run -> its last step and the loss there.

        Raises:
            ValueError: no such lane.
        """
        return dict(self.lane(lane).diverged)

    def save(self, path: str | Path) -> None:
        """Write everything to a `.lab` file: all of it, or nothing.

        Raises:
            OSError: the place cannot be written.
        """
        self.recorder.save(Path(path))

    def export(
        self,
        out: str | Path,
        formats: Sequence[str] = ("csv", "npz", "png"),
        **options: Any,
    ) -> list[Path]:
        """Write tables, figures, videos and scripts into a folder: every file, or none.

        Args:
            out: the folder; made if it is not there.
            formats: any of csv, npz, hdf5, parquet, png, svg, pdf, mp4, gif, toml, py, lab.
            **options: fields of `lab.engine.export.Options`: step, lanes, panels, theme ...

        Returns:
            The files written.

        Raises:
            ValueError: an unknown format or option, or something that a format cannot hold.
            OSError: the folder cannot be written.
        """
        from lab.engine.export import Options, export

        check_keys(options, [field.name for field in fields(Options)])
        return export(self, out, formats, options=Options(**options))

    def close(self) -> None:
        """Let go of the file behind the recording."""
        self.recorder.close()

    def _clear(self, name: str) -> None:
        self.results = [result for result in self.results if result.lane != name]
        self.recorder.forget_lane(name)

    def _fetch_rows(self, chunk_id: int) -> np.ndarray:
        return self.fetch(chunk_id)

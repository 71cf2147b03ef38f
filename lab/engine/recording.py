"""A Recording: the append-only record of everything measured, and all that a view ever sees.

The engine's thread appends; any thread reads. `spill.py` moves full chunks of rows to the `.lab`
file when memory gets short; nothing is ever overwritten.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

from lab.engine.carried import Carried
from lab.engine.catalogue import catalogue
from lab.engine.column import Column
from lab.engine.experiment import Experiment
from lab.engine.knobs import check_keys, check_name
from lab.engine.lane import Divergence
from lab.engine.lane_record import LaneRecord
from lab.engine.plan import Lane
from lab.engine.plan_checks import check_lane
from lab.engine.results import Event, Result


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

    def columns(self) -> list[tuple[str, str, Column]]:
        """All columns of rows, each with the names of its lane and its quantity."""
        return [
            (lane, name, column)
            for lane, record in self.records.items()
            for name, column in record.columns.items()
        ]

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

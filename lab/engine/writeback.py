"""Writes what is new in a recording to its `.lab` file: the counterpart of `readback`."""

import contextlib
import sqlite3
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from lab.engine import labfile
from lab.engine.carried import Arrays, Key
from lab.engine.column import Chunk, Column
from lab.engine.experiment import Experiment
from lab.engine.labfile import HEAD, LabFile, add_chunk, drop_pieces, put_meta
from lab.engine.lane_record import LaneRecord
from lab.engine.recording import Recording

After = list[Callable[[], Any]]  # what is noted once all that was written is certain


class Writeback:
    """What a file has of a recording, and how it gets the rest."""

    def __init__(self, recording: Recording):
        """Begin with a file that has nothing."""
        self._recording = recording
        self._results = self._events = 0  # how many of them are in the file
        self._snapshots: dict[str, tuple[int, list[int]]] = {}  # generation, steps in the file
        self._said: dict[str, Any] = {}  # what the file says of the experiment and each lane
        self._carried: dict[Key, Arrays] = {}
        self._forgotten: list[str] = []  # lanes that the file still has and should not

    def know_all(self) -> None:
        """Note that the recording was just read from the file, which has all of it."""
        recording = self._recording
        self._results, self._events = len(recording.results), len(recording.events)
        self._carried = dict(recording.carried.rows)
        self._snapshots = {
            lane: (record.snapshots.generation, [step for step, _ in record.snapshots])
            for lane, record in recording.records.items()
        }

    def start_over(self, db: sqlite3.Connection) -> None:
        """Leave only the full chunks that are known in the file; all else is written anew."""
        columns = [column for _, _, column in self._recording.columns()]
        ids = [chunk.file_id for column in columns for chunk in column.chunks]
        last = max([number for number in ids if number is not None], default=0)
        db.execute("DELETE FROM chunks WHERE NOT sealed OR id > ?", (last,))
        for table in ("results", "events", "snapshots", "lanes", "carried"):
            db.execute(f"DELETE FROM {table}")
        self._results = self._events = 0
        self._snapshots.clear()
        self._carried.clear()
        for column in columns:
            column.written = 0

    def forget_lane(self, name: str) -> None:
        """Take a lane out of the file at the next writing."""
        self._forgotten.append(name)

    @contextlib.contextmanager
    def writing(self, file: LabFile) -> Iterator[tuple[sqlite3.Connection, After]]:
        """A transaction, and a list for what is to be noted once it is certain.

        Raises:
            OSError: it cannot be written.
        """
        after: After = []
        with file.writing() as db:
            self._write_forgotten(db, after)
            yield db, after
        for note in after:
            note()

    def write(self, file: LabFile) -> None:
        """Write all that is new, in one transaction.

        Raises:
            OSError: it cannot be written; the file is as it was.
        """
        with self.writing(file) as (db, after):
            self._write_texts(db, after)
            for lane, name, column in self._recording.columns():
                _write_column(db, lane, name, column, after)
            self._write_results(db, after)
            self._write_carried(db, after)
            for lane, record in self._recording.records.items():
                self._write_snapshots(db, lane, record, after)

    def _write_forgotten(self, db: sqlite3.Connection, after: After) -> None:
        """Delete lanes that are run again, and write all results anew without theirs."""
        if not self._forgotten:
            return
        for table, key in (("lanes", "name"), ("chunks", "lane"), ("snapshots", "lane")):
            db.executemany(f"DELETE FROM {table} WHERE {key} = ?", [(n,) for n in self._forgotten])
        db.execute("DELETE FROM results")
        for name in self._forgotten:
            self._snapshots.pop(name, None)
            self._said.pop(f"lane {name}", None)
        self._results = 0
        after.append(self._forgotten.clear)

    def _write_texts(self, db: sqlite3.Connection, after: After) -> None:
        """Write what the file says of the experiment and the lanes, where that has changed."""
        recording = self._recording
        waiting = labfile.to_json(recording.waiting)
        said: dict[str, Any] = {"experiment": recording.experiment, "waiting": waiting}
        if self._said.get("experiment") is not recording.experiment:
            header = labfile.to_json(recording.header)
            put_meta(db, experiment=experiment_text(recording.experiment), header=header)
        if self._said.get("waiting") != waiting:
            put_meta(db, waiting=waiting)
        for place, (name, record) in enumerate(recording.records.items()):
            state = place, record.spec, dict(record.diverged), record.removed, record.failure
            said[f"lane {name}"] = state
            if self._said.get(f"lane {name}") != state:
                text = labfile.to_json(_lane_data(record))
                db.execute("INSERT OR REPLACE INTO lanes VALUES (?, ?, ?)", (name, place, text))
        after.append(partial(self._said.update, said))

    def _write_results(self, db: sqlite3.Connection, after: After) -> None:
        results = self._recording.results[self._results :]
        events = self._recording.events[self._events :]
        for result in results:
            data = {k: getattr(result, k) for k in ("name", "lane", "step", "seconds")}
            data["info"] = dict(result.info)
            arrays = labfile.pack_arrays(dict(result.arrays))
            db.execute(
                "INSERT INTO results(data, arrays) VALUES (?, ?)", (labfile.to_json(data), arrays)
            )
        for event in events:
            data = {k: getattr(event, k) for k in ("step", "lane", "kind")}
            data["data"] = dict(event.data)
            db.execute("INSERT INTO events(data) VALUES (?)", (labfile.to_json(data),))
        after.append(partial(self._count, len(results), len(events)))

    def _count(self, results: int, events: int) -> None:
        self._results += results
        self._events += events

    def _write_carried(self, db: sqlite3.Connection, after: After) -> None:
        """Write the rows that measurements changed; delete those that were dropped since."""
        rows = dict(self._recording.carried.rows)
        gone = [key for key in self._carried if key not in rows]
        db.executemany("DELETE FROM carried WHERE plan = ? AND lane = ?", gone)
        for key, arrays in rows.items():
            if self._carried.get(key) is not arrays:
                packed = labfile.pack_arrays(dict(arrays))
                db.execute("INSERT OR REPLACE INTO carried VALUES (?, ?, ?)", (*key, packed))
        after.append(partial(setattr, self, "_carried", rows))

    def _write_snapshots(
        self, db: sqlite3.Connection, lane: str, record: LaneRecord, after: After
    ) -> None:
        """Write new snapshots and the newest state; delete those that were dropped since."""
        generation, there = self._snapshots.get(lane, (0, []))
        kept = record.snapshots
        if generation != kept.generation:
            steps = {step for step, _ in kept}
            gone = [(lane, step) for step in there if step not in steps]
            db.executemany("DELETE FROM snapshots WHERE lane = ? AND step = ?", gone)
            there = [step for step in there if step in steps]
        fresh = kept.after(there[-1] if there else HEAD)
        rows = [(lane, step, *snapshot) for step, snapshot in fresh]
        if record.state is not None:
            rows.append((lane, HEAD, *record.state))
        db.executemany("INSERT OR REPLACE INTO snapshots VALUES (?, ?, ?, ?)", rows)
        now = (kept.generation, there + [step for step, _ in fresh])
        after.append(partial(self._snapshots.__setitem__, lane, now))


def experiment_text(experiment: Experiment) -> str:
    """The experiment as TOML; a problem that is a Python object leaves only its name."""
    try:
        return experiment.to_toml()
    except ValueError:
        return experiment.without_object().to_toml()


def add_sealed(db: sqlite3.Connection, lane: str, name: str, chunk: Chunk) -> int:
    """Write a full chunk of a column; returns its id."""
    steps = (chunk.first, chunk.last, chunk.stride)
    return add_chunk(db, lane, name, steps, chunk.values, sealed=True)


def _lane_data(record: LaneRecord) -> dict[str, Any]:
    return {
        "spec": record.spec.to_data(),
        "diverged": record.diverged,
        "removed": record.removed,
        "failure": record.failure,
    }


def _write_column(
    db: sqlite3.Connection, lane: str, name: str, column: Column, after: After
) -> None:
    """Write full chunks, in place of the pieces that the file has of them, and a new piece."""
    if full := column.unfiled():
        drop_pieces(db, lane, name)
        ids = [add_sealed(db, lane, name, chunk) for chunk in full]
        after.append(partial(column.mark_filed, ids))
    first, rows = column.fresh_rows()
    if len(rows):
        add_chunk(db, lane, name, (first, first + len(rows) - 1, 1), rows, sealed=False)
        after.append(partial(column.mark_written, len(rows)))

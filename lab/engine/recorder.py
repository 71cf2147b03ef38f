"""Keeps a recording's file: writes what is new, moves old rows out of memory, saves.

Only the thread that runs the session calls this; readers go on reading the recording meanwhile.
"""

import os
import sqlite3
import tempfile
import uuid
import weakref
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from lab.engine import labfile
from lab.engine.column import Chunk, Column
from lab.engine.experiment import Experiment
from lab.engine.knobs import shown
from lab.engine.labfile import HEAD, LabFile, add_chunk, drop_chunks, drop_pieces, put_meta
from lab.engine.readback import read_recording
from lab.engine.recording import LaneRecord, Recording

MEMORY_BUDGET = 96 << 20  # bytes of full chunks held in memory before they go to the file
FILE_BUDGET = 2 << 30  # bytes of points in the file before they are thinned
SPILL = 512 << 10  # bytes moved to a scratch file at a time, so that no writing takes long
THIN = 64 << 20  # bytes saved by thinning at a time


class Recorder:
    """The file behind a recording.

    A `.lab` file asked for has everything up to the last `keep`. Without one, a scratch file takes
    the rows that memory has no room for, and is removed at `close`.
    """

    def __init__(
        self, recording: Recording, *, memory: int = MEMORY_BUDGET, room: int = FILE_BUDGET
    ):
        """Watch over a recording, in memory at first.

        Args:
            recording: what is kept; it learns of its recorder.
            memory: bytes of full chunks held in memory.
            room: bytes of points in the file; what is known of each point takes little beside them.
        """
        self._recording = recording
        self._memory, self._room = memory, room
        self._file: LabFile | None = None
        self._scratch: Callable[[], Any] | None = None  # removes the file, if it is a scratch file
        self._results = self._events = 0  # how many of them are in the file
        self._snapshots: dict[str, tuple[int, list[int]]] = {}  # those in the file: see there
        self._said: dict[str, Any] = {}  # what the file says of the experiment and each lane
        self._forgotten: list[str] = []  # lanes that the file still has and should not
        self._source: int | None = None  # of a file that is only read: see `LabFile.changes`
        self.writable = True
        recording.recorder = self

    @classmethod
    def opened(cls, recording: Recording, file: LabFile) -> "Recorder":
        """The recorder of a recording that was read from a file, which stays as it is."""
        recorder = cls(recording)
        recorder._attach(file)
        recorder.writable = False
        recorder._source = file.changes()
        recorder._results, recorder._events = len(recording.results), len(recording.events)
        recorder._snapshots = {
            lane: (record.snapshots.generation, [step for step, _ in record.snapshots])
            for lane, record in recording.records.items()
        }
        return recorder

    @property
    def path(self) -> Path | None:
        """The `.lab` file that is kept up to date, if there is one."""
        read_only = self._scratch is not None or self._source is not None
        return None if self._file is None or read_only else self._file.path

    def record_to(self, path: str | Path | None) -> None:
        """Keep the recording in this file from now on, if it has none yet.

        Args:
            path: a new file, or the one that the recording was read from; None for neither.

        Raises:
            OSError: the file cannot be made.
        """
        if path is None or self.path is not None:
            return
        target = Path(path)
        if self._file is None:
            self._attach(LabFile.create(target))
        elif self._source is not None:
            self._go_on_in(target)
        else:
            self._write()
            self._file.copy_to(target)
            self._attach(LabFile(target, writable=True))
            self._scratch = None  # it goes with the recorder: somebody may be reading from it

    def keep(self) -> None:
        """Bring the file up to date, and memory below its budget.

        Raises:
            OSError: the file could not be written; what is recorded stays in memory.
        """
        if not self.writable:
            return
        held = self._held()
        if self.path is not None:
            self._write()
        elif held > self._memory // 2:  # early, so that it can be done a little at a time
            self._spill(SPILL + max(0, held - self._memory) // 2)
        self._release()

    def save(self, path: Path) -> None:
        """Write everything to another file, which is there whole or not at all.

        Raises:
            OSError: the place cannot be written.
        """
        if self.writable:
            self._write()
        if not _same(path, self._file.path):
            self._file.copy_to(path)

    def make_writable(self, path: str | Path | None = None) -> None:
        """Go on recording what was read from a file.

        Args:
            path: the file to go on in, which may be the one that was read; a copy of that, made
                once there is something to write, if not given.

        Raises:
            OSError: the file cannot be made.
        """
        self.record_to(path)
        self.writable = True

    def forget_lane(self, name: str) -> None:
        """Take a lane out of the file at the next writing."""
        self._forgotten.append(name)

    def close(self) -> None:
        """Close the file; a scratch file is removed."""
        if self._file is not None:
            self._file.close()
        if self._scratch is not None:
            self._scratch()

    def _attach(self, file: LabFile) -> None:
        self._file = file
        self._recording.fetch = file.fetch

    def _ready(self) -> LabFile:
        """A file that can be written, made if there is none."""
        if self._file is None:
            self._attach(LabFile.create(_scratch_path(), lasting=False))
            self._scratch = weakref.finalize(self, _remove_file, self._file)
        elif self._source is not None:
            self._go_on_in(None)
        return self._file

    def _go_on_in(self, path: Path | None) -> None:
        """Write to a copy of the file that was read, or to itself if that is the path."""
        source, target = self._file, path or _scratch_path()
        changed = source.changes() != self._source
        if not _same(target, source.path):
            source.copy_to(target)
        elif changed:
            raise OSError(f"{source.path} was changed by somebody else since it was opened")
        file = LabFile(target, writable=True, lasting=path is not None)
        with file.writing() as db:  # it can be written
            if changed:
                self._trim(db)
        self._attach(file)
        self._source = None
        source.close()
        if path is None:
            self._scratch = weakref.finalize(self, _remove_file, file)

    def _trim(self, db: sqlite3.Connection) -> None:
        """Leave only the full chunks that were read; all else is written anew."""
        known = [
            chunk.file_id
            for _, _, column in self._columns()
            for chunk in column.chunks
            if chunk.file_id is not None
        ]
        db.execute("DELETE FROM chunks WHERE NOT sealed OR id > ?", (max(known, default=0),))
        for table in ("results", "events", "snapshots", "lanes"):
            db.execute(f"DELETE FROM {table}")
        self._results = self._events = 0
        self._snapshots.clear()
        for _, _, column in self._columns():
            column.written = 0

    def _columns(self) -> list[tuple[str, str, Column]]:
        return [
            (lane, name, column)
            for lane, record in self._recording.records.items()
            for name, column in record.columns.items()
        ]

    def _held(self) -> int:
        """Bytes of full chunks in memory."""
        return sum(column.held for _, _, column in self._columns())

    # -- memory --------------------------------------------------------------------------------

    def _spill(self, most: int) -> None:
        """Write the oldest full chunks to the file, until so many bytes are there."""
        after: list[Callable[[], Any]] = []
        with self._ready().writing() as db:
            self._write_forgotten(db, after)
            for chunk, lane, name, column in self._oldest(Column.unfiled):
                if most <= 0:
                    break
                drop_pieces(db, lane, name)
                ids = [_add_sealed(db, lane, name, chunk)]
                after.append(partial(column.mark_filed, ids))
                most -= chunk.nbytes
        _do(after)
        self._thin()

    def _release(self) -> None:
        """Drop the oldest chunks that are safe in the file from memory."""
        excess = self._held() - self._memory
        if excess <= 0:
            return
        for chunk, _, _, column in self._oldest(Column.releasable):
            if excess <= 0:
                break
            column.release()
            excess -= chunk.nbytes

    def _oldest(
        self, which: Callable[[Column], list[Chunk]]
    ) -> list[tuple[Chunk, str, str, Column]]:
        """Chunks of all columns in the order of their steps."""
        found = [(c, *place) for place in self._columns() for c in which(place[2])]
        return sorted(found, key=lambda item: item[0].last)

    def _thin(self) -> None:
        """Drop every other old row of points while those in the file are over their budget."""
        wide = [item for item in self._columns() if item[1] in ("theta", "shown")]
        excess = min(sum(column.stored for _, _, column in wide) - self._room, THIN)
        while excess > 0 and wide:
            place = max(wide, key=lambda item: item[2].stored)
            lane, name, column = place
            merged = column.thin(excess)
            if not merged:
                wide.remove(place)
                continue
            try:
                with self._file.writing() as db:
                    drop_chunks(db, [chunk.file_id for a, b, _ in merged for chunk in (a, b)])
                    ids = [_add_sealed(db, lane, name, new) for _, _, new in merged]
            except BaseException:
                column.undo(merged)
                raise
            column.settle(merged, ids)
            excess -= sum(a.nbytes + b.nbytes - new.nbytes for a, b, new in merged)

    # -- everything that is new ----------------------------------------------------------------

    def _write(self) -> None:
        """One transaction with all that is new; the recorder notes it once it is certain."""
        after: list[Callable[[], Any]] = []
        with self._ready().writing() as db:
            self._write_forgotten(db, after)
            self._write_texts(db, after)
            for lane, name, column in self._columns():
                _write_column(db, lane, name, column, after)
            self._write_results(db, after)
            for lane, record in self._recording.records.items():
                self._write_snapshots(db, lane, record, after)
        _do(after)
        self._thin()

    def _write_forgotten(self, db: sqlite3.Connection, after: list) -> None:
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

    def _write_texts(self, db: sqlite3.Connection, after: list) -> None:
        """Write what the file says of the experiment and the lanes, where that has changed."""
        recording = self._recording
        waiting = labfile.to_json(recording.waiting)
        said: dict[str, Any] = {"experiment": recording.experiment, "waiting": waiting}
        if self._said.get("experiment") is not recording.experiment:
            header = labfile.to_json(recording.header)
            put_meta(db, experiment=experiment_text(recording.experiment), header=header)
        if self._said.get("waiting") != waiting:
            put_meta(db, waiting=waiting)
        said["carried"] = recording.carried.version
        if self._said.get("carried") != said["carried"]:
            put_meta(db, carried=recording.carried.text())
        for place, (name, record) in enumerate(recording.records.items()):
            state = place, record.spec, dict(record.diverged), record.removed, record.failure
            said[f"lane {name}"] = state
            if self._said.get(f"lane {name}") != state:
                text = labfile.to_json(_lane_data(record))
                db.execute("INSERT OR REPLACE INTO lanes VALUES (?, ?, ?)", (name, place, text))
        after.append(partial(self._said.update, said))

    def _write_results(self, db: sqlite3.Connection, after: list) -> None:
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

    def _write_snapshots(
        self, db: sqlite3.Connection, lane: str, record: LaneRecord, after: list
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


def open_recording(path: str | Path) -> Recording:
    """Read a `.lab` file. The file itself is never changed.

    Args:
        path: the file.

    Returns:
        The recording, with rows fetched from the file when they are asked for.

    Raises:
        ValueError: not there, not a `.lab` file, from a newer version, or damaged.
    """
    if not isinstance(path, str | Path):
        raise ValueError(f"path = {shown(path)}: the name of a .lab file is needed")
    file = LabFile.open_file(path)
    try:
        recording = read_recording(file)
    except ValueError:
        file.close()
        raise
    Recorder.opened(recording, file)
    return recording


def experiment_text(experiment: Experiment) -> str:
    """The experiment as TOML; a problem that is a Python object leaves only its name."""
    try:
        return experiment.to_toml()
    except ValueError:
        return experiment.without_object().to_toml()


def _lane_data(record: LaneRecord) -> dict[str, Any]:
    return {
        "spec": record.spec.to_data(),
        "diverged": record.diverged,
        "removed": record.removed,
        "failure": record.failure,
    }


def _write_column(
    db: sqlite3.Connection, lane: str, name: str, column: Column, after: list
) -> None:
    """Write full chunks, in place of the pieces that the file has of them, and a new piece."""
    if full := column.unfiled():
        drop_pieces(db, lane, name)
        ids = [_add_sealed(db, lane, name, chunk) for chunk in full]
        after.append(partial(column.mark_filed, ids))
    first, rows = column.fresh_rows()
    if len(rows):
        add_chunk(db, lane, name, (first, first + len(rows) - 1, 1), rows, sealed=False)
        after.append(partial(column.mark_written, len(rows)))


def _add_sealed(db: sqlite3.Connection, lane: str, name: str, chunk: Chunk) -> int:
    steps = (chunk.first, chunk.last, chunk.stride)
    return add_chunk(db, lane, name, steps, chunk.values, sealed=True)


def _do(actions: list[Callable[[], Any]]) -> None:
    for action in actions:
        action()


def _same(path: Path, other: Path) -> bool:
    return path.exists() and os.path.samefile(path, other)


def _scratch_path() -> Path:
    return Path(tempfile.gettempdir()) / f"landscape-lab-{uuid.uuid4().hex}.lab"


def _remove_file(file: LabFile) -> None:
    file.close()
    for suffix in ("", "-wal", "-shm"):
        labfile.beside(file.path, suffix).unlink(missing_ok=True)

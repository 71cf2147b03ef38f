"""Keeps a recording's file: writes what is new, moves old rows out of memory, opens and saves.

Only the thread that runs the session calls this; readers go on reading the recording meanwhile.
"""

import json
import os
import sqlite3
import tempfile
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from lab.engine import labfile
from lab.engine.catalogue import accept_unknown, located
from lab.engine.column import Chunk, Column
from lab.engine.experiment import Experiment
from lab.engine.labfile import LabFile, add_chunk, drop_chunks, drop_pieces, put_meta
from lab.engine.lane import Divergence
from lab.engine.plan import Lane
from lab.engine.recording import OVERVIEWS, Event, LaneRecord, Recording, Result
from lab.engine.snapshots import Snapshot

MEMORY_BUDGET = 96 << 20  # bytes of full chunks held in memory before they go to the file
FILE_BUDGET = 2 << 30  # bytes of chunks in the file before the widest columns are thinned
_HEAD = -1  # the step under which a lane's newest state is kept


class Recorder:
    """The file behind a recording."""

    def __init__(
        self,
        recording: Recording,
        path: str | Path | None = None,
        *,
        memory: int = MEMORY_BUDGET,
        room: int = FILE_BUDGET,
    ):
        """Watch over a recording.

        Args:
            recording: what is kept; it learns of its recorder.
            path: the `.lab` file to keep it in from the start; without one a temporary file is
                made when memory gets short or the recording is saved, and removed at `close`.
            memory: bytes of full chunks held in memory.
            room: bytes of chunks in the file.

        Raises:
            OSError: the file cannot be made.
        """
        self._recording = recording
        self._memory, self._room = memory, room
        self._file: LabFile | None = None
        self._remove: Callable[[], Any] | None = None
        self._results = self._events = 0  # how many of them are in the file
        self._steps: dict[str, set[int]] = {}  # snapshots in the file
        self._said: dict[str, str] = {}  # what the file says of the experiment and each lane
        self._forgotten: list[str] = []  # lanes that the file still has and should not
        self.writable = True
        recording.recorder = self
        if path is not None:
            self._attach(LabFile.create(path))

    @classmethod
    def opened(cls, recording: Recording, file: LabFile) -> "Recorder":
        """The recorder of a recording that was read from a file, which stays as it is."""
        recorder = cls(recording)
        recorder.writable = False
        recorder._attach(file)
        return recorder

    @property
    def path(self) -> Path | None:
        """Where the file is, if there is one."""
        return self._file.path if self._file else None

    def record_to(self, path: str | Path | None) -> None:
        """Keep the recording in this file from now on, if it has none yet.

        Raises:
            OSError: the file cannot be made.
        """
        if self._file is None and path is not None:
            self._attach(LabFile.create(path))

    def keep(self) -> None:
        """Bring the file up to date, and memory below its budget.

        Raises:
            OSError: the file could not be written; what is recorded stays in memory.
        """
        held = self._held()
        if self._file is None and held <= self._memory:
            return
        self._write()
        if held > self._memory:
            self._release(held - self._memory // 2)

    def save(self, path: Path) -> None:
        """Write everything to another file: under another name first, then renamed.

        Raises:
            OSError: the place cannot be written.
        """
        draft = path.with_name(f".{path.name}.{os.getpid()}.part")
        try:
            with draft.open("wb"):
                pass  # the system's own word on why a folder cannot be written
            draft.unlink()
            if self.writable:
                self._write()
            self._file.copy_to(draft)
            os.replace(draft, path)
        except sqlite3.Error as error:
            raise OSError(f"{path} cannot be written: {error}") from error
        finally:
            draft.unlink(missing_ok=True)

    def make_writable(self, path: str | Path | None = None) -> None:
        """Go on recording what was read from a file: in a copy of it, which is made here.

        Raises:
            OSError: the copy cannot be written.
        """
        if self.writable:
            return
        source = self._file
        target = Path(path) if path else _temporary_path()
        target.unlink(missing_ok=True)
        try:
            source.copy_to(target)
            copy = LabFile(target, writable=True)
            with copy.writing() as db:
                db.execute("UPDATE chunks SET sealed = 1")
        except sqlite3.Error as error:
            raise OSError(f"{target} cannot be written: {error}") from error
        self._attach(copy)
        source.close()
        if path is None:
            self._remove = weakref.finalize(self, _remove_file, copy)
        self.writable = True
        self._results, self._events = len(self._recording.results), len(self._recording.events)
        self._steps = {
            lane: {step for step, _ in record.snapshots}
            for lane, record in self._recording.records.items()
        }

    def forget_lane(self, name: str) -> None:
        """Take a lane out of the file at the next writing."""
        self._forgotten.append(name)

    def close(self) -> None:
        """Close the file; a temporary one is removed."""
        if self._file is not None:
            self._file.close()
        if self._remove is not None:
            self._remove()

    def _attach(self, file: LabFile) -> None:
        self._file = file
        self._recording.fetch = file.fetch

    def _columns(self) -> list[tuple[str, str, Column]]:
        return [
            (lane, name, column)
            for lane, record in self._recording.records.items()
            for name, column in record.columns.items()
        ]

    def _held(self) -> int:
        """Bytes of full chunks in memory."""
        return sum(
            chunk.nbytes
            for _, _, column in self._columns()
            for chunk in column.chunks
            if chunk.values is not None
        )

    def _write(self) -> None:
        """One transaction with all that is new; the recording learns of it once it is certain."""
        if self._file is None:
            file = LabFile.create(_temporary_path())
            self._remove = weakref.finalize(self, _remove_file, file)
            self._attach(file)
        after: list[Callable[[], Any]] = []
        thinned: list[tuple[Column, int]] = []
        try:
            with self._file.writing() as db:
                self._write_forgotten(db, after)
                self._write_texts(db, after)
                for lane, name, column in self._columns():
                    _write_column(db, lane, name, column, after)
                self._write_results(db, after)
                for lane, record in self._recording.records.items():
                    self._write_snapshots(db, lane, record, after)
                self._thin(db, thinned)
        except sqlite3.Error as error:
            for column, first in thinned:
                column.mark_filed(first, None)  # the file has the finer rows still
            raise OSError(f"{self._file.path.name} cannot be written: {error}") from error
        for action in after:
            action()

    def _write_forgotten(self, db: sqlite3.Connection, after: list) -> None:
        """Delete lanes that are run again, and write all results anew without theirs."""
        if not self._forgotten:
            return
        for table, key in (("lanes", "name"), ("chunks", "lane"), ("snapshots", "lane")):
            db.executemany(f"DELETE FROM {table} WHERE {key} = ?", [(n,) for n in self._forgotten])
        db.execute("DELETE FROM results")
        for name in self._forgotten:
            self._steps.pop(name, None)
            self._said.pop(f"lane {name}", None)
        self._results = 0
        after.append(self._forgotten.clear)

    def _write_texts(self, db: sqlite3.Connection, after: list) -> None:
        recording = self._recording
        texts = {
            "experiment": experiment_text(recording.experiment),
            "header": labfile.to_json(recording.header),
        }
        put_meta(db, **{key: text for key, text in texts.items() if self._said.get(key) != text})
        for place, (name, record) in enumerate(recording.records.items()):
            text = texts[f"lane {name}"] = labfile.to_json(_lane_data(record))
            if self._said.get(f"lane {name}") != text:
                db.execute("INSERT OR REPLACE INTO lanes VALUES (?, ?, ?)", (name, place, text))
        after.append(lambda: self._said.update(texts))

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
        after.append(lambda: self._count(len(results), len(events)))

    def _count(self, results: int, events: int) -> None:
        self._results += results
        self._events += events

    def _write_snapshots(
        self, db: sqlite3.Connection, lane: str, record: LaneRecord, after: list
    ) -> None:
        there = self._steps.get(lane, set())
        kept = dict(record.snapshots)
        rows = [(lane, step, *kept[step]) for step in kept if step not in there]
        if record.state is not None:
            rows.append((lane, _HEAD, *record.state))
        db.executemany("INSERT OR REPLACE INTO snapshots VALUES (?, ?, ?, ?)", rows)
        gone = [(lane, step) for step in there if step not in kept]
        db.executemany("DELETE FROM snapshots WHERE lane = ? AND step = ?", gone)
        after.append(lambda: self._steps.update({lane: set(kept)}))

    def _thin(self, db: sqlite3.Connection, thinned: list) -> None:
        """Drop every other old row of the widest columns while the file is over its budget."""
        if self._file.path.stat().st_size <= self._room:
            return
        total = db.execute("SELECT total(length(data)) FROM chunks").fetchone()[0]
        columns = [item for item in self._columns() if item[1] in ("theta", "shown")]
        for lane, name, column in sorted(columns, key=lambda c: -np.prod(c[2].row_shape)):
            while total > 0.8 * self._room:
                merged = column.thin()
                if merged is None:
                    break
                a, b, new = merged
                drop_chunks(db, (a.file_id, b.file_id))
                number = add_chunk(db, lane, name, _place(new), new.values, sealed=True)
                column.mark_filed(new.first, number)
                thinned.append((column, new.first))
                total -= a.nbytes + b.nbytes - new.nbytes

    def _release(self, excess: int) -> None:
        """Drop the oldest chunks that are safe in the file from memory."""
        safe = [
            (chunk.last, number, column, chunk)
            for number, (_, _, column) in enumerate(self._columns())
            for chunk in column.chunks
            if chunk.values is not None and chunk.file_id is not None
        ]
        for _, _, column, chunk in sorted(safe, key=lambda item: item[:2]):
            if excess <= 0:
                break
            column.release(chunk.first)
            excess -= chunk.nbytes


def open_recording(path: str | Path) -> Recording:
    """Read a `.lab` file. The file itself is never changed.

    Args:
        path: the file.

    Returns:
        The recording, with rows fetched from the file when they are asked for.

    Raises:
        ValueError: not there, not a `.lab` file, from a newer version, or damaged.
    """
    file = LabFile.open_file(path)
    try:
        with located(Path(path).name):
            return _read(file)
    except (sqlite3.DatabaseError, KeyError, TypeError, json.JSONDecodeError) as error:
        file.close()
        raise ValueError(f"{Path(path).name}: is damaged or cut short ({error})") from error
    except ValueError:
        file.close()
        raise


def experiment_text(experiment: Experiment) -> str:
    """The experiment as TOML; a problem that is a Python object leaves only its name."""
    try:
        return experiment.to_toml()
    except ValueError:
        return experiment.without_object().to_toml()


def _read(file: LabFile) -> Recording:
    db = file.connection()
    meta = file.meta()
    with accept_unknown():
        recording = Recording(Experiment.from_toml(meta["experiment"]), json.loads(meta["header"]))
        Recorder.opened(recording, file)
        for name, text in db.execute("SELECT name, data FROM lanes ORDER BY place"):
            data = json.loads(text)
            record = recording.add_lane(_spec(data["spec"], name))
            record.diverged = {int(k): Divergence(*v) for k, v in data["diverged"].items()}
            record.removed, record.failure = data["removed"], data["failure"]
            _read_columns(db, name, record)
            _read_snapshots(db, name, record)
    for text, arrays in db.execute("SELECT data, arrays FROM results ORDER BY id"):
        recording.results.append(Result(**json.loads(text), arrays=labfile.unpack_arrays(arrays)))
    for (text,) in db.execute("SELECT data FROM events ORDER BY id"):
        recording.events.append(Event(**json.loads(text)))
    return recording


def _spec(data: dict[str, Any], name: str) -> Any:

    return Lane.from_data({**data, "name": name})


def _read_columns(db: sqlite3.Connection, lane: str, record: LaneRecord) -> None:
    found: dict[str, list[Chunk]] = {}
    rows = db.execute(
        "SELECT id, quantity, first, last, stride, length(data) FROM chunks WHERE lane = ? "
        "ORDER BY quantity, first",
        (lane,),
    )
    for number, name, first, last, stride, size in rows:
        found.setdefault(name, []).append(Chunk(first, last, stride, None, number, size))
    for name, chunks in found.items():
        column = Column(record.first, record.fetch)
        column.load(tuple(chunks))
        record.columns[name] = column
    if "loss" in record.columns:
        record.head = record.columns["loss"].head
    for name in OVERVIEWS:
        if name in record.columns:
            for chunk in record.columns[name].chunks:
                record.overviews[name].append(record.fetch(chunk.file_id))


def _read_snapshots(db: sqlite3.Connection, lane: str, record: LaneRecord) -> None:
    rows = db.execute(
        "SELECT step, template, data FROM snapshots WHERE lane = ? ORDER BY step", (lane,)
    )
    for step, template, data in rows:
        if step == _HEAD:
            record.state = Snapshot(template, data)
        else:
            record.snapshots.add(step, Snapshot(template, data))


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
    full = [chunk for chunk in column.chunks if chunk.file_id is None]
    if full:
        drop_pieces(db, lane, name)
    for chunk in full:
        number = add_chunk(db, lane, name, _place(chunk), chunk.values, sealed=True)
        after.append(lambda first=chunk.first, n=number: column.mark_filed(first, n))
    first, rows = column.fresh_rows()
    if len(rows):
        add_chunk(db, lane, name, (first, first + len(rows) - 1, 1), rows, sealed=False)
        count = len(rows)
        after.append(lambda: column.mark_written(count))


def _place(chunk: Chunk) -> tuple[int, int, int]:
    return chunk.first, chunk.last, chunk.stride


def _temporary_path() -> Path:
    handle, name = tempfile.mkstemp(prefix="landscape-lab-", suffix=".lab")
    os.close(handle)
    return Path(name)


def _remove_file(file: LabFile) -> None:
    file.close()
    for suffix in ("", "-wal", "-shm"):
        Path(f"{file.path}{suffix}").unlink(missing_ok=True)

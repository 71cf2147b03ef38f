"""Reads a `.lab` file back into a recording."""

import json
import sqlite3

from lab.engine.carried import Carried
from lab.engine.catalogue import accept_unknown
from lab.engine.column import CHUNK_ROWS, Chunk, Column
from lab.engine.experiment import Experiment
from lab.engine.labfile import HEAD, LabFile, in_short, unpack_arrays
from lab.engine.lane import Divergence
from lab.engine.lane_record import OVERVIEWS, LaneRecord
from lab.engine.migration import carried_rows
from lab.engine.plan import Lane
from lab.engine.recording import Recording
from lab.engine.results import Event, Result
from lab.engine.snapshots import Snapshot

_DAMAGE = (
    *(sqlite3.Error, json.JSONDecodeError, UnicodeError),
    *(LookupError, TypeError, AttributeError, ArithmeticError),
)  # what reading comes upon where other bytes are in a file than were written


def read_recording(file: LabFile) -> Recording:
    """The recording that a file holds; full chunks of rows stay there until they are asked for.

    Raises:
        ValueError: what is in the file makes no sense; the message names the file.
    """
    name = file.path.name
    try:
        return _read(file)
    except _DAMAGE as error:
        raise ValueError(f"{name}: is damaged or cut short ({in_short(error)})") from error
    except ValueError as error:
        if str(error).startswith(f"{name}: "):
            raise
        raise ValueError(f"{name}: {in_short(error)}") from error


def _read(file: LabFile) -> Recording:
    db = file.connection()
    db.execute("BEGIN")  # one moment of a file that somebody may be writing
    meta = dict(db.execute("SELECT key, value FROM meta"))
    with accept_unknown():
        recording = Recording(Experiment.from_toml(meta["experiment"]), json.loads(meta["header"]))
        recording.waiting = json.loads(meta["waiting"])
        rows = carried_rows(db)
        recording.carried = Carried({(plan, lane): unpack_arrays(a) for plan, lane, a in rows})
        recording.fetch = file.fetch
        for name, text in db.execute("SELECT name, data FROM lanes ORDER BY place"):
            data = json.loads(text)
            record = recording.add_lane(Lane.from_data({**data["spec"], "name": name}))
            record.diverged = {int(k): Divergence(*v) for k, v in data["diverged"].items()}
            record.removed, record.failure = data["removed"], data["failure"]
            _read_columns(db, name, record)
            _read_snapshots(db, name, record)
    for text, arrays in db.execute("SELECT data, arrays FROM results ORDER BY id"):
        recording.results.append(Result.of(**json.loads(text), arrays=unpack_arrays(arrays)))
    for (text,) in db.execute("SELECT data FROM events ORDER BY id"):
        recording.events.append(Event(**json.loads(text)))
    db.execute("COMMIT")
    return recording


def _read_columns(db: sqlite3.Connection, lane: str, record: LaneRecord) -> None:
    """Note where full chunks are, and take what was in the buffers into memory."""
    chunks: dict[str, list[Chunk]] = {}
    pieces: dict[str, list[bytes]] = {}
    rows = db.execute(
        "SELECT id, quantity, first, last, stride, length(data), CASE WHEN sealed THEN NULL "
        "ELSE data END FROM chunks WHERE lane = ? ORDER BY quantity, first",
        (lane,),
    )
    for number, name, first, last, stride, size, piece in rows:
        if not (0 <= first <= last and stride > 0):
            raise ValueError(f"rows {first} to {last} of lane {lane!r} make no sense")
        if piece is None:
            chunks.setdefault(name, []).append(Chunk(first, last, stride, size, file_id=number))
        else:
            pieces.setdefault(name, []).append(piece)
    for name in sorted({*chunks, *pieces}):
        column = record.columns[name] = Column(record.first, record.fetch)
        column.load(chunks.get(name, []))
        for piece in pieces.get(name, []):
            column.append(unpack_arrays(piece)["rows"])
        if not column.unfiled():  # as long as the pieces are no full chunk, the file has them
            column.mark_written(len(column.fresh_rows()[1]))
    if "loss" in record.columns:
        record.head = record.columns["loss"].head
        record.runs = record.columns["loss"].at(record.head)[1].size
    for name in OVERVIEWS:
        if name in record.columns:
            for start in range(record.first, record.head + 1, CHUNK_ROWS):
                rows = record.columns[name].read(start, min(start + CHUNK_ROWS, record.head + 1))
                record.overviews[name].append(rows[1])


def _read_snapshots(db: sqlite3.Connection, lane: str, record: LaneRecord) -> None:
    rows = db.execute(
        "SELECT step, template, data FROM snapshots WHERE lane = ? ORDER BY step", (lane,)
    )
    for step, template, data in rows:
        if step == HEAD:
            record.state = Snapshot(template, data)
        else:
            record.snapshots.add(step, Snapshot(template, data))

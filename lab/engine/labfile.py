"""The `.lab` file: one SQLite database in WAL mode.

A document that survives a crash, that a second process can read while it is written, and that needs
no lock server. Arrays are stored as safetensors bytes, everything else as text.
"""

import contextlib
import json
import sqlite3
import threading
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load, save

VERSION = 1
APPLICATION = 0x4C4C4142  # "LLAB"
_LOOK_THROUGH = 64 << 20  # bytes up to which a file is checked page by page when it is opened

_TABLES = """
CREATE TABLE meta(key TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE lanes(name TEXT PRIMARY KEY, place INTEGER NOT NULL, data TEXT NOT NULL);
CREATE TABLE chunks(id INTEGER PRIMARY KEY, lane TEXT NOT NULL, quantity TEXT NOT NULL,
    first INTEGER NOT NULL, last INTEGER NOT NULL, stride INTEGER NOT NULL,
    sealed INTEGER NOT NULL, data BLOB NOT NULL);
CREATE INDEX chunk_place ON chunks(lane, quantity, first);
CREATE TABLE results(id INTEGER PRIMARY KEY, data TEXT NOT NULL, arrays BLOB NOT NULL);
CREATE TABLE events(id INTEGER PRIMARY KEY, data TEXT NOT NULL);
CREATE TABLE snapshots(lane TEXT NOT NULL, step INTEGER NOT NULL, template TEXT NOT NULL,
    data BLOB NOT NULL, PRIMARY KEY(lane, step)) WITHOUT ROWID;
"""


class LabFile:
    """An open `.lab` file: one writing thread, any number of reading ones."""

    def __init__(self, path: Path, *, writable: bool):
        """Attach to a file that exists; see `create` and `open_file`."""
        self.path = path
        self._writable = writable
        self._local = threading.local()
        self._connections: list[sqlite3.Connection] = []
        self._lock = threading.Lock()

    @classmethod
    def create(cls, path: str | Path) -> "LabFile":
        """Make an empty file, replacing one of that name.

        Raises:
            OSError: the folder cannot be written.
        """
        path = Path(path)
        for stale in (path, _beside(path, "-wal"), _beside(path, "-shm")):
            stale.unlink(missing_ok=True)
        with path.open("wb"):
            pass  # the system's own word on why a folder cannot be written
        file = cls(path, writable=True)
        with file.writing() as db:
            db.executescript(_TABLES)
            db.execute(f"PRAGMA application_id = {APPLICATION}")
            db.execute(f"PRAGMA user_version = {VERSION}")
        return file

    @classmethod
    def open_file(cls, path: str | Path) -> "LabFile":
        """Open a file to read.

        Raises:
            ValueError: not there, not a `.lab` file, from a newer version, or damaged.
        """
        path = Path(path)
        name = path.name
        if not path.is_file():
            raise ValueError(f"{name}: there is no such file")
        file = cls(path, writable=False)
        try:
            with path.open("rb") as start:
                magic = start.read(16)
            if magic != b"SQLite format 3\x00":
                raise ValueError(f"{name}: is not a .lab file")
            db = file.connection()
            if db.execute("PRAGMA application_id").fetchone()[0] != APPLICATION:
                raise ValueError(f"{name}: is not a .lab file (it is some other database)")
            version = db.execute("PRAGMA user_version").fetchone()[0]
            if version > VERSION:
                raise ValueError(
                    f"{name}: was written by a newer version of the lab (format {version}, this "
                    f"one reads up to {VERSION}); update the lab to open it"
                )
            file._check_whole(db)
        except sqlite3.DatabaseError as error:
            file.close()
            raise ValueError(f"{name}: is damaged or cut short ({error})") from error
        except OSError as error:
            raise ValueError(f"{name}: cannot be read: {error.strerror}") from error
        except ValueError:
            file.close()
            raise
        return file

    def connection(self) -> sqlite3.Connection:
        """This thread's own connection."""
        db = getattr(self._local, "db", None)
        if db is None:
            if self._writable:
                db = sqlite3.connect(self.path, check_same_thread=False, isolation_level=None)
                db.execute("PRAGMA journal_mode = WAL")
                db.execute("PRAGMA synchronous = NORMAL")
            else:
                db = _reading_connection(self.path)
            db.execute("PRAGMA busy_timeout = 10000")
            self._local.db = db
            with self._lock:
                self._connections.append(db)
        return db

    @contextlib.contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """One transaction: all of it is in the file afterwards, or nothing."""
        db = self.connection()
        db.execute("BEGIN IMMEDIATE")
        try:
            yield db
        except BaseException:
            if db.in_transaction:
                db.execute("ROLLBACK")
            raise
        if db.in_transaction:  # a script commits by itself
            db.execute("COMMIT")

    def fetch(self, chunk_id: int) -> np.ndarray:
        """The rows of a chunk."""
        row = self.connection().execute("SELECT data FROM chunks WHERE id = ?", (chunk_id,))
        return unpack_arrays(row.fetchone()[0])["rows"]

    def meta(self) -> dict[str, str]:
        """What the file says about itself."""
        return dict(self.connection().execute("SELECT key, value FROM meta"))

    def copy_to(self, path: Path) -> None:
        """Write everything into another file that does not exist yet."""
        target = sqlite3.connect(path)
        try:
            self.connection().backup(target)
            target.execute("PRAGMA journal_mode = DELETE")  # one plain file, nothing beside it
        finally:
            target.close()

    def _check_whole(self, db: sqlite3.Connection) -> None:
        """Raise where pages are missing; small files are looked through page by page."""
        pages = db.execute("PRAGMA page_count").fetchone()[0]
        size = pages * db.execute("PRAGMA page_size").fetchone()[0]
        with_log = _beside(self.path, "-wal").exists()
        if not with_log and self.path.stat().st_size < size:
            raise sqlite3.DatabaseError(f"{self.path.stat().st_size} of {size} bytes are there")
        if size < _LOOK_THROUGH:
            trouble = db.execute("PRAGMA quick_check(1)").fetchone()[0]
            if trouble != "ok":
                raise sqlite3.DatabaseError(trouble.splitlines()[-1])

    def close(self) -> None:
        """Close all connections; the file remains."""
        with self._lock:
            for db in self._connections:
                db.close()
            self._connections.clear()
        self._local = threading.local()


def add_chunk(
    db: sqlite3.Connection,
    lane: str,
    quantity: str,
    steps: tuple[int, int, int],
    rows: np.ndarray,
    *,
    sealed: bool,
) -> int:
    """Write rows of a column; steps are (first, last, stride). Returns the chunk's id."""
    cursor = db.execute(
        "INSERT INTO chunks(lane, quantity, first, last, stride, sealed, data) "
        "VALUES (?, ?, ?, ?, ?, ?, ?)",
        (lane, quantity, *steps, sealed, pack_arrays({"rows": rows})),
    )
    return cursor.lastrowid


def drop_pieces(db: sqlite3.Connection, lane: str, quantity: str) -> None:
    """Forget the pieces of a buffer once it is written as a whole."""
    db.execute(
        "DELETE FROM chunks WHERE lane = ? AND quantity = ? AND NOT sealed", (lane, quantity)
    )


def drop_chunks(db: sqlite3.Connection, ids: Iterable[int | None]) -> None:
    """Forget chunks."""
    db.executemany("DELETE FROM chunks WHERE id = ?", [(i,) for i in ids if i is not None])


def put_meta(db: sqlite3.Connection, **values: str) -> None:
    """Set entries of what the file says about itself."""
    db.executemany("INSERT OR REPLACE INTO meta VALUES (?, ?)", list(values.items()))


def pack_arrays(arrays: dict[str, np.ndarray]) -> bytes:
    """Arrays as safetensors bytes."""
    return save({name: np.ascontiguousarray(array) for name, array in arrays.items()})


def unpack_arrays(data: bytes) -> dict[str, np.ndarray]:
    """The inverse of `pack_arrays`.

    Raises:
        ValueError: bytes that are not whole.
    """
    try:
        return load(data)
    except SafetensorError as error:
        raise ValueError(f"damaged arrays ({error})") from error


def to_json(data: Any) -> str:
    """Plain data as text; NaN and infinities stay what they are."""
    return json.dumps(data)


def _beside(path: Path, suffix: str) -> Path:
    return path.with_name(path.name + suffix)


def _reading_connection(path: Path) -> sqlite3.Connection:
    """Open read-only; a WAL file in a folder that cannot be written is read as it stands."""
    uri = path.resolve().as_uri()
    db = sqlite3.connect(f"{uri}?mode=ro", uri=True, check_same_thread=False, isolation_level=None)
    try:
        db.execute("SELECT count(*) FROM sqlite_master")
    except sqlite3.OperationalError:
        db.close()
        db = sqlite3.connect(
            f"{uri}?mode=ro&immutable=1", uri=True, check_same_thread=False, isolation_level=None
        )
    return db

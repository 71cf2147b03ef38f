"""The `.lab` file: one SQLite database in WAL mode.

A document that survives a crash, that a second process can read while it is written, and that needs
no lock server. Arrays are stored as safetensors bytes, everything else as text.
"""

import contextlib
import json
import os
import shutil
import sqlite3
import tempfile
import threading
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load, save

VERSION = 2  # of the format; `migration` knows the older ones
HEAD = -1  # the step under which a lane's newest state is kept
APPLICATION = 0x4C4C4142  # "LLAB"
_LOOK_THROUGH = 64 << 20  # bytes up to which a file is checked page by page when it is opened

CARRIED = """CREATE TABLE carried(plan TEXT NOT NULL, lane TEXT NOT NULL, arrays BLOB NOT NULL,
    PRIMARY KEY(plan, lane))"""
_TABLES = f"""
PRAGMA page_size = 16384;
BEGIN;
CREATE TABLE meta(key TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE lanes(name TEXT PRIMARY KEY, place INTEGER NOT NULL, data TEXT NOT NULL);
CREATE TABLE chunks(id INTEGER PRIMARY KEY AUTOINCREMENT, -- never used twice: readers keep rows
    lane TEXT NOT NULL, quantity TEXT NOT NULL,
    first INTEGER NOT NULL, last INTEGER NOT NULL, stride INTEGER NOT NULL,
    sealed INTEGER NOT NULL, data BLOB NOT NULL);
CREATE INDEX chunk_place ON chunks(lane, quantity, first);
CREATE TABLE results(id INTEGER PRIMARY KEY, data TEXT NOT NULL, arrays BLOB NOT NULL);
CREATE TABLE events(id INTEGER PRIMARY KEY, data TEXT NOT NULL);
CREATE TABLE snapshots(lane TEXT NOT NULL, step INTEGER NOT NULL, template TEXT NOT NULL,
    data BLOB NOT NULL, PRIMARY KEY(lane, step)) WITHOUT ROWID;
{CARRIED};
PRAGMA application_id = {APPLICATION};
PRAGMA user_version = {VERSION};
COMMIT;
"""


class LabFile:
    """An open `.lab` file: one writing thread, any number of reading ones."""

    def __init__(self, path: Path, *, writable: bool, lasting: bool = True):
        """Attach to a file that exists; see `create` and `open_file`.

        Args:
            path: the file.
            writable: whether rows are to be added.
            lasting: whether it should survive a crash; a scratch file need not.
        """
        self.path = path
        self._writable, self._lasting = writable, lasting
        self._local = threading.local()
        self._connections: list[sqlite3.Connection] = []
        self._lock = threading.Lock()
        self._closed = False
        self._copy: tempfile.TemporaryDirectory | None = None

    @classmethod
    def create(cls, path: str | Path, *, lasting: bool = True) -> "LabFile":
        """Make an empty file; one of that name is replaced once the new one is whole.

        Raises:
            OSError: the folder cannot be written; a file of that name is as it was.
        """
        path = Path(path)
        with replacing(path) as draft:
            db = sqlite3.connect(draft, isolation_level=None)
            try:
                db.executescript(_TABLES)
            finally:
                db.close()
        return cls(path, writable=True, lasting=lasting)

    @classmethod
    def open_file(cls, path: str | Path) -> "LabFile":
        """Open a file to read.

        Raises:
            ValueError: not there, not a `.lab` file, from a newer version, or damaged.
        """
        path = Path(path)
        name = path.name or str(path)
        if not path.is_file():
            what = "is a folder" if path.is_dir() else "there is no such file"
            raise ValueError(f"{name}: {what}")
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
        except (sqlite3.DatabaseError, UnicodeError) as error:  # in SQLite's words, too
            file.close()
            raise ValueError(f"{name}: is damaged or cut short ({in_short(error)})") from error
        except OSError as error:
            file.close()
            raise ValueError(f"{name}: cannot be read: {error.strerror}") from error
        except ValueError:
            file.close()
            raise
        return file

    def connection(self) -> sqlite3.Connection:
        """This thread's own connection.

        Raises:
            ValueError: the file was closed.
        """
        if self._closed:
            raise ValueError(f"{self.path.name}: the recording was closed")
        db = getattr(self._local, "db", None)
        if db is None:
            db = self._local.db = self._connect()
            with self._lock:
                self._connections.append(db)
        return db

    @contextlib.contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """One transaction: all of it is in the file afterwards, or nothing.

        Raises:
            OSError: it cannot be written.
        """
        with one_sentence(self.path):
            db = self.connection()
            db.execute("BEGIN IMMEDIATE")
            try:
                yield db
                db.execute("COMMIT")
            except BaseException:
                if db.in_transaction:
                    db.execute("ROLLBACK")
                raise

    def fetch(self, chunk_id: int) -> np.ndarray | None:
        """The rows of a chunk; None if the file has them no more.

        Raises:
            ValueError: the file is damaged, or was closed.
        """
        try:
            found = self.connection().execute("SELECT data FROM chunks WHERE id = ?", (chunk_id,))
            row = found.fetchone()
            return None if row is None else unpack_arrays(row[0])["rows"]
        except (sqlite3.Error, LookupError, TypeError, UnicodeError, _DamagedError) as error:
            raise ValueError(
                f"{self.path.name}: is damaged or cut short ({in_short(error)})"
            ) from error

    def copy_to(self, path: Path) -> None:
        """Write everything into another file, which is there whole or not at all.

        Raises:
            OSError: it cannot be written.
        """
        with replacing(path) as draft:
            target = sqlite3.connect(draft)
            try:
                self.connection().backup(target)
                target.execute("PRAGMA journal_mode = DELETE")  # one plain file, nothing beside it
            finally:
                target.close()

    def changes(self) -> int:
        """A number that is another one once somebody else has changed the file."""
        first = self._connections[0] if self._connections else self.connection()
        return first.execute("PRAGMA data_version").fetchone()[0]

    def close(self) -> None:
        """Close all connections; what is left is one plain file."""
        with self._lock:
            self._closed = True
            for db in self._connections[1:]:
                db.close()
            for db in self._connections[:1]:
                if self._writable:
                    with contextlib.suppress(sqlite3.Error):  # somebody else is reading
                        db.execute("PRAGMA journal_mode = DELETE")
                db.close()
            self._connections.clear()
        if self._copy is not None:
            self._copy.cleanup()

    def _connect(self) -> sqlite3.Connection:
        if not self._writable:
            return self._connect_reading()
        db = sqlite3.connect(self.path, check_same_thread=False, isolation_level=None)
        db.execute("PRAGMA journal_mode = WAL")
        # How often the log moves into the file: seldom where each time waits for the disk.
        db.execute(f"PRAGMA wal_autocheckpoint = {256 if self._lasting else 32}")
        db.execute(f"PRAGMA synchronous = {'NORMAL' if self._lasting else 'OFF'}")
        db.execute("PRAGMA busy_timeout = 500")
        return db

    def _connect_reading(self) -> sqlite3.Connection:
        """A connection that changes nothing.

        SQLite wants to write beside a file in WAL mode. Where it may not, a copy is read if the
        log has something that is not in the file yet, and the file alone if not.
        """
        path, mode = self.path if self._copy is None else self._copied(), "ro"
        try:
            return _open(path, mode)
        except sqlite3.OperationalError:
            log = beside(path, "-wal")
            if log.is_file() and log.stat().st_size:
                return _open(self._copied(), mode)
            return _open(path, "ro&immutable=1")

    def _copied(self) -> Path:
        with self._lock:
            if self._copy is None:
                self._copy = tempfile.TemporaryDirectory(prefix="landscape-lab-")
                for path in (self.path, beside(self.path, "-wal")):
                    shutil.copyfile(path, Path(self._copy.name) / path.name)
        return Path(self._copy.name) / self.path.name

    def _check_whole(self, db: sqlite3.Connection) -> None:
        """Raise where pages are missing; small files are looked through page by page."""
        pages = db.execute("PRAGMA page_count").fetchone()[0]
        size = pages * db.execute("PRAGMA page_size").fetchone()[0]
        with_log = beside(self.path, "-wal").exists()
        if not with_log and self.path.stat().st_size < size:
            raise sqlite3.DatabaseError(f"{self.path.stat().st_size} of {size} bytes are there")
        if size < _LOOK_THROUGH:
            trouble = db.execute("PRAGMA quick_check(1)").fetchone()[0]
            if trouble != "ok":
                raise sqlite3.DatabaseError(trouble.splitlines()[-1])


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A draft beside a file, which takes its place when the block ends without an error.

    Raises:
        OSError: the folder cannot be written; a file of that name is as it was.
    """
    draft = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with one_sentence(path):
            if path.is_dir():
                raise OSError("it is a folder")
            with draft.open("wb"):
                pass  # the system's own word on why a folder cannot be written
            yield draft
            for suffix in ("-wal", "-shm"):  # of a file that was not closed: they are not ours
                beside(path, suffix).unlink(missing_ok=True)
            os.replace(draft, path)
    finally:
        with contextlib.suppress(OSError):
            draft.unlink(missing_ok=True)


@contextlib.contextmanager
def one_sentence(path: Path) -> Iterator[None]:
    """Say whatever stops the writing of a file in one sentence that names the file.

    Raises:
        OSError: it cannot be written.
    """
    try:
        yield
    except sqlite3.Error as error:
        raise OSError(f"{path} cannot be written: {error}") from error
    except OSError as error:
        raise OSError(f"{path} cannot be written: {error.strerror or error}") from error


def beside(path: Path, suffix: str) -> Path:
    """The name of what SQLite keeps beside a file."""
    return path.with_name(path.name + suffix)


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
    return save({name: np.asarray(array, order="C") for name, array in arrays.items()})


def unpack_arrays(data: bytes) -> dict[str, np.ndarray]:
    """The inverse of `pack_arrays`.

    Raises:
        ValueError: bytes that are not whole.
    """
    try:
        return load(data)
    except SafetensorError as error:
        raise _DamagedError(f"damaged arrays ({error})") from error


def in_short(error: Exception) -> str:
    """What an error says, on one line; SQLite's words may hold whatever was in a file."""
    return " ".join(str(error).split())[:120]


class _DamagedError(ValueError):
    """Bytes that are not what was written."""


def to_json(data: Any) -> str:
    """Plain data as text; NaN and infinities stay what they are."""
    return json.dumps(data)


def _open(path: Path, mode: str) -> sqlite3.Connection:
    """A reading connection that has proved to work."""
    uri = f"{path.resolve().as_uri()}?mode={mode}"
    db = sqlite3.connect(uri, uri=True, check_same_thread=False, isolation_level=None)
    try:
        db.execute("PRAGMA busy_timeout = 10000")
        db.execute("SELECT count(*) FROM sqlite_master").fetchone()
    except (sqlite3.Error, UnicodeError):
        db.close()
        raise
    return db

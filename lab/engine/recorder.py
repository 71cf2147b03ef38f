"""Keeps a recording's file: which one it is, and when something is written to it.

Only the thread that runs the session calls this; readers go on reading the recording meanwhile.
"""

import os
import tempfile
import uuid
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

from lab.engine.knobs import shown
from lab.engine.labfile import LabFile, beside
from lab.engine.migration import bring_up_to_date
from lab.engine.readback import read_recording
from lab.engine.recording import Recording
from lab.engine.spill import Spill
from lab.engine.writeback import Writeback

MEMORY_BUDGET = 96 << 20  # bytes of full chunks held in memory before they go to the file
FILE_BUDGET = 2 << 30  # bytes of points in the file before they are thinned
SPILL = 512 << 10  # bytes moved to a scratch file at a time, so that no writing takes long


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
        self._writeback = Writeback(recording)
        self._spill = Spill(recording, self._writeback, memory=memory, room=room)
        self._file: LabFile | None = None
        self._scratch: Callable[[], Any] | None = None  # removes the file, if it is a scratch file
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
        recorder._writeback.know_all()
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
        held, memory = self._spill.held, self._spill.memory
        if self.path is not None:
            self._write()
        elif held > memory // 2:  # early, so that it can be done a little at a time
            file = self._ready()
            self._spill.move(file, SPILL + max(0, held - memory) // 2)
            self._spill.thin(file)
        self._spill.release()

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
        self._writeback.forget_lane(name)

    def close(self) -> None:
        """Close the file; a scratch file is removed."""
        if self._file is not None:
            self._file.close()
        if self._scratch is not None:
            self._scratch()

    def _write(self) -> None:
        """Write all that is new."""
        file = self._ready()
        self._writeback.write(file)
        self._spill.thin(file)

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
            bring_up_to_date(db)
            if changed:
                self._writeback.start_over(db)
        self._attach(file)
        self._source = None
        source.close()
        if path is None:
            self._scratch = weakref.finalize(self, _remove_file, file)


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


def _same(path: Path, other: Path) -> bool:
    return path.exists() and os.path.samefile(path, other)


def _scratch_path() -> Path:
    return Path(tempfile.gettempdir()) / f"landscape-lab-{uuid.uuid4().hex}.lab"


def _remove_file(file: LabFile) -> None:
    file.close()
    for suffix in ("", "-wal", "-shm"):
        beside(file.path, suffix).unlink(missing_ok=True)

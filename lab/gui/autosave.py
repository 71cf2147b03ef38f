"""Where recordings are kept while they grow, and what an earlier lab left behind.

Every lab that runs has a folder of its own with a lock that dies with the process. A folder whose
lock is free and which still holds a recording belongs to a lab that was killed, or closed without
saving.
"""

import itertools
import time
import uuid
from pathlib import Path

from PySide6.QtCore import QLockFile

from lab.places import data_folder

KEPT = 5  # recordings of earlier labs; older ones are deleted


class Autosave:
    """The working files of this lab."""

    def __init__(self, root: Path | None = None):
        """Make this lab's folder; without one the lab works in memory.

        Args:
            root: the folder of all labs; the user's data folder if not given.
        """
        self._root = (root or data_folder()) / "autosave"
        name = f"{time.strftime('%Y%m%d-%H%M%S')}-{uuid.uuid4().hex[:8]}"
        self._folder: Path | None = self._root / name
        self._count = itertools.count(1)
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
        except OSError:
            self._folder = None
            return
        self._lock = _lock(self._folder)
        self._lock.tryLock(0)

    def new_file(self) -> str | None:
        """A path for another recording; None where nothing can be written."""
        return str(self._folder / f"{next(self._count)}.lab") if self._folder else None

    def left_behind(self) -> list[Path]:
        """Recordings of labs that are gone, the newest first; old ones are deleted."""
        found = []
        for folder in self._root.glob("*/") if self._folder else ():
            if folder == self._folder:
                continue
            lock = _lock(folder)
            if lock.tryLock(0):
                found += [path for path in folder.glob("*.lab") if path.stat().st_size]
                lock.unlock()
                _remove_folder(folder)
        found.sort(key=when, reverse=True)
        for path in found[KEPT:]:
            self.discard(path)
        return found[:KEPT]

    def adopt(self, path: Path) -> Path:
        """Take a recording that was left behind over into this lab's folder.

        Returns:
            Where it is now; where it was, if it could not be moved.
        """
        if self._folder is None:
            return path
        target = self._folder / f"{next(self._count)}.lab"
        try:
            for suffix in ("-wal", "-shm", ""):
                old = Path(f"{path}{suffix}")
                if old.exists():
                    old.replace(f"{target}{suffix}")
        except OSError:
            return path
        _remove_folder(path.parent)
        return target

    def discard(self, path: Path) -> None:
        """Delete a recording that was left behind, and its folder with the last one."""
        for suffix in ("", "-wal", "-shm"):
            Path(f"{path}{suffix}").unlink(missing_ok=True)
        _remove_folder(path.parent)

    def release(self, *, keep: bool) -> None:
        """Let go of the folder.

        Args:
            keep: leave the recordings for the next start.
        """
        if self._folder is None:
            return
        self._lock.unlock()
        for path in () if keep else list(self._folder.glob("*.lab")):
            self.discard(path)
        _remove_folder(self._folder)


def when(path: Path) -> float:
    """When a recording was written last, in seconds since the epoch."""
    files = [Path(f"{path}{suffix}") for suffix in ("", "-wal")]
    return max(file.stat().st_mtime for file in files if file.exists())


def _lock(folder: Path) -> QLockFile:
    lock = QLockFile(str(folder / "lock"))
    lock.setStaleLockTime(0)  # a lock is stale only when its process is gone
    return lock


def _remove_folder(folder: Path) -> None:
    """Delete the folder of a lab that is gone, unless it still holds a recording."""
    try:
        if not list(folder.glob("*.lab")):
            for rest in folder.iterdir():  # a lock nobody holds, what SQLite left
                rest.unlink()
            folder.rmdir()
    except OSError:
        return  # somebody else is at it

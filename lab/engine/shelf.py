"""The sessions that can be shown, and the files they are recorded in."""

import time
from pathlib import Path
from typing import Any

KEEP_EVERY = 1.0  # seconds between two writings of a file


class Shelf:
    """Sessions by number. One file is brought up to date at a time: that of the session shown."""

    def __init__(self):
        """Begin empty."""
        self._sessions: dict[int, Any] = {}
        self._paths: dict[int, str | None] = {}
        self._kept = 0.0  # when a file was written last, and what it then held
        self._written: tuple = ()

    def add(self, number: int, session: Any, path: str | None) -> None:
        """Keep a session, and record it into a file that is made once there is something to write.

        Args:
            number: by which it is found again.
            session: a `Session` or a `Replay`.
            path: the `.lab` file; None to record in memory.
        """
        self._sessions[number], self._paths[number] = session, path

    def session(self, number: int) -> Any:
        """The session of a number.

        Raises:
            ValueError: there is none, or it was let go.
        """
        if number not in self._sessions:
            raise ValueError(f"session {number} is not here any more")
        return self._sessions[number]

    def keep_only(self, numbers: set[int]) -> None:
        """Let go of all sessions but these, and of their files."""
        for number in set(self._sessions) - numbers:
            self._sessions.pop(number).recording.close()
            _remove(self._paths.pop(number))

    def due(self, number: int, wait: float | None) -> tuple[float | None, bool]:
        """Whether a file is to be written: once a second while something happens, once after it.

        Args:
            number: of the session whose file it is.
            wait: seconds until there is something else to do, None for nothing.

        Returns:
            Seconds until there is something to do at all, and whether to write now.
        """
        if self._state(number) == self._written:
            return wait, False
        left = self._kept + KEEP_EVERY - time.perf_counter()
        if left > 0:
            return left if wait is None else min(wait, left), False
        return wait, True

    def write(self, number: int) -> None:
        """Bring the file of a session up to date.

        Raises:
            OSError: it cannot be written; what is recorded stays in memory.
        """
        session = self._sessions[number]
        self._kept, self._written = time.perf_counter(), self._state(number)
        session.recording.recorder.record_to(self._paths[number])
        session.keep()

    def close(self, number: int) -> None:
        """Let go of all sessions; the file of one of them is left behind, up to date.

        Raises:
            OSError: that file cannot be written.
        """
        try:
            if number in self._sessions:
                self.write(number)
                self._sessions[number].recording.close()
        finally:
            self._sessions.pop(number, None)
            self.keep_only(set())

    def _state(self, number: int) -> tuple:
        recording = self._sessions[number].recording
        return number, recording.head, len(recording.results), len(recording.events)


def _remove(path: str | None) -> None:
    """Delete a recording's file and what SQLite keeps beside it."""
    for suffix in ("", "-wal", "-shm"):
        if path is not None:
            Path(f"{path}{suffix}").unlink(missing_ok=True)

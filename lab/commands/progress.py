"""One line on a terminal that says how far something is."""

import sys
import time
from typing import Self

_EVERY = 0.1  # seconds between two changes of the line


class Line:
    """A line on stderr that is written over and over; silent where nobody can watch it."""

    def __init__(self, quiet: bool = False):
        """Begin with nothing on the line.

        Args:
            quiet: write nothing at all.
        """
        self._quiet = quiet
        self._watched = not quiet and sys.stderr.isatty()
        self._width = 0
        self._next = 0.0

    def __enter__(self) -> Self:
        """The line itself."""
        return self

    def __exit__(self, *error: object) -> None:
        """Leave a clean line behind, whatever happened."""
        self._write("")

    def show(self, text: str) -> None:
        """Put text on the line, at most ten times a second."""
        now = time.monotonic()
        if self._watched and now >= self._next:
            self._next = now + _EVERY
            self._write(text)

    def share(self, done: float, text: str) -> None:
        """Put a percentage and a text on the line."""
        self.show(f"{100 * done:3.0f} %  {text}")

    def finish(self, text: str) -> None:
        """Say what came of it, on a line that stays."""
        if not self._quiet:
            print(text, file=sys.stderr)

    def complain(self, text: str) -> None:
        """Say what went wrong, on a line that stays, even where all else is quiet."""
        print(f"landscape-lab: {text}", file=sys.stderr)

    def _write(self, text: str) -> None:
        if self._watched:
            print(f"\r{text:<{self._width}}\r{text}", end="", file=sys.stderr, flush=True)
            self._width = len(text)

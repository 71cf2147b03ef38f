"""The engine's thread: commands in, a one-slot mailbox and a lossless list of events out."""

import threading
from typing import Any

from lab.engine.engine import Engine
from lab.engine.messages import Command, Frame, Happened


class Worker:
    """The engine on its own thread."""

    def __init__(self):
        """Make the thread; `start` starts it."""
        self._engine = Engine()
        self._commands: list[Command] = []
        self._wake = threading.Condition()
        self._frame = Frame()
        self._news: list[Happened] = []
        self._closing = False
        self._count = 0
        self._thread = threading.Thread(target=self._run, name="engine", daemon=True)

    def start(self) -> None:
        """Start the thread. Torch is imported there, so that the window need not wait for it."""
        self._thread.start()

    def post(self, name: str, *args: Any, key: tuple = ()) -> int:
        """Hand over a command; never waits.

        Args:
            name: one of the engine's commands.
            args: its arguments.
            key: a waiting command of the same key is replaced.

        Returns:
            The command's number, by which its answer can be known.
        """
        with self._wake:
            self._count += 1
            command = Command(name, args, key, self._count)
            if key:
                self._commands = [c for c in self._commands if c.key != key]
            self._commands.append(command)
            self._wake.notify()
        return command.number

    def look(self) -> tuple[Frame, list[Happened]]:
        """The newest frame, and everything that happened up to it since the last call, in order."""
        with self._wake:
            news, self._news = self._news, []
            return self._frame, news

    def close(self, timeout: float = 10.0) -> bool:
        """Stop at the next turn, write what is recorded, and wait for the thread to end.

        Returns:
            Whether it ended in time (a user's model may hang).
        """
        with self._wake:
            self._closing = True
            self._wake.notify()
        if self._thread.is_alive():
            self._thread.join(timeout)
        return not self._thread.is_alive()

    def _run(self) -> None:
        try:
            self._publish([self._engine.prepare()])
            wait: float | None = 0.0
            while not self._closing:
                with self._wake:
                    if not self._commands and not self._closing and wait != 0:
                        self._wake.wait(wait)
                    commands, self._commands = self._commands, []
                news, wait = self._engine.serve(commands)
                self._publish(news)
        finally:
            self._engine.close()

    def _publish(self, news: list[Happened]) -> None:
        frame = self._engine.frame()
        with self._wake:
            self._frame = frame
            self._news += news

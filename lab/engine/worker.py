"""The engine's thread: commands in, a one-slot mailbox and a lossless list of events out."""

import threading
import time
from typing import Any

from lab.engine.engine import SLICE, Engine
from lab.engine.messages import Command, Frame, Happened

COURTESY = 0.02  # seconds for which the engine leaves Python to a window that draws, at most


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
        self._count = 0  # number of the newest command
        self._served = 0  # number of the newest command that the frame knows of
        self._pause = (0, 0.0)  # the newest command to pause: its number, and when it was posted
        self._room = threading.Event()  # cleared while the window draws
        self._room.set()
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
            if name == "pause":
                self._pause = (command.number, time.perf_counter())
            elif name == "play":
                self._pause = (0, 0.0)
            self._wake.notify()
        return command.number

    def look(self) -> tuple[Frame, list[Happened]]:
        """The newest frame, and everything that happened up to it since the last call, in order.

        A measurement may take the engine long, but a pause that waits behind it has begun: once a
        slice has passed no step is begun any more.
        """
        with self._wake:
            news, self._news = self._news, []
            frame = self._frame
            number, posted = self._pause
            if frame.playing and number > self._served and time.perf_counter() - posted >= SLICE:
                frame = frame._replace(playing=False, steps_per_second=0.0)
            return frame, news

    def make_room(self, on: bool) -> None:
        """Let the window draw: two threads that want Python all the time slow each other down.

        Args:
            on: whether the window begins to draw, or has finished. The engine waits between two
                of its turns, but not for long.
        """
        if on:
            self._room.clear()
        else:
            self._room.set()

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
            self._publish([self._engine.prepare()], [])
            wait: float | None = 0.0
            while not self._closing:
                self._room.wait(COURTESY)
                with self._wake:
                    if not self._commands and not self._closing and wait != 0:
                        self._wake.wait(wait)
                    commands, self._commands = self._commands, []
                news, wait = self._engine.serve(commands)
                self._publish(news, commands)
        finally:
            self._engine.close()

    def _publish(self, news: list[Happened], served: list[Command]) -> None:
        frame = self._engine.frame()
        with self._wake:
            self._frame = frame
            self._news += news
            if served:
                self._served = served[-1].number

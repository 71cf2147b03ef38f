"""The engine's thread: commands in, a one-slot mailbox and a lossless list of events out.

`Engine` is the loop itself, one turn at a time and without a thread; `Worker` turns it on a thread.
Nothing here waits for the window, and the window never waits for anything here.
"""

import threading
import time
import traceback
from collections.abc import Callable
from typing import Any

from lab.engine.messages import Command, Frame, Happened, JobState

SLICE = 0.005  # seconds of stepping, or of measuring, between two looks at the commands
KEEP_EVERY = 1.0  # seconds between two writings of the file
LOAD_WINDOW = 0.5  # seconds over which speed and load are averaged


class Engine:
    """Sessions, and a play head that moves along one of them at some speed."""

    def __init__(self):
        """Wait for a session to be opened."""
        self.session: Any = None
        self.position = 0  # the step shown; at most the head
        self.playing = False
        self.speed = float("inf")  # steps a second
        self._sessions: dict[int, Any] = {}
        self._number = 0
        self._anchor = (0.0, 0)  # when and where play began
        self._goal = 0  # where play stops by itself
        self._kept = 0.0  # when the file was written last, and what was in it
        self._written: tuple = ()
        self._troubles: list[Happened] = []
        self._meter = _Meter()
        self._partials: dict[tuple, Any] = {}
        self._told = 0  # events of the recording that were passed on
        self._trouble = ""  # the last trouble with the file, said once
        self._commands: dict[str, Callable] = {
            "open": self._open,
            "switch": self._switch,
            "discard": self._discard,
            "play": self._play,
            "pause": self._pause,
            "step": self._step,
            "seek": self._seek,
            "speed": self._set_speed,
            "ask": self._ask,
            "cancel": self._cancel,
            "call": self._call,
        }

    # -- one turn ------------------------------------------------------------------------------

    def obey(self, command: Command) -> Happened:
        """Carry out one command. Whatever is wrong with it becomes part of the answer."""
        try:
            value = self._commands[command.name](*command.args)
        except (ValueError, OSError) as error:
            return Happened("refused", command, _sentence(error), traceback.format_exc())
        except Exception as error:
            line = f"{type(error).__name__}: {error}".splitlines()[0]
            return Happened("refused", command, line, traceback.format_exc())
        return Happened("done", command, value, "")

    def turn(self) -> float | None:
        """Step for a while, measure for a while.

        Returns:
            Seconds until there is something to do again: 0 for at once, None for not before the
            next command.
        """
        session = self.session
        if session is None:
            return None
        begin = time.perf_counter()
        wait = self._go_forward(session) if self.playing else None
        if session.jobs:
            session.jobs.work(SLICE)
            wait = 0.0
        self._meter.add(begin, time.perf_counter(), self.position)
        return self._keep(session, wait)

    def news(self) -> list[Happened]:
        """What happened in the session since the last call."""
        news, self._troubles = self._troubles, []
        if self.session is not None:
            events = self.session.recording.events
            news += [Happened("event", None, event) for event in events[self._told :]]
            self._told = len(events)
        return news

    def frame(self) -> Frame:
        """What the window should show now."""
        session = self.session
        if session is None:
            return Frame()
        job = session.jobs.current
        now = None if job is None else JobState(job.name, job.lane, job.done, len(session.jobs))
        speed, load = self._meter.read()
        return Frame(
            session=self._number,
            recording=session.recording,
            position=self.position,
            head=session.head,
            target=session.target,
            playing=self.playing,
            steps_per_second=speed if self.playing else 0.0,
            load=load,
            cost=dict(session.cost),
            job=now,
            partials=dict(self._partials),
        )

    def close(self) -> None:
        """Write what is recorded and let go of all sessions."""
        for session in self._sessions.values():
            try:
                session.keep()
            except OSError as error:
                self._say(_sentence(error))
            session.recording.close()
        self._sessions.clear()
        self.session = None

    # -- commands ------------------------------------------------------------------------------

    def _open(self, source: Any, path: Any = None, number: int | None = None) -> int:
        """Open an Experiment, or a Recording to go on with; becomes the present session."""
        import torch

        from lab.engine.experiment import Experiment
        from lab.engine.session import Session

        if isinstance(source, Experiment):
            session = Session(source, path=path)
        else:
            session = Session(resume=source, path=path)
        torch.set_num_threads(session.threads)
        number = max(self._sessions, default=0) + 1 if number is None else number
        self._sessions[number] = session
        self._show(number)
        return number

    def _switch(self, number: int) -> int:
        """Make an earlier session the present one again."""
        import torch

        torch.set_num_threads(self._sessions[number].threads)
        self._show(number)
        return number

    def _discard(self, number: int) -> None:
        """Let go of a session that nobody will come back to."""
        if number in self._sessions and number != self._number:
            self._sessions.pop(number).recording.close()

    def _show(self, number: int) -> None:
        self.session, self._number = self._sessions[number], number
        self.position = self.session.head
        self.playing = False
        self._partials = {}
        self._told = len(self.session.recording.events)

    def _play(self, until: int | None = None) -> None:
        """Play on from the position, to a step or the experiment's end."""
        self._goal = self._must().target if until is None else until
        if self.position >= self._goal:
            self.position = 0  # at the end: see it once more
        self.playing = True
        self._anchor = (time.perf_counter(), self.position)

    def _pause(self) -> None:
        """Stop at a step that all lanes have reached."""
        if not self.playing:
            return
        self.playing = False
        at_head = self.position >= self._must().head
        self.session.level()
        if at_head:
            self.position = self.session.head

    def _step(self, count: int) -> None:
        """Move by some steps, forward (computing what is not there yet) or back."""
        self._pause()
        self._seek(self.position + count)

    def _seek(self, step: int) -> None:
        """Move to a step; steps ahead of the record are computed on the way there."""
        session = self._must()
        step = max(0, step)
        if step <= session.head:
            self.position = step
            self._anchor = (time.perf_counter(), step)
        elif step == self.position + 1:
            while session.advance(step):
                session.jobs.work()
            self.position = step
        else:
            self.position = session.head
            self._play(step)
        if step > session.target:
            session.set_steps(step)

    def _set_speed(self, speed: float) -> None:
        """Set the speed, in steps a second; infinite for as fast as it goes."""
        if not speed > 0:
            raise ValueError(f"speed = {speed!r}: a number above 0 is needed")
        self.speed = speed
        self._anchor = (time.perf_counter(), self.position)

    def _ask(self, name: str, key: tuple, options: dict[str, Any]) -> None:
        """Ask for a measurement by its name in `requests`; the newest of a key wins."""
        from lab.engine import requests

        session = self._must()
        self._partials.pop(key, None)
        steps, place = requests.make(session, name, options)
        session.measure(name, steps, key, share=self._share, **place)

    def _share(self, job: Any, partial: Any) -> None:
        self._partials = {**self._partials, job.key: partial}

    def _cancel(self, key: tuple) -> None:
        self._must().jobs.cancel(key)

    def _call(self, method: str, *args: Any) -> Any:
        """Call one of the session's own commands."""
        return getattr(self._must(), method)(*args)

    # -- moving --------------------------------------------------------------------------------

    def _go_forward(self, session: Any) -> float:
        """Move the play head; returns seconds until it has to be moved again."""
        began, start = self._anchor
        if self.speed == float("inf"):
            session.advance(self._goal, SLICE)
            self.position = min(session.head, self._goal)
            wait = 0.0
        else:
            due = start + (time.perf_counter() - began) * self.speed
            step = min(self._goal, int(due))
            session.advance(step, SLICE)
            self.position = min(step, session.head)
            behind = self.position < step
            if behind:  # the engine is the slower one: do not run up a debt
                self._anchor = (time.perf_counter(), self.position)
            wait = 0.0 if behind else (step + 1 - due) / self.speed
        if self.position >= self._goal:
            self.playing = False
        return wait

    def _keep(self, session: Any, wait: float | None) -> float | None:
        """Write the file once a second while something happens, and once after it."""
        recording = session.recording
        state = (self._number, recording.head, len(recording.results), len(recording.events))
        if state == self._written:
            return wait
        due = self._kept + KEEP_EVERY - time.perf_counter()
        if due > 0:
            return due if wait is None else min(wait, due)
        try:
            session.keep()
            self._trouble = ""
        except OSError as error:
            self._say(f"{_sentence(error)}; the recording goes on in memory")
        self._kept, self._written = time.perf_counter(), state
        return wait

    def _say(self, trouble: str) -> None:
        """Tell of a trouble once, until it is over."""
        if trouble != self._trouble:
            self._trouble = trouble
            self._troubles.append(Happened("trouble", None, trouble))

    def _must(self) -> Any:
        if self.session is None:
            raise ValueError("no experiment is open")
        return self.session


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

    def frame(self) -> Frame:
        """The newest frame."""
        return self._frame

    def news(self) -> list[Happened]:
        """Everything that happened since the last call, in order."""
        with self._wake:
            news, self._news = self._news, []
        return news

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
            self._prepare()
            wait: float | None = 0.0
            while not self._closing:
                wait = self._serve(wait)
        except Exception as error:
            line = f"the engine stopped: {type(error).__name__}: {error}".splitlines()[0]
            self._tell([Happened("trouble", None, line, traceback.format_exc())])
        finally:
            self._engine.close()

    def _prepare(self) -> None:
        """Import what computes, and fill the catalogue."""
        from lab.engine.catalogue import KINDS, catalogue

        entries = {kind: dict(catalogue(kind)) for kind in KINDS}
        self._tell([Happened("ready", None, entries)])

    def _serve(self, wait: float | None) -> float | None:
        """Wait for something to do, and do it; returns how long to wait afterwards."""
        with self._wake:
            if not self._commands and not self._closing and wait != 0:
                self._wake.wait(wait)
            commands, self._commands = self._commands, []
        engine = self._engine
        news = [engine.obey(command) for command in commands]
        wait = None
        try:
            wait = None if self._closing else engine.turn()
        except Exception as error:
            engine.playing = False  # a fault of the lab's own: stand still and say so
            line = f"the engine paused: {type(error).__name__}: {error}".splitlines()[0]
            news.append(Happened("trouble", None, line, traceback.format_exc()))
        self._tell([*news, *engine.news()])
        self._frame = engine.frame()
        return wait

    def _tell(self, news: list[Happened]) -> None:
        if news:
            with self._wake:
                self._news = [*self._news, *news]


class _Meter:
    """Speed of the play head and load of the engine, over the last half second."""

    def __init__(self):
        self._begin = time.perf_counter()
        self._busy, self._from = 0.0, 0
        self._speed = self._load = 0.0

    def add(self, begin: float, end: float, position: int) -> None:
        self._busy += end - begin
        span = end - self._begin
        if span >= LOAD_WINDOW:
            self._speed = max(0.0, (position - self._from) / span)
            self._load = min(1.0, self._busy / span)
            self._begin, self._busy, self._from = end, 0.0, position

    def read(self) -> tuple[float, float]:
        idle = time.perf_counter() - self._begin > 2 * LOAD_WINDOW
        return (0.0, 0.0) if idle else (self._speed, self._load)


def _sentence(error: Exception) -> str:
    """One line of what is wrong; the system's own words where it has any."""
    if isinstance(error, OSError) and error.strerror and error.filename:
        return f"{error.filename}: {error.strerror}"
    return str(error).splitlines()[0] if str(error) else type(error).__name__

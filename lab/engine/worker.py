"""The engine's thread: commands in, a one-slot mailbox and a lossless list of events out.

`Engine` is the loop itself, one turn at a time and without a thread; `Worker` turns it on a thread.
Nothing here waits for the window, and the window never waits for anything here.
"""

import threading
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

from lab.engine.messages import Command, Frame, Happened, JobState, Partial, Trouble

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
        self._paths: dict[int, Any] = {}  # where each session is recorded
        self._number = 0
        self._anchor = (0.0, 0)  # when and where play began
        self._goal = 0  # where play stops by itself
        self._reach = 0  # the step that is to be reached even while nothing plays
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
            "keep_only": self._keep_only,
            "play": self._play,
            "pause": self._pause,
            "step": self._step,
            "seek": self._seek,
            "speed": self._set_speed,
            "ask": self._ask,
            "cancel": self._cancel,
            "turn": self._turn,
            "call": self._call,
            "save": self._save,
            "script": self._script,
        }

    # -- one turn ------------------------------------------------------------------------------

    def prepare(self) -> Happened:
        """Import what computes, and say what the catalogue has."""
        try:
            from lab.engine.catalogue import KINDS, catalogue

            return Happened("ready", None, {kind: dict(catalogue(kind)) for kind in KINDS})
        except Exception as error:
            line = f"the engine cannot start: {_sentence(error)}"
            return Happened("trouble", None, line, traceback.format_exc())

    def serve(self, commands: list[Command]) -> tuple[list[Happened], float | None]:
        """Carry out commands, then take one turn.

        Returns:
            What happened, and the seconds until there is something to do again: 0 for at once,
            None for not before the next command.
        """
        news = [self.obey(command) for command in commands]
        wait = None
        try:
            wait = self.turn()
        except Exception as error:
            self.playing = False  # a fault of the lab's own: stand still and say so
            line = f"the engine paused: {type(error).__name__}: {error}".splitlines()[0]
            news.append(Happened("trouble", None, line, traceback.format_exc()))
        return [*news, *self.news()], wait

    def obey(self, command: Command) -> Happened:
        """Carry out one command. Whatever is wrong with it becomes part of the answer."""
        try:
            value = self._commands[command.name](*command.args)
        except Exception as error:  # plugins and user models may raise anything
            return Happened("refused", command, _sentence(error), traceback.format_exc())
        return Happened("done", command, value)

    def turn(self) -> float | None:
        """Step for a while, measure for a while; see `serve` for what is returned."""
        session = self.session
        if session is None:
            return None
        begin = time.perf_counter()
        wait = self._go_forward(session) if self.playing else self._catch_up(session)
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
        if self.session is not None:
            self._write(self.session)
        for number, session in self._sessions.items():
            session.recording.close()
            if session is not self.session:
                _remove(self._paths.get(number))
        self._sessions.clear()
        self.session = None

    # -- commands ------------------------------------------------------------------------------

    def _open(self, source: Any, number: int, path: Any = None, reach: int = 0) -> str:
        """Open a session and make it the present one.

        Args:
            source: an Experiment, or the path of a .toml or .lab file.
            number: by which it can be shown again.
            path: a `.lab` file to record into, made once there is something to write.
            reach: the step to go to at once.

        Returns:
            Why a recording can be looked at but not continued; empty if it can.
        """
        from lab.engine.experiment import Experiment
        from lab.engine.recorder import open_recording
        from lab.engine.replay import Replay
        from lab.engine.session import Session

        note = ""
        if isinstance(source, Experiment):
            session = Session(source)
        elif Path(source).suffix == ".lab":
            recording = open_recording(source)
            try:
                session = Session(resume=recording)
            except ValueError as error:  # entries or a device that this machine does not have
                session, note = Replay(recording), str(error)
            reach = max(0, recording.head)
        else:
            session = Session(Experiment.load(source))
        self._sessions[number] = session
        self._paths[number] = path
        self._show(number, reach)
        return note

    def _switch(self, number: int, reach: int = 0) -> None:
        """Make an earlier session the present one again."""
        self._show(number, reach)

    def _keep_only(self, numbers: tuple[int, ...]) -> None:
        """Let go of sessions that nobody can come back to."""
        for number in set(self._sessions) - {*numbers, self._number}:
            session = self._sessions.pop(number)
            session.recording.close()
            _remove(self._paths.pop(number, None))

    def _show(self, number: int, reach: int) -> None:
        import torch

        self.session, self._number = self._sessions[number], number
        torch.set_num_threads(self.session.threads)
        self.position = self._reach = min(reach, self.session.target)
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
        """Stop, at the step of the foremost lane if that is where play was."""
        self.playing = False
        if self.position >= self.session.head:
            self.position = self.session.front  # lanes that are behind follow at once
        self._reach = self.position

    def _step(self, count: int) -> None:
        """Move by some steps, forward (computing what is not there yet) or back."""
        self._pause()
        self._seek(self.position + count)

    def _seek(self, step: int) -> None:
        """Move to a step. Steps ahead of the record are computed on the way there."""
        session = self._must()
        step = max(0, step)
        if step > session.target:
            session.set_steps(step)
        self._anchor = (time.perf_counter(), step)
        self._reach = step
        self.position = step

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
        job = requests.make(session, name, options)
        job.key, job.share = key, self._share
        self._partials = {k: v for k, v in self._partials.items() if k != key}
        session.ask(job)

    def _share(self, key: tuple, done: float, value: Any) -> None:
        """Show what is known of a measurement so far."""
        from lab.engine.analysis.base import to_numpy

        if isinstance(value, Trouble):
            self._troubles.append(Happened("trouble", None, *value))
        self._partials = {**self._partials, key: Partial(done, to_numpy(value))}

    def _cancel(self, key: tuple) -> None:
        self._must().jobs.cancel(key)

    def _call(self, method: str, *args: Any) -> Any:
        """Call one of the session's own commands."""
        return getattr(self._must(), method)(*args)

    def _turn(self, lane: str, knob: str, value: float) -> None:
        """Turn a live knob from the step that is shown on, which a lane may yet have to reach."""
        session = self._must()
        step = max(self.position, session.recording.lane(lane).head)
        session.set_knob(lane, knob, value, step)

    def _save(self, path: str) -> None:
        """Write the recording to a .lab file, or the experiment to a .toml file."""
        recording = self._must().recording
        if Path(path).suffix != ".toml":
            self.session.keep()
            recording.save(path)
            return
        text = recording.experiment.to_toml()
        draft = Path(path).with_name(f".{Path(path).name}.part")
        draft.write_text(text, encoding="utf-8")
        draft.replace(path)

    def _script(self) -> str:
        """A Python script that gives the same numbers."""
        from lab.engine.export import script

        return script(self._must().recording)

    # -- moving --------------------------------------------------------------------------------

    def _go_forward(self, session: Any) -> float:
        """Move the play head; returns seconds until it has to be moved again."""
        began, start = self._anchor
        if self.speed == float("inf"):
            step, due = self._goal, 0.0
        else:
            due = start + (time.perf_counter() - began) * self.speed
            step = min(self._goal, int(due))
        if session.head < step:
            session.advance(step, SLICE)
        self.position = max(self.position, min(step, session.head))
        behind = self.position < step
        if behind:  # the engine is the slower one: do not run up a debt
            self._anchor = (time.perf_counter(), self.position)
        if self.position >= self._goal:
            self.playing = False
        return 0.0 if behind or not self.playing else max(0.0, (step + 1 - due) / self.speed)

    def _catch_up(self, session: Any) -> float | None:
        """While nothing plays, bring lanes that are behind to the step of the foremost."""
        front = max(session.front, self._reach)
        if session.head >= front:
            return None
        return 0.0 if session.advance(front, SLICE) else None

    def _keep(self, session: Any, wait: float | None) -> float | None:
        """Write the file once a second while something happens, and once after it."""
        recording = session.recording
        state = (self._number, recording.head, len(recording.results), len(recording.events))
        if state == self._written:
            return wait
        due = self._kept + KEEP_EVERY - time.perf_counter()
        if due > 0:
            return due if wait is None else min(wait, due)
        self._write(session)
        self._kept, self._written = time.perf_counter(), state
        return wait

    def _write(self, session: Any) -> None:
        """Bring the file up to date; a file that cannot be written stops nothing."""
        try:
            session.recording.recorder.record_to(self._paths.get(self._number))
            session.keep()
            self._trouble = ""
        except OSError as error:
            self._say(f"{_sentence(error)}; the recording goes on in memory")

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
        self._frame = self._engine.frame()
        if news:
            with self._wake:
                self._news = [*self._news, *news]


def _remove(path: Any) -> None:
    """Delete a recording's file and what SQLite keeps beside it."""
    for suffix in ("", "-wal", "-shm"):
        if path is not None:
            Path(f"{path}{suffix}").unlink(missing_ok=True)


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
    line = str(error).partition("\n")[0]
    if isinstance(error, ValueError | OSError) and line:
        return line
    return f"{type(error).__name__}: {line}" if line else type(error).__name__

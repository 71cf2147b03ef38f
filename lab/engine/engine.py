"""The engine's loop, one turn at a time and without a thread: sessions, and a play head on one.

Nothing here waits for the window, and the window never waits for anything here.
"""

import contextlib
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

from lab.engine.messages import Command, Frame, Happened, JobState, Partial, Trouble
from lab.engine.playhead import Meter, PlayHead
from lab.engine.shelf import Shelf

SLICE = 0.002  # seconds of stepping, or of measuring, between two looks at the commands


class Engine:
    """Sessions, and a play head that moves along one of them at some speed."""

    def __init__(self):
        """Wait for a session to be opened."""
        self.session: Any = None
        self.head = PlayHead()
        self._number = 0  # of the session
        self._readonly: set[int] = set()  # numbers of those that cannot go on
        self._shelf = Shelf()
        self._meter = Meter()
        self._partials: dict[tuple, Any] = {}
        self._troubles: list[Happened] = []
        self._file_trouble = ""  # the last trouble with the file, said once
        self._told = 0  # events of the recording that were passed on
        self._stepping = False  # whether the last turn was one of stepping
        self._owed = 0.0  # seconds that measuring is ahead of stepping
        self._commands: dict[str, Callable] = {
            "open": self._open,
            "switch": self._show,
            "keep_only": self._keep_only,
            "play": self._play,
            "pause": self._pause,
            "step": self._step,
            "seek": self._seek,
            "speed": self.head.set_speed,
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
        news = [self._obey(command) for command in commands]
        wait = None
        try:
            wait = self._take_turn()
        except Exception as error:
            self.head.stop()  # a fault of the lab's own: stand still and say so
            line = f"the engine paused: {type(error).__name__}: {error}".splitlines()[0]
            news.append(Happened("trouble", None, line, traceback.format_exc()))
        return [*news, *self._news()], wait

    def frame(self) -> Frame:
        """What the window should show now."""
        session = self.session
        if session is None:
            return Frame()
        jobs, count = session.jobs, len(session.jobs)
        job = None if jobs.current is None else _state_of(jobs.current, count)
        speed, load = self._meter.read()
        return Frame(
            session=self._number,
            recording=session.recording,
            position=self.head.position,
            head=session.head,
            target=session.target,
            readonly=self._number in self._readonly,
            playing=self.head.playing,
            steps_per_second=speed if self.head.playing else 0.0,
            load=load,
            cost=dict(session.cost),
            job=job,
            asked={job.key: _state_of(job, count) for job in jobs.asked},
            partials=dict(self._partials),
        )

    def close(self) -> None:
        """Write what is recorded and let go of all sessions."""
        with contextlib.suppress(OSError):  # it was said while there was somebody to hear it
            self._shelf.close(self._number)
        self.session = None

    def _obey(self, command: Command) -> Happened:
        """Carry out one command. Whatever is wrong with it becomes part of the answer."""
        try:
            value = self._commands[command.name](*command.args)
        except Exception as error:  # plugins and user models may raise anything
            return Happened("refused", command, _sentence(error), traceback.format_exc())
        return Happened("done", command, value)

    def _take_turn(self) -> float | None:
        """Step for a while or measure for a while, in turns; see `serve` for what is returned.

        A slice of a large measurement may take many times as long as a step. While the run plays,
        stepping then has turn after turn until it had as much time.
        """
        session = self.session
        if session is None:
            return None
        begin = time.perf_counter()
        owes = self.head.playing and self._owed > 0
        self._stepping = owes or not (self._stepping and session.jobs)
        if self._stepping:
            wait = self._go_forward(session) if self.head.playing else self._catch_up(session)
            wait = 0.0 if session.jobs else wait
        else:
            session.jobs.work(SLICE)
            wait = 0.0
        end = time.perf_counter()
        if not self._stepping:
            self._owed = end - begin
        else:  # a turn that ends early had nothing to step
            self._owed = max(0.0, self._owed - (end - begin)) if end - begin >= SLICE else 0.0
        self._meter.add(begin, end, self.head.position)
        return self._keep(wait)

    def _go_forward(self, session: Any) -> float:
        """Move the play head; returns seconds until it has to be moved again."""
        due = self.head.due()
        more = session.head < due.step and session.advance(due.step, SLICE)
        wait = self.head.move(due, session.head)
        if session.head < due.step and not more:
            self.head.stop()  # all lanes have failed, or stopped early
            return 0.0
        return wait

    def _catch_up(self, session: Any) -> float | None:
        """While nothing plays, bring lanes that are behind to the foremost, or to what is shown."""
        front = max(session.front, self.head.position)
        if session.head >= front:
            return None
        return 0.0 if session.advance(front, SLICE) else None

    def _keep(self, wait: float | None) -> float | None:
        """Bring the file up to date; one that cannot be written stops nothing, and is said once."""
        wait, due = self._shelf.due(self._number, wait)
        if due:
            trouble = ""
            try:
                self._shelf.write(self._number)
            except OSError as error:
                trouble = f"{_sentence(error)}; the recording goes on in memory"
                if trouble != self._file_trouble:
                    self._troubles.append(Happened("trouble", None, trouble))
            self._file_trouble = trouble
        return wait

    def _news(self) -> list[Happened]:
        """What happened in the session since the last call."""
        news, self._troubles = self._troubles, []
        if self.session is not None:
            events = self.session.recording.events
            news += [Happened("event", None, event) for event in events[self._told :]]
            self._told = len(events)
        return news

    # -- commands ------------------------------------------------------------------------------

    def _open(
        self,
        source: Any,
        number: int,
        path: str | None = None,
        reach: int = 0,
        cut: bool = False,
    ) -> str:
        """Open a session and make it the present one.

        Args:
            source: an Experiment, or the path of a .toml or .lab file.
            number: by which it can be shown again.
            path: a `.lab` file to record into, made once there is something to write.
            reach: the step to go to at once.
            cut: leave out what does not fit the experiment's problem, instead of refusing it.

        Returns:
            What is to be said: why a recording can be looked at but not continued, what was left
            out; empty for nothing.
        """
        from lab.engine.experiment import Experiment
        from lab.engine.fitting import fitting
        from lab.engine.session import Session

        note, readonly = "", False
        if isinstance(source, Experiment):
            if cut:
                source, note = fitting(source)
            session = Session(source)
        elif Path(source).suffix == ".lab":
            session, note = _resumed(source)
            readonly, reach = bool(note), max(0, session.recording.head)
        else:
            session = _from_file(source)
        self._shelf.add(number, session, path)
        if readonly:
            self._readonly.add(number)
        self._show(number, reach)
        return note

    def _show(self, number: int, reach: int = 0) -> None:
        """Make a session the present one, at a step."""
        self.session = self._shelf.session(number)
        self._number = number
        self.head.stop()
        self.head.put(min(reach, self.session.target))
        self._partials = {}
        self._told = len(self.session.recording.events)

    def _keep_only(self, numbers: tuple[int, ...]) -> None:
        """Let go of sessions that nobody can come back to."""
        self._shelf.keep_only({*numbers, self._number})

    def _play(self, until: int | None = None) -> None:
        """Play on from the position, to a step or the experiment's end."""
        self.head.play(self._must().target if until is None else until)

    def _pause(self) -> None:
        """Stop, at the step of the foremost lane if that is where play was."""
        session = self._must()
        self.head.stop()
        if self.head.position >= session.head:  # lanes that are behind follow at once
            self.head.put(max(self.head.position, session.front))

    def _step(self, count: int) -> None:
        """Move by some steps, forward (computing what is not there yet) or back."""
        self._pause()
        self._seek(self.head.position + count)

    def _seek(self, step: int) -> None:
        """Move to a step. Steps ahead of the record are computed on the way there."""
        session, step = self._must(), max(0, step)
        if step > session.target:
            session.set_steps(step)
        self.head.put(step)

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
        step = max(self.head.position, session.recording.lane(lane).head)
        session.set_knob(lane, knob, value, step)

    def _save(self, path: str) -> None:
        """Write the recording to a .lab file, or the experiment to a .toml file."""
        from lab.engine.labfile import replacing

        session = self._must()
        if Path(path).suffix == ".toml":
            text = session.recording.experiment.to_toml()
            with replacing(Path(path)) as draft:
                draft.write_text(text, encoding="utf-8")
        else:
            session.keep()
            session.recording.save(path)

    def _script(self) -> str:
        """A Python script that gives the same numbers."""
        from lab.engine.export import script

        return script(self._must().recording)

    def _must(self) -> Any:
        if self.session is None:
            raise ValueError("no experiment is open")
        return self.session


def _state_of(job: Any, count: int) -> JobState:
    """What the window is told of a measurement under way."""
    cost = "" if job.cost is None else job.cost.text
    return JobState(job.name, job.lane, job.done, count, job.left, cost)


def _resumed(path: str) -> tuple[Any, str]:
    """A session that goes on where a recording ends; or one to look at, and why it cannot go on."""
    from lab.engine.recorder import open_recording
    from lab.engine.replay import Replay
    from lab.engine.session import Session

    recording = open_recording(path)
    try:
        return Session(resume=recording), ""
    except ValueError as error:  # entries or a device that this machine does not have
        return Replay(recording), str(error)


def _from_file(path: str) -> Any:
    """A session at the start of a file's experiment, if that makes sense."""
    from lab.engine.catalogue import located
    from lab.engine.experiment import Experiment
    from lab.engine.session import Session
    from lab.engine.starts import check_starts

    experiment = Experiment.load(path)
    with located(Path(path).name):
        session = Session(experiment)
        check_starts(experiment, session.problem)
    return session


def _sentence(error: Exception) -> str:
    """One line of what is wrong; the system's own words where it has any."""
    if isinstance(error, OSError) and error.strerror and error.filename:
        return f"{error.filename}: {error.strerror}"
    line = str(error).partition("\n")[0]
    if isinstance(error, ValueError | OSError) and line:
        return line
    return f"{type(error).__name__}: {line}" if line else type(error).__name__

"""What is open, and every change of it: each one undoable, each one a command to the engine."""

import itertools
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from PySide6.QtCore import QObject, Signal, Slot
from PySide6.QtGui import QUndoStack

from lab.engine.experiment import Experiment
from lab.engine.messages import Happened
from lab.engine.plan import Lane, branch_name, free_name
from lab.engine.probe_plan import ProbePlan
from lab.gui.autosave import Autosave
from lab.gui.bridge import Bridge
from lab.gui.edits import Edit, Post, sessions_of
from lab.gui.state import ViewState

UNDO_LEVELS = 50


class Document(QObject):
    """The open experiment, its file, and its history of changes."""

    title_changed = Signal(str)
    opened = Signal(object)  # the path of a file that was opened, None for anything else

    def __init__(self, bridge: Bridge, state: ViewState, autosave: Autosave, parent: QObject):
        """Nothing is open yet.

        Args:
            bridge: where commands go.
            state: what is selected.
            autosave: says where recordings are kept while they grow.
            parent: Qt's owner.
        """
        super().__init__(parent)
        self.stack = QUndoStack(self)
        self.stack.setUndoLimit(UNDO_LEVELS)
        self.path: Path | None = None
        self._saved_head = 0  # the newest step that is in the file
        self._bridge, self._state, self._autosave = bridge, state, autosave
        self._numbers = itertools.count(1)  # of sessions
        self._session = 0  # the one that is shown once all commands are carried out
        self._gesture = 0  # changes of one thing within one gesture are one step of undo
        self._opening: tuple[int, Path | None] = (0, None)  # command and file of what is opened
        self._coming: tuple[int, Experiment | None] = (0, None)  # an experiment on its way
        self._sent: dict[tuple, tuple[int, Any]] = {}  # values on their way: see `_latest`
        bridge.answered.connect(self._answered)
        bridge.refused.connect(self._refused)
        self.stack.indexChanged.connect(self._tell_title)
        bridge.experiment_changed.connect(self._tell_title)
        bridge.frame_changed.connect(self._watch)
        self._was_unsaved = True

    @property
    def experiment(self) -> Experiment:
        """What is run, or will be in a moment."""
        return self._coming[1] or self._bridge.experiment

    @property
    def unsaved(self) -> bool:
        """Whether something was changed or made since it was last saved."""
        more = self._bridge.frame.head > self._saved_head
        return self.path is None or not self.stack.isClean() or (more and _is_record(self.path))

    @property
    def title(self) -> str:
        """For the title bar: the experiment's name, and whether it is saved."""
        recording = self._bridge.frame.recording
        if recording is None:
            return "Landscape Lab"
        title = recording.experiment.title or recording.header["problem"]["title"]
        name = self.path.name if self.path else title
        return f"{name} · {'not saved' if self.unsaved else 'saved'}"

    # -- opening and saving --------------------------------------------------------------------

    def open(self, source: Experiment | Path, path: Path | None = None) -> None:
        """Open an experiment or a file as something new: the history begins again.

        Args:
            source: what to open.
            path: the file that saving writes from then on.
        """
        source = source if isinstance(source, Experiment) else str(source)
        file = self._autosave.new_file()
        self._opening = (self._bridge.post("open", source, next(self._numbers), file), path)

    def take_path(self, path: Path) -> None:
        """What is open is now what this file holds."""
        self.path, self._saved_head = path, self._bridge.frame.head
        self.stack.setClean()
        self._tell_title()

    # -- changes -------------------------------------------------------------------------------

    def settle(self) -> None:
        """A gesture ended: what comes next is another step of undo."""
        self._gesture += 1

    def replace(self, text: str, experiment: Experiment, merge: tuple = ()) -> None:
        """Run another experiment in place of the present one, up to the same step."""
        self._open_instead(text, experiment, self._bridge.frame.position, merge)

    def change(self, text: str, merge: tuple = (), **fields: Any) -> None:
        """Change fields of the experiment (problem, seed, device, dtype ...) and run it anew."""
        self.replace(text, replace(self.experiment, **fields), merge)

    def restart(self) -> None:
        """Run the same experiment again from step 0."""
        self._open_instead("run again", self.experiment, 0)

    def set_problem(self, problem: Any, merge: tuple = ()) -> None:
        """Change the problem. On another one lanes start anew, with their knobs as they stand."""
        old = self.experiment
        if getattr(problem, "name", None) == getattr(old.problem, "name", ""):
            self.change("change of problem", merge, problem=problem)
            return
        lanes = tuple(_anew(lane) for lane in old.lanes if not lane.branch_of)
        fields = {"problem": problem, "lanes": lanes, "title": ""}
        self._open_instead("other problem", replace(old, **fields), 0, cut=True)

    def set_knob(self, lane: str, knob: str, value: float) -> None:
        """Turn a live knob at the head."""
        post = ("turn", lane, knob)
        old = self._latest(post, latest_knobs(self.experiment.lane(lane))[knob])
        self._push(f"{knob} of {lane}", [(*post, value)], [(*post, old)], ("knob", lane, knob))

    def branch(self, lane: str, step: int, knobs: Mapping[str, float] | None = None) -> None:
        """Go on from a past step in a new lane, which is then selected."""
        name = branch_name(lane, self._bridge.frame.recording.records)
        do = [("call", "branch", lane, step, dict(knobs or {}), name)]
        self._push(f"branch of {lane}", do, [("call", "remove_lane", name)])

    def add_lane(self, spec: Lane) -> None:
        """Add a lane, which is then selected."""
        taken = self._bridge.frame.recording.records
        spec = spec.renamed(spec.name or free_name(spec.optimizer, taken))
        do, undo = ("call", "add_lane", spec), ("call", "remove_lane", spec.name)
        self._push(f"add {spec.name}", [do], [undo])

    def remove_lane(self, name: str) -> None:
        """Take a lane out."""
        spec = self.experiment.lane(name)
        do, undo = ("call", "remove_lane", name), ("call", "add_lane", spec)
        self._push(f"remove {name}", [do], [undo])

    def restart_lane(self, spec: Lane, merge: tuple = ()) -> None:
        """Run a lane again from its start under another spec."""
        do, undo = ("call", "restart_lane", spec), self._restart(spec.name)
        self._push(f"change of {spec.name}", [do], [undo], merge)

    def restart_lanes(self, text: str, specs: Sequence[Lane]) -> None:
        """Run several lanes again under other specs, as one change of that name."""
        do = [("call", "restart_lane", spec) for spec in specs]
        undo = [self._restart(spec.name) for spec in specs]
        self._push(text, do, undo)

    def set_starts(self, starts: Mapping[str, Any]) -> None:
        """Move the starts of lanes: lane -> rows of coordinates."""
        undo = [self._restart(name) for name in starts]
        specs = [post[-1].replace(start=starts[post[-1].name]) for post in undo]
        do = [("call", "restart_lane", spec) for spec in specs]
        self._push("move of the start", do, undo, ("start", *starts))

    def set_steps(self, steps: int) -> None:
        """Move the end of the run."""
        post = ("call", "set_steps")
        old = self._latest(post, self.experiment.steps)
        self._push("length of the run", [(*post, steps)], [(*post, old)], ("steps",))

    def set_probes(self, plans: tuple[ProbePlan, ...]) -> None:
        """Change what is measured along the way."""
        post = ("call", "set_probes")
        old = self._latest(post, self.experiment.probes)
        self._push("measurements", [(*post, plans)], [(*post, old)])

    # -- the engine's side ---------------------------------------------------------------------

    def send(self, posts: list[Post], merge: tuple = ()) -> set[int]:
        """Post commands, and know which session they lead to.

        Args:
            posts: each a command's name and arguments.
            merge: waiting commands of the same key and place are replaced.

        Returns:
            The numbers of the commands.
        """
        numbers = set()
        for turn, post in enumerate(posts):
            number = self._bridge.post(*post, key=(*merge, turn) if merge else ())
            numbers.add(number)
            if (place := _place(post)) is not None:
                self._sent[place] = (number, post[-1])
            for session in sessions_of([post]):
                self._session, self._coming = session, (0, None)
        return numbers

    def _latest(self, place: tuple, known: Any) -> Any:
        """The value of what a command sets: the one on its way to the engine, or the known one."""
        return self._sent.get(place, (0, known))[1]

    def _restart(self, lane: str) -> Post:
        """The command that runs a lane as it is, or will be in a moment."""
        post = ("call", "restart_lane")
        return (*post, self._latest((*post, lane), self.experiment.lane(lane)))

    def _arrived(self, number: int) -> None:
        """A command was answered: what is on record is as new as what it sent."""
        self._sent = {place: sent for place, sent in self._sent.items() if sent[0] != number}
        if number == self._coming[0]:
            self._coming = (0, None)

    def _open_instead(
        self,
        text: str,
        experiment: Experiment,
        reach: int,
        merge: tuple = (),
        *,
        cut: bool = False,
    ) -> None:
        back = ("switch", self._session, self._bridge.frame.position)
        do = ("open", experiment, next(self._numbers), self._autosave.new_file(), reach, cut)
        numbers = self._push(text, [do], [back], merge)
        self._coming = (max(numbers), experiment)

    def _push(self, text: str, do: list[Post], undo: list[Post], merge: tuple = ()) -> set[int]:
        edit = Edit(self, text, do, undo, merge=(*merge, self._gesture) if merge else ())
        self.stack.push(edit)  # it may be gone after this, merged into the one before
        top = self.stack.command(self.stack.index() - 1)
        self._let_go()
        return top.numbers

    def _let_go(self) -> None:
        """Let the engine drop sessions that neither undo nor redo can reach any more."""
        reachable = {self._session}
        for index in range(self.stack.count()):
            edit = self.stack.command(index)
            reachable |= sessions_of([*edit.do, *edit.back])
        self._bridge.post("keep_only", tuple(sorted(reachable)), key=("keep_only",))

    @Slot(object)
    def _answered(self, answer: Happened) -> None:
        """Take notice of what was opened, and select what was made."""
        command = answer.command
        if command.number == self._opening[0]:
            self._session = command.args[1]
            self.stack.clear()
            self.path, self._saved_head = self._opening[1], self._bridge.frame.head
            self._let_go()
            self._tell_title()
            self.opened.emit(self.path)
        self._arrived(command.number)
        if command.name == "call" and command.args[0] in ("branch", "add_lane"):
            self._state.lane, self._state.run = answer.value, 0

    @Slot(object)
    def _refused(self, answer: Happened) -> None:
        """A change that the engine refused is no change: take its entry off the stack."""
        self._arrived(answer.command.number)
        edit = self.stack.command(self.stack.index() - 1) if self.stack.index() else None
        if edit is not None and answer.command.number in edit.numbers:
            edit.setObsolete(True)  # Qt then drops it instead of keeping it for redo
            self.stack.undo()

    @Slot(object)
    def _watch(self, frame: object) -> None:
        """New steps make a saved recording an unsaved one."""
        if self.unsaved != self._was_unsaved:
            self._tell_title()

    @Slot()
    def _tell_title(self) -> None:
        self._was_unsaved = self.unsaved
        self.title_changed.emit(self.title)


def latest_knobs(lane: Lane) -> dict[str, Any]:
    """The knobs of a lane after its last change."""
    return lane.knobs_at(sys.maxsize)


def _place(post: Post) -> tuple | None:
    """What a command sets to its last argument; None for one that does something else."""
    if post[:2] == ("call", "restart_lane"):
        return (*post[:2], post[2].name)
    setting = post[0] == "turn" or post[:2] in (("call", "set_steps"), ("call", "set_probes"))
    return post[:-1] if setting else None


def _anew(lane: Lane) -> Lane:
    """A lane that starts anew, with its knobs as they stand."""
    schedule = lane.lr_schedule
    return Lane(
        lane.optimizer, runs=lane.runs, name=lane.name, lr_schedule=schedule, **latest_knobs(lane)
    )


def _is_record(path: Path) -> bool:
    return path.suffix == ".lab"

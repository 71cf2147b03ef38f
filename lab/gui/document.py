"""What is open, and every change of it: each one undoable, each one a command to the engine."""

import itertools
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from PySide6.QtCore import QObject, Signal
from PySide6.QtGui import QUndoCommand, QUndoStack

from lab.engine.experiment import Experiment
from lab.engine.messages import Happened
from lab.engine.plan import Lane, ProbePlan, branch_name
from lab.gui.autosave import Autosave
from lab.gui.bridge import Bridge
from lab.gui.state import ViewState

UNDO_LEVELS = 50
MERGE_SECONDS = 1.0  # changes of one knob within this time are one step of undo
Post = tuple  # a command's name and arguments


class Edit(QUndoCommand):
    """One change: the commands that make it, and those that take it back."""

    def __init__(
        self, bridge: Bridge, text: str, do: list[Post], undo: list[Post], *, merge: tuple = ()
    ):
        """Describe a change; it is made when it is pushed on the stack.

        Args:
            bridge: where commands go.
            text: what the Edit menu says.
            do: commands that make the change.
            undo: commands that take it back.
            merge: edits of one key that follow each other quickly become one.
        """
        super().__init__(text)
        self.do, self.back, self.merge = do, undo, merge
        self.numbers: set[int] = set()  # of the commands sent, to know their answers by
        self._bridge = bridge
        self._when = time.monotonic()

    def redo(self) -> None:
        """Make the change."""
        self.numbers = {self._bridge.post(*post, key=self.merge) for post in self.do}
        self.do = [_again(post) for post in self.do]

    def undo(self) -> None:
        """Take it back."""
        for post in self.back:
            self._bridge.post(*post)

    def id(self) -> int:
        """Qt merges only edits of one id."""
        return hash(self.merge) & 0x7FFFFFFF if self.merge else -1

    def mergeWith(self, other: QUndoCommand) -> bool:
        """Take over a newer edit of the same knob."""
        if self.merge != other.merge or other._when - self._when > MERGE_SECONDS:
            return False
        self.do, self.numbers, self._when = other.do, other.numbers, other._when
        return True


class Document(QObject):
    """The open experiment, its file, and its history of changes."""

    title_changed = Signal(str)

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
        self._opening = 0  # number of the command that opens something new
        self._bridge = bridge
        self._state = state
        self._autosave = autosave
        self._numbers = itertools.count(1)
        self._session = 0  # the number of the present session
        bridge.answered.connect(self._answered)
        bridge.refused.connect(self._refused)
        self.stack.indexChanged.connect(self._tell_title)
        bridge.experiment_changed.connect(self._tell_title)

    @property
    def experiment(self) -> Experiment:
        """What is run."""
        return self._bridge.experiment

    @property
    def unsaved(self) -> bool:
        """Whether something was changed or made since it was last saved."""
        return self.path is None or not self.stack.isClean()

    @property
    def title(self) -> str:
        """For the title bar: the experiment's name, and whether it is saved."""
        experiment = self.experiment
        if experiment is None:
            return "Landscape Lab"
        name = self.path.name if self.path else experiment.title or "untitled"
        return f"{name} · {'not saved' if self.unsaved else 'saved'}"

    # -- opening -------------------------------------------------------------------------------

    def open(self, source: Experiment | Path, *, reach: int = 0) -> int:
        """Open an experiment or a file as something new: the history begins again.

        Returns:
            The number of the command.
        """
        source = source if isinstance(source, Experiment) else str(source)
        file = self._autosave.new_file()
        self._opening = self._bridge.post("open", source, next(self._numbers), file, reach)
        return self._opening

    def take_path(self, path: Path | None) -> None:
        """What is open is now what this file holds."""
        self.path = path
        self.stack.setClean()
        self._tell_title()

    # -- changes -------------------------------------------------------------------------------

    def replace(self, text: str, experiment: Experiment, merge: tuple = ()) -> None:
        """Run another experiment in place of the present one."""
        reach = self._bridge.frame.position
        do = [("open", experiment, next(self._numbers), self._autosave.new_file(), reach)]
        self._push(text, do, [("switch", self._session, reach)], merge)

    def change(self, text: str, merge: tuple = (), **fields: Any) -> None:
        """Change fields of the experiment (problem, seed, device, dtype ...) and run it anew."""
        self.replace(text, replace(self.experiment, **fields), merge)

    def restart(self) -> None:
        """Run the same experiment again from step 0."""
        file = self._autosave.new_file()
        do = [("open", self.experiment, next(self._numbers), file, 0)]
        self._push("run again", do, [("switch", self._session, self._bridge.frame.position)])

    def set_problem(self, problem: Any, merge: tuple = ()) -> None:
        """Change the problem; starting points of another problem are forgotten."""
        same = getattr(problem, "name", None) == getattr(self.experiment.problem, "name", "")
        lanes = tuple(
            lane if same else lane.replace(start=None, runs=lane.runs)
            for lane in self.experiment.lanes
            if same or not lane.branch_of
        )
        self.change("change of problem", merge, problem=problem, lanes=lanes)

    def set_knob(self, lane: str, knob: str, value: float) -> None:
        """Turn a live knob at the head."""
        spec = self.experiment.lane(lane)
        old = _value_now(spec, knob)
        post = ("turn", lane, knob)
        self._push(f"{knob} of {lane}", [(*post, value)], [(*post, old)], ("knob", lane, knob))

    def branch(self, lane: str, step: int, knobs: Mapping[str, float] | None = None) -> str:
        """Go on from a past step in a new lane; returns its name."""
        name = branch_name(lane, self._bridge.frame.recording.records)
        do = [("call", "branch", lane, step, dict(knobs or {}), name)]
        self._push(f"branch of {lane}", do, [("call", "remove_lane", name)])
        return name

    def add_lane(self, spec: Lane) -> None:
        """Add a lane."""
        spec = spec.renamed(spec.name or self._free_name(spec.optimizer))
        do, undo = ("call", "add_lane", spec), ("call", "remove_lane", spec.name)
        self._push(f"add {spec.name}", [do], [undo])

    def remove_lane(self, name: str) -> None:
        """Take a lane out."""
        spec = self.experiment.lane(name)
        do, undo = ("call", "remove_lane", name), ("call", "add_lane", spec)
        self._push(f"remove {name}", [do], [undo])

    def restart_lane(self, spec: Lane, merge: tuple = ()) -> None:
        """Run a lane again from its start under another spec."""
        old = self.experiment.lane(spec.name)
        self._push(
            f"change of {spec.name}",
            [("call", "restart_lane", spec)],
            [("call", "restart_lane", old)],
            merge,
        )

    def set_starts(self, starts: Mapping[str, Any]) -> None:
        """Move the starts of lanes: lane -> rows of coordinates. One step of undo while dragged."""
        do, undo = [], []
        for name, rows in starts.items():
            spec = self.experiment.lane(name)
            do.append(("call", "restart_lane", spec.replace(start=rows)))
            undo.append(("call", "restart_lane", spec))
        self._push("move of the start", do, undo, ("start", *starts))

    def set_steps(self, steps: int) -> None:
        """Move the end of the run."""
        old = self.experiment.steps
        do, undo = ("call", "set_steps", steps), ("call", "set_steps", old)
        self._push("length of the run", [do], [undo], ("steps",))

    def set_probes(self, plans: tuple[ProbePlan, ...]) -> None:
        """Change what is measured along the way."""
        old = self.experiment.probes
        do, undo = ("call", "set_probes", plans), ("call", "set_probes", old)
        self._push("measurements", [do], [undo], ("probes",))

    # -- small things --------------------------------------------------------------------------

    def _push(self, text: str, do: list[Post], undo: list[Post], merge: tuple = ()) -> None:
        self.stack.push(Edit(self._bridge, text, do, undo, merge=merge))
        self._discard_unreachable()

    def _discard_unreachable(self) -> None:
        """Let the engine drop sessions that neither undo nor redo can reach any more."""
        reachable = {self._session}
        for index in range(self.stack.count()):
            edit = self.stack.command(index)
            reachable |= _sessions(edit.do) | _sessions(edit.back)
        self._bridge.post("keep_only", tuple(sorted(reachable)), key=("keep_only",))

    def _answered(self, answer: Happened) -> None:
        """Note which session is the present one; something newly opened has no history."""
        places = {"open": 1, "switch": 0}
        if answer.command.name in places:
            self._session = answer.command.args[places[answer.command.name]]
            if answer.command.number == self._opening:
                self._opening = 0
                self.stack.clear()

    def _refused(self, answer: Happened) -> None:
        """A change that the engine refused is no change: take its entry off the stack."""
        edit = self.stack.command(self.stack.index() - 1) if self.stack.index() else None
        if edit is not None and answer.command.number in edit.numbers:
            edit.setObsolete(True)  # Qt then drops it instead of undoing it
            self.stack.undo()

    def _free_name(self, optimizer: str) -> str:
        taken = self._bridge.frame.recording.records
        wish = optimizer.rpartition(".")[2]
        names = itertools.chain([wish], (f"{wish}-{i}" for i in itertools.count(2)))
        return next(name for name in names if name not in taken)

    def _tell_title(self, *_: Any) -> None:
        self.title_changed.emit(self.title)


def _value_now(lane: Lane, knob: str) -> float:
    """A live knob's value at the lane's head."""
    value = lane.knobs[knob]
    for change in lane.changes:
        value = change.knobs.get(knob, value)
    return value


def _again(post: Post) -> Post:
    """How a command is repeated: a session that was opened once is only shown again."""
    if post[0] != "open":
        return post
    _, _, number, _, reach = post
    return ("switch", number, reach)


def _sessions(posts: list[Post]) -> set[int]:
    places = {"open": 2, "switch": 1}
    return {post[places[post[0]]] for post in posts if post[0] in places}

"""The commands of the Experiment menu: moving along the run, and changing it."""

from PySide6.QtCore import QObject, Signal, Slot

from lab.engine.messages import Frame, Happened
from lab.gui.bridge import Bridge
from lab.gui.document import Document
from lab.gui.state import ViewState


class RunCommands(QObject):
    """Play, step, follow, branch."""

    speed_nudged = Signal(int)  # notches of the speed slider
    optimizer_asked = Signal()

    def __init__(self, bridge: Bridge, document: Document, state: ViewState, parent: QObject):
        """Act on a document and a cursor."""
        super().__init__(parent)
        self._bridge, self._document, self._state = bridge, document, state
        self._sought = 0  # number of the seek that was not answered yet
        bridge.frame_changed.connect(self._stay_with)
        bridge.experiment_changed.connect(self._rest_without_lanes)
        bridge.answered.connect(self._answered)
        bridge.refused.connect(self._answered)

    @Slot(int)
    def go_to(self, step: int) -> None:
        """Move the cursor to a step. Steps that are not there yet are computed on the way."""
        self._go_to(step, playing=self._bridge.frame.playing)

    @Slot()
    def play(self) -> None:
        """Play from the cursor, or pause. Where there is no lane, ask for one."""
        if self._bridge.frame.playing:
            self._bridge.post("pause")
            return
        if not self._has_lanes():
            self.optimizer_asked.emit()
            return
        if not self._state.follow:
            self._seek(self._state.cursor)
            self._state.follow = True
        self._bridge.post("play")

    @Slot()
    def forward(self) -> None:
        """One step on."""
        self._move(1)

    @Slot()
    def back(self) -> None:
        """One step back."""
        self._move(-1)

    @Slot()
    def first(self) -> None:
        """To the start."""
        self.go_to(0)

    @Slot()
    def last(self) -> None:
        """To the newest step."""
        frame = self._bridge.frame
        if not frame.playing:
            self._seek(frame.head)
        self._state.follow = True
        self._state.cursor = frame.head

    @Slot()
    def follow(self) -> None:
        """Stay with the newest step, or stand still."""
        if self._state.follow:
            self._state.follow = False
        else:
            self.last()

    @Slot()
    def faster(self) -> None:
        """Raise the speed."""
        self.speed_nudged.emit(10)

    @Slot()
    def slower(self) -> None:
        """Lower the speed."""
        self.speed_nudged.emit(-10)

    @Slot()
    def add_lane(self) -> None:
        """Choose an optimizer to add."""
        self.optimizer_asked.emit()

    @Slot()
    def branch(self) -> None:
        """Go on from the cursor's step in a new lane."""
        recording = self._bridge.frame.recording
        if recording is not None and self._state.lane in recording.lanes:
            self._document.branch(self._state.lane, self._state.cursor)

    @Slot()
    def restart(self) -> None:
        """Run the same experiment again from step 0."""
        if self._document.experiment is not None:
            self._document.restart()

    def _has_lanes(self) -> bool:
        recording = self._bridge.frame.recording
        return recording is not None and bool(recording.lanes)

    def _move(self, count: int) -> None:
        if self._bridge.frame.playing:
            self._bridge.post("pause")
        self._go_to(self._state.cursor + count, playing=False)

    def _go_to(self, step: int, *, playing: bool) -> None:
        frame = self._bridge.frame
        if step <= frame.head or frame.readonly:
            self._state.follow = False
            self._state.cursor = max(0, min(step, frame.head))
            return
        if step > frame.target:
            self._document.set_steps(step)
        self._state.follow = True
        if not playing:  # else it will get there by itself
            self._seek(step)
            self._state.cursor = step

    def _seek(self, step: int) -> None:
        self._sought = self._bridge.post("seek", step, key=("seek",))

    @Slot(object)
    def _answered(self, answer: Happened) -> None:
        if answer.command.number == self._sought:
            self._sought = 0

    @Slot(object)
    def _rest_without_lanes(self, experiment: object) -> None:
        """Nothing is left that could be played: the last lane was taken out."""
        if self._bridge.frame.playing and not self._has_lanes():
            self._bridge.post("pause")

    @Slot(object)
    def _stay_with(self, frame: Frame) -> None:
        """Let the cursor follow the play head, but not back to where it was before a seek."""
        if self._state.follow and not self._sought:
            self._state.cursor = frame.position

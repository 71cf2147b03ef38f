"""Engine and window: commands out, one clock that looks at the engine's mailbox once a frame."""

import time
from collections.abc import Mapping
from typing import Any

from PySide6.QtCore import QObject, Qt, QTimer, Signal, Slot

from lab.engine.messages import Frame, Happened

FRAME_MS = 14  # from one frame's beginning to the next while nothing plays
BUSY_MS = (
    9  # the same while the engine plays: short frames come sooner, so that a long one is less late
)
ROOM_MS = 4  # that the engine has for itself after each frame


class Bridge(QObject):
    """The window's side of the engine."""

    ready = Signal(object)  # the catalogue: kind -> name -> Entry
    frame_changed = Signal(object)  # Frame
    recording_changed = Signal(object)  # Recording
    experiment_changed = Signal(object)  # Experiment
    answered = Signal(object)  # Happened, kind "done"
    refused = Signal(object)  # Happened, kind "refused"
    event_happened = Signal(object)  # Event of the recording
    trouble = Signal(str, str)  # one sentence, details
    tick = Signal(int)  # number of the frame
    drawn = Signal()  # everything that changed with the frame has been painted

    def __init__(self, worker: Any, parent: QObject | None = None):
        """Listen to a worker; `start` starts the clock and the engine.

        Args:
            worker: a `Worker`, or something that behaves like one.
            parent: Qt's owner of this object.
        """
        super().__init__(parent)
        self.frame = Frame()
        self.catalogue: Mapping[str, Mapping[str, Any]] = {}
        self.frames_per_second = 0.0
        self._worker = worker
        self._experiment: Any = None
        self._count = 0
        self._since = (time.perf_counter(), 0)
        self._began = time.perf_counter()
        self._clock = QTimer(self)
        self._clock.setTimerType(Qt.TimerType.PreciseTimer)
        self._clock.setInterval(FRAME_MS)
        self._clock.timeout.connect(self._beat)
        self._painted = QTimer(self)  # fires when nothing is left to paint
        self._painted.setSingleShot(True)
        self._painted.setInterval(0)
        self._painted.timeout.connect(self._finish)

    def start(self) -> None:
        """Start the engine and the clock."""
        self._worker.start()
        self._clock.start()

    def post(self, name: str, *args: Any, key: tuple = ()) -> int:
        """Send a command to the engine; returns its number."""
        return self._worker.post(name, *args, key=key)

    def close(self) -> bool:
        """Stop the clock, then the engine; whether the engine ended in time."""
        self._clock.stop()
        self._worker.make_room(False)
        return self._worker.close()

    @property
    def experiment(self) -> Any:
        """The present experiment, None before there is one."""
        return self._experiment

    @Slot()
    def _beat(self) -> None:
        """Begin a frame, unless one is still being painted."""
        if not self._painted.isActive():
            self.look()

    @Slot()
    def look(self) -> None:
        """One frame: tell what is new, then what happened, then let views draw."""
        before = self.frame
        self._began = time.perf_counter()
        self._worker.make_room(True)
        self.frame, news = self._worker.look()
        frame = self.frame
        if frame.recording is not before.recording:
            self.recording_changed.emit(frame.recording)
        if frame.recording is not None and frame.recording.experiment is not self._experiment:
            self._experiment = frame.recording.experiment
            self.experiment_changed.emit(self._experiment)
        for happened in news:
            self._tell(happened)
        if frame is not before:
            self.frame_changed.emit(frame)
        self._count += 1
        self.tick.emit(self._count)
        self._painted.start()
        since, count = self._since
        now = time.perf_counter()
        if now - since >= 1:
            self.frames_per_second = (self._count - count) / (now - since)
            self._since = (now, self._count)

    @Slot()
    def _finish(self) -> None:
        """The frame is painted: the engine may go on, and the next frame is due in a while."""
        self._worker.make_room(False)
        if self._clock.isActive():
            spent = int(1000 * (time.perf_counter() - self._began))
            period = BUSY_MS if self.frame.playing else FRAME_MS
            self._clock.start(max(ROOM_MS, period - spent))
        self.drawn.emit()

    def _tell(self, happened: Happened) -> None:
        if happened.kind == "ready":
            self.catalogue = happened.value
            self.ready.emit(happened.value)
        elif happened.kind == "done":
            self.answered.emit(happened)
        elif happened.kind == "refused":
            self.refused.emit(happened)
        elif happened.kind == "event":
            self.event_happened.emit(happened.value)
        else:
            self.trouble.emit(happened.value, happened.details)

"""The status bar: what the engine is doing, and what is under the pointer."""

from PySide6.QtCore import Slot
from PySide6.QtWidgets import QLabel, QStatusBar, QWidget

from lab.engine.messages import Frame
from lab.gui.bridge import Bridge
from lab.gui.theme import CAPTION_POINTS, number_font
from lab.palette import DARK, Theme

EVERY = 30  # frames between two looks at what changes slowly
_WORDS = {"hessian_spectrum": "spectrum", "surface": "landscape", "basin_map": "basin map"}


class Status(QStatusBar):
    """The bottom line of the window."""

    def __init__(self, bridge: Bridge, parent: QWidget):
        """Make the bar."""
        super().__init__(parent)
        self.setSizeGripEnabled(False)
        self._bridge, self._theme = bridge, DARK
        self.state, self.device, self.speed, self.load, self.size_label = (
            self._label() for _ in range(5)
        )
        self.state.setText("starting the engine …")
        self.pointer, self.rate = QLabel(self), QLabel(self)
        for label in (self.pointer, self.rate):
            label.setFont(number_font(CAPTION_POINTS))
            self.addPermanentWidget(label)
        bridge.frame_changed.connect(self._show)
        bridge.tick.connect(self._tick)

    def set_theme(self, theme: Theme) -> None:
        """Take the colours of a theme."""
        self._theme = theme
        self._show(self._bridge.frame)

    @Slot(str)
    def point_at(self, text: str) -> None:
        """Say what is under the pointer."""
        self.pointer.setText(text)

    def _label(self) -> QLabel:
        label = QLabel(self)
        label.setFont(number_font(CAPTION_POINTS))
        self.addWidget(label)
        return label

    @Slot(object)
    def _show(self, frame: Frame) -> None:
        if frame.recording is None:
            return
        header = frame.recording.header
        threads = header["threads"]
        device = header["device"].upper()
        self.state.setText(_state(frame, self._theme))
        self.device.setText(f"{device} · {threads} thread{'s' if threads > 1 else ''}")
        self.speed.setText(f"{frame.steps_per_second:,.0f} steps/s" if frame.playing else "")
        self.load.setText(f"engine {100 * frame.load:.0f} %")

    @Slot(int)
    def _tick(self, count: int) -> None:
        if count % EVERY:
            return
        recording = self._bridge.frame.recording
        if recording is not None:
            self.size_label.setText(f"recording {_megabytes(recording.nbytes)}")
        self.rate.setText(f"{self._bridge.frames_per_second:.0f} fps")


def _state(frame: Frame, theme: Theme) -> str:
    """A dot and a word: running, measuring, computing or paused."""
    if frame.playing:
        colour, word = theme.lanes[2], "running"
    elif frame.job is not None:
        count = f" (+{frame.job.count - 1})" if frame.job.count > 1 else ""
        name = _WORDS.get(frame.job.name, frame.job.name.replace("_", " "))
        colour, word = theme.accent, f"computing {name} {100 * frame.job.done:.0f} %{count}"
    elif frame.head < frame.position and frame.recording.lanes:
        colour, word = theme.accent, "computing …"
    else:
        colour, word = theme.muted, "only to be looked at" if frame.readonly else "paused"
    return f'<span style="color:{colour}">●</span> {word}'


def _megabytes(count: int) -> str:
    return f"{count / 1e6:.1f} MB" if count < 1e8 else f"{count / 1e6:.0f} MB"

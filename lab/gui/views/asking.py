"""Words over a plot: how old its picture is, and a button to measure where the cursor stands."""

import time

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QToolButton, QWidget

from lab.engine.messages import Frame, JobState
from lab.gui.theme import CAPTION_POINTS
from lab.palette import Theme, mixed

STALE = 0.45  # opacity of a picture that was not measured at the cursor
SLOW = 0.4  # seconds after which a measurement under way is worth a word
LONG = 3.0  # seconds after which it is worth saying how long it will take


class Asking(QFrame):
    """Says that a picture is older than the cursor, and offers to measure at the cursor."""

    asked = Signal()
    cancelled = Signal()

    def __init__(self, probe: str, parent: QWidget):
        """Begin hidden.

        Args:
            probe: what is measured.
            parent: the view it lies on.
        """
        super().__init__(parent)
        self._probe = probe
        self._since, self._done = 0.0, 1.0
        self._running = False
        self.setProperty("bare", False)
        self._text = QLabel(objectName="muted")
        self._button = QToolButton(text="measure here")
        self._button.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._button.setCursor(Qt.CursorShape.PointingHandCursor)
        self._button.clicked.connect(self._pressed)
        row = QHBoxLayout(self)
        row.setContentsMargins(7, 2, 2, 2)
        row.setSpacing(7)
        row.addWidget(self._text)
        row.addWidget(self._button)
        self.hide()

    def watch(self, probe: str) -> None:
        """Be about another measurement."""
        self._probe = probe

    def set_theme(self, theme: Theme) -> None:
        """Take the colours of a theme."""
        self.setStyleSheet(
            f"Asking {{ background: {theme.card}; border: 1px solid {theme.line};"
            " border-radius: 6px; }"
            'Asking[bare="true"] { background: transparent; border: none; }'
            f"QToolButton {{ padding: 2px 8px; font-size: {CAPTION_POINTS}px; border: none;"
            f" color: {theme.accent}; background: {mixed(theme.accent, theme.card, 0.12)}; }}"
            f"QToolButton:hover {{ background: {mixed(theme.accent, theme.card, 0.25)}; }}"
        )

    def job(self, frame: Frame) -> JobState | None:
        """The measurement under way, if it is one of these."""
        return frame.job if frame.job is not None and frame.job.name == self._probe else None

    def progress(self, frame: Frame) -> str:
        """What is under way, in words; nothing for what is done in no time."""
        job, now = self.job(frame), time.monotonic()
        if job is None or job.done < self._done:
            self._since = now
        self._done = 1.0 if job is None else job.done
        if job is None or now - self._since < SLOW:
            return ""
        left = "" if now - self._since < LONG else time_left(now - self._since, job.done)
        if not left and job.cost:  # too early to tell by its pace
            return f"computing … {job.cost}"
        return f"computing … {100 * job.done:.0f} %{left}"

    def offer(self, step: int | None, cursor: int, *, allowed: bool, running: bool = False) -> None:
        """Say how old the picture is, and offer to measure; or to give up what was asked for.

        Args:
            step: when the picture was measured, None where there is none.
            cursor: the step looked at.
            allowed: whether there is reason to offer it (the cursor stands, nothing is under way).
            running: whether a measurement that was asked for here is under way.
        """
        self._running = running
        self._button.setText("cancel" if running else "measure here")
        self._button.setToolTip(
            "Give up the measurement under way"
            if running
            else "Measure at the step where the cursor stands"
        )
        text = f"measured at step {step}" if step not in (None, cursor) and allowed else ""
        if bool(text) == self.property("bare"):
            self.setProperty("bare", not text)
            self.style().polish(self)
        self._text.setText(text)
        self._text.setVisible(bool(text))
        self.setVisible(running or (allowed and step != cursor))
        self.adjustSize()
        room = self.parentWidget().rect()
        if step is None:  # under the words in the middle of an empty plot
            self.move((room.width() - self.width()) // 2, int(0.7 * room.height()))
        else:
            self.move(room.width() - self.width() - 6, 4)
        self.raise_()

    @Slot()
    def _pressed(self) -> None:
        (self.cancelled if self._running else self.asked).emit()


def time_left(spent: float, done: float) -> str:
    """How long something will still take, in words that follow how far it is; empty if unknown.

    Args:
        spent: seconds so far.
        done: the part of it that is done.
    """
    if not 0 < done < 1:
        return ""
    left = spent * (1 - done) / done
    if left < 90:
        return f", about {max(1, round(left))} s left"
    return f", about {round(left / 60)} min left" if left < 5400 else ", more than an hour left"

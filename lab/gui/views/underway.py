"""A line over a plot: what is being computed, what it takes, how long it will last; and Cancel."""

import time
from typing import Any

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QToolButton, QWidget

from lab.gui.theme import CAPTION_POINTS
from lab.palette import Theme, mixed

SLOW = 0.6  # seconds after which work is worth a word, or which it will last
MARGIN = 10


class UnderWay(QFrame):
    """Tells of one piece of work that can be cancelled and gone on with."""

    cancelled = Signal()
    resumed = Signal()

    def __init__(self, parent: QWidget):
        """Begin hidden, over a plot."""
        super().__init__(parent)
        self._since: float | None = None
        self._running = True
        self._text = QLabel(objectName="muted")
        self._button = QToolButton(text="Cancel")
        self._button.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._button.setCursor(Qt.CursorShape.PointingHandCursor)
        self._button.clicked.connect(self._pressed)
        row = QHBoxLayout(self)
        row.setContentsMargins(8, 3, 3, 3)
        row.setSpacing(8)
        row.addWidget(self._text)
        row.addWidget(self._button)
        self.hide()

    @property
    def words(self) -> str:
        """What is said, empty while hidden."""
        return self._text.text() if self.isVisibleTo(self.parentWidget()) else ""

    def set_theme(self, theme: Theme) -> None:
        """Take the colours of a theme."""
        self.setStyleSheet(
            f"UnderWay {{ background: {theme.card}; border: 1px solid {theme.line};"
            " border-radius: 6px; }"
            f"QToolButton {{ padding: 2px 8px; font-size: {CAPTION_POINTS}px; border: none;"
            f" color: {theme.accent}; background: {mixed(theme.accent, theme.card, 0.12)}; }}"
            f"QToolButton:hover {{ background: {mixed(theme.accent, theme.card, 0.25)}; }}"
        )

    def tell(self, name: str, job: Any, done: float, *, stopped: bool) -> None:
        """Say how far the work is.

        Args:
            name: what is computed.
            job: the `JobState` of it, None if it is not under way.
            done: the part that is known.
            stopped: whether it was cancelled and could be gone on with.
        """
        now = time.monotonic()
        if job is None:
            self._since = None
        elif self._since is None:
            self._since = now
        slow = job is not None and (now - self._since > SLOW or (job.left or 0.0) > SLOW)
        if slow:
            left = "" if job.left is None else f"{_duration(job.left)} left"
            words = (f"{name} {100 * job.done:.0f} %", left, job.cost)
            self._say(" · ".join(word for word in words if word), "Cancel", running=True)
        elif stopped and job is None:
            self._say(f"{name} stopped at {100 * done:.0f} %", "Go on", running=False)
        self.setVisible(slow or (stopped and job is None))

    def _say(self, text: str, button: str, *, running: bool) -> None:
        self._running = running
        self._text.setText(text)
        self._button.setText(button)
        self.adjustSize()
        room = self.parentWidget().rect()
        if self.width() > room.width() - 2 * MARGIN:  # a narrow panel: the shares alone
            self._text.setText(text.split(" · ")[0])
            self.adjustSize()
        self.move((room.width() - self.width()) // 2, MARGIN)
        self.raise_()

    @Slot()
    def _pressed(self) -> None:
        (self.cancelled if self._running else self.resumed).emit()


def _duration(seconds: float) -> str:
    """Seconds that are left, as people say them."""
    if seconds < 100:
        return f"{max(1, round(seconds))} s"
    return f"{round(seconds / 60)} min"

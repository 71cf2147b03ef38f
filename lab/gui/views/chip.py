"""A chip over a plot: a few words, and a button beside them."""

import time

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QToolButton, QWidget

from lab.engine.duration import duration
from lab.engine.messages import JobState
from lab.gui.theme import CAPTION_POINTS
from lab.palette import Theme, mixed

MARGIN = 6  # pixels between it and the edges of what it lies on
DOT = " · "  # between words, the most important of which come first
SLOW = 0.5  # seconds after which work is worth a word, or which it will last


class Chip(QFrame):
    """Words and a button; a subclass says when they are shown, and what the button does."""

    pressed = Signal()

    def __init__(self, parent: QWidget):
        """Begin hidden.

        Args:
            parent: what it lies on.
        """
        super().__init__(parent)
        self._since, self._done = 0.0, 1.0  # when the work began that is under way; how far it is
        self.setProperty("bare", False)
        self._text = QLabel(objectName="muted")
        self._button = QToolButton()
        self._button.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._button.setCursor(Qt.CursorShape.PointingHandCursor)
        self._button.clicked.connect(self.pressed)
        row = QHBoxLayout(self)
        row.setContentsMargins(7, 2, 2, 2)
        row.setSpacing(7)
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
            f"Chip {{ background: {theme.card}; border: 1px solid {theme.line};"
            " border-radius: 6px; }"
            'Chip[bare="true"] { background: transparent; border: none; }'
            f"QToolButton {{ padding: 2px 8px; font-size: {CAPTION_POINTS}px; border: none;"
            f" color: {theme.accent}; background: {mixed(theme.accent, theme.card, 0.12)}; }}"
            f"QToolButton:hover {{ background: {mixed(theme.accent, theme.card, 0.25)}; }}"
        )

    def say(self, text: str, button: str, tip: str) -> None:
        """Have these words and this button; without words the button stands alone.

        Of words between dots the last ones are left out where there is no room for them.
        """
        if bool(text) == self.property("bare"):
            self.setProperty("bare", not text)
            self.style().polish(self)
        self._button.setText(button)
        self._button.setToolTip(tip)
        self._text.setVisible(bool(text))
        self._text.setText(text)
        room = self.parentWidget().width() - 2 * MARGIN
        while self.sizeHint().width() > room and DOT in text:
            text = text.rpartition(DOT)[0]
            self._text.setText(text)
        self.adjustSize()

    def is_slow(self, job: JobState | None) -> bool:
        """Whether work under way is worth a word; to be asked at each look at it."""
        now = time.monotonic()
        if job is None or job.done < self._done:
            self._since = now
        self._done = 1.0 if job is None else job.done
        return job is not None and (now - self._since > SLOW or (job.left or 0.0) > SLOW)


def progress(job: JobState, name: str = "") -> str:
    """How far work is, how long it will last, what the whole takes: the most important first."""
    left = f"{duration(job.left)} left" if job.left is not None and job.left >= 1 else ""
    words = f"{name} {100 * job.done:.0f} %".lstrip(), left, job.cost
    return DOT.join(word for word in words if word)

"""A chip over a plot: how old its picture is, and a button to measure where the cursor stands."""

from PySide6.QtCore import Signal, Slot
from PySide6.QtWidgets import QWidget

from lab.engine.messages import JobState
from lab.gui.views.chip import MARGIN, Chip, progress

STALE = 0.45  # opacity of a picture that was not measured at the cursor


class Asking(Chip):
    """Says that a picture is older than the cursor, and offers to measure at the cursor.

    While what was asked for is under way, it offers to give it up.
    """

    asked = Signal()
    cancelled = Signal()

    def __init__(self, parent: QWidget):
        """Begin hidden, over a view."""
        super().__init__(parent)
        self.top = 0  # of the picture in the view: what is above it stays free
        self._running = False
        self.pressed.connect(self._pass_on)

    def progress(self, job: JobState | None) -> str:
        """What is under way, in words; nothing for what is done in no time."""
        return progress(job) if self.is_slow(job) else ""

    def offer(
        self, step: int | None, cursor: int, *, allowed: bool, running: str, empty: bool
    ) -> None:
        """Say how old the picture is, and offer to measure; or to give up what was asked for.

        Args:
            step: when the picture was measured, None where there is none.
            cursor: the step looked at.
            allowed: whether there is reason to offer it (the cursor stands, nothing is under way).
            running: how far one is that was asked for and is under way, empty for none.
            empty: whether the plot shows nothing but words in its middle.
        """
        self._running = bool(running)
        if running:
            self.say(running, "cancel", "Give up the measurement under way")
        else:
            old = step not in (None, cursor)
            words = f"measured at step {step}" if old else ""
            self.say(words, "measure here", "Measure at the step where the cursor stands")
        self.setVisible(self._running or (allowed and step != cursor))
        room = self.parentWidget().rect()
        if empty:  # under the words
            self.move((room.width() - self.width()) // 2, int(0.7 * room.height()))
        else:
            self.move(room.width() - self.width() - MARGIN, self.top + MARGIN)
        self.raise_()

    @Slot()
    def _pass_on(self) -> None:
        (self.cancelled if self._running else self.asked).emit()

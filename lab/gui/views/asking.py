"""A line over a plot: how old its picture is, what is on its way, and a button to measure here."""

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QToolButton, QWidget

from lab.engine.messages import Frame
from lab.palette import Theme, mixed

STALE = 0.45  # opacity of a picture that was not measured at the cursor
SLOW = 12  # looks after which a measurement under way is worth a word


class Asking(QFrame):
    """Says that a picture is older than the cursor, and offers to measure at the cursor."""

    asked = Signal()

    def __init__(self, probe: str, parent: QWidget):
        """Begin hidden.

        Args:
            probe: what is measured.
            parent: the plot it lies on.
        """
        super().__init__(parent)
        self.probe = probe
        self._job: tuple = ()
        self._looks = 0
        self._text = QLabel(objectName="muted")
        self._button = QToolButton(text="measure here")
        self._button.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._button.setCursor(Qt.CursorShape.PointingHandCursor)
        self._button.setToolTip("Measure at the step where the cursor stands")
        self._button.clicked.connect(self.asked)
        row = QHBoxLayout(self)
        row.setContentsMargins(7, 2, 3, 2)
        row.setSpacing(7)
        row.addWidget(self._text)
        row.addWidget(self._button)
        self.hide()

    def set_theme(self, theme: Theme) -> None:
        """Take the colours of a theme."""
        self.setStyleSheet(
            f"Asking {{ background: {theme.card}; border: 1px solid {theme.line};"
            " border-radius: 6px; }"
            f"QToolButton {{ padding: 1px 7px; font-size: 11px; color: {theme.accent};"
            f" background: {mixed(theme.accent, theme.card, 0.12)}; border: none; }}"
            f"QToolButton:hover {{ background: {mixed(theme.accent, theme.card, 0.25)}; }}"
        )

    def look(self, frame: Frame, step: int | None, cursor: int) -> str:
        """Show what there is to say.

        Args:
            frame: tells what is under way, and whether the play head moves.
            step: when the picture was measured, None where there is none.
            cursor: the step looked at.

        Returns:
            What is under way, for the line of the card; empty for nothing that takes long.
        """
        busy = self._busy(frame)
        standing = not frame.playing
        offer = standing and step != cursor and not busy
        old = standing and step is not None and step != cursor
        text = f"measured at step {step}" if old else ""
        self._button.setVisible(offer)
        self._text.setText(text)
        self._text.setVisible(bool(text))
        self.setVisible(bool(text) or offer)
        self.adjustSize()
        self.place()
        return busy

    def place(self) -> None:
        """Stand in the upper right corner of the plot."""
        self.move(self.parentWidget().width() - self.width() - 12, 6)

    def _busy(self, frame: Frame) -> str:
        """The measurement under way, once it was seen several times."""
        job = frame.job
        if job is None or job.name != self.probe:
            self._job, self._looks = (), 0
            return ""
        if (job.lane,) != self._job:
            self._job, self._looks = (job.lane,), 0
        self._looks += 1
        return f"computing … {100 * job.done:.0f} %" if self._looks > SLOW else ""

"""A line of text that counts once it is finished."""

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QLineEdit, QWidget

from lab.gui.theme import TEXT_POINTS, number_font


class TypedLine(QLineEdit):
    """Return, or going elsewhere, finishes what is typed; Escape takes it back.

    What was refused stays, marked, to be put right. While the user is at work here nothing else
    changes the text.
    """

    typed = Signal(str)

    def __init__(self, parent: QWidget, *, number: bool = False, size: int = TEXT_POINTS):
        """Begin empty.

        Args:
            parent: Qt's owner.
            number: whether it looks like a number until the mouse comes near.
            size: of the figures of a number, in pixels.
        """
        super().__init__(parent)
        self._shown, self._wrong = "", False
        if number:
            self.setObjectName("number")
            self.setFont(number_font(size))
            self.setAlignment(Qt.AlignmentFlag.AlignRight)
        self.editingFinished.connect(self._finish)

    @property
    def busy(self) -> bool:
        """Whether the user is at work here."""
        return self.isModified() or self._wrong or self.hasSelectedText()

    @property
    def wrong(self) -> bool:
        """Whether what stands here was refused."""
        return self._wrong

    def show_text(self, text: str, *, force: bool = False) -> None:
        """Show a text, unless the user is at work here.

        Args:
            text: what to show.
            force: even then.
        """
        self._shown = text
        if self.busy and not force:
            return
        self._mark(False)
        if self.text() != text:
            self.setText(text)
        self.setCursorPosition(0)
        self.setModified(False)

    def refuse(self, sentence: str) -> None:
        """Leave what was typed where it is, and mark it; the tip says what is wrong."""
        self._mark(True)
        self.setToolTip(sentence)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Return finishes and lets the keys of the window work again; Escape takes back."""
        if event.key() == Qt.Key.Key_Escape:
            self.show_text(self._shown, force=True)
            self.clearFocus()
            return
        super().keyPressEvent(event)
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self.clearFocus()

    @Slot()
    def _finish(self) -> None:
        if self.isModified():
            self.setModified(False)
            self.typed.emit(self.text())

    def _mark(self, wrong: bool) -> None:
        if wrong != self._wrong:
            self._wrong = wrong
            self.setProperty("wrong", wrong)
            self.style().unpolish(self)
            self.style().polish(self)

"""A small switch between a few words, for the header of a card."""

from collections.abc import Sequence

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtWidgets import QButtonGroup, QHBoxLayout, QToolButton, QWidget


class Segments(QWidget):
    """One of several words is chosen."""

    chosen = Signal(str)

    def __init__(self, words: Sequence[str], tips: Sequence[str] = ()):
        """Make the switch with the first word chosen.

        Args:
            words: what can be chosen.
            tips: one sentence for each.
        """
        super().__init__(objectName="bare")
        self.setStyleSheet("QToolButton { padding: 2px 7px; }")
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(2)
        self._group = QButtonGroup(self)
        self._buttons: dict[str, QToolButton] = {}
        for place, word in enumerate(words):
            button = self._buttons[word] = QToolButton(objectName="segment", text=word)
            button.setCheckable(True)
            button.setFocusPolicy(Qt.FocusPolicy.NoFocus)
            button.setCursor(Qt.CursorShape.PointingHandCursor)
            button.setToolTip(tips[place] if tips else "")
            self._group.addButton(button)
            row.addWidget(button)
        self.choose(words[0])
        self._group.buttonClicked.connect(self._tell)

    @property
    def choice(self) -> str:
        """The word that is chosen."""
        return self._group.checkedButton().text()

    def choose(self, word: str) -> None:
        """Choose a word without telling."""
        self._buttons[word].setChecked(True)

    @Slot(object)
    def _tell(self, button: QToolButton) -> None:
        self.chosen.emit(button.text())

"""The commands of the Edit menu."""

from PySide6.QtCore import QObject, Slot
from PySide6.QtGui import QUndoStack


class EditCommands(QObject):
    """Undo and redo."""

    def __init__(self, stack: QUndoStack, parent: QObject):
        """Act on a history of changes."""
        super().__init__(parent)
        self._stack = stack

    @Slot()
    def undo(self) -> None:
        """Take the last change back."""
        self._stack.undo()

    @Slot()
    def redo(self) -> None:
        """Make it again."""
        self._stack.redo()

"""The commands of the Edit menu."""

from collections.abc import Mapping

from PySide6.QtCore import QObject, Slot
from PySide6.QtGui import QAction, QUndoStack


class EditCommands(QObject):
    """Undo and redo."""

    def __init__(self, stack: QUndoStack, parent: QObject):
        """Act on a history of changes."""
        super().__init__(parent)
        self._stack = stack

    def name(self, actions: Mapping[str, QAction]) -> None:
        """Let the commands say what they would undo and redo, and be grey where there is nothing.

        Args:
            actions: the window's, by name.
        """
        self._undo, self._redo = actions["edit.undo"], actions["edit.redo"]
        for action, changed in (
            (self._undo, self._stack.canUndoChanged),
            (self._redo, self._stack.canRedoChanged),
        ):
            action.setEnabled(False)
            changed.connect(action.setEnabled)
        self._stack.undoTextChanged.connect(self._name_undo)
        self._stack.redoTextChanged.connect(self._name_redo)

    @Slot()
    def undo(self) -> None:
        """Take the last change back."""
        self._stack.undo()

    @Slot()
    def redo(self) -> None:
        """Make it again."""
        self._stack.redo()

    @Slot(str)
    def _name_undo(self, text: str) -> None:
        self._undo.setText(f"Undo {text}".strip())

    @Slot(str)
    def _name_redo(self, text: str) -> None:
        self._redo.setText(f"Redo {text}".strip())

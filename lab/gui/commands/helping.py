"""The commands of the Help menu."""

from PySide6.QtCore import QObject, Slot
from PySide6.QtGui import QKeySequence
from PySide6.QtWidgets import QMessageBox, QWidget

import lab
from lab.gui.actions import COMMANDS, MENUS
from lab.gui.notify import details_box


class HelpCommands(QObject):
    """Shortcuts, the machine, the lab."""

    def __init__(self, window: QWidget):
        """Show dialogs over a window."""
        super().__init__(window)
        self._window = window

    @Slot()
    def shortcuts(self) -> None:
        """List all keys."""
        lines = []
        for menu in MENUS:
            lines.append(menu.upper())
            for spec in COMMANDS:
                if spec.name.startswith(f"{menu.lower()}.") and spec.keys:
                    keys = ", ".join(QKeySequence(key).toString() for key in spec.keys)
                    lines.append(f"    {keys:<24} {spec.text.rstrip('…')}")
            lines.append("")
        lines += [
            "MOUSE ON THE LANDSCAPE",
            "    click                    set the start of the selected run",
            "    drag a cross             move a start",
            "    wheel, drag              zoom and move the view",
        ]
        details_box("Keyboard and mouse", "\n".join(lines), self._window).open()

    @Slot()
    def system(self) -> None:
        """Versions, device, threads, OpenGL."""
        from lab.doctor import as_text, report

        details_box("This machine", as_text(report()), self._window).open()

    @Slot()
    def about(self) -> None:
        """What this is."""
        box = QMessageBox(self._window)
        box.setWindowTitle("About Landscape Lab")
        box.setText(f"Landscape Lab {lab.__version__}")
        box.setInformativeText(
            "A desktop lab in which people see optimisation happen.\n\n"
            "Every panel draws a recording at a cursor; every recording can be saved, replayed, "
            "exported, and run again by a script that gives the same numbers.\n\nMIT licence."
        )
        box.setStandardButtons(QMessageBox.StandardButton.Close)
        box.open()

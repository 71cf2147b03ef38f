"""The menu bar, made of the table of commands."""

from collections.abc import Iterable
from pathlib import Path

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QHBoxLayout, QMainWindow, QMenu, QToolButton, QWidget

from lab.assets import guided_experiments
from lab.gui.actions import MENUS, Actions
from lab.gui.panels.section import Elided
from lab.gui.settings import Settings

TITLE_WIDTH = 300  # pixels for the name of what is open


class Corner(QWidget):
    """The right end of the menu bar: what is open, and a button to search."""

    def __init__(self, search: QAction, parent: QWidget):
        """Make label and button.

        Args:
            search: what the button does.
            parent: Qt's owner.
        """
        super().__init__(parent, objectName="bare")
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 8, 0)
        row.setSpacing(14)
        self.title = Elided(self, objectName="muted")
        self.title.setAlignment(Qt.AlignmentFlag.AlignRight)
        self.title.setFixedWidth(TITLE_WIDTH)
        button = QToolButton(self, objectName="search")
        button.setText(f"Search commands   {search.shortcut().toString()}")
        button.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        button.clicked.connect(search.trigger)
        row.addWidget(self.title)
        row.addWidget(button)


class Menus(QWidget):
    """Fills the menu bar of a window; two menus list files."""

    file_chosen = Signal(object)  # a path among the recent ones
    guided_chosen = Signal(object)  # a path among those that came with the lab

    def __init__(self, commands: Actions, settings: Settings, window: QMainWindow):
        """Fill the menu bar.

        Args:
            commands: all of them.
            settings: know the recent files.
            window: whose menu bar it is.
        """
        super().__init__(window)
        self.hide()
        self._settings = settings
        bar = window.menuBar()
        self._menus = {name: bar.addMenu(name) for name in MENUS}
        for name, menu in self._menus.items():
            menu.setToolTipsVisible(True)
            for action, gap in commands.of_menu(name):
                if gap:
                    menu.addSeparator()
                menu.addAction(action)
                if action.objectName() == "file.open":
                    self._add_files(menu)
        self.corner = Corner(commands["view.palette"], window)
        bar.setCornerWidget(self.corner)

    def add_panels(self, switches: Iterable[QAction]) -> None:
        """List the panels in the View menu, each a switch."""
        panels = self._menus["View"].addMenu("Panels")
        panels.addActions(list(switches))

    def _add_files(self, menu: QMenu) -> None:
        self.recent = menu.addMenu("Open recent")
        self.guided = menu.addMenu("Guided experiments")
        menu.aboutToShow.connect(self._fill_recent)
        self.recent.triggered.connect(self._choose_recent)
        self.guided.triggered.connect(self._choose_guided)
        for name, path in guided_experiments().items():
            self.guided.addAction(name.replace("-", " ").capitalize()).setData(str(path))

    @Slot()
    def _fill_recent(self) -> None:
        self.recent.clear()
        for name in self._settings["recent"]:
            self.recent.addAction(name).setData(name)
        self.recent.setEnabled(bool(self._settings["recent"]))

    @Slot(QAction)
    def _choose_recent(self, action: QAction) -> None:
        self.file_chosen.emit(Path(action.data()))

    @Slot(QAction)
    def _choose_guided(self, action: QAction) -> None:
        self.guided_chosen.emit(Path(action.data()))

"""The commands of the File menu: opening, saving, exporting, recovering."""

import functools
import time
from pathlib import Path
from typing import Any

from PySide6.QtCore import QObject, Signal, Slot
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QFileDialog, QWidget

from lab.assets import asset
from lab.engine.messages import Happened
from lab.gui.autosave import Autosave
from lab.gui.bridge import Bridge
from lab.gui.document import Document
from lab.gui.notify import Notices
from lab.gui.settings import Settings

DEFAULT = "experiments/himmelblau.toml"
KINDS = "Experiments and recordings (*.toml *.lab);;All files (*)"
SUFFIXES = (".toml", ".lab")


class FileCommands(QObject):
    """New, open, save, export."""

    export_asked = Signal(str)  # the panel, empty for the whole experiment

    def __init__(
        self,
        bridge: Bridge,
        document: Document,
        settings: Settings,
        notices: Notices,
        window: QWidget,
    ):
        """Act on a document."""
        super().__init__(window)
        self._bridge, self._document = bridge, document
        self._settings, self._notices, self._window = settings, notices, window
        self._asked: dict[int, Any] = {}  # number of a command -> what to do with its answer
        bridge.answered.connect(self._answered)
        bridge.refused.connect(self._refused)

    @Slot()
    def new(self) -> None:
        """Begin again with the default experiment."""
        self._document.path = None
        self._document.open(asset(DEFAULT))

    @Slot()
    def open(self) -> None:
        """Choose a file to open."""
        folder = str(self._document.path.parent) if self._document.path else ""
        name, _ = QFileDialog.getOpenFileName(self._window, "Open", folder, KINDS)
        if name:
            self.open_file(Path(name))

    def open_file(self, path: Path) -> None:
        """Open an experiment or a recording."""
        if path.suffix not in SUFFIXES:
            self._notices.error(
                f"{path.name}: only .toml experiments and .lab recordings can be opened"
            )
            return
        self._asked[self._document.open(path)] = ("opened", path)

    @Slot()
    def save(self) -> None:
        """Save under the name it has; ask for one if it has none."""
        if self._document.path is None:
            self.save_as()
        else:
            self._save_to(self._document.path)

    @Slot()
    def save_as(self) -> None:
        """Ask for a name and save."""
        start = str(self._document.path or "recording.lab")
        kinds = "Recording (*.lab);;Experiment (*.toml)"
        name, chosen = QFileDialog.getSaveFileName(self._window, "Save", start, kinds)
        if name:
            path = Path(name)
            if path.suffix not in SUFFIXES:
                path = path.with_name(path.name + (".toml" if "toml" in chosen else ".lab"))
            self._save_to(path)

    @Slot()
    def export(self) -> None:
        """Export the whole experiment."""
        self.export_asked.emit("")

    @Slot()
    def copy_script(self) -> None:
        """Put a script that gives the same numbers on the clipboard."""
        number = self._bridge.post("script")
        self._asked[number] = ("script", None)

    def offer_recovery(self, autosave: Autosave) -> None:
        """Say which recordings an earlier lab left behind; one click opens the newest."""
        left = autosave.left_behind()
        if left:
            when = time.strftime("%d %B, %H:%M", time.localtime(left[0].stat().st_mtime))
            self._notices.offer(
                f"The lab was closed on {when} with a recording that was not saved.",
                {
                    "Open it": functools.partial(self._recover, left[0]),
                    "Delete": functools.partial(self._delete, autosave, left),
                },
            )

    @Slot()
    def quit(self) -> None:
        """Close the window."""
        self._window.close()

    def _save_to(self, path: Path) -> None:
        number = self._bridge.post("save", str(path))
        self._asked[number] = ("saved", path)

    def _recover(self, path: Path) -> None:
        self._document.open(path)

    def _delete(self, autosave: Autosave, left: list[Path]) -> None:
        for path in left:
            autosave.discard(path)

    @Slot(object)
    def _answered(self, answer: Happened) -> None:
        what, path = self._asked.pop(answer.command.number, ("", None))
        if what == "opened":
            self._document.take_path(path)
            self._settings.add_recent(str(path.resolve()))
        elif what == "saved":
            self._document.take_path(path)
            self._settings.add_recent(str(path.resolve()))
            self._notices.info(f"saved {path.name}")
        elif what == "script":
            QGuiApplication.clipboard().setText(answer.value)
            self._notices.info("the script is on the clipboard")

    @Slot(object)
    def _refused(self, answer: Happened) -> None:
        self._asked.pop(answer.command.number, None)

"""The commands of the File menu: opening, saving, exporting, recovering."""

import functools
import time
from pathlib import Path

from PySide6.QtCore import QObject, Signal, Slot
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QFileDialog, QWidget

from lab.assets import asset
from lab.engine.messages import Happened
from lab.gui.autosave import Autosave, when
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
        autosave: Autosave,
        notices: Notices,
        window: QWidget,
    ):
        """Act on a document.

        Args:
            bridge: saves, and writes scripts.
            document: opens.
            settings: remembers recent files.
            autosave: has what an earlier lab left behind.
            notices: says how it went.
            window: over which dialogs are shown.
        """
        super().__init__(window)
        self._bridge, self._document, self._autosave = bridge, document, autosave
        self._settings, self._notices, self._window = settings, notices, window
        self._saving: dict[int, Path] = {}  # number of a command -> the file it writes
        self._script = 0  # number of the command that writes one
        bridge.answered.connect(self._answered)
        bridge.refused.connect(self._refused)
        document.opened.connect(self._remember)

    @Slot()
    def new(self) -> None:
        """Begin again with the default experiment."""
        self.open_asset(asset(DEFAULT))

    @Slot()
    def open(self) -> None:
        """Choose a file to open."""
        folder = str(self._document.path.parent) if self._document.path else ""
        name, _ = QFileDialog.getOpenFileName(self._window, "Open", folder, KINDS)
        if name:
            self.open_file(Path(name))

    def open_file(self, path: Path) -> bool:
        """Open an experiment or a recording; whether it is one by its name."""
        if path.suffix not in SUFFIXES:
            self._notices.error(
                f"{path.name}: only .toml experiments and .lab recordings can be opened"
            )
            return False
        self._document.open(path.resolve(), path.resolve())
        return True

    def open_asset(self, path: Path) -> None:
        """Open an experiment that came with the lab: saving it asks for a name."""
        self._document.open(path)

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
        self._script = self._bridge.post("script")

    def offer_recovery(self) -> None:
        """Say what an earlier lab left behind; one click opens the newest."""
        left = self._autosave.left_behind()
        if left:
            day = time.strftime("%d %B, %H:%M", time.localtime(when(left[0])))
            self._notices.offer(
                f"The lab was closed on {day} with a recording that was not saved.",
                {
                    "Open it": functools.partial(self._recover, left[0]),
                    "Delete": functools.partial(self._delete, left),
                },
            )

    @Slot()
    def quit(self) -> None:
        """Close the window."""
        self._window.close()

    def _save_to(self, path: Path) -> None:
        self._saving[self._bridge.post("save", str(path))] = path

    def _recover(self, path: Path) -> None:
        self._document.open(self._autosave.adopt(path))

    def _delete(self, left: list[Path]) -> None:
        for path in left:
            self._autosave.discard(path)

    @Slot(object)
    def _remember(self, path: Path | None) -> None:
        if path is not None:
            self._settings.add_recent(str(path.resolve()))

    @Slot(object)
    def _answered(self, answer: Happened) -> None:
        path = self._saving.pop(answer.command.number, None)
        if path is not None:
            self._document.take_path(path)
            self._remember(path)
            self._notices.info(f"saved {path.name}")
        elif answer.command.number == self._script:
            QGuiApplication.clipboard().setText(answer.value)
            self._notices.info("the script is on the clipboard")

    @Slot(object)
    def _refused(self, answer: Happened) -> None:
        self._saving.pop(answer.command.number, None)

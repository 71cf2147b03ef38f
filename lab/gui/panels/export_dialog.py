"""The export dialog: what, in which formats, where to; with progress and Cancel."""

from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import QStandardPaths, Signal, Slot
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDialog,
    QDialogButtonBox,
    QFileDialog,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QProgressBar,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from lab.engine.messages import Trouble
from lab.gui.bridge import Bridge
from lab.gui.state import ViewState

KEY = ("export",)
FORMATS = {
    "Figures": ("png", "svg", "pdf"),
    "Tables": ("csv", "npz", "hdf5"),
    "Video": ("mp4", "gif"),
    "To do it again": ("toml", "py", "lab"),
}
USUAL = ("png", "csv", "npz", "py")
FIGURES = ("png", "svg", "pdf")


class ExportDialog(QDialog):
    """Exports the whole experiment, or one panel."""

    finished_well = Signal(str)

    def __init__(self, bridge: Bridge, state: ViewState, panel: str, parent: QWidget):
        """Make the dialog.

        Args:
            bridge: the engine does the work.
            state: whose cursor the figures look at.
            panel: the one panel to export, empty for all.
            parent: the window.
        """
        super().__init__(parent)
        self._bridge, self._state, self._panel = bridge, state, panel
        self.setWindowTitle(f"Export {panel or 'the whole experiment'}")
        self.setMinimumWidth(460)
        self._boxes: dict[str, QCheckBox] = {}
        inside = QVBoxLayout(self)
        inside.setSpacing(12)
        inside.addLayout(self._format_grid())
        inside.addLayout(self._figure_row())
        inside.addLayout(self._folder_row())
        self._trouble = QLabel(objectName="warning")
        self._trouble.setWordWrap(True)
        self._trouble.hide()
        inside.addWidget(self._trouble)
        self._bar = QProgressBar()
        self._bar.hide()
        inside.addWidget(self._bar)
        self._buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Cancel)
        self._go = self._buttons.addButton("Export", QDialogButtonBox.ButtonRole.AcceptRole)
        self._go.setDefault(True)
        self._buttons.accepted.connect(self.start)
        self._buttons.rejected.connect(self.reject)
        inside.addWidget(self._buttons)
        self._waiting = False

    def chosen(self) -> list[str]:
        """The formats that are ticked."""
        return [name for name, box in self._boxes.items() if box.isChecked()]

    def choose(self, formats: Sequence[str], folder: str) -> None:
        """Tick these formats, and name the folder."""
        for name, box in self._boxes.items():
            box.setChecked(name in formats)
        self._folder.setText(folder)

    @Slot()
    def start(self) -> None:
        """Hand the work to the engine."""
        formats = self.chosen()
        if not formats:
            self._complain("tick at least one format")
            return
        options = {
            "out": str(Path(self._folder.text()).expanduser()),
            "formats": formats,
            "step": self._state.cursor,
            "theme": self._theme.currentText(),
            "dpi": int(self._dpi.currentText().split()[0]),
        }
        if self._panel:
            options["panels"] = (self._panel,)
        self._trouble.hide()
        self._bar.setRange(0, 1000)
        self._bar.setValue(0)
        self._bar.show()
        self._go.setEnabled(False)
        self._waiting = True
        self._number = self._bridge.post("ask", "export", KEY, options, key=("ask", *KEY))
        self._bridge.frame_changed.connect(self._follow)
        self._bridge.refused.connect(self._refused)

    def reject(self) -> None:
        """Cancel the work, or close."""
        if self._waiting:
            self._bridge.post("cancel", KEY)
            self._stop()
        super().reject()

    def _stop(self) -> None:
        self._waiting = False
        self._bridge.frame_changed.disconnect(self._follow)
        self._bridge.refused.disconnect(self._refused)
        self._bar.hide()
        self._go.setEnabled(True)

    @Slot(object)
    def _follow(self, frame: object) -> None:
        """Show how far it is; at the end say where the files are."""
        partial = frame.partials.get(KEY)
        if partial is None:
            return
        if isinstance(partial.value, Trouble):
            self._stop()
            self._complain(partial.value.sentence)
        elif partial.done >= 1 and isinstance(partial.value, list):
            self._stop()
            count = len(partial.value)
            files = f"{count} file{'s' if count != 1 else ''}"
            self.finished_well.emit(f"wrote {files} into {self._folder.text()}")
            self.accept()
        else:
            self._bar.setValue(int(1000 * partial.done))
            self._bar.setFormat(f"{partial.value} …" if partial.value else "%p %")

    @Slot(object)
    def _refused(self, answer: object) -> None:
        if answer.command.number == self._number:
            self._stop()
            self._complain(answer.value)

    def _complain(self, sentence: str) -> None:
        self._trouble.setText(sentence)
        self._trouble.show()

    def _format_grid(self) -> QGridLayout:
        grid = QGridLayout()
        grid.setHorizontalSpacing(18)
        for column, (group, names) in enumerate(FORMATS.items()):
            grid.addWidget(QLabel(group.upper(), objectName="section"), 0, column)
            for row, name in enumerate(names, start=1):
                box = self._boxes[name] = QCheckBox(name.upper())
                usual = FIGURES if self._panel else USUAL
                box.setChecked(name in usual)
                box.setVisible(not self._panel or name in FIGURES)
                grid.addWidget(box, row, column)
        if self._panel:
            for column in range(1, len(FORMATS)):
                grid.itemAtPosition(0, column).widget().hide()
        return grid

    def _figure_row(self) -> QHBoxLayout:
        row = QHBoxLayout()
        self._theme, self._dpi = QComboBox(), QComboBox()
        self._theme.addItems(["light", "dark"])
        self._dpi.addItems(["100 dpi", "200 dpi", "300 dpi", "600 dpi"])
        self._dpi.setCurrentText("200 dpi")
        row.addWidget(QLabel("figures"))
        row.addWidget(self._theme)
        row.addWidget(self._dpi)
        row.addStretch(1)
        row.addWidget(QLabel(f"at step {self._state.cursor:,}", objectName="muted"))
        return row

    def _folder_row(self) -> QHBoxLayout:
        row = QHBoxLayout()
        place = QStandardPaths.StandardLocation.DocumentsLocation
        start = Path(QStandardPaths.writableLocation(place) or Path.home()) / "landscape-lab"
        self._folder = QLineEdit(str(start))
        self._folder.setToolTip("The folder to write into; it is made if it is not there")
        browse = QPushButton("Choose…")
        browse.setAutoDefault(False)
        browse.clicked.connect(self._browse)
        row.addWidget(QLabel("into"))
        row.addWidget(self._folder, 1)
        row.addWidget(browse)
        return row

    @Slot()
    def _browse(self) -> None:
        name = QFileDialog.getExistingDirectory(self, "Export into", self._folder.text())
        if name:
            self._folder.setText(name)

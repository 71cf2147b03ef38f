"""The main window: it puts the panels together and passes on what the engine says."""

from pathlib import Path
from typing import Any

from PySide6.QtCore import QByteArray, Qt, QTimer, Slot
from PySide6.QtGui import QCloseEvent, QDragEnterEvent, QDropEvent, QShowEvent
from PySide6.QtWidgets import QApplication, QMainWindow, QMenu, QPushButton

from lab.assets import asset
from lab.engine.messages import Happened
from lab.gui import layout
from lab.gui import theme as look
from lab.gui.actions import MENUS, Actions
from lab.gui.autosave import Autosave
from lab.gui.bridge import Bridge
from lab.gui.commands.editing import EditCommands
from lab.gui.commands.files import DEFAULT, SUFFIXES, FileCommands
from lab.gui.commands.helping import HelpCommands
from lab.gui.commands.running import RunCommands
from lab.gui.commands.viewing import ViewCommands
from lab.gui.document import Document
from lab.gui.icons import app_icon
from lab.gui.notify import Notices
from lab.gui.panels.card import Card
from lab.gui.panels.experiment import ExperimentPanel
from lab.gui.panels.export_dialog import ExportDialog
from lab.gui.panels.finder import Finder, Item
from lab.gui.panels.status import Status
from lab.gui.panels.transport import Transport
from lab.gui.settings import Settings
from lab.gui.state import ViewState
from lab.gui.views import VIEWS
from lab.gui.views.base import View
from lab.palette import DARK, LIGHT, THEMES, Theme

SIZE = (1600, 980)


class Window(QMainWindow):
    """The lab."""

    def __init__(self, worker: Any, settings: Settings, autosave: Autosave):
        """Build the window; `start` starts the engine.

        Args:
            worker: the engine's thread.
            settings: what is remembered.
            autosave: where recordings are kept while they grow.
        """
        super().__init__()
        self.settings, self.autosave = settings, autosave
        wanted = THEMES.get(settings["theme"]) or look.system_theme()
        self.state = ViewState(dark=wanted is DARK)
        self.bridge = Bridge(worker, self)
        self.document = Document(self.bridge, self.state, autosave, self)
        self.notices = Notices(self)
        self.running = RunCommands(self.bridge, self.document, self.state, self)
        self.files = FileCommands(self.bridge, self.document, settings, self.notices, self)
        self.viewing = ViewCommands(self.state, self)
        groups = {
            "file": self.files,
            "edit": EditCommands(self.document.stack, self),
            "experiment": self.running,
            "view": self.viewing,
            "help": HelpCommands(self),
        }
        self.commands = Actions(groups, self.theme, self)
        self.status = Status(self.bridge, self)
        self.transport = Transport(self.bridge, self.state, self.commands, self)
        self.experiment_panel = ExperimentPanel(self.bridge, self.state, self.document)
        views = [self.experiment_panel, *(view(self.bridge, self.state) for view in VIEWS)]
        self.views: dict[str, View] = {view.name: view for view in views}
        self.docks = {name: Card(view, self) for name, view in self.views.items()}
        self._enlarged: QByteArray | None = None
        self._source = ""
        self._build()
        self._connect()
        self._restore()
        self.set_theme(self.theme)

    @property
    def theme(self) -> Theme:
        """The theme that is on."""
        return DARK if self.state.dark else LIGHT

    def start(self, source: str = "") -> None:
        """Start the engine; then open a file, or the default experiment."""
        self._source = source
        self.bridge.start()

    def set_theme(self, theme: Theme) -> None:
        """Dress everything in a theme."""
        look.apply(QApplication.instance(), theme)
        self.notices.theme = theme
        for part in (self.transport, self.status):
            part.set_theme(theme)
        self.commands.tint(theme)
        self.commands["view.theme"].setChecked(theme is LIGHT)
        for dock in self.docks.values():
            dock.set_theme(theme, enlarged=self._enlarged is not None)

    @Slot(str)
    def enlarge(self, name: str) -> None:
        """Give one panel the whole window, or go back to all of them."""
        if self._enlarged is None:
            self._enlarged = self.saveState()
            for other, dock in self.docks.items():
                dock.setVisible(other == name)
        else:
            self.restoreState(self._enlarged)
            self._enlarged = None
        for dock in self.docks.values():
            dock.set_theme(self.theme, enlarged=self._enlarged is not None)

    # -- making --------------------------------------------------------------------------------

    def _build(self) -> None:
        self.setWindowTitle("Landscape Lab")
        self.setWindowIcon(app_icon())
        self.setDockNestingEnabled(True)
        self.setAcceptDrops(True)
        self.setContextMenuPolicy(Qt.ContextMenuPolicy.NoContextMenu)
        self.addActions(list(self.commands))
        self.setStatusBar(self.status)
        self.addToolBar(Qt.ToolBarArea.BottomToolBarArea, self.transport)
        layout.add_margins(self)
        for name in MENUS:
            self._fill_menu(self.menuBar().addMenu(name), name)
        search = QPushButton("Search commands   Ctrl+Shift+P", self, objectName="search")
        search.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        search.clicked.connect(self.viewing.palette)
        self.menuBar().setCornerWidget(search)
        self.resize(*SIZE)
        layout.arrange(self, self.docks)

    def _fill_menu(self, menu: QMenu, name: str) -> None:
        menu.setToolTipsVisible(True)
        for action, gap in self.commands.of_menu(name):
            if gap:
                menu.addSeparator()
            menu.addAction(action)
            if action.objectName() == "file.open":
                self._recent = menu.addMenu("Open recent")
                self._guided = menu.addMenu("Guided experiments")
                self._recent.aboutToShow.connect(self._fill_recent)
                self._guided.aboutToShow.connect(self._fill_guided)
                for files in (self._recent, self._guided):
                    files.triggered.connect(self._open_listed)
        if name == "View":
            panels = menu.addMenu("Panels")
            for dock in self.docks.values():
                panels.addAction(dock.toggleViewAction())

    def _connect(self) -> None:
        self.bridge.ready.connect(self._ready)
        self.bridge.refused.connect(self._refused)
        self.bridge.answered.connect(self._answered)
        self.bridge.trouble.connect(self.notices.error)
        self.bridge.event_happened.connect(self._happened)
        self.bridge.recording_changed.connect(self._recording_changed)
        self.bridge.tick.connect(self._draw)
        self.transport.scrubbed.connect(self.running.go_to)
        self.transport.speed_chosen.connect(self._set_speed)
        self.transport.end_chosen.connect(self.document.set_steps)
        self.running.speed_nudged.connect(self.transport.nudge_speed)
        self.running.optimizer_asked.connect(self.experiment_panel.choose_optimizer)
        self.files.export_asked.connect(self._export)
        self.viewing.palette_asked.connect(self._search)
        self.viewing.view_reset.connect(self.views["landscape"].reset)
        self.viewing.layout_reset.connect(self._reset_layout)
        self.viewing.full_screen_switched.connect(self._full_screen)
        self.document.title_changed.connect(self._show_title)
        self.views["landscape"].pointed.connect(self.status.point_at)
        self.views["landscape"].starts_moved.connect(self.document.set_starts)
        self.experiment_panel.complained.connect(self.notices.error)
        self.state.events.dark.connect(self._theme_chosen)
        self.state.events.log_scale.connect(self._show_log_scale)
        for dock in self.docks.values():
            dock.export_asked.connect(self._export)
            dock.enlarge_asked.connect(self.enlarge)

    # -- what the engine says ------------------------------------------------------------------

    @Slot(object)
    def _ready(self, catalogue: object) -> None:
        self.transport.set_speed(self.settings["speed"])
        if self._source:
            self.files.open_file(Path(self._source))
        else:
            self.document.open(asset(DEFAULT))
            self.files.offer_recovery(self.autosave)

    @Slot(object)
    def _refused(self, answer: Happened) -> None:
        self.notices.error(answer.value, answer.details)
        if self.bridge.frame.recording is None:
            self.document.open(asset(DEFAULT))  # a start with a bad file still shows a lab

    @Slot(object)
    def _answered(self, answer: Happened) -> None:
        if answer.command.name == "open" and answer.value:
            self.notices.info(answer.value)

    @Slot(object)
    def _happened(self, event: Any) -> None:
        if event.kind == "failed":
            what = event.data.get("measurement") or event.lane
            self.notices.error(f"{what}: {event.data['message']}", event.data["details"])
        elif event.kind == "diverged":
            runs = self.bridge.frame.recording.lane(event.lane).runs
            which = f", run {event.data['run'] + 1}," if runs > 1 else ""
            self.notices.info(f"{event.lane}{which} diverged at step {event.step}")

    @Slot(object)
    def _recording_changed(self, recording: Any) -> None:
        self.state.follow = True
        self.state.hidden = frozenset()
        if recording is not None and self.state.lane not in recording.records:
            self.state.lane = next(iter(recording.lanes), "")
            self.state.run = 0

    @Slot(int)
    def _draw(self, count: int) -> None:
        """Let views draw; slow ones take turns, so that no frame has to carry all of them."""
        for place, view in enumerate(self.views.values()):
            if (count + place) % view.every == 0:
                view.refresh()

    # -- what the user asks ---------------------------------------------------------------------

    @Slot(float)
    def _set_speed(self, speed: float) -> None:
        self.bridge.post("speed", speed, key=("speed",))
        self.settings["speed"] = min(speed, 1e9)

    @Slot(str)
    def _export(self, panel: str) -> None:
        if self.bridge.frame.recording is not None:
            dialog = ExportDialog(self.bridge, self.state, panel, self)
            dialog.finished_well.connect(self.notices.info)
            dialog.open()

    @Slot()
    def _search(self) -> None:
        items = [
            Item(
                action.objectName(),
                action.text().rstrip("…"),
                action.objectName().partition(".")[0].capitalize(),
                keys=action.shortcut().toString(),
                trouble="" if action.isEnabled() else "not now",
            )
            for action in self.commands
        ]
        items += self.experiment_panel.findable()
        finder = Finder("Search commands, problems, optimizers", items, self.theme, self)
        finder.chosen.connect(self._do)
        finder.show_over(self)

    @Slot(str)
    def _do(self, key: str) -> None:
        if any(action.objectName() == key for action in self.commands):
            self.commands[key].trigger()
        else:
            self.experiment_panel.take(key)

    @Slot(bool)
    def _full_screen(self, on: bool) -> None:
        self.setWindowState(
            self.windowState() | Qt.WindowState.WindowFullScreen
            if on
            else self.windowState() & ~Qt.WindowState.WindowFullScreen
        )

    @Slot()
    def _reset_layout(self) -> None:
        self._enlarged = None
        layout.arrange(self, self.docks)
        self.set_theme(self.theme)

    def _show_log_scale(self, on: bool) -> None:
        self.commands["view.log_scale"].setChecked(on)

    def _theme_chosen(self, dark: bool) -> None:
        self.settings["theme"] = "dark" if dark else "light"
        self.set_theme(self.theme)

    @Slot(str)
    def _show_title(self, title: str) -> None:
        self.setWindowTitle(f"{title} — Landscape Lab")

    @Slot()
    def _fill_recent(self) -> None:
        self._recent.clear()
        for name in self.settings["recent"]:
            self._recent.addAction(name).setData(name)
        self._recent.setEnabled(True)

    @Slot()
    def _fill_guided(self) -> None:
        self._guided.clear()
        for path in sorted(asset("experiments").glob("*.toml")):
            self._guided.addAction(path.stem.replace("-", " ").capitalize()).setData(str(path))

    @Slot(object)
    def _open_listed(self, action: Any) -> None:
        self.files.open_file(Path(action.data()))

    # -- Qt ------------------------------------------------------------------------------------

    def showEvent(self, event: QShowEvent) -> None:
        """Panels take their sizes once the window has its own."""
        super().showEvent(event)
        if not self.settings["geometry"]:
            QTimer.singleShot(0, self, self._fit)

    @Slot()
    def _fit(self) -> None:
        layout.fit(self, self.docks)

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        """Experiments and recordings may be dropped on the window."""
        if any(Path(url.toLocalFile()).suffix in SUFFIXES for url in event.mimeData().urls()):
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        """Open what is dropped."""
        for url in event.mimeData().urls()[:1]:
            self.files.open_file(Path(url.toLocalFile()))

    def closeEvent(self, event: QCloseEvent) -> None:
        """Remember the layout; stop the engine, which writes what is recorded."""
        if self._enlarged is not None:
            self.enlarge("")
        state = bytes(self.saveState().toBase64()).decode()
        geometry = bytes(self.saveGeometry().toBase64()).decode()
        self.settings["geometry"] = f"{geometry} {state}"
        frame = self.bridge.frame
        self.bridge.close()
        self.notices.release()
        self.autosave.release(keep=frame.head > 0 and self.document.unsaved)
        event.accept()

    def _restore(self) -> None:
        """Put window and panels where they were last time."""
        geometry, _, state = self.settings["geometry"].partition(" ")
        if geometry and state:
            self.restoreGeometry(QByteArray.fromBase64(geometry.encode()))
            if not self.restoreState(QByteArray.fromBase64(state.encode())):
                layout.arrange(self, self.docks)

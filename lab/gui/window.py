"""The main window: it puts the panels together."""

import math
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PySide6.QtCore import QByteArray, QEvent, Qt, QTimer, Slot
from PySide6.QtGui import QCloseEvent, QDragEnterEvent, QDropEvent, QKeyEvent, QShowEvent
from PySide6.QtWidgets import QApplication, QMainWindow

from lab.gui import layout
from lab.gui import theme as look
from lab.gui.actions import Actions
from lab.gui.autosave import Autosave
from lab.gui.bridge import Bridge
from lab.gui.commands.editing import EditCommands
from lab.gui.commands.files import SUFFIXES, FileCommands
from lab.gui.commands.helping import HelpCommands
from lab.gui.commands.running import RunCommands
from lab.gui.commands.viewing import ViewCommands
from lab.gui.document import Document
from lab.gui.garbage import Garbage
from lab.gui.icons import app_icon
from lab.gui.menus import Menus
from lab.gui.notify import Notices
from lab.gui.panels.card import Card
from lab.gui.panels.experiment import ExperimentPanel
from lab.gui.panels.status import Status
from lab.gui.panels.transport import Transport
from lab.gui.popups import Popups
from lab.gui.reports import Reports
from lab.gui.settings import Settings
from lab.gui.state import ViewState
from lab.gui.views import VIEWS
from lab.gui.views.base import View
from lab.palette import DARK, LIGHT, THEMES, Theme

SIZE = (1600, 980)
ATTENTIVE = 4  # times as often is every view looked at while nothing plays
BUDGET = 0.0025  # seconds of a frame after which views wait for the next one, while a run plays
CYCLE = 48  # frames after which turns begin again


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
        self.garbage = Garbage(self)
        self.bridge = Bridge(worker, self)
        self.document = Document(self.bridge, self.state, autosave, self)
        self.notices = Notices(self)
        self.running = RunCommands(self.bridge, self.document, self.state, self)
        self.files = FileCommands(
            self.bridge, self.document, settings, autosave, self.notices, self
        )
        self.editing = EditCommands(self.document.stack, self)
        self.viewing = ViewCommands(self.state, self)
        groups = {
            "file": self.files,
            "edit": self.editing,
            "experiment": self.running,
            "view": self.viewing,
            "help": HelpCommands(self),
        }
        self.commands = Actions(groups, self.theme, self)
        self.editing.name(self.commands)
        self.menus = Menus(self.commands, settings, self)
        self.status = Status(self.bridge, self)
        self.transport = Transport(self.bridge, self.state, self.commands, self)
        self.experiment_panel = ExperimentPanel(self.bridge, self.state, self.document)
        views = [self.experiment_panel, *(view(self.bridge, self.state) for view in VIEWS)]
        self.views: dict[str, View] = {view.name: view for view in views}
        self._turns = turns(views)
        self._late: list[View] = []  # had to wait for the next frame
        self.docks = {name: Card(view, self) for name, view in self.views.items()}
        self.popups = Popups(self)
        self.reports = Reports(self.bridge, self.notices, self)
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
        self.garbage.start()
        self.bridge.start()

    def set_theme(self, theme: Theme) -> None:
        """Dress everything in a theme."""
        look.apply(QApplication.instance(), theme)
        self.notices.set_theme(theme)
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
        self.setAnimated(False)
        self.setAcceptDrops(True)
        self.setContextMenuPolicy(Qt.ContextMenuPolicy.NoContextMenu)
        self.setFocusPolicy(Qt.FocusPolicy.ClickFocus)  # a click anywhere ends typing
        self.addActions(list(self.commands))
        self.menus.add_panels(dock.toggleViewAction() for dock in self.docks.values())
        self.setStatusBar(self.status)
        self.addToolBar(Qt.ToolBarArea.BottomToolBarArea, self.transport)
        layout.add_margins(self)
        self.resize(*SIZE)
        self.setFocus()  # or the first line of text would take the keys

    def _connect(self) -> None:
        self.bridge.ready.connect(self._ready)
        self.bridge.refused.connect(self._refused)
        self.bridge.recording_changed.connect(self._recording_changed)
        self.bridge.experiment_changed.connect(self._experiment_changed)
        self.bridge.tick.connect(self._draw)
        self.menus.file_chosen.connect(self.files.open_file)
        self.menus.guided_chosen.connect(self.files.open_asset)
        self.transport.scrubbed.connect(self.running.go_to)
        self.transport.speed_chosen.connect(self._set_speed)
        self.transport.end_chosen.connect(self._set_end)
        self.running.speed_nudged.connect(self.transport.nudge_speed)
        self.running.optimizer_asked.connect(self.experiment_panel.choose_optimizer)
        self.running.card_asked.connect(self.experiment_panel.show_card)
        self.running.noted.connect(self.notices.info)
        self.tabifiedDockWidgetActivated.connect(self.notices.come_forward)
        self.files.export_asked.connect(self.popups.export)
        self.viewing.palette_asked.connect(self.popups.search)
        self.viewing.layout_reset.connect(self._reset_layout)
        self.viewing.full_screen_switched.connect(self._full_screen)
        self.document.title_changed.connect(self._show_title)
        self._connect_landscape()
        for part in (self.experiment_panel, self.transport, self.views["landscape"]):
            part.complained.connect(self.notices.error)
        self.state.events.dark.connect(self._theme_chosen)
        self.state.events.log_scale.connect(self._show_log_scale)
        self.state.events.basins.connect(self._show_basins)
        self.state.events.arrows.connect(self._show_arrows)
        self.state.events.critical.connect(self._show_critical)
        for dock in self.docks.values():
            dock.export_asked.connect(self.popups.export)
            dock.enlarge_asked.connect(self.enlarge)
            dock.toggleViewAction().triggered.connect(self._come_forward)

    def _connect_landscape(self) -> None:
        self.views["sweep"].set_action(self.commands["experiment.sweep"])
        landscape = self.views["landscape"]
        self.viewing.view_reset.connect(landscape.reset)
        self.bridge.refused.connect(landscape.basins.refused)
        landscape.pointed.connect(self.status.point_at)
        landscape.starts_moved.connect(self.document.set_starts)
        landscape.starts_dropped.connect(self.document.settle)

    # -- what the engine says ------------------------------------------------------------------

    @Slot(object)
    def _ready(self, catalogue: object) -> None:
        self.transport.set_speed(self.settings["speed"])
        if not self._source or not self.files.open_file(Path(self._source)):
            self.files.new()
        self.files.offer_recovery()

    @Slot(object)
    def _refused(self, answer: object) -> None:
        if self.bridge.frame.recording is None:
            self.files.new()  # a start with a bad file still shows a lab

    @Slot(object)
    def _recording_changed(self, recording: Any) -> None:
        self.state.follow = True
        self.state.hidden = frozenset()
        self.state.marked = None
        planned = {plan.name for plan in recording.experiment.probes}
        probing = [(name, view.probe in planned) for name, view in self.views.items() if view.probe]
        full, empty = ([name for name, is_on in probing if is_on is way] for way in (True, False))
        layout.bring_forward(self, self.docks, full, empty)

    @Slot(object)
    def _experiment_changed(self, experiment: Any) -> None:
        """Keep a lane selected that is there."""
        lanes = self.bridge.frame.recording.lanes
        if self.state.lane not in lanes:
            self.state.lane, self.state.run = next(iter(lanes), ""), 0

    @Slot(int)
    def _draw(self, count: int) -> None:
        """Let views draw; slow ones take turns, so that no frame has to carry all of them."""
        playing = self.bridge.frame.playing
        due = dict.fromkeys(self._late)
        for view, turn in self._turns:
            every = view.every if playing else max(1, view.every // ATTENTIVE)
            if (count - turn) % every == 0:
                due[view] = None
        self._late = []
        end = time.perf_counter() + (BUDGET if playing else math.inf)
        for view in due:
            if time.perf_counter() < end:
                view.refresh()
            else:
                self._late.append(view)

    # -- what the user asks ---------------------------------------------------------------------

    @Slot(float)
    def _set_speed(self, speed: float) -> None:
        self.bridge.post("speed", speed, key=("speed",))

    @Slot(int)
    def _set_end(self, steps: int) -> None:
        if steps != self.bridge.frame.target:
            self.document.set_steps(steps)
            self.document.settle()

    @Slot(bool)
    def _full_screen(self, on: bool) -> None:
        full = Qt.WindowState.WindowFullScreen
        self.setWindowState(self.windowState() | full if on else self.windowState() & ~full)

    @Slot(bool)
    def _come_forward(self, shown: bool) -> None:
        """A panel that was asked for is in front of those it shares a place with."""
        for dock in self.docks.values():
            if shown and dock.toggleViewAction() is self.sender():
                dock.raise_()

    @Slot()
    def _reset_layout(self) -> None:
        self._enlarged = None
        layout.arrange(self, self.docks)
        self.set_theme(self.theme)

    def _show_log_scale(self, on: bool) -> None:
        self.commands["view.log_scale"].setChecked(on)

    def _show_arrows(self, on: bool) -> None:
        self.commands["view.arrows"].setChecked(on)

    def _show_critical(self, on: bool) -> None:
        self.commands["view.critical"].setChecked(on)

    def _show_basins(self, on: bool) -> None:
        self.commands["view.basins"].setChecked(on)

    def _theme_chosen(self, dark: bool) -> None:
        self.settings["theme"] = "dark" if dark else "light"
        self.set_theme(self.theme)

    @Slot(str)
    def _show_title(self, title: str) -> None:
        self.setWindowTitle(f"{title} — Landscape Lab")
        self.menus.corner.title.setText(title)

    # -- Qt ------------------------------------------------------------------------------------

    def showEvent(self, event: QShowEvent) -> None:
        """Panels take their sizes once the window has its own."""
        super().showEvent(event)
        if not self.settings["geometry"]:
            QTimer.singleShot(0, self, self._fit)

    @Slot()
    def _fit(self) -> None:
        """Sizes follow the window's, and in a low one so do the rows."""
        fits = layout.rows(self.height()) == layout.rows(SIZE[1])
        (layout.fit if fits else layout.arrange)(self, self.docks)

    def changeEvent(self, event: QEvent) -> None:
        """Show in the menu whether the window fills the screen, whoever made it do so."""
        super().changeEvent(event)
        if event.type() == QEvent.Type.WindowStateChange:
            self.commands["view.full_screen"].setChecked(self.isFullScreen())

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Escape leads back from an enlarged panel, and from the full screen."""
        if event.key() != Qt.Key.Key_Escape:
            super().keyPressEvent(event)
        elif self._enlarged is not None:
            self.enlarge("")
        elif self.isFullScreen():
            self._full_screen(False)

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        """Experiments and recordings may be dropped on the window."""
        if any(Path(url.toLocalFile()).suffix in SUFFIXES for url in event.mimeData().urls()):
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        """Open what is dropped."""
        files = [Path(url.toLocalFile()) for url in event.mimeData().urls()]
        for path in [path for path in files if path.suffix in SUFFIXES][:1]:
            self.files.open_file(path)

    def closeEvent(self, event: QCloseEvent) -> None:
        """Remember the layout; stop the engine, which writes what is recorded."""
        if self._enlarged is not None:
            self.enlarge("")
        state = bytes(self.saveState().toBase64()).decode()
        geometry = bytes(self.saveGeometry().toBase64()).decode()
        self.settings["geometry"] = f"{geometry} {state}"
        self.settings["speed"] = min(self.transport.speed, 1e9)
        frame = self.bridge.frame
        if self.bridge.close():
            self.garbage.stop()
        self.notices.release()
        self.autosave.release(keep=frame.head > 0 and self.document.unsaved)
        self.document.stack.clear()  # it tells of that, which it must not do while it is deleted
        event.accept()

    def _restore(self) -> None:
        """Put window and panels where they were last time, or where they belong.

        Panels are put in one place only: Qt leaves the tabs of the other on the window for ever.
        """
        geometry, _, state = self.settings["geometry"].partition(" ")
        if geometry and state:
            self.restoreGeometry(QByteArray.fromBase64(geometry.encode()))
            if self.restoreState(QByteArray.fromBase64(state.encode())):
                layout.add_new(self, self.docks)
                return
        layout.arrange(self, self.docks)


def turns(views: Sequence[View]) -> list[tuple[View, int]]:
    """Views with the frame in which each has its first turn: as few as possible coincide.

    Those that usually lie behind a tab, and then draw nothing, choose last.
    """
    behind = {name for _, *names in layout.TABS for name in names}
    busy, found = np.zeros(CYCLE), {}
    for view in sorted(views, key=lambda view: (view.name in behind, view.every)):
        first = min(range(view.every), key=lambda turn: busy[turn :: view.every].max())
        busy[first :: view.every] += 1
        found[view] = first
    return [(view, found[view]) for view in views]

"""The real window with an engine that works on the test's own thread; nothing may be left over."""

import gc
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import QEvent, QPoint, QPointF, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QLineEdit, QSlider, QWidget

from lab.gui import theme
from lab.gui.autosave import Autosave
from lab.gui.screenshot import InlineWorker
from lab.gui.settings import Settings

NONE = Qt.KeyboardModifier.NoModifier
CTRL = Qt.KeyboardModifier.ControlModifier
SHIFT = Qt.KeyboardModifier.ShiftModifier
LEFT = Qt.MouseButton.LeftButton
PATIENCE = 60_000  # milliseconds, on a machine that is busy with other things too


class User:
    """Sits in front of a window. Every look at it is one turn of its inline engine."""

    def __init__(self, window: Any, qtbot: Any):
        self.window, self._qtbot = window, qtbot

    # -- looking -------------------------------------------------------------------------------

    @property
    def frame(self) -> Any:
        return self.window.bridge.frame

    @property
    def recording(self) -> Any:
        return self.frame.recording

    @property
    def experiment(self) -> Any:
        return self.window.bridge.experiment

    @property
    def state(self) -> Any:
        return self.window.state

    @property
    def notices(self) -> list[str]:
        return self.window.notices.texts()

    @property
    def undo_text(self) -> str:
        return self.window.commands["edit.undo"].text()

    def look(self, times: int = 1) -> None:
        for _ in range(times):
            QApplication.processEvents()
            self.window.bridge.look()

    def until(self, condition: Callable[[], Any]) -> None:
        def looked() -> bool:
            self.window.bridge.look()
            return bool(condition())

        self._qtbot.waitUntil(looked, timeout=PATIENCE)

    def settle(self) -> None:
        """Until the engine has nothing left to do."""
        self.look(2)
        self.until(
            lambda: (
                not self.frame.playing
                and self.frame.job is None
                and (
                    self.frame.head >= min(self.frame.position, self.frame.target)
                    or not self.recording.lanes
                )
            )
        )
        self.look(4)

    def come_forward(self) -> None:
        """Have the window active, unless a popup or a dialog is over it.

        A desktop does that by itself when a popup goes; the offscreen platform does not.
        """
        over = [QApplication.activePopupWidget(), QApplication.activeModalWidget()]
        if over == [None, None]:
            self.window.activateWindow()
            assert QTest.qWaitForWindowActive(self.window, PATIENCE)

    # -- hands ---------------------------------------------------------------------------------

    def key(self, key: Qt.Key, modifiers: Qt.KeyboardModifier = NONE, *, look: int = 2) -> None:
        self.come_forward()
        QTest.keyClick(QApplication.focusWidget() or self.window, key, modifiers)
        self.look(look)

    def type_into(self, line: QLineEdit, text: str) -> None:
        line.setFocus()
        line.selectAll()
        QTest.keyClicks(line, text)
        QTest.keyClick(line, Qt.Key.Key_Return)
        self.look(2)

    def run_to_end(self) -> None:
        self.window.transport.set_speed(float("inf"))
        self.key(Qt.Key.Key_Space)
        self.settle()

    def go(self, step: int) -> None:
        self.window.running.go_to(step)
        self.settle()

    def undo(self) -> None:
        self.key(Qt.Key.Key_Z, CTRL)
        self.settle()

    def redo(self) -> None:
        self.key(Qt.Key.Key_Z, CTRL | SHIFT)
        self.settle()

    def find(self, text: str) -> None:
        """Type into the finder that is open, and take what it found first."""
        finder = QApplication.activePopupWidget()
        QTest.keyClicks(finder._line, text)
        QTest.keyClick(finder._line, Qt.Key.Key_Return)
        self.come_forward()
        self.settle()

    def problem(self, text: str) -> None:
        """Choose another problem."""
        QTest.mouseClick(self.panel.problem.button, LEFT)
        self.find(text)

    def drag(self, widget: QWidget, points: list[QPoint], look: int = 1) -> None:
        """Press at the first point, move over the others, let go at the last."""
        QTest.mousePress(widget, LEFT, pos=points[0])
        for point in points[1:]:
            QTest.mouseMove(widget, point)
            self.look(look)
        QTest.mouseRelease(widget, LEFT, pos=points[-1])
        self.look(look)

    # -- the parts of the window -----------------------------------------------------------------

    @property
    def landscape(self) -> Any:
        return self.window.views["landscape"]

    @property
    def panel(self) -> Any:
        return self.window.experiment_panel

    @property
    def cards(self) -> dict[str, Any]:
        return self.panel.lanes_list.cards

    def row(self, lane: str, knob: str) -> QWidget:
        """The control of a lane's knob; the card is opened."""
        card = self.cards[lane]
        if not card.is_open:
            card.more.click()
        for form in (*card.forms, card.runs):
            if knob in form._rows:
                return form.row(knob)
        raise KeyError(knob)

    def slider(self, lane: str, knob: str) -> QSlider:
        return self.row(lane, knob).findChild(QSlider)

    def number(self, lane: str, knob: str) -> QLineEdit:
        return self.row(lane, knob).findChild(QLineEdit)

    def plot_point(self, x: float, y: float) -> QPoint:
        """Where a point of the landscape lies in its viewport."""
        plot = self.landscape._plot
        scene = plot.getPlotItem().getViewBox().mapViewToScene(QPointF(x, y))
        return plot.mapFromScene(scene)

    @property
    def viewport(self) -> QWidget:
        return self.landscape._plot.viewport()


@pytest.fixture(scope="session")
def qapp_args() -> list[str]:
    return ["landscape-lab"]


@pytest.fixture
def settings(tmp_path) -> Settings:
    return Settings(tmp_path / "config")


@pytest.fixture
def autosave(tmp_path) -> Autosave:
    return Autosave(tmp_path / "data")


@pytest.fixture
def dressed(qapp) -> QApplication:
    """The application in the lab's own style."""
    qapp.setStyle("Fusion")
    qapp.setFont(theme.interface_font())
    return qapp


@pytest.fixture
def open_window(dressed, qtbot, tmp_path, monkeypatch) -> Iterator[Callable[..., Any]]:
    """Opens windows on a file, or on the default experiment."""
    from lab.gui.window import Window

    monkeypatch.setattr("lab.gui.notify.SECONDS", 600)  # remarks stay until they were read
    made = []

    def open_(source: Path | str = "", *, worker: Any = None, folder: Path = tmp_path) -> Any:
        settings, autosave = Settings(folder / "config"), Autosave(folder / "data")
        window = Window(worker or InlineWorker(), settings, autosave)
        made.append(window)
        window.show()
        window.activateWindow()
        assert QTest.qWaitForWindowActive(window, PATIENCE)
        window.start(str(source))
        qtbot.waitUntil(lambda: window.bridge.frame.recording is not None, timeout=PATIENCE)
        return window

    yield open_
    for window in made:
        window.close()
        window.deleteLater()
    QApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)


@pytest.fixture
def window(open_window) -> Any:
    """The lab's window with its default experiment open, and an inline engine."""
    return open_window()


@pytest.fixture
def user(window, qtbot) -> User:
    """Somebody in front of the window."""
    made = User(window, qtbot)
    made.settle()
    return made


@pytest.fixture
def user_of(open_window, qtbot) -> Callable[..., User]:
    """Somebody in front of a window that has a file open."""

    def make(source: Path | str, **options: Any) -> User:
        made = User(open_window(source, **options), qtbot)
        made.settle()
        return made

    return make


@pytest.fixture(autouse=True)
def nothing_left() -> Iterator[None]:
    """No engine thread may survive a test."""
    yield
    QApplication.processEvents()
    if any(thread.name == "engine" for thread in threading.enumerate()):
        gc.collect()
    assert not [thread for thread in threading.enumerate() if thread.name == "engine"]

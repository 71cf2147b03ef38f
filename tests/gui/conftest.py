"""The real window with an engine that works on the test's own thread; nothing may be left over."""

import gc
import threading
from collections.abc import Iterator

import pytest
from PySide6.QtWidgets import QApplication

from lab.gui import theme
from lab.gui.autosave import Autosave
from lab.gui.screenshot import InlineWorker
from lab.gui.settings import Settings


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
def window(dressed, qtbot, settings, autosave, monkeypatch) -> Iterator:
    """The lab's window with its default experiment open, and an inline engine."""
    from lab.gui.window import Window

    made = Window(InlineWorker(), settings, autosave)
    made.show()
    made.start()
    qtbot.waitUntil(lambda: made.bridge.frame.recording is not None, timeout=20_000)
    yield made
    made.close()
    made.deleteLater()


@pytest.fixture(autouse=True)
def nothing_left() -> Iterator[None]:
    """No engine thread and no running timer may survive a test."""
    yield
    QApplication.processEvents()
    gc.collect()
    assert not [thread for thread in threading.enumerate() if thread.name == "engine"]

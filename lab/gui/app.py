"""Starts the window."""

import gc
import os
import signal
import sys
import threading
from collections.abc import Sequence
from typing import Any

SWITCH_SECONDS = 5e-4  # how long the engine may hold Python while the window waits for it


def application() -> Any:
    """The application in the lab's style, in a Python that lets its threads take turns often."""
    from PySide6.QtWidgets import QApplication

    from lab.gui import theme

    sys.setswitchinterval(SWITCH_SECONDS)
    app = QApplication.instance() or QApplication(["landscape-lab"])
    app.setApplicationName("Landscape Lab")
    app.setApplicationDisplayName("Landscape Lab")
    app.setDesktopFileName("landscape-lab")
    app.setStyle("Fusion")
    app.setFont(theme.interface_font())
    return app


def new_window() -> Any:
    """The window with its engine, settings and working files; `start` starts the engine."""
    from lab.engine.worker import Worker
    from lab.gui.autosave import Autosave
    from lab.gui.settings import Settings
    from lab.gui.window import Window

    window = Window(Worker(), Settings(), Autosave())
    window.bridge.ready.connect(_keep_what_is_loaded)
    return window


def _keep_what_is_loaded(catalogue: Any) -> None:
    """Look for garbage among new objects only: all modules together take a tenth of a second."""
    gc.freeze()


def main(argv: Sequence[str] = ()) -> int:
    """Open the window and stay until it is closed.

    Args:
        argv: at most one name of a file to open.

    Returns:
        The exit status.
    """
    if sys.platform == "win32":
        import torch  # noqa: F401 - on Windows its libraries fail to load after Qt's

    from PySide6.QtCore import QTimer

    app = application()
    window = new_window()
    window.notices.catch_all()
    window.show()
    source = argv[0] if argv else ""
    QTimer.singleShot(0, window, lambda: window.start(source))
    signal.signal(signal.SIGINT, lambda *_: window.close())
    status = app.exec()
    if any(thread.name == "engine" for thread in threading.enumerate()):
        os._exit(status)  # a user's model hangs in the engine's thread: do not hang with it
    return status

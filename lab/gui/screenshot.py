"""Takes the pictures of the window that the README shows.

    python -m lab.gui.screenshot assets/screenshots/dark.png --theme dark

Runs without a screen; the engine takes its turns on the same thread, so that every picture of the
same lab is the same.
"""

import argparse
import os
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lab.engine.engine import Engine
from lab.engine.messages import Command, Frame, Happened

REST = 1.5  # seconds in which ranges come to rest


class InlineWorker:
    """Behaves like `Worker`, but works only while it is looked at, on the thread that looks."""

    def __init__(self):
        """Wait for `start`."""
        self._engine = Engine()
        self._commands: list[Command] = []
        self._news: list[Happened] = []
        self._count = 0
        self._started = False

    def start(self) -> None:
        """Fill the catalogue."""
        self._started = True
        self._news.append(self._engine.prepare())

    def post(self, name: str, *args: Any, key: tuple = ()) -> int:
        """Queue a command."""
        self._count += 1
        if key:
            self._commands = [command for command in self._commands if command.key != key]
        self._commands.append(Command(name, args, key, self._count))
        return self._count

    def look(self) -> tuple[Frame, list[Happened]]:
        """Take a turn, and say what the window should show and what happened."""
        if self._started:
            commands, self._commands = self._commands, []
            news, _ = self._engine.serve(commands)
            self._news += news
        news, self._news = self._news, []
        return self._engine.frame(), news

    def make_room(self, on: bool) -> None:
        """Nothing else is at work on this thread."""

    def close(self) -> bool:
        """Write what is recorded."""
        self._started = False
        self._engine.close()
        return True


def main(argv: Sequence[str] | None = None) -> int:
    """Take a picture; see the module."""
    parser = argparse.ArgumentParser(prog="lab.gui.screenshot", description=__doc__.split("\n")[0])
    parser.add_argument("out", type=Path, help="the PNG file")
    parser.add_argument("--theme", choices=("dark", "light"), default="dark")
    parser.add_argument("--file", default="", help="a .toml or .lab file instead of the default")
    parser.add_argument("--step", type=int, default=140, help="the step the cursor stands at")
    parser.add_argument("--size", default="1600x980", help="of the window")
    options = parser.parse_args(argv)
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    with tempfile.TemporaryDirectory() as folder:
        for name in ("LANDSCAPE_LAB_CONFIG", "LANDSCAPE_LAB_DATA"):
            os.environ[name] = folder
        _take(options)
    return 0


def _take(options: argparse.Namespace) -> None:
    from PySide6.QtWidgets import QApplication

    from lab.gui import theme
    from lab.gui.autosave import Autosave
    from lab.gui.settings import Settings
    from lab.gui.window import Window

    app = QApplication.instance() or QApplication([])
    app.setStyle("Fusion")
    app.setFont(theme.interface_font())
    settings = Settings()
    settings["theme"] = options.theme
    window = Window(InlineWorker(), settings, Autosave())
    window.resize(*(int(side) for side in options.size.split("x")))
    window.show()
    window.start(options.file)
    _until(app, lambda: window.bridge.frame.recording is not None)
    window.bridge.post("speed", float("inf"))
    window.bridge.post("play")
    _until(app, lambda: _is_done(window.bridge.frame))
    window.running.go_to(min(options.step, window.bridge.frame.head))
    rest = time.monotonic() + REST
    _until(app, lambda: time.monotonic() > rest and window.bridge.frame.job is None)
    options.out.parent.mkdir(parents=True, exist_ok=True)
    window.grab().save(str(options.out))
    window.close()


def _is_done(frame: Frame) -> bool:
    return frame.position >= frame.target > 0 and frame.job is None


def _until(app: Any, condition: Any) -> None:
    while not condition():
        app.processEvents()


if __name__ == "__main__":
    raise SystemExit(main())

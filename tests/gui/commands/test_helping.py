"""The Help menu."""

from PySide6.QtWidgets import QApplication, QMessageBox, QPlainTextEdit

import lab
from lab.gui.actions import COMMANDS


def dialog() -> QMessageBox:
    (box,) = [w for w in QApplication.topLevelWidgets() if isinstance(w, QMessageBox)]
    return box


def closed(box: QMessageBox) -> str:
    (text,) = [view.toPlainText() for view in box.findChildren(QPlainTextEdit)] or [box.text()]
    box.close()
    box.deleteLater()
    QApplication.sendPostedEvents(box, 0)
    return text


def test_all_keys_are_listed_in_columns(window):
    window.commands["help.shortcuts"].trigger()
    text = closed(dialog())
    for spec in COMMANDS:
        assert not spec.keys or spec.text.rstrip("…") in text
    lines = [line for line in text.splitlines() if line.startswith("    ")]
    assert all(line[28] == " " and line[29] != " " for line in lines)
    assert "drag a cross" in text


def test_the_machine_is_described(window):
    window.commands["help.system"].trigger()
    text = closed(dialog())
    for word in ("torch", "Qt", "threads", "OpenGL"):
        assert word in text


def test_about_says_the_version(window):
    window.commands["help.about"].trigger()
    assert lab.__version__ in closed(dialog())

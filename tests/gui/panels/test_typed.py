"""A line of text that counts once it is finished."""

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QVBoxLayout, QWidget

from lab.gui.panels.typed import TypedLine


@pytest.fixture
def lines(qtbot, dressed):
    """Two lines in a window, and what was typed into the first."""
    window = QWidget()
    column = QVBoxLayout(window)
    first, second = TypedLine(window, number=True), TypedLine(window)
    for line in (first, second):
        column.addWidget(line)
    qtbot.addWidget(window)
    window.show()
    window.activateWindow()
    assert QTest.qWaitForWindowActive(window)
    first.told = []
    first.typed.connect(first.told.append)
    first.show_text("1")
    first.setFocus()
    return window, first, second


def write(line, text):
    line.selectAll()
    QTest.keyClicks(line, text)


def test_return_finishes_and_leaves(lines):
    _, first, _ = lines
    write(first, "25")
    assert first.told == []
    QTest.keyClick(first, Qt.Key.Key_Return)
    assert first.told == ["25"]
    assert not first.hasFocus()


def test_going_elsewhere_finishes_too_and_only_once(lines):
    _, first, second = lines
    write(first, "25")
    second.setFocus()
    assert first.told == ["25"]
    first.setFocus()
    second.setFocus()
    assert first.told == ["25"]


def test_escape_takes_back(lines):
    _, first, _ = lines
    write(first, "25")
    QTest.keyClick(first, Qt.Key.Key_Escape)
    assert first.text() == "1"
    assert first.told == []
    assert not first.hasFocus()


def test_nothing_changes_the_text_under_a_typing_hand(lines):
    _, first, _ = lines
    write(first, "2")
    first.show_text("7")
    assert first.text() == "2"
    first.show_text("7", force=True)
    assert first.text() == "7"
    first.show_text("8")
    assert first.text() == "8"


def test_what_was_refused_stays_marked_until_it_is_put_right(lines):
    _, first, _ = lines
    write(first, "many")
    QTest.keyClick(first, Qt.Key.Key_Return)
    first.refuse("a number is needed")
    assert first.wrong
    assert first.property("wrong") is True
    assert first.toolTip() == "a number is needed"
    first.show_text("3")
    assert first.text() == "many"
    QTest.keyClick(first, Qt.Key.Key_Escape)
    assert first.text() == "3"
    assert not first.wrong

"""The popup that is searched by typing."""

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QWidget

from lab.gui.panels.finder import Finder, Item, rank
from lab.palette import DARK

ITEMS = [
    Item("problem:rosenbrock", "Rosenbrock", "surface", "A curved narrow valley."),
    Item("problem:booth", "Booth", "surface", "A bowl."),
    Item("optimizer:adam", "Adam", "adaptive", "Moments of the gradient."),
    Item("optimizer:adamax", "AdaMax", "adaptive", "Infinity norm.", trouble="needs torch"),
    Item("view.theme", "Light theme", "View", keys="Ctrl+Shift+T"),
]


@pytest.fixture
def finder(qtbot, dressed):
    window = QWidget()
    window.resize(900, 600)
    qtbot.addWidget(window)
    window.show()
    made = Finder("Search", ITEMS, DARK, window)
    made.taken = []
    made.chosen.connect(made.taken.append)
    made.show_over(window)
    yield made
    window.close()  # and the finder with it


@pytest.mark.parametrize(
    ("text", "best"),
    [
        ("ros", "Rosenbrock"),
        ("rsb", "Rosenbrock"),
        ("valley", "Rosenbrock"),
        ("BOO", "Booth"),
        ("adam", "Adam"),
        ("theme", "Light theme"),
        ("light th", "Light theme"),
        ("optimizer:adam", "Adam"),
        ("adaptive infinity", "AdaMax"),
    ],
)
def test_the_best_match_comes_first(text, best):
    found = [(rank(text, item), i) for i, item in enumerate(ITEMS)]
    assert ITEMS[min(found)[1]].title == best


def test_words_that_are_nowhere_match_nothing(finder):
    QTest.keyClicks(finder._line, "zzz")
    assert finder.titles() == ["Nothing found"]
    QTest.keyClick(finder._line, Qt.Key.Key_Return)
    assert finder.taken == []
    assert finder.isVisible()


def test_all_is_listed_in_order_until_something_is_typed(finder):
    assert finder.titles() == [item.title for item in ITEMS]
    QTest.keyClicks(finder._line, "ada")
    assert finder.titles()[:2] == ["Adam", "AdaMax"]


def test_arrows_move_and_return_takes(finder):
    for key in (Qt.Key.Key_Down, Qt.Key.Key_Down, Qt.Key.Key_Up):
        QTest.keyClick(finder._line, key)
    QTest.keyClick(finder._line, Qt.Key.Key_Return)
    assert finder.taken == ["problem:booth"]
    assert not finder.isVisible()


def test_arrows_stay_in_the_list(finder):
    QTest.keyClick(finder._line, Qt.Key.Key_PageUp)
    assert finder._list.currentRow() == 0
    QTest.keyClick(finder._line, Qt.Key.Key_PageDown)
    assert finder._list.currentRow() == len(ITEMS) - 1


def test_what_is_grey_cannot_be_taken(finder):
    QTest.keyClicks(finder._line, "adamax")
    QTest.keyClick(finder._line, Qt.Key.Key_Return)
    row = finder._list.visualItemRect(finder._list.item(0))
    QTest.mouseClick(finder._list.viewport(), Qt.MouseButton.LeftButton, pos=row.center())
    assert finder.taken == []
    assert finder.isVisible()
    assert finder._list.item(0).toolTip() == "needs torch"


def test_a_click_takes(finder):
    row = finder._list.visualItemRect(finder._list.item(2))
    QTest.mouseClick(finder._list.viewport(), Qt.MouseButton.LeftButton, pos=row.center())
    assert finder.taken == ["optimizer:adam"]


def test_escape_closes(finder):
    QTest.keyClick(finder._line, Qt.Key.Key_Escape)
    assert not finder.isVisible()
    assert finder.taken == []

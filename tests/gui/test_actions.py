"""Every command once: unique names and keys, a method behind each, an icon that exists."""

import collections

import pytest
from PySide6.QtGui import QKeySequence
from PySide6.QtWidgets import QLineEdit

from lab.assets import asset
from lab.gui.actions import COMMANDS, MENUS


def test_names_are_unique_and_belong_to_a_menu():
    names = [spec.name for spec in COMMANDS]
    assert len(set(names)) == len(names)
    assert {name.partition(".")[0].capitalize() for name in names} == set(MENUS)


def test_no_key_has_two_meanings():
    keys = collections.Counter(
        QKeySequence(key).toString() for spec in COMMANDS for key in spec.keys
    )
    assert [key for key, count in keys.items() if count > 1] == []
    assert all(keys)


@pytest.mark.parametrize(
    ("key", "name"),
    [
        ("Space", "experiment.play"),
        ("Right", "experiment.forward"),
        ("Left", "experiment.back"),
        ("Home", "experiment.first"),
        ("End", "experiment.last"),
        ("Ctrl+O", "file.open"),
        ("Ctrl+S", "file.save"),
        ("Ctrl+E", "file.export"),
        ("Ctrl+Z", "edit.undo"),
        ("F11", "view.full_screen"),
        ("Ctrl+Shift+P", "view.palette"),
    ],
)
def test_keys_people_expect(key, name):
    assert key in next(spec.keys for spec in COMMANDS if spec.name == name)


def test_icons_exist():
    for spec in COMMANDS:
        if spec.icon:
            assert asset(f"icons/{spec.icon}.svg").is_file()


def test_all_are_in_the_menus_and_the_palette(window):
    listed = {
        action.objectName()
        for menu in window.menuBar().actions()
        for action in menu.menu().actions()
    }
    assert {spec.name for spec in COMMANDS} <= listed
    assert [action.objectName() for action in window.commands] == [s.name for s in COMMANDS]


def test_space_types_a_space_where_text_is_typed(window, qtbot):
    box = QLineEdit(window)
    box.show()
    box.setFocus()
    qtbot.keyClicks(box, "a b")
    assert box.text() == "a b"
    assert not window.bridge.frame.playing

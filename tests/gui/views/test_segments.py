"""A small switch between a few words."""

from PySide6.QtCore import Qt
from PySide6.QtTest import QTest

from lab.gui.views.segments import Segments


def test_one_word_is_chosen_and_only_the_user_tells(qtbot, dressed):
    switch, told = Segments(["density", "over time"], ["as it is", "as it was"]), []
    qtbot.addWidget(switch)
    switch.chosen.connect(told.append)
    assert switch.choice == "density"
    switch.choose("over time")
    assert switch.choice == "over time"
    assert told == []
    switch.show()
    QTest.mouseClick(switch._buttons["density"], Qt.MouseButton.LeftButton)
    assert told == ["density"]
    assert switch.choice == "density"
    assert switch._buttons["over time"].toolTip() == "as it was"

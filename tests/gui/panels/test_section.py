"""Small parts of the left column."""

import pytest
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QWheelEvent
from PySide6.QtWidgets import QApplication, QLabel, QVBoxLayout, QWidget

from lab.gui.panels.section import Elided, Picker, Section, Slider, WideButton, emptied


@pytest.fixture
def holder(qtbot, dressed):
    made = QWidget()
    qtbot.addWidget(made)
    return made


def wheel(widget) -> bool:
    """Turn the wheel over a widget; whether it was taken."""
    none, phase = Qt.MouseButton.NoButton, Qt.ScrollPhase.NoScrollPhase
    keys = Qt.KeyboardModifier.NoModifier
    at, turn = QPointF(5, 5), QPoint(0, 120)
    event = QWheelEvent(at, at, QPoint(), turn, none, keys, phase, False)
    event.ignore()
    QApplication.sendEvent(widget, event)
    return event.isAccepted()


def test_headings_are_upper_case(holder):
    section = Section("Lanes", holder)
    assert section.findChild(QLabel).text() == "LANES"


def test_the_wheel_scrolls_the_column_and_turns_no_knob(holder, qtbot):
    picker, slider = Picker(holder), Slider(holder)
    picker.addItems(["one", "two"])
    picker.setCurrentIndex(1)
    holder.show()
    slider.setRange(0, 10)
    slider.setValue(5)
    assert not wheel(picker)
    assert not wheel(slider)
    assert (picker.currentIndex(), slider.value()) == (1, 5)
    slider.setFocus()
    qtbot.waitUntil(slider.hasFocus)
    wheel(slider)
    assert slider.value() != 5


@pytest.mark.parametrize("part", [Elided, WideButton])
def test_texts_that_do_not_fit_end_in_dots(holder, part):
    widget = part(holder)
    widget.resize(90, 24)
    short, long = "a name", "a name that is much longer than there is room for"
    pictures = []
    for text in (short, long, long[:30]):
        widget.setText(text)
        pictures.append(widget.grab().toImage())
    assert pictures[0] != pictures[1]
    assert pictures[1] == pictures[2]  # what is cut off makes no difference
    assert widget.text() == long[:30]
    assert widget.minimumSizeHint().width() >= 0
    assert widget.sizePolicy().horizontalPolicy().name == "Ignored"


def test_an_emptied_layout_has_nothing(holder):
    column = QVBoxLayout(holder)
    labels = [QLabel(str(number), holder) for number in range(3)]
    for label in labels:
        column.addWidget(label)
    column.addStretch(1)
    emptied(column)
    assert column.count() == 0
    assert all(label.isHidden() for label in labels)

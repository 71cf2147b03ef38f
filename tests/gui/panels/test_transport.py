"""The transport bar: what may be typed into it, and its slider of speeds."""

import math

import pytest
from PySide6.QtCore import Qt

from lab.gui.panels.transport import FASTEST, SLOWEST, whole_number


@pytest.mark.parametrize(
    ("text", "number"),
    [("0", 0), (" 50 ", 50), ("1 000", 1000), ("1,000", 1000), ("1\u202f000\u202f000", 10**6)],
)
def test_whole_numbers_however_they_are_set(text, number):
    assert whole_number(text, "step") == number


@pytest.mark.parametrize("text", ["", "abc", "-5", "1.5", "1e3", "99999999999", "٣x"])
def test_anything_else_is_one_sentence(text):
    with pytest.raises(ValueError, match=r"step = .*: a whole number from 0 to 1,000,000,000"):
        whole_number(text, "step")


def test_a_step_that_is_typed_is_gone_to(user):
    bar = user.window.transport
    user.go(60)
    user.type_into(bar.step_box, "12")
    assert user.state.cursor == 12
    assert user.frame.head == 60
    assert not bar.step_box.hasFocus()  # so that Space plays
    user.type_into(bar.step_box, "300")
    user.settle()
    assert user.state.cursor == user.frame.head == 300
    assert user.experiment.steps == 300
    user.undo()
    assert user.experiment.steps == 220


@pytest.mark.parametrize("text", ["abc", "-5", "99999999999999"])
def test_nonsense_changes_nothing_and_can_be_put_right(user, text):
    bar = user.window.transport
    user.go(20)
    for box in (bar.step_box, bar.end_box):
        user.type_into(box, text)
        assert box.wrong
        assert any("a whole number" in sentence for sentence in user.notices)
        assert box.text() == text
        user.look(3)
        assert box.text() == text
    assert (user.state.cursor, user.frame.head, user.experiment.steps) == (20, 20, 220)
    bar.step_box.setFocus()
    user.key(Qt.Key.Key_Escape)
    assert bar.step_box.text() == "20"
    user.type_into(bar.end_box, "250")
    assert not bar.end_box.wrong
    assert user.experiment.steps == 250


def test_the_end_moves_and_moves_back(user):
    bar = user.window.transport
    user.go(30)
    for text, steps in (("1 000", 1000), ("10", 10), ("0", 0)):
        user.type_into(bar.end_box, text)
        user.settle()
        assert user.experiment.steps == steps
    for steps in (10, 1000, 220):
        user.undo()
        assert user.experiment.steps == steps
    assert bar.end_box.text() == "220"
    assert user.frame.head == 30


def test_speeds_go_from_one_a_second_to_flat_out(user):
    bar = user.window.transport
    slider = bar._speed
    told = []
    bar.speed_chosen.connect(told.append)
    slider.setValue(slider.minimum())
    slider.setValue(slider.maximum() - 1)
    slider.setValue(slider.maximum())
    assert told == [SLOWEST, pytest.approx(FASTEST), math.inf]
    assert bar._speed_text.text() == "flat out"
    assert bar.speed == math.inf


def test_speed_is_remembered(user_of, tmp_path):
    first = user_of("")
    first.window.transport.set_speed(float("inf"))
    first.window.close()
    assert user_of("").window.transport.speed == float("inf")


def test_what_happened_is_on_the_timeline(user):
    line = user.window.transport.timeline
    user.go(30)
    user.window.document.set_knob("Adam", "lr", 0.5)
    user.settle()
    user.go(10)
    user.key(Qt.Key.Key_B)
    user.settle()
    assert [(mark.step, mark.short) for mark in line._marks] == [(10, "branch"), (30, "lr → 0.5")]
    assert line._marks[1].long == "step 30: Adam, lr set to 0.5"
    user.window.grab()


def test_steps_and_pixels_agree(user):
    line = user.window.transport.timeline
    user.look()
    for step in (0, 1, 110, 219, 220):
        assert line.step_of(line.x_of(step)) == pytest.approx(step, abs=1)
    assert line.step_of(-100) == 0
    assert line.step_of(10**6) == 220

"""The chip over a plot: words, a button, and when work is worth a word."""

import pytest
from PySide6.QtWidgets import QWidget

from lab.engine.messages import JobState
from lab.gui.views.chip import SLOW, Chip, progress

JOB = JobState("roughness", "sgd", 0.37, 1, 12.4, "300 values")


@pytest.fixture
def room(dressed, qtbot):
    room = QWidget()
    qtbot.addWidget(room)
    room.resize(400, 200)
    room.show()
    return room


def test_it_has_words_and_a_button(room, qtbot):
    chip = Chip(room)
    chip.say("measured at step 3", "measure here", "Measure at the cursor")
    assert chip.words == ""  # hidden
    chip.show()
    assert chip.words == "measured at step 3"
    assert chip._button.toolTip() == "Measure at the cursor"
    wide = chip.width()
    with qtbot.waitSignal(chip.pressed):
        chip._button.click()
    room.resize(260, 200)
    chip.say("30 % · 8 s left · 2,601 values · about 12 s · 3.1 MB", "cancel", "")
    assert chip.width() <= room.width()
    assert chip.words.startswith("30 % · 8 s left")
    assert not chip.words.endswith("MB")
    chip.say("", "cancel", "")
    assert chip.property("bare")
    assert chip.width() < wide


def test_work_is_worth_a_word_once_it_lasts(room, monkeypatch):
    now = [0.0]
    monkeypatch.setattr("lab.gui.views.chip.time.monotonic", lambda: now[0])
    chip = Chip(room)
    brief = JOB._replace(left=None)
    assert not chip.is_slow(None)
    assert not chip.is_slow(brief)
    now[0] += 1.1 * SLOW
    assert chip.is_slow(brief)
    assert not chip.is_slow(brief._replace(done=0.1))  # another one
    assert chip.is_slow(JOB)  # it will last
    assert not chip.is_slow(None)
    assert not chip.is_slow(brief)


@pytest.mark.parametrize(
    ("left", "cost", "words"),
    [
        (12.4, "300 values", "37 % · 12 s left · 300 values"),
        (1200.0, "", "37 % · 20 min left"),
        (0.2, "", "37 %"),
        (None, "", "37 %"),
    ],
)
def test_how_far_work_is(left, cost, words):
    assert progress(JOB._replace(left=left, cost=cost)) == words
    assert progress(JOB, "surface").startswith("surface 37 %")

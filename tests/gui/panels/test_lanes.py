"""The card of a lane."""

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest

import lab
from lab.gui.panels.lanes import FIRST, LaneCard
from lab.palette import DARK, LIGHT


@pytest.fixture
def card(qtbot, dressed):
    def make(lane: lab.Lane) -> LaneCard:
        made = LaneCard(lane.renamed(lane.name or lane.optimizer), "#ff8800", DARK, None)
        qtbot.addWidget(made)
        made.resize(270, made.sizeHint().height())
        made.show()
        made.told = []
        for name in ("knob_changed", "knob_committed", "runs_committed"):
            getattr(made, name).connect(lambda *what, name=name: made.told.append((name, *what)))
        for name in ("removed", "hidden", "chosen"):
            getattr(made, name).connect(lambda what, name=name: made.told.append((name, what)))
        return made

    return make


@pytest.mark.parametrize("optimizer", sorted(lab.catalogue("optimizer")))
def test_every_optimizer_has_a_card_with_all_its_knobs(card, optimizer):
    one = card(lab.Lane(optimizer))
    rows = [name for form in one.forms for name in form._rows]
    assert sorted(rows) == sorted(item.name for item in one.lane.entry.knobs)
    assert len(one.forms[0]._rows) <= FIRST
    assert not one.is_open
    low = one.sizeHint().height()
    one.more.click()
    assert one.is_open
    assert one.sizeHint().height() > low
    assert one.minimumSizeHint().width() <= 270


@pytest.mark.parametrize(
    ("lane", "words"),
    [
        (lab.Lane("adam"), "1 run"),
        (lab.Lane("adam", runs=7), "7 seeds"),
        (lab.Lane("adam", lr=[0.1, 0.2], runs=3), "6 runs · sweep"),
    ],
)
def test_it_counts_its_runs(card, lane, words):
    one = card(lane)
    one.show_lane(lane, dict(lane.knobs))
    assert one._count.text() == words


def test_buttons_and_clicks_name_the_lane(card):
    one = card(lab.Lane("adam", name="mine"))
    one.eye.click()
    one.close_button.click()
    QTest.mouseClick(one, Qt.MouseButton.LeftButton, pos=one.rect().bottomLeft())
    assert one.told == [("hidden", "mine"), ("removed", "mine"), ("chosen", "mine")]


def test_its_edge_has_the_lanes_colour_and_selection_shades_it(card):
    one = card(lab.Lane("adam"))
    assert one.grab().toImage().pixelColor(1, one.height() // 2).name() == "#ff8800"
    plain = one.grab().toImage().pixelColor(8, 3)
    one.show_state(visible=True, selected=True)
    assert one.grab().toImage().pixelColor(8, 3) != plain
    eye = one.eye.icon().pixmap(16).toImage()
    one.show_state(visible=False, selected=False)
    assert one.eye.icon().pixmap(16).toImage() != eye
    one.set_theme("#00aa00", LIGHT)
    assert one.grab().toImage().pixelColor(1, one.height() // 2).name() == "#00aa00"

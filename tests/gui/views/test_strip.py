"""The strip of facts."""

import pytest

from lab.gui.views.strip import SHORTEST, Strip, fitted
from lab.palette import DARK, LIGHT


@pytest.mark.parametrize(
    ("widths", "room", "cut"),
    [
        ([50, 60], 200, [50, 60]),
        ([50, 160], 150, [50, 100]),
        ([100, 160], 150, [100, 50]),
        ([300, 300, 20], 50, [SHORTEST, SHORTEST, 20]),
        ([], 10, []),
    ],
)
def test_the_longest_are_cut_first(widths, room, cut):
    assert fitted(widths, room) == cut


def test_facts_are_written_in_the_themes_colours(qtbot, dressed):
    strip = Strip()
    qtbot.addWidget(strip)
    strip.resize(400, strip.sizeHint().height())
    pictures = [strip.grab().toImage()]
    strip.say([("plane", "exact"), ("loss at cursor", "1.23e−4")])
    assert strip.toolTip() == "plane: exact\nloss at cursor: 1.23e−4"
    for look in (DARK, LIGHT):
        strip.set_theme(look)
        pictures.append(strip.grab().toImage())
    assert pictures[0] != pictures[1] != pictures[2]


def test_a_narrow_strip_cuts_its_values_and_does_not_ask_for_room(qtbot, dressed):
    strip = Strip()
    qtbot.addWidget(strip)
    strip.say([("plane", "principal directions of very many points"), ("seed", "0")])
    strip.resize(120, strip.sizeHint().height())
    assert not strip.grab().isNull()
    assert strip.minimumSizeHint().width() <= 120

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


def test_what_does_not_fit_on_one_line_takes_two_and_stays_so_until_it_is_wider(qtbot, dressed):
    strip = Strip()
    qtbot.addWidget(strip)
    strip.show()
    facts = [("plane", "pca, 87 % of the variance"), ("off-plane", "2.3 (all 1–2)"), ("seed", "0")]
    strip.resize(600, strip.sizeHint().height())
    low = strip.sizeHint().height()
    strip.say(facts)
    assert strip.lines() == [facts]
    assert strip.sizeHint().height() == low
    strip.resize(300, low)
    assert strip.lines() == [facts[:1], facts[1:]]
    high = strip.sizeHint().height()
    assert high > 1.5 * low - 10
    strip.say([("plane", "exact")])
    assert strip.sizeHint().height() == high
    strip.resize(600, high)
    assert strip.sizeHint().height() == low

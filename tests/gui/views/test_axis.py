"""Ticks and their numbers."""

import pytest

from lab.gui.views.axis import Axis


@pytest.mark.parametrize(
    ("low", "high", "texts"),
    [
        (0, 100, ["0", "20", "40", "60", "80", "100"]),
        (-0.25, 0.25, ["−0.2", "0.0", "0.2"]),
        (0, 0.003, ["0.000", "0.001", "0.002", "0.003"]),
        (0, 4e6, ["0", "1·10⁶", "2·10⁶", "3·10⁶", "4·10⁶"]),
    ],
)
def test_plain_numbers_with_the_digits_they_need(qapp, low, high, texts):
    axis = Axis("left")
    ((spacing, values), *_) = axis.tickValues(low, high, 100)
    assert axis.tickStrings(values, 1.0, spacing) == texts


def test_whole_decades_thinned_to_fit(qapp):
    axis = Axis("left")
    axis.setLogMode(y=True)
    ((_, values),) = axis.tickValues(-6.2, 2.3, 120)
    assert axis.tickStrings(values, 1.0, 1.0) == ["10⁻⁶", "10⁻³", "10⁰"]
    assert axis.tickValues(0.1, 0.4, 120)[0][1]  # less than a decade: ticks all the same

"""Ticks and their numbers."""

import numpy as np
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


@pytest.mark.parametrize(
    ("low", "high", "texts"),
    [
        (3, 70, ["5", "10", "20", "50"]),
        (1.3, 2.6, ["1.5", "2", "2.5"]),
        (16.8, 17.6, ["17", "17.5"]),
        (0.02, 0.09, ["0.02", "0.05"]),
        (1000.1, 1000.4, ["1000.1", "1000.3"]),
    ],
)
def test_a_log_axis_of_less_than_a_decade_has_round_numbers_that_do_not_crowd(
    qapp, low, high, texts
):
    axis = Axis("left")
    axis.setLogMode(y=True)
    ((_, values),) = axis.tickValues(np.log10(low), np.log10(high), 140)
    found = axis.tickStrings(values, 1.0, 1.0)
    assert len(found) == len(set(found)) <= 4, found
    assert len(values) >= 2
    assert all(np.log10(low) <= value <= np.log10(high) for value in values)
    assert set(texts) <= set(found), found


@pytest.mark.parametrize("size", [20, 32, 60, 100])
@pytest.mark.parametrize(("low", "high"), [(0.03, 0.13), (-0.05, 0.22), (0, 1), (110, 119)])
def test_numbers_of_a_low_axis_do_not_touch(qapp, low, high, size):
    values = [x for _, part in Axis("left").tickValues(low, high, size) for x in part]
    assert 1 <= len(values) <= max(2, size / 15)
    assert all(low <= value <= high for value in values)

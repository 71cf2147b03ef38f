"""Numbers in few characters."""

import math

import pytest

from lab.gui.views.words import dot, short, table


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0"),
        (2.0, "2.00"),
        (-4.567, "−4.57"),
        (0.0123, "0.0123"),
        (0.00123456, "0.00123"),
        (0.000297, "2.97e−4"),
        (-1.2e-6, "−1.20e−6"),
        (999.6, "1000"),
        (12345.0, "12345"),
        (3.72e6, "3.72e6"),
        (1e300, "1.00e300"),
        (math.nan, "–"),
        (math.inf, "∞"),
        (-math.inf, "−∞"),
    ],
)
def test_three_significant_digits(value, text):
    assert short(value) == text


def test_fewer_digits():
    assert short(0.0347, 1) == "0.03"


def test_a_reading_is_rich_text():
    text = table([(dot("#ff0000"), "SGD", "1.00")], "step 3")
    assert "step 3" in text
    assert text.count("<td") == 3
    assert "#ff0000" in text

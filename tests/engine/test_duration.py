"""Seconds in words."""

import pytest

from lab.engine.duration import duration


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.0, "1 ms"),
        (0.04, "40 ms"),
        (0.99999, "1 s"),
        (2.0, "2 s"),
        (2.46, "2.5 s"),
        (9.97, "10 s"),
        (99.4, "99 s"),
        (99.6, "1.7 min"),
        (600.0, "10 min"),
        (5969.0, "99 min"),
        (9000.0, "2.5 h"),
        (720_000.0, "200 h"),
    ],
)
def test_seconds_as_people_say_them(seconds, text):
    assert duration(seconds) == text

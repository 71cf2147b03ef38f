"""Crosses where runs start: shared ones move together, within the window."""

import numpy as np
import pytest

from lab.gui.views.starts import MOST, Starts


@pytest.fixture
def starts(qapp):
    made = Starts()
    made.told = []
    made.moved.connect(made.told.append)
    made.set_limits(((-2.0, 2.0), (-1.0, 1.0)))
    return made


def rows(*points):
    return np.array(points, dtype=float)


def test_runs_that_start_together_share_a_cross(starts):
    starts.show_starts(
        [("a", rows((0, 0), (1, 0)), True), ("b", rows((0, 0)), True), ("c", rows((1, 0)), False)]
    )
    assert [(cross.point, cross.owners) for cross in starts.crosses] == [
        ((0.0, 0.0), (("a", 0), ("b", 0))),
        ((1.0, 0.0), (("a", 1),)),
    ]


def test_all_that_share_a_start_move_and_others_stay(starts):
    starts.show_starts([("a", rows((0, 0), (1, 0)), True), ("b", rows((0, 0)), True)])
    assert starts.move_start(("b", 0), (0.5, 0.25))
    assert starts.told == [{"a": [[0.5, 0.25], [1.0, 0.0]], "b": [[0.5, 0.25]]}]
    assert starts.crosses[0].point == (0.5, 0.25)


def test_starts_stay_in_the_window_and_are_short_numbers(starts):
    starts.show_starts([("a", rows((0, 0)), True)])
    starts.move_start(("a", 0), (5.0, 0.123456789))
    assert starts.told == [{"a": [[2.0, 0.123457]]}]


def test_a_start_that_may_not_move_stays(starts):
    starts.show_starts([("a", rows((0, 0)), False)])
    assert not starts.move_start(("a", 0), (0.5, 0.5))
    assert not starts.move_start(("nobody", 0), (0.5, 0.5))
    assert starts.told == []
    assert len(starts.crosses) == 1


def test_on_a_curve_the_height_follows(starts):
    starts.set_limits(((-2.0, 2.0),), lambda x: x**2)
    starts.show_starts([("a", rows((1, 1)), True)])
    starts.move_start(("a", 0), (-1.5, 77.0))
    assert starts.crosses[0].point == (-1.5, 2.25)


def test_points_that_are_nowhere_have_no_cross_and_there_are_not_too_many(starts):
    starts.show_starts([("a", rows((np.nan, 0), (0, 0)), True)])
    assert len(starts.crosses) == 1
    many = np.stack([np.arange(2 * MOST), np.zeros(2 * MOST)], axis=1)
    starts.show_starts([("a", many, True)])
    assert len(starts.crosses) == MOST

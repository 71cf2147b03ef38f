"""All runs on the ground: paths, places, starts."""

import numpy as np
import pytest

from lab.gui.state import ViewState
from lab.gui.views.ground import NativeGround
from lab.gui.views.runs import Runs
from lab.palette import DARK

LANES = [(0, "sgd"), (2, "adam")]  # of one run, and of five


@pytest.fixture
def runs(surface):
    state = ViewState()
    state.cursor, state.lane, state.run = 20, "adam", 3
    made, ground = Runs(state), NativeGround(surface.header["problem"])

    def look(cursor: int = 20, *, free: bool = True) -> Runs:
        state.cursor = cursor
        made.look(surface, ground, LANES, DARK, free=free)
        return made

    return look


def test_the_selected_run_stands_out(runs, surface):
    heads = runs().heads
    assert [len(head.points) for head in heads] == [4, 1, 1]
    assert [head.large for head in heads] == [False, True, True]
    chosen = surface.theta("adam")[20, 3]
    assert any(np.allclose(head.points, chosen) for head in heads if head.large)
    assert [line.points.shape[1] for line in runs().lines] == [1, 5]


def test_at_the_start_crosses_say_where_few_runs_are(runs):
    assert runs(0).heads == []


def test_starts_can_be_moved_where_the_problem_allows(runs, surface):
    starts = runs().starts
    assert [(name, len(points), free) for name, points, free in starts] == [
        ("sgd", 1, True),
        ("adam", 5, True),
    ]
    assert np.allclose(starts[1][1], surface.theta("adam")[0])
    assert not any(free for *_, free in runs(free=False).starts)

"""Surfaces are asked for and taken; answers to old questions are passed over."""

from types import SimpleNamespace

import numpy as np
import pytest

from lab.engine.analysis.plane import Plane
from lab.engine.messages import Frame, Partial, Trouble
from lab.gui.state import ViewState
from lab.gui.views.ground import PLANE_POINTS
from lab.gui.views.survey import KEY, Survey

WINDOW = ((-2.0, 1.0), (-3.0, 4.0))


class Stand:
    """A bridge that keeps what is asked for."""

    def __init__(self, dim: int):
        problem = {"dim": dim, "names": ["x", "y"][:dim], "window": WINDOW if dim == 2 else None}
        recording = SimpleNamespace(header={"problem": problem}, lanes=["sgd", "adam"])
        self.frame, self.asked = Frame(recording=recording, target=64), []

    def post(self, name, *args, key=()):
        assert (name, args[0], args[1]) == ("ask", "surface", KEY)
        self.asked.append(args[2])

    def answer(self, value, done=1.0, **fields):
        partials = {KEY: Partial(done, value)}
        self.frame = self.frame._replace(partials=partials, **fields)


def surface(plane=None, step: float = 1.0):
    axis = step * np.linspace(-1, 1, 5).astype(np.float32)
    return SimpleNamespace(x=axis, y=axis, loss=np.ones((5, 5)), plane=plane)


def a_plane(seed: int) -> Plane:
    center, d1, d2 = np.random.default_rng(seed).normal(size=(3, 9))
    return Plane(center, d1, d2, "pca", "principal directions", np.array([0.6, 0.3]))


@pytest.fixture
def look(qapp):
    def make(dim: int, plane: str):
        bridge, state = Stand(dim), ViewState(plane=plane, lane="sgd")
        survey = Survey(bridge, state, None)
        survey.framed.connect(lambda window: framed.append(window))
        framed: list = []
        survey.begin()
        return survey, bridge, state, framed

    return make


def test_a_surface_of_two_variables_is_asked_for_as_it_is_seen(look):
    survey, bridge, _, framed = look(2, "native")
    assert framed == [WINDOW]
    assert [ask["window"] for ask in bridge.asked] == [WINDOW]
    bridge.answer(surface())
    assert survey.look()
    assert not survey.look()  # nothing is new
    survey.view_moved(((0.0, 1.0), (0.0, 1.0)))
    survey._settle.timeout.emit()
    assert bridge.asked[-1]["window"] == ((0.0, 1.0), (0.0, 1.0))
    count = len(bridge.asked)
    survey._ask()
    assert len(bridge.asked) == count
    survey.show_all()
    assert framed[-1] == WINDOW


def test_a_plane_is_framed_by_its_surface_in_plain_numbers(look):
    survey, bridge, _, framed = look(9, "pca")
    assert bridge.asked[-1]["points"] == PLANE_POINTS
    assert "window" not in bridge.asked[-1]
    bridge.answer(surface(a_plane(0)), done=0.1)
    assert survey.look()
    assert framed == [((-1.0, 1.0), (-1.0, 1.0))]
    assert all(type(value) is float for ends in framed[0] for value in ends)
    assert bridge.asked[-1]["on"] is survey.ground.plane
    assert survey.done == 0.1


def test_a_plane_follows_the_run_until_the_user_chooses_what_is_seen(look):
    survey, bridge, state, _ = look(9, "pca")
    bridge.answer(surface(a_plane(0)), head=0)
    survey.look()
    old = survey.ground
    state.cursor = 20
    bridge.frame = bridge.frame._replace(head=20, playing=True)
    count = len(bridge.asked)
    survey.look()
    assert bridge.asked[count]["step"] == 20
    assert survey.ground is old  # until the new one is there
    survey.look()
    assert len(bridge.asked) == count + 1  # asked once
    bridge.answer(surface(a_plane(1)))
    survey.look()
    assert survey.ground.step == 20
    survey.view_taken()
    state.cursor = 60
    count = len(bridge.asked)
    survey.look()
    assert len(bridge.asked) == count


def test_a_run_that_ended_is_seen_at_its_end_and_one_that_is_replayed_is_asked_once(look):
    survey, bridge, state, _ = look(9, "pca")
    state.cursor = 60
    bridge.answer(surface(a_plane(0)), head=64, position=60, playing=False)
    survey.begin()
    bridge.answer(surface(a_plane(1)))
    survey.look()
    count = len(bridge.asked)
    survey.look()
    assert len(bridge.asked) == count  # the head is ahead of what is shown: that is no news
    state.cursor = 64
    survey.look()
    assert bridge.asked[count]["step"] == 64


def test_trouble_is_kept_until_there_is_an_answer(look):
    survey, bridge, _, _ = look(9, "points")
    bridge.answer(Trouble("three lanes are needed", "trace"))
    assert survey.look()
    assert survey.trouble == "three lanes are needed"
    bridge.answer(surface(a_plane(0)))
    assert survey.look()
    assert survey.trouble == ""


def test_an_answer_from_before_another_plane_was_chosen_is_passed_over(look):
    survey, bridge, state, _ = look(2, "native")
    state.plane = "random"
    survey.begin()
    bridge.answer(surface())  # of the variables themselves
    assert not survey.look()
    assert survey.surface is None


def test_nothing_is_asked_of_a_recording_that_can_only_be_looked_at(qapp):
    bridge = Stand(2)
    bridge.frame = bridge.frame._replace(readonly=True)
    survey = Survey(bridge, ViewState(), None)
    survey.begin()
    survey.look()
    assert bridge.asked == []

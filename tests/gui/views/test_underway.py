"""Work on the landscape that is told of, stopped and gone on with."""

from types import SimpleNamespace

import pytest
from PySide6.QtWidgets import QWidget

from lab.engine.messages import Frame, JobState
from lab.gui.views.underway import UnderWay

SURFACE = JobState("surface", "sgd", 0.37, 1, 12.4, "2,601 values")
CURVATURE = JobState("curvature_map", "sgd", 0.5, 1, 3.0)


class Source:
    """Stands where the survey, or the layers, would."""

    def __init__(self, heard: list, name: str):
        self.stopped, self.done, self.curved = False, 0.37, False
        self.cancel = lambda: heard.append(f"cancel {name}")
        self.go_on = lambda: heard.append(f"go on {name}")


@pytest.fixture
def scene(dressed, qtbot):
    room = QWidget()
    qtbot.addWidget(room)
    room.resize(700, 400)
    room.show()
    heard, bridge = [], SimpleNamespace(frame=Frame())
    survey, layers = Source(heard, "surface"), Source(heard, "curvature")
    line = UnderWay(room, bridge, survey, layers)

    def look(**asked: JobState) -> str:
        bridge.frame = Frame(asked={(name,): job for name, job in asked.items()})
        line.look()
        return line.words

    return SimpleNamespace(
        look=look, line=line, heard=heard, room=room, survey=survey, layers=layers
    )


def test_a_surface_is_told_of_with_a_way_to_stop_it_and_to_go_on(scene):
    assert scene.look() == ""
    assert scene.look(surface=SURFACE) == "surface 37 % · 12 s left · 2,601 values"
    scene.line._button.click()
    scene.survey.stopped = True
    assert scene.look() == "surface stopped at 37 %"
    scene.line._button.click()
    assert scene.heard == ["cancel surface", "go on surface"]
    scene.survey.done = 1.0
    assert scene.look() == ""


def test_curvature_comes_before_the_surface_under_it(scene):
    scene.layers.curved = True
    assert scene.look(surface=SURFACE).startswith("surface")
    assert scene.look(surface=SURFACE, curvature_map=CURVATURE) == "curvature 50 % · 3 s left"
    scene.line._button.click()
    scene.layers.stopped = True
    assert scene.look() == "curvature stopped at 37 %"
    scene.line._button.click()
    assert scene.heard == ["cancel curvature", "go on curvature"]


def test_what_is_done_in_no_time_is_not_told_of(scene):
    assert scene.look(surface=SURFACE._replace(left=0.1)) == ""


def test_a_planned_surface_is_nobodys_to_stop(scene):
    assert scene.look(probe=SURFACE) == ""


def test_a_narrow_panel_has_the_share_alone(scene):
    scene.room.resize(120, 200)
    assert scene.look(surface=SURFACE) == "surface 37 %"

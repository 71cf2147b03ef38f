"""How the landscape is looked at."""

from lab.engine.surface_requests import PLANES as KNOWN
from lab.gui.panels.look_box import PLANES, SCALINGS
from lab.palette import COLOUR_MAPS


def test_all_planes_of_the_engine_can_be_chosen():
    assert set(PLANES) == set(KNOWN)


def test_boxes_and_state_say_the_same(user):
    box = user.panel.look
    assert box.plane.currentData() == user.state.plane == "native"
    assert box.log.isChecked() == user.state.log_scale
    assert [box.colours.itemText(i) for i in range(box.colours.count())] == list(COLOUR_MAPS)
    user.state.log_scale = not user.state.log_scale
    user.state.colour_map = "cividis"
    assert box.log.isChecked() == user.state.log_scale
    assert box.colours.currentText() == "cividis"
    box.log.click()
    box.colours.textActivated.emit("grey")
    assert box.log.isChecked() == user.state.log_scale
    assert user.state.colour_map == "grey"


def test_a_surface_can_be_seen_on_a_random_plane_and_again_as_it_is(user):
    box = user.panel.look
    survey = user.landscape._survey
    box.plane.activated.emit(box.plane.findData("random"))
    user.until(lambda: survey.ground.kind == "random" and survey.done == 1)
    assert not user.landscape._movable()
    box.plane.activated.emit(box.plane.findData("native"))
    user.until(lambda: survey.ground.exact and survey.done == 1)
    assert user.landscape._movable()
    assert user.notices == []


def test_the_scaling_is_offered_for_random_directions(user):
    box = user.panel.look
    assert not box.scaling.isVisible()
    box.plane.activated.emit(box.plane.findData("random"))
    survey = user.landscape._survey
    user.until(lambda: survey.ground.kind == "random" and survey.done == 1)
    assert box.scaling.isVisible()
    row = list(SCALINGS).index(("layer", "code"))
    box.scaling.activated.emit(row)
    user.until(lambda: survey.done == 1 and user.frame.job is None)
    assert (user.state.scaling, user.state.bias) == ("layer", "code")

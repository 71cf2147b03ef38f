"""The landscape in the window: starts that are dragged and set, the view that is moved, planes."""

import re

import numpy as np
import pytest
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QWheelEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

import lab

LEFT = Qt.MouseButton.LeftButton


def starts(user) -> dict[str, list]:
    return {lane.name: [list(row) for row in lane.start] for lane in user.experiment.lanes}


def test_opens_with_its_surface_drawn(user):
    survey = user.landscape._survey
    assert survey.done == 1
    assert survey.surface.loss.shape == (257, 257)
    picture = user.landscape.grab().toImage()
    colours = {
        picture.pixelColor(x, y).name()
        for x in range(100, picture.width() - 60, 23)
        for y in range(60, picture.height() - 100, 23)
    }
    assert len(colours) > 50
    assert user.frame.position == 0


def test_a_cross_that_is_dragged_moves_all_lanes_that_start_there(user):
    user.run_to_end()
    before = starts(user)
    theta = user.recording.theta("Adam").copy()
    path = [(-0.3, -0.6), (0.5, 0.2), (1.0, -1.5), (2.0, -2.0)]
    user.drag(user.viewport, [user.plot_point(*point) for point in path])
    user.settle()
    moved = starts(user)
    assert set(map(str, moved.values())) == {str(moved["SGD"])}
    assert moved["SGD"][0] == pytest.approx([2.0, -2.0], abs=0.05)
    assert user.frame.head == user.frame.position == 220
    assert user.state.cursor == 220
    assert np.allclose(user.recording.theta("Adam")[0, 0], moved["Adam"][0])
    expected = lab.run(user.experiment)
    assert np.array_equal(user.recording.theta("Adam"), expected.theta("Adam"))
    assert user.undo_text == "Undo move of the start"
    user.undo()
    assert starts(user) == before
    assert np.array_equal(user.recording.theta("Adam"), theta)
    user.redo()
    assert starts(user) == moved


def test_two_drags_are_two_steps_of_undo(user):
    first = starts(user)
    for path in ([(-0.3, -0.6), (1.0, 1.0), (2.0, 0.0)], [(2.0, 0.0), (1.0, -1.0), (0.0, -3.0)]):
        user.drag(user.viewport, [user.plot_point(*point) for point in path])
        user.settle()
    assert starts(user)["SGD"][0] == pytest.approx([0.0, -3.0], abs=0.05)
    user.undo()
    assert starts(user)["SGD"][0] == pytest.approx([2.0, 0.0], abs=0.05)
    user.undo()
    assert starts(user) == first


def test_a_click_sets_the_start(user):
    user.go(15)
    QTest.mouseClick(user.viewport, LEFT, pos=user.plot_point(3.0, -3.0))
    user.settle()
    for rows in starts(user).values():
        assert rows[0] == pytest.approx([3.0, -3.0], abs=0.05)
    assert user.frame.head == 15
    user.undo()
    assert starts(user)["SGD"] == [[-0.3, -0.6]]


def test_starts_stay_in_the_window(user):
    (low, high), _ = user.recording.header["problem"]["window"]
    box = user.landscape._plot.getPlotItem().getViewBox().viewRange()
    assert box[0][1] > high
    inside = [(-0.3, -0.6), (2.0, 0.0), ((box[0][1] + high) / 2, 0.0)]
    user.drag(user.viewport, [user.plot_point(*point) for point in inside])
    user.settle()
    assert starts(user)["SGD"][0][0] == high
    again = lab.Experiment.from_toml(user.experiment.to_toml())
    assert again == user.experiment
    assert low < high


def test_the_start_of_a_lane_with_branches_stays(user):
    user.go(20)
    user.go(10)
    user.key(Qt.Key.Key_B)
    user.settle()
    before = starts_of(user, "SGD")
    user.state.lane = "SGD"
    user.look(2)
    QTest.mouseClick(user.viewport, LEFT, pos=user.plot_point(3.0, 3.0))
    user.settle()
    assert any("a branch shares the past" in sentence for sentence in user.notices)
    assert starts_of(user, "SGD") == before
    path = [(-0.3, -0.6), (1.0, 1.0), (2.0, 2.0)]  # the others may still be moved
    user.drag(user.viewport, [user.plot_point(*point) for point in path])
    user.settle()
    assert starts_of(user, "SGD") == before
    assert starts_of(user, "Adam") == pytest.approx([2.0, 2.0], abs=0.05)


def starts_of(user, lane: str) -> list[float]:
    return list(user.experiment.lane(lane).start[0])


def wheel(user, at: QPoint, notches: int) -> None:
    viewport = user.viewport
    event = QWheelEvent(
        QPointF(at),
        QPointF(viewport.mapToGlobal(at)),
        QPoint(0, 0),
        QPoint(0, 120 * notches),
        Qt.MouseButton.NoButton,
        Qt.KeyboardModifier.NoModifier,
        Qt.ScrollPhase.NoScrollPhase,
        False,
    )
    QApplication.sendEvent(viewport, event)


def test_zooming_asks_for_a_finer_surface_once_it_rests(user):
    survey = user.landscape._survey
    before = survey.surface
    wheel(user, user.plot_point(3.0, 2.0), 5)
    box = user.landscape._box

    def is_of_what_is_seen() -> bool:
        return survey.done == 1 and abs(survey.surface.x[0] - box.viewRange()[0][0]) < 1e-6

    user.until(lambda: survey.surface is not before and is_of_what_is_seen())
    assert np.ptp(survey.surface.x) < 0.8 * np.ptp(before.x)
    assert survey.surface.loss.shape == (257, 257)
    user.key(Qt.Key.Key_0, Qt.KeyboardModifier.ControlModifier)
    user.until(lambda: abs(box.viewRange()[0][0] - before.x[0]) < 0.2 and is_of_what_is_seen())


def test_dragging_beside_a_cross_moves_the_view(user):
    before, first = starts(user), user.landscape._box.viewRange()[0][0]
    path = [(-3.0, 3.0), (-2.0, 3.0), (-1.0, 3.0)]
    user.drag(user.viewport, [user.plot_point(*point) for point in path])
    user.settle()
    assert user.landscape._box.viewRange()[0][0] < first - 0.5
    assert starts(user) == before


def test_the_pointer_reads_coordinates_and_loss(user):
    QTest.mouseMove(user.viewport, user.plot_point(1.0, -2.0))
    words = user.window.status.pointer.text().replace("−", "-").split()
    x, y, loss = float(words[1]), float(words[3]), float(words[6])
    assert (x, y) == pytest.approx((1.0, -2.0), abs=0.05)
    assert loss == pytest.approx(lab.problem("himmelblau").value([x, y]), rel=1e-2)


def test_strip_says_what_is_true(user):
    user.go(30)
    facts = dict(user.landscape._strip.facts)
    loss = float(user.recording.scalar("SGD", "loss")[30, 0])
    assert facts["plane"] == "exact"
    assert facts["off-plane"] == "0"
    assert float(facts["loss at cursor"]) == pytest.approx(loss, rel=1e-2)
    assert facts["data"] == "all"
    assert facts["seed"] == "0"


def test_hidden_lanes_are_not_drawn(user):
    user.go(10)
    assert len(user.landscape._picture.trails.lines) == 3
    user.cards["Momentum"].eye.click()
    user.look(4)
    assert len(user.landscape._picture.trails.lines) == 2
    assert not user.state.shows("Momentum")
    user.cards["Momentum"].eye.click()
    user.look(4)
    assert len(user.landscape._picture.trails.lines) == 3


def test_log_scale_and_colours_change_the_picture(user):
    def picture():
        user.look(2)
        return user.landscape.grab().toImage()

    before = picture()
    user.key(Qt.Key.Key_L)
    assert not user.state.log_scale
    assert not user.panel.look.log.isChecked()
    linear = picture()
    assert linear != before
    user.panel.look.colours.textActivated.emit("magma")
    assert user.state.colour_map == "magma"
    assert picture() != linear
    user.panel.look.log.click()
    assert user.state.log_scale
    assert user.window.commands["view.log_scale"].isChecked()


@pytest.fixture
def network(user_of, tmp_path):
    path = tmp_path / "moons.toml"
    lanes = [lab.Lane("sgd", lr=0.5), lab.Lane("adam", lr=0.05), lab.Lane("rmsprop", lr=0.01)]
    problem = {"name": "moons_mlp", "widths": [8], "samples": 64}
    path.write_text(lab.Experiment(problem, lanes, steps=64, device="cpu").to_toml())
    return user_of(path)


def test_network_has_a_plane_that_follows_the_run(network):
    survey = network.landscape._survey
    assert network.state.plane == "pca"
    assert "until the paths have an extent" in survey.ground.text
    assert not network.landscape._movable()
    network.run_to_end()
    network.until(lambda: survey.ground.step == 64 and survey.done == 1)
    assert "of their variance" in survey.ground.text
    facts = dict(network.landscape._strip.facts)
    assert "% of the variance" in facts["plane"]
    own, least, most = map(float, re.findall(r"[\d.]+", facts["off-plane"]))
    assert 0 < least <= own <= most
    assert float(facts["on the plane"]) > 0
    ends = survey.ground.plane.coordinates(network.recording.theta("adam")[-1])
    (left, right), (low, high) = network.landscape._box.viewRange()
    assert left < ends[0, 0] < right
    assert low < ends[0, 1] < high


@pytest.mark.parametrize("plane", ["random", "points", "eigen"])
def test_network_can_be_seen_on_other_planes(network, plane):
    network.go(16)
    combo = network.panel.look.plane
    combo.activated.emit(combo.findData(plane))
    survey = network.landscape._survey
    network.until(lambda: survey.ground.kind == plane and survey.done == 1)
    assert survey.surface.loss.shape == (51, 51)
    assert np.isfinite(survey.surface.loss).all()
    assert network.notices == []


def test_the_view_of_a_plane_moves_on_the_same_plane(network):
    network.go(16)
    survey = network.landscape._survey
    network.until(lambda: survey.done == 1)
    before, plane = survey.surface, survey.ground.plane
    wheel(network, network.viewport.rect().center(), 4)
    network.until(lambda: survey.surface is not before and survey.done == 1)
    for name in ("center", "d1", "d2"):
        assert np.array_equal(getattr(survey.ground.plane, name), getattr(plane, name))
    assert np.ptp(survey.surface.x) < np.ptp(before.x)
    network.go(40)  # what the user chose to see is not taken away
    assert survey.ground.plane is plane or np.array_equal(survey.ground.plane.d1, plane.d1)


def test_a_plane_that_cannot_be_is_said(user_of, tmp_path):
    path = tmp_path / "one.toml"
    problem = {"name": "moons_mlp", "widths": [4], "samples": 32}
    experiment = lab.Experiment(problem, [lab.Lane("sgd", lr=0.1)], steps=8, device="cpu")
    path.write_text(experiment.to_toml())
    one = user_of(path)
    combo = one.panel.look.plane
    combo.activated.emit(combo.findData("points"))
    one.until(lambda: one.notices)
    assert any("three lanes" in sentence for sentence in one.notices)
    assert "three lanes" in one.landscape._survey.trouble
    combo.activated.emit(combo.findData("pca"))
    one.until(lambda: one.landscape._survey.done == 1)
    assert one.landscape._survey.trouble == ""


def test_one_variable_is_a_curve_with_the_runs_on_it(user_of, tmp_path):
    path = tmp_path / "f1.toml"
    experiment = lab.Experiment("diffgrad_f1", [lab.Lane("adam", lr=0.05)], steps=40)
    path.write_text(experiment.to_toml())
    one = user_of(path)
    picture, survey = one.landscape._picture, one.landscape._survey
    assert picture._profile.shape == (801, 1, 2)
    assert np.allclose(picture._profile[:, 0, 1], survey.surface.loss)
    low, high = one.landscape._box.viewRange()[1]
    assert low < survey.surface.loss.min() < survey.surface.loss.max() < high
    one.run_to_end()
    (head,) = picture.heads
    theta = float(one.recording.theta("adam")[-1, 0, 0])
    loss = float(one.recording.scalar("adam", "loss")[-1, 0])
    assert head.points[0] == pytest.approx([theta, loss])
    start = one.landscape._starts.crosses[0].point
    one.drag(
        one.viewport, [one.plot_point(*start), one.plot_point(0.0, 0.5), one.plot_point(0.6, 0.2)]
    )
    one.settle()
    assert one.experiment.lane("adam").start[0] == pytest.approx((0.6,), abs=0.02)

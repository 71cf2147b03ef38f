"""The left column: problems and optimizers are found, chosen, and taken back."""

import itertools

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication

import lab

CTRL = Qt.KeyboardModifier.ControlModifier


def name_of(problem) -> str:
    return getattr(problem, "name", problem)


def test_another_problem_is_found_run_and_taken_back(user):
    user.go(30)
    before = user.experiment
    user.problem("rosen")
    assert name_of(user.experiment.problem) == "rosenbrock"
    assert user.frame.position == user.frame.head == 0
    assert user.experiment.title == ""
    assert "Rosenbrock" in user.window.windowTitle()
    assert user.panel.problem.button.text().startswith("Rosenbrock")
    assert list(user.panel.problem.form._rows) == ["a", "b"]
    knobs = {lane.name: dict(lane.knobs) for lane in user.experiment.lanes}
    assert knobs == {lane.name: dict(lane.knobs) for lane in before.lanes}
    user.run_to_end()
    expected = lab.run(user.experiment)
    assert (user.recording.theta("Adam") == expected.theta("Adam")).all()
    user.undo()
    assert user.experiment == before
    assert user.frame.head == 30
    assert user.panel.problem.button.text().startswith("Himmelblau")
    user.redo()
    assert name_of(user.experiment.problem) == "rosenbrock"
    assert [text.partition(" with")[0] for text in user.notices] == ["SGD diverged at step 5"]


def test_a_problem_without_a_window_has_other_planes(user):
    user.problem("moons")
    assert user.state.plane == "pca"
    rows = user.panel.look.plane.model()
    assert [rows.item(row).isEnabled() for row in range(rows.rowCount())] == [False] + [True] * 5
    user.undo()
    assert user.state.plane == "native"
    assert rows.item(0).isEnabled()


def test_an_optimizer_is_added_selected_and_taken_back(user):
    user.key(Qt.Key.Key_L, CTRL)
    user.find("rmsprop")
    assert list(user.recording.lanes) == ["SGD", "Momentum", "Adam", "rmsprop"]
    assert user.state.lane == "rmsprop"
    assert list(user.cards)[-1] == "rmsprop"
    user.key(Qt.Key.Key_L, CTRL)
    user.find("rmsprop")
    assert user.state.lane == "rmsprop-2"
    user.undo()
    user.undo()
    assert list(user.recording.lanes) == ["SGD", "Momentum", "Adam"]
    assert user.state.lane in user.recording.lanes
    user.redo()
    assert user.state.lane == "rmsprop"


def test_a_lane_added_later_catches_up(user):
    user.go(25)
    user.key(Qt.Key.Key_L, CTRL)
    user.find("adagrad")
    user.settle()
    assert user.recording.records["adagrad"].head == 25
    assert user.frame.head == 25


def test_all_problems_and_optimizers_can_be_found(user):
    keys = {item.key for item in user.panel.findable()}
    wanted = {f"problem:{name}" for name in lab.catalogue("problem") if name != "file"}
    assert keys == wanted | {f"optimizer:{name}" for name in lab.catalogue("optimizer")}
    groups = [item.group for item in user.panel._items("problem")]
    assert len(set(groups)) == sum(a != b for a, b in itertools.pairwise(groups)) + 1


def test_what_does_not_fit_is_greyed_with_a_reason(user):
    user.problem("formula")  # with abs in it
    unfit = {item.key: item.trouble for item in user.panel._items("optimizer") if item.trouble}
    assert "optimizer:newton" in unfit
    assert "abs" in unfit["optimizer:newton"]
    user.key(Qt.Key.Key_L, CTRL)
    finder = QApplication.activePopupWidget()
    user.find("newton")
    assert finder.isVisible()  # nothing was taken
    assert "newton" not in user.recording.lanes
    finder.close()


def test_unknown_names_are_one_sentence(user):
    user.panel.take("problem:rosenbrok")
    user.panel.take("optimizer:adamm")
    assert any("rosenbrock" in sentence for sentence in user.notices)
    assert any("adam" in sentence for sentence in user.notices)
    assert len(user.notices) == 2
    assert user.window.document.stack.count() == 0

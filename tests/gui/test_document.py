"""The open experiment: its name, what is saved, and which sessions the engine keeps."""

import pytest
from PySide6.QtCore import Qt

import lab
from lab.gui.document import latest_knobs


def test_the_title_names_the_experiment_or_its_problem(user):
    assert user.window.windowTitle().startswith("Himmelblau, three rules · not saved")
    user.panel.take("problem:booth")
    user.settle()
    assert user.window.document.title == "Booth · not saved"
    assert user.window.menus.corner.title.text() == "Booth · not saved"


def test_what_is_opened_begins_a_new_history(user, tmp_path):
    user.cards["SGD"].close_button.click()
    user.settle()
    path = tmp_path / "booth.toml"
    path.write_text(lab.Experiment("booth", [lab.Lane("adam")], steps=9).to_toml())
    user.window.document.open(path, path)
    user.settle()
    assert user.window.document.stack.count() == 0
    assert user.window.document.path == path
    assert not user.window.document.unsaved
    assert user.window.settings["recent"] == [str(path)]


def test_sessions_that_nobody_can_reach_are_let_go(user):
    shelf = user.window.bridge._worker._engine._shelf
    for name in ("booth", "beale", "matyas"):
        user.panel.take(f"problem:{name}")
        user.settle()
    assert len(shelf._sessions) == 4
    user.undo()
    user.undo()
    user.panel.take("problem:ackley")  # beale and matyas cannot be redone any more
    user.settle()
    assert len(shelf._sessions) == 3
    user.window.files.new()
    user.settle()
    assert len(shelf._sessions) == 1


def test_undo_of_another_problem_finds_the_steps_again(user):
    user.go(60)
    recording, theta = user.recording, user.recording.theta("Adam").copy()
    user.panel.take("problem:booth")
    user.settle()
    user.go(5)
    user.undo()
    assert user.recording is recording
    assert user.frame.head == user.state.cursor == 60
    assert (user.recording.theta("Adam") == theta).all()
    user.redo()
    assert user.recording.header["problem"]["title"] == "Booth"
    assert user.frame.head == 5


def test_a_change_the_engine_refuses_is_no_step_of_undo(user):
    user.go(10)
    before = user.experiment
    spec = user.experiment.lane("Adam")
    user.window.document.restart_lane(spec.replace(start=[[1.0, 2.0, 3.0]]))
    user.settle()
    assert user.experiment == before
    assert user.window.document.stack.count() == 0
    assert not user.window.commands["edit.redo"].isEnabled()
    assert len(user.notices) == 1


def test_lanes_that_do_not_fit_another_problem_are_left_out_and_said(user):
    user.panel.take("optimizer:newton")
    user.settle()
    user.panel.take("problem:formula")  # has a kink: no second derivatives
    user.settle()
    assert "newton" not in user.recording.lanes
    assert any("newton" in sentence for sentence in user.notices)
    user.undo()
    assert "newton" in user.recording.lanes


def test_a_moved_end_is_one_step_of_undo_however_it_was_moved(user):
    document = user.window.document
    for steps in (230, 240, 250):
        document.set_steps(steps)
    user.settle()
    assert user.frame.target == 250
    assert document.stack.count() == 1
    document.settle()
    document.set_steps(100)
    user.settle()
    assert document.stack.count() == 2
    user.undo()
    user.undo()
    assert user.frame.target == 220


def test_changes_that_follow_each_other_at_once_are_undone_one_by_one(user):
    """However long the engine takes to answer the first."""
    user.go(10)
    document = user.window.document
    first = {"lr": latest_knobs(user.experiment.lane("Adam"))["lr"], "steps": 220}
    starts = user.experiment.lane("SGD").start, ((1.0, 1.0),), ((2.0, 2.0),)
    plans = user.experiment.probes, (lab.ProbePlan("roughness", 50),), ()
    for number in (1, 2):  # nothing is settled in between
        for change in (
            lambda n: document.set_knob("Adam", "lr", 0.01 * n),
            lambda n: document.set_steps(300 + n),
            lambda n: document.set_starts({"SGD": starts[n]}),
            lambda n: document.set_probes(plans[n]),
        ):
            change(number)
            document.settle()

    def present():
        experiment = user.experiment
        lr = latest_knobs(experiment.lane("Adam"))["lr"]
        return lr, experiment.steps, experiment.lane("SGD").start, experiment.probes

    user.settle()
    assert present() == (0.02, 302, starts[2], plans[2])
    for _ in range(4):
        user.undo()
    assert present() == (0.01, 301, starts[1], plans[1])
    for _ in range(4):
        user.undo()
    assert present() == (first["lr"], first["steps"], starts[0], plans[0])
    for _ in range(8):
        user.redo()
    assert present() == (0.02, 302, starts[2], plans[2])


def test_a_knob_that_was_turned_back_leaves_no_trace(user):
    user.go(10)
    before = user.experiment.to_toml()
    user.window.document.set_knob("Adam", "lr", 0.05)
    user.settle()
    assert user.experiment.to_toml() != before
    user.undo()
    assert user.experiment.to_toml() == before


def test_history_has_an_end(user):
    document = user.window.document
    for number in range(60):
        document.settle()
        document.set_steps(221 + number)
        user.look()
    assert document.stack.count() == 50
    user.key(Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    user.settle()
    assert user.frame.target == 279


@pytest.mark.parametrize("step", [0, 7])
def test_the_latest_knobs_are_those_after_all_changes(step):
    lane = lab.Lane("adam", lr=0.1).with_change(step, {"lr": 0.5})
    assert latest_knobs(lane)["lr"] == 0.5
    assert latest_knobs(lane)["beta1"] == 0.9

"""Undo and redo of everything, in any order."""

from PySide6.QtCore import Qt

CTRL = Qt.KeyboardModifier.ControlModifier
SHIFT = Qt.KeyboardModifier.ShiftModifier


def test_names_say_what_would_be_undone(user):
    undo, redo = user.window.commands["edit.undo"], user.window.commands["edit.redo"]
    assert (undo.text(), redo.text()) == ("Undo", "Redo")
    assert not undo.isEnabled()
    assert not redo.isEnabled()
    user.cards["SGD"].close_button.click()
    user.settle()
    assert undo.text() == "Undo remove SGD"
    user.undo()
    assert (undo.text(), redo.text()) == ("Undo", "Redo remove SGD")
    assert not undo.isEnabled()
    user.key(Qt.Key.Key_Y, CTRL)
    user.settle()
    assert undo.isEnabled()
    assert "SGD" not in user.recording.lanes


def test_a_whole_history_is_walked_back_and_forth(user):
    """Every kind of change, each followed by some steps; then all the way back and forth."""
    window = user.window
    user.go(12)
    changes = [
        lambda: user.type_into(user.number("Adam", "lr"), "0.03"),
        lambda: user.type_into(user.number("SGD", "lr"), "0.001, 0.002"),
        lambda: user.panel.measures.rows["evaluation"].box.click(),
        lambda: user.cards["Momentum"].close_button.click(),
        lambda: user.panel.take("optimizer:rmsprop"),
        lambda: window.running.branch(),
        lambda: window.transport._type_end("90"),
        lambda: window.document.set_starts({"Adam": [[1.0, 1.0]]}),
        lambda: user.panel.numerics.dtype.textActivated.emit("float64"),
        lambda: user.panel.take("problem:beale"),
        lambda: user.panel.take("optimizer:nadam"),
        lambda: window.running.restart(),
    ]
    seen = [told(user)]
    for number, change in enumerate(changes, start=1):
        change()
        user.settle()
        assert window.document.stack.count() == number
        assert told(user) != seen[-1] or number == len(changes)
        seen.append(told(user))
    for expected in seen[-2::-1]:
        user.undo()
        assert told(user) == expected
    assert not window.commands["edit.undo"].isEnabled()
    for expected in seen[1:]:
        user.redo()
        assert told(user) == expected
    assert user.notices == []


def told(user) -> str:
    """The experiment as text, its lanes in order of their names: one that comes back is last.

    A knob that was turned there and back counts as not turned.
    """
    experiment = user.experiment
    fields = [getattr(experiment, name) for name in ("problem", "steps", "dtype", "probes")]
    for lane in sorted(experiment.lanes, key=lambda lane: lane.name):
        fields += [lane.name, lane.optimizer, lane.knobs_at(experiment.steps)]
        fields += [lane.start, lane.runs, lane.branch_of, lane.branch_step]
    return str(fields)


def test_a_change_after_undo_forgets_what_could_be_redone(user):
    user.panel.take("optimizer:nadam")
    user.settle()
    user.undo()
    assert user.window.commands["edit.redo"].isEnabled()
    user.panel.take("optimizer:adagrad")
    user.settle()
    assert not user.window.commands["edit.redo"].isEnabled()
    assert "nadam" not in user.recording.lanes

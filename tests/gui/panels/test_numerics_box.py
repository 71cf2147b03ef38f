"""Precision and device."""


def test_precision_is_a_change_that_can_be_taken_back(user):
    user.go(12)
    before, picker = user.experiment, user.panel.numerics.dtype
    picker.textActivated.emit("float64")
    user.settle()
    assert user.experiment.dtype == picker.currentText() == "float64"
    assert user.frame.head == user.frame.position == 12
    assert user.recording.theta("Adam").dtype == "float64"
    assert user.undo_text == "Undo precision"
    user.undo()
    assert user.experiment == before
    assert user.recording.theta("Adam").dtype == picker.currentText() == before.dtype


def test_a_device_that_is_not_there_changes_nothing(user):
    before, picker = user.experiment, user.panel.numerics.device
    picker.textActivated.emit("cpu")
    user.settle()
    assert user.experiment.device == "cpu"
    picker.textActivated.emit("cuda:77")
    user.settle()
    assert user.experiment.device == picker.currentText() == "cpu"
    (sentence,) = user.notices
    assert "cuda" in sentence
    assert not user.window.document.stack.canRedo()
    user.undo()
    assert user.experiment == before


def test_a_numbered_device_of_a_file_is_listed(user):
    box = user.panel.numerics
    box.show_experiment(user.experiment.__class__("booth", user.experiment.lanes, device="cuda:1"))
    assert box.device.currentText() == "cuda:1"
    assert [box.device.itemText(i) for i in range(4)] == ["auto", "cpu", "cuda", "mps"]

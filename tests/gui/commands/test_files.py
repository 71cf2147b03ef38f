"""Opening and saving in the window, with everything that can be wrong about a file."""

import shutil
import sqlite3
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QFileDialog, QPushButton

import lab

CTRL = Qt.KeyboardModifier.ControlModifier
TOML = 'problem = "booth"\nsteps = 20\nlanes = [{optimizer = "adam", lr = 0.1}]\n'


@pytest.fixture
def answer(monkeypatch):
    """Answers the next file dialog."""

    def with_(name: Path | str, kind: str = "") -> None:
        def choose(*_):
            return str(name), kind

        monkeypatch.setattr(QFileDialog, "getOpenFileName", choose)
        monkeypatch.setattr(QFileDialog, "getSaveFileName", choose)

    return with_


@pytest.fixture(scope="module")
def recorded(tmp_path_factory) -> Path:
    """A recording of 30 steps."""
    path = tmp_path_factory.mktemp("recorded") / "booth.lab"
    lanes = [lab.Lane("adam", lr=0.1), lab.Lane("sgd", lr=0.01, runs=2)]
    lab.run(lab.Experiment("booth", lanes, steps=30), to=path)
    return path


def opened(user, path: Path) -> None:
    user.window.files.open_file(path)
    user.settle()


def test_a_recording_is_saved_opened_and_gone_on_with(user, answer, tmp_path):
    user.go(40)
    theta = user.recording.theta("Adam").copy()
    answer(tmp_path / "mine")
    user.key(Qt.Key.Key_S, CTRL)
    user.settle()
    assert user.notices == ["saved mine.lab"]
    assert user.window.windowTitle().startswith("mine.lab · saved")
    assert user.window.settings["recent"] == [str(tmp_path / "mine.lab")]
    kept = lab.open(tmp_path / "mine.lab")
    assert np.array_equal(kept.theta("Adam"), theta)
    kept.close()
    user.go(50)
    assert "not saved" in user.window.windowTitle()
    user.key(Qt.Key.Key_S, CTRL)  # it has a name now
    user.settle()
    assert "· saved" in user.window.windowTitle()
    user.key(Qt.Key.Key_N, CTRL)
    user.settle()
    assert user.frame.head == 0
    assert user.window.document.path is None
    answer(tmp_path / "mine.lab")
    user.key(Qt.Key.Key_O, CTRL)
    user.settle()
    assert user.frame.head == user.frame.position == user.state.cursor == 50
    assert not user.frame.readonly
    user.run_to_end()
    assert np.array_equal(user.recording.theta("Adam"), lab.run(user.experiment).theta("Adam"))


def test_an_experiment_is_saved_as_text(user, answer, tmp_path):
    user.go(10)
    answer(tmp_path / "mine.v2", "Experiment (*.toml)")
    user.window.commands["file.save_as"].trigger()
    user.settle()
    path = tmp_path / "mine.v2.toml"
    assert lab.Experiment.load(path) == user.experiment
    user.go(20)  # steps are no part of it
    assert "· saved" in user.window.windowTitle()
    user.cards["Adam"].close_button.click()
    user.settle()
    assert "not saved" in user.window.windowTitle()
    user.undo()
    assert "· saved" in user.window.windowTitle()


def test_a_dialog_that_is_cancelled_changes_nothing(user, answer, tmp_path):
    answer("")
    user.key(Qt.Key.Key_S, CTRL)
    user.key(Qt.Key.Key_O, CTRL)
    user.settle()
    assert user.window.document.path is None
    assert user.notices == []
    assert list(tmp_path.glob("*.lab")) == []


def test_a_folder_that_cannot_be_written_is_said(user, answer, tmp_path):
    (tmp_path / "file").write_text("")
    for name in ("file/mine.lab", "file/mine.toml"):
        answer(tmp_path / name)
        user.window.commands["file.save_as"].trigger()
        user.settle()
        assert str(tmp_path / "file") in user.notices[-1]
    assert user.window.document.path is None
    assert "not saved" in user.window.windowTitle()


BAD_TEXTS = {
    "unknown problem": ('problem = "rosenbrok"\n', "rosenbrock"),
    "unknown optimizer": ('problem = "booth"\nlanes = [{optimizer = "adamm"}]\n', "adam"),
    "unknown key": (TOML + "stepz = 3\n", "stepz"),
    "unknown knob": (TOML.replace("lr =", "learning =", 1), "learning"),
    "wrong type": (TOML.replace("steps = 20", 'steps = "many"'), "steps"),
    "out of range": (TOML.replace("lr = 0.1", "lr = -1.0"), "lr"),
    "not a number": (TOML.replace("lr = 0.1", "lr = nan"), "lr"),
    "start outside": (TOML.replace("lr = 0.1", "start = [[99.0, 0.0]]"), "99"),
    "start of another shape": (TOML.replace("lr = 0.1", "start = [[1.0, 0.0, 2.0]]"), "start"),
    "no text": (TOML.replace("=", "", 1), "line 1"),
    "empty": ("", "problem"),
}


def test_experiments_that_make_no_sense_are_one_sentence_and_change_nothing(user, tmp_path):
    user.go(12)
    before, theta = user.recording, user.recording.theta("Adam").copy()
    for name, (text, word) in BAD_TEXTS.items():
        path = tmp_path / f"{name.replace(' ', '-')}.toml"
        path.write_text(text)
        opened(user, path)
        sentence = user.notices[-1]
        assert sentence.startswith(path.name), name
        assert word in sentence, name
        assert "\n" not in sentence
        assert user.recording is before
    assert np.array_equal(user.recording.theta("Adam"), theta)
    assert user.window.settings["recent"] == []
    assert user.window.document.path is None
    user.go(14)  # and it goes on


def test_files_that_are_no_recordings_are_one_sentence(user, recorded, tmp_path):
    before = user.recording
    whole = recorded.read_bytes()
    (tmp_path / "text.lab").write_text("not a lab")
    (tmp_path / "short.lab").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "empty.lab").write_bytes(b"")
    (tmp_path / "folder.lab").mkdir()
    shutil.copy(recorded, tmp_path / "newer.lab")
    with sqlite3.connect(tmp_path / "newer.lab") as base:
        base.execute("PRAGMA user_version = 99")
    base.close()
    with sqlite3.connect(tmp_path / "other.lab") as base:
        base.execute("CREATE TABLE things(x)")
    base.close()
    for name, word in {
        "text.lab": "is not a .lab file",
        "short.lab": "damaged or cut short",
        "empty.lab": "is not a .lab file",
        "folder.lab": "folder.lab",
        "newer.lab": "newer",
        "other.lab": "some other database",
        "nowhere.lab": "nowhere.lab",
        "nowhere.toml": "nowhere.toml",
    }.items():
        opened(user, tmp_path / name)
        assert word in user.notices[-1]
        assert user.notices[-1].count("\n") == 0
    opened(user, tmp_path / "picture.png")
    assert "only .toml experiments and .lab recordings" in user.notices[-1]
    assert user.recording is before
    assert not (tmp_path / "nowhere.lab").exists()
    assert user.window.settings["recent"] == []


def test_a_window_that_is_started_on_a_bad_file_still_shows_a_lab(user_of, tmp_path):
    (tmp_path / "bad.toml").write_text("nonsense")
    one = user_of(tmp_path / "bad.toml")
    assert one.recording.header["problem"]["title"] == "Himmelblau"
    (sentence,) = one.notices
    assert sentence.startswith("bad.toml")


def test_a_recording_of_something_unknown_can_be_looked_at(user_of, recorded, tmp_path):
    path = tmp_path / "old.lab"
    shutil.copy(recorded, path)
    with sqlite3.connect(path) as base:
        for table, column in (("meta", "value"), ("lanes", "data")):
            base.execute(f"UPDATE {table} SET {column} = replace({column}, 'adam', 'adem')")
    base.close()
    one = user_of(path)
    assert one.frame.readonly
    assert any("adem" in sentence for sentence in one.notices)
    assert not one.panel.lanes_list.isEnabled()
    assert one.frame.head == 30
    one.window.running.go_to(7)
    one.settle()
    assert one.state.cursor == 7
    one.key(Qt.Key.Key_Right)
    one.settle()
    assert one.state.cursor == 8
    facts = dict(one.landscape._strip.facts)
    assert facts["data"] == "all"
    one.key(Qt.Key.Key_Space)
    one.look(4)
    assert one.frame.head == 30


def test_guided_and_recent_files_are_in_the_menu(user, recorded):
    menus = user.window.menus
    opened(user, recorded)
    menus._menus["File"].aboutToShow.emit()
    assert [action.text() for action in menus.recent.actions()] == [str(recorded)]
    (saddle,) = [a for a in menus.guided.actions() if "saddle" in a.text().lower()]
    saddle.trigger()
    user.settle()
    assert user.window.document.path is None
    assert user.recording.header["problem"]["title"] != "Booth"
    menus.recent.actions()[0].trigger()
    user.settle()
    assert user.window.document.path == recorded
    assert user.frame.head == 30


def test_the_script_on_the_clipboard_is_this_experiment(user):
    user.go(5)
    user.window.commands["file.copy_script"].trigger()
    user.settle()
    script = QGuiApplication.clipboard().text()
    compile(script, "script.py", "exec")
    assert "himmelblau" in script
    assert user.notices == ["the script is on the clipboard"]


def test_what_a_lab_left_behind_is_offered_and_goes_on(user_of):
    first = user_of("")
    first.go(60)
    theta = first.recording.theta("Adam").copy()
    first.window.close()  # not saved: the next lab asks
    later = user_of("")
    (sentence,) = later.notices
    assert "not saved" in sentence
    (notice,) = later.window.notices._alive()
    press(notice, "Open it")
    later.settle()
    assert later.frame.head == 60
    assert np.array_equal(later.recording.theta("Adam"), theta)
    assert "not saved" in later.window.windowTitle()
    later.go(70)
    assert later.frame.head == 70


def test_what_was_left_behind_can_be_deleted(user_of, tmp_path):
    first = user_of("")
    first.go(10)
    first.window.close()
    assert len(list(tmp_path.glob("data/autosave/*/*.lab"))) == 1
    later = user_of("")
    press(later.window.notices._alive()[0], "Delete")
    later.look(2)
    left = {path.parent for path in tmp_path.glob("data/autosave/*/*.lab")}
    assert left <= {later.window.autosave._folder}


def press(notice, word: str) -> None:
    (button,) = [b for b in notice.findChildren(QPushButton) if b.text() == word]
    button.click()

"""The export dialog: formats, progress, cancel, and folders that cannot be written."""

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

import lab
from lab.gui.panels.export_dialog import ExportDialog

CTRL = Qt.KeyboardModifier.ControlModifier
QUICK = ["csv", "npz", "toml", "py", "lab"]


def dialog() -> ExportDialog:
    found = [w for w in QApplication.topLevelWidgets() if isinstance(w, ExportDialog)]
    return next(box for box in found if box.isVisible())


def press(box: ExportDialog, word: str) -> None:
    button = next(b for b in box._buttons.buttons() if b.text().replace("&", "") == word)
    button.click()


@pytest.fixture
def run(user):
    """Somebody who ran a little."""
    user.go(20)
    return user


def test_everything_is_written_where_it_was_asked_for(run, tmp_path):
    run.key(Qt.Key.Key_E, CTRL)
    box = dialog()
    assert box.chosen() == ["png", "csv", "npz", "py"]
    out = tmp_path / "new" / "folder"
    box.choose(QUICK, str(out))
    press(box, "Export")
    assert not box._go.isEnabled()
    run.until(lambda: not box.isVisible())
    names = sorted(path.name for path in out.iterdir())
    count = len(names)
    assert run.notices == [f"wrote {count} files into {out}"]
    assert {path.suffix for path in out.iterdir()} >= {".csv", ".npz", ".toml", ".py", ".lab"}
    (toml,) = out.glob("*.toml")
    assert lab.Experiment.load(toml) == run.experiment
    (kept,) = [lab.open(path) for path in out.glob("*.lab")]
    assert (kept.theta("Adam") == run.recording.theta("Adam")).all()
    kept.close()
    assert not list(out.glob("*.part"))


def test_each_panel_is_exported_alone(run, tmp_path):
    for name in ("landscape", "loss", "spectrum", "roughness", "connectivity"):
        run.window.docks[name]._export.click()
        box = dialog()
        assert name in box.windowTitle()
        assert box.chosen() == ["png", "svg", "pdf"]
        assert not box._boxes["csv"].isVisible()
        box.choose(["svg"], str(tmp_path / name))
        box._dpi.setCurrentText("100 dpi")
        press(box, "Export")
        run.until(lambda box=box: not box.isVisible())
        paths = list((tmp_path / name).iterdir())
        assert paths
        assert all(path.suffix == ".svg" for path in paths)
        assert all("<svg" in path.read_text(encoding="utf-8") for path in paths)
        assert f"into {tmp_path / name}" in run.notices[-1]


def test_nothing_ticked_is_said(run, tmp_path):
    run.window.popups.export("")
    box = dialog()
    box.choose([], str(tmp_path / "out"))
    press(box, "Export")
    assert box._trouble.text() == "tick at least one format"
    assert box._trouble.isVisible()
    assert not (tmp_path / "out").exists()
    run.window.running.go_to(30)  # the run goes on behind it
    run.settle()
    assert run.frame.head == 30
    press(box, "Cancel")
    assert not box.isVisible()


def test_a_folder_that_cannot_be_written_is_said_and_can_be_changed(run, tmp_path):
    (tmp_path / "file").write_text("")
    run.window.popups.export("")
    box = dialog()
    box.choose(["toml"], str(tmp_path / "file" / "out"))
    press(box, "Export")
    run.until(lambda: box._trouble.isVisible())
    assert box._trouble.text().startswith(str(tmp_path / "file"))
    assert "\n" not in box._trouble.text()
    assert box.isVisible()
    assert box._go.isEnabled()
    box.choose(["toml"], str(tmp_path / "out"))
    press(box, "Export")
    run.until(lambda: not box.isVisible())
    assert list((tmp_path / "out").glob("*.toml"))


def test_cancel_leaves_no_half_files(run, tmp_path):
    run.window.popups.export("")
    box = dialog()
    box.choose(["png", "svg", "pdf", "gif"], str(tmp_path / "out"))
    press(box, "Export")
    run.look(1)
    QTest.keyClick(box, Qt.Key.Key_Escape)
    assert not box.isVisible()
    run.settle()
    assert run.frame.job is None
    assert not list(tmp_path.glob("out/*.part"))
    assert not list(tmp_path.glob("out/*.gif"))
    assert run.notices == []


def test_progress_names_what_is_being_written(run, tmp_path):
    run.window.popups.export("")
    box = dialog()
    box.choose(["png", "csv"], str(tmp_path / "out"))
    press(box, "Export")
    seen = set()
    run.until(lambda: seen.add((box._bar.value(), box._bar.format())) or not box.isVisible())
    assert len({value for value, _ in seen}) > 1
    assert any(text.endswith(" …") for _, text in seen)

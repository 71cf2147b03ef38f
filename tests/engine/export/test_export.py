"""`lab.engine.export.export`: formats, atomicity, cancelling."""

import importlib.util
import sqlite3

import numpy as np
import pytest
from toys import Bowl

import lab
from lab.engine.experiment import Experiment
from lab.engine.export import (
    FORMATS,
    Cancelled,
    Film,
    Options,
    check_formats,
    export,
    export_steps,
    tables,
)
from lab.engine.export.landscape import landscape
from lab.engine.export.style import Style
from lab.engine.headless import run
from lab.engine.plan import Lane

SHORT = Options(dpi=50, film=Film(seconds=0.2, fps=10, width=320, height=192))


def test_every_format_of_a_surface(valley, tmp_path):
    files = export(valley, tmp_path, FORMATS, options=SHORT)
    assert sorted(files) == sorted(tmp_path.iterdir())
    assert {path.name for path in files} >= {
        "lane-Adam.csv",
        "lane-Adam.parquet",
        "recording.npz",
        "recording.h5",
        "landscape.png",
        "landscape.svg",
        "landscape.pdf",
        "loss.png",
        "spectrum-S_GD.png",
        "eigenvalues.pdf",
        "landscape.mp4",
        "landscape.gif",
        "experiment.toml",
        "reproduce.py",
        "recording.lab",
    }
    assert all(path.stat().st_size for path in files)
    assert Experiment.load(tmp_path / "experiment.toml") == valley.experiment
    opened = lab.open(tmp_path / "recording.lab")
    np.testing.assert_array_equal(opened.theta("Adam~2"), valley.theta("Adam~2"))
    opened.close()


def test_every_figure_of_a_network(network, tmp_path):
    files = export(network, tmp_path, ["png"], options=SHORT)
    assert {path.stem for path in files} == {
        "landscape",
        "loss",
        "gradient",
        "evaluation-loss",
        "evaluation-accuracy",
        "spectrum-SGD",
        "spectrum-Adam",
        "eigenvalues",
        "roughness",
        "connectivity",
        "series-connectivity",
    }


def test_one_panel_and_one_lane(network, tmp_path):
    options = Options(panels=["spectrum"], lanes=["Adam"], dpi=50)
    files = export(network, tmp_path, "svg", options=options)
    assert {path.name for path in files} == {"spectrum-Adam.svg", "eigenvalues.svg"}


def test_the_method_of_a_recording(valley, tmp_path):
    assert valley.export(tmp_path, formats=["toml"]) == [tmp_path / "experiment.toml"]


def test_an_export_replaces_an_older_one(valley, tmp_path):
    (tmp_path / "experiment.toml").write_text("old")
    export(valley, tmp_path, ["toml"])
    assert Experiment.load(tmp_path / "experiment.toml") == valley.experiment


@pytest.mark.parametrize(
    ("formats", "message"),
    [
        (["cvs"], r"format = 'cvs' is not known \(did you mean 'csv'\?\); allowed: csv, npz"),
        (["png", 3], r"format = 3 is not known"),
        ([], r"format: at least one is needed of csv"),
    ],
)
def test_wrong_formats_write_nothing(valley, tmp_path, formats, message):
    with pytest.raises(ValueError, match=message):
        export(valley, tmp_path / "out", formats)
    assert not (tmp_path / "out").exists()


def test_parquet_without_pyarrow_says_what_to_install(monkeypatch):
    find = importlib.util.find_spec
    monkeypatch.setattr(
        "importlib.util.find_spec", lambda name: None if name == "pyarrow" else find(name)
    )
    with pytest.raises(ValueError, match=r"pip install 'landscape-lab\[parquet\]'"):
        check_formats(["parquet"])


def test_videos_without_ffmpeg_are_refused_before_anything_is_written(monkeypatch):
    def missing():
        raise RuntimeError("No ffmpeg exe could be found.\nInstall ffmpeg on your system")

    monkeypatch.setattr("imageio_ffmpeg.get_ffmpeg_exe", missing)
    assert check_formats(["png"]) == ("png",)
    with pytest.raises(ValueError, match="videos need the program ffmpeg"):
        check_formats(["png", "mp4"])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"step": 41}, r"step = 41 is not on record: 0 to 40"),
        ({"lanes": ["nobody"]}, r"no lane is called 'nobody'"),
        ({"panels": ["los"]}, r"panel = 'los' is not known \(did you mean 'loss'\?\)"),
        ({"theme": "blue"}, r"theme = 'blue' is not known"),
    ],
)
def test_wrong_options_write_nothing(valley, tmp_path, options, message):
    with pytest.raises(ValueError, match=message):
        export(valley, tmp_path / "out", ["png"], options=Options(**options))
    assert not (tmp_path / "out").exists()


def test_a_folder_that_cannot_be_written(valley, tmp_path):
    (tmp_path / "out").write_text("a file")
    with pytest.raises(OSError, match="out: the folder cannot be written") as caught:
        export(valley, tmp_path / "out", ["csv"])
    assert "\n" not in str(caught.value)


def test_a_full_disk_leaves_nothing_half_written(valley, tmp_path, monkeypatch):
    def full(path, block):
        if path.name.startswith("lane-S"):
            raise OSError(28, "No space left on device")
        write(path, block)

    write = tables._append_csv
    monkeypatch.setattr(tables, "_append_csv", full)
    (tmp_path / "recording.npz").write_text("old")
    with pytest.raises(OSError, match=r"cannot be written \(No space left on device\)"):
        export(valley, tmp_path, ["csv", "npz"])
    assert [path.name for path in tmp_path.iterdir()] == ["recording.npz"]
    assert (tmp_path / "recording.npz").read_text() == "old"


@pytest.mark.parametrize("formats", [["csv"], ["hdf5"], ["parquet"], ["png"], ["mp4"], ["gif"]])
def test_cancelling_leaves_nothing(valley, tmp_path, formats):
    seen = []

    def progress(done, text):
        seen.append((done, text))
        if done > 0.3:
            raise Cancelled

    with pytest.raises(Cancelled):
        export(valley, tmp_path / "out", formats, progress, SHORT)
    assert not (tmp_path / "out").exists()
    assert seen[0][0] == 0


def test_progress_rises_from_0_to_1(valley, tmp_path):
    seen = []
    export(valley, tmp_path, ["csv", "png", "npz"], lambda *report: seen.append(report), SHORT)
    shares = [done for done, _ in seen]
    assert shares == sorted(shares)
    assert shares[0] == 0
    assert shares[-1] == pytest.approx(1)
    assert {text for _, text in seen} == {"csv tables", "npz tables", "landscape", "figures"}


def test_closing_the_generator_leaves_nothing(valley, tmp_path):
    steps = export_steps(valley, tmp_path / "out", ["csv", "png"], SHORT)
    next(steps)
    assert (tmp_path / "out").is_dir()
    steps.close()
    assert not (tmp_path / "out").exists()


def test_an_object_that_no_file_can_hold(tmp_path):
    recording = run(Experiment(Bowl(2), [Lane("sgd", lr=0.1)], steps=5))
    with pytest.raises(ValueError, match="Python object, which a file cannot hold"):
        export(recording, tmp_path / "out", ["toml", "csv"])
    assert not (tmp_path / "out").exists()
    files = export(recording, tmp_path / "out", ["csv", "npz", "png", "lab"], options=SHORT)
    assert "landscape.png" in {path.name for path in files}


def foreign(recording, path, name):
    """A recording of a problem that is not there, as a file from another machine."""
    recording.save(path)
    problem = recording.experiment.problem.name
    db = sqlite3.connect(path)
    (text,) = db.execute("SELECT value FROM meta WHERE key = 'experiment'").fetchone()
    assert problem in text
    text = text.replace(problem, name)
    db.execute("UPDATE meta SET value = ? WHERE key = 'experiment'", (text,))
    db.commit()
    db.close()
    return lab.open(path)


def test_a_recording_from_elsewhere_has_paths_without_a_surface(valley, tmp_path):
    """The problem is not installed here: everything that is on record can still be taken away."""
    opened = foreign(valley, tmp_path / "x.lab", "from_another_package")
    files = export(opened, tmp_path / "out", ["csv", "svg", "toml", "py", "mp4"], options=SHORT)
    names = {path.name for path in files}
    assert {"loss.svg", "lane-Adam.csv", "experiment.toml", "reproduce.py"} <= names
    assert {"landscape.svg", "landscape.mp4"} <= names
    figure = landscape(opened, None, Style(dpi=50))
    assert "no surface: " in figure._supxlabel.get_text()
    assert "from_another_package" in figure._supxlabel.get_text()
    assert not figure.axes[0].images
    assert figure.axes[0].get_xlim() == (-2, 2)
    opened.close()


def test_a_network_from_elsewhere_has_no_landscape(network, tmp_path):
    opened = foreign(network, tmp_path / "x.lab", "from_another_package")
    files = export(opened, tmp_path / "out", ["png"], options=SHORT)
    names = {path.name for path in files}
    assert "loss.png" in names
    assert "landscape.png" not in names
    with pytest.raises(ValueError, match=r"there is no landscape: .*from_another_package"):
        export(opened, tmp_path / "film", ["mp4"], options=SHORT)
    assert not (tmp_path / "film").exists()
    opened.close()


def test_looking_at_a_recording_runs_no_file(tmp_path):
    """The problem's own Python file is run by a run, never by an export of what was opened."""
    (tmp_path / "bowl.py").write_text(
        "import pathlib\n"
        "(pathlib.Path(__file__).parent / 'ran').touch()\n"
        "dim = 2\n"
        "window = ((-2, 2), (-1, 1))\n"
        "def problem(theta):\n"
        "    return (theta * theta).sum()\n"
    )
    experiment = Experiment(str(tmp_path / "bowl.py"), [Lane("sgd", lr=0.1)], steps=3)
    recording = run(experiment, to=tmp_path / "x.lab")
    assert "landscape.png" in {
        p.name for p in export(recording, tmp_path / "a", ["png"], None, SHORT)
    }
    recording.close()
    (tmp_path / "ran").unlink()
    opened = lab.open(tmp_path / "x.lab")
    figure = landscape(opened, None, Style(dpi=50))
    assert "does not run the file" in figure._supxlabel.get_text()
    assert not (tmp_path / "ran").exists()
    opened.close()

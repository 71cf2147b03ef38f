import csv
import signal

import numpy as np
import pytest

import lab
from lab.cli import main
from lab.commands.run import assign

VALLEY = """
problem = "rosenbrock"
steps = 20
[[lanes]]
optimizer = "adam"
lr = 0.05
start = [[-1.5, 2.0]]
[[lanes]]
optimizer = "adam"
[[probes]]
name = "roughness"
every = 10
directions = 3
points = 5
"""


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "valley.toml"
    path.write_text(VALLEY)
    return path


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_a_run_writes_what_was_asked_for(file, tmp_path, capsys):
    out = tmp_path / "a" / "b"
    assert main(["run", str(file), "--out", str(out), "--formats", "npz,csv"]) == 0
    assert names(out) == [
        "events.csv",
        "experiment.toml",
        "lane-adam-2.csv",
        "lane-adam.csv",
        "probe-roughness-profiles.csv",
        "probe-roughness-s.csv",
        "probe-roughness-total_variation.csv",
        "probe-roughness.csv",
        "recording.lab",
        "recording.npz",
    ]
    assert capsys.readouterr().err == f"20 steps; 10 files in {out}\n"
    recording = lab.open(out / "recording.lab")
    ours = lab.run(lab.Experiment.load(file))
    np.testing.assert_array_equal(recording.theta("adam"), ours.theta("adam"))
    recording.close()


def test_options_and_assignments_take_the_place_of_entries(file, tmp_path):
    words = ["run", str(file), "--out", str(tmp_path / "out"), "--formats", "toml", "--quiet"]
    words += ["--steps", "5", "--seed", "9", "--dtype", "float64", "--title", "Other"]
    words += ["--set", "lanes.adam.lr=[0.1, 0.2]", "--set", "lanes.1.beta1=0.5"]
    words += ["--set", "problem.b=10", "--set", "probes.roughness.every=5"]
    assert main(words) == 0
    made = lab.Experiment.load(tmp_path / "out" / "experiment.toml")
    assert (made.steps, made.seed, made.dtype, made.title) == (5, 9, "float64", "Other")
    assert made.lane("adam").knobs["lr"] == (0.1, 0.2)
    assert made.lane("adam-2").knobs["beta1"] == 0.5
    assert made.problem.knobs["b"] == 10
    assert made.probes[0].every == 5


def test_a_sweep_from_the_command_line(file, tmp_path, capsys):
    words = ["run", str(file), "--out", str(tmp_path / "out"), "--formats", "toml", "--quiet"]
    assert main([*words, "--set", "lanes.adam.lr=1e-3..0.1 log 3"]) == 0
    made = lab.Experiment.load(tmp_path / "out" / "experiment.toml")
    assert made.lane("adam").knobs["lr"] == (0.001, 0.01, 0.1)
    assert main([*words, "--set", "lanes.adam.lr=1e-3..x"]) == 2
    assert "lr = 'x': a number is needed" in capsys.readouterr().err


def test_quiet_says_nothing(file, tmp_path, capsys):
    out = str(tmp_path / "out")
    assert main(["run", str(file), "--out", out, "--formats", "toml", "--quiet"]) == 0
    assert capsys.readouterr() == ("", "")


def test_lost_runs_are_told(file, tmp_path, capsys):
    words = ["run", str(file), "--out", str(tmp_path / "out"), "--formats", "toml"]
    words += ["--set", "lanes.1.optimizer=sgd", "--set", "lanes.1.lr=[0.0001, 0.5]"]
    assert main(words) == 0
    said = capsys.readouterr().err.splitlines()
    assert said[0].startswith("lane adam-2: 1 of 2 runs diverged, the first (run 2) at step ")


def test_a_lane_that_fails_is_told_and_status_3(file, tmp_path, capsys, monkeypatch):
    def broken(self, theta, state, oracle):
        raise RuntimeError("a broken rule")

    monkeypatch.setattr("lab.engine.optimizers.adam.Adam.update", broken)
    words = ["run", str(file), "--out", str(tmp_path / "out"), "--formats", "toml"]
    assert main(words) == 3
    said = capsys.readouterr().err.splitlines()
    assert said[-2:] == [
        f"landscape-lab: lane '{name}' failed at step 0: RuntimeError: a broken rule"
        for name in ("adam", "adam-2")
    ]


def test_a_measurement_that_fails_is_one_sentence_and_status_3(file, tmp_path, capsys, monkeypatch):
    def broken(self, problem, sight):
        raise RuntimeError("a broken probe\nof many words")

    monkeypatch.setattr("lab.engine.probes.roughness.RoughnessIndex.measure", broken)
    out = tmp_path / "out"
    words = ["run", str(file), "--out", str(out), "--formats", "csv"]
    assert main(words) == 3
    said = capsys.readouterr().err
    sentence = "roughness failed for lane 'adam' at step 0 and 5 more times: RuntimeError: a broken"
    assert said == f"20 steps; 5 files in {out}\nlandscape-lab: {sentence} probe\n"
    assert main([*words, "--quiet"]) == 3
    assert capsys.readouterr().err == f"landscape-lab: {sentence} probe\n"
    with (out / "events.csv").open(newline="") as table:
        rows = list(csv.DictReader(table))
    assert len(rows) == 6
    assert rows[0] == {
        "step": "0",
        "lane": "adam",
        "kind": "failed",
        "message": "RuntimeError: a broken probe",
        "data": '{"measurement": "roughness"}',
    }
    recording = lab.open(out / "recording.lab")
    assert recording.head == 20
    assert "of many words" in recording.events[0].data["details"]
    recording.close()
    assert main(["run", "--help"]) == 0
    assert "  3    a measurement or a lane failed on the way; " in capsys.readouterr().out


LOGARITHM = """
dim = 2
def problem(x):
    return x.log().square().sum()
"""


def test_runs_that_are_all_lost_where_they_start_are_refused(tmp_path, capsys):
    (tmp_path / "log.py").write_text(LOGARITHM)
    (tmp_path / "x.toml").write_text(
        'problem = "log.py"\nsteps = 3\n[[lanes]]\noptimizer = "sgd"\nstart = [[-1.0, 1.0]]\n'
        '[[lanes]]\noptimizer = "adam"\nstart = [[0.0, 1.0], [2.0, -1.0]]\n'
    )
    words = ["run", str(tmp_path / "x.toml"), "--out", str(tmp_path / "out")]
    assert main(words) == 2
    sentence = "no run gets past its start: sgd diverged at step 0 with a loss of nan"
    assert capsys.readouterr().err == f"landscape-lab: x.toml: {sentence}\n"
    assert names(tmp_path) == ["log.py", "x.toml"]


def test_one_run_that_has_a_start_is_enough(file, tmp_path, capsys):
    (tmp_path / "log.py").write_text(LOGARITHM)
    (tmp_path / "x.toml").write_text(
        'problem = "log.py"\nsteps = 3\n[[lanes]]\noptimizer = "sgd"\n'
        "start = [[1.0, 1.0], [-1.0, 1.0]]\n"
    )
    words = ["run", str(tmp_path / "x.toml"), "--out", str(tmp_path / "out"), "--formats", "csv"]
    assert main(words) == 0
    assert "sgd: 1 of 2 runs diverged, the first (run 2) at step 0" in capsys.readouterr().err


def press(monkeypatch, times):
    """Ctrl+C when progress is shown."""
    shown = []

    def show(self, text):
        shown.append(text)
        if len(shown) <= times:
            signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr("lab.commands.progress.Line.show", show)
    return shown


def test_ctrl_c_saves_what_was_recorded(file, tmp_path, capsys, monkeypatch):
    press(monkeypatch, 1)
    out = tmp_path / "out"
    before = signal.getsignal(signal.SIGINT)
    assert main(["run", str(file), "--out", str(out), "--steps", "100000000"]) == 130
    assert signal.getsignal(signal.SIGINT) is before
    assert names(out) == ["recording.lab"]
    recording = lab.open(out / "recording.lab")
    assert 0 < recording.head < 100_000_000
    said = capsys.readouterr().err
    assert f"stopped at step {recording.head:,}; {out / 'recording.lab'} holds what" in said
    recording.close()


def test_ctrl_c_twice_leaves_the_unfinished_file(file, tmp_path, capsys, monkeypatch):
    def show(self, text):
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr("lab.commands.progress.Line.show", show)
    out = tmp_path / "out"
    assert main(["run", str(file), "--out", str(out), "--steps", "100000000"]) == 130
    assert "recording-unfinished.lab" in names(out)
    assert capsys.readouterr().err == ""
    monkeypatch.undo()
    (out / "recording-unfinished-2.lab").write_text("of yet another run")
    before = {path: (out / path).read_bytes() for path in names(out)}
    assert main(["run", str(file), "--out", str(out), "--formats", "toml"]) == 0
    said = "recording-unfinished.lab is here, of a run that did not end; it stays\n"
    assert capsys.readouterr().err.startswith(said)
    after = {path: (out / path).read_bytes() for path in names(out)}
    assert before.items() <= after.items()
    assert sorted(set(after) - set(before)) == ["experiment.toml", "recording.lab"]


def test_an_export_that_fails_leaves_one_recording(file, tmp_path, capsys, monkeypatch):
    def full(*args):
        raise OSError("no room for tables")

    monkeypatch.setattr("lab.engine.export.write_csv", full)
    out = tmp_path / "out"
    assert main(["run", str(file), "--out", str(out), "--formats", "csv"]) == 2
    assert "no room for tables" in capsys.readouterr().err
    assert names(out) == ["recording.lab"]


def test_an_older_recording_survives_a_wrong_file(file, tmp_path):
    out = tmp_path / "out"
    assert main(["run", str(file), "--out", str(out), "--formats", "toml", "--quiet"]) == 0
    before = {name: (out / name).read_bytes() for name in names(out)}
    wrong = ["--set", "lanes.adam.start=[[1.0, 2.0, 3.0]]"]
    assert main(["run", str(file), "--out", str(out), *wrong]) == 2
    assert {name: (out / name).read_bytes() for name in names(out)} == before


@pytest.mark.parametrize(
    ("key", "message"),
    [
        ("lanes.adma.lr", r"no lane is called 'adma' \(did you mean 'adam'\?\); known: adam"),
        ("lanes.5.lr", "no lane is called '5'; known: adam"),
        ("lanes.adam", "KEY is needed after the name, as in lanes.adam.KEY=VALUE"),
        ("steps.x", "'steps' has no parts$"),
        ("lane.adam.lr", r"there is no 'lane' with parts \(did you mean 'lanes'\?\)"),
        (".x", "there is no '' with parts"),
        ("probes.x.every", "no probe is called 'x'; known: none"),
    ],
)
def test_places_that_are_not_there(key, message):
    data = {"steps": 3, "problem": "booth", "lanes": [{"name": "adam"}], "probes": []}
    with pytest.raises(ValueError, match=message):
        assign(data, key, 1)


def test_a_problem_by_name_becomes_a_table():
    data = {"problem": "rosenbrock"}
    assign(data, "problem.a", 2)
    assert data == {"problem": {"name": "rosenbrock", "a": 2}}
    assign(data, "problem", "booth")
    assert data == {"problem": "booth"}

"""Everything wrong that can be typed: status 2, one line, nothing written, no traceback."""

import io
import os
import subprocess
import sys

import pytest

import lab
from lab import cli
from lab.cli import main

GOOD = """
problem = "rosenbrock"
steps = 5
[[lanes]]
optimizer = "adam"
"""
RUN = ["run", "x.toml", "--out", "out"]


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A folder with a good file in it, where the command line is typed."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "x.toml").write_text(GOOD)
    return tmp_path


def refused(words, capsys, here):
    """The one line that a refused command line prints."""
    before = {path.name: path.read_bytes() for path in here.iterdir()}
    assert main(words) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") == 1
    assert err.endswith("\n")
    assert {path.name: path.read_bytes() for path in here.iterdir()} == before
    return err


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("steps = ", ["x.toml: not valid TOML"]),
        ("steps = 5", ["x.toml:", "problem", "needed"]),
        (GOOD.replace("rosenbrock", "rosenbork"), ["x.toml:", "rosenbork", "'rosenbrock'?"]),
        (GOOD.replace('"adam"', '"adma"'), ["x.toml: lanes[0]", "adma", "did you mean"]),
        (GOOD.replace("steps = 5", "stpes = 5"), ["x.toml: 'stpes'", "'steps'?", "allowed: "]),
        (GOOD.replace("steps = 5", "steps = 5.5"), ["x.toml: steps = 5.5", "whole number"]),
        (GOOD.replace("steps = 5", "steps = -5"), ["x.toml: steps = -5", "at least 0"]),
        (GOOD.replace("steps = 5", 'steps = "5"'), ["x.toml: steps = '5'", "whole number"]),
        (GOOD + "lr = -1.0", ["x.toml: lanes[0]", "lr = -1", "at least 0"]),
        (GOOD + "lr = nan", ["x.toml: lanes[0]", "lr = nan", "at least 0"]),
        (GOOD + "lr = true", ["x.toml: lanes[0]", "lr = True", "number is needed"]),
        (GOOD + "learning_rate = 1", ["x.toml: lanes[0]", "'learning_rate'", "allowed: "]),
        (GOOD + "start = [[1.0, 2.0, 3.0]]", ["x.toml:", "start", "2"]),
        (GOOD + 'start = "here"', ["x.toml: lanes[0]", "start"]),
        (GOOD + f'name = "{"ä" * 65}"', ["x.toml: lanes[0]", "at most 64 letters"]),
        (GOOD + "runs = 0", ["x.toml: lanes[0]", "runs = 0", "at least 1"]),
        ('dtype = "float16"\n' + GOOD, ["x.toml: dtype = 'float16'", "float32, float64"]),
        ('device = "gpu"\n' + GOOD, ["x.toml: device = 'gpu'", "cpu"]),
        ("format = 99\n" + GOOD, ["x.toml: format = 99", "format 1"]),
        ('lanes = "adam"\nproblem = "booth"', ["x.toml: lanes = 'adam'", "[[lanes]]"]),
        (GOOD + '[[probes]]\nname = "roughnes"', ["x.toml: probes[0]", "'roughness'?"]),
        (GOOD + '[[probes]]\nname = "roughness"\nevery = 0', ["x.toml: probes[0]", "every = 0"]),
        (GOOD.replace('"rosenbrock"', '{name = "rosenbrock", b = 0}'), ["x.toml:", "b = 0"]),
        (GOOD.replace('"rosenbrock"', '{name = "formula", text = "sin(x"}'), ["x.toml:", "column"]),
        (
            GOOD.replace('"rosenbrock"', '{name = "formula", text = "1/x + y"}'),
            ["x.toml: problem: the formula is not finite", "x = 0"],
        ),
        (
            GOOD + "start = [[1.0, 1.0], [9.0, 1.0]]",
            ["x.toml: lane 'adam': start (9, 1) lies outside the window (-2 to 2, -1 to 3)"],
        ),
        (GOOD.replace('"rosenbrock"', '"nothing.py"'), ["x.toml:", "nothing.py"]),
        (GOOD.replace('"rosenbrock"', '{name = "file"}'), ["x.toml: path is needed"]),
        (GOOD.replace('"rosenbrock"', '{name = "file", path = "/"}'), ["x.toml: /: cannot be"]),
        (GOOD.replace('"rosenbrock"', '"sin(x"'), ["x.toml: column 4 of the formula"]),
        (GOOD.replace("steps = 5", f"steps = {'9' * 5000}"), ["an integer has too many digits"]),
        (GOOD.replace("optimizer", "optimizr"), ["lanes[0]: optimizer =", "not 'optimizr'"]),
        ('problem = "booth"', ["x.toml: lanes: there are none to run"]),
        ("a = " + "[" * 5000, ["x.toml: not valid TOML: brackets are nested too deep"]),
    ],
)
def test_a_wrong_file(text, parts, capsys, here):
    (here / "x.toml").write_text(text)
    line = refused(RUN, capsys, here)
    assert line.startswith("landscape-lab: ")
    for part in parts:
        assert part in line


def test_a_file_that_is_no_text(capsys, here):
    (here / "x.toml").write_bytes(b"\xff\xfe\x00")
    assert "x.toml: is not a text file" in refused(RUN, capsys, here)


def test_a_file_with_a_mark_in_front_and_other_ends_of_lines(here):
    text = GOOD.replace("\n", "\r\n")
    (here / "x.toml").write_bytes(text.encode("utf-8-sig"))
    assert main([*RUN, "--formats", "toml", "--quiet"]) == 0


def test_a_file_without_end(capsys, here, monkeypatch):
    monkeypatch.setattr("lab.engine.experiment.LARGEST", 1 << 20)
    (here / "x.toml").write_text(GOOD + "# much ado\n" * 100_000)
    assert "x.toml: is too large for an experiment" in refused(RUN, capsys, here)


def test_a_lane_of_a_long_name(here):
    (here / "x.toml").write_text(GOOD + f'name = "{"ä" * 64}"')
    assert main([*RUN, "--formats", "csv,png", "--quiet"]) == 0
    assert (here / "out" / f"lane-{'ä' * 48}.csv").exists()


def test_a_file_that_is_not_there(capsys, here):
    line = refused(["run", "y.toml", "--out", "out"], capsys, here)
    assert line == "landscape-lab: y.toml: cannot be read: No such file or directory\n"


@pytest.mark.parametrize(
    ("words", "parts"),
    [
        (["run"], ["landscape-lab run: ", "FILE.toml, --out"]),
        (["run", "x.toml"], ["landscape-lab run: ", "--out"]),
        ([*RUN, "--formats", "cvs"], ["format = 'cvs'", "(did you mean 'csv'?)"]),
        ([*RUN, "--formats", ","], ["format: at least one is needed"]),
        ([*RUN, "--stpes", "3"], ["--stpes is not an option (did you mean '--steps'?)"]),
        ([*RUN, "--steps", "many"], ["steps = 'many'", "whole number"]),
        ([*RUN, "--steps", "-1"], ["steps = -1", "at least 0"]),
        ([*RUN, "--seed", "nan"], ["seed", "whole number"]),
        ([*RUN, "--dtype", "half"], ["dtype = 'half'", "float32, float64"]),
        ([*RUN, "--device", "cuda:99"], ["cuda"]),
        ([*RUN, "--set", "lanes.adam.lr"], ["KEY=VALUE"]),
        ([*RUN, "--set", "lanes.adma.lr=1"], ["--set lanes.adma.lr", "(did you mean 'adam'?)"]),
        ([*RUN, "--set", "lanes.adam.lr=x"], ["lr = 'x'", "a number is needed"]),
        ([*RUN, "--set", "lanes.adam.rl=1"], ["'rl' is not a known key"]),
        ([*RUN, "--set", "steps=-3"], ["x.toml and --set steps: steps = -3 is not allowed"]),
        (["run", "x.toml", "--out", "x.toml"], ["x.toml: the folder cannot be written"]),
        (["run", "x.toml", "--out", ""], ["--out: the name of a folder is needed"]),
        (["run", ".", "--out", "out"], ["landscape-lab: .: cannot be read: Is a directory"]),
        (["export", ".", "--out", "out"], ["landscape-lab: .: is a folder"]),
        (["export", "x.toml", "--out", "out"], ["x.toml: is not a .lab file"]),
        (["export", "y.lab", "--out", "out"], ["y.lab: there is no such file"]),
        (
            ["export", "x.toml", "--out", "out", "--theme", "blue"],
            ["theme = 'blue'", "light", "dark"],
        ),
        (["list"], ["KIND"]),
        (["list", "optimisers"], ["'optimisers'", "(did you mean 'optimizers'?)"]),
        (["list", "optimizers", "adm"], ["no optimizer is called 'adm'", "did you mean"]),
        (
            ["list", "losses", "focl"],
            ["no loss is called 'focl' (did you mean 'focal'?)", "list losses`"],
        ),
        (["doctor", "--wat"], ["--wat is not an option"]),
        (["--wat"], ["--wat is not an option"]),
        (["y.toml"], ["y.toml: there is no such file"]),
        (["x.toml", "x.toml"], ["one file at a time"]),
    ],
)
def test_wrong_words(words, parts, capsys, here):
    line = refused(words, capsys, here)
    for part in parts:
        assert part in line


def test_a_recording_that_is_cut_short(capsys, here):
    lab.run(lab.Experiment("booth", [lab.Lane("adam")], steps=50), to=here / "y.lab").close()
    whole = (here / "y.lab").read_bytes()
    (here / "y.lab").write_bytes(whole[: len(whole) // 2])
    line = refused(["export", "y.lab", "--out", "out"], capsys, here)
    assert "y.lab: is damaged or cut short" in line


def test_debug_lets_the_traceback_through(here):
    with pytest.raises(ValueError, match=r"y\.toml"):
        main(["run", "y.toml", "--out", "out", "--debug"])


def test_an_error_of_our_own_is_one_line_too(monkeypatch, capsys):
    def broken(name):
        return lambda given: 1 / 0

    monkeypatch.setattr(cli, "_command", broken)
    assert main(["doctor"]) == 1
    line = capsys.readouterr().err
    assert line.count("\n") == 1
    assert "ZeroDivisionError: division by zero" in line
    with pytest.raises(ZeroDivisionError):
        main(["doctor", "--debug"])


def test_ctrl_c_is_status_130(monkeypatch, capsys):
    def interrupted(given):
        raise KeyboardInterrupt

    monkeypatch.setattr(cli, "_command", lambda name: interrupted)
    assert main(["doctor"]) == 130
    monkeypatch.setattr("lab.commands.parser.complete", interrupted)
    assert main(["doctor"]) == 130
    assert capsys.readouterr().err == ""


def test_a_reader_that_leaves_is_no_error():
    command = f'"{sys.executable}" -m lab list optimizers | head -n 1'
    done = subprocess.run(
        ["bash", "-c", f"set -o pipefail; {command}"], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.count("\n") == 1


@pytest.mark.parametrize("words", [["list", "optimizers", "adam"], ["run", "--help"]])
def test_letters_that_the_terminal_does_not_know(words):
    done = subprocess.run(
        [sys.executable, "-m", "lab", *words],
        capture_output=True,
        check=False,
        env={**os.environ, "PYTHONIOENCODING": "ascii"},
    )
    assert (done.returncode, done.stderr) == (0, b"")
    assert b"?" in done.stdout


@pytest.mark.parametrize("closed", [">&-", "2>&-"])
def test_nobody_listens(closed, here):
    command = f'"{sys.executable}" -m lab run x.toml --out out --formats csv {closed}'
    done = subprocess.run(["bash", "-c", command], capture_output=True, check=False)
    assert done.returncode == 0
    assert (here / "out" / "lane-adam.csv").exists()


def test_the_systems_words_are_one_line():
    assert cli._sentence(OSError(13, "Permission denied", "/x")) == "/x: Permission denied"
    assert cli._sentence(io.UnsupportedOperation("not readable")) == "not readable"


@pytest.mark.parametrize("words", [["--help"], ["run", "--help"], ["--version"]])
def test_help_imports_nothing_heavy(words):
    heavy = ("torch", "numpy", "scipy", "matplotlib", "PySide6", "h5py", "sklearn")
    code = (
        f"import sys; from lab.cli import main; status = main({words!r}); "
        f"found = set(sys.modules).intersection({heavy!r}); assert not found, found; "
        "sys.exit(status)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert "landscape-lab" in done.stdout


def test_version(capsys):
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"landscape-lab {lab.__version__}\n"

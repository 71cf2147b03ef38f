import pytest

import lab
from lab.cli import main
from lab.engine.experiment import Experiment
from lab.engine.plan import Lane


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    path = tmp_path_factory.mktemp("recorded") / "booth.lab"
    lab.run(Experiment("booth", [Lane("adam", lr=0.1)], steps=10), to=path).close()
    return path


def test_a_recording_is_exported(file, tmp_path, capsys):
    before = file.read_bytes()
    words = ["export", str(file), "--out", str(tmp_path), "--formats", "csv,svg,py"]
    assert main([*words, "--step", "5", "--theme", "dark", "--dpi", "60"]) == 0
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {
        "events.csv", "lane-adam.csv", "landscape.svg", "loss.svg", "gradient.svg", "reproduce.py",
    }  # fmt: skip
    assert capsys.readouterr().err == f"6 files in {tmp_path}\n"
    assert "step=5, theme='dark', dpi=60" in (tmp_path / "reproduce.py").read_text()
    assert "step 5" in (tmp_path / "landscape.svg").read_text()
    assert file.read_bytes() == before


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--step", "11"], "step = 11 is not on record: 0 to 10"),
        (["--step", "-1"], "step = -1 is not on record: 0 to 10"),
        (["--theme", "drak"], "theme = 'drak' is not known (did you mean 'dark'?)"),
        (["--dpi", "0"], "dpi = 0 is not allowed: at least 10 and at most 2400 (nearest 10)"),
        (["--dpi", "100000"], "dpi = 100000 is not allowed"),
    ],
)
def test_what_makes_no_figures(file, tmp_path, capsys, words, message):
    assert main(["export", str(file), "--out", str(tmp_path), *words]) == 2
    line = capsys.readouterr().err
    assert line.startswith(f"landscape-lab: {message}")
    assert line.count("\n") == 1
    assert list(tmp_path.iterdir()) == []

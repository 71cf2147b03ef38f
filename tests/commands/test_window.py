import sys
from types import SimpleNamespace

import pytest

from lab.cli import main, main_window


@pytest.fixture
def opened(monkeypatch):
    """What the window was opened with."""
    calls = []

    def window(files):
        calls.append(files)
        return 0

    monkeypatch.setitem(sys.modules, "lab.gui.app", SimpleNamespace(main=window))
    monkeypatch.setattr("lab.commands.window.why_no_window", lambda: "")
    return calls


def test_the_window_opens_with_or_without_a_file(opened, tmp_path, monkeypatch):
    path = tmp_path / "x.toml"
    path.write_text("")
    assert main([]) == 0
    assert main([str(path)]) == 0
    monkeypatch.setattr(sys, "argv", ["landscape-lab-gui", str(path)])
    assert main_window() == 0
    assert opened == [[], [str(path)], [str(path)]]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("rnu", "rnu: there is no such file or command (did you mean 'run'?)"),
        ("nothing.toml", "nothing.toml: there is no such file or command"),
    ],
)
def test_a_file_that_is_not_there(opened, name, message, capsys):
    assert main([name]) == 2
    assert capsys.readouterr().err == f"landscape-lab: {message}\n"
    assert opened == []


def test_another_kind_of_file(opened, tmp_path, capsys):
    (tmp_path / "x.csv").write_text("")
    assert main([str(tmp_path / "x.csv")]) == 2
    assert capsys.readouterr().err.endswith("x.csv: a .toml or .lab file is needed\n")


def test_why_there_is_no_window(monkeypatch, capsys):
    trouble = "the window needs libEGL.so.1: sudo apt-get install libegl1"
    monkeypatch.setattr("lab.commands.window.why_no_window", lambda: trouble)
    assert main([]) == 1
    assert capsys.readouterr().err == f"landscape-lab: {trouble}\n"

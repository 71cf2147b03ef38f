import pytest

from lab import doctor
from lab.opengl import Graphics


def lines(findings):
    return {finding.name: finding for finding in findings}


def test_everything_is_looked_at():
    found = lines(doctor.report(lambda: Graphics("xcb", "4.5 (a card)", ""), lambda: ""))
    assert found.keys() >= {
        "system", "python", "landscape-lab", "torch", "PySide6-Essentials", "pyqtgraph", "device",
        "threads", "free memory", "window", "OpenGL", "settings", "autosaves", "assets",
    }  # fmt: skip
    assert found["window"].value == "Qt platform xcb"
    assert found["OpenGL"].value == "4.5 (a card)"
    assert "for surfaces" in found["threads"].value
    assert not any(finding.problem for finding in found.values())


def test_without_opengl_three_dimensional_views_are_off():
    graphics = Graphics("offscreen", "", "no OpenGL context")
    found = lines(doctor.report(lambda: graphics, lambda: ""))
    assert found["OpenGL"].value == "no OpenGL context: 3-D views are off"
    assert not found["OpenGL"].problem


def test_a_qt_that_does_not_start_is_a_problem():
    found = lines(doctor.report(lambda: Graphics("", "", "it crashed"), lambda: ""))
    assert found["window"].problem
    assert found["window"].value == "Qt does not start: it crashed"


@pytest.mark.parametrize(("display", "problem"), [(":0", True), ("", False)])
def test_missing_libraries_are_a_problem_where_there_is_a_display(monkeypatch, display, problem):
    monkeypatch.delenv("QT_QPA_PLATFORM", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    monkeypatch.setenv("DISPLAY", display)

    def never():
        raise AssertionError

    found = lines(doctor.report(never, lambda: "sudo apt-get install libegl1"))
    assert found["window"].problem == problem
    assert found["window"].value == "sudo apt-get install libegl1"


def test_a_missing_package_is_a_problem_unless_it_is_optional(monkeypatch):
    def version(name):
        raise doctor.PackageNotFoundError

    monkeypatch.setattr(doctor, "version", version)
    found = lines(doctor.report(lambda: Graphics("xcb", "4.5", ""), lambda: ""))
    assert found["matplotlib"] == doctor.Finding("matplotlib", "not installed", True)
    assert found["pyarrow"] == doctor.Finding("pyarrow", "not installed (optional)", False)


def test_the_status_says_whether_the_lab_is_usable(monkeypatch, capsys):
    good = doctor.Finding("a", "1")
    monkeypatch.setattr(doctor, "report", lambda: [good, doctor.Finding("long name", "2")])
    assert doctor.doctor() == 0
    assert capsys.readouterr().out == "  a          1\n  long name  2\n"
    monkeypatch.setattr(doctor, "report", lambda: [good, doctor.Finding("b", "gone", True)])
    assert doctor.doctor() == 1
    assert capsys.readouterr().out.splitlines()[1] == "! b  gone"

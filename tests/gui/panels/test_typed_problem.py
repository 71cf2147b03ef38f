"""Formulas and Python files are typed where problems are picked."""

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from lab.gui.panels.typed_problem import read_problem

CTRL, SHIFT = Qt.KeyboardModifier.ControlModifier, Qt.KeyboardModifier.ShiftModifier
FORMULA = "sin(3*x)*y**2 + abs(x-y)"


def test_a_formula_typed_in_the_picker_is_the_problem(user):
    before = user.experiment
    user.problem(FORMULA)
    assert user.experiment.problem.name == "formula"
    assert user.experiment.problem.knobs["text"] == FORMULA
    user.run_to_end()
    assert user.frame.head == user.frame.target
    user.undo()
    assert user.experiment == before


def test_a_formula_typed_in_the_palette_is_the_problem(user):
    user.key(Qt.Key.Key_P, CTRL | SHIFT)
    user.find("x**2 + 3*y**2")
    assert user.experiment.problem.knobs["text"] == "x**2 + 3*y**2"


def test_a_formula_that_cannot_be_read_says_why_and_changes_nothing(user):
    before = user.experiment
    user.key(Qt.Key.Key_P, CTRL | SHIFT)
    finder = QApplication.activePopupWidget()
    QTest.keyClicks(finder._line, "__import__('os') + x")
    row = finder._list.item(0).data(Qt.ItemDataRole.UserRole)
    assert "__import__" in row.trouble
    QTest.keyClick(finder._line, Qt.Key.Key_Return)
    assert finder.isVisible()
    finder.close()
    assert user.experiment == before


def test_what_is_not_there_is_said(user):
    user.key(Qt.Key.Key_P, CTRL | SHIFT)
    finder = QApplication.activePopupWidget()
    QTest.keyClicks(finder._line, "qqzzqq")
    assert finder.titles() == ["Nothing found"]
    QTest.keyClick(finder._line, Qt.Key.Key_Return)
    assert finder.isVisible()
    finder.close()


def test_a_python_file_is_run_for_its_problem(user, tmp_path):
    path = tmp_path / "bowl.py"
    path.write_text("dim = 2\ndef problem(theta):\n    return (theta ** 2).sum()\n")
    user.problem(str(path))
    assert user.experiment.problem.knobs["path"] == str(path)
    user.run_to_end()
    assert user.frame.head == user.frame.target


def test_a_python_file_that_raises_is_one_sentence(user, tmp_path):
    before = user.experiment
    path = tmp_path / "broken.py"
    path.write_text("x = 1\nraise RuntimeError('no luck')\n")
    user.problem(str(path))
    assert user.notices == ["broken.py, line 2: RuntimeError: no luck"]
    assert user.experiment == before


@pytest.mark.parametrize("text", ["rosen", "adam", "export", "sgd momentum", ""])
def test_names_are_no_formulas(text):
    assert read_problem(text) is None


def test_a_file_that_is_not_there_cannot_be_taken():
    assert read_problem("nowhere/model.py").trouble == "there is no file nowhere/model.py"

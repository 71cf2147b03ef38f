"""Problems that Python files define."""

import sys
from pathlib import Path

import numpy as np
import pytest

import lab
from lab.engine.problems.functions import FunctionProblem

MODULE = """
import lab, torch
from torch import nn

torch.manual_seed(0)
X, y = torch.randn(20, 3), torch.arange(20) % 2
problem = lab.problem(nn.Linear(3, 2), data=(X, y), loss="cross_entropy")
"""
MAKER = """
import lab

def problem():
    return lab.problem("rosenbrock", a=2.0)
"""
FUNCTION = """
dim = 2
window = ((-1, 1), (-1, 1))
start = [0.5, 0.25]

def problem(x):
    return (x**2).sum()
"""
CLASS = """
from dataclasses import dataclass
import torch
from lab.engine.layout import Layout
from lab.engine.problem import Problem

@dataclass(frozen=True)
class Line(Problem):
    slope: "float" = 3.0

    @property
    def layout(self):
        return Layout.of({"x": (1,)})

    def start(self, generators):
        return torch.ones(len(generators), 1, dtype=torch.float64)

    def evaluate(self, theta, batch=None):
        return self.slope * theta[:, 0]

problem = Line()
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write(name, text):
    Path(name).write_text(text, encoding="utf-8")
    return name


@pytest.mark.parametrize(
    ("text", "dim", "title"),
    [(MODULE, 8, "Linear"), (MAKER, 2, "Rosenbrock"), (FUNCTION, 2, "problem"), (CLASS, 1, "Line")],
)
def test_what_a_file_may_define(folder, text, dim, title):
    write("mine.py", text)
    problem = lab.problem("mine.py")
    assert (problem.dim, problem.title) == (dim, title)
    assert problem.choice.to_data() == {"name": "file", "path": "mine.py"}
    experiment = lab.Experiment("mine.py", [lab.Lane("sgd", lr=1e-3)], steps=3, dtype="float64")
    assert experiment == lab.Experiment(problem, experiment.lanes, steps=3, dtype="float64")
    again = lab.Experiment.from_toml(experiment.to_toml())
    assert again == experiment
    np.testing.assert_array_equal(lab.run(again).theta("sgd"), lab.run(experiment).theta("sgd"))


def test_a_function_gets_what_lies_beside_it(folder):
    problem = lab.problem(Path(write("mine.py", FUNCTION)))
    assert isinstance(problem, FunctionProblem)
    assert problem.window == ((-1.0, 1.0), (-1.0, 1.0))
    experiment = lab.Experiment(problem, [lab.Lane("sgd")], steps=0)
    assert lab.run(experiment).theta("sgd").tolist() == [[[0.5, 0.25]]]


def test_an_experiment_finds_the_file_beside_it(folder):
    (folder / "inner").mkdir()
    write("inner/mine.py", FUNCTION)
    write("inner/run.toml", 'problem = "mine.py"\n[[lanes]]\noptimizer = "sgd"\n')
    assert lab.Experiment.load("inner/run.toml").problem.make().dim == 2


def test_modules_beside_the_file_can_be_imported(folder):
    (folder / "deep").mkdir()
    write("deep/neighbour_of_mine.py", "SCALE = 3.0\n")
    text = "import neighbour_of_mine\ndim = 1\ndef problem(x):\n"
    write("deep/mine.py", text + "    return neighbour_of_mine.SCALE * x.sum()\n")
    before = list(sys.path)
    assert lab.problem("deep/mine.py").value([2.0]) == 6.0
    assert sys.path == before


def test_an_edited_file_is_read_again(folder):
    write("mine.py", "dim = 1\ndef problem(x):\n    return 2 * x.sum()\n")
    assert lab.problem("mine.py").value([1.0]) == 2.0
    write("mine.py", "dim = 1\ndef problem(x):\n    return 3 * x.sum()\n")
    assert lab.problem("mine.py").value([1.0]) == 3.0
    assert not list(folder.glob("__pycache__"))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x = 1\ny = = 2\n", "mine.py, line 2: invalid syntax"),
        ("import lab\n\nproblem = lab.problem('rosenbrok')\n", "mine.py, line 3: no problem is"),
        ("def problem():\n    return 1 / 0\n", "mine.py, line 2: ZeroDivisionError: division by"),
        ("import nothing_like_it\n", "mine.py, line 1: ModuleNotFoundError: No module named"),
        ("import sys\nsys.exit(3)\n", "mine.py, line 2: SystemExit: 3"),
        ("raise ValueError\n", "mine.py, line 1: ValueError: "),
        ("raise KeyError('a\\nb')\n", "mine.py, line 1: KeyError: "),
        ("dim = 2\ndef problem(x):\n    return x.wrong()\n", "mine.py, line 3: problem cannot be"),
        ("dim = 2\ndef problem(x):\n    return x\n", "mine.py: problem returned a tensor of shape"),
        ("def problem(x):\n    return x.sum()\n", "mine.py: `dim = ...`, the number of its var"),
        ("def problem():\n    return 3\n", "mine.py: `problem` is of type int"),
        ("other = 3\n", "mine.py: no `problem`"),
        ("problem = 'rosenbrock'\n", "mine.py: `problem` is of type str"),
        ("a\0b", "mine.py: |mine.py, line 1: "),
    ],
)
def test_troubles_are_one_sentence_with_the_line(folder, text, message):
    write("mine.py", text)
    with pytest.raises(ValueError, match="^" + message.replace("(", r"\(")) as raised:
        lab.problem("mine.py")
    assert "\n" not in str(raised.value)


def test_files_that_cannot_be_read(folder):
    with pytest.raises(ValueError, match=r"none.py: cannot be read: No such file"):
        lab.problem("none.py")
    (folder / "folder.py").mkdir()
    with pytest.raises(ValueError, match=r"folder.py: cannot be read"):
        lab.problem("folder.py")
    with pytest.raises(ValueError, match="path is needed"):
        lab.problem("file")


def test_a_module_in_a_file_needs_data(folder):
    write("mine.py", "from torch import nn\nproblem = nn.Linear(2, 2)\n")
    with pytest.raises(ValueError, match=r"mine.py: `problem` is of type Linear"):
        lab.problem("mine.py")

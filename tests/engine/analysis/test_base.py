import inspect
from dataclasses import dataclass

import numpy as np
import pytest
import torch
from toys import Bowl

from lab.engine.analysis.base import (
    Cancelled,
    Progress,
    analysis,
    as_point,
    check_count,
    check_positive,
    finish,
    to_numpy,
)


@dataclass(frozen=True)
class Inner:
    numbers: torch.Tensor


@dataclass(frozen=True)
class Answer:
    total: torch.Tensor
    parts: tuple
    inner: Inner
    table: dict
    text: str
    nothing: None = None


closed = []


@analysis
def summed(problem, theta, *, weight=1.0):
    """The doc."""
    point = as_point(problem, theta)
    try:
        for number in range(3):
            yield Progress(number / 3, partial=number)
        parts = (point, 2)
        return Answer(weight * point.sum(), parts, Inner(point[:1]), {"x": point}, "words")
    finally:
        closed.append(True)


def test_numpy_in_numpy_out():
    answer = summed(Bowl(), np.array([1.0, 2.0, 3.0]), weight=2)
    assert type(answer.total) is np.float64
    assert answer.total == 12
    assert type(answer.parts[0]) is np.ndarray
    assert type(answer.inner.numbers) is np.ndarray
    assert type(answer.table["x"]) is np.ndarray
    assert (answer.parts[1], answer.text, answer.nothing) == (2, "words", None)
    assert answer.parts[0].dtype == np.float64
    assert summed(Bowl(), np.ones(3, dtype=np.float32)).total.dtype == np.float32
    assert summed(Bowl(), [1, 2, 3]).total == 6


def test_torch_in_torch_out():
    answer = summed(Bowl(), torch.tensor([1.0, 2.0, 3.0]))
    assert isinstance(answer.total, torch.Tensor)
    assert isinstance(answer.inner.numbers, torch.Tensor)
    assert answer.total.dtype is torch.float32
    assert isinstance(summed(Bowl(), theta=torch.ones(3)).total, torch.Tensor)


def test_progress_is_called_with_every_report():
    seen = []
    summed(Bowl(), [1, 2, 3], progress=seen.append)
    assert seen == [Progress(0, 0), Progress(1 / 3, 1), Progress(2 / 3, 2)]


def test_cancelling_from_progress_stops_and_cleans_up():
    closed.clear()

    def cancel(report):
        if report.done > 0.3:
            raise Cancelled

    with pytest.raises(Cancelled):
        summed(Bowl(), [1, 2, 3], progress=cancel)
    assert closed == [True]


def test_the_generator_can_be_run_by_hand():
    steps = summed.steps(Bowl(), torch.ones(3))
    assert next(steps).done == 0
    steps.close()
    assert finish(summed.steps(Bowl(), torch.ones(3))).total == 3


def test_the_function_looks_like_itself():
    assert summed.__doc__ == "The doc."
    assert str(inspect.signature(summed)) == "(problem, theta, *, weight=1.0, progress=None)"


def test_points():
    for theta in ([1, 2, 3], [[1, 2, 3]], np.ones(3), torch.ones(1, 3)):
        assert as_point(Bowl(), theta).shape == (3,)
    assert not as_point(Bowl(), torch.ones(3, requires_grad=True)).requires_grad
    with pytest.raises(ValueError, match=r"one point is needed, 2 were given \(shape \(2, 3\)\)"):
        as_point(Bowl(), np.ones((2, 3)))
    with pytest.raises(ValueError, match=r"this problem needs \(3,\) or \(runs, 3\)"):
        as_point(Bowl(), [1, 2])


def test_results_of_other_kinds_pass_through():
    assert to_numpy((1, torch.ones(2)))[1].tolist() == [1, 1]
    assert to_numpy(Progress(0.5, None)) == Progress(0.5, None)
    assert to_numpy("text") == "text"
    assert to_numpy(torch.ones(2, requires_grad=True)).tolist() == [1, 1]


@pytest.mark.parametrize("value", [0, -1, 1.5, "3", None, True, np.nan, 10**30])
def test_counts(value):
    assert check_count("points", np.int64(3)) == 3
    assert check_count("points", 0, 0) == 0
    with pytest.raises(ValueError, match=r"^points = .*: (a whole number of at least 1|at most)"):
        check_count("points", value)


@pytest.mark.parametrize("value", [0, -1.0, "3", None, True, np.nan, np.inf])
def test_positive_numbers(value):
    assert check_positive("span", np.float32(0.5)) == 0.5
    assert check_positive("span", 3) == 3.0
    with pytest.raises(ValueError, match=r"^span = .*: a number above 0 is needed$"):
        check_positive("span", value)

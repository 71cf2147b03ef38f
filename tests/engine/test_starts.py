"""Starts outside the window are refused in one sentence; everything else passes."""

import pytest

import lab
from lab.engine.starts import check_starts


def experiment(start, problem="rosenbrock") -> lab.Experiment:
    return lab.Experiment(
        problem, [lab.Lane("sgd", start=[[0.0, 0.0]]), lab.Lane("adam", start=start)]
    )


@pytest.mark.parametrize("start", [None, [1.0, 1.0], [[-2.0, -1.0], [2.0, 3.0]]])
def test_starts_inside_and_on_the_edge_pass(start):
    check_starts(experiment(start), lab.problem("rosenbrock"))


def test_first_start_outside_is_named_with_the_nearest_inside():
    with pytest.raises(ValueError, match="lane 'adam'") as caught:
        check_starts(experiment([[1.0, 1.0], [9.0, -1.5]]), lab.problem("rosenbrock"))
    assert str(caught.value) == (
        "lane 'adam': start (9, -1.5) lies outside the window (-2 to 2, -1 to 3); "
        "the nearest one inside is (2, -1)"
    )


def test_a_hair_outside_is_told_from_the_edge():
    with pytest.raises(ValueError, match=r"start \(2\.000000001, 0\)"):
        check_starts(experiment([2.000000001, 0.0]), lab.problem("rosenbrock"))


def test_one_variable():
    with pytest.raises(ValueError, match=r"start \(4\) .* \(-1 to 1\); .* is \(1\)"):
        check_starts(
            lab.Experiment("diffgrad_f1", [lab.Lane("adam", start=[[4.0]])]),
            lab.problem("diffgrad_f1"),
        )


def test_problems_without_a_window_allow_every_start():
    problem = lab.problem(lambda x: (x**2).sum(), dim=2)
    assert problem.window is None
    check_starts(lab.Experiment(problem, [lab.Lane("adam", start=[1e6, -1e6])]), problem)


def test_python_may_start_anywhere():
    assert (
        lab.run(lab.Experiment("rosenbrock", [lab.Lane("adam", start=[9.0, 9.0])], steps=1)).head
        == 1
    )

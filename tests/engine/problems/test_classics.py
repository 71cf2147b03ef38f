import numpy as np
import pytest

import lab


@pytest.mark.parametrize("a", [-10.0, -1.0, 0.0, 0.3, 1.0, 2.5, 10.0])
def test_rosenbrock_keeps_minimum_and_start_in_its_window(a):
    problem = lab.problem("rosenbrock", a=a)
    for point in (problem.optima[0].point, problem.first_start):
        for coordinate, (low, high) in zip(point, problem.window, strict=True):
            assert low <= coordinate <= high
    assert problem.value(problem.optima[0].point) == 0
    assert problem.value(problem.first_start) > 1


def test_rosenbrock_at_its_defaults_is_drawn_as_usual():
    problem = lab.problem("rosenbrock")
    assert problem.window == ((-2, 2), (-1, 3))
    assert problem.first_start == (-1.5, 2.0)


@pytest.mark.parametrize("name", ["rosenbrock", "himmelblau", "beale", "booth", "matyas"])
def test_sums_of_squares_stay_positive_in_float32(name):
    problem = lab.problem(name)
    near = np.array(problem.optima[0].point) + np.random.default_rng(0).normal(0, 1e-4, (500, 2))
    assert (problem.value(near.astype(np.float32)) >= 0).all()


def test_himmelblau_has_its_hill():
    problem = lab.problem("himmelblau")
    top = (-0.270844590667, -0.923038522458)
    assert abs(problem.gradient(top)).max() < 1e-5
    assert problem.value(top) == pytest.approx(181.617, abs=1e-3)

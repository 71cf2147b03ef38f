import math

import numpy as np
import pytest
import torch

import lab

ORIGIN = torch.zeros(1, 2, dtype=torch.float64)


@pytest.mark.parametrize(("condition", "angle"), [(1.0, 0.0), (100.0, 30.0), (1e6, -110.0)])
def test_quadratic_has_the_spectrum_it_says(condition, angle):
    hessian = lab.problem("quadratic", condition=condition, angle=angle).hessian(ORIGIN)[0]
    np.testing.assert_allclose(torch.linalg.eigvalsh(hessian), [1.0, condition], rtol=1e-9)
    valley = np.array([math.cos(math.radians(angle)), math.sin(math.radians(angle))])
    np.testing.assert_allclose(hessian.numpy() @ valley, valley, atol=1e-9 * condition)


def test_quadratic_unturned_is_that_of_the_reference_runs():
    problem = lab.problem("quadratic", condition=100.0, angle=0.0)  # 0.5 (x² + 100 y²)
    assert problem.value([3.0, 1.0]) == pytest.approx(54.5)
    assert problem.gradient([3.0, 1.0]) == pytest.approx([3.0, 100.0])


def test_saddles_are_saddles():
    plain = lab.problem("saddle").hessian(ORIGIN)[0]
    assert torch.linalg.eigvalsh(plain).tolist() == [-2, 2]
    assert lab.problem("monkey_saddle").hessian(ORIGIN).tolist() == [[[0, 0], [0, 0]]]
    angles = np.linspace(0, 2 * np.pi, 13)[:-1]
    circle = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    # x³ - 3xy² = r³ cos 3φ: three ways down.
    np.testing.assert_allclose(
        lab.problem("monkey_saddle").value(circle), np.cos(3 * angles), atol=1e-12
    )


def test_saddles_name_no_optimum():
    assert lab.problem("saddle").optima == ()
    assert lab.problem("monkey_saddle").optima == ()


@pytest.mark.parametrize(("amplitude", "frequency", "flatness"), [(0.1, 12, 0.05), (2, 40, 0.5)])
def test_ripples_have_the_curvature_they_say(amplitude, frequency, flatness):
    problem = lab.problem(
        "ripple_valley", amplitude=amplitude, frequency=frequency, flatness=flatness
    )
    extra = amplitude * frequency**2 / 2
    hessian = problem.hessian(ORIGIN)[0]
    np.testing.assert_allclose(hessian, np.diag([flatness + extra, 1 + extra]), rtol=1e-12)


def test_without_amplitude_the_valley_is_smooth():
    problem = lab.problem("ripple_valley", amplitude=0.0, flatness=0.0)
    assert problem.value([3.0, 0.0]) == 0
    assert problem.gradient([3.0, 1.0]) == pytest.approx([0.0, 1.0])


def test_ripples_raise_the_total_variation_along_the_valley():
    x = np.linspace(-1, 1, 4001)
    line = np.stack([x, 0 * x], axis=1)

    def variation(amplitude):
        values = lab.problem("ripple_valley", amplitude=amplitude).value(line)
        return np.abs(np.diff(values)).sum()

    assert variation(0.0) < variation(0.01) < variation(0.1) < variation(1.0)

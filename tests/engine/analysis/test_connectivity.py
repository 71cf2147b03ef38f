import numpy as np
import pytest

import lab
from lab import analysis


def test_the_line_between_two_networks(digits, pair, numbers):
    found = analysis.linear_path(digits, *pair, points=25)
    wanted = numbers["R2_A_curve_naive"]
    np.testing.assert_allclose(found.t, numbers["R2_lam"], atol=1e-12)
    np.testing.assert_allclose(found.loss, wanted[:, 0], rtol=1e-9)
    np.testing.assert_allclose(found.metrics["accuracy"], wanted[:, 1], atol=1e-12)
    mean, chord, _ = numbers["R2_A_barriers_naive_tr_te"][0]
    assert found.barrier == pytest.approx(mean, rel=1e-9)
    assert found.barrier_chord == pytest.approx(chord, rel=1e-9)
    assert found.length == pytest.approx(np.linalg.norm(pair[1] - pair[0]), rel=1e-9)


def test_the_two_conventions_of_a_barrier_differ_where_the_ends_do():
    problem = lab.problem(lambda x: (x**2 * (x - 2) ** 2 + x)[0], dim=1)
    found = analysis.linear_path(problem, [0.0], [2.0], points=201)
    t = np.linspace(0, 1, 201)
    height = (2 * t) ** 2 * (2 * t - 2) ** 2
    assert found.barrier == pytest.approx(np.max(height + 2 * t) - 1, rel=1e-12)
    assert found.barrier_chord == pytest.approx(height.max(), rel=1e-12)


def test_a_loss_that_is_not_finite_leaves_no_barrier():
    problem = lab.problem(lambda x: x.log().sum(), dim=1)
    assert np.isnan(analysis.linear_path(problem, [-1.0], [1.0], points=5).barrier)


def test_a_barrier_of_points_that_do_not_fit():
    with pytest.raises(ValueError, match="shape"):
        analysis.linear_path(lab.problem("booth"), [0.0, 1.0], [1.0])
    with pytest.raises(ValueError, match="points = 1"):
        analysis.linear_path(lab.problem("booth"), [0.0, 1.0], [1.0, 1.0], points=1)


@pytest.mark.parametrize("angle", [1e-7, 0.3, 90.0, 179.9999999, 180.0])
def test_angles(angle):
    turned = np.deg2rad(angle)
    ends = [1.0, 1.0], [3.0, 1.0], [1 + 5 * np.cos(turned), 1 + 5 * np.sin(turned)]
    problem = lab.problem("booth")
    assert analysis.angle_between(problem, *ends) == pytest.approx(angle, rel=1e-7)


def test_no_angle_at_an_end():
    assert np.isnan(analysis.angle_between(lab.problem("booth"), [0.0, 1], [0.0, 1], [2.0, 1]))

import numpy as np
import pytest
import torch

import lab


@pytest.mark.parametrize("kind", [torch.float32, torch.float64])
def test_ackley_is_flat_and_finite_at_its_tip(kind):
    problem = lab.problem("ackley")
    origin = torch.zeros(1, 2, dtype=kind)
    value, gradient = problem.evaluate_with_gradient(origin)
    assert 0 <= float(value) < 1e-15
    assert gradient.tolist() == [[0, 0]]
    assert problem.hessian(origin).isfinite().all()
    through_torch = origin.requires_grad_()
    (gradient,) = torch.autograd.grad(problem.evaluate(through_torch).sum(), through_torch)
    assert gradient.tolist() == [[0, 0]]


@pytest.mark.parametrize("size", [1e-12, 1e-6, 1e-3])
def test_ackley_near_its_tip_is_a_cone(size):
    problem = lab.problem("ackley")
    point = size * np.array([0.6, 0.8])
    slope = 4 / np.sqrt(2)  # 20 · 0.2 · dρ/dr with ρ = r/√2
    assert problem.value(point) == pytest.approx(slope * size, rel=30 * size + 1e-9)
    assert problem.gradient(point) == pytest.approx(slope * np.array([0.6, 0.8]), rel=0.02)


def test_ackley_has_trouble_with_its_hessian():
    assert "cone" in lab.problem("ackley").hessian_trouble


@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_easom_underflows_to_a_plain(kind):
    problem = lab.problem("easom")
    far = np.array([[-90.0, 90.0], [100.0, 100.0], [0.0, 60.0]], dtype=kind)
    assert (problem.value(far) == 0).all()
    assert (problem.gradient(far) == 0).all()


@pytest.mark.parametrize("name", ["rastrigin", "ackley", "levi13"])
def test_values_near_the_minimum_keep_their_digits_in_float32(name):
    problem = lab.problem(name)
    near = np.array(problem.optima[0].point) + 1e-3 * np.random.default_rng(0).normal(size=(99, 2))
    near = near.astype(np.float32)
    expected = problem.value(near.astype(np.float64))
    np.testing.assert_allclose(problem.value(near), expected, rtol=3e-3)

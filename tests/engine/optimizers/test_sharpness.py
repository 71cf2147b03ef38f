"""SAM beyond its golden trajectories."""

import numpy as np
import pytest
import torch
from rule_cases import Formula, path_of, quadratic, running


def naive_sam(start, gradient, *, lr, rho, momentum, steps, adaptive):
    """One run in numpy, straight from the paper's algorithm with SGD underneath."""
    x, v, rows = np.array(start), np.zeros(len(start)), [np.array(start)]
    for _ in range(steps):
        g = gradient(x)
        scale = np.abs(x) if adaptive else np.ones_like(x)
        e = rho * scale**2 * g / np.linalg.norm(scale * g)
        v = momentum * v + gradient(x + e)
        x = x - lr * v
        rows.append(x)
    return np.array(rows)


@pytest.mark.parametrize("adaptive", [False, True])
def test_norm_is_taken_over_each_run_alone(adaptive):
    starts = [[3.0, 1.0], [-0.5, 2.0], [100.0, -0.1]]
    knobs = {"lr": 0.005, "rho": 0.3, "momentum": 0.9}
    lane = running("sam", quadratic(), plain=True, start=starts, adaptive=adaptive, **knobs)
    path = path_of(lane, 40)
    for run, start in enumerate(starts):
        naive = naive_sam(start, lambda x: x * [1, 100], steps=40, adaptive=adaptive, **knobs)
        np.testing.assert_allclose(path[:, run], naive, rtol=1e-9, atol=1e-11)


def test_stays_at_a_stationary_point():
    problem = Formula(lambda x, y: x * x + y * y, 2)
    lane = running("sam", problem, plain=True, start=[0.0, 0.0])
    assert (path_of(lane, 3) == 0).all()


def test_leaves_a_narrow_valley_for_a_wide_one():
    """Both minima have the value 0; the narrow one is narrower than ρ."""

    def valleys(x):
        return torch.minimum(500 * x * x, 0.1 * (x - 1.5) ** 2)

    place = {"plain": True, "start": [0.01]}
    problem = Formula(valleys, 1)
    sgd = path_of(running("sgd", problem, lr=5e-4, **place), 200)[-1, 0, 0]
    assert abs(sgd) < 1e-6
    sam = path_of(running("sam", problem, lr=0.01, rho=0.5, **place), 3000)[-1, 0, 0]
    assert abs(sam - 1.5) < 0.1

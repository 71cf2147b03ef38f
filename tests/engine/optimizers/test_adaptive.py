"""What the golden trajectories of the adaptive rules do not show."""

import numpy as np
import torch
from rule_cases import Formula, path_of, running


def test_centred_rmsprop_survives_a_constant_gradient():
    """There the variance is zero up to rounding; torch's own turns into NaN after 331 steps."""
    lane = running(
        "rmsprop", Formula(lambda x: x / 10, 1), plain=True, start=[0.0], alpha=0.9, centered=True
    )
    assert np.isfinite(path_of(lane, 500)).all()
    assert not lane.diverged


def test_adadeltas_first_step_is_set_by_epsilon():
    lane = running("adadelta", Formula(lambda x: 50 * x, 1), plain=True, start=[0.0], eps=1e-4)
    first = abs(path_of(lane, 1)[1, 0, 0])
    np.testing.assert_allclose(first, (1e-4 / 0.1) ** 0.5, rtol=1e-6)


def test_rmsprops_first_step_is_long():
    lane = running("rmsprop", Formula(lambda x: 50 * x, 1), plain=True, start=[0.0], lr=0.01)
    np.testing.assert_allclose(abs(path_of(lane, 1)[1, 0, 0]), 0.01 / 0.01**0.5, rtol=1e-6)


def test_diffgrad_never_steps_further_than_adam():
    problem = Formula(lambda x, y: torch.sin(3 * x) + x * x + y**4, 2)
    place = {"plain": True, "start": [-1.0, 1.5], "lr": 0.05}
    adam = np.diff(path_of(running("adam", problem, **place), 1), axis=0)
    slow = np.diff(path_of(running("diffgrad", problem, **place), 1), axis=0)
    assert (np.abs(slow) < np.abs(adam)).all()
    assert (np.abs(slow) >= 0.5 * np.abs(adam)).all()

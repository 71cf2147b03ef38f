"""Sharpness, held against reference numbers and against what is known of quadratics."""

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits

import lab

A = lab.analysis
CURVATURES = np.array([4.0, 1.0, 0.25])


@pytest.fixture(scope="module")
def bowl():
    weights = torch.tensor(CURVATURES)
    return lab.problem(lambda x: (weights.to(x) * x**2).sum() / 2, dim=3)


@pytest.fixture(scope="module")
def digits(golden):
    """The reference network and its training set, in the stored order."""
    numbers = np.load(golden / "analyses.npz")
    inputs, targets = load_digits(return_X_y=True)
    train = numbers["R2_split_perm"][:1437]
    layers = torch.nn.Linear(64, 64), torch.nn.ReLU(), torch.nn.Linear(64, 10)
    data = torch.tensor(inputs[train] / 16), torch.tensor(targets[train])
    problem = lab.problem(torch.nn.Sequential(*layers), data=data, loss="cross_entropy")
    theta = np.concatenate([numbers[f"R2_A_P{i}_seed1"].ravel() for i in range(4)])
    return problem, theta, numbers["R6i_msharpness_cols_rho_m_value"]


def test_reference_numbers_of_a_network(digits):
    problem, theta, table = digits
    for rho, m, value in table[(table[:, 0] == 0.05) | (table[:, 1] > 8)]:
        group = 0 if m == problem.samples else int(m)
        found = A.worst_rise(problem, theta, rho, group)
        assert found.value == pytest.approx(value, rel=1e-9)
        assert found.error == 0
        assert np.linalg.norm(found.offset) == pytest.approx(rho, rel=1e-6)


def test_some_groups_stand_for_all(digits):
    problem, theta, _ = digits
    whole = A.worst_rise(problem, theta, 0.05, 8)
    inside = 0
    for seed in range(40):
        part = A.worst_rise(problem, theta, 0.05, 8, groups=30, seed=seed)
        assert part.groups == 30
        inside += abs(part.value - whole.value) <= 1.645 * part.error
    assert 0.7 * 40 <= inside <= 40  # 90 % foreseen; heavy tails


def test_more_steps_find_the_worst_point_of_a_bowl(bowl):
    """From (0, 1, 1) one step leaves the steepest axis out; ascent from beside it finds it."""
    theta = np.array([1e-3, 1.0, 0.0])
    rho = 2.0
    one, many = (A.worst_rise(bowl, theta, rho, steps=n) for n in (1, 60))
    angle = np.linspace(-np.pi, np.pi, 200_001)
    ring = rho * np.stack([np.cos(angle), np.sin(angle), 0 * angle], axis=1)
    here = (CURVATURES * theta**2).sum() / 2
    best = (((theta + ring) ** 2 * CURVATURES).sum(1) / 2).max() - here
    assert one.value < 0.8 * best
    assert many.value == pytest.approx(best, rel=1e-6)


def test_one_step_is_the_formula(bowl):
    theta, rho = np.array([0.5, -1.0, 2.0]), 0.1
    gradient = CURVATURES * theta
    away = rho * gradient / np.linalg.norm(gradient)
    rise = gradient @ away + (CURVATURES * away**2).sum() / 2
    assert A.worst_rise(bowl, theta, rho).value == pytest.approx(rise)
    scale = np.abs(theta) + 0.01
    away = rho * scale**2 * gradient / np.linalg.norm(scale * gradient)
    rise = gradient @ away + (CURVATURES * away**2).sum() / 2
    found = A.worst_rise(bowl, theta, rho, adaptive=True, eta=0.01)
    assert found.value == pytest.approx(rise)
    np.testing.assert_allclose(found.offset, away, rtol=1e-9)


def test_adaptive_sharpness_does_not_see_a_layer_rescaled():
    module = torch.nn.Sequential(
        torch.nn.Linear(3, 8, bias=False), torch.nn.ReLU(), torch.nn.Linear(8, 2, bias=False)
    )
    generator = torch.Generator().manual_seed(1)
    data = torch.randn(20, 3, generator=generator).double(), torch.arange(20) % 2
    problem = lab.problem(module, data=data, loss="cross_entropy")
    theta = torch.randn(problem.dim, generator=generator).double().numpy()
    scaled = np.concatenate([3 * theta[:24], theta[24:] / 3])
    assert problem.value(theta) == pytest.approx(problem.value(scaled))
    one, two = (A.worst_rise(problem, x, 0.1, adaptive=True).value for x in (theta, scaled))
    assert one == pytest.approx(two, rel=1e-9)
    one, two = (A.worst_rise(problem, x, 0.1).value for x in (theta, scaled))
    assert abs(one / two - 1) > 0.1


def test_mean_rise_of_a_bowl_is_half_the_trace(bowl):
    """ρ² tr(H) / 2, whatever the slope; 90 % intervals hold it in 80–98 of 100 draws."""
    theta, rho = np.array([0.5, -1.0, 2.0]), 0.3
    truth = rho**2 * CURVATURES.sum() / 2
    found = [A.mean_rise(bowl, theta, rho, pairs=40, seed=seed) for seed in range(200)]
    inside = [abs(one.value - truth) <= 1.645 * one.error for one in found]
    assert 0.8 <= np.mean(inside) <= 0.98
    assert np.mean([one.value for one in found]) == pytest.approx(truth, rel=0.03)
    adaptive = A.mean_rise(bowl, theta, rho, pairs=4000, adaptive=True)
    truth = rho**2 * (CURVATURES * theta**2).sum() / 2
    assert adaptive.value == pytest.approx(truth, abs=4 * adaptive.error)
    assert adaptive.error < 0.05 * truth


def test_a_minimum_stays_where_it_is(bowl):
    found = A.worst_rise(bowl, np.zeros(3), 0.5)
    assert found.value == 0
    assert not found.offset.any()


def test_nonsense_is_refused(bowl):
    for options, word in (
        ({"radius": 0.0}, "radius"),
        ({"steps": 0}, "steps"),
        ({"group": 3}, "samples"),
    ):
        with pytest.raises(ValueError, match=word):
            A.worst_rise(bowl, np.zeros(3), **options)
    with pytest.raises(ValueError, match="pairs"):
        A.mean_rise(bowl, np.zeros(3), pairs=1)

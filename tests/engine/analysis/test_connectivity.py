import numpy as np
import pytest
import torch

import lab
from lab import analysis
from lab.engine.analysis.connectivity import _bernstein


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


def test_control_points_of_a_curve_against_de_casteljau():
    t = torch.linspace(0, 1, 7, dtype=torch.float64)
    points = torch.randn(5, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    for x, found in zip(t, _bernstein(t, 5) @ points, strict=True):
        row = points
        while len(row) > 1:
            row = (1 - x) * row[:-1] + x * row[1:]
        torch.testing.assert_close(found, row[0])


def test_the_trained_middle_of_the_reference_gives_the_reference_curve(digits, pair, numbers):
    middle = np.concatenate([numbers[f"R2_A_bezier_mid_P{i}"].ravel() for i in range(4)])
    weights = _bernstein(torch.linspace(0, 1, 61, dtype=torch.float64), 3).numpy()
    losses = digits.value(weights @ np.stack([pair[0], middle, pair[1]]))
    np.testing.assert_allclose(losses, numbers["R2_A_bezier_curve_t61"][:, 0], rtol=1e-9)


def test_a_trained_curve_goes_round_the_barrier(digits, pair, numbers):
    found = analysis.bezier_path(digits, *pair, steps=200, points=31)
    line = analysis.linear_path(digits, *pair)
    ends = max(found.loss[0], found.loss[-1])
    assert line.loss.max() > 7 * ends
    assert found.loss.max() == pytest.approx(ends, rel=1e-6)
    assert found.loss.max() == pytest.approx(numbers["R2_A_bezier_curve_t61"][:, 0].max())
    assert found.length > line.length
    assert (found.bends[[0, 2]] == np.stack(pair)).all()
    assert found.metrics["accuracy"].shape == (31,)
    assert found.evaluations == 231


def test_the_seed_decides_the_training():
    problem = lab.problem("himmelblau")
    ends = [3.0, 2.0], [-2.805118, 3.131312]
    one, same, other = (
        analysis.bezier_path(problem, *ends, steps=20, points=5, seed=seed) for seed in (0, 0, 1)
    )
    assert (one.bends == same.bends).all()
    assert (one.bends != other.bends).any()


def test_mini_batches_are_those_of_the_problem(numbers):
    problem = lab.problem("moons_mlp", samples=60, batch_size=16)
    rng = np.random.default_rng(0)
    ends = rng.normal(size=(2, problem.dim))
    full = analysis.bezier_path(lab.problem("moons_mlp", samples=60), *ends, steps=5, points=3)
    found = analysis.bezier_path(problem, *ends, steps=5, points=3)
    assert (found.bends[1] != full.bends[1]).any()
    assert found.loss[0] == pytest.approx(full.loss[0], rel=1e-12)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"b": [1.0]}, "shape"),
        ({"points": 1}, "points = 1"),
        ({"steps": 0}, "steps = 0"),
        ({"bends": 2}, "bends = 2"),
        ({"lr": -1.0}, "lr = -1.0"),
    ],
)
def test_bad_input(arguments, message):
    arguments = {"a": [0.0, 1.0], "b": [1.0, 1.0], **arguments}
    with pytest.raises(ValueError, match=message):
        analysis.bezier_path(lab.problem("booth"), **arguments)

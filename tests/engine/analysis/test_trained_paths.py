import numpy as np
import pytest
import torch

import lab
from lab import analysis
from lab.engine.analysis.trained_paths import bernstein, polygon


def test_control_points_of_a_curve_against_de_casteljau():
    t = torch.linspace(0, 1, 7, dtype=torch.float64)
    points = torch.randn(5, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    for x, found in zip(t, bernstein(t, 5) @ points, strict=True):
        row = points
        while len(row) > 1:
            row = (1 - x) * row[:-1] + x * row[1:]
        torch.testing.assert_close(found, row[0])


def test_the_trained_middle_of_the_reference_gives_the_reference_curve(digits, pair, numbers):
    middle = np.concatenate([numbers[f"R2_A_bezier_mid_P{i}"].ravel() for i in range(4)])
    weights = bernstein(torch.linspace(0, 1, 61, dtype=torch.float64), 3).numpy()
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
    assert found.evaluations == 231 + 9 * 13  # nine looks at the curve on its way


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


def test_progress_shows_the_curve_so_far(digits, pair):
    seen = []
    found = analysis.bezier_path(
        digits, *pair, steps=60, points=5, progress=lambda report: seen.append(report.partial)
    )
    looks = [path for path in seen if path is not None]
    assert len(looks) == 4
    tops = [float(path.loss.max()) for path in looks]
    assert tops[0] > tops[-1] > 0.9 * float(found.loss.max())
    assert not torch.equal(looks[0].bends[1], looks[1].bends[1])


def test_corners_of_a_polygon_are_on_it():
    t = torch.tensor([0.0, 0.25, 0.5, 0.625, 1.0])
    points = torch.tensor([[0.0], [4.0], [2.0]])
    assert (polygon(t, 3) @ points).flatten().tolist() == [0, 2, 4, 3.5, 2]


def test_a_polygon_and_small_batches_go_round_the_barrier_too(digits, pair):
    top = analysis.linear_path(digits, *pair).loss.max()
    for options in ({"shape": "polygon"}, {"batch_size": 100}):
        found = analysis.bezier_path(digits, *pair, steps=200, points=31, **options)
        assert found.loss.max() < 0.35 * top


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"points": 1}, "points = 1"),
        ({"steps": 0}, "steps = 0"),
        ({"bends": 2}, "bends = 2"),
        ({"lr": -1.0}, "lr = -1.0"),
        ({"shape": "polygons"}, "shape = 'polygons' .*'polygon'"),
        ({"batch_size": 3}, "batch_size = 3: .* has no samples"),
    ],
)
def test_bad_input(arguments, message):
    arguments = {"a": [0.0, 1.0], "b": [1.0, 1.0], **arguments}
    with pytest.raises(ValueError, match=message):
        analysis.bezier_path(lab.problem("booth"), **arguments)

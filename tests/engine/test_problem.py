"""What all problems can do, whatever they are."""

import pytest
import torch

import lab
from lab.engine import problem as module


@pytest.mark.parametrize("name", ["rosenbrock", "moons_mlp"])
def test_planes_are_evaluated_in_blocks(name, monkeypatch):
    problem = lab.problem(name)
    draws = torch.Generator().manual_seed(0)
    center, d1, d2 = torch.randn(3, problem.dim, generator=draws, dtype=torch.float64)
    a, b = torch.rand(2, 11, generator=draws, dtype=torch.float64)
    expected = problem.value(center + a[:, None] * d1 + b[:, None] * d2)
    plane = module.Problem.plane_values
    torch.testing.assert_close(plane(problem, center, d1, d2, a, b), expected)
    monkeypatch.setattr(module, "PLANE_NUMBERS", 4 * problem.dim)
    torch.testing.assert_close(plane(problem, center, d1, d2, a, b), expected)
    assert len(plane(problem, center, d1, d2, a[:0], b[:0])) == 0


def test_forecast_grows_with_the_runs():
    problem = lab.problem("rosenbrock")
    assert problem.forecast(1000, torch.float64) == 1000 * problem.forecast(1, torch.float64)
    assert problem.forecast(1, torch.float64) == 2 * problem.forecast(1, torch.float32)


def test_a_lane_that_will_not_fit_is_refused():
    lane = lab.Lane("sgd", runs=900_000_000)
    with pytest.raises(ValueError, match=r"would need .* are free on cpu"):
        lab.run(lab.Experiment("digits_mlp", [lane], device="cpu"))

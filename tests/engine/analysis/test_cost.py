"""Forecasts against what the work then took."""

import pytest
import torch
from profiled import peak_bytes

import lab
from lab import analysis
from lab.engine.analysis import cost
from lab.engine.device import threads

NAMES = ("moons_mlp", "digits_mlp", "digits_cnn")
WITHIN = 0.25


@pytest.fixture(params=NAMES)
def ground(request):
    small = {"samples": 300} if request.param == "digits_cnn" else {}
    problem = lab.problem(request.param, **small)
    theta = problem.start([torch.Generator().manual_seed(0)])[0].float()
    with threads(1):
        yield problem, analysis.random_plane(problem, theta)


def check(forecast, work, count=None):
    assert forecast.bytes == pytest.approx(peak_bytes(work), rel=WITHIN)
    assert forecast.seconds > 0
    assert forecast.count == (forecast.count if count is None else count)


@pytest.mark.parametrize("metrics", [False, True])
def test_a_surface(ground, metrics):
    problem, plane = ground
    points = 9 if problem.family == "network" and problem.dim > 9000 else 33
    forecast = cost.surface_cost(problem, plane, points, metrics=metrics)
    options = {"points": points, "metrics": metrics}
    check(forecast, lambda: analysis.surface(problem, None, plane, **options), points**2)


def test_a_curvature_map(ground):
    problem, plane = ground
    points = 9 if problem.dim < 1000 else 2
    forecast = cost.curvature_map_cost(problem, plane, points)
    check(forecast, lambda: analysis.curvature_map(problem, None, plane, points=points))


def test_eigenvalues(ground):
    problem, plane = ground
    forecast = cost.eigenvalues_cost(problem, plane.center, 4)
    check(forecast, lambda: analysis.top_eigenvalues(problem, plane.center, 4))


def test_a_density(ground):
    problem, plane = ground
    options = {"probes": 3, "steps": 12, "deflate": 2}
    forecast = cost.density_cost(problem, plane.center, **options)
    check(forecast, lambda: analysis.spectral_density(problem, plane.center, **options))


def test_the_whole_hessians_of_few_parameters():
    problem = lab.problem("himmelblau")
    plane = analysis.native_plane(problem)
    forecast = cost.curvature_map_cost(problem, plane, 31, 6.0)
    assert forecast.count == 31 * 31 * 2
    work = lambda: analysis.curvature_map(problem, None, plane, 6.0, 31)  # noqa: E731
    assert forecast.count == work().products


def test_a_forecast_in_words():
    words = cost.Cost(2601, "values", 1.234, 4_100_000).text
    assert words == "2,601 values · about 1.2 s · 4.1 MB"
    for seconds, text in ((0.0004, "1 ms"), (0.5, "500 ms"), (90, "90 s"), (600, "10 min")):
        assert f"about {text} ·" in cost.Cost(1, "values", seconds, 1).text


def test_work_that_cannot_fit_is_refused(monkeypatch):
    problem = lab.problem("moons_mlp")
    plane = analysis.random_plane(problem, torch.ones(problem.dim))
    monkeypatch.setattr("lab.engine.device.free_memory", lambda device: 1000)
    with pytest.raises(ValueError, match="points side by side would need"):
        cost.surface_cost(problem, plane)

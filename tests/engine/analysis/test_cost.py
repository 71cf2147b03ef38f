"""Forecasts against what the work then took."""

import pytest
import torch
from profiled import peak_bytes
from torch import nn
from torch.utils._python_dispatch import _get_current_dispatch_mode

import lab
from lab import analysis
from lab.engine.analysis import cost
from lab.engine.analysis.operators import OPERATORS
from lab.engine.analysis.sampling import values_at
from lab.engine.device import threads
from lab.engine.problems.roperator import ROperator

WITHIN = 0.25


class Attention(nn.Module):
    """A small transformer that reads an image row by row."""

    def __init__(self):
        """Give every layer its weights."""
        super().__init__()
        self.embed, self.first, self.second = nn.Linear(8, 16), nn.LayerNorm(16), nn.LayerNorm(16)
        self.queries, self.out = nn.Linear(16, 48), nn.Linear(16, 16)
        self.wide = nn.Sequential(nn.Linear(16, 32), nn.GELU(), nn.Linear(32, 16))
        self.head = nn.Linear(16, 10)

    def forward(self, inputs):
        """Scores of the ten digits."""
        rows = self.embed(inputs.unflatten(-1, (8, 8)))
        parts = self.queries(self.first(rows)).unflatten(-1, (3, 2, 8)).unbind(-3)
        query, key, value = (part.transpose(-2, -3) for part in parts)  # (..., heads, rows, 8)
        mixed = (query @ key.mT / 8**0.5).softmax(-1) @ value
        rows = rows + self.out(mixed.transpose(-2, -3).flatten(-2))
        return self.head((rows + self.wide(self.second(rows))).mean(-2))


def attention():
    torch.manual_seed(0)
    data = lab.problem("digits_mlp", samples=200).dataset
    return lab.problem(Attention(), data=(data.inputs.float(), data.targets), loss="cross_entropy")


MAKE = {
    "moons": lambda: lab.problem("moons_mlp"),
    "mlp": lambda: lab.problem("digits_mlp"),
    "cnn": lambda: lab.problem("digits_cnn", samples=200),
    "attention": attention,
}
each = pytest.mark.parametrize("name", MAKE)
MATRICES = [(name, operator) for name in ("mlp", "attention") for operator in OPERATORS]
MATRICES += [("moons", "hessian"), ("cnn", "hessian"), ("cnn", "ggn")]


def warm(name):
    """A problem of its own, which has been evaluated once, and a point."""
    problem = MAKE[name]()
    theta = problem.start([torch.Generator().manual_seed(0)])[0].float()
    values_at(problem, theta[None])
    return problem, theta


def held(forecast, work, name, count=None):
    """The forecast, and the work on a problem that keeps nothing from the rehearsal."""
    with threads(1):
        found = forecast(*warm(name))
        problem, theta = warm(name)
        real = peak_bytes(lambda: work(problem, theta))
    assert found.bytes == pytest.approx(real, rel=WITHIN)
    assert found.seconds > 0
    assert count in (None, found.count)


@each
@pytest.mark.parametrize("metrics", [False, True])
def test_a_surface(name, metrics):
    points = 33 if name == "moons" else 9
    options = {"points": points, "metrics": metrics}
    held(
        lambda p, at: cost.surface_cost(p, analysis.random_plane(p, at), **options),
        lambda p, at: analysis.surface(p, None, analysis.random_plane(p, at), **options),
        name,
        points**2,
    )


def test_a_surface_of_two_variables():
    problem = lab.problem("himmelblau")
    plane = analysis.native_plane(problem)
    forecast = cost.surface_cost(problem, plane, 201, 6.0)
    real = peak_bytes(lambda: analysis.surface(problem, None, plane, 6.0, 201))
    assert forecast.bytes == pytest.approx(real, rel=WITHIN)


@each
def test_a_curvature_map(name):
    points = 9 if name == "moons" else 2
    held(
        lambda p, at: cost.curvature_map_cost(p, analysis.random_plane(p, at), points),
        lambda p, at: analysis.curvature_map(p, None, analysis.random_plane(p, at), points=points),
        name,
    )


@pytest.mark.parametrize(("name", "operator"), MATRICES)
def test_eigenvalues(name, operator):
    held(
        lambda p, at: cost.eigenvalues_cost(p, at, 4, operator),
        lambda p, at: analysis.top_eigenvalues(p, at, 4, operator),
        name,
    )


def test_eigenvalues_of_one_layer():
    held(
        lambda p, at: cost.eigenvalues_cost(p, at, 12, layers="2.weight"),
        lambda p, at: analysis.top_eigenvalues(p, at, 12, layers="2.weight"),
        "mlp",
    )


def test_so_many_eigenvalues_that_the_whole_matrix_is_made():
    held(
        lambda p, at: cost.eigenvalues_cost(p, at, 120),
        lambda p, at: analysis.top_eigenvalues(p, at, 120),
        "moons",
        354,
    )


@pytest.mark.parametrize(
    ("name", "operator"), [*((name, "hessian") for name in MAKE), ("mlp", "ggn"), ("mlp", "ntk")]
)
def test_a_density(name, operator):
    options = {"probes": 3, "steps": 12, "deflate": 2, "operator": operator}
    held(
        lambda p, at: cost.density_cost(p, at, **options),
        lambda p, at: analysis.spectral_density(p, at, **options),
        name,
    )


def test_a_rehearsal_goes_a_product_at_a_time_and_watches_nobody_else(monkeypatch):
    problem, theta = warm("mlp")
    made, product = [], ROperator.hessian
    monkeypatch.setattr(ROperator, "hessian", lambda *args: made.append(1) or product(*args))
    for _ in cost.density_cost.steps(problem, theta, 1, 12, deflate=3):
        assert _get_current_dispatch_mode() is None
        assert len(made) <= 1
        made.clear()
    assert not made


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

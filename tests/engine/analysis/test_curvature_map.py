import sys

import numpy as np
import pytest
import torch

import lab
from lab import analysis
from lab.engine.analysis.base import to_numpy

MOONS = lab.problem("moons_mlp", samples=80)


def ends(problem, found, kept=slice(None)):
    """Both ends of the spectra by whole Hessians, in double precision."""
    x, y = np.meshgrid(found.x, found.y)
    points = found.plane.points(x.ravel(), y.ravel()).double().numpy()
    full = np.stack([np.asarray(analysis.hessian(problem, point)) for point in points])
    values = np.linalg.eigvalsh(full[:, kept][:, :, kept])
    return values[:, 0].reshape(x.shape), values[:, -1].reshape(x.shape)


def test_problems_of_two_variables_are_exact():
    problem = lab.problem("himmelblau")
    found = analysis.curvature_map(problem, None, "native", span=5.0, points=(11, 9))
    x, y = np.meshgrid(found.x, found.y)
    a, b = 12 * x**2 + 4 * y - 42, 12 * y**2 + 4 * x - 26  # of (x² + y - 11)² + (x + y² - 7)²
    c = 4 * (x + y)
    middle, reach = (a + b) / 2, np.hypot((a - b) / 2, c)
    np.testing.assert_allclose(found.largest, middle + reach, rtol=1e-10)
    np.testing.assert_allclose(found.smallest, middle - reach, rtol=1e-10, atol=1e-10)
    expected = np.abs((middle - reach) / (middle + reach))
    np.testing.assert_allclose(found.ratio, expected, rtol=1e-9, atol=1e-12)
    assert found.exact
    assert found.products == 2 * 99


def test_a_bowl_with_a_planted_spectrum_is_equally_curved_everywhere():
    planted = torch.linspace(-0.5, 7.0, 90, dtype=torch.float64)
    problem = lab.problem(lambda x: 0.5 * (planted.to(x) * x * x).sum(), dim=90)
    found = analysis.curvature_map(problem, np.ones(90), points=5, normalize=None, tol=1e-4)
    np.testing.assert_allclose(found.largest, 7.0, rtol=1e-6)
    np.testing.assert_allclose(found.smallest, -0.5, rtol=1e-5)
    np.testing.assert_allclose(found.ratio, 0.5 / 7, rtol=1e-5)


@pytest.mark.parametrize("tensors", ["all", "weights"])
def test_a_network_against_whole_hessians(tensors):
    theta = MOONS.start([torch.Generator().manual_seed(0)])[0].numpy()
    found = analysis.curvature_map(MOONS, theta, points=5, tensors=tensors)
    kept = np.concatenate(
        [
            np.full(np.prod(shape), tensors == "all" or len(shape) > 1)
            for shape in MOONS.layout.shapes
        ]
    )
    low, high = ends(MOONS, found, np.flatnonzero(kept))
    scale = np.maximum(np.abs(low), np.abs(high))
    assert (found.error <= 0.0101 * scale).all()
    for value, exact in ((found.largest, high), (found.smallest, low)):
        off = np.abs(value - exact)
        assert (off <= found.error + 1e-9 * scale).mean() >= 0.95  # one that hides from Lanczos
        assert (off <= 0.05 * scale).all()
    assert found.products < 25 * 40
    assert (found.tensors, found.exact) == (tensors, False)


def test_neighbours_are_a_good_beginning(monkeypatch):
    theta = MOONS.start([torch.Generator().manual_seed(0)])[0].numpy()
    options = {"points": 9, "span": 0.3, "tol": 1e-2}
    warm = analysis.curvature_map(MOONS, theta, **options).products
    monkeypatch.setattr(sys.modules["lab.engine.analysis.curvature_map"], "_FRESH", 1e9)
    assert warm < analysis.curvature_map(MOONS, theta, **options).products


def test_a_map_goes_on_from_what_is_known():
    theta = MOONS.start([torch.Generator().manual_seed(0)])[0].numpy()
    plane = analysis.random_plane(MOONS, theta)
    whole = analysis.curvature_map(MOONS, None, plane, points=7)
    parts = []

    def stop(report):
        parts.append(report.partial)
        if report.partial is not None and report.done > 0.4:
            raise analysis.Cancelled

    with pytest.raises(analysis.Cancelled):
        analysis.curvature_map(MOONS, None, plane, points=7, progress=stop)
    known = to_numpy(parts[-1])
    assert known.known.any()
    done = analysis.curvature_map(MOONS, None, plane, points=7, known=known)
    np.testing.assert_array_equal(done.largest[known.known], known.largest[known.known])
    assert (np.abs(done.largest - whole.largest) <= done.error + whole.error).all()
    assert done.known.all()
    assert known.painted("largest").shape == (7, 7)
    assert np.isfinite(known.painted()).all()
    with pytest.raises(ValueError, match="the same plane and grid"):
        analysis.curvature_map(MOONS, None, plane, points=5, known=known)
    with pytest.raises(ValueError, match="a map of 'weights' tensors"):
        analysis.curvature_map(MOONS, None, plane, points=7, tensors="weights", known=known)


def test_points_where_nothing_is_finite_do_not_stop_the_others():
    problem = lab.problem(lambda x: torch.sqrt(1 + x.sum()) + x.square().sum(), dim=70)
    found = analysis.curvature_map(
        problem, np.zeros(70), np.eye(70)[:2], span=2.0, points=5, normalize=None
    )
    assert np.isnan(found.largest[0, 0])
    assert np.isfinite(found.largest[2, 2])
    assert found.known.all()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"tensors": "biases"}, "tensors"),
        ({"tol": 0}, "tol"),
        ({"points": 1}, "points"),
        ({"directions": "sideways"}, "directions"),
    ],
)
def test_wrong_arguments(options, message):
    with pytest.raises(ValueError, match=message):
        analysis.curvature_map(MOONS, np.ones(MOONS.dim), **options)
    with pytest.raises(ValueError, match="no tensor of this problem has two axes"):
        analysis.curvature_map(lab.problem("himmelblau"), None, "native", tensors="weights")

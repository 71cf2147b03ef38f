"""A plane: coordinates, distances from it, windows."""

import numpy as np
import pytest
import torch

import lab
from lab import analysis

RNG = np.random.default_rng(0)
BOWL = lab.problem(lambda x: (x * x).sum(), dim=30)
BOOTH = lab.problem("booth")


@pytest.mark.parametrize("make", [np.asarray, torch.as_tensor])
def test_coordinates_and_distance_of_points_on_and_off_a_skew_plane(make):
    center, d1, d2 = RNG.normal(size=(3, 30))
    plane = analysis.given_plane(BOWL, center, (d1, d2))
    pairs = RNG.normal(size=(4, 5, 2))
    points = center + pairs @ np.stack([d1, d2])
    normal = np.linalg.qr(np.stack([d1, d2, RNG.normal(size=30)]).T)[0][:, 2]
    found = plane.coordinates(make(points + 0.7 * normal))
    np.testing.assert_allclose(found, pairs, atol=1e-12)
    np.testing.assert_allclose(plane.off_plane(make(points + 0.7 * normal)), 0.7, rtol=1e-12)
    np.testing.assert_allclose(plane.off_plane(make(points)), 0, atol=1e-13)
    assert type(found) is type(make(points))
    np.testing.assert_allclose(plane.points(*pairs[0].T), points[0], rtol=1e-12)


def test_a_plane_of_arrays_works_like_one_of_tensors():
    center, d1, d2 = RNG.normal(size=(3, 30))
    found = analysis.surface(BOWL, center, (d1, d2), normalize=None, points=3).plane
    assert isinstance(found.center, np.ndarray)
    np.testing.assert_allclose(found.coordinates(center + 2 * d1 - d2), [2, -1], atol=1e-12)
    for array in (found.center, found.d1, found.d2, center):
        array.setflags(write=False)  # as the arrays of a recording
    np.testing.assert_allclose(found.coordinates(center), [0, 0], atol=1e-12)
    with pytest.raises(ValueError, match="shape"):
        found.coordinates(1.0)


def test_windows_hold_the_finite_points_with_a_margin():
    plane = analysis.native_plane(BOOTH)
    points = np.array([[0.0, 1.0], [4.0, 2.0], [np.nan, 0.0]])
    assert plane.window(points, margin=0.25) == ((-1.0, 5.0), (0.0, 3.0))
    assert plane.window(points[:1]) == ((-1.0, 1.0), (0.0, 2.0))
    with pytest.raises(ValueError, match="finite point"):
        plane.window(points[2:])

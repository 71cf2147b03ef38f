import numpy as np
import pytest

import lab
from lab import analysis

RNG = np.random.default_rng(0)


def test_the_common_point_is_below_and_the_ends_stand_level():
    problem = lab.problem("moons_mlp", samples=40, widths=(5,))
    base, a, b = RNG.normal(size=(3, problem.dim))
    paths = [np.linspace(base, end, 6) + 0.01 * RNG.normal(size=(6, problem.dim)) for end in (a, b)]
    found = analysis.ridge(problem, base, a, b, paths, points=9)
    (x0, y0), (xa, ya), (xb, yb) = found.corners
    assert (x0, y0) == pytest.approx((0, 0), abs=1e-9)
    assert ya == pytest.approx(yb, rel=1e-9)
    assert ya > 0
    assert xb - xa == pytest.approx(np.linalg.norm(b - a), rel=1e-9)
    assert found.distance == pytest.approx(np.linalg.norm(b - a), rel=1e-9)
    cosine = (a - base) @ (b - base) / np.linalg.norm(a - base) / np.linalg.norm(b - base)
    assert found.angle == pytest.approx(np.degrees(np.arccos(cosine)), rel=1e-9)
    line = analysis.linear_path(problem, a, b)
    assert (found.barrier, found.barrier_chord) == (line.barrier, line.barrier_chord)
    plane = found.surface.plane
    for path, shadow, off in zip(paths, found.shadows, found.off_plane, strict=True):
        np.testing.assert_allclose(plane.points(*shadow.T) + 0, path, atol=0.1)
        rest = path - np.asarray(plane.points(*shadow.T))
        np.testing.assert_allclose(off, np.linalg.norm(rest, axis=1), rtol=1e-9)
    surface = found.surface
    assert surface.x[0] < min(xa, x0) < max(xb, x0) < surface.x[-1]
    at = plane.points([surface.x[3]], [surface.y[5]])
    assert surface.loss[5, 3] == pytest.approx(float(problem.value(np.asarray(at)[0])), rel=1e-9)


def test_three_points_on_a_line_span_no_plane():
    with pytest.raises(ValueError, match="on one line"):
        analysis.ridge(lab.problem("booth"), [0.0, 0.0], [1.0, 1.0], [2.0, 2.0])

import numpy as np
import pytest
import torch

import lab
from lab.engine.analysis import base, grid
from lab.engine.analysis.planes import native_plane

BEALE = lab.problem("beale")
PLANE = native_plane(BEALE)


def steps(**kwargs):
    return list(drain(grid.on_grid(BEALE, PLANE, **kwargs)))


def drain(generator):
    """All reports, and the result as the last one."""
    while True:
        try:
            yield next(generator).partial
        except StopIteration as stop:
            yield stop.value
            return


@pytest.mark.parametrize("points", [2, 3, 6, 51, (17, 40), (400, 5)])
def test_every_point_is_evaluated_once_and_in_its_place(points):
    found = steps(span=((-1.0, 2.0), (-3.0, 0.5)), points=points)[-1]
    nx, ny = points if isinstance(points, tuple) else (points, points)
    assert found.loss.shape == found.known.shape == (ny, nx)
    assert found.known.all()
    assert found.evaluations == nx * ny
    x, y = np.meshgrid(np.linspace(-1, 2, nx), np.linspace(-3, 0.5, ny))
    wanted = BEALE.value(np.stack([x.ravel(), y.ravel()], axis=1)).reshape(ny, nx)
    np.testing.assert_allclose(found.loss, wanted, rtol=1e-12)
    assert (found.painted() == found.loss).all()


def test_partial_results_cover_the_plane_early_and_never_change_what_is_known(monkeypatch):
    monkeypatch.setattr(grid, "values_on_plane", small_blocks)
    reports = steps(points=51)
    first = next(i for i, report in enumerate(reports) if report is not None)
    assert reports[first].evaluations <= 0.01 * 51 * 51
    spread = reports[first].near_x.unique()
    assert spread[0] == 0
    assert spread[-1] == 50
    second = next(r for r in reports if r is not None and len(r.near_x.unique()) == 9)
    assert second.evaluations <= 0.05 * 51 * 51
    final = reports[-1].loss
    for report in reports[first:]:
        assert (report.loss[report.known] == final[report.known]).all()
        assert report.loss[~report.known].isnan().all()
        painted = report.painted()
        assert painted.isfinite().all()
        assert (painted[report.known] == final[report.known]).all()
        wide = (final.max() - final.min()) * 1.0001
        assert (painted - final).abs().max() <= wide


def small_blocks(problem, center, directions, coordinates):
    for first in range(0, len(coordinates), 7):
        part = slice(first, first + 7)
        yield (
            slice(first, min(first + 7, len(coordinates))),
            problem.evaluate(center + coordinates[part] @ directions),
        )


def test_a_missing_point_borrows_from_its_nearest_neighbour(monkeypatch):
    monkeypatch.setattr(grid, "values_on_plane", small_blocks)
    report = next(r for r in steps(points=9) if r is not None)
    known = report.known.nonzero().double()
    for iy, ix in (~report.known).nonzero().tolist():
        apart = (known - torch.tensor([iy, ix])).abs().amax(dim=1)
        near = report.loss[report.known][apart == apart.min()]
        assert (report.painted()[iy, ix] == near).any()


def test_what_is_not_a_number_stays_so():
    problem = lab.problem(lambda x: x[0].log() + x[1] ** 2, dim=2, window=((0.1, 1), (-1, 1)))
    found = base.finish(grid.on_grid(problem, native_plane(problem), 1.0, 9))
    assert (found.loss.isnan() == (found.x < 0).expand(9, 9)).all()
    assert found.known.all()
    assert (found.painted().isnan() == found.loss.isnan()).all()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"span": -1.0}, "span = -1.0"),
        ({"span": 0}, "span = 0"),
        ({"span": ((0, 1), (1, 1))}, r"span = \(1, 1\)"),
        ({"span": ((0, 1), (0, float("inf")))}, "low < high"),
        ({"span": "wide"}, "span"),
        ({"span": (1, 2, 3)}, "span = "),
        ({"points": 1}, "points = 1"),
        ({"points": (5, 2.5)}, "points = 2.5"),
        ({"points": 1_000_000}, "a grid of 1000000 x 1000000 points would need"),
    ],
)
def test_bad_input(arguments, message):
    with pytest.raises(ValueError, match=message):
        steps(**arguments)

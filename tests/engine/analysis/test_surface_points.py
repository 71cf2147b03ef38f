"""Critical points of surfaces: on the grid, and where derivatives lead from there."""

import numpy as np
import pytest
import torch

import lab
from lab import analysis
from lab.engine.analysis.surface_points import _windings, grid_points


def native(name, points=65, **knobs):
    problem = lab.problem(name, **knobs)
    return problem, analysis.native_surface(problem, points=points)


@pytest.mark.parametrize("seed", range(10))
def test_winding_numbers_add_up_to_the_euler_characteristic_of_a_disc(seed):
    values = np.random.default_rng(seed).normal(size=(9 + seed, 14))
    if seed % 2:
        values = np.round(values)
    assert _windings(values)[0].sum() == 1


@pytest.mark.parametrize("points", [41, 101, 257])
def test_himmelblau_has_its_nine(numbers, points):
    problem, surface = native("himmelblau", points)
    found = analysis.critical_points(surface.loss, surface.x, surface.y, problem)
    wanted = numbers["R5_critical_points_cols_value_x_y_index"]
    rows = np.stack([found.loss, found.x, found.y, found.index], axis=1)
    order = [int(np.hypot(*(rows[:, 1:3] - row[1:3]).T).argmin()) for row in wanted]
    assert sorted(order) == list(range(9))
    np.testing.assert_allclose(rows[order], wanted, rtol=1e-6, atol=1e-9)
    assert found.refined
    assert (found.slope < 1e-6).all()
    assert (found.winding == np.where(found.index == 1, -1, 1)).all()


def test_a_monkey_saddle_is_degenerate_and_winds_twice():
    problem, surface = native("monkey_saddle", 64)
    found = analysis.critical_points(surface.loss, surface.x, surface.y, problem)
    assert (found.index.tolist(), found.winding.tolist()) == ([-1], [-2])
    assert abs(found.x[0]) < 1e-3 > abs(found.y[0])


def test_ripples_of_the_triangles_along_a_narrow_valley_are_left_out():
    problem, surface = native("rosenbrock", 129)
    coarse = analysis.critical_points(surface.loss, surface.x, surface.y)
    assert len(coarse.x) > 20
    assert not coarse.refined
    assert np.isnan(coarse.slope).all()
    found = analysis.critical_points(surface.loss, surface.x, surface.y, problem)
    np.testing.assert_allclose([found.x, found.y], [[1], [1]], atol=1e-5)
    assert found.index.tolist() == [0]


def test_too_many_are_left_on_the_grid():
    problem, surface = native("rastrigin", 129)
    given = surface.loss, surface.x, surface.y, problem
    found = analysis.critical_points(*given, most=10)
    assert not found.refined
    exact = analysis.critical_points(*given)
    assert exact.refined
    assert (exact.index == 0).sum() == 121  # one in every unit square of [-5.12, 5.12]²
    assert (exact.loss[exact.index == 0].min()) == pytest.approx(0, abs=1e-9)


def test_points_of_a_plane_through_a_network():
    """Finite differences of the loss on the plane, and the plane's own part of the gradient."""
    problem = lab.problem("moons_mlp", samples=60, widths=(5, 4))
    theta = np.random.default_rng(0).normal(size=problem.dim)
    surface = analysis.surface(problem, theta, points=41, span=2.0)
    given = surface.loss, surface.x, surface.y, problem, surface.plane
    found = analysis.critical_points(*given)
    assert found.refined
    assert len(found.x) >= 3
    basis = np.stack([surface.plane.d1, surface.plane.d2])
    points = theta + np.stack([found.x, found.y], axis=1) @ basis
    np.testing.assert_allclose(problem.value(points), found.loss, rtol=1e-9)
    slopes = problem.gradient(points)
    np.testing.assert_allclose(np.linalg.norm(slopes, axis=1), found.slope, rtol=1e-6)
    assert np.abs(slopes @ basis.T).max() < 1e-5 * np.linalg.norm(slopes, axis=1).max()
    assert (found.slope > 0.01).all()  # they are critical for the plane alone
    step, far = 1e-3, []
    for angle in np.linspace(0, np.pi, 90, endpoint=False):
        move = step * np.array([np.cos(angle), np.sin(angle)]) @ basis
        far.append(problem.value(points + move) + problem.value(points - move) - 2 * found.loss)
    bends = np.stack(far)
    kinds = np.where((bends > 0).all(axis=0), 0, np.where((bends < 0).all(axis=0), 2, 1))
    assert (kinds == found.index).all()


def test_a_kink_is_left_on_the_grid():
    problem = lab.problem(lambda x: x.abs().sum(), dim=2)
    surface = analysis.surface(problem, [0.0, 0.0], ([1, 0], [0, 1]), normalize=None, points=9)
    row, column, winding, index = grid_points(surface.loss)
    assert (row.tolist(), column.tolist()) == ([4], [4])
    assert (winding.tolist(), index.tolist()) == ([1], [0])


def test_borders_and_holes_are_no_critical_points():
    slope = np.add.outer(np.arange(5.0), np.arange(5.0))
    assert not len(grid_points(slope)[0])
    bowl = np.add.outer(np.arange(-2.0, 3) ** 2, np.arange(-2.0, 3) ** 2)
    assert len(grid_points(bowl)[0]) == 1
    bowl[1, 2] = np.nan
    assert not len(grid_points(bowl)[0])


def test_bad_arguments():
    with pytest.raises(ValueError, match=r"loss has shape \(2, 3\)"):
        analysis.critical_points(np.ones((2, 3)), [0, 1], [0, 1])
    with pytest.raises(ValueError, match="zero = -1"):
        analysis.critical_points(torch.ones(3, 3), torch.arange(3), torch.arange(3), zero=-1)


def test_where_no_point_of_the_grid_leads_to_one_none_is_left():
    axis = np.linspace(-1, 1, 9)
    tilted = lab.problem(lambda x: x[0] + 0.1 * x[1] ** 2, dim=2)
    bowl = axis[:, None] ** 2 + axis**2
    found = analysis.critical_points(bowl, axis, axis, tilted)
    assert found.refined
    assert [len(part) for part in (found.x, found.loss, found.slope, found.curves)] == [0] * 4

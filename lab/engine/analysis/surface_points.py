"""Critical points of a surface: on its grid by how the neighbours of a point lie, then exactly.

On a grid whose cells are each cut into two triangles the surface is piecewise linear. Going once
around a point over its six neighbours, the values change from above to below its own 2m times: not
at all around a minimum or maximum, twice on a slope, four times around a saddle, six times around a
monkey saddle. The winding number 1 - m of each point is its share of the Euler characteristic.

Source: Banchoff 1970, "Critical points and curvature for embedded polyhedral surfaces". Equal
values are told apart by their order, as in Edelsbrunner & Mücke 1990, "Simulation of simplicity".
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch

from lab.engine.analysis.base import Progress, Steps, analysis, check_positive
from lab.engine.analysis.critical_points import index_of
from lab.engine.analysis.parts import part_of
from lab.engine.analysis.plane import Plane
from lab.engine.analysis.planes import native_plane
from lab.engine.analysis.sampling import in_blocks, points_in_block, values_on_plane
from lab.engine.analysis.stationary import seek
from lab.engine.problem import Problem
from lab.engine.userarrays import as_tensor

RING = ((0, 1), (1, 1), (1, 0), (0, -1), (-1, -1), (-1, 0))  # neighbours (row, column), in turn
MINIMUM, SADDLE, MAXIMUM, DEGENERATE = 0, 1, 2, -1
_ITERATIONS = 40
_STRAY = 3.0  # cells by which the true point may lie off the one on the grid


@dataclass(frozen=True)
class SurfacePoints:
    """Critical points of the loss on a plane, by rising loss.

    Attributes:
        x: (n,), coordinates along d1.
        y: (n,), coordinates along d2.
        loss: (n,)
        index: (n,), 0 for a minimum, 1 for a saddle, 2 for a maximum, -1 where the Hessian within
            the plane has an eigenvalue of zero: number of its negative eigenvalues.
        winding: (n,), 1 for minima and maxima, -1 for a saddle, -2 for a monkey saddle ...
        curves: (n, 2), eigenvalues of the Hessian within the plane, rising, for coordinates in
            cells of the grid; NaN where the points are not refined.
        slope: (n,), length of the whole gradient: above zero where a point is critical for the
            plane alone; NaN where the points are not refined.
        refined: whether derivatives led to the points; else they are points of the grid.
        evaluations: gradients, and products with the Hessian, that were computed.
    """

    x: torch.Tensor
    y: torch.Tensor
    loss: torch.Tensor
    index: torch.Tensor
    winding: torch.Tensor
    curves: torch.Tensor
    slope: torch.Tensor
    refined: bool
    evaluations: int


@analysis
def critical_points(
    loss: Any,
    x: Any,
    y: Any,
    problem: Problem | None = None,
    plane: Plane | None = None,
    most: int = 1000,
    zero: float = 1e-5,
) -> Steps[SurfacePoints]:
    """Minima, saddles and maxima of the loss on a plane, inside its window.

    The points of the grid are found by their six neighbours. Where a problem is given, each is led
    by damped Newton steps within the plane to where the gradient along it vanishes, and told by the
    signs of the Hessian's eigenvalues there; those that end in one place are one point, those that
    come to no such place within three cells are ripples of the triangles, and left out.

    Args:
        loss: (ny, nx); what is not finite counts as outside.
        x: (nx,), evenly spaced.
        y: (ny,), evenly spaced.
        problem: whose loss it is, to refine the points; one without second derivatives is left out.
        plane: that it stands on; the variables of a problem of two if not given.
        most: how many points are refined: where there are more, none is.
        zero: an eigenvalue counts as zero within this part of the larger one, or of what is usual
            on the grid.

    Returns:
        `.x`, `.y`, `.loss`, `.index` and so on.

    Raises:
        ValueError: arrays that do not fit together, or a tolerance that is none.

    Example:
        >>> from lab.engine.problems import problem
        >>> from lab.engine.analysis.surface import native_surface
        >>> himmelblau = problem("himmelblau")
        >>> found = native_surface(himmelblau, points=65)
        >>> critical_points(found.loss, found.x, found.y, himmelblau).index
        array([0, 0, 0, 0, 1, 1, 1, 1, 2])
    """
    check_positive("zero", zero)
    given = as_tensor(loss)
    x, y, grid = (as_tensor(part).cpu().double() for part in (x, y, given))
    if grid.ndim != 2 or grid.shape != (len(y), len(x)) or min(grid.shape) < 2:
        raise ValueError(
            f"loss has shape {tuple(grid.shape)}: (ny, nx) of at least 2 is needed, with x (nx,) "
            "and y (ny,)"
        )
    row, column, winding, index = grid_points(grid.numpy())
    coarse = torch.stack([x[column], y[row]], dim=1)
    nothing = torch.full((len(row), 2), torch.nan, dtype=torch.float64)
    found = SurfacePoints(
        *coarse.T,
        loss=grid[row, column],
        index=torch.as_tensor(index),
        winding=torch.as_tensor(winding),
        curves=nothing,
        slope=nothing[:, 0],
        refined=False,
        evaluations=0,
    )
    yield Progress(0.05)
    if problem is not None and 0 < len(row) <= most and not problem.hessian_trouble:
        cell = torch.stack([x[1] - x[0], y[1] - y[0]])
        inside = _InPlane(problem, native_plane(problem) if plane is None else plane, cell)
        usual = _usual_curvature(grid.numpy())
        found = yield from part_of(_refined(inside, found, (x, y), zero, usual), 0.05, 0.95)
    return _taken(found, found.loss.argsort(stable=True), given)


def grid_points(loss: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """The critical points of values (ny, nx) on a grid, as `critical_points` has them.

    Points on the border, and beside one that is not finite, are none.

    Returns:
        Rows, columns, winding numbers and indices, (n,) each.
    """
    winding, lowest, highest = _windings(loss)
    row, column = np.nonzero((winding != 0) & _interior(loss))
    index = np.full(len(row), SADDLE)
    index[lowest[row, column]] = MINIMUM
    index[highest[row, column]] = MAXIMUM
    return row, column, winding[row, column], index


def _windings(loss: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The winding number (ny, nx) of every point, and whether all its neighbours are above, below.

    What is outside, or not finite, counts as above everything.
    """
    height = np.where(np.isfinite(loss), loss, np.inf)
    rank = np.empty(height.size, dtype=np.int64)
    rank[np.argsort(height, axis=None, kind="stable")] = np.arange(height.size)
    padded = np.pad(rank.reshape(height.shape), 1, constant_values=height.size)
    ny, nx = height.shape
    own = padded[1:-1, 1:-1]
    above = np.stack([padded[1 + i : 1 + i + ny, 1 + j : 1 + j + nx] > own for i, j in RING])
    turns = (above != np.roll(above, 1, axis=0)).sum(axis=0)
    return 1 - turns // 2, above.all(axis=0), ~above.any(axis=0)


def _interior(loss: np.ndarray) -> np.ndarray:
    """Which points have all their neighbours on the grid, all of them finite."""
    known = np.pad(np.isfinite(loss), 1)
    ny, nx = loss.shape
    around = [known[1 + i : 1 + i + ny, 1 + j : 1 + j + nx] for i, j in ((0, 0), *RING)]
    return np.logical_and.reduce(around)


def _usual_curvature(loss: np.ndarray) -> float:
    """The median of the second differences on a grid: the curvature for coordinates in cells."""
    bends = np.concatenate([np.diff(loss, 2, axis=axis).ravel() for axis in (0, 1)])
    bends = np.abs(bends[np.isfinite(bends)])
    return float(np.median(bends)) if len(bends) else 0.0


class _InPlane:
    """The loss as a function of two coordinates, in cells of the grid: derivatives by blocks."""

    def __init__(self, problem: Problem, plane: Plane, cell: torch.Tensor):
        center, basis = plane.tensors()
        self._problem, self.cell = problem, cell
        self._center = center.double()
        self._basis = basis.double() * cell.to(center.device)[:, None]  # (2, dim), a cell long each
        self.evaluations = 0

    def gradient(self, at: torch.Tensor) -> torch.Tensor:
        """Along the plane, (n, 2) at coordinates (n, 2)."""
        return self._each(at, lambda points: self._slopes(points) @ self._basis.T)

    def hessian(self, at: torch.Tensor) -> Steps[torch.Tensor]:
        """Within the plane, (n, 2, 2), a block of points in each slice."""
        found = []
        for part in at.split(points_in_block(self._problem, self._center)):
            found.append(self._each(part, self._curvatures))
            yield Progress(0.0)
        return torch.cat(found) if found else at.new_empty(0, 2, 2)

    def slope(self, at: torch.Tensor) -> torch.Tensor:
        """Length of the whole gradient, (n,)."""
        if not len(at):
            return at[:, 0]
        return self._each(at, lambda p: torch.linalg.vector_norm(self._slopes(p), dim=1))

    def loss(self, at: torch.Tensor) -> torch.Tensor:
        """The loss (n,)."""
        rows = [v for _, v in values_on_plane(self._problem, self._center, self._basis, at)]
        return torch.cat(rows) if rows else at[:, 0]

    def _slopes(self, points: torch.Tensor) -> torch.Tensor:
        self.evaluations += len(points)
        return self._problem.evaluate_with_gradient(points)[1].detach()

    def _curvatures(self, points: torch.Tensor) -> torch.Tensor:
        self.evaluations += 2 * len(points)
        product = self._problem.products(points)
        rows = [product(along.expand_as(points)).detach() @ self._basis.T for along in self._basis]
        found = torch.stack(rows, dim=1)
        return (found + found.mT) / 2

    def _each(self, at: torch.Tensor, work: Callable[[torch.Tensor], torch.Tensor]) -> torch.Tensor:
        """Do work on the points of parameter space (m, dim) at coordinates, in blocks."""
        block = points_in_block(self._problem, self._center)

        def of(part: slice) -> torch.Tensor:
            return work(self._center + at[part].to(self._basis) @ self._basis)

        return torch.cat([found for _, found in in_blocks(of, len(at), block)]).to(at)


def _refined(
    inside: _InPlane,
    found: SurfacePoints,
    axes: tuple[torch.Tensor, torch.Tensor],
    zero: float,
    usual: float,
) -> Steps[SurfacePoints]:
    """The places where the gradient along the plane vanishes that the grid's points lead to."""
    coarse = torch.stack([found.x, found.y], dim=1) / inside.cell
    slopes = torch.linalg.vector_norm(inside.gradient(coarse), dim=1)
    tol = 1e-6 * float(slopes[slopes.isfinite()].max()) if slopes.isfinite().any() else 1.0
    search = seek(inside.gradient, inside.hessian, coarse, _ITERATIONS, max(tol, 1e-300), reach=1.0)
    there = yield from part_of(search, 0.0, 0.9)
    ends = torch.tensor([[float(axis[0]), float(axis[-1])] for axis in axes]).double()
    low, high = (ends / inside.cell[:, None]).T
    at_rest = (there.left <= tol) & there.curves.isfinite().all(dim=1)
    near = (there.at - coarse).abs().amax(dim=1) <= _STRAY
    near &= (there.at >= low).all(dim=1) & (there.at <= high).all(dim=1)
    which, winding = _each_once(there.at, at_rest & near, found.winding)
    at, curves = there.at[which], there.curves[which]
    level = zero * curves.abs().amax(dim=1).clamp_min(usual)
    negative, zeros = index_of(curves, level)
    yield Progress(0.95)
    slope = inside.slope(at)
    x, y = (at * inside.cell).T
    return SurfacePoints(
        x=x,
        y=y,
        loss=inside.loss(at),
        index=torch.where(zeros > 0, DEGENERATE, negative),
        winding=torch.where(zeros > 0, winding, curves.sign().prod(dim=1).long()),
        curves=curves,
        slope=slope,
        refined=True,
        evaluations=inside.evaluations,
    )


def _each_once(
    at: torch.Tensor, which: torch.Tensor, winding: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Of points (n, 2) that are meant (n,), those within a hundredth of a cell as one.

    Returns:
        The numbers (m,) of the first of each, and the sums (m,) of their winding numbers.
    """
    same = (torch.cdist(at, at) < 0.01) & which[:, None] & which[None, :]
    first = which & ~torch.tril(same, diagonal=-1).any(dim=1)
    return first.nonzero()[:, 0], (same * winding).sum(dim=1)[first]


def _taken(found: SurfacePoints, order: torch.Tensor, given: torch.Tensor) -> SurfacePoints:
    """The points in another order, in the precision given and on its device."""
    kind = given.dtype if given.is_floating_point() else torch.float64
    arrays = {
        name: value[order].to(given.device, kind if value.is_floating_point() else value.dtype)
        for name, value in vars(found).items()
        if isinstance(value, torch.Tensor)
    }
    return replace(found, **arrays)

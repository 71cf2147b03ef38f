"""The picture of mountainside and ridge: two runs that part, and what lies between them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch

from lab.engine.analysis.base import Steps, analysis, as_point, check_count
from lab.engine.analysis.connectivity import angle_between, linear_path
from lab.engine.analysis.grid import LossSurface, on_grid
from lab.engine.analysis.parts import part_of
from lab.engine.analysis.plane import Plane
from lab.engine.analysis.planes import plane_through
from lab.engine.problem import Problem
from lab.engine.userarrays import as_runs


@dataclass(frozen=True)
class Ridge:
    """The loss on the plane through the point where two runs part, and their ends.

    The first axis runs along the straight line between the ends; the second away from the point
    where they part, which is the origin. Both in units of distance.

    Attributes:
        surface: the loss on the plane.
        corners: (3, 2), where the common point and the ends a and b lie.
        shadows: where each path falls on the plane, (n, 2) each.
        off_plane: how far each point of each path lies off the plane, (n,) each.
        angle: between the ways to both ends, in degrees.
        barrier: of the straight line between the ends, above the mean of their losses.
        barrier_chord: the same above the chord.
        distance: between the ends.
        evaluations: how many values were computed.
    """

    surface: LossSurface
    corners: torch.Tensor
    shadows: tuple[torch.Tensor, ...]
    off_plane: tuple[torch.Tensor, ...]
    angle: float
    barrier: float
    barrier_chord: float
    distance: float
    evaluations: int


@analysis
def ridge(
    problem: Problem,
    base: Any,
    a: Any,
    b: Any,
    paths: Sequence[Any] = (),
    points: int = 41,
    line_points: int = 25,
) -> Steps[Ridge]:
    """The loss around the triangle of a common point and the ends of two runs that leave it.

    Source: the picture of "Landscaping linear mode connectivity" (arXiv 2406.16300), where runs
    that part early go down different sides of a mountain, with a ridge between them. Three points
    span the plane; what a path does outside of it is not in the picture, and is told beside it.

    Args:
        problem: whose loss, on all data.
        base: (dim,), the common start of two runs, or the point where they part.
        a: (dim,).
        b: (dim,).
        paths: points (n, dim) of paths whose shadows the window shall hold.
        points: along each side of the grid.
        line_points: of the straight line between a and b.

    Returns:
        `.surface`, `.corners`, `.shadows`, `.off_plane`, `.angle`, `.barrier` ...; progress tells
        the coarse surface.

    Raises:
        ValueError: points of another length, or three points on one line.
    """
    origin = as_point(problem, base)
    one, two = (as_point(problem, end).to(origin) for end in (a, b))
    check_count("points", points, 5)
    tracks = [as_runs(path, problem.dim)[0].detach().to(origin) for path in paths]
    plane = _plane(problem, origin, one, two)
    line = yield from part_of(linear_path.steps(problem, one, two, line_points), 0.0, 0.1)
    corners = torch.stack([origin, one, two])
    window = plane.window(torch.cat([corners, *tracks]))
    grid = on_grid(problem, plane, window, points)
    surface = yield from part_of(grid, 0.1, 0.9, shows=True)
    return Ridge(
        surface=surface,
        corners=plane.coordinates(corners),
        shadows=tuple(plane.coordinates(track) for track in tracks),
        off_plane=tuple(plane.off_plane(track) for track in tracks),
        angle=angle_between(problem, origin, one, two),
        barrier=line.barrier,
        barrier_chord=line.barrier_chord,
        distance=line.length,
        evaluations=line.evaluations + surface.evaluations,
    )


def _plane(problem: Problem, base: torch.Tensor, a: torch.Tensor, b: torch.Tensor) -> Plane:
    """The plane through three points, with the base at its origin and the ends above it."""
    found = plane_through(problem, a, b, base)
    text = "through the common point and both ends"
    return replace(found, center=base, d2=-found.d2, text=text)

"""The loss on a plane or along a line through parameter space."""

from dataclasses import dataclass
from typing import Any

import torch

from lab.engine.analysis.base import Progress, Steps, analysis, as_point, check_count
from lab.engine.analysis.directions import given_directions, normalized, random_direction
from lab.engine.analysis.grid import LossSurface, Range, axis, on_grid
from lab.engine.analysis.parts import part_of
from lab.engine.analysis.plane import Plane
from lab.engine.analysis.planes import (
    eigen_plane,
    given_plane,
    gradient_plane,
    native_plane,
    pca_plane,
    random_plane,
)
from lab.engine.analysis.sampling import values_on_plane
from lab.engine.knobs import check_name
from lab.engine.problem import Problem
from lab.engine.userarrays import as_runs

KINDS = ("random", "pca", "eigen", "gradient", "native")
_SEARCH = 0.1  # of the work, roughly, where eigenvectors have to be found first


@analysis
def surface(
    problem: Problem,
    center: Any,
    directions: Any = "random",
    span: float | tuple[Range, Range] = 1.0,
    points: int | tuple[int, int] = 51,
    normalize: str | None = "filter",
    seed: int = 0,
    path: Any = None,
    *,
    bias: str = "zero",
    metrics: bool = False,
    known: LossSurface | None = None,
) -> Steps[LossSurface]:
    """The loss on a plane through a point.

    Args:
        problem: whose loss.
        center: (dim,), the middle of the picture.
        directions: "random"; "pca" for the principal directions of `path`; "eigen" for the top two
            Hessian eigenvectors; "gradient" for the gradient and the last move of `path`, or a
            random direction without one; "native" for the variables of a 2-D problem themselves;
            or two vectors; or a `Plane`, whose centre then counts.
        span: the picture reaches from -span to span along both directions, in units of the
            directions' lengths; or ((low, high), (low, high)).
        points: grid points along each side, or (nx, ny).
        normalize: how random and given directions are scaled: "filter" (Li et al. 2018), "layer"
            or None. Those of "pca" and "eigen" stay orthonormal: there coordinates are distances.
        seed: of random directions.
        path: (n, dim), for "pca" and "gradient".
        bias: what biases and norm layers get of normalised directions, see `normalized`.
        metrics: whether accuracy, or whatever the problem says of a point, is wanted too.
        known: a partial result on the same plane and grid; only what it misses is computed.

    Returns:
        The surface: `.x`, `.y`, `.loss[iy, ix]`, `.metrics`, `.directions`, `.plane`.

    Raises:
        ValueError: a wrong shape, an unknown word, or a grid that does not fit into memory.

    Example:
        >>> from lab.engine.problems import problem
        >>> surface(problem("rosenbrock"), [1.0, 1.0], ([1, 0], [0, 1]), normalize=None).loss.min()
        0.0
    """
    before = search_share(directions)
    search = steps_to_plane(problem, center, directions, normalize, seed, path, bias)
    plane = yield from part_of(search, 0.0, before)
    grid = on_grid(problem, plane, span, points, metrics=metrics, known=known)
    return (yield from part_of(grid, before, 1 - before, shows=True))


@analysis
def native_surface(
    problem: Problem,
    window: tuple[Range, Range] | None = None,
    points: int | tuple[int, int] = 201,
    dtype: torch.dtype = torch.float64,
    device: torch.device | str = "cpu",
) -> Steps[LossSurface]:
    """The values of a problem of two variables over a rectangle of them.

    Args:
        problem: of two variables.
        window: ((low, high), (low, high)) of the first and second variable; the problem's own if
            not given.
        points: grid points along each side, or (nx, ny).
        dtype: precision.
        device: where it is computed.

    Returns:
        The surface, with the variables as coordinates.

    Raises:
        ValueError: another number of variables, or a window that is not a rectangle.
    """
    plane = native_plane(problem, torch.zeros(2, dtype=dtype, device=device))
    window = window or problem.window
    if window is None:
        raise ValueError("window: this problem has none of its own, ((low, high), (low, high))")
    return (yield from on_grid(problem, plane, window, points))


@dataclass(frozen=True)
class LossProfile:
    """The loss along a line.

    Attributes:
        x: (n,), coordinates along the direction.
        loss: (n,), the value at center + x·direction on all data.
        direction: (dim,)
        evaluations: how many values were computed.
    """

    x: torch.Tensor
    loss: torch.Tensor
    direction: torch.Tensor
    evaluations: int


@analysis
def profile(
    problem: Problem,
    center: Any,
    direction: Any = "random",
    span: float | Range = 1.0,
    points: int = 201,
    normalize: str | None = "filter",
    seed: int = 0,
) -> Steps[LossProfile]:
    """The loss along a line through a point. For a problem of one variable: its graph.

    Args:
        problem: whose loss.
        center: (dim,).
        direction: "random", or a vector (dim,).
        span: the line reaches from -span to span, or (low, high).
        points: how many points.
        normalize: as in `surface`.
        seed: of a random direction.

    Returns:
        The profile: `.x`, `.loss`.

    Raises:
        ValueError: a wrong shape or an unknown word.
    """
    theta = as_point(problem, center)
    if isinstance(direction, str):
        check_name(direction, ("random",), "direction")
        along = random_direction(problem.dim, seed, "line", like=theta)[None]
    else:
        along = given_directions(problem, [direction], theta)
    along = normalized(problem.layout, along, theta, normalize)[0]
    x = axis("span", span, check_count("points", points, 2), theta)
    loss = torch.full_like(x, torch.nan)
    for part, found in values_on_plane(problem, theta, along[None], x[:, None]):
        loss[part] = found
        yield Progress(part.stop / len(x))
    return LossProfile(x, loss, along, len(x))


def search_share(directions: Any) -> float:
    """The share of the work that it takes to find a plane, see `surface`."""
    return _SEARCH if isinstance(directions, str) and directions == "eigen" else 0.0


def steps_to_plane(
    problem: Problem,
    center: Any,
    directions: Any,
    normalize: str | None,
    seed: int,
    path: Any,
    bias: str,
) -> Steps[Plane]:
    """The plane that a word, two vectors or a plane stand for; arguments as of `surface`."""
    if isinstance(directions, Plane):
        return directions
    if not isinstance(directions, str):
        return given_plane(problem, center, directions, normalize, bias)
    check_name(directions, KINDS, "directions")
    if directions == "random":
        return random_plane(problem, center, normalize, bias, seed)
    if directions == "eigen":
        return (yield from eigen_plane.steps(problem, center, seed=seed))
    if directions == "native":
        like = None if center is None else as_point(problem, center)
        return native_plane(problem, like)
    if directions == "gradient":
        move = None
        if path is not None:
            rows = as_runs(path, problem.dim)[0]
            move = rows[-1] - rows[-2] if len(rows) > 1 else None
        return gradient_plane(problem, center, move, seed)
    if path is None:
        raise ValueError("directions = 'pca' needs path=, the points whose plane is wanted")
    return pca_plane(problem, path, center, seed)

"""Planes to draw a landscape on: through points, along paths, directions and eigenvectors."""

from typing import Any

import torch

from lab.engine.analysis.base import Steps, analysis, as_point
from lab.engine.analysis.curvature import top_eigenvalues
from lab.engine.analysis.directions import given_directions, normalized, random_direction
from lab.engine.analysis.plane import Plane
from lab.engine.device import check_memory
from lab.engine.layout import Layout
from lab.engine.problem import Problem
from lab.engine.userarrays import as_runs

_SHORT = 1e-6  # a direction below this share of the other one counts as none
_ALONG = 1e-4  # a move with less than this share across the gradient goes along it, up to rounding


def native_plane(problem: Problem, like: torch.Tensor | None = None) -> Plane:
    """The plane of a problem of two variables: its coordinates are the variables.

    Args:
        problem: of two variables.
        like: a tensor whose precision and device the plane takes; float64 on the CPU if not given.

    Returns:
        The plane, centred at the origin.

    Raises:
        ValueError: another number of variables.
    """
    if problem.dim != 2:
        raise ValueError(f"a native plane needs 2 variables; this problem has {problem.dim}")
    like = torch.zeros(2, dtype=torch.float64) if like is None else like
    one, two = torch.eye(2).to(like)
    names = " and ".join(problem.layout.names) if len(problem.layout.names) == 2 else "1 and 2"
    return Plane(torch.zeros(2).to(like), one, two, "native", f"the variables {names}")


def random_plane(
    problem: Problem,
    center: Any,
    normalize: str | None = "filter",
    bias: str = "zero",
    seed: int = 0,
) -> Plane:
    """A plane along two random directions.

    Args:
        problem: whose parameters.
        center: (dim,).
        normalize: see `directions.normalized`.
        bias: see `directions.normalized`.
        seed: of the directions.

    Returns:
        The plane; its directions are as long as the scaling makes them.

    Raises:
        ValueError: a centre of another length, an unknown word, or a problem of one parameter.
    """
    _check_room(problem)
    theta = as_point(problem, center)
    draws = [random_direction(problem.dim, seed, "plane", i, like=theta) for i in range(2)]
    pair = normalized(problem.layout, torch.stack(draws), theta, normalize, bias)
    text = f"two random directions, {_scaling(problem.layout, normalize, bias)}, seed {seed}"
    return Plane(theta, *pair, "random", text)


def given_plane(
    problem: Problem,
    center: Any,
    directions: Any,
    normalize: str | None = None,
    bias: str = "zero",
) -> Plane:
    """A plane along two given directions.

    Args:
        problem: whose parameters.
        center: (dim,).
        directions: two of length dim.
        normalize: see `directions.normalized`; as they are if not given.
        bias: see `directions.normalized`.

    Returns:
        The plane.

    Raises:
        ValueError: not two directions, or two that are parallel, zero or not finite.
    """
    _check_room(problem)
    theta = as_point(problem, center)
    pair = given_directions(problem, directions, theta)
    if len(pair) != 2:
        raise ValueError(f"directions: two of length {problem.dim} are needed, not {len(pair)}")
    pair = normalized(problem.layout, pair, theta, normalize, bias)
    _check_apart(pair)
    text = f"two given directions, {_scaling(problem.layout, normalize, bias)}"
    return Plane(theta, *pair, "given", text)


def pca_plane(problem: Problem, path: Any, center: Any = None, seed: int = 0) -> Plane:
    """The plane along which the points of a path vary most (orthonormal directions).

    Coordinates are distances in parameter space. Where the path is straight, or a single point, the
    missing directions are random ones, and the text says so.

    Args:
        problem: whose parameters.
        path: (n, dim), the points of one or several paths; rows that are not finite are left out.
        center: (dim,), the point to put the plane through; None for the mean of the points, which
            makes the plane that lies nearest to all of them.
        seed: of the directions that stand in.

    Returns:
        The plane; `explained` are the shares of the variance about the mean.

    Raises:
        ValueError: points of another length, or none that is finite.
    """
    _check_room(problem)
    rows, _ = as_runs(path, problem.dim)
    rows = rows.detach()
    rows = rows[rows.isfinite().all(dim=1)]
    if not len(rows):
        raise ValueError("path: at least one finite point is needed")
    check_memory(4 * 8 * rows.numel(), torch.device("cpu"), f"a plane of {len(rows)} points")
    wide = rows.cpu().double()
    mean = wide.mean(dim=0)
    offsets = wide - mean
    pair, variances = _principal(offsets)
    total = float(offsets.square().sum())
    reach = float(rows.abs().max()) * torch.finfo(rows.dtype).eps * len(rows) ** 0.5
    rank = sum(float(v) ** 0.5 > max(_SHORT * total**0.5, reach) for v in variances)
    kept = list(pair[:rank])
    while len(kept) < 2:
        draw = random_direction(problem.dim, seed, "pca", len(kept), like=mean)
        kept.append(_orthogonal(draw, kept))
    explained = variances.new_zeros(2)
    explained[:rank] = variances[:rank] / total if rank else 0.0
    text = f"principal directions of {len(rows)} points"
    text += ("", ", the second one random", ", both random")[2 - rank]
    theta = mean if center is None else as_point(problem, center)
    theta, one, two, explained = (row.to(rows) for row in (theta, *kept, explained))
    return Plane(theta, one, two, "pca", text, explained=explained)


def plane_through(problem: Problem, a: Any, b: Any, c: Any) -> Plane:
    """The plane through three points (orthonormal directions, centre a, b on the first axis).

    Source: Garipov et al. 2018, "Loss surfaces, mode connectivity and fast ensembling of DNNs",
    section 3 (u = b - a; v = c - a less its part along u; both of unit length).

    Args:
        problem: whose parameters.
        a: (dim,), the centre.
        b: (dim,), on the first axis.
        c: (dim,).

    Returns:
        The plane; its coordinates are distances in parameter space.

    Raises:
        ValueError: points of another length, or points that lie on one line.
    """
    first = as_point(problem, a)
    second, third = (as_point(problem, point).to(first) for point in (b, c))
    pair = torch.stack([second - first, third - first]).cpu().double()
    _check_apart(pair)
    one = pair[0] / torch.linalg.vector_norm(pair[0])
    two = _orthogonal(pair[1], [one])
    return Plane(first, one.to(first), two.to(first), "points", "through three points")


@analysis
def eigen_plane(problem: Problem, center: Any, tol: float = 1e-3, seed: int = 0) -> Steps[Plane]:
    """The plane along the two Hessian eigenvectors of largest modulus (orthonormal).

    Args:
        problem: whose Hessian.
        center: (dim,).
        tol: see `top_eigenvalues`.
        seed: see `top_eigenvalues`.

    Returns:
        The plane; `scales` are the eigenvalues.

    Raises:
        ValueError: a problem of fewer than two parameters or without second derivatives.
    """
    _check_room(problem)
    theta = as_point(problem, center)
    found = yield from top_eigenvalues.steps(problem, theta, k=2, tol=tol, seed=seed)
    text = "top two Hessian eigenvectors"
    return Plane(theta, *found.vectors, "eigen", text, scales=found.values)


def gradient_plane(problem: Problem, center: Any, move: Any = None, seed: int = 0) -> Plane:
    """The plane along the gradient and a run's last move (orthonormal directions).

    The move, which for a rule with momentum is its velocity, gives the part of it that is
    orthogonal to the gradient. Where there is none (at the first step, or along the gradient, as
    of plain gradient descent on a straight slope) a random direction stands in, and where the
    gradient vanishes another one; the text says so. Coordinates are distances.

    Args:
        problem: whose gradient, on all data.
        center: (dim,).
        move: (dim,), the last move; None where there is none.
        seed: of the directions that stand in.

    Returns:
        The plane; `.d1` points uphill.

    Raises:
        ValueError: vectors of another length, or a problem of one parameter.
    """
    _check_room(problem)
    theta = as_point(problem, center)
    slope = problem.evaluate_with_gradient(theta[None])[1][0].cpu().double()
    uphill = bool(slope.isfinite().all() and slope.any())
    draws = [random_direction(problem.dim, seed, "gradient", i, like=slope) for i in range(2)]
    one = slope if uphill else draws[0]
    one = one / torch.linalg.vector_norm(one)
    rest = torch.zeros_like(one) if move is None else as_point(problem, move).cpu().double()
    length = torch.linalg.vector_norm(rest)
    across = torch.linalg.vector_norm(rest - (rest @ one) * one)
    moved = bool(length.isfinite() and across > _ALONG * length)
    two = _orthogonal(rest if moved else draws[1], [one])
    words = ["the gradient" if uphill else "a random direction (there is no gradient here)"]
    if moved:
        share = f"{100 * float(across / length):.0f} % of its length"
        words.append(f"the part of the last move across it ({share})")
    else:
        why = "no move yet" if move is None else "the last move goes along the gradient"
        words.append(f"a random direction ({why})")
    return Plane(theta, one.to(theta), two.to(theta), "gradient", " and ".join(words))


def _principal(offsets: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """The first two principal directions (2, dim) and variances (2,) of centred rows (n, dim).

    The smaller of the two Gram matrices is taken: n x n for long vectors, dim x dim for long paths.
    """
    n, dim = offsets.shape
    if n <= dim:
        variances, vectors = torch.linalg.eigh(offsets @ offsets.T)
        pair = (vectors[:, -2:].T @ offsets).flip(0)
    else:
        variances, vectors = torch.linalg.eigh(offsets.T @ offsets)
        pair = vectors[:, -2:].T.flip(0)
    variances = variances[-2:].flip(0).clamp_min(0)
    if len(variances) < 2:
        variances = torch.cat([variances, variances.new_zeros(2 - len(variances))])
    lengths = torch.linalg.vector_norm(pair, dim=1, keepdim=True)
    pair = pair / torch.where(lengths > 0, lengths, 1.0)
    largest = pair.abs().argmax(dim=1, keepdim=True)
    return pair * pair.gather(1, largest).sign(), variances  # one sign on every machine


def _orthogonal(vector: torch.Tensor, others: list[torch.Tensor]) -> torch.Tensor:
    """The unit vector along the part of a vector that is orthogonal to unit vectors."""
    for _ in range(2):  # once more, for what rounding left
        for other in others:
            vector = vector - (vector @ other) * other
    return vector / torch.linalg.vector_norm(vector)


def _check_room(problem: Problem) -> None:
    """Refuse a problem whose parameter space holds no plane.

    Raises:
        ValueError: a problem of one parameter.
    """
    if problem.dim < 2:
        raise ValueError("a plane needs at least 2 parameters; this problem has 1")


def _check_apart(pair: torch.Tensor) -> None:
    """Refuse two directions (2, dim) that lie on one line.

    Raises:
        ValueError: they do.
    """
    one, two = pair.cpu().double()
    square = one @ one
    rest = two - (two @ one) / square * one if square > 0 else two * 0
    if not torch.linalg.vector_norm(rest) > _SHORT * torch.linalg.vector_norm(two):
        raise ValueError("the two directions of a plane lie on one line")


def _scaling(layout: Layout, normalize: str | None, bias: str) -> str:
    """The way directions were scaled, in words."""
    if normalize in (None, "none"):
        return "not normalised"
    if not any(len(shape) > 1 for shape in layout.shapes):
        return "scaled to the length of theta"
    if all(len(shape) > 1 for shape in layout.shapes):
        return f"{normalize}-normalised"
    words = {"zero": "left out", "code": "copied from theta"}
    return f"{normalize}-normalised, biases and norm layers {words[bias]}"

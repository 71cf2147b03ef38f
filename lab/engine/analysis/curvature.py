"""The Hessian, and eigenvalues at the ends of a spectrum."""

from typing import Any

import torch

from lab.engine.analysis.base import (
    Progress,
    Steps,
    analysis,
    as_point,
    check_count,
    check_positive,
)
from lab.engine.analysis.eigensearch import Eigenvalues, dense_pairs, search
from lab.engine.analysis.operators import Operator, samples_of
from lab.engine.analysis.operators import operator as matrix_of
from lab.engine.analysis.ritz import WHICH, Criterion
from lab.engine.analysis.sampling import vectors_in_block
from lab.engine.device import check_memory
from lab.engine.knobs import check_name, shown
from lab.engine.problem import Problem
from lab.engine.userarrays import as_tensor

DENSE_DIM = 64  # up to here the whole matrix costs less than a search
COLUMNS = 64  # columns of a whole matrix between two looks at the clock


@analysis
def hessian(problem: Problem, theta: Any, batch: Any = None) -> Steps[torch.Tensor]:
    """The exact Hessian at a point.

    Args:
        problem: whose Hessian.
        theta: (dim,).
        batch: (samples,) indices of the samples that are used; all if not given.

    Returns:
        (dim, dim), symmetric.

    Raises:
        ValueError: a problem without second derivatives, or a matrix that does not fit into memory.
    """
    point = as_point(problem, theta)
    found, dim = matrix_of(problem, point, batch=batch), problem.dim
    width = vectors_in_block(problem, point, COLUMNS)
    needed = 3 * dim * dim * point.element_size()
    needed += problem.product_forecast(width, point.dtype, samples_of(batch))
    check_memory(needed, point.device, f"a Hessian of {dim} x {dim}")
    return (yield from _dense(found, point))


@analysis
def top_eigenvalues(
    problem: Problem,
    theta: Any,
    k: int = 10,
    operator: str = "hessian",
    tol: float = 1e-3,
    seed: int = 0,
    max_products: int | None = None,
    *,
    which: str = "modulus",
    start: Any = None,
    layers: Any = None,
    batch: Any = None,
) -> Steps[Eigenvalues]:
    """A few eigenvalues at one end of a spectrum, with their eigenvectors, at a point.

    Lanczos with full re-orthogonalisation, from one random vector or close to given ones, on one
    graph that is kept; for few parameters the whole matrix. The search ends when every residual r
    is below tol·|λ| and every error below tol²·|λ|, see `Criterion`. An eigenvalue that occurs
    several times is sure to be found as often only where there are few distinct ones or few
    parameters.

    Args:
        problem: whose matrix.
        theta: (dim,).
        k: how many; all of them where there are fewer.
        operator: "hessian", "ggn", "rest", "fisher" or "ntk", see `operators`.
        tol: see above.
        seed: of the random vectors.
        max_products: where the search gives up; 200 + 10 k if not given.
        which: "modulus" for the largest in modulus, "largest" or "smallest".
        start: (r, size), eigenvectors from an earlier point, best as many as are wanted; what
            guards against those that have come up since is said at `search`. A search that was
            ended before is not called converged, however small its residuals.
        layers: names of tensors in the layout, for the block of the matrix that belongs to them.
        batch: (samples,) indices of the samples that are used; all if not given.

    Returns:
        `.values`, `.residuals`, `.vectors`, `.products`, `.converged`.

    Raises:
        ValueError: a wrong argument, or a problem without what the operator is made of.
    """
    point = as_point(problem, theta)
    tol = check_positive("tol", tol)
    check_name(which, WHICH, "which")
    found = matrix_of(problem, point, operator, batch, layers)
    k = min(check_count("k", k), found.size)
    limit = 200 + 10 * k if max_products is None else check_count("max_products", max_products, k)
    wanted = Criterion(k, which, tol, point.dtype)
    if found.size <= max(DENSE_DIM, 3 * k):
        full = yield from _dense(found, point)
        return dense_pairs(full, wanted, operator)
    needed = problem.product_forecast(1, point.dtype, samples_of(batch))
    check_memory(needed, point.device, "a product")
    vectors = None if start is None else _start_vectors(start, found.size, point)
    return (yield from search(found, point, wanted, limit, seed, operator, vectors))


def check_smooth(problem: Problem) -> None:
    """Refuse a problem without second derivatives.

    Raises:
        ValueError: with the problem's own reason.
    """
    if problem.hessian_trouble:
        raise ValueError(f"curvature cannot be measured here: {problem.hessian_trouble}")


def _dense(found: Operator, like: torch.Tensor) -> Steps[torch.Tensor]:
    """The whole symmetric matrix (size, size), a block of columns at a time."""
    columns = []
    for rows in torch.eye(found.size, dtype=like.dtype, device=like.device).split(COLUMNS):
        columns.append(found.product(rows))
        yield Progress(min(1.0, len(columns) * COLUMNS / found.size))
    matrix = torch.cat(columns)
    return (matrix + matrix.T) / 2


def _start_vectors(start: Any, size: int, like: torch.Tensor) -> torch.Tensor:
    """Vectors (r, size) to start from.

    Raises:
        ValueError: another shape, or vectors that are zero or not finite.
    """
    vectors = as_tensor(start).to(like)
    if vectors.ndim != 2 or vectors.shape[1] != size or not len(vectors):
        raise ValueError(f"start = {shown(start)}: rows of {size} numbers are needed")
    if not (vectors.isfinite().all() and vectors.any(dim=1).all()):
        raise ValueError("start: vectors that are neither zero nor infinite are needed")
    return vectors

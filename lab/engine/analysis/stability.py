"""Stability of a rule's steps: the curvature that they meet against the curvature they stand.

Gradient descent is unstable along a direction of curvature above 2/η, and full-batch training ends
up hovering there (Cohen, Kaur, Li, Kolter & Talwalkar 2021, "Gradient descent on neural networks
typically occurs at the edge of stability", arXiv 2103.00065). What momentum makes of the limit is
in `lab.engine.limits`. A rule whose preconditioner is P meets P^{-1/2} H P^{-1/2}, which is similar
to P⁻¹H and symmetric (Cohen et al. 2022, "Adaptive gradient methods at the edge of stability",
arXiv 2207.14484). P and the limit are what the rule says of itself: `Rule.response`.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
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
from lab.engine.analysis.eigensearch import Eigenvalues, search
from lab.engine.analysis.operators import Operator, operator
from lab.engine.analysis.ritz import Criterion
from lab.engine.problem import Problem
from lab.engine.userarrays import as_tensor

Divisor = torch.Tensor | Callable[[torch.Tensor], torch.Tensor] | None
_FEW = 8  # products in which an eigenvector that has moved a little is found again


@dataclass(frozen=True)
class Stability:
    """The largest curvature that steps meet, against what they stand.

    Attributes:
        value: the largest eigenvalue of P^{-1/2} (H + λI) P^{-1/2}.
        residual: an eigenvalue lies at most this far from it.
        vector: (dim,), its eigenvector, of unit length: a warm start for the next search.
        beside: (dim,), near the next eigenvector where one was asked for, else None: likewise.
        limit: the eigenvalue at which steps begin to grow; infinite if not given.
        ratio: value / limit: above 1 the steps grow along the vector.
        products: how many products were computed.
        converged: whether the tolerance was reached.
    """

    value: float
    residual: float
    vector: torch.Tensor
    beside: torch.Tensor | None
    limit: float
    ratio: float
    products: int
    converged: bool


@analysis
def stability(
    problem: Problem,
    theta: Any,
    limit: float = math.inf,
    divisor: Any = None,
    decay: float = 0.0,
    batch: Any = None,
    tol: float = 1e-2,
    seed: int = 0,
    start: Any = None,
    guarded: bool = True,
    beside: Any = None,
    glance: bool = True,
    max_products: int = 200,
) -> Steps[Stability]:
    """The largest curvature that a rule's steps meet at a point, against what they stand.

    Args:
        problem: whose Hessian.
        theta: (dim,).
        limit: the largest eigenvalue at which steps do not grow, as 2/η.
        divisor: (dim,), P, what the rule divides coordinates by, infinite for those that stand
            still; or where P is a matrix a function that multiplies (n, dim) by P^{-1/2}; None for
            nothing.
        decay: λ, weight decay that the rule adds to the gradient.
        batch: (samples,) numbers of the samples of a mini-batch, None for all data.
        tol: the residual is at most this part of the eigenvalue, and its error at most tol² of it.
        seed: of random vectors.
        start: (dim,) or (r, dim), eigenvectors found near here; None for none.
        guarded: make sure, at the price of a few products, that no other eigenvalue has become the
            largest since. Without it a search that has hardly moved from `start` ends at once.
        beside: (dim,), a second vector, for one product or few more: where its eigenvalue has
            overtaken it is the one that is followed from there on. Handed from one search to the
            next it stays near the second eigenvector. None for none.
        glance: whether it is looked at although `start` has hardly moved.
        max_products: where the search gives up.

    Raises:
        ValueError: a wrong argument, or a problem without second derivatives.
    """
    point, tol = as_point(problem, theta), check_positive("tol", tol)
    scale = as_divisor(problem, point, divisor)
    if not limit > 0:
        raise ValueError(f"limit = {limit!r}: a number above 0 is needed")
    matrix = scaled(operator(problem, point, batch=batch), scale, decay)
    most = check_count("max_products", max_products)
    first = None if start is None else as_tensor(start).to(point).reshape(-1, problem.dim)
    second, found = None if beside is None else as_tensor(beside).to(point), None
    if first is not None and not guarded:
        found = yield from followed(matrix, first.sum(0), tol, second, glance=glance)
    if found is None:
        found = yield from leading(
            matrix, point, tol=tol, start=first, limit=most, seed=seed, beside=second
        )
    value = float(found.values[0])
    return Stability(
        value=value,
        residual=float(found.residuals[0]),
        vector=found.vectors[0],
        beside=found.vectors[1] if len(found.vectors) > 1 else None,
        limit=float(limit),
        ratio=value / limit,
        products=found.products,
        converged=found.converged,
    )


def scaled(matrix: Operator, divisor: Divisor, decay: float = 0.0) -> Operator:
    """The operator P^{-1/2} (A + λI) P^{-1/2}.

    Args:
        matrix: A.
        divisor: P, see `stability`; None for the identity.
        decay: λ.
    """
    if divisor is None:
        if not decay:
            return matrix
        root = _same
    elif callable(divisor):
        root = divisor
    else:
        root = divisor.rsqrt().mul

    def product(vectors: torch.Tensor) -> torch.Tensor:
        inner = root(vectors)
        return root(matrix.product(inner) + decay * inner)

    return Operator(matrix.size, product, f"scaled {matrix.text}")


def as_divisor(problem: Problem, point: torch.Tensor, divisor: Any) -> Divisor:
    """A preconditioner as it was given, on the device and in the precision of a point."""
    if divisor is None or callable(divisor):
        return divisor
    return as_point(problem, divisor).to(point)


def _same(vectors: torch.Tensor) -> torch.Tensor:
    return vectors


def followed(
    matrix: Operator,
    start: torch.Tensor,
    tol: float,
    beside: torch.Tensor | None = None,
    *,
    glance: bool = True,
) -> Steps[Eigenvalues | None]:
    """Follow an eigenvector that has moved a little: one product where it has hardly moved.

    Rayleigh and Ritz on the vector, the one beside it, and residuals. The vectors handed back are
    one step of power iteration further on, which costs nothing: the second one's with the matrix
    shifted by half the value, so that it does not turn to a negative eigenvalue.

    Args:
        matrix: the operator.
        start: (size,), the vector.
        tol: the residual is at most this part of the eigenvalue.
        beside: (size,), another that may have overtaken it; None for none.
        glance: whether that one is looked at in any case, or only where the first has moved.

    Returns:
        The pair, and a second vector if one was given; None where that takes more than a few
        products.
    """
    basis = images = start.new_empty(0, len(start))
    fresh, waiting = start, beside if len(start) > 1 else None
    for used in range(1, _FEW + 1):
        for _ in range(2):
            fresh = unit(fresh - basis.T @ (basis @ fresh))
        basis = torch.cat([basis, fresh[None]])
        images = torch.cat([images, matrix.product(fresh[None])])
        yield Progress(used / _FEW)
        small = basis @ images.T
        if not small.isfinite().all():
            return None
        values, shapes = torch.linalg.eigh((small + small.T) / 2)
        shapes = shapes[:, -2:].T.flip(0)  # (1 or 2, used), the largest first
        value, ahead = values[-1], shapes @ images
        rest = ahead[0] - value * (shapes[0] @ basis)
        residual = torch.linalg.vector_norm(rest)
        if residual <= tol * value and (waiting is None or not glance):
            ahead[1:] += value / 2 * (shapes[1:] @ basis)
            second = [] if beside is None else [ahead[1] if used > 1 else beside]
            kept = torch.stack([unit(vector) for vector in (ahead[0], *second)])
            return Eigenvalues(value[None], residual[None], kept, used, True)
        fresh, waiting = (rest, None) if waiting is None else (waiting, None)
    return None


def unit(vector: torch.Tensor) -> torch.Tensor:
    """A vector (size,) of length 1."""
    return vector / torch.linalg.vector_norm(vector)


def leading(
    matrix: Operator,
    like: torch.Tensor,
    *,
    tol: float,
    start: torch.Tensor | None,
    limit: int,
    seed: int,
    beside: torch.Tensor | None = None,
) -> Steps[Eigenvalues]:
    """The largest eigenvalue of an operator, from vectors found nearby if there are any.

    Args:
        matrix: the operator.
        like: a tensor of the device and precision in question.
        tol: see `stability`.
        start: (r, size), None for none.
        limit: products at most.
        seed: of random vectors.
        beside: (size,), for a second vector to hand back too; None for none. It is the one that
            the search has found by then, or what is left of those that were known if its value is
            larger: a search that begins at both cannot tell equal eigenvalues apart.
    """
    wanted = Criterion(1, "largest", tol, like.dtype)
    if beside is None or start is None:
        spare = int(beside is not None)
        return (yield from search(matrix, like, wanted, limit, seed, "hessian", start, spare))
    known = torch.stack([unit(start.sum(0)), unit(beside)])
    found = yield from search(matrix, like, wanted, limit, seed, "hessian", known, 1)
    left = known - (known @ found.vectors[:1].T) * found.vectors[0]
    left = unit(left[torch.linalg.vector_norm(left, dim=1).argmax()])
    value = left @ matrix.product(left[None])[0]
    known_best = len(found.values) < 2 or bool(value > found.values[1])
    second = left if known_best else found.vectors[1]
    vectors = torch.stack([found.vectors[0], second])
    return replace(found, vectors=vectors, products=found.products + 1)

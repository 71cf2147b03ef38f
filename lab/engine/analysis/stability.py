"""Stability of a rule's steps: the curvature that they meet against the curvature they stand.

Gradient descent is unstable along a direction of curvature above 2/η, and full-batch training ends
up hovering there (Cohen, Kaur, Li, Kolter & Talwalkar 2021, "Gradient descent on neural networks
typically occurs at the edge of stability", arXiv 2103.00065). What momentum makes of the limit is
in `lab.engine.limits`. A rule that divides coordinates by D meets D^{-1/2} H D^{-1/2}, which is
similar to D⁻¹H and symmetric (Cohen et al. 2022, "Adaptive gradient methods at the edge of
stability", arXiv 2207.14484). D and the limit are what the rule says of itself: `Rule.response`.
"""

import math
from dataclasses import dataclass
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

_FEW = 8  # products in which an eigenvector that has moved a little is found again


@dataclass(frozen=True)
class Stability:
    """The largest curvature that steps meet, against what they stand.

    Attributes:
        value: the largest eigenvalue of D^{-1/2} (H + λI) D^{-1/2}.
        residual: an eigenvalue lies at most this far from it.
        vector: (dim,), its eigenvector, of unit length: a warm start for the next search.
        limit: the eigenvalue at which steps begin to grow; infinite if not given.
        ratio: value / limit: above 1 the steps grow along the vector.
        products: how many products were computed.
        converged: whether the tolerance was reached.
    """

    value: float
    residual: float
    vector: torch.Tensor
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
    max_products: int = 200,
) -> Steps[Stability]:
    """The largest curvature that a rule's steps meet at a point, against what they stand.

    Args:
        problem: whose Hessian.
        theta: (dim,).
        limit: the largest eigenvalue at which steps do not grow, as 2/η.
        divisor: (dim,), D, what the rule divides coordinates by; None for nothing.
        decay: λ, weight decay that the rule adds to the gradient.
        batch: (samples,) numbers of the samples of a mini-batch, None for all data.
        tol: the residual is at most this part of the eigenvalue, and its error at most tol² of it.
        seed: of random vectors.
        start: (dim,) or (r, dim), eigenvectors found near here; None for none.
        guarded: make sure, at the price of a few products, that no other eigenvalue has become the
            largest since. Without it a search that has hardly moved from `start` ends at once.
        max_products: where the search gives up.

    Raises:
        ValueError: a wrong argument, or a problem without second derivatives.
    """
    point, tol = as_point(problem, theta), check_positive("tol", tol)
    scale = None if divisor is None else as_point(problem, divisor).to(point)
    if not limit > 0:
        raise ValueError(f"limit = {limit!r}: a number above 0 is needed")
    matrix = scaled(operator(problem, point, batch=batch), scale, decay)
    most = check_count("max_products", max_products)
    first = None if start is None else as_tensor(start).to(point).reshape(-1, problem.dim)
    found = None
    if first is not None and not guarded:
        found = yield from followed(matrix, first.sum(0), tol)
    if found is None:
        found = yield from leading(matrix, point, tol=tol, start=first, limit=most, seed=seed)
    value = float(found.values[0])
    return Stability(
        value=value,
        residual=float(found.residuals[0]),
        vector=found.vectors[0],
        limit=float(limit),
        ratio=value / limit,
        products=found.products,
        converged=found.converged,
    )


def scaled(matrix: Operator, divisor: torch.Tensor | None, decay: float = 0.0) -> Operator:
    """The operator D^{-1/2} (A + λI) D^{-1/2}.

    Args:
        matrix: A.
        divisor: (size,), D, positive; None for the identity.
        decay: λ.
    """
    if divisor is None and not decay:
        return matrix
    root = None if divisor is None else divisor.rsqrt()

    def product(vectors: torch.Tensor) -> torch.Tensor:
        inner = vectors if root is None else vectors * root
        outer = matrix.product(inner) + decay * inner
        return outer if root is None else outer * root

    return Operator(matrix.size, product, f"scaled {matrix.text}")


def followed(matrix: Operator, start: torch.Tensor, tol: float) -> Steps[Eigenvalues | None]:
    """Follow an eigenvector that has moved a little: one product where it has hardly moved.

    Rayleigh and Ritz on the vector and its residuals. The vector handed back is one step of power
    iteration further on, which costs nothing.

    Args:
        matrix: the operator.
        start: (size,), the vector.
        tol: the residual is at most this part of the eigenvalue.

    Returns:
        The pair; None where that takes more than a few products.
    """
    basis = images = start.new_empty(0, len(start))
    fresh = start
    for used in range(1, _FEW + 1):
        for _ in range(2):
            fresh = fresh - basis.T @ (basis @ fresh)
            fresh = fresh / torch.linalg.vector_norm(fresh)
        basis = torch.cat([basis, fresh[None]])
        images = torch.cat([images, matrix.product(fresh[None])])
        yield Progress(used / _FEW)
        small = basis @ images.T
        if not small.isfinite().all():
            return None
        values, shapes = torch.linalg.eigh((small + small.T) / 2)
        value, shape = values[-1], shapes[:, -1]
        image = shape @ images
        fresh = image - value * (shape @ basis)
        residual = torch.linalg.vector_norm(fresh)
        if residual <= tol * value:
            ahead = image / torch.linalg.vector_norm(image)
            return Eigenvalues(value[None], residual[None], ahead[None], used, True)
    return None


def leading(
    matrix: Operator,
    like: torch.Tensor,
    *,
    tol: float,
    start: torch.Tensor | None,
    limit: int,
    seed: int,
) -> Steps[Eigenvalues]:
    """The largest eigenvalue of an operator, from vectors found nearby if there are any.

    Args:
        matrix: the operator.
        like: a tensor of the device and precision in question.
        tol: see `stability`.
        start: (r, size), None for none.
        limit: products at most.
        seed: of random vectors.
    """
    wanted = Criterion(1, "largest", tol, like.dtype)
    return (yield from search(matrix, like, wanted, limit, seed, "hessian", start))

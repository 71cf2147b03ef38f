"""The trace and the diagonal of an operator, from products with random vectors, with their error.

All three traces are unbiased. Hutchinson's has an error that falls as the root of the products.
Hutch++ (Meyer, Musco, Musco & Woodruff 2021, arXiv 2010.09649, algorithm 1) takes a third of them
to find where the operator is large, a third to have the trace there exactly, and the rest for what
is left. XTrace (Epperly, Tropp & Webber 2024, arXiv 2301.07825, section 2.2) lets every random
vector serve as both: each in turn measures what the others' images leave over.

Deviations: random vectors are Gaussian, and in whatever space is left over they are brought to the
length that they have there on average, as in section 2.3 of the XTrace paper, which takes their
length out of the noise. The interval uses Student's t, since there are few of them.
"""

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch

from lab.engine.analysis.base import Progress, Steps, analysis, as_point, check_count
from lab.engine.analysis.directions import random_direction
from lab.engine.analysis.operators import Operator, samples_of
from lab.engine.analysis.operators import operator as matrix_of
from lab.engine.analysis.parts import part_of
from lab.engine.analysis.quadrature import student
from lab.engine.analysis.sampling import vectors_in_block
from lab.engine.device import check_memory
from lab.engine.knobs import check_name
from lab.engine.problem import Problem

METHODS = ("hutch++", "xtrace", "hutchinson")
_FEWEST = 6  # products: two for each part of Hutch++
_ROUNDING = 10.0  # units in the last place that an error is never below
_BLOCK = 16  # products between two looks at the clock


@dataclass(frozen=True)
class Trace:
    """The sum of an operator's eigenvalues.

    Attributes:
        trace: the estimate.
        error: its standard error; 0 where the whole diagonal was computed.
        low: where the interval begins that holds the truth with a probability of 90 %.
        high: where it ends.
        products: how many products were computed.
        method: which estimate; "exact" where the whole diagonal was computed.
        operator: which operator.
    """

    trace: float
    error: float
    low: float
    high: float
    products: int
    method: str
    operator: str = "hessian"


@dataclass(frozen=True)
class Diagonal:
    """The diagonal of an operator.

    Attributes:
        diagonal: (size,)
        error: (size,), standard errors; 0 where the whole diagonal was computed.
        products: how many products were computed.
        exact: whether it was.
        operator: which operator.
    """

    diagonal: torch.Tensor
    error: torch.Tensor
    products: int
    exact: bool
    operator: str = "hessian"


@analysis
def hessian_trace(
    problem: Problem,
    theta: Any,
    products: int = 30,
    method: str = "hutch++",
    seed: int = 0,
    *,
    operator: str = "hessian",
    layers: Any = None,
    batch: Any = None,
) -> Steps[Trace]:
    """The trace of the Hessian, or of another operator, at a point.

    Args:
        problem: whose operator.
        theta: (dim,).
        products: how many are computed; where the operator has no more rows than that, the trace
            is exact.
        method: "hutch++", "xtrace" or "hutchinson".
        seed: of the random vectors.
        operator: "hessian", "ggn", "rest", "fisher" or "ntk", see `operators`.
        layers: names of tensors in the layout, for the block of the operator that belongs to them.
        batch: (samples,) indices of the samples that are used; all if not given.

    Returns:
        `.trace`, `.error`, `.low`, `.high`, `.products`.

    Raises:
        ValueError: a wrong argument, or a problem without what the operator is made of.
    """
    point = as_point(problem, theta)
    check_name(method, METHODS, "method")
    products = check_count("products", products, _FEWEST)
    found = matrix_of(problem, point, operator, batch, layers)
    _check_vectors(problem, point, found, products, batch)
    if found.size <= products:
        diagonal = yield from _whole_diagonal(found, point)
        value = float(diagonal.double().sum())
        return Trace(value, 0.0, value, value, found.size, "exact", operator)
    estimates, exact, used = yield from _ESTIMATES[method](found, point, products, seed)
    value = exact + float(estimates.mean())
    error = float(estimates.std(ddof=1)) / len(estimates) ** 0.5
    error = max(error, _ROUNDING * torch.finfo(point.dtype).eps * abs(value))
    reach = error * student(len(estimates))
    return Trace(value, error, value - reach, value + reach, used, method, operator)


@analysis
def hessian_diagonal(
    problem: Problem,
    theta: Any,
    products: int = 60,
    seed: int = 0,
    *,
    operator: str = "hessian",
    layers: Any = None,
    batch: Any = None,
) -> Steps[Diagonal]:
    """The diagonal of the Hessian, or of another operator, at a point.

    A third of the products finds where the operator is large, a third gives what that adds to the
    diagonal exactly, and the rest estimates what is left: Diag++ (Baston & Nakatsukasa 2022, arXiv
    2201.10684), with the space found taken out on both sides, on Bekas, Kokiopoulou & Saad 2007.

    Args:
        problem: whose operator.
        theta: (dim,).
        products: how many are computed; where the operator has no more rows than that, the diagonal
            is exact.
        seed: of the random vectors.
        operator: as for `hessian_trace`.
        layers: the same.
        batch: the same.

    Returns:
        `.diagonal`, `.error`, `.products`.

    Raises:
        ValueError: a wrong argument, or a problem without what the operator is made of.
    """
    point = as_point(problem, theta)
    products = check_count("products", products, _FEWEST)
    found = matrix_of(problem, point, operator, batch, layers)
    _check_vectors(problem, point, found, products, batch)
    if found.size <= products:
        diagonal = yield from _whole_diagonal(found, point)
        nothing = torch.zeros_like(diagonal)
        return Diagonal(diagonal, nothing, found.size, True, operator)
    count = products // 3
    basis, images = yield from part_of(_range(found, point, count, seed), 0.0, 2 * count / products)
    inside = basis.T @ images
    known = 2 * (basis * images).sum(dim=1) - (basis * (basis @ inside)).sum(dim=1)
    signs = torch.sign(_gaussian(found.size, products - 2 * count, seed, "signs", point))
    left = part_of(_images(found, _without(signs, basis)), 2 * count / products, 1 / 3)
    images = yield from left
    each = signs * _without(images, basis)  # (size, count)
    error = each.std(dim=1) / each.shape[1] ** 0.5
    return Diagonal(known + each.mean(dim=1), error, products, False, operator)


def _hutchinson(
    found: Operator, like: torch.Tensor, products: int, seed: int
) -> Steps[tuple[np.ndarray, float, int]]:
    """Estimates of the trace, what of it is known exactly, and how many products that took."""
    vectors = _gaussian(found.size, products, seed, "trace", like)
    images = yield from _images(found, vectors)
    return _quotients(vectors, images) * found.size, 0.0, products


def _hutch_plus_plus(
    found: Operator, like: torch.Tensor, products: int, seed: int
) -> Steps[tuple[np.ndarray, float, int]]:
    """See `_hutchinson`."""
    count = products // 3
    basis, images = yield from part_of(_range(found, like, count, seed), 0.0, 2 * count / products)
    exact = float((basis * images).sum(dtype=torch.float64))
    draws = _gaussian(found.size, products - 2 * count, seed, "trace", like)
    vectors = _without(draws, basis)
    left = part_of(_images(found, vectors), 2 * count / products, 1 - 2 * count / products)
    images = yield from left
    return _quotients(vectors, images) * (found.size - basis.shape[1]), exact, products


def _xtrace(
    found: Operator, like: torch.Tensor, products: int, seed: int
) -> Steps[tuple[np.ndarray, float, int]]:
    """See `_hutchinson`.

    With A Ω = Q R, leaving out the i-th random vector ω takes out of the space of Q the direction s
    that is orthogonal to all other columns of R: the i-th column of the inverse of Rᵀ.
    """
    count = products // 2
    draws = _gaussian(found.size, count, seed, "trace", like)
    space = yield from part_of(_factored(found, draws), 0.0, 0.5)
    images = yield from part_of(_images(found, space.basis), 0.5, 0.5)
    basis, draws, ranged = (x.double() for x in (space.basis, draws, space.images))
    inside = basis.T @ images.double()
    inside = (inside + inside.T) / 2
    shapes = basis.T @ ranged  # R
    floor = torch.finfo(like.dtype).eps * shapes.abs().max()
    corner = shapes + torch.diag(floor * (shapes.diagonal().abs() < floor))
    outer = torch.linalg.inv(corner).T
    outer = outer / torch.linalg.vector_norm(outer, dim=0)
    parts = basis.T @ draws
    parts = parts - outer * (outer * parts).sum(dim=0)  # coordinates of Qᵢ Qᵢᵀ ω
    kept = inside.trace() - (outer * (inside @ outer)).sum(dim=0)
    square = (draws * ranged).sum(dim=0) - 2 * (parts * shapes).sum(dim=0)
    square = square + (parts * (inside @ parts)).sum(dim=0)
    lengths = (draws * draws).sum(dim=0) - (parts * parts).sum(dim=0)
    estimates = kept + (found.size - count + 1) * square / lengths
    return estimates.cpu().numpy(), 0.0, 2 * count


_ESTIMATES = {"hutch++": _hutch_plus_plus, "xtrace": _xtrace, "hutchinson": _hutchinson}


class _Factored(NamedTuple):
    """Random vectors' images (size, count), and an orthonormal basis (size, count) of theirs."""

    basis: torch.Tensor
    images: torch.Tensor


def _range(
    found: Operator, like: torch.Tensor, count: int, seed: int
) -> Steps[tuple[torch.Tensor, torch.Tensor]]:
    """Where an operator is large: an orthonormal basis (size, count), and its images."""
    draws = _gaussian(found.size, count, seed, "range", like)
    space = yield from part_of(_factored(found, draws), 0.0, 0.5)
    images = yield from part_of(_images(found, space.basis), 0.5, 0.5)
    return space.basis, images


def _factored(found: Operator, draws: torch.Tensor) -> Steps[_Factored]:
    images = yield from _images(found, draws)
    return _Factored(torch.linalg.qr(images).Q, images)


def _images(found: Operator, vectors: torch.Tensor) -> Steps[torch.Tensor]:
    """Products with the columns of a matrix (size, count), a few at a time."""
    blocks, count = [], vectors.shape[1]
    for block in vectors.T.split(_BLOCK):
        blocks.append(found.product(block.contiguous()))
        yield Progress(min(1.0, len(blocks) * _BLOCK / count))
    return torch.cat(blocks).T


def _whole_diagonal(found: Operator, like: torch.Tensor) -> Steps[torch.Tensor]:
    """All of the diagonal (size,), from as many products."""
    units = torch.eye(found.size, dtype=like.dtype, device=like.device)
    return (yield from _images(found, units)).diagonal().clone()


def _gaussian(size: int, count: int, seed: int, what: str, like: torch.Tensor) -> torch.Tensor:
    """Standard normal columns (size, count)."""
    draws = [random_direction(size, seed, what, number, like=like) for number in range(count)]
    return torch.stack(draws, dim=1)


def _without(columns: torch.Tensor, basis: torch.Tensor) -> torch.Tensor:
    """Columns less their parts in a space with an orthonormal basis (size, r), twice."""
    for _ in range(2):
        columns = columns - basis @ (basis.T @ columns)
    return columns


def _quotients(vectors: torch.Tensor, images: torch.Tensor) -> np.ndarray:
    """Rayleigh quotients (count,) of columns."""
    products = (vectors * images).sum(dim=0, dtype=torch.float64)
    return (products / (vectors * vectors).sum(dim=0, dtype=torch.float64)).cpu().numpy()


def _check_vectors(
    problem: Problem, like: torch.Tensor, found: Operator, products: int, batch: Any
) -> None:
    """Refuse more vectors than fit into memory beside a product."""
    needed = 3 * min(products, found.size) * found.size * like.element_size()
    width = vectors_in_block(problem, like, min(_BLOCK, products))
    needed += problem.product_forecast(width, like.dtype, samples_of(batch))
    check_memory(needed, like.device, f"{products} vectors of {found.size} numbers")

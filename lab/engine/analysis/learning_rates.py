"""Predicted largest learning rates: by batch size, and from a few Lanczos steps on one batch.

The Hessian of a mini-batch is that of all data plus noise. If the noise were a random symmetric
matrix of independent elements of variance σ²/b, with b = B / (1 - B/N) for batches of B out of N
drawn without replacement and P parameters, the largest eigenvalue would become

    λ₁ + (P σ²/b) / λ₁  if λ₁ > √(P/b) σ,  else the noise's own edge 2 √(P/b) σ,

so that a limit 2/λ₁(B) rises linearly with B while noise dominates, and ends at 2/λ₁. Rules that
scale the outlying directions down are limited by the edge of the noise, and their rate rises with
the square root of B.

Source: Granziol, Zohren & Roberts 2022, "Learning rates as a function of batch size: a random
matrix theory approach to neural network training", JMLR 23(173), arXiv 2006.09092. The noise of a
real network's Hessian is no such matrix: these are laws to hold a run against, not bounds.
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
from lab.engine.analysis.batch_spectrum import effective_batch, spike
from lab.engine.analysis.curvature import check_smooth
from lab.engine.analysis.directions import random_direction
from lab.engine.analysis.operators import operator
from lab.engine.analysis.parts import part_of
from lab.engine.analysis.per_sample import check_samples
from lab.engine.analysis.stability import as_divisor, leading, scaled
from lab.engine.lanczos import lanczos
from lab.engine.problem import Problem
from lab.engine.seeds import generator

_TOL = 1e-3  # of the largest eigenvalue, where it is searched for
_MOST = 200  # products of that search


@dataclass(frozen=True)
class BatchRates:
    """Largest learning rates by batch size.

    Attributes:
        batch_sizes: (m,), B.
        linear: (m,), stands / λ₁(B), with λ₁(B) as predicted.
        root: (m,), stands / (2 √(P/B) σ): the rate at which the noise alone is unstable,
            proportional to √B. It is infinite nowhere, for it knows no end at N.
        largest: (m,), λ₁(B).
        lambda_max: λ₁ on all data.
        noise: P σ², for batches of one.
        noise_error: its standard error.
        reference: the batch size at which it was measured.
        stands: what times the rate the largest eigenvalue may be at most: 2 for plain descent.
        products: products computed.
    """

    batch_sizes: torch.Tensor
    linear: torch.Tensor
    root: torch.Tensor
    largest: torch.Tensor
    lambda_max: float
    noise: float
    noise_error: float
    reference: int
    stands: float
    products: int


@dataclass(frozen=True)
class RitzRates:
    """Learning rate and momentum from the ends of a batch's spectrum.

    Attributes:
        largest: L, the largest Ritz value.
        smallest: l, the smallest positive one.
        rate: 2 / (L + l), the best rate of plain descent between them.
        momentum: ((√L - √l) / (√L + √l))², of the best heavy ball.
        momentum_rate: 4 / (√L + √l)², its rate.
        nodes: (m,), all Ritz values, falling.
        weights: (m,), their weights in the spectral density, of sum 1.
        products: products computed.
    """

    largest: float
    smallest: float
    rate: float
    momentum: float
    momentum_rate: float
    nodes: torch.Tensor
    weights: torch.Tensor
    products: int


@analysis
def batch_rates(
    problem: Problem,
    theta: Any,
    batch_sizes: Any = None,
    reference: int = 32,
    pairs: int = 16,
    stands: float = 2.0,
    divisor: Any = None,
    lambda_max: float | None = None,
    seed: int = 0,
) -> Steps[BatchRates]:
    """The largest learning rates by batch size, from the noise of mini-batches' Hessians.

    The noise is the mean of |(H_B - H) v|² over pairs of a random batch and a random unit vector,
    which is P σ²/b.

    Args:
        problem: a mean over samples.
        theta: (dim,).
        batch_sizes: B; powers of two up to all samples if not given.
        reference: size of the batches that are measured.
        pairs: of a batch and a vector; each costs two products.
        stands: what η λ₁ may be at most: 2, or 2(1 + μ) with momentum.
        divisor: for a rule that scales coordinates, as for `stability`.
        lambda_max: the largest eigenvalue on all data, scaled by the divisor, where that is known;
            searched for otherwise.
        seed: of batches and vectors.

    Raises:
        ValueError: a wrong argument, or a problem without samples or second derivatives.
    """
    point = as_point(problem, theta)
    check_samples(problem)
    check_smooth(problem)
    n = problem.samples
    sizes = powers_of_two(n) if batch_sizes is None else list(batch_sizes)
    if not sizes or min(check_count("batch size", size) for size in sizes) > n or max(sizes) > n:
        raise ValueError(f"batch sizes {sizes}: from 1 to {n} are needed")
    reference = min(check_count("reference", reference), max(1, n // 2))
    pairs, stands = check_count("pairs", pairs, 2), check_positive("stands", stands)
    scale = as_divisor(problem, point, divisor)
    whole, products = scaled(operator(problem, point), scale), 0
    if lambda_max is None:
        search = leading(whole, point, tol=_TOL, start=None, limit=_MOST, seed=seed)
        found = yield from part_of(search, 0.0, 0.5)
        lambda_max, products = float(found.values[0]), found.products
    draws = [
        random_direction(problem.dim, seed, "batch noise", i, like=point) for i in range(pairs)
    ]
    vectors = [(draw / torch.linalg.vector_norm(draw))[None] for draw in draws]
    images, seen = [], []
    for vector in vectors:
        images.append(whole.product(vector))
        yield Progress(0.5 + 0.25 * len(images) / pairs)
    del whole  # its graph, before there are others
    for i, (vector, image) in enumerate(zip(vectors, images, strict=True)):
        drawn = torch.randperm(n, generator=generator(seed, "batches", i))[:reference]
        part = scaled(operator(problem, point, batch=drawn), scale)
        seen.append(float((part.product(vector) - image).double().square().sum()))
        del part
        yield Progress(0.75 + 0.25 * len(seen) / pairs)
    products += 2 * pairs
    measured = torch.tensor(seen, dtype=torch.float64) * effective_batch(reference, n)
    noise, error = float(measured.mean()), float(measured.std() / math.sqrt(pairs))
    counts = torch.tensor(sizes, dtype=torch.float64)
    spikes = [spike(lambda_max, math.sqrt(noise / effective_batch(size, n))) for size in sizes]
    largest = torch.tensor([one.value for one in spikes], dtype=torch.float64)
    return BatchRates(
        batch_sizes=torch.tensor(sizes),
        linear=(stands / largest).to(point),
        root=(stands / (2 * (noise / counts).sqrt())).to(point),
        largest=largest.to(point),
        lambda_max=float(lambda_max),
        noise=noise,
        noise_error=error,
        reference=reference,
        stands=stands,
        products=products,
    )


@analysis
def ritz_rates(
    problem: Problem, theta: Any, batch: Any = None, steps: int = 20, seed: int = 0
) -> Steps[RitzRates]:
    """Learning rate and momentum from a few Lanczos steps on one batch, as a run could find them.

    The rates are those of Polyak 1964 for a quadratic whose curvature lies between the largest and
    the smallest positive Ritz value. The smallest depends on the number of steps: more steps find
    smaller ones, and with them a larger momentum.

    Args:
        problem: whose Hessian.
        theta: (dim,).
        batch: (samples,) numbers of samples, None for all data.
        steps: of Lanczos, a product each.
        seed: of the first vector.

    Raises:
        ValueError: a wrong argument, a problem without second derivatives, or a point without
            positive curvature.
    """
    point = as_point(problem, theta)
    steps = min(check_count("steps", steps), problem.dim)
    matrix = operator(problem, point, batch=batch)
    start = random_direction(problem.dim, seed, "ritz", like=point)[None]
    for i, found in enumerate(lanczos(matrix.product, start, steps)):
        space = found
        yield Progress((i + 1) / steps)
        if not found.off_diagonal[0, -1] > 0:
            break
    diagonal, off = space.diagonal[0], space.off_diagonal[0, :-1]
    values, vectors = torch.linalg.eigh(
        torch.diag(diagonal) + torch.diag(off, 1) + torch.diag(off, -1)
    )
    positive = values[values > 10 * torch.finfo(point.dtype).eps * values.abs().max()]
    if not len(positive):
        raise ValueError("there is no positive curvature here, so no learning rate follows from it")
    high, low = float(positive[-1]), float(positive[0])
    wide, narrow = math.sqrt(high), math.sqrt(low)
    return RitzRates(
        largest=high,
        smallest=low,
        rate=2 / (high + low),
        momentum=((wide - narrow) / (wide + narrow)) ** 2,
        momentum_rate=4 / (wide + narrow) ** 2,
        nodes=values.flip(0).to(point),
        weights=vectors[0].square().flip(0).to(point),
        products=len(diagonal),
    )


def powers_of_two(most: int) -> list[int]:
    """1, 2, 4 and so on below a number, and that number."""
    return [*(2**i for i in range(max(0, most - 1).bit_length())), most]

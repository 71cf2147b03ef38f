"""Extremal eigenvalues of mini-batches beside those of all data, and what noise makes of them.

A mini-batch of B out of N samples, drawn without replacement, sees the matrix of all data plus
noise. If the noise is a random symmetric matrix whose P² elements have variance σ²/b, with
b = B / (1 - B/N), then an eigenvalue λ of all data shows in the batch as

    λ + s²/λ  if λ > s,  with s² = P σ²/b;  otherwise it drowns in the noise, which ends at 2s;

the most negative eigenvalue likewise with the sign turned. Source: Granziol, Zohren & Roberts 2022,
JMLR 23(173), arXiv 2006.09092, who build on Benaych-Georges & Nadakuditi 2011, arXiv 0910.2120.

The noise of a network's curvature is not of that kind: it is strong along few directions, those of
the large eigenvalues among them, and weak along all others. So there is a second prediction that
asks only what the noise does to the eigenvectors vᵢ at hand, by second-order perturbation:

    λᵢ + Σⱼ E(vⱼᵀ D vᵢ)² / (λᵢ - λⱼ) + E|Q D vᵢ|² / λᵢ,    D the noise,

over the other eigenvectors found, with Q taking all found out of a vector. For noise without
directions both agree (up to terms of size 1/P).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch

from lab.engine.analysis.base import Progress, Steps, analysis, as_point, check_count
from lab.engine.analysis.curvature import top_eigenvalues
from lab.engine.analysis.directions import random_direction
from lab.engine.analysis.eigensearch import Eigenvalues
from lab.engine.analysis.operators import operator as matrix_of
from lab.engine.analysis.parts import part_of
from lab.engine.problem import Problem
from lab.engine.seeds import generator

_PROBES = 8  # random vectors on which the noise is measured
_TOL = 1e-2  # of the searches on batches: errors below a ten-thousandth
_KNOWN = 5  # directions in which the noise is measured exactly
_FULL = 0.4  # of the work, roughly, is done on all data


class Spike(NamedTuple):
    """What noise makes of an eigenvalue.

    Attributes:
        value: of the extremal eigenvalue that is seen.
        stands_out: whether it is beyond the noise's own edge.
    """

    value: float
    stands_out: bool


@dataclass(frozen=True)
class BatchSpectrum:
    """Eigenvalues of all data and of mini-batches, and predictions of the latter.

    Attributes:
        largest: (k,), of all data, falling.
        smallest: of all data.
        batch_largest: (batches, k), of each batch, falling.
        batch_smallest: (batches,)
        predicted_largest: (k,), by noise without directions; 2s where one drowns.
        predicted_smallest: likewise.
        local_largest: (k,), by what the noise does to each eigenvector.
        noise: s = √(P/b) σ: eigenvalues below it drown.
        edge: 2s, where the noise's own eigenvalues end.
        sigma2: σ², the variance of an element at b = 1.
        sigma2_error: its standard error over batches; NaN for one batch.
        samples: b, the batch size corrected for drawing without replacement.
        batch_size: B.
        products: on all data, and on batches.
        converged: whether all searches on all data and on batches ended.
    """

    largest: torch.Tensor
    smallest: float
    batch_largest: torch.Tensor
    batch_smallest: torch.Tensor
    predicted_largest: torch.Tensor
    predicted_smallest: float
    local_largest: torch.Tensor
    noise: float
    edge: float
    sigma2: float
    sigma2_error: float
    samples: float
    batch_size: int
    products: tuple[int, int]
    converged: bool


def effective_batch(batch_size: int, samples: int) -> float:
    """The size b = B / (1 - B/N); infinite where a batch is all data, which leaves no noise."""
    return math.inf if batch_size >= samples else batch_size / (1 - batch_size / samples)


def spike(eigenvalue: float, noise: float) -> Spike:
    """What noise without directions makes of an extremal eigenvalue.

    Args:
        eigenvalue: λ of all data; of either sign.
        noise: s = √(P/b) σ.
    """
    if abs(eigenvalue) > noise:
        return Spike(eigenvalue + noise**2 / eigenvalue, True)
    return Spike(math.copysign(2 * noise, eigenvalue), False)


@analysis
def batch_eigenvalues(
    problem: Problem,
    theta: Any,
    batch_size: int = 128,
    batches: int = 8,
    k: int = 1,
    seed: int = 0,
    *,
    operator: str = "hessian",
    layers: Any = None,
    indices: Any = None,
    start: Any = None,
) -> Steps[BatchSpectrum]:
    """Measure extremal eigenvalues of mini-batches, and predict them from all data.

    The noise D, the matrix of a batch less that of all data, has the squared Frobenius norm P²σ²/b.
    It is measured: exactly on the first few eigenvectors, where most of it is, and on random
    vectors for the rest.

    Args:
        problem: whose matrix; it must have samples.
        theta: (dim,).
        batch_size: B.
        batches: how many mini-batches, drawn without replacement.
        k: how many of the largest eigenvalues.
        seed: of batches and random vectors.
        operator: "hessian", "ggn", "rest" or "fisher", see `operators`.
        layers: names of tensors in the layout, for the block that belongs to them.
        indices: (batches, B), the samples of each batch in place of random ones.
        start: (r, size), eigenvectors of an earlier point, for the search on all data.

    Returns:
        See `BatchSpectrum`.

    Raises:
        ValueError: a wrong argument, or a problem without samples or what the operator is made of.
    """
    point, k = as_point(problem, theta), check_count("k", k)
    if operator == "ntk":
        raise ValueError(
            "operator = 'ntk': a batch has another kernel, with other rows and columns"
        )
    chosen = _batches(problem, batch_size, batches, seed, indices)
    what = {"operator": operator, "layers": layers, "seed": seed}
    whole = matrix_of(problem, point, operator, None, layers)
    k, known = min(k, whole.size), min(max(k, _KNOWN), whole.size)
    ends = yield from part_of(_ends(problem, point, known, what, start, 1e-3), 0.0, _FULL)
    vectors = ends.top.vectors
    rows = _random_rows(vectors, seed)
    images, size = whole.product(torch.cat([vectors, rows])), whole.size
    del whole  # its graph, before there are others
    seen, sizes, bends, products = [], [], [], 0
    for number, batch in enumerate(chosen):
        part = matrix_of(problem, point, operator, batch, layers)
        off = part.product(torch.cat([vectors, rows])) - images
        del part
        sizes.append(_squared_norm(off, vectors) / size)
        bends.append(_bends(off[:known], ends.top))
        search = _ends(problem, point, k, {**what, "batch": batch}, None, _TOL)
        share = (1 - _FULL) / len(chosen)
        found = yield from part_of(search, _FULL + number * share, share)
        seen.append(found)
        products += len(off) + found.products
    yield Progress(1.0)
    noises = torch.stack(sizes)  # s² of each batch
    noise = float(noises.mean()) ** 0.5
    b = effective_batch(len(chosen[0]), problem.samples)
    several = len(chosen) > 1 and math.isfinite(b)
    spikes = [spike(float(value), noise) for value in ends.top.values[:k]]
    return BatchSpectrum(
        largest=ends.top.values[:k],
        smallest=ends.smallest,
        batch_largest=torch.stack([found.top.values for found in seen]),
        batch_smallest=point.new_tensor([found.smallest for found in seen]),
        predicted_largest=point.new_tensor([max(one.value, 2 * noise) for one in spikes]),
        predicted_smallest=min(-2 * noise, spike(min(ends.smallest, 0.0), noise).value),
        local_largest=(ends.top.values + torch.stack(bends).mean(dim=0).to(point))[:k],
        noise=noise,
        edge=2 * noise,
        sigma2=noise**2 * b / size if math.isfinite(b) else math.nan,
        sigma2_error=float(noises.std() / len(noises) ** 0.5) * b / size if several else math.nan,
        samples=b,
        batch_size=len(chosen[0]),
        products=(ends.products + len(images), products),
        converged=ends.converged and all(found.converged for found in seen),
    )


class _Ends(NamedTuple):
    """Both ends of a spectrum."""

    top: Eigenvalues
    smallest: float
    products: int
    converged: bool


def _ends(
    problem: Problem, point: torch.Tensor, k: int, what: dict, start: Any, tol: float
) -> Steps[_Ends]:
    """The k largest eigenvalues and the smallest."""
    options = {**what, "tol": tol}
    search = top_eigenvalues.steps(problem, point, k, which="largest", start=start, **options)
    top = yield from part_of(search, 0.0, 0.6)
    search = top_eigenvalues.steps(problem, point, 1, which="smallest", **options)
    low = yield from part_of(search, 0.6, 0.4)
    products, converged = top.products + low.products, top.converged and low.converged
    return _Ends(top, float(low.values[0]), products, converged)


def _random_rows(vectors: torch.Tensor, seed: int) -> torch.Tensor:
    """Random unit vectors (n, P) without parts along orthonormal vectors (k, P)."""
    size = vectors.shape[1]
    count = min(_PROBES, size - len(vectors))
    draws = [random_direction(size, seed, "noise", i, like=vectors) for i in range(count)]
    rows = torch.stack(draws) if draws else vectors[:0]
    rows = rows - rows @ vectors.T @ vectors
    return rows / torch.linalg.vector_norm(rows, dim=1, keepdim=True)


def _squared_norm(images: torch.Tensor, vectors: torch.Tensor) -> torch.Tensor:
    """|D|² of a symmetric D from its images of vectors (k, P) and of random ones beside them.

    In blocks along the vectors and beside them |D|² = |A|² + 2|B|² + |C|², of which the images of
    the vectors give A and B, and the random ones C.
    """
    images, vectors = images.double(), vectors.double()
    exact, random = images[: len(vectors)], images[len(vectors) :]
    among = (exact @ vectors.T).square().sum()
    beside = exact.square().sum() - among
    left = (random - random @ vectors.T @ vectors).square().sum(dim=1)
    rest = (vectors.shape[1] - len(vectors)) * left.mean() if len(left) else 0.0
    return among + 2 * beside + rest


def _bends(images: torch.Tensor, top: Eigenvalues) -> torch.Tensor:
    """What one batch's noise shifts each eigenvalue by in second order: images D vᵢ -> (k,)."""
    images, vectors, values = images.double(), top.vectors.double(), top.values.double()
    among = images @ vectors.T  # vⱼᵀ D vᵢ
    left = images - among @ vectors
    gaps = values[:, None] - values
    between = torch.where(gaps != 0, among.square() / torch.where(gaps != 0, gaps, 1.0), 0.0)
    return between.sum(dim=1) + left.square().sum(dim=1) / values


def _batches(
    problem: Problem, size: int, count: int, seed: int, indices: Any
) -> Sequence[torch.Tensor]:
    """The samples (B,) of each batch.

    Raises:
        ValueError: no samples, or more in a batch than there are.
    """
    if not problem.samples:
        raise ValueError(f"{problem.title} has no samples to make batches of")
    if indices is not None:
        rows = torch.as_tensor(indices).long()
        if rows.ndim != 2 or not rows.numel():
            raise ValueError(f"indices: rows of samples are needed, not shape {tuple(rows.shape)}")
        return list(rows)
    size, count = check_count("batch_size", size), check_count("batches", count)
    if size > problem.samples:
        raise ValueError(f"batch_size = {size}: at most the {problem.samples} samples are allowed")
    draws = (generator(seed, "batch-spectrum", number) for number in range(count))
    return [torch.randperm(problem.samples, generator=draw)[:size] for draw in draws]

"""Linear stability of SGD at an interpolating minimum: coherence, its bounds, and the exact limit.

Where every sample's loss is at its minimum, a step is linear: x' = (I - η H_B) x with H_B the mean
Hessian of the mini-batch. With H the mean of the samples' Hessians H_i (none of them with negative
eigenvalues) the second moment M = E[x xᵀ] goes to

    (I - ηH) M (I - ηH) + η² c · mean of (H_i M H_i), or of (H_i M H_i - H M H),

and SGD is stable in mean square while the spectral radius of that map is below 1. Which of the two,
and c, follow from how batches of B out of n samples are drawn: `SAMPLING`.

Sources: Dexter, Ocejo, Keerthi, Gupta, Acharya & Khanna 2024, "A precise characterization of SGD
stability using loss surface geometry", arXiv 2401.12332 (coherence, theorems 1 and 2, with each
sample in a batch by a coin of its own); the exact limit is derived here.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch

from lab.engine.analysis.base import Progress, Steps, analysis, as_point, check_count
from lab.engine.analysis.learning_rates import powers_of_two
from lab.engine.analysis.parts import part_of
from lab.engine.analysis.per_sample import curvature_factors, some_samples
from lab.engine.device import check_memory
from lab.engine.knobs import check_name
from lab.engine.problem import Problem

# "coins": each sample is in a batch with probability B/n, as in the paper; "with" or "without":
# batches of exactly B, drawn with or without replacement. Epochs in random order are nearest to the
# last one.
SAMPLING = ("coins", "with", "without")
RANK = 400  # of all samples' Hessians together, up to which the exact limit is computed
_FLAT = 1e-10  # share of the largest curvature below which a direction counts as flat
_TOL = 1e-7  # of the exact limit


@dataclass(frozen=True)
class SGDStability:
    """How large steps SGD stands at an interpolating minimum.

    Attributes:
        batch_sizes: (m,), B.
        descent: 2/λ₁(H), the limit of gradient descent on all samples.
        exact: (m,), the largest learning rate that is stable in mean square; NaN where the samples'
            Hessians have too large a rank together.
        diverging: (m,), theorem 1: every learning rate above it diverges.
        near: (m,), theorem 2: below it there are Hessians of the same λ₁(H) and σ that are stable.
        coherence: σ = λ₁(S) / max λ₁(H_i), of all n samples. For Hessians of rank one it goes from
            1 (all at right angles) to n (all alike); rank r can make it √r times as large.
        matrix: (s, s), S with entries ‖H_i^{1/2} H_j^{1/2}‖ of the s samples looked at.
        largest: λ₁(H), of all n samples.
        largest_sample: the largest λ₁(H_i).
        samples: n, the samples that batches are drawn from.
        looked_at: s, of which Hessians were computed.
        rank: of these Hessians together.
        form: "hessian", or "ggn" for Gauss-Newton matrices.
        products: Hessian-vector products, or gradients of outputs, computed.
    """

    batch_sizes: torch.Tensor
    descent: float
    exact: torch.Tensor
    diverging: torch.Tensor
    near: torch.Tensor
    coherence: float
    matrix: torch.Tensor
    largest: float
    largest_sample: float
    samples: int
    looked_at: int
    rank: int
    form: str
    products: int


class _Geometry(NamedTuple):
    """Samples' Hessians A_iᵀA_i, all in coordinates of the space that they span together."""

    factors: np.ndarray  # (n, r, rank)
    curvatures: np.ndarray  # (rank,), eigenvalues of their mean, which is diagonal here
    matrix: np.ndarray  # (n, n), S
    samples: np.ndarray  # (n,), largest eigenvalue of each


def geometry(factors: np.ndarray) -> _Geometry:
    """What samples' Hessians have in common.

    Everything follows from the inner products of the factors' rows, of which there are few where
    parameters are many.

    Args:
        factors: (n, r, d), with H_i = A_iᵀA_i.

    Raises:
        ValueError: curvature that is zero everywhere, or not finite.
    """
    n, r, _ = factors.shape
    rows = factors.reshape(n * r, -1).astype(np.float64)
    gram = rows @ rows.T
    if not np.isfinite(gram).all():
        raise ValueError("the samples' losses have no finite curvature here")
    blocks = gram.reshape(n, r, n, r)
    matrix = np.sqrt(np.square(blocks).sum((1, 3)))  # Tr H_i H_j = ‖A_i A_jᵀ‖²
    own = np.array([np.linalg.eigvalsh(blocks[i, :, i])[-1] for i in range(n)])
    values, vectors = np.linalg.eigh(gram / n)  # those of the mean Hessian, and zeros
    if not values[-1] > 0:
        raise ValueError("the samples' losses have no curvature here, so every step is stable")
    kept = values > _FLAT * values[-1]
    values, vectors = values[kept][::-1], vectors[:, kept][:, ::-1]
    places = vectors * np.sqrt(n * values)  # rows of A in the mean's eigenvectors
    return _Geometry(places.reshape(n, r, -1), values, matrix, own)


def coherence(matrix: np.ndarray, samples: np.ndarray) -> float:
    """The coherence measure σ (definition 1), from S (n, n) and the largest λ₁ of each sample."""
    return float(np.linalg.eigvalsh(matrix)[-1] / samples.max())


def diverging_rate(largest: float, sigma: float, n: int, batch: float) -> float:
    """Theorem 1: SGD diverges above this learning rate, whatever else the Hessians are.

    Args:
        largest: λ₁ of the mean Hessian.
        sigma: the coherence measure.
        n: samples.
        batch: B, from 1 to n.
    """
    noisy = math.inf if batch >= n else sigma / (largest * math.sqrt(n / batch - 1))
    return min(2 / largest, noisy)


def near_rate(largest: float, sigma: float, n: int, batch: float) -> float:
    """Theorem 2: below it some Hessians with this λ₁ and σ are stable. Arguments as theorem 1."""
    return 2 * sigma / (largest * (sigma + n / batch - 1))


def exact_rate(
    factors: np.ndarray,
    curvatures: np.ndarray,
    n: int,
    batch: float,
    sampling: str = "coins",
    start: np.ndarray | None = None,
) -> tuple[float, np.ndarray]:
    """The learning rate at which the second moment begins to grow.

    The map of the second moment keeps matrices without negative eigenvalues so, hence its spectral
    radius is one of its eigenvalues, and it comes to 1 where η is the smallest number with
    η (H M H + cK M) = H M + M H for some M: one over the largest eigenvalue of a symmetric
    operator, which is found by Lanczos.

    Args:
        factors: (s, r, k), of the samples looked at, in eigenvectors of their mean.
        curvatures: (k,), eigenvalues of the mean, all positive.
        n: samples that batches are drawn from, of which those looked at are an example.
        batch: B.
        sampling: one of `SAMPLING`.
        start: (k²,), where the search begins.

    Returns:
        The rate, NaN where the search does not settle, and the moment (k²,) that grows.
    """
    from scipy.sparse.linalg import ArpackNoConvergence, LinearOperator, eigsh  # slow to load

    share, centred = _noise(n, batch, sampling)
    k, s = len(curvatures), len(factors)
    scale = 1 / np.sqrt(curvatures[:, None] + curvatures[None])  # (H⊕H)^{-1/2}, entry by entry
    outer = np.outer(curvatures, curvatures) * (1 - share * centred)
    flipped = factors.transpose(0, 2, 1)
    rows = factors.reshape(-1, k)

    def grown(flat: np.ndarray) -> np.ndarray:
        moment = scale * flat.reshape(k, k)
        # A M Aᵀ of each sample is small: two products with all rows in place of H_i M H_i
        inner = (rows @ moment).reshape(factors.shape) @ flipped  # (s, r, r)
        noise = rows.T @ (inner @ factors).reshape(rows.shape) / s
        return (scale * (outer * moment + share * noise)).ravel()

    start = np.eye(k).ravel() if start is None else start
    if k == 1:
        return 1 / float(grown(start)[0] / start[0]), start
    operator = LinearOperator((k * k, k * k), matvec=grown, dtype=np.float64)
    try:
        top, moments = eigsh(operator, k=1, which="LA", v0=start, tol=_TOL)
    except ArpackNoConvergence:
        return math.nan, start
    return 1 / float(top[0]), moments[:, 0]


def sgd_limits(
    factors: np.ndarray,
    batch_sizes: Sequence[int],
    samples: int = 0,
    sampling: str = "coins",
) -> Steps[SGDStability]:
    """The stability of SGD for given Hessians H_i = A_iᵀA_i, one batch size after the other.

    Args:
        factors: (s, r, d).
        batch_sizes: B, each from 1 to n.
        samples: n, where the Hessians are an example of those of more samples; 0 for s. What they
            say of all n is then freed of its bias, see `sgd_stability`.
        sampling: one of `SAMPLING`.

    Returns:
        With numpy arrays.

    Raises:
        ValueError: a batch size out of range, or curvature that is zero everywhere.
    """
    check_name(sampling, SAMPLING, "sampling")
    found = geometry(np.asarray(factors))
    count = len(found.matrix)
    n = samples or count
    sizes = [check_count("batch size", size) for size in batch_sizes]
    if not sizes or max(sizes) > n:
        raise ValueError(f"batch sizes {list(batch_sizes)}: from 1 to {n} are needed")
    halves = [geometry(factors[i::2]) for i in range(2)] if 4 <= count < n else []
    looks = [_Look(found, n, sampling), *(_Look(half, n, sampling) for half in halves)]
    largest = _of_all([look.largest for look in looks], count, n)
    sigma = max(1.0, _of_all([look.coherence for look in looks], count, n))
    exact = []
    for number, size in enumerate(sizes):
        # the rate is one over an eigenvalue, which is what has a bias
        inverse = _of_all([1 / look.rate(size) for look in looks], count, n)
        exact.append(1 / max(inverse, largest / 2))
        yield Progress((number + 1) / len(sizes))
    return SGDStability(
        batch_sizes=np.array(sizes),
        descent=2 / largest,
        exact=np.array(exact),
        diverging=np.array([diverging_rate(largest, sigma, n, size) for size in sizes]),
        near=np.array([near_rate(largest, sigma, n, size) for size in sizes]),
        coherence=sigma,
        matrix=found.matrix,
        largest=largest,
        largest_sample=float(found.samples.max()),
        samples=n,
        looked_at=count,
        rank=len(found.curvatures),
        form="hessian",
        products=0,
    )


class _Look:
    """What some samples' Hessians would say if all n were like them."""

    def __init__(self, found: _Geometry, n: int, sampling: str):
        self._found, self._n, self._sampling = found, n, sampling
        self._moment: np.ndarray | None = None  # where the next search begins
        self.largest = float(found.curvatures[0])
        self.coherence = coherence(found.matrix, found.samples) * n / len(found.matrix)

    def rate(self, batch: float) -> float:
        """`exact_rate`, NaN where the rank is too large."""
        if len(self._found.curvatures) > RANK:
            return math.nan
        parts = self._found.factors, self._found.curvatures, self._n, batch, self._sampling
        rate, self._moment = exact_rate(*parts, self._moment)
        return rate


def _of_all(values: list[float], count: int, n: int) -> float:
    """What all n samples would give, from what `count` of them give and then their two halves.

    An eigenvalue of a mean over s samples is A + B/s to first order, of which the halves tell B
    (Quenouille 1949, Journal of the Royal Statistical Society B 11(1)); here A + B/n is wanted.
    """
    whole, *halves = values
    return whole + (1 - count / n) * (whole - sum(halves) / 2) if halves else whole


@analysis
def sgd_stability(
    problem: Problem,
    theta: Any,
    batch_sizes: Any = None,
    samples: int = 32,
    sampling: str = "without",
    seed: int = 0,
) -> Steps[SGDStability]:
    """The largest learning rates at which SGD stays at a point, by batch size.

    Of up to `samples` samples, drawn at random, the curvature is computed: for up to 200
    parameters the exact Hessian (its negative eigenvalues, which an interpolating minimum has not,
    are left out), for more the Gauss-Newton matrix, whose rank is the number of outputs. Where
    these are fewer than all, they stand for all: what is a mean over samples is estimated by their
    mean. Eigenvalues of the mean of a few are too large, of which most is taken off by comparing
    with halves of these samples; `.largest` beside the largest eigenvalue on all data says how much
    is left.

    Args:
        problem: a network, or another problem whose samples have losses of their own.
        theta: (dim,).
        batch_sizes: B; powers of two up to all samples if not given.
        samples: how many are looked at; 0 for all.
        sampling: how batches are drawn, one of `SAMPLING`.
        seed: of the choice of samples.

    Returns:
        `.exact`, `.diverging`, `.near` for `.batch_sizes`, `.descent`, `.coherence` and so on.

    Raises:
        ValueError: a wrong argument, or a problem whose samples have no curvature of their own.
    """
    point = as_point(problem, theta)
    chosen = some_samples(problem, samples, seed, like=point)
    sizes = powers_of_two(problem.samples) if batch_sizes is None else list(batch_sizes)
    needed = len(chosen) * max(1, problem.classes) * problem.dim * 8
    check_memory(needed, point.device, f"the curvature of {len(chosen)} samples")
    factors = yield from curvature_factors(problem, point, chosen, 0.3)
    limits = sgd_limits(factors.factors, sizes, problem.samples, sampling)
    found = yield from part_of(limits, 0.3, 0.7)

    def as_given(values: np.ndarray) -> torch.Tensor:
        return torch.as_tensor(values).to(point)

    return SGDStability(
        **{
            **vars(found),
            "batch_sizes": torch.as_tensor(found.batch_sizes),
            "exact": as_given(found.exact),
            "diverging": as_given(found.diverging),
            "near": as_given(found.near),
            "matrix": as_given(found.matrix),
            "form": factors.form,
            "products": factors.products,
        }
    )


def _noise(n: int, batch: int, sampling: str) -> tuple[float, bool]:
    """The weight c of the noise, and whether the mean is taken from it."""
    if sampling == "coins":
        return (n / batch - 1) / n, False
    if sampling == "with":
        return 1 / batch, True
    return (n - batch) / (batch * max(1, n - 1)), True

"""The gradient noise scale: the batch size at which noise and slope weigh the same.

A step on a mini-batch of B gains as much as one on all data, times 1 / (1 + 𝓑 / B). With G the
gradient on all data, Σ the covariance of single samples' gradients and H the Hessian

    𝓑 = tr(HΣ) / GᵀHG,    and where H is like the identity    𝓑_simple = tr Σ / |G|².

Source: McCandlish, Kaplan, Amodei & OpenAI Dota team 2018, "An empirical model of large-batch
training", arXiv 1812.06162, section 2.2 and appendix A. They estimate |G|² from two batch sizes;
here single gradients are at hand, and the sample is part of finite data.
"""

import math
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch

from lab.engine.analysis.base import Progress, Steps, analysis, as_point
from lab.engine.analysis.operators import operator
from lab.engine.analysis.per_sample import sample_gradients, some_samples
from lab.engine.device import check_memory
from lab.engine.problem import Problem


@dataclass(frozen=True)
class NoiseScale:
    """Where noise and slope balance.

    Attributes:
        simple: tr Σ / |G|², in samples; infinite where the sample shows no gradient in the noise.
        simple_error: its standard error, from leaving out one sample after the other (jackknife);
            0 where all samples were seen.
        variance: tr Σ.
        slope: |G|², without the noise's share.
        weighted: tr(HΣ) / GᵀHG, NaN if not asked for. Where curvature along the gradient is not
            positive it means nothing: NaN too.
        weighted_error: of it.
        best_rate: |G|² / GᵀHG, the learning rate of the longest gain on all data; NaN likewise.
        samples: how many gradients it was computed from.
        products: Hessian-vector products computed.
    """

    simple: float
    simple_error: float
    variance: float
    slope: float
    weighted: float
    weighted_error: float
    best_rate: float
    samples: int
    products: int


class Ratio(NamedTuple):
    """tr(AΣ) and GᵀAG for a matrix A.

    Attributes:
        noise: tr(AΣ), unbiased.
        slope: GᵀAG, unbiased.
        error: standard error of their ratio.
    """

    noise: float
    slope: float
    error: float

    @property
    def value(self) -> float:
        """The noise scale."""
        return math.inf if self.slope <= 0 else self.noise / self.slope


@analysis
def noise_scale(
    problem: Problem, theta: Any, samples: int = 256, hessian: bool = False, seed: int = 0
) -> Steps[NoiseScale]:
    """The gradient noise scale at a point, with its error.

    Args:
        problem: a mean over samples.
        theta: (dim,).
        samples: how many are looked at, drawn at random; 0 for all.
        hessian: also the scale that is weighted by the Hessian, one product for each sample.
        seed: of the choice of samples.

    Raises:
        ValueError: a problem without samples, or fewer than three of them.
    """
    point = as_point(problem, theta)
    chosen = some_samples(problem, samples, seed, like=point)
    count = len(chosen)
    if count < 3:
        raise ValueError(f"samples = {count}: at least 3 are needed to know their spread")
    needed = (3 if hessian else 2) * count * problem.dim * point.element_size()
    check_memory(needed, point.device, f"the gradients of {count} samples")
    share = 0.5 if hessian else 1.0
    rows = yield from sample_gradients(problem, point, chosen, share)
    plain = ratio(rows, rows, problem.samples)
    weighted, products = None, 0
    if hessian:
        matrix, bent = operator(problem, point), []
        for part in rows.split(16):
            bent.append(matrix.product(part))
            products += len(part)
            yield Progress(share + (1 - share) * products / count)
        weighted = ratio(rows, torch.cat(bent), problem.samples)
    known = weighted is not None and weighted.slope > 0
    return NoiseScale(
        simple=plain.value,
        simple_error=plain.error,
        variance=plain.noise,
        slope=plain.slope,
        weighted=weighted.value if known else math.nan,
        weighted_error=weighted.error if known else math.nan,
        best_rate=plain.slope / weighted.slope if known else math.nan,
        samples=count,
        products=products,
    )


def ratio(rows: torch.Tensor, images: torch.Tensor, population: int) -> Ratio:
    """The noise scale from gradients and their products with a symmetric matrix.

    Args:
        rows: (n, dim), g_i, drawn without replacement.
        images: (n, dim), A g_i.
        population: how many samples there are in all.
    """
    n = len(rows)
    rows, images = rows.double(), images.double()
    middle, image = rows.mean(0), images.mean(0)
    own = (rows * images).sum(1)  # g_i·A g_i
    across = rows @ image  # g_i·A ḡ
    whole = middle @ image
    unseen = max(0.0, 1 - n / population)  # of the noise of the mean: none is left of all data
    noise, slope = _unbiased(own.sum(), whole, n, unseen)
    # the same without sample i: ḡ becomes (nḡ - g_i) / (n - 1)
    without = (n**2 * whole - 2 * n * across + own) / (n - 1) ** 2
    noises, slopes = _unbiased(own.sum() - own, without, n - 1, unseen)
    ratios = noises / slopes
    spread = (ratios - ratios.mean()).square().sum() * (n - 1) / n * unseen
    error = float(spread.sqrt()) if slope > 0 and bool((slopes > 0).all()) else math.inf
    return Ratio(float(noise), float(slope), error if unseen else 0.0)


def _unbiased(
    total: torch.Tensor, whole: torch.Tensor, n: int, unseen: float
) -> tuple[torch.Tensor, torch.Tensor]:
    """tr(AΣ) and GᵀAG from the sum of g_i·A g_i and from ḡ·Aḡ of n samples."""
    noise = (total - n * whole) / (n - 1)
    return noise, whole - unseen * noise / n

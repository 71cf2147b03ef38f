"""How alike the gradients of mini-batches are: with each other, and with that on all data.

A cosine of 1 between random batches means that noise does not matter to the direction of a step, 0
that it is all there is. Batches are cut from a random order of the samples, as an epoch does, and
from another one once it is used up.
"""

import math
from dataclasses import dataclass
from typing import Any

import torch

from lab.engine.analysis.base import Progress, Steps, analysis, as_point, check_count
from lab.engine.analysis.per_sample import check_samples
from lab.engine.analysis.sampling import points_in_block
from lab.engine.problem import Problem
from lab.engine.seeds import generator


@dataclass(frozen=True)
class GradientAlignment:
    """Cosines between gradients.

    Attributes:
        mean: over all pairs of batches.
        error: its standard error, by leaving out one batch after the other (jackknife), which is
            up to about 1.7 times too large for few batches whose noise outweighs the gradient.
        full: mean cosine between a batch's gradient and that on all data.
        full_error: its standard error.
        cosines: (n, n), between the batches.
        with_full: (n,), with the gradient on all data.
        norms: (n,), of the batches' gradients.
        full_norm: of the gradient on all data.
        batch: samples of each batch.
        gradients: how many were computed.
    """

    mean: float
    error: float
    full: float
    full_error: float
    cosines: torch.Tensor
    with_full: torch.Tensor
    norms: torch.Tensor
    full_norm: float
    batch: int
    gradients: int


@analysis
def gradient_alignment(
    problem: Problem, theta: Any, batches: int = 8, batch: int = 32, seed: int = 0
) -> Steps[GradientAlignment]:
    """Cosines between the gradients of random mini-batches, and with that on all data.

    Args:
        problem: a mean over samples.
        theta: (dim,).
        batches: how many are drawn.
        batch: samples of each.
        seed: of the draw.

    Raises:
        ValueError: a problem without samples, or a batch that is larger than the data.
    """
    point = as_point(problem, theta)
    check_samples(problem)
    check_count("batches", batches, 2)
    if check_count("batch", batch) > problem.samples:
        raise ValueError(f"batch = {batch}: there are {problem.samples} samples")
    chosen = _cut(problem.samples, batches, batch, seed).to(point.device)
    whole = problem.evaluate_with_gradient(point[None])[1][0].double()
    rows, block = [], points_in_block(problem, point)
    for part in chosen.split(block):
        rows.append(problem.evaluate_with_gradient(point.repeat(len(part), 1), part)[1].double())
        yield Progress(sum(map(len, rows)) / batches)
    gradients = torch.cat(rows)
    norms, full_norm = torch.linalg.vector_norm(gradients, dim=1), torch.linalg.vector_norm(whole)
    units = gradients / norms[:, None]
    cosines, with_full = units @ units.T, units @ (whole / full_norm)
    mean, error = _of_pairs(cosines)
    return GradientAlignment(
        mean=mean,
        error=error,
        full=float(with_full.mean()),
        full_error=float(with_full.std() / math.sqrt(batches)),
        cosines=cosines.to(point),
        with_full=with_full.to(point),
        norms=norms.to(point),
        full_norm=float(full_norm),
        batch=batch,
        gradients=batches + 1,
    )


def _cut(samples: int, batches: int, batch: int, seed: int) -> torch.Tensor:
    """Numbers of samples (batches, batch), in each row without repetition."""
    each = samples // batch
    draws = generator(seed, "batches")
    orders = [torch.randperm(samples, generator=draws) for _ in range(-(-batches // each))]
    return torch.cat([order[: each * batch].view(each, batch) for order in orders])[:batches]


def _of_pairs(cosines: torch.Tensor) -> tuple[float, float]:
    """Mean over all pairs of a symmetric matrix (n, n), and its jackknife error."""
    count = len(cosines)
    across = cosines.sum(1) - cosines.diagonal()
    total = across.sum()
    if count < 3:
        return float(total / 2), math.inf
    without = (total - 2 * across) / ((count - 1) * (count - 2))
    spread = (without - without.mean()).square().sum() * (count - 1) / count
    return float(total / (count * (count - 1))), float(spread.sqrt())

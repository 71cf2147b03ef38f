"""Sharpness: how much the loss rises within a small distance.

Sources: Foret, Kleiner, Mobahi & Neyshabur 2021, arXiv 2010.01412 (the worst rise in a ball, and
m-sharpness: the mean of the worst rises of groups of m samples); Kwon, Kim, Park & Choi 2021, arXiv
2102.11600 (the ball measured relative to the size of each parameter, so that rescaling a layer
does not change it).
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
from lab.engine.analysis.directions import random_direction
from lab.engine.analysis.per_sample import check_samples
from lab.engine.analysis.sampling import in_blocks, points_in_block, values_at
from lab.engine.problem import Problem
from lab.engine.seeds import generator

_TINY = 1e-12  # added to a gradient's norm, so that a stationary point stays where it is


@dataclass(frozen=True)
class WorstRise:
    """The rise of the loss at the worst point nearby.

    Attributes:
        value: the rise; the mean over groups of samples, each with a worst point of its own.
        error: standard error of that mean, where not all groups were looked at; else 0.
        rises: (groups,), of each group.
        offset: (dim,), the way to the worst point, of the first group.
        groups: how many groups were looked at.
        evaluations: gradients and values of a group, together.
    """

    value: float
    error: float
    rises: torch.Tensor
    offset: torch.Tensor
    groups: int
    evaluations: int


@dataclass(frozen=True)
class MeanRise:
    """The rise of the loss in random directions.

    Attributes:
        value: the mean rise.
        error: its standard error, over pairs of opposite points.
        rises: (pairs,), of each pair.
        evaluations: values computed.
    """

    value: float
    error: float
    rises: torch.Tensor
    evaluations: int


@analysis
def worst_rise(
    problem: Problem,
    theta: Any,
    radius: float = 0.05,
    group: int = 0,
    steps: int = 1,
    adaptive: bool = False,
    eta: float = 0.0,
    groups: int = 0,
    seed: int = 0,
) -> Steps[WorstRise]:
    """SAM's sharpness: how much the loss rises at the worst point within a distance ρ.

    One step uphill, e = ρ g / |g|, as in the paper, is the maximum of the loss's linear part. With
    more steps each goes to where the gradient at the last point leads, e = ρ ∇f(x + e) / |∇f(x +
    e)|, the best point of the ball for what is linear there; the highest rise found is kept, and
    where the loss is convex it never falls. Where the distance is adaptive it is |e / T| with
    T = |x| + η_T for every parameter, and e = ρ T² g / |T g|.

    With a `group` of m, the samples are taken in groups of m in their order, each group has a
    worst point of its own for its own loss, and the result is the mean over samples: m-sharpness.

    Args:
        problem: what is evaluated.
        theta: (dim,).
        radius: ρ.
        group: m; 0 for all data together.
        steps: uphill.
        adaptive: measure the distance relative to each parameter.
        eta: η_T, only used then.
        groups: how many groups are looked at, drawn at random; 0 for all.
        seed: of the draw of groups.

    Raises:
        ValueError: a wrong argument, or groups of a problem without samples.
    """
    point, radius = as_point(problem, theta), check_positive("radius", radius)
    steps, group = check_count("steps", steps), check_count("group", group, 0)
    groups = check_count("groups", groups, 0)
    scale = point.abs() + eta if adaptive else None
    parts = _groups(problem, group)
    total = len(parts)
    if 0 < groups < total:
        order = torch.randperm(total, generator=generator(seed, "groups"))
        parts = [parts[i] for i in order[:groups].sort().values.tolist()]
    rises, sizes, offset = [], [], None
    for batches in _alike(parts, points_in_block(problem, point)):
        found, away = _climb(problem, point, batches, radius, steps, scale)
        rises.append(found)
        sizes += [1 if batches is None else batches.shape[1]] * len(found)
        offset = away[0] if offset is None else offset
        yield Progress(len(sizes) / len(parts))
    whole = torch.cat(rises)
    weights = torch.tensor(sizes, dtype=torch.float64)
    values = whole.double().cpu()
    mean = float((values * weights).sum() / weights.sum())
    error = 0.0
    if len(values) < total:
        unseen = 1 - len(values) / total
        error = float(values.std() * math.sqrt(unseen / len(values))) if len(values) > 1 else 0.0
    return WorstRise(mean, error, whole, offset, len(parts), len(parts) * (2 * steps + 1))


@analysis
def mean_rise(
    problem: Problem,
    theta: Any,
    radius: float = 0.05,
    pairs: int = 50,
    adaptive: bool = False,
    eta: float = 0.0,
    seed: int = 0,
) -> Steps[MeanRise]:
    """Average-direction sharpness: the mean of f(x + ρ z) - f(x) over z ~ N(0, I).

    Each z is used with -z, so that the slope at the point plays no part. For a quadratic it is
    ρ² tr(H) / 2 (adaptive: ρ² tr(T H T) / 2, with ρ T z in place of ρ z).

    Args:
        problem: what is evaluated, on all data.
        theta: (dim,).
        radius: ρ, the standard deviation of each parameter's displacement.
        pairs: of opposite points.
        adaptive: displace each parameter relative to its size, T = |x| + η_T.
        eta: η_T, only used then.
        seed: of the directions.

    Raises:
        ValueError: a wrong argument.
    """
    point, radius = as_point(problem, theta), check_positive("radius", radius)
    pairs = check_count("pairs", pairs, 2)
    scale = radius * (point.abs() + eta if adaptive else torch.ones_like(point))
    (here,) = values_at(problem, point[None])

    def rise(part: slice) -> torch.Tensor:
        numbers = range(part.start, part.stop)
        rows = [random_direction(problem.dim, seed, "rise", i, like=point) for i in numbers]
        away = scale * torch.stack(rows)
        there = values_at(problem, torch.cat([point + away, point - away]))
        return (there[: len(rows)] + there[len(rows) :]) / 2 - here

    found = []
    for part, values in in_blocks(rise, pairs, max(1, points_in_block(problem, point) // 2)):
        found.append(values)
        yield Progress(part.stop / pairs)
    rises = torch.cat(found)
    values = rises.double()
    error = float(values.std() / math.sqrt(pairs))
    return MeanRise(float(values.mean()), error, rises, 2 * pairs + 1)


def _groups(problem: Problem, size: int) -> list[torch.Tensor | None]:
    """The samples of each group, None for all data."""
    if not size:
        return [None]
    check_samples(problem)
    return list(torch.arange(problem.samples).split(size))


def _alike(parts: list[torch.Tensor | None], block: int) -> list[torch.Tensor | None]:
    """Groups of one size as batches (n, size), a block of them each."""
    if parts[0] is None:
        return [None]
    whole = [part for part in parts if len(part) == len(parts[0])]
    rest = [part for part in parts if len(part) != len(parts[0])]
    return [*torch.stack(whole).split(block), *(part[None] for part in rest)]


def _climb(
    problem: Problem,
    point: torch.Tensor,
    batches: torch.Tensor | None,
    radius: float,
    steps: int,
    scale: torch.Tensor | None,
) -> tuple[torch.Tensor, torch.Tensor]:
    """The rise (n,) at the worst points of n groups, and the way there (n, dim)."""
    batch = None if batches is None else batches.to(point.device)
    start = point.repeat(1 if batch is None else len(batch), 1)
    here, gradient = problem.evaluate_with_gradient(start, batch)
    best, offset = torch.full_like(here, -torch.inf), torch.zeros_like(start)
    for step in range(steps):
        measured = gradient if scale is None else scale * gradient
        length = torch.linalg.vector_norm(measured, dim=1, keepdim=True)
        away = radius * measured / (length + _TINY)
        away = away if scale is None else scale * away
        if step + 1 < steps:
            there, gradient = problem.evaluate_with_gradient(start + away, batch)
        else:
            with torch.no_grad():
                there = problem.evaluate(start + away, batch)
        rise = there - here
        better = ~(rise <= best)  # a rise that is no number is told, too
        best = torch.where(better, rise, best)
        offset = torch.where(better[:, None], away, offset)
    return best, offset

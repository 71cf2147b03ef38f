"""The roughness index: how much the wiggliness of the loss differs between random lines.

Source: Wu et al., arXiv 2103.11069. For directions d_i and nodes s_j on [-radius, radius],

    T_i = sum_j |f(s_j+1) - f(s_j)| / (max_j f - min_j f) / (2 radius),   f(s) = loss(theta + s d_i)
    index = standard deviation of the T_i (ddof 1) / mean of the T_i

The index alone misleads: it is 0 both on a symmetric bowl at its minimum and on a plain slope, and
large where some lines see the one and some the other. `mean_tv_l`, the mean of T times the radius,
tells them apart: 0.5 for a slope, 1 for a symmetric bowl, more for ripples.

Deviations from the published program: nodes are spaced evenly with both ends on the interval (there
`arange` steps one node beyond it), and biases get nothing unless bias="code" is asked for.
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from lab.engine.analysis.base import (
    Progress,
    Steps,
    analysis,
    as_point,
    check_count,
    check_positive,
)
from lab.engine.analysis.directions import given_directions, normalized, random_direction
from lab.engine.analysis.sampling import values_on_plane
from lab.engine.device import check_memory
from lab.engine.problem import Problem

CONFIDENCE = 0.95


@dataclass(frozen=True)
class Roughness:
    """The roughness index at a point, and the lines it comes from.

    Attributes:
        index: standard deviation over mean of the total variations; no unit.
        interval: a confidence interval of the index over the choice of directions.
        mean_tv_l: mean of the total variations times the radius: 0.5 slope, 1 bowl, more ripples.
        total_variation: (M,), T of every direction, per unit of s; NaN where the line is flat.
        s: (points,), the nodes.
        profiles: (M, points), the loss along every line.
        resolution: the smallest rise of a line in units of the rounding error of its largest value;
            where it is not far above 100, the index measures rounding.
        evaluations: how many values were computed.
    """

    index: float
    interval: tuple[float, float]
    mean_tv_l: float
    total_variation: torch.Tensor
    s: torch.Tensor
    profiles: torch.Tensor
    resolution: float
    evaluations: int


@analysis
def roughness_index(
    problem: Problem,
    theta: Any,
    directions: Any = 100,
    radius: float = 1.0,
    points: int = 201,
    normalize: str | None = None,
    seed: int = 0,
    bias: str = "zero",
    confidence: float = CONFIDENCE,
) -> Steps[Roughness]:
    """The roughness index at a point, on all data.

    Args:
        problem: whose loss.
        theta: (dim,).
        directions: how many random (standard normal) directions, or directions (M, dim).
        radius: lines reach from -radius to radius, in units of the directions' lengths.
        points: nodes on each line, both ends included.
        normalize: None for the directions as they are, "filter" or "layer" to give their pieces the
            lengths of theta's.
        seed: of the random directions. Before they are normalised they depend on it and on the
            number of parameters alone, so that points and problems of one size share them.
        bias: what one-dimensional tensors get under a normalisation: "zero", or "code" for a copy
            of theta's own, as in the published program.
        confidence: how often the interval is to hold the index over all directions.

    Returns:
        `.index`, `.interval`, `.mean_tv_l`, `.total_variation`, `.s`, `.profiles`.

    Raises:
        ValueError: a wrong argument.
    """
    point = as_point(problem, theta)
    radius, points = check_positive("radius", radius), check_count("points", points, 2)
    if not 0 < check_positive("confidence", confidence) < 1:
        raise ValueError(f"confidence = {confidence}: a number between 0 and 1 is needed")
    given = None
    if isinstance(directions, int | np.integer):
        count = check_count("directions", directions, 2)
    else:
        given = given_directions(problem, directions, point)
        count = check_count("the number of directions", len(given), 2)
    check_memory(
        2 * count * points * point.element_size(), point.device, f"{count} lines of {points} points"
    )
    s = torch.linspace(-radius, radius, points, dtype=torch.float64).to(point)
    profiles = point.new_empty(count, points)
    for i in range(count):
        raw = random_direction(problem.dim, seed, "roughness", i, like=point)
        line = (raw if given is None else given[i])[None]
        line = normalized(problem.layout, line, point, normalize, bias)
        for part, found in values_on_plane(problem, point, line, s[:, None]):
            profiles[i, part] = found
            yield Progress((i + part.stop / points) / count)
    total = total_variation(profiles, radius)
    return Roughness(
        index=variation_coefficient(total),
        interval=confidence_interval(total, confidence),
        mean_tv_l=float(total.cpu().double().mean()) * radius,
        total_variation=total,
        s=s,
        profiles=profiles,
        resolution=_resolution(profiles),
        evaluations=count * points,
    )


def total_variation(profiles: torch.Tensor, radius: float) -> torch.Tensor:
    """Normalised total variation per unit length of lines (M, points) on [-radius, radius]: (M,).

    NaN for a line that is flat or leaves the function's domain.
    """
    lines = profiles.cpu().double()
    rise = lines.amax(dim=1) - lines.amin(dim=1)
    return (lines.diff(dim=1).abs().sum(dim=1) / rise / (2 * radius)).to(profiles)


def variation_coefficient(sample: torch.Tensor) -> float:
    """Standard deviation (ddof 1) over mean of a sample (M,)."""
    sample = sample.cpu().double()
    return float(sample.std() / sample.mean())


def confidence_interval(
    sample: torch.Tensor, confidence: float = CONFIDENCE
) -> tuple[float, float]:
    """An interval of the variation coefficient of what a sample (M,) was drawn from.

    Jackknife standard error of its logarithm, with Student's t (Efron & Tibshirani 1993, An
    Introduction to the Bootstrap, chapter 11). No distribution is assumed. Held against exact
    populations of total variations on bowls of 2 to 100 dimensions, the 90 % interval holds the
    truth in 80 to 93 % of cases with 50 directions, and less often with fewer where rare directions
    make the difference (far out on a bowl). NaN for fewer than three numbers.
    """
    sample = sample.cpu().double()
    n = len(sample)
    whole = variation_coefficient(sample)
    if n < 3 or math.isnan(whole):
        return (math.nan, math.nan)
    mean = sample.mean()
    offsets = sample - mean
    means = mean - offsets / (n - 1)  # with one number left out
    squares = offsets.square().sum() - offsets.square() * n / (n - 1)
    without = (squares.clamp_min(0) / (n - 2)).sqrt() / means
    error = float(((n - 1) / n * (without - without.mean()).square().sum()).sqrt())
    if not error > 0:
        return (whole, whole)
    factor = math.exp(student_quantile(n - 1, confidence) * error / whole)
    return (whole / factor, whole * factor)


def student_quantile(degrees: int, confidence: float = CONFIDENCE) -> float:
    """The t with P(|T| < t) = confidence for Student's T, by bisection.

    Source: Abramowitz & Stegun 1964, 26.7.3 and 26.7.4 (whole degrees of freedom). Written out
    because loading the library that has it takes as long as starting the engine.
    """
    odd = degrees % 2

    def probability(angle: float) -> float:  # angle = atan(t / sqrt(degrees))
        term, total = (math.cos(angle) if odd else 1.0), 0.0
        for k in range(2 + odd, degrees + 1, 2):
            total += term
            term *= math.cos(angle) ** 2 * (k - 1) / k
        total *= math.sin(angle)
        return 2 / math.pi * (angle + total) if odd else total

    low, high = 0.0, math.pi / 2
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if probability(middle) < confidence else (low, middle)
    return math.sqrt(degrees) * math.tan(low)


def _resolution(profiles: torch.Tensor) -> float:
    """Smallest rise of a line over the rounding error of its largest value."""
    rise = profiles.amax(dim=1) - profiles.amin(dim=1)
    rounding = torch.finfo(profiles.dtype).eps * profiles.abs().amax(dim=1)
    return float((rise / rounding).min())

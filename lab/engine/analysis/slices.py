"""The loss along lines through a point, with the parabolas that its derivatives there promise."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch

from lab.engine.analysis.base import Progress, Steps, analysis, as_point, check_count
from lab.engine.analysis.directions import given_directions
from lab.engine.analysis.grid import Range, axis
from lab.engine.analysis.sampling import numbers_on_plane
from lab.engine.problem import Problem


@dataclass(frozen=True)
class Slices:
    """The loss along several lines through one point.

    Attributes:
        s: (points,), the distance from the point, in units of theta.
        loss: (lines, points), the value on all data.
        metrics: name -> (lines, points), what else the problem says.
        slope: (lines,), g·d, the derivative at the point along each unit direction d.
        curvature: (lines,), d·Hd, the second derivative; NaN where the problem has none.
        directions: (lines, dim), of unit length.
        evaluations: how many values were computed.
    """

    s: torch.Tensor
    loss: torch.Tensor
    metrics: Mapping[str, torch.Tensor]
    slope: torch.Tensor
    curvature: torch.Tensor
    directions: torch.Tensor
    evaluations: int


@analysis
def slices(
    problem: Problem,
    center: Any,
    directions: Any,
    span: float | Range = 1.0,
    points: int = 41,
) -> Steps[Slices]:
    """The loss along lines through a point, all in the same unit: distance in parameter space.

    Args:
        problem: whose loss.
        center: (dim,).
        directions: (lines, dim); they are brought to unit length.
        span: the lines reach from -span to span, or (low, high).
        points: on each line.

    Returns:
        `.s`, `.loss`, `.metrics`, `.slope` and `.curvature`: near the point the loss is
        loss(0) + slope·s + curvature·s²/2.

    Raises:
        ValueError: a wrong shape, or a direction that is zero or not finite.
    """
    theta = as_point(problem, center)
    rows = given_directions(problem, directions, theta)
    rows = rows / torch.linalg.vector_norm(rows, dim=1, keepdim=True)
    s = axis("span", span, check_count("points", points, 2), theta)
    lines = len(rows)
    slope = rows @ problem.evaluate_with_gradient(theta[None])[1][0]
    curvature = torch.full_like(slope, torch.nan)
    if not problem.hessian_trouble:
        product = problem.products(theta[None])
        for place, row in enumerate(rows):
            curvature[place] = product(row[None])[0] @ row
        del product
    loss = s.new_full((lines, len(s)), torch.nan)
    metrics: dict[str, torch.Tensor] = {}
    for place, row in enumerate(rows):
        for part, (found, more) in numbers_on_plane(problem, theta, row[None], s[:, None]):
            loss[place, part] = found
            for name, numbers in more.items():
                metrics.setdefault(name, torch.full_like(loss, torch.nan))[place, part] = numbers
            yield Progress((place + part.stop / len(s)) / lines)
    return Slices(s, loss, metrics, slope, curvature, rows, loss.numel())

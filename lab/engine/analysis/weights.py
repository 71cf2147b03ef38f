"""Norms of the weights, how far they are from where they began, and how long a step is beside them.

The length of a step over the length of the weights it changes is watched for each layer: about 1e-3
is what many trainings have where they go well.
"""

import math
from dataclasses import dataclass
from typing import Any

import torch

from lab.engine.analysis.base import Progress, Steps, analysis, as_point
from lab.engine.problem import Problem


@dataclass(frozen=True)
class WeightNorms:
    """Lengths of the tensors of a layout, and of the whole vector.

    Attributes:
        names: of the n tensors.
        norms: (n,), Euclidean.
        distances: (n,), from the start; NaN without one.
        ratios: (n,), length of the step over that of the tensor; NaN without a step, and infinite
            for a tensor of zeros that is moved.
        norm: of the whole vector.
        distance: of the whole from the start.
        ratio: of the whole.
    """

    names: tuple[str, ...]
    norms: torch.Tensor
    distances: torch.Tensor
    ratios: torch.Tensor
    norm: float
    distance: float
    ratio: float


@analysis
def weight_norms(
    problem: Problem, theta: Any, start: Any = None, step: Any = None
) -> Steps[WeightNorms]:
    """The lengths of weights, of their way from the start, and of a step, layer by layer.

    Args:
        problem: whose layout names the layers.
        theta: (dim,).
        start: (dim,), where training began.
        step: (dim,), what is about to be added to theta.

    Raises:
        ValueError: another number of parameters.
    """
    point = as_point(problem, theta)
    away = None if start is None else point - as_point(problem, start).to(point)
    move = None if step is None else as_point(problem, step).to(point)
    norms, distances, moves = (_lengths(problem, row, point) for row in (point, away, move))
    yield Progress(1.0)
    ratios = torch.where(moves == 0, torch.zeros_like(moves), moves / norms)
    return WeightNorms(
        names=tuple(problem.layout.names),
        norms=norms[:-1].to(point),
        distances=distances[:-1].to(point),
        ratios=ratios[:-1].to(point),
        norm=float(norms[-1]),
        distance=float(distances[-1]),
        ratio=float(ratios[-1]),
    )


def _lengths(problem: Problem, row: torch.Tensor | None, like: torch.Tensor) -> torch.Tensor:
    """Lengths (n + 1,) of the parts of a vector and of the whole; NaN for none."""
    if row is None:
        count = len(problem.layout.names) + 1
        return torch.full((count,), math.nan, dtype=torch.float64, device=like.device)
    parts = [part.double() for part in (*problem.layout.split(row).values(), row)]
    return torch.stack([torch.linalg.vector_norm(part) for part in parts])

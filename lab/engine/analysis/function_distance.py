"""How far apart two networks are as functions, whatever their parameters.

The distance of Benjamin, Rolnick & Kording 2019, "Measuring and regularizing networks in function
space", arXiv 1805.08289: the root of the mean over samples of |f_a(x) - f_b(x)|². For classes also
the Kullback-Leibler divergence between their predictions, the mean over samples of
sum_c p_a log(p_a / p_b), and how often they choose another class.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch

from lab.engine.analysis.base import Progress, Steps, analysis, as_point
from lab.engine.analysis.per_sample import some_samples
from lab.engine.problem import Problem


@dataclass(frozen=True)
class FunctionDistance:
    """Distances between two networks, means over samples.

    Attributes:
        rms: root mean square of the length of the difference of their outputs.
        rms_error: its standard error, the samples being a draw from a population.
        divergence: of b's predictions from a's, in nats; NaN where outputs score no classes.
        divergence_error: of it.
        reverse: of a's predictions from b's.
        disagreement: part of the samples for which they choose another class; NaN likewise.
        per_sample: (N,), the length of the difference for each sample.
        samples: how many.
        evaluations: of the networks on them.
    """

    rms: float
    rms_error: float
    divergence: float
    divergence_error: float
    reverse: float
    disagreement: float
    per_sample: torch.Tensor
    samples: int
    evaluations: int


@analysis
def function_distance(
    problem: Problem, a: Any, b: Any, samples: int = 0, seed: int = 0
) -> Steps[FunctionDistance]:
    """The distance between two points of a problem as functions of its inputs.

    Args:
        problem: a network with data.
        a: (dim,).
        b: (dim,).
        samples: how many inputs are looked at, drawn at random; 0 for all.
        seed: of the choice.

    Raises:
        ValueError: a problem that is no network.
    """
    if not problem.kernel_outputs:
        raise ValueError(f"{problem.title} is no network, and functions are compared by outputs")
    one, two = as_point(problem, a), as_point(problem, b)
    two = two.to(one)
    chosen = some_samples(problem, samples, seed, one)[None] if samples else None
    with torch.no_grad():
        left = problem.functions(one[None], chosen)[0].double()
    yield Progress(0.5)
    with torch.no_grad():
        right = problem.functions(two[None], chosen)[0].double()
    square = (left - right).square().flatten(1).sum(1)  # (N,)
    rms = float(square.mean().sqrt())
    divergence = reverse = disagreement = error = math.nan
    if problem.classes and problem.criterion.targets == "class":
        p, q = left.log_softmax(-1), right.log_softmax(-1)
        each = (p.exp() * (p - q)).sum(-1)
        divergence, error = float(each.mean()), _error(each)
        reverse = float((q.exp() * (q - p)).sum(-1).mean())
    if problem.classes:
        disagreement = float((left.argmax(-1) != right.argmax(-1)).double().mean())
    return FunctionDistance(
        rms=rms,
        rms_error=_error(square) / (2 * rms) if rms else 0.0,
        divergence=divergence,
        divergence_error=error,
        reverse=reverse,
        disagreement=disagreement,
        per_sample=square.sqrt().to(one),
        samples=len(square),
        evaluations=2,
    )


def pairs(count: int) -> Iterator[tuple[int, int]]:
    """All pairs i < j."""
    return ((i, j) for i in range(count) for j in range(i + 1, count))


def _error(each: torch.Tensor) -> float:
    """Standard error of the mean of numbers (N,)."""
    return float(each.std() / math.sqrt(len(each))) if len(each) > 1 else math.inf

"""Paths between two points of parameter space, and the barrier of the loss along them.

Two conventions are in use for a barrier, and differ where the ends' losses do: above the mean of
the two ends (Frankle et al. 2020; Ainsworth et al. 2022), and above the chord between them
(Entezari et al. 2022). Both are given.
"""

from collections.abc import Mapping
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
from lab.engine.analysis.sampling import in_blocks, points_in_block, values_and_metrics_at
from lab.engine.problem import Problem
from lab.engine.seeds import generator


@dataclass(frozen=True)
class Path:
    """The loss along a path from a to b.

    Attributes:
        t: (points,), from 0 at a to 1 at b.
        loss: (points,), on all data.
        metrics: what else the problem knows, such as accuracy, (points,) each.
        barrier: the highest loss above the mean of the two ends.
        barrier_chord: the highest loss above the straight line between the ends' losses.
        bends: (n, dim), the path's control points: its ends, and between them those of a curve.
        length: length of the path in parameter space, along the points.
        evaluations: how many values and gradients were computed.
    """

    t: torch.Tensor
    loss: torch.Tensor
    metrics: Mapping[str, torch.Tensor]
    barrier: float
    barrier_chord: float
    bends: torch.Tensor
    length: float
    evaluations: int


@analysis
def linear_path(problem: Problem, a: Any, b: Any, points: int = 25) -> Steps[Path]:
    """The loss along the straight line between two points.

    Args:
        problem: whose loss.
        a: (dim,), where t = 0.
        b: (dim,), where t = 1.
        points: how many, both ends included.

    Returns:
        `.t`, `.loss`, `.metrics`, `.barrier`, `.barrier_chord`.

    Raises:
        ValueError: points of another length.
    """
    bends = _ends(problem, a, b)
    return (yield from _along(problem, bends, check_count("points", points, 2)))


@analysis
def bezier_path(
    problem: Problem,
    a: Any,
    b: Any,
    steps: int = 1000,
    points: int = 61,
    lr: float = 0.01,
    bends: int = 3,
    seed: int = 0,
) -> Steps[Path]:
    """A curve of low loss between two points: a Bezier curve whose inner bends are trained.

    Source: Garipov et al. 2018, "Loss surfaces, mode connectivity and fast ensembling of DNNs",
    section 3: minimise the mean of loss(curve(t)) over t uniform in [0, 1], with one t a step; the
    inner bends start on the chord. Trained here by Adam, whose step size falls to zero along half a
    cosine, on the problem's own mini-batches if it has any.

    Args:
        problem: whose loss.
        a: (dim,), where t = 0.
        b: (dim,), where t = 1.
        steps: of training.
        points: at which the trained curve is evaluated.
        lr: Adam's step size at the start.
        bends: control points, both ends included.
        seed: of the t's and mini-batches.

    Returns:
        The same as `linear_path`; `.bends` are the control points.

    Raises:
        ValueError: a wrong argument.
    """
    ends = _ends(problem, a, b)
    steps, points = check_count("steps", steps), check_count("points", points, 2)
    count, lr = check_count("bends", bends, 3), check_positive("lr", lr)
    share = torch.linspace(0, 1, count, dtype=torch.float64).to(ends)[:, None]
    control = (1 - share) * ends[0] + share * ends[1]
    batches = problem.batches(seed, (0,))
    draws = torch.rand(steps, generator=generator(seed, "bezier"), dtype=torch.float64)
    rates = lr * 0.5 * (1 + torch.cos(torch.pi * torch.arange(steps) / steps))
    adam = _Adam(control[1:-1])
    work = steps + points
    for step in range(steps):
        weights = _bernstein(draws[step : step + 1], count).to(ends)[0]
        batch = None if batches is None else batches.at(step)
        gradient = problem.evaluate_with_gradient((weights @ control)[None], batch)[1]
        control[1:-1] = adam.step(control[1:-1], weights[1:-1, None] * gradient, float(rates[step]))
        yield Progress((step + 1) / work)
    return (yield from _along(problem, control, points, done=steps))


def _ends(problem: Problem, a: Any, b: Any) -> torch.Tensor:
    """The two end points (2, dim)."""
    first, second = as_point(problem, a), as_point(problem, b)
    return torch.stack([first, second.to(first)])


def _along(problem: Problem, bends: torch.Tensor, points: int, done: int = 0) -> Steps[Path]:
    """Evaluate a Bezier curve; of two bends it is the straight line."""
    even = torch.linspace(0, 1, points, dtype=torch.float64)
    t, weights = even.to(bends), _bernstein(even, len(bends)).to(bends)
    loss = torch.empty_like(t)
    metrics: dict[str, torch.Tensor] = {}
    length, before = 0.0, bends[:1]
    block = max(1, points_in_block(problem, bends) // 4)  # value and metrics, without short cuts

    def work(part: slice) -> tuple[torch.Tensor, Mapping[str, torch.Tensor]]:
        return values_and_metrics_at(problem, weights[part] @ bends)

    for part, (values, found) in in_blocks(work, points, block):
        loss[part] = values
        for name, metric in found.items():
            metrics.setdefault(name, torch.empty_like(t))[part] = metric
        theta = weights[part] @ bends
        joined = torch.cat([before, theta])
        length += float(torch.linalg.vector_norm(joined.diff(dim=0), dim=1).sum())
        before = theta[-1:]
        yield Progress((done + part.stop) / (done + points))
    mean = (loss[0] + loss[-1]) / 2
    chord = (1 - t) * loss[0] + t * loss[-1]
    return Path(
        t=t,
        loss=loss,
        metrics=metrics,
        barrier=float(loss.max() - mean),
        barrier_chord=float((loss - chord).max()),
        bends=bends,
        length=length,
        evaluations=done + points,
    )


def _bernstein(t: torch.Tensor, count: int) -> torch.Tensor:
    """Weights (n, count) of the control points of a Bezier curve at t (n,)."""
    order = count - 1
    k = torch.arange(count, dtype=t.dtype, device=t.device)
    choose = torch.lgamma(torch.tensor(order + 1.0)) - torch.lgamma(k + 1)
    choose = (choose - torch.lgamma(order - k + 1)).exp().round()
    return choose * t[:, None] ** k * (1 - t[:, None]) ** (order - k)


class _Adam:
    """Kingma & Ba 2015, algorithm 1, with its default averages."""

    def __init__(self, theta: torch.Tensor):
        self._mean, self._square = torch.zeros_like(theta), torch.zeros_like(theta)
        self._count = 0

    def step(self, theta: torch.Tensor, gradient: torch.Tensor, lr: float) -> torch.Tensor:
        self._count += 1
        self._mean = 0.9 * self._mean + 0.1 * gradient
        self._square = 0.999 * self._square + 0.001 * gradient**2
        mean = self._mean / (1 - 0.9**self._count)
        square = self._square / (1 - 0.999**self._count)
        return theta - lr * mean / (square.sqrt() + 1e-8)

"""Paths of low loss between two points: curves whose inner control points are trained.

Source: Garipov et al. 2018, "Loss surfaces, mode connectivity and fast ensembling of DNNs",
section 3: minimise the mean of loss(path(t)) over t uniform in [0, 1], with one t for each batch;
the inner bends start on the chord. Trained here by Adam, whose step size falls to zero along half a
cosine.
"""

from typing import Any

import torch

from lab.engine.analysis.base import Progress, Steps, analysis, check_count, check_positive
from lab.engine.analysis.connectivity import Path, Weights, along, path_ends
from lab.engine.analysis.parts import part_of
from lab.engine.knobs import check_name
from lab.engine.problem import Batch, Problem
from lab.engine.seeds import generator

SHAPES = ("bezier", "polygon")
_LOOKS = 10  # times that the path so far is shown while it is trained
_LOOK_POINTS = 13  # at which it is evaluated for that


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
    batch_size: int = 0,
    shape: str = "bezier",
) -> Steps[Path]:
    """A curve of low loss between two points: a Bezier curve whose inner bends are trained.

    Progress tells the path so far, as a `Path` of few points, from time to time.

    Args:
        problem: whose loss.
        a: (dim,), where t = 0.
        b: (dim,), where t = 1.
        steps: of training.
        points: at which the trained curve is evaluated.
        lr: Adam's step size at the start.
        bends: control points, both ends included.
        seed: of the t's and mini-batches.
        batch_size: samples, drawn anew with one t for every step; 0 for the problem's own
            mini-batches, or all data where it has none.
        shape: "bezier", or "polygon" for straight lines from bend to bend.

    Returns:
        The same as `linear_path`; `.bends` are the control points.

    Raises:
        ValueError: a wrong argument.
    """
    ends = path_ends(problem, a, b)
    steps, points = check_count("steps", steps), check_count("points", points, 2)
    count, lr = check_count("bends", bends, 3), check_positive("lr", lr)
    weights = _shape(check_name(shape, SHAPES, "shape"), count)
    batches = _Batches(problem, check_count("batch_size", batch_size, 0), seed)
    share = torch.linspace(0, 1, count, dtype=torch.float64).to(ends)[:, None]
    control = (1 - share) * ends[0] + share * ends[1]
    draws = torch.rand(steps, generator=generator(seed, "bezier"), dtype=torch.float64)
    rates = lr * 0.5 * (1 + torch.cos(torch.pi * torch.arange(steps) / steps))
    adam, every = _Adam(control[1:-1]), max(_LOOK_POINTS, -(-steps // _LOOKS))
    spent = 0
    for step in range(steps):
        row = weights(draws[step : step + 1]).to(ends)[0]
        gradient = problem.evaluate_with_gradient((row @ control)[None], batches.at(step))[1]
        control[1:-1] = adam.step(control[1:-1], row[1:-1, None] * gradient, float(rates[step]))
        done = 0.95 * (step + 1) / steps
        partial = None
        if (step + 1) % every == 0 and step + 1 < steps:
            partial = yield from part_of(
                along(problem, control.clone(), weights, _LOOK_POINTS, step + 1 + spent), done, 0.0
            )
            spent += _LOOK_POINTS
        yield Progress(done, partial)
    path = along(problem, control, weights, points, steps + spent)
    return (yield from _last(path, steps + spent, points))


def _last(path: Steps[Path], before: int, points: int) -> Steps[Path]:
    """The evaluation of the trained path, as the last twentieth of the work."""
    while True:
        try:
            report = next(path)
        except StopIteration as stop:
            return stop.value
        share = (report.done * (before + points) - before) / points
        yield Progress(0.95 + 0.05 * share)


class _Batches:
    """What is seen at each step."""

    def __init__(self, problem: Problem, size: int, seed: int):
        """Take batches of a size, or the problem's own.

        Raises:
            ValueError: a batch size for a problem without samples.
        """
        if size and not problem.samples:
            raise ValueError(f"batch_size = {size}: {problem.title} has no samples")
        self._own = None if size else problem.batches(seed, (0,))
        self._size = size if size < problem.samples else 0
        self._samples, self._draws = problem.samples, generator(seed, "bezier", "batches")

    def at(self, step: int) -> Batch | None:
        """Indices (1, samples), with repetitions where they are drawn; None for all data."""
        if self._size:
            return torch.randint(self._samples, (1, self._size), generator=self._draws)
        return None if self._own is None else self._own.at(step)


def _shape(name: str, count: int) -> Weights:
    """How much of each of `count` control points there is at t."""
    of = bernstein if name == "bezier" else polygon
    return lambda t: of(t, count)


def bernstein(t: torch.Tensor, count: int) -> torch.Tensor:
    """Weights (n, count) of the control points of a Bezier curve at t (n,)."""
    order = count - 1
    k = torch.arange(count, dtype=t.dtype, device=t.device)
    choose = torch.lgamma(torch.tensor(order + 1.0)) - torch.lgamma(k + 1)
    choose = (choose - torch.lgamma(order - k + 1)).exp().round()
    return choose * t[:, None] ** k * (1 - t[:, None]) ** (order - k)


def polygon(t: torch.Tensor, count: int) -> torch.Tensor:
    """Weights (n, count) of the corners of a chain of straight lines at t (n,)."""
    corners = torch.arange(count, dtype=t.dtype, device=t.device)
    return (1 - (t[:, None] * (count - 1) - corners).abs()).clamp_min(0)


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

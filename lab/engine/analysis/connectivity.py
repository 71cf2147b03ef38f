"""Paths between two points of parameter space, and the barrier of the loss along them.

Two conventions are in use for a barrier, and differ where the ends' losses do: above the mean of
the two ends (Frankle et al. 2020; Ainsworth et al. 2022), and above the chord between them
(Entezari et al. 2022). Both are given.

Batch normalisation takes its statistics from the data that are evaluated, so they are estimated
anew at every point of a path; only a user's module in evaluation mode keeps the ones it has stored,
and the problem's `data_text` says so.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch

from lab.engine.analysis.base import Progress, Steps, analysis, as_point, check_count
from lab.engine.analysis.repair import Repair
from lab.engine.analysis.sampling import in_blocks, points_in_block, values_and_metrics_at
from lab.engine.problem import Problem

Weights = Callable[[torch.Tensor], torch.Tensor]  # t (n,) -> weights (n, bends) of control points


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
def linear_path(
    problem: Problem, a: Any, b: Any, points: int = 25, repair: bool = False
) -> Steps[Path]:
    """The loss along the straight line between two points.

    Args:
        problem: whose loss.
        a: (dim,), where t = 0.
        b: (dim,), where t = 1.
        points: how many, both ends included.
        repair: whether the statistics of hidden units are corrected at every point between the
            ends, see `repair.Repair`; the length stays that of the straight line.

    Returns:
        `.t`, `.loss`, `.metrics`, `.barrier`, `.barrier_chord`.

    Raises:
        ValueError: points of another length, or a network that cannot be repaired.
    """
    ends = path_ends(problem, a, b)
    count = check_count("points", points, 2)
    mend = Repair(problem, ends[0], ends[1]) if repair else None
    return (yield from along(problem, ends, straight, count, mend=mend))


def straight(t: torch.Tensor) -> torch.Tensor:
    """Weights (n, 2) of the two ends of a straight line at t (n,)."""
    return torch.stack([1 - t, t], dim=1)


def path_ends(problem: Problem, a: Any, b: Any) -> torch.Tensor:
    """The two end points (2, dim).

    Raises:
        ValueError: points of another length.
    """
    first, second = as_point(problem, a), as_point(problem, b)
    return torch.stack([first, second.to(first)])


def along(
    problem: Problem,
    bends: torch.Tensor,
    weights: Weights,
    points: int,
    done: int = 0,
    mend: Repair | None = None,
) -> Steps[Path]:
    """Evaluate a path on all data.

    Args:
        problem: whose loss.
        bends: (n, dim), its control points.
        weights: how much of each control point there is at t.
        points: how many, evenly in t, both ends included.
        done: evaluations that were made before.
        mend: corrects the statistics of hidden units at each point.
    """
    even = torch.linspace(0, 1, points, dtype=torch.float64)
    t, shares = even.to(bends), weights(even).to(bends)
    loss = torch.empty_like(t)
    metrics: dict[str, torch.Tensor] = {}
    length, before = 0.0, bends[:1]
    passes = 1 if mend is None else 1 + mend.passes
    block = max(
        1, points_in_block(problem, bends) // (4 * passes)
    )  # value and metrics: no short cut

    def work(part: slice) -> tuple[torch.Tensor, Mapping[str, torch.Tensor]]:
        theta = shares[part] @ bends
        return values_and_metrics_at(problem, theta if mend is None else mend(theta, t[part]))

    for part, (values, found) in in_blocks(work, points, block):
        loss[part] = values
        for name, metric in found.items():
            metrics.setdefault(name, torch.empty_like(t))[part] = metric
        theta = shares[part] @ bends
        joined = torch.cat([before, theta])
        length += float(torch.linalg.vector_norm(joined.diff(dim=0), dim=1).sum())
        before = theta[-1:]
        yield Progress((done + part.stop) / (done + points))
    barrier, chord = barriers(t, loss)
    return Path(
        t=t,
        loss=loss,
        metrics=metrics,
        barrier=barrier,
        barrier_chord=chord,
        bends=bends,
        length=length,
        evaluations=done + points,
    )


def barriers(t: torch.Tensor, loss: torch.Tensor) -> tuple[float, float]:
    """The barrier of losses (n,) at t (n,) above the mean of the ends, and above their chord."""
    mean = (loss[0] + loss[-1]) / 2
    chord = (1 - t) * loss[0] + t * loss[-1]
    return float(loss.max() - mean), float((loss - chord).max())


def angle_between(problem: Problem, base: Any, a: Any, b: Any) -> float:
    """The angle at a point between the ways to two others, in degrees.

    Source: as in studies of "Landscaping linear mode connectivity" (arXiv 2406.16300): with the
    common start, or the point where two runs part, as the base. NaN where one of them is the base.

    Args:
        problem: whose parameters.
        base: (dim,).
        a: (dim,).
        b: (dim,).

    Raises:
        ValueError: points of another length.
    """
    origin = as_point(problem, base).cpu().double()
    one, two = (as_point(problem, x).cpu().double() - origin for x in (a, b))
    one, two = (x / torch.linalg.vector_norm(x) for x in (one, two))
    # exact for small and for large angles, where acos of the cosine is not (Kahan 2006)
    near, far = torch.linalg.vector_norm(one - two), torch.linalg.vector_norm(one + two)
    return float(torch.rad2deg(2 * torch.atan2(near, far)))

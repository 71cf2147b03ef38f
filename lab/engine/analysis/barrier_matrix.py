"""The barriers between all pairs of several networks."""

import itertools
from dataclasses import dataclass
from typing import Any

import torch

from lab.engine.analysis.base import Progress, Steps, analysis, check_count
from lab.engine.analysis.connectivity import barriers
from lab.engine.analysis.matching import METHODS, match_permutation
from lab.engine.analysis.parts import part_of
from lab.engine.analysis.sampling import in_blocks, points_in_block, values_and_metrics_at
from lab.engine.knobs import check_name
from lab.engine.problem import Problem
from lab.engine.userarrays import as_runs

MATCHINGS = ("none", *METHODS)
FALLING = ("accuracy",)  # metrics that a barrier lowers


@dataclass(frozen=True)
class BarrierMatrix:
    """Barriers of the straight lines between all pairs of points, symmetric, 0 on the diagonal.

    Attributes:
        barrier: (n, n), the highest loss above the mean of the two ends; NaN where not measured.
        barrier_chord: (n, n), the highest loss above the straight line between the ends' losses.
        distance: (n, n), length of the line.
        metric: name of the problem's first metric, empty for none.
        metric_barrier: (n, n), how much worse the metric gets than the mean of the ends.
        loss: (n,), of the points themselves.
        matched: how units were matched, "none" for as they are.
        evaluations: how many values were computed.
    """

    barrier: torch.Tensor
    barrier_chord: torch.Tensor
    distance: torch.Tensor
    metric: str
    metric_barrier: torch.Tensor
    loss: torch.Tensor
    matched: str
    evaluations: int


@analysis
def barrier_matrix(
    problem: Problem, points_of_runs: Any, points: int = 11, matched: str = "none", seed: int = 0
) -> Steps[BarrierMatrix]:
    """The barrier between every two of several points.

    Args:
        problem: whose loss and first metric, on all data.
        points_of_runs: (n, dim), at least two.
        points: of each line, both ends included.
        matched: "none", or how the hidden units of the later of two points are first permuted
            towards the earlier one: see `match_permutation`.
        seed: of the matching.

    Returns:
        `.barrier`, `.barrier_chord`, `.metric_barrier`, `.distance`; progress tells what is known.

    Raises:
        ValueError: fewer than two points, or units that cannot be matched.
    """
    rows = as_runs(points_of_runs, problem.dim)[0].detach()
    count, points = len(rows), check_count("points", points, 3)
    check_name(matched, MATCHINGS, "matched")
    if count < 2:
        raise ValueError("a matrix of barriers needs at least 2 points, 1 was given")
    t = torch.linspace(0, 1, points, dtype=torch.float64).to(rows)
    work = _Counted(problem)
    ends, metrics = yield from work.at(rows, 0.0, 0.05)
    names = list(metrics)[:1]
    worse = [-1.0 if name in FALLING else 1.0 for name in names]
    tables = rows.new_full((3 + len(names), count, count), float("nan"))
    tables[:, range(count), range(count)] = 0.0
    pairs = list(itertools.combinations(range(count), 2))
    for number, (i, j) in enumerate(pairs):
        start, share = 0.05 + 0.95 * number / len(pairs), 0.95 / len(pairs)
        other = rows[j]
        if matched != "none":
            other = yield from part_of(
                match_permutation.steps(problem, rows[i], other, matched, seed), start, share / 2
            )
        line = torch.lerp(rows[i], other, t[1:-1, None])
        inner, found = yield from work.at(line, start + share / 2, 0.45 * share)
        loss = torch.cat([ends[i : i + 1], inner, ends[j : j + 1]])
        values = [*barriers(t, loss), float(torch.linalg.vector_norm(other - rows[i]))]
        for name, sign in zip(names, worse, strict=True):
            metric = torch.cat([metrics[name][i : i + 1], found[name], metrics[name][j : j + 1]])
            values.append(barriers(t, sign * metric)[0])
        filled = torch.tensor(values, dtype=torch.float64).to(rows)
        tables[:, i, j] = tables[:, j, i] = filled
        known = _matrix(tables.clone(), names, ends, matched, work.evaluations)
        yield Progress(start + share, known)
    return _matrix(tables, names, ends, matched, work.evaluations)


def _matrix(
    tables: torch.Tensor, names: list[str], loss: torch.Tensor, matched: str, evaluations: int
) -> BarrierMatrix:
    return BarrierMatrix(
        barrier=tables[0],
        barrier_chord=tables[1],
        distance=tables[2],
        metric=names[0] if names else "",
        metric_barrier=tables[3] if names else torch.full_like(tables[0], float("nan")),
        loss=loss,
        matched=matched,
        evaluations=evaluations,
    )


class _Counted:
    """Values and metrics at points; it counts them."""

    def __init__(self, problem: Problem):
        self.evaluations = 0
        self._problem = problem

    def at(self, theta: torch.Tensor, done: float, share: float) -> Steps[tuple]:
        """Values (n,) and metrics, (n,) each, at points (n, dim)."""
        problem = self._problem
        block = max(1, points_in_block(problem, theta) // 4)
        values, metrics = [], []
        work = in_blocks(
            lambda part: values_and_metrics_at(problem, theta[part]), len(theta), block
        )
        for part, (value, found) in work:
            values.append(value)
            metrics.append(found)
            yield Progress(done + share * part.stop / len(theta))
        self.evaluations += len(theta)
        joined = {name: torch.cat([item[name] for item in metrics]) for name in metrics[0]}
        return torch.cat(values), joined

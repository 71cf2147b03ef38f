"""Critical points of a loss, and how their index goes with their loss.

Pascanu, Dauphin, Ganguli & Bengio 2014 (arXiv 1405.4604) and Dauphin et al. 2014 (arXiv 1406.2572):
in many dimensions critical points of high loss are saddles, the more directions lead down from them
the higher they lie. They are looked for from many starts, on and around the path of a training run.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import torch

from lab.engine.analysis.base import Progress, Steps, analysis, check_count, check_positive
from lab.engine.analysis.curvature import check_smooth, hessian
from lab.engine.analysis.sampling import values_at
from lab.engine.analysis.stationary import Seekers, seek
from lab.engine.device import check_memory
from lab.engine.problem import Problem
from lab.engine.userarrays import as_runs

MOST_DIM = 2000  # parameters: every step takes a whole Hessian and its eigenvectors
_BLOCK_NUMBERS = 1 << 22  # of the Hessians that are held side by side
_BLOCK_WORK = 200_000_000  # of their eigenvectors, which are found in one slice
_SMALL_WORK = 1_000_000  # multiplications of a Hessian up to which many are made at once
_LOOK = 5  # steps between two partial results
_SAME_LOSS = 1e-6  # of the largest loss found: two families of points within it count as one


@dataclass(frozen=True)
class CriticalPoints:
    """Critical points, each once, by rising loss.

    A point whose Hessian has eigenvalues of zero is one of a whole family (as by the symmetries of
    a network): points of one loss, one index and one number of zeros are entered as one.

    Attributes:
        theta: (n, dim), where they are; of a family the point with the shortest gradient.
        loss: (n,)
        gradient_norm: (n,), what is left of the gradient.
        index: (n,), how many eigenvalues are negative: below -zero · curvature.
        zeros: (n,), how many count as zero: within ± zero · curvature.
        alpha: (n,), index over dim.
        reached: (n,), how many starts came there.
        start: (n,), the first of them.
        curvature: the larger of the point's own largest eigenvalue in modulus and the median of
            those at the starts, (n,).
        tried: how many starts were made.
        lost: how many of them came to no critical point.
        gradients: gradients computed.
        hessians: Hessians computed.
    """

    theta: torch.Tensor
    loss: torch.Tensor
    gradient_norm: torch.Tensor
    index: torch.Tensor
    zeros: torch.Tensor
    alpha: torch.Tensor
    reached: torch.Tensor
    start: torch.Tensor
    curvature: torch.Tensor
    tried: int
    lost: int
    gradients: int
    hessians: int


@analysis
def find_critical_points(
    problem: Problem,
    starts: Any,
    iterations: int = 100,
    tol: float = 1e-8,
    zero: float = 1e-5,
    same: float = 1e-5,
) -> Steps[CriticalPoints]:
    """Critical points of any index near some starts, by damped Newton steps on the gradient.

    How the search goes is said in `stationary`; it is made in double precision. Every step of a
    start takes a whole Hessian. Partial results are the points found so far.

    Args:
        problem: whose loss, on all data.
        starts: (starts, dim) or (dim,).
        iterations: steps of each start, at most.
        tol: gradient length below which a point counts as critical.
        zero: an eigenvalue counts as zero within this part of the curvature at the point, or of
            what is usual at the starts where that is more.
        same: two points without zeros are one within this part of the length of theta plus 1.

    Returns:
        `.theta`, `.loss`, `.index`, `.alpha`, `.gradient_norm` and so on.

    Raises:
        ValueError: a wrong argument, a problem without second derivatives, or of more than 2,000
            parameters.

    Example:
        >>> from lab.engine.problems import problem
        >>> find_critical_points(problem("saddle"), [[0.5, 0.3]]).index
        array([1])
    """
    given, _ = as_runs(starts, problem.dim)
    check_smooth(problem)
    dim, count = problem.dim, len(given)
    if dim > MOST_DIM:
        raise ValueError(
            f"critical points are looked for with the whole Hessian: at most {MOST_DIM:,} "
            f"parameters, this problem has {dim:,}"
        )
    check_count("starts", count)
    check_count("iterations", iterations)
    limits = (check_positive(n, v) for n, v in (("tol", tol), ("zero", zero), ("same", same)))
    begin = given.detach().double()
    block = max(1, min(count, _BLOCK_NUMBERS // dim**2, _BLOCK_WORK // dim**3))
    check_memory(6 * 8 * block * dim**2, begin.device, f"{block} Hessians of {dim} x {dim}")
    catch = _Catch(problem, begin, *limits)
    for first in range(0, count, block):
        part = slice(first, min(first + block, count))
        steps = seek(*derivatives(problem), begin[part], iterations, tol)
        share, look = (part.stop - part.start) / count, 0
        while True:
            try:
                report = next(steps)
            except StopIteration as stop:
                catch.keep(stop.value, part)
                break
            shown = None
            if report.partial is not None:
                shown = catch.with_more(report.partial, part) if look % _LOOK == 0 else None
                look += 1
            yield Progress(first / count + share * report.done, shown and _like(shown, given))
    return _like(catch.result(), given)


def derivatives(problem: Problem) -> tuple[Callable, Callable]:
    """The gradient (n, dim) and, in slices, the Hessian (n, dim, dim) at points (n, dim)."""
    work = problem.dim**2 * max(1, problem.samples)  # of one Hessian, roughly

    def gradient(points: torch.Tensor) -> torch.Tensor:
        return problem.evaluate_with_gradient(points)[1].detach()

    def hessians(points: torch.Tensor) -> Steps[torch.Tensor]:
        if work <= _SMALL_WORK:
            return problem.hessian(points).detach()
        found = []
        for point in points:
            found.append((yield from hessian.steps(problem, point)))
        return torch.stack(found) if found else points.new_empty(0, problem.dim, problem.dim)

    return gradient, hessians


def index_of(curves: torch.Tensor, level: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """How many eigenvalues (n, d) are below -level (n,), and how many within ± level: (n,) each."""
    negative = (curves < -level[:, None]).sum(dim=1)
    return negative, (curves.abs() <= level[:, None]).sum(dim=1)


class _Catch:
    """What the search has found."""

    def __init__(self, problem: Problem, begin: torch.Tensor, tol: float, zero: float, same: float):
        self._problem, self._dim, self._tried = problem, problem.dim, len(begin)
        self._tol, self._zero, self._same = tol, zero, same
        self._parts: list[tuple[Seekers, slice]] = []

    def keep(self, found: Seekers, part: slice) -> None:
        """Enter a block that is done."""
        self._parts.append((found, part))

    def with_more(self, now: Seekers, part: slice) -> CriticalPoints:
        """What is known while a block is under way."""
        return self.result([(now, part)])

    def result(self, more: list[tuple[Seekers, slice]] | None = None) -> CriticalPoints:
        """All points found so far, each once."""
        parts = self._parts + (more or [])
        at = torch.cat([found.at for found, _ in parts])
        left = torch.cat([found.left for found, _ in parts])
        curves = torch.cat([found.curves for found, _ in parts])
        number = torch.cat([torch.arange(p.start, p.stop, device=at.device) for _, p in parts])
        largest = curves.abs().amax(dim=1)
        arrived = (left <= self._tol) & curves.isfinite().all(dim=1) & at.isfinite().all(dim=1)
        usual = torch.cat([found.usual for found, _ in parts])
        usual = usual[usual.isfinite()]
        at, left, curves, number = at[arrived], left[arrived], curves[arrived], number[arrived]
        curvature = largest[arrived].clamp_min(float(usual.median()) if len(usual) else 0.0)
        loss = values_at(self._problem, at) if len(at) else left
        index, zeros = index_of(curves, self._zero * curvature)
        group = self._groups(at, loss, index, zeros)
        rows, reached, first = [], [], []
        for n in range(int(group.max()) + 1 if len(group) else 0):
            members = (group == n).nonzero()[:, 0]
            rows.append(members[left[members].argmin()])
            reached.append(len(members))
            first.append(int(number[members].min()))
        chosen = torch.stack(rows) if rows else number[:0]
        by_loss = loss[chosen].argsort(stable=True)
        chosen = chosen[by_loss]
        counts = {"dtype": torch.long, "device": at.device}
        return CriticalPoints(
            theta=at[chosen],
            loss=loss[chosen],
            gradient_norm=left[chosen],
            index=index[chosen],
            zeros=zeros[chosen],
            alpha=index[chosen].double() / self._dim,
            reached=torch.tensor(reached, **counts)[by_loss],
            start=torch.tensor(first, **counts)[by_loss],
            curvature=curvature[chosen],
            tried=self._tried,
            lost=sum(len(found.at) for found, _ in parts) - int(arrived.sum()),
            gradients=sum(found.gradients for found, _ in parts),
            hessians=sum(found.hessians for found, _ in parts),
        )

    def _groups(
        self, at: torch.Tensor, loss: torch.Tensor, index: torch.Tensor, zeros: torch.Tensor
    ) -> torch.Tensor:
        """To which point each arrival (m,) belongs, numbered from 0 in order of arrival."""
        group = torch.full_like(index, -1)
        reach = self._same * (1 + torch.linalg.vector_norm(at, dim=1))
        level = _SAME_LOSS * float(loss.abs().max()) if len(loss) else 0.0
        count = 0
        for row in range(len(at)):
            if group[row] >= 0:
                continue
            free = group < 0
            if zeros[row]:
                alike = (index == index[row]) & (zeros == zeros[row])
                there = alike & ((loss - loss[row]).abs() <= level + self._tol)
            else:
                away = torch.linalg.vector_norm(at - at[row], dim=1)
                there = (zeros == 0) & (away <= reach[row])
            group[free & there] = count
            count += 1
        return group


def _like(found: CriticalPoints, given: torch.Tensor) -> CriticalPoints:
    """The same numbers in the precision given."""
    fields = ("theta", "loss", "gradient_norm", "alpha", "curvature")
    return replace(found, **{name: getattr(found, name).to(given.dtype) for name in fields})

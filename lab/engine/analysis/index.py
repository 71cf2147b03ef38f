"""The index of a point: how many eigenvalues of the Hessian are negative."""

from dataclasses import dataclass
from typing import Any

import torch

from lab.engine.analysis.base import Steps, analysis, as_point, check_count
from lab.engine.analysis.curvature import hessian, top_eigenvalues
from lab.engine.analysis.operators import operator as matrix_of
from lab.engine.analysis.parts import part_of
from lab.engine.analysis.quadrature import Rules, gauss_rules, student
from lab.engine.problem import Problem

EXACT_DIM = 2000  # parameters up to which all eigenvalues are computed
_ROUNDING = 10.0  # units in the last place of the largest eigenvalue that count as zero


@dataclass(frozen=True)
class Index:
    """How many directions go down.

    Attributes:
        negative: how many eigenvalues are negative; a whole number where it was counted.
        smallest: the smallest eigenvalue.
        smallest_residual: how far from it, at most, an eigenvalue lies.
        exact: whether all eigenvalues were computed.
        error: what the count may be wrong by. Where it was counted, the eigenvalues that rounding
            cannot tell from zero, which are not counted as negative; otherwise half the width of
            the interval that holds the truth with a probability of 90 %.
        products: how many products were computed.
    """

    negative: float
    smallest: float
    smallest_residual: float
    exact: bool
    error: float
    products: int


@analysis
def hessian_index(
    problem: Problem,
    theta: Any,
    probes: int = 8,
    steps: int = 80,
    seed: int = 0,
    batch: Any = None,
) -> Steps[Index]:
    """Count the negative eigenvalues of the Hessian at a point.

    Up to 2,000 parameters from all eigenvalues. Beyond, by stochastic Lanczos quadrature: the
    weight that each random vector has below zero is bounded from both sides by its Gauss rule
    (Chebyshev-Markov-Stieltjes; Golub & Meurant 2010, section 6), the estimate lies halfway, and
    the error holds half the distance of the bounds and the spread over the vectors.

    Args:
        problem: whose Hessian.
        theta: (dim,).
        probes: random vectors of the estimate, at least 2.
        steps: Lanczos steps of each.
        seed: of the random vectors.
        batch: (samples,) indices of the samples that are used; all if not given.

    Returns:
        `.negative`, `.smallest`, `.exact`, `.error`, `.products`.

    Raises:
        ValueError: a wrong argument, or a problem without second derivatives.
    """
    point = as_point(problem, theta)
    probes, steps = check_count("probes", probes, 2), check_count("steps", steps, 2)
    if problem.dim <= EXACT_DIM:
        matrix = yield from hessian.steps(problem, point, batch)
        return _counted(matrix)
    search = top_eigenvalues.steps(problem, point, 1, which="smallest", seed=seed, batch=batch)
    share = 1 / (1 + probes)
    end = yield from part_of(search, 0.0, share)
    found = matrix_of(problem, point, batch=batch)
    sketch = gauss_rules(problem, found, point, probes, min(steps, found.size), seed, None)
    rules = yield from part_of(sketch, share, 1 - share)
    low, high = weight_below_zero(rules)
    middle = (low + high) / 2
    spread = float(middle.std()) / probes**0.5 * student(probes)
    return Index(
        negative=found.size * float(middle.mean()),
        smallest=float(end.values[0]),
        smallest_residual=float(end.residuals[0]),
        exact=False,
        error=found.size * (spread + float((high - low).mean()) / 2),
        products=end.products + rules.nodes.numel(),
    )


def _counted(matrix: torch.Tensor) -> Index:
    """The index of a whole matrix (dim, dim)."""
    if not matrix.isfinite().all():
        return Index(float("nan"), float("nan"), float("nan"), True, float("nan"), len(matrix))
    values = torch.linalg.eigvalsh(matrix.cpu().double())
    zero = _ROUNDING * torch.finfo(matrix.dtype).eps * float(values.abs().max())
    return Index(
        negative=float((values < -zero).sum()),
        smallest=float(values[0]),
        smallest_residual=zero,
        exact=True,
        error=float((values.abs() <= zero).sum()),
        products=len(matrix),
    )


def weight_below_zero(rules: Rules) -> tuple[torch.Tensor, torch.Tensor]:
    """Bounds (probes,) of the weight that each random vector has below zero."""
    nodes, order = rules.nodes.sort(dim=1)
    total = rules.weights.gather(1, order).cumsum(dim=1)
    total = torch.nn.functional.pad(total, (1, 0))  # (probes, steps + 1), below each node
    below = (nodes < 0).sum(dim=1, keepdim=True)  # nodes that are negative
    steps = nodes.shape[1]
    low = total.gather(1, (below - 1).clamp_min(0))  # without the last of them
    high = total.gather(1, (below + 1).clamp_max(steps))  # with the first that is not
    return low[:, 0], high[:, 0]

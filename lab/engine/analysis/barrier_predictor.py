"""What the curvature at a few points says about the height of a barrier between two others.

With D = b - a and phi(t) = loss(a + tD), the loss above the chord at t = s is exactly
-∫ K(s, t) D'H(a + tD)D dt with K = min(s, t) (1 - max(s, t)) (Green's function of the second
derivative). Cut after second order it can be told from the middle, or from both ends, alone. These
are second-order predictors; no paper's formula is claimed for them.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from lab.engine.analysis.base import Progress, Steps, analysis, check_count
from lab.engine.analysis.connectivity import path_ends
from lab.engine.analysis.sampling import values_at
from lab.engine.problem import Problem


@dataclass(frozen=True)
class BarrierPrediction:
    """The loss half way between two points above the mean of their losses, and what foresees it.

    Attributes:
        height: as it is: loss at the middle less the mean of the ends.
        from_middle: -D'HD / 8 with the Hessian of the middle: a barrier where it is bent downwards.
        from_ends: (g_a - g_b)·D / 4 + D'(H_a + H_b)D / 16, with gradients and Hessians of the ends.
        from_ends_curvature: the second of these two terms alone: all of it at minima.
        green: the integral over the whole line, by Gauss-Legendre quadrature on both halves. Where
            it is not the height itself, the loss has kinks (as those of ReLU units), which no
            Hessian sees, or the nodes are too few.
        middle: D'HD at the middle.
        ends: (2,), D'HD at a and at b.
        slopes: (2,), g·D at a and at b.
        evaluations: of the value and gradient.
        products: with a Hessian.
    """

    height: float
    from_middle: float
    from_ends: float
    from_ends_curvature: float
    green: float
    middle: float
    ends: torch.Tensor
    slopes: torch.Tensor
    evaluations: int
    products: int


@analysis
def barrier_predictor(problem: Problem, a: Any, b: Any, nodes: int = 0) -> Steps[BarrierPrediction]:
    """Foresee the barrier half way between two points from curvature alone.

    Args:
        problem: whose loss, on all data.
        a: (dim,).
        b: (dim,).
        nodes: of the quadrature on each half of the line, each a Hessian product; 0 for no
            quadrature, `green` is NaN then.

    Returns:
        `.height`, `.from_middle`, `.from_ends`, `.green` ...

    Raises:
        ValueError: points of another length, or a problem whose second derivatives do not exist.
    """
    ends = path_ends(problem, a, b)
    check_count("nodes", nodes, 0)
    if problem.hessian_trouble:
        raise ValueError(f"a second-order predictor needs a Hessian: {problem.hessian_trouble}")
    way = ends[1] - ends[0]
    places, shares = _green_rule(nodes)
    at = torch.tensor([0.0, 0.5, 1.0, *places], dtype=torch.float64).to(ends)
    rows = (1 - at[:, None]) * ends[0] + at[:, None] * ends[1]
    bent, slopes = [], []
    for number, row in enumerate(rows):
        bent.append(float(problem.products(row[None])(way[None])[0].double() @ way.double()))
        if number in (0, 2):
            gradient = problem.evaluate_with_gradient(row[None])[1][0]
            slopes.append(float(gradient.double() @ way.double()))
        yield Progress((number + 1) / (len(rows) + 1))
    losses = torch.cat([values_at(problem, row[None]) for row in rows[:3]]).double()
    curved = (bent[0] + bent[2]) / 16
    return BarrierPrediction(
        height=float(losses[1] - (losses[0] + losses[2]) / 2),
        from_middle=-bent[1] / 8,
        from_ends=(slopes[0] - slopes[1]) / 4 + curved,
        from_ends_curvature=curved,
        green=-float(np.dot(shares, bent[3:])) if nodes else float("nan"),
        middle=bent[1],
        ends=torch.tensor([bent[0], bent[2]], dtype=torch.float64).to(ends),
        slopes=torch.tensor(slopes, dtype=torch.float64).to(ends),
        evaluations=5,
        products=len(rows),
    )


def _green_rule(nodes: int) -> tuple[np.ndarray, np.ndarray]:
    """Places and weights of the integral of K(1/2, t), which has its kink at t = 1/2."""
    if not nodes:
        return np.empty(0), np.empty(0)
    x, w = np.polynomial.legendre.leggauss(nodes)
    left = (x + 1) / 4
    t = np.concatenate([left, left + 0.5])
    return t, np.tile(w / 4, 2) * np.minimum(t, 1 - t) / 2

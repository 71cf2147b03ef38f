"""Stochastic Lanczos quadrature: what is left of a spectrum, seen through random vectors.

A random unit vector v weighs every eigenvalue by the squared part of v along its eigenvector, and m
Lanczos steps from v give a Gauss rule for that weighing: m nodes and weights that integrate
polynomials up to degree 2m - 1 exactly. Averaged over vectors that are uniform on the sphere the
weighing is the spectral density.

Source: Golub & Meurant 1994 for the rule; Ubaru, Chen & Saad 2017, "Fast estimation of tr(f(A)) via
stochastic Lanczos quadrature", for the average.
"""

import math
from typing import NamedTuple

import torch

from lab.engine.analysis.base import Progress, Steps
from lab.engine.analysis.directions import random_direction
from lab.engine.analysis.operators import Operator
from lab.engine.analysis.sampling import vectors_in_block
from lab.engine.device import check_memory
from lab.engine.lanczos import lanczos
from lab.engine.problem import Problem

LEVEL = 0.9  # of all intervals
_SMOOTHING = 0.003  # width of a line in the picture, in parts of the spectrum's range
# A Gaussian of width σ on a stretch of length L is a polynomial of degree d up to exp(-2(dσ/L)²);
# 2m - 1 = 1.5 L/σ leaves about one per cent.
_RESOLVED = 0.75
_REACH = 5.0  # widths that the grid goes beyond the outermost node


class Rules(NamedTuple):
    """The rules of several random vectors, float64, on the CPU.

    Attributes:
        nodes: (probes, steps).
        weights: (probes, steps), each row of sum 1.
    """

    nodes: torch.Tensor
    weights: torch.Tensor


def gauss_rules(
    problem: Problem,
    found: Operator,
    like: torch.Tensor,
    probes: int,
    steps: int,
    seed: int,
    against: torch.Tensor | None,
) -> Steps[Rules]:
    """The rules of random vectors, as many side by side as suits the problem.

    Args:
        problem: whose operator it is.
        found: the operator.
        like: a tensor of the device and precision in question.
        probes: how many vectors.
        steps: Lanczos steps of each.
        seed: of the vectors.
        against: (r, size), orthonormal rows that all vectors are kept orthogonal to; None for none.

    Raises:
        ValueError: vectors that do not fit into memory.
    """
    group = vectors_in_block(problem, like, probes)
    needed = 2 * group * steps * found.size * like.element_size()
    needed += problem.product_forecast(group, like.dtype)
    check_memory(needed, like.device, f"{group} x {steps} Lanczos vectors")
    parts = []
    for first in range(0, probes, group):
        count = min(group, probes - first)
        draws = [
            random_direction(found.size, seed, "density", first + i, like=like)
            for i in range(count)
        ]
        for state in lanczos(found.product, torch.stack(draws), steps, against):
            yield Progress((first + count * state.diagonal.shape[1] / steps) / probes)
        parts.append(_gauss(state.diagonal, state.off_diagonal))
        del state  # its basis, before there is another one
    nodes, weights = (torch.cat(part) for part in zip(*parts, strict=True))
    return Rules(nodes, weights)


def smoothing(rules: Rules, exact: torch.Tensor, *, complete: bool) -> float:
    """The width of a Gaussian that the rules can resolve.

    Args:
        rules: of the random vectors.
        exact: (r,), eigenvalues that are known and drawn with the same width.
        complete: whether there are as many nodes as eigenvalues, so that the rules resolve all.

    Returns:
        0.3 % of the whole range, or 0.75 times what each step has of the range of the nodes, if
        that is more.
    """
    values = torch.cat([rules.nodes.flatten(), exact])
    low, high = float(values.min()), float(values.max())
    width = _SMOOTHING * (high - low) or _SMOOTHING * abs(high) or _SMOOTHING
    if complete:
        return width
    spread = float(rules.nodes.max() - rules.nodes.min())
    return max(width, _RESOLVED * spread / rules.nodes.shape[1])


def grid_for(values: torch.Tensor, sigma: float, points: int) -> torch.Tensor:
    """A grid (points,) that holds all values, with room for their smoothing."""
    ends = (float(values.min()) - _REACH * sigma, float(values.max()) + _REACH * sigma)
    return torch.linspace(*ends, points, dtype=torch.float64)


def smoothed(grid: torch.Tensor, rules: Rules, sigma: float) -> torch.Tensor:
    """Sums of Gaussians (probes, points) of width sigma at the nodes, with their weights."""
    rows = []
    for node, weight in zip(*rules, strict=True):
        bumps = torch.exp(-0.5 * ((grid[:, None] - node) / sigma) ** 2)
        rows.append(bumps @ weight / (sigma * math.sqrt(2 * math.pi)))
    return torch.stack(rows)


def student(probes: int) -> float:
    """Half the width of the 90 % interval of a mean, in standard errors (Student's t)."""
    if probes < 2:
        return math.nan
    from scipy.special import stdtrit  # here: it takes long to load

    return float(stdtrit(probes - 1, (1 + LEVEL) / 2))


def _gauss(diagonal: torch.Tensor, off: torch.Tensor) -> Rules:
    """Nodes and weights (n, m) of tridiagonal matrices: eigenvalues, squared first components."""
    matrix = torch.diag_embed(diagonal)
    if diagonal.shape[1] > 1:
        side = torch.diag_embed(off[:, :-1], offset=1)
        matrix = matrix + side + side.mT
    if not matrix.isfinite().all():
        return Rules(torch.full_like(diagonal, torch.nan), torch.full_like(diagonal, torch.nan))
    nodes, shapes = torch.linalg.eigh(matrix)
    return Rules(nodes, shapes[:, 0] ** 2)

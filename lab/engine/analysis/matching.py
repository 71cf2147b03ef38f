"""Permuting the hidden units of one network towards another.

A network keeps its function when the units of a hidden layer change places together with everything
that hangs on them, so the straight line between two networks says little before the units that do
the same work stand in the same places.

Source: Ainsworth, Hayase & Srinivasa 2022, "Git Re-Basin", arXiv 2209.04836, section 3: algorithm 1
(weights, by coordinate descent over layers) and matching of activations. Correlations in place of
uncentred products: Jordan et al. 2023, "REPAIR", arXiv 2211.08403. What moves together is told by a
`Wiring`, as by the permutation specifications of Git Re-Basin.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from lab.engine.analysis.base import Progress, Steps, analysis, as_point
from lab.engine.analysis.chain import check_symmetric, wiring_of
from lab.engine.analysis.parts import part_of
from lab.engine.knobs import check_name
from lab.engine.problem import Problem
from lab.engine.seeds import generator
from lab.engine.wiring import Group, Wiring

METHODS = ("weights", "activations", "correlations")
_SWEEPS = 100
_ENOUGH = 1e-12  # the relative gain below which a sweep over the layers counts as none


@dataclass(frozen=True)
class Matching:
    """A network permuted towards another one.

    Attributes:
        theta: (dim,), the permuted parameters; the same function as before.
        permutations: for each group of units that may change places (units,), which unit of b
            stands at each place; in a plain chain each hidden layer is a group.
        objective: sum of <a, permuted b> over all tensors with units that may move.
        objective_before: the same for b as it was.
        sweeps: how many times the layers were gone through.
    """

    theta: torch.Tensor
    permutations: tuple[torch.Tensor, ...]
    objective: float
    objective_before: float
    sweeps: int


@analysis
def match_permutation(
    problem: Problem, a: Any, b: Any, method: str = "weights", seed: int = 0
) -> Steps[torch.Tensor]:
    """The second of two networks, its hidden units permuted towards the first.

    Args:
        problem: a chain of fully connected or convolutional layers, found from the layout, or any
            module whose operations are known. What skip connections tie shares one permutation.
        a: (dim,).
        b: (dim,).
        method: "weights" maximises the inner product of the parameters; "activations" that of the
            hidden units' outputs on the data, layer by layer; "correlations" the sum of their
            correlations over the data.
        seed: of the order in which "weights" visits the layers; with one hidden layer the result
            does not depend on it, with more it may.

    Returns:
        (dim,), b permuted.

    Raises:
        ValueError: a network whose units cannot be permuted, or not be told apart.
    """
    return (yield from best_permutation.steps(problem, a, b, method, seed)).theta


@analysis
def best_permutation(
    problem: Problem, a: Any, b: Any, method: str = "weights", seed: int = 0
) -> Steps[Matching]:
    """The same as `match_permutation`, with the permutations and what they gain.

    Args:
        problem: see `match_permutation`.
        a: (dim,).
        b: (dim,).
        method: see `match_permutation`.
        seed: see `match_permutation`.

    Returns:
        `.theta`, `.permutations`, `.objective`, `.objective_before`, `.sweeps`.

    Raises:
        ValueError: see `match_permutation`.
    """
    first, second = as_point(problem, a), as_point(problem, b)
    second = second.to(first)
    check_name(method, METHODS, "method")
    wiring = wiring_of(problem)
    yield from part_of(check_symmetric(problem, wiring, second), 0.0, 0.2)
    if method == "weights":
        work = _by_weights(wiring, first, second, seed)
    else:
        work = _by_activations(problem, wiring, first, second, method)
    orders, sweeps = yield from part_of(work, 0.2, 0.8)
    return Matching(
        theta=wiring.permuted(second, orders),
        permutations=tuple(orders),
        objective=wiring.objective(first, second, orders),
        objective_before=wiring.objective(first, second, wiring.identity()),
        sweeps=sweeps,
    )


def _by_weights(
    wiring: Wiring, a: torch.Tensor, b: torch.Tensor, seed: int
) -> Steps[tuple[list[torch.Tensor], int]]:
    """Coordinate descent: solve one group's assignment with the others held fixed.

    Where a weight lies between units of one group both its sides move at once; the assignment is
    then that of the objective made linear at the present order, and is kept only if the objective
    rises.
    """
    orders, groups = wiring.identity(), wiring.groups
    parts = [wiring.layout.split(theta.cpu().double()) for theta in (a, b)]
    draws = generator(seed, "matching")
    best = wiring.objective(a, b, orders)
    for sweep in range(1, _SWEEPS + 1):
        for count, number in enumerate(torch.randperm(len(groups), generator=draws).tolist()):
            group, changed = groups[number], list(orders)
            changed[number] = assignment(_gains(wiring, *parts, orders, group))
            if not group.is_coupled or wiring.objective(a, b, changed) > wiring.objective(
                a, b, orders
            ):
                orders = changed
            yield Progress(min(1.0, (sweep - 1 + (count + 1) / len(groups)) / 10))
        value = wiring.objective(a, b, orders)
        single = len(groups) == 1 and not groups[0].is_coupled
        if single or value <= best + _ENOUGH * max(1.0, abs(best)):
            break
        best = value
    return orders, sweep


def _gains(
    wiring: Wiring,
    a: Mapping[str, torch.Tensor],
    b: Mapping[str, torch.Tensor],
    orders: Sequence[torch.Tensor],
    group: Group,
) -> torch.Tensor:
    """What it is worth (units, units) to put a group's unit j of b at the place of its unit i."""
    total = torch.zeros(group.size, group.size, dtype=torch.float64)
    for name, axis, indices in group.places:  # the weights of b as they stand, but for this axis
        turned = wiring.turned(name, b[name], orders, kept=axis)
        one, two = (_rows(tensor, axis, indices) for tensor in (a[name], turned))
        total += one @ two.T
    return total


def _rows(tensor: torch.Tensor, axis: int, indices: torch.Tensor) -> torch.Tensor:
    """All numbers of a tensor that belong to each unit: (units, numbers)."""
    return tensor.movedim(axis, 0)[indices.to(tensor.device)].flatten(1)


def _by_activations(
    problem: Problem, wiring: Wiring, a: torch.Tensor, b: torch.Tensor, method: str
) -> Steps[tuple[list[torch.Tensor], int]]:
    """The assignment of each group that maximises the mean product, or correlation, of outputs.

    Raises:
        ValueError: a problem that does not tell what its hidden units give.
    """
    states = []
    for theta in (a, b):
        try:
            with torch.no_grad():
                states.append(problem.hidden(theta[None]))  # (1, N, units, ...) for each layer
        except ValueError as error:
            raise ValueError(f"method = {method!r}: {error}; use method='weights'") from error
        yield Progress(0.4 * len(states))
    orders = []
    for group in wiring.groups:
        gains = torch.zeros(group.size, group.size, dtype=torch.float64)
        for number, indices in group.states:
            rows = [_rows(found[number][0], 1, indices).cpu().double() for found in states]
            if method == "correlations":
                rows = [_standardised(item) for item in rows]
            gains += rows[0] @ rows[1].T / rows[0].shape[1]
        orders.append(assignment(gains))
        yield Progress(0.8 + 0.2 * len(orders) / len(wiring.groups))
    return orders, 1


def _standardised(rows: torch.Tensor) -> torch.Tensor:
    """Rows (units, values) of mean 0 and variance 1; units that never change become 0."""
    rows = rows - rows.mean(dim=1, keepdim=True)
    spread = rows.std(dim=1, keepdim=True, correction=0)
    return torch.where(spread > 0, rows / spread.clamp_min(1e-300), 0.0)


def assignment(gains: torch.Tensor) -> torch.Tensor:
    """The permutation that collects the most of gains (n, n)."""
    from scipy.optimize import linear_sum_assignment  # here: it takes long to load

    if not gains.isfinite().all():
        raise ValueError("units can be matched only between networks with finite parameters")
    _, order = linear_sum_assignment(gains.numpy(), maximize=True)
    return torch.as_tensor(order)

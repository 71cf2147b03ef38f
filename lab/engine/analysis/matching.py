"""Permuting the hidden units of one network towards another.

A network keeps its function when the units of a hidden layer change places together with everything
that hangs on them, so the straight line between two networks says little before the units that do
the same work stand in the same places.

Source: Ainsworth, Hayase & Srinivasa 2022, "Git Re-Basin", arXiv 2209.04836, section 3: algorithm 1
(weights, by coordinate descent over layers) and matching of activations. Correlations in place of
uncentred products: Jordan et al. 2023, "REPAIR", arXiv 2211.08403. Layers that skip connections tie
move together, as in the permutation specifications of Git Re-Basin.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch

from lab.engine.analysis.base import Progress, Steps, analysis, as_point
from lab.engine.analysis.chain import Chain, Group, Ties, check_symmetric, with_columns
from lab.engine.analysis.parts import part_of
from lab.engine.knobs import check_name
from lab.engine.problem import Problem
from lab.engine.seeds import generator

METHODS = ("weights", "activations", "correlations")
_SWEEPS = 100
_ENOUGH = 1e-12  # the relative gain below which a sweep over the layers counts as none


@dataclass(frozen=True)
class Matching:
    """A network permuted towards another one.

    Attributes:
        theta: (dim,), the permuted parameters; the same function as before.
        permutations: for each hidden layer (units,), which unit of b stands at each place.
        objective: sum over all tensors of <a, permuted b>, without the last layer's bias.
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
    problem: Problem, a: Any, b: Any, method: str = "weights", seed: int = 0, ties: Ties = ()
) -> Steps[torch.Tensor]:
    """The second of two networks, its hidden units permuted towards the first.

    Args:
        problem: a chain of fully connected or convolutional layers, found from the layout; layers
            that a skip connection ties share one permutation.
        a: (dim,).
        b: (dim,).
        method: "weights" maximises the inner product of the parameters; "activations" that of the
            hidden units' outputs on the data, layer by layer; "correlations" the sum of their
            correlations over the data.
        seed: of the order in which "weights" visits the layers; with one hidden layer the result
            does not depend on it, with more it may.
        ties: pairs of weights by name whose layers a skip connection adds, for a module of the
            user's own; the catalogue's networks tell of theirs.

    Returns:
        (dim,), b permuted.

    Raises:
        ValueError: a network whose units cannot be permuted one layer at a time.
    """
    return (yield from best_permutation.steps(problem, a, b, method, seed, ties)).theta


@analysis
def best_permutation(
    problem: Problem, a: Any, b: Any, method: str = "weights", seed: int = 0, ties: Ties = ()
) -> Steps[Matching]:
    """The same as `match_permutation`, with the permutations and what they gain.

    Args:
        problem: see `match_permutation`.
        a: (dim,).
        b: (dim,).
        method: see `match_permutation`.
        seed: see `match_permutation`.
        ties: see `match_permutation`.

    Returns:
        `.theta`, `.permutations`, `.objective`, `.objective_before`, `.sweeps`.

    Raises:
        ValueError: see `match_permutation`.
    """
    first, second = as_point(problem, a), as_point(problem, b)
    second = second.to(first)
    check_name(method, METHODS, "method")
    chain = Chain.in_problem(problem, ties)
    yield from part_of(check_symmetric(problem, chain, second), 0.0, 0.2)
    if method == "weights":
        work = _by_weights(chain, first, second, seed)
    else:
        work = _by_activations(problem, chain, first, second, method)
    permutations, sweeps = yield from part_of(work, 0.2, 0.8)
    theta = chain.permuted(second, permutations)
    identity = chain.identity(second.device)
    return Matching(
        theta=theta,
        permutations=tuple(permutations),
        objective=chain.objective(first, second, permutations),
        objective_before=chain.objective(first, second, identity),
        sweeps=sweeps,
    )


def _by_weights(
    chain: Chain, a: torch.Tensor, b: torch.Tensor, seed: int
) -> Steps[tuple[list[torch.Tensor], int]]:
    """Coordinate descent: solve one group's assignment with the others held fixed.

    Between two layers of one group both sides of a weight move at once; its assignment is then that
    of the objective made linear at the present order, and is kept only if the objective rises.
    """
    permutations, groups = chain.identity(b.device), chain.groups
    draws = generator(seed, "matching")
    best = chain.objective(a, b, permutations)
    for sweep in range(1, _SWEEPS + 1):
        for count, number in enumerate(torch.randperm(len(groups), generator=draws).tolist()):
            group = groups[number]
            order = assignment(_gains(chain, a, b, permutations, group))
            changed = chain.moved(permutations, group, order)
            gains = not group.is_coupled or chain.objective(a, b, changed) > chain.objective(
                a, b, permutations
            )
            permutations = changed if gains else permutations
            yield Progress(min(1.0, (sweep - 1 + (count + 1) / len(groups)) / 10))
        value = chain.objective(a, b, permutations)
        single = len(groups) == 1 and not groups[0].is_coupled
        if single or value <= best + _ENOUGH * max(1.0, abs(best)):
            break
        best = value
    return permutations, sweep


def _gains(
    chain: Chain,
    a: torch.Tensor,
    b: torch.Tensor,
    permutations: Sequence[torch.Tensor],
    group: Group,
) -> torch.Tensor:
    """What it is worth (places, places) to put a group's unit j of b at its place i."""
    parts_a = chain.layout.split(a.cpu().double())
    parts_b = chain.layout.split(b.cpu().double())
    orders = [order.cpu() for order in permutations]
    places = group.places
    total = torch.zeros(len(places), len(places), dtype=torch.float64)
    for layer in group.layers:
        name = chain.weights[layer]
        given = with_columns(parts_b[name], orders[layer - 1]) if layer else parts_b[name]
        pairs = [(parts_a[name], given)]
        pairs += [(parts_a[unit], parts_b[unit]) for unit in chain.units[layer]]
        for one, two in pairs:  # what comes into each unit
            total += one[places].reshape(len(places), -1) @ two[places].reshape(len(places), -1).T
        after, units = chain.weights[layer + 1], chain.hidden[layer]
        given = parts_b[after]
        if layer + 1 < len(orders):
            given = given[orders[layer + 1]]
        one, two = (_columns(weight, units)[places] for weight in (parts_a[after], given))
        total += one @ two.T
    return total


def _columns(weight: torch.Tensor, units: int) -> torch.Tensor:
    """The weights that leave each unit: (units, all that it feeds)."""
    return weight.reshape(len(weight), units, -1).transpose(0, 1).reshape(units, -1)


def _by_activations(
    problem: Problem, chain: Chain, a: torch.Tensor, b: torch.Tensor, method: str
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
    tables = []
    for one, two, units in zip(*states, chain.hidden, strict=True):
        rows = [item[0].cpu().double().transpose(0, 1).reshape(units, -1) for item in (one, two)]
        if method == "correlations":
            rows = [_standardised(item) for item in rows]
        tables.append(rows[0] @ rows[1].T / rows[0].shape[1])
        yield Progress(0.8 + 0.1 * len(tables) / len(chain.hidden))
    permutations = chain.identity(b.device)
    for count, group in enumerate(chain.groups):
        gains = sum(tables[layer][group.places][:, group.places] for layer in group.layers)
        permutations = chain.moved(permutations, group, assignment(gains))
        yield Progress(0.9 + 0.1 * (count + 1) / len(chain.groups))
    return permutations, 1


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

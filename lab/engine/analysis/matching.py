"""Permuting the hidden units of one network towards another.

A network keeps its function when the units of a hidden layer change places together with everything
that hangs on them, so the straight line between two networks says little before the units that do
the same work stand in the same places.

Source: Ainsworth, Hayase & Srinivasa 2022, "Git Re-Basin", arXiv 2209.04836, section 3: algorithm 1
(weights, by coordinate descent over layers) and matching of activations.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch

from lab.engine.analysis.base import Progress, Steps, analysis, as_point
from lab.engine.analysis.chain import Chain, check_symmetric
from lab.engine.analysis.parts import part_of
from lab.engine.knobs import check_name
from lab.engine.problem import Problem
from lab.engine.seeds import generator

METHODS = ("weights", "activations")
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
    problem: Problem, a: Any, b: Any, method: str = "weights", seed: int = 0
) -> Steps[torch.Tensor]:
    """The second of two networks, its hidden units permuted towards the first.

    Args:
        problem: a chain of fully connected or convolutional layers, found from the layout.
        a: (dim,).
        b: (dim,).
        method: "weights" maximises the inner product of the parameters; "activations" that of the
            hidden units' outputs on the data, layer by layer.
        seed: of the order in which "weights" visits the layers; with one hidden layer the result
            does not depend on it, with more it may.

    Returns:
        (dim,), b permuted.

    Raises:
        ValueError: a network whose units cannot be permuted one layer at a time.
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
    chain = Chain.of(problem.layout)
    yield from part_of(check_symmetric(problem, chain, second), 0.0, 0.2)
    if method == "weights":
        work = _by_weights(chain, first, second, seed)
    else:
        work = _by_activations(problem, chain, first, second)
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
    """Coordinate descent: solve one hidden layer's assignment with the others held fixed."""
    permutations = chain.identity(b.device)
    draws = generator(seed, "matching")
    best = chain.objective(a, b, permutations)
    for sweep in range(1, _SWEEPS + 1):
        for count, layer in enumerate(torch.randperm(len(permutations), generator=draws).tolist()):
            gains = _gains(chain, a, b, permutations, layer)
            permutations[layer] = _assignment(gains).to(b.device)
            yield Progress(min(1.0, (sweep - 1 + (count + 1) / len(permutations)) / 10))
        value = chain.objective(a, b, permutations)
        if len(permutations) == 1 or value <= best + _ENOUGH * max(1.0, abs(best)):
            break
        best = value
    return permutations, sweep


def _gains(
    chain: Chain,
    a: torch.Tensor,
    b: torch.Tensor,
    permutations: list[torch.Tensor],
    layer: int,
) -> torch.Tensor:
    """What it is worth (units, units) to put unit j of b at place i of a hidden layer."""
    free = list(permutations)
    free[layer] = chain.identity(b.device)[layer]
    parts_a = chain.layout.split(a.cpu().double())
    parts_b = chain.layout.split(chain.permuted(b, free).cpu().double())
    units = chain.hidden[layer]
    rows = [chain.weights[layer], *chain.units[layer]]
    total = sum(parts_a[n].reshape(units, -1) @ parts_b[n].reshape(units, -1).T for n in rows)
    after = chain.weights[layer + 1]
    one, two = (_columns(parts[after], units) for parts in (parts_a, parts_b))
    return total + one @ two.T


def _columns(weight: torch.Tensor, units: int) -> torch.Tensor:
    """The weights that leave each unit: (units, all that it feeds)."""
    return weight.reshape(len(weight), units, -1).transpose(0, 1).reshape(units, -1)


def _by_activations(
    problem: Problem, chain: Chain, a: torch.Tensor, b: torch.Tensor
) -> Steps[tuple[list[torch.Tensor], int]]:
    """The assignment of each hidden layer that maximises the mean product of activations."""
    hidden: Callable[[torch.Tensor], list[torch.Tensor]] | None = getattr(problem, "hidden", None)
    if hidden is None:
        raise ValueError(
            f"method = 'activations': {problem.title} does not tell its hidden activations; "
            "use method='weights'"
        )
    states = []
    for theta in (a, b):
        with torch.no_grad():
            states.append(hidden(theta[None]))  # (1, N, units, ...) for each layer
        yield Progress(0.4 * len(states))
    permutations = []
    for one, two, units in zip(*states, chain.hidden, strict=True):
        rows = [item[0].cpu().double().transpose(0, 1).reshape(units, -1) for item in (one, two)]
        gains = rows[0] @ rows[1].T / rows[0].shape[1]
        permutations.append(_assignment(gains).to(b.device))
        yield Progress(0.8 + 0.2 * len(permutations) / len(chain.hidden))
    return permutations, 1


def _assignment(gains: torch.Tensor) -> torch.Tensor:
    """The permutation that collects the most."""
    from scipy.optimize import linear_sum_assignment  # here: it takes long to load

    if not gains.isfinite().all():
        raise ValueError("units can be matched only between networks with finite parameters")
    _, order = linear_sum_assignment(gains.numpy(), maximize=True)
    return torch.as_tensor(order)

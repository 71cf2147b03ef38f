"""Networks whose hidden units can change places: chains of layers, found from a layout."""

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import torch

from lab.engine.analysis.base import Progress, Steps
from lab.engine.analysis.sampling import values_at
from lab.engine.layout import Layout
from lab.engine.problem import Problem

Ties = Iterable[Sequence[str]]  # pairs of weights by name, see `Structure.tied_units`


@dataclass(frozen=True)
class Group:
    """Units that change places among themselves, in one layer or in several at once.

    Attributes:
        layers: numbers of hidden layers, rising; several where skip connections tie them.
        places: which units of each of them, the same in all.
    """

    layers: tuple[int, ...]
    places: torch.Tensor

    @property
    def is_coupled(self) -> bool:
        """Whether a weight lies between two of its layers: both its sides then move at once."""
        return any(two - one == 1 for one, two in itertools.pairwise(self.layers))


@dataclass(frozen=True)
class Chain:
    """The layers of a network, found from the names and shapes of its tensors.

    Attributes:
        layout: all tensors.
        weights: name of each layer's weight, from inputs to outputs.
        units: for each layer, names of the tensors that hold one number a unit (bias, scale and
            shift of a normalisation).
        ties: pairs of layers whose units can only change places together.
    """

    layout: Layout
    weights: tuple[str, ...]
    units: tuple[tuple[str, ...], ...]
    ties: tuple[tuple[int, int], ...] = ()

    @classmethod
    def of(cls, layout: Layout, ties: Ties = ()) -> "Chain":
        """Find the layers.

        Args:
            layout: all tensors.
            ties: pairs of weights by name whose layers' outputs are added somewhere.

        Raises:
            ValueError: tensors that do not form a chain with at least one hidden layer, or a tie
                between others than weights.
        """
        shapes = dict(zip(layout.names, layout.shapes, strict=True))
        weights: list[str] = []
        units: list[list[str]] = []
        for name, shape in shapes.items():
            if len(shape) > 1:
                inputs = shapes[weights[-1]][0] if weights else shape[1]
                if shape[1] % inputs:
                    raise ValueError(
                        f"units can be permuted only in a chain of layers: {name!r} takes "
                        f"{shape[1]} inputs, {weights[-1]!r} before it gives {inputs}"
                    )
                weights.append(name)
                units.append([])
            elif weights and shape == shapes[weights[-1]][:1]:
                units[-1].append(name)
            else:
                raise ValueError(
                    f"units can be permuted only in a chain of layers: {name!r} of shape {shape} "
                    "belongs to none"
                )
        if len(weights) < 2:
            raise ValueError("units can be permuted only in a network with a hidden layer")
        return cls(layout, tuple(weights), tuple(map(tuple, units)), _numbers(weights, ties))

    @classmethod
    def in_problem(cls, problem: Problem, ties: Ties = ()) -> "Chain":
        """The layers of a problem's network, with the ties that it tells and these.

        Raises:
            ValueError: see `of`.
        """
        return cls.of(problem.layout, (*problem.tied_units, *ties))

    @property
    def hidden(self) -> tuple[int, ...]:
        """Units of each hidden layer."""
        return self._widths[:-1]

    @property
    def groups(self) -> tuple[Group, ...]:
        """All units that may change places, each in one group.

        Where a skip connection joins layers of different widths, the units that both have are tied
        and the others of the wider one are free. What is tied to the outputs stays where it is.
        """
        widths, last = self._widths, len(self._widths) - 1
        found: dict[tuple[int, ...], list[int]] = {}
        for first, stop in itertools.pairwise(sorted({0, *widths})):
            there = [layer for layer, width in enumerate(widths) if width >= stop]
            for layers in _tied_together(there, self.ties):
                if last not in layers:
                    found.setdefault(layers, []).extend(range(first, stop))
        return tuple(Group(layers, torch.tensor(found[layers])) for layers in sorted(found))

    def identity(self, device: torch.device) -> list[torch.Tensor]:
        """The permutations that change nothing."""
        return [torch.arange(count, device=device) for count in self.hidden]

    def moved(
        self, permutations: Sequence[torch.Tensor], group: Group, order: torch.Tensor
    ) -> list[torch.Tensor]:
        """Permutations in which one group has another order.

        Args:
            permutations: of each hidden layer.
            group: which units.
            order: (places,), which of the group's units stands at each of its places.
        """
        changed = list(permutations)
        for layer in group.layers:
            changed[layer] = changed[layer].clone()
            places = group.places.to(changed[layer].device)
            changed[layer][places] = places[order.to(places.device)]
        return changed

    def permuted(self, theta: torch.Tensor, permutations: Sequence[torch.Tensor]) -> torch.Tensor:
        """The same network (dim,) with its hidden units in another order."""
        parts = self.layout.split(theta)
        for layer, name in enumerate(self.weights):
            weight = parts[name]
            if layer > 0:
                weight = with_columns(weight, permutations[layer - 1])
            if layer < len(permutations):
                order = permutations[layer]
                weight = weight[order]
                parts |= {unit: parts[unit][order] for unit in self.units[layer]}
            parts[name] = weight
        return self.layout.join(parts)

    def objective(
        self, a: torch.Tensor, b: torch.Tensor, permutations: Sequence[torch.Tensor]
    ) -> float:
        """The inner product of a and permuted b over all that a permutation can move."""
        moved = self.layout.split(self.permuted(b, permutations).cpu().double())
        fixed = self.layout.split(a.cpu().double())
        names = [*self.weights, *(unit for units in self.units[:-1] for unit in units)]
        return float(sum((fixed[name] * moved[name]).sum() for name in names))

    @property
    def _widths(self) -> tuple[int, ...]:
        shapes = dict(zip(self.layout.names, self.layout.shapes, strict=True))
        return tuple(shapes[name][0] for name in self.weights)


def with_columns(weight: torch.Tensor, order: torch.Tensor) -> torch.Tensor:
    """A weight (out, in, ...) whose inputs come in another order, in groups of one unit each."""
    grouped = weight.reshape(len(weight), len(order), -1)
    return grouped[:, order].reshape(weight.shape)


def check_symmetric(problem: Problem, chain: Chain, theta: torch.Tensor) -> Steps[None]:
    """Make sure that a network keeps its value when hidden units change places.

    A layout does not tell of skip connections or of anything else that ties units to their places,
    so what the problem says of them is tried out, with each group of units reversed in its turn.

    Raises:
        ValueError: the value changes.
    """
    values = [values_at(problem, theta[None])[0]]
    identity, groups = chain.identity(theta.device), chain.groups
    for number, group in enumerate(groups):
        yield Progress((number + 1) / (len(groups) + 1))
        turned = chain.moved(identity, group, torch.arange(len(group.places)).flip(0))
        values.append(values_at(problem, chain.permuted(theta, turned)[None])[0])
    if not groups:
        raise ValueError("units can be permuted only where a skip connection leaves them free")
    apart = (torch.stack(values[1:]) - values[0]).abs().max()
    room = torch.finfo(theta.dtype).eps ** 0.5 * values[0].abs().clamp_min(1e-30)
    if values[0].isfinite() and not apart <= room:
        raise ValueError(
            "units can be permuted only where a hidden layer's order does not matter; "
            "here it does (a skip connection that the problem does not tell of?)"
        )


def _numbers(weights: Sequence[str], ties: Ties) -> tuple[tuple[int, int], ...]:
    """Ties between names as ties between the numbers of layers.

    Raises:
        ValueError: a name that is no weight's.
    """
    found = []
    for tie in ties:
        known = [name for name in tie if name in weights]
        if len(known) != 2 or len(tie) != 2:
            raise ValueError(f"ties: two of {', '.join(weights)} are needed, not {tuple(tie)!r}")
        one, two = sorted(weights.index(name) for name in tie)
        found.append((one, two))
    return tuple(found)


def _tied_together(
    layers: Sequence[int], ties: Iterable[tuple[int, int]]
) -> Iterable[tuple[int, ...]]:
    """Layers in sets whose members are tied to each other, directly or through others."""
    sets = {layer: {layer} for layer in layers}
    for one, two in ties:
        if one in sets and two in sets and sets[one] is not sets[two]:
            sets[one] |= sets[two]
            for layer in sets[two]:
                sets[layer] = sets[one]
    return sorted({tuple(sorted(members)) for members in sets.values()})

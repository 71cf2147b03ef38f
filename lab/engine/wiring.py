"""Which axes of which tensors a network's hidden units lie along, and their changing places.

The unit is the grain here, not the axis: a layer's units each have a number, ties make several
numbers one (`Ties`), and units that occur alike everywhere form a group whose members may change
places. So skip connections between layers of different widths, concatenations and flattened images
need no cases of their own.

Source: the permutation specifications of Ainsworth, Hayase & Srinivasa 2022, "Git Re-Basin", arXiv
2209.04836, which name one permutation for each axis and are written by hand for each network.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import torch

from lab.engine.layout import Layout

NOTHING = 0  # in place of a unit's number: what is there is the same for all units
FIXED = 1  # what can never move: inputs and outputs


class Ties:
    """Numbers of units, of which some are one and the same unit (union-find)."""

    def __init__(self) -> None:
        """Know nothing but NOTHING and FIXED."""
        self._parents = [NOTHING, FIXED]

    def __len__(self) -> int:
        """How many numbers there are."""
        return len(self._parents)

    def fresh(self, count: int) -> torch.Tensor:
        """Numbers (count,) of new units."""
        first = len(self._parents)
        self._parents.extend(range(first, first + count))
        return torch.arange(first, first + count)

    def tie(self, one: torch.Tensor, two: torch.Tensor) -> None:
        """Make units one, pair by pair; both of one shape, without NOTHING."""
        count = len(self)
        codes = (one.long() * count + two.long())[one != two].unique()
        for pair in codes.tolist():
            low, high = sorted(self._root(number) for number in divmod(pair, count))
            self._parents[high] = low

    def roots(self, units: torch.Tensor) -> torch.Tensor:
        """The lowest number of each unit (...), in the type that is given."""
        table = torch.tensor(self._parents)
        while (table[table] != table).any():
            table = table[table]
        return table[units.long()].to(units.dtype)

    def _root(self, number: int) -> int:
        parents = self._parents
        while parents[number] != number:
            parents[number] = number = parents[parents[number]]
        return number


class UnitAxis(NamedTuple):
    """The unit at each index along an axis of a tensor."""

    tensor: str
    axis: int
    units: torch.Tensor  # (length,)


class HiddenLayer(NamedTuple):
    """A layer whose affine map gives the sums of hidden units."""

    weight: str
    bias: str = ""  # empty for none
    normalised: bool = False  # by statistics of the data that are evaluated
    axis: int = 0  # of the weight, that the units lie along


class Place(NamedTuple):
    """Where the units of a group are, along an axis of a tensor."""

    tensor: str
    axis: int
    indices: torch.Tensor  # (units, occurrences of each)


@dataclass(frozen=True)
class Group:
    """Units that may change places among themselves.

    Attributes:
        size: how many.
        places: all axes of tensors that they lie along.
        states: where they are among what hidden layers give: the number of the state (see
            `Structure.hidden`) and indices (units, occurrences of each).
        is_coupled: whether a tensor has them along two axes, which then move at once.
    """

    size: int
    places: tuple[Place, ...]
    states: tuple[tuple[int, torch.Tensor], ...]

    @property
    def is_coupled(self) -> bool:
        """See the class."""
        return len({place.tensor for place in self.places}) < len(self.places)


@dataclass(frozen=True)
class Wiring:
    """The hidden units of a network.

    Attributes:
        layout: all tensors.
        groups: all units that may change places, each in one group.
        layers: those whose sums `Structure.hidden_sums` tells, in its order.
    """

    layout: Layout
    groups: tuple[Group, ...]
    layers: tuple[HiddenLayer, ...]

    @classmethod
    def of(
        cls,
        layout: Layout,
        ties: Ties,
        axes: Sequence[UnitAxis],
        states: Sequence[torch.Tensor],
        layers: Sequence[HiddenLayer],
        more: Iterable[torch.Tensor] = (),
    ) -> "Wiring":
        """Find the groups: units that occur equally often along every axis and in every state.

        Args:
            layout: all tensors.
            ties: which units are one.
            axes: the units along the axes of tensors.
            states: (units of the state,) of what each hidden layer gives.
            layers: see the class.
            more: other tensors of units in which those of a group occur equally often.
        """
        axes = [axis._replace(units=ties.roots(axis.units).long()) for axis in axes]
        states = [ties.roots(units).long() for units in states]
        tables = [*(axis.units for axis in axes), *states, *map(ties.roots, more)]
        counts = [table.reshape(-1).long().bincount(minlength=len(ties)) for table in tables]
        alike: dict[tuple[int, ...], list[int]] = {}
        kinds = torch.stack(counts).unique(dim=1, return_inverse=True)[1].tolist() if counts else []
        in_tensors = {unit for axis in axes for unit in axis.units.tolist()}
        for unit in sorted(in_tensors - {NOTHING, FIXED}):
            alike.setdefault(kinds[unit], []).append(unit)
        groups = []
        for members in alike.values():
            places = [
                Place(axis.tensor, axis.axis, _indices(axis.units, members))
                for axis in axes
                if (axis.units == members[0]).any()
            ]
            held = [
                (number, _indices(units, members))
                for number, units in enumerate(states)
                if (units == members[0]).any()
            ]
            groups.append(Group(len(members), tuple(places), tuple(held)))
        return cls(layout, tuple(groups), tuple(layers))

    def identity(self) -> list[torch.Tensor]:
        """The order of each group that changes nothing."""
        return [torch.arange(group.size) for group in self.groups]

    def permuted(self, theta: torch.Tensor, orders: Sequence[torch.Tensor]) -> torch.Tensor:
        """The same network with its units in another order.

        Args:
            theta: (dim,).
            orders: for each group (units,), which of its units stands at each of its places.
        """
        parts = self.layout.split(theta)
        moved = {name: self.turned(name, parts[name], orders) for name in self._places}
        return self.layout.join(parts | moved)

    def turned(
        self, name: str, tensor: torch.Tensor, orders: Sequence[torch.Tensor], kept: int = -1
    ) -> torch.Tensor:
        """A tensor with its units in another order, along all axes but the one that is kept."""
        for number, (_, axis, indices) in self._places[name]:
            if axis != kept:
                index = torch.arange(tensor.shape[axis])
                index[indices] = indices[orders[number].cpu()]
                tensor = tensor.index_select(axis, index.to(tensor.device))
        return tensor

    def objective(self, a: torch.Tensor, b: torch.Tensor, orders: Sequence[torch.Tensor]) -> float:
        """The inner product of a and permuted b over all tensors with units that may move."""
        fixed, moved = (self.layout.split(x.cpu().double()) for x in (a, self.permuted(b, orders)))
        return float(sum((fixed[name] * moved[name]).sum() for name in self._places))

    @cached_property
    def _places(self) -> dict[str, list[tuple[int, Place]]]:
        """The places in each tensor that has some, with the numbers of their groups."""
        found: dict[str, list[tuple[int, Place]]] = {}
        for number, group in enumerate(self.groups):
            for place in group.places:
                found.setdefault(place.tensor, []).append((number, place))
        return found


def _indices(units: torch.Tensor, members: Sequence[int]) -> torch.Tensor:
    """Where along an axis each member occurs, rising: (members, occurrences)."""
    order = units.argsort(stable=True)
    chosen = order[torch.isin(units[order], torch.tensor(members).to(units))]
    return chosen.reshape(len(members), -1)

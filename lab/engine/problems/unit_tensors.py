"""Tensors that hold, for each element of another one, the number of the unit it belongs to.

They are float64, in which numbers of units are exact, because torch pads and pools floats only.
"""

from collections.abc import Sequence

import torch

from lab.engine.wiring import FIXED, NOTHING, Ties


class UnitTensors:
    """What operations make of such tensors; units that an operation joins become one."""

    def __init__(self) -> None:
        """Know no units."""
        self.ties = Ties()

    def fresh(self, *shape: int) -> torch.Tensor:
        """A new unit for each element."""
        return self.ties.fresh(torch.Size(shape).numel()).double().reshape(shape)

    def constant(self, value: torch.Tensor) -> torch.Tensor:
        """Units of numbers that no permutation moves: none where all are equal."""
        same = value.numel() < 2 or bool((value == value.reshape(-1)[0]).all())
        return torch.full(value.shape, NOTHING if same else FIXED, dtype=torch.float64)

    def hold(self, units: torch.Tensor) -> None:
        """Let units stay where they are."""
        units = units[units != NOTHING]
        self.ties.tie(units, torch.full_like(units, FIXED))

    def can_move(self, units: torch.Tensor) -> bool:
        """Whether there is a unit that is not fixed."""
        return bool((self.ties.roots(units) > FIXED).any())

    def varies(self, units: torch.Tensor, axis: int) -> bool:
        """Whether different units lie along an axis."""
        low, high = _ends(self.ties.roots(units), [axis])
        return bool((low != high).any())

    def along(self, units: torch.Tensor, axis: int) -> torch.Tensor:
        """The units (length,) along an axis, of which all other axes hold copies.

        Raises:
            ValueError: different units at one index.
        """
        rows = self.ties.roots(units).movedim(axis, 0).reshape(units.shape[axis], -1)
        low, high = _ends(rows, [1])
        if (low != high).any():
            raise ValueError(f"different units meet at one index of axis {axis}")
        return high

    def reduced(self, units: torch.Tensor, dims: Sequence[int], keepdim: bool) -> torch.Tensor:
        """Units after all elements along axes became one, whatever their order.

        Raises:
            ValueError: some units become one element, others another.
        """
        roots = self.ties.roots(units)
        low, high = _ends(roots, dims, keepdim)
        mixed = low != high
        if mixed.any():
            total = roots.sum(dims)
            if not mixed.all() or (total != total.reshape(-1)[0]).any():
                raise ValueError("units meet some others but not all")
        return torch.where(mixed, float(FIXED), high)

    def joined(self, tensors: Sequence[torch.Tensor]) -> torch.Tensor:
        """Units of an elementwise operation on several tensors, which are broadcast."""
        total = tensors[0]
        for other in tensors[1:]:
            one, two = self._over(total, other), self._over(other, total)
            both = (one != NOTHING) & (two != NOTHING)
            self.ties.tie(one[both], two[both])
            total = torch.where(one == NOTHING, two, one)
        return total

    def _over(self, units: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
        """Units broadcast to the shape that both make.

        What is the same for distinct units of the other tensor belongs to none of them; units of
        its own then stay where they are.
        """
        shape = torch.broadcast_shapes(units.shape, other.shape)
        own = (1,) * (len(shape) - units.ndim) + units.shape
        dims = [axis for axis, length in enumerate(shape) if own[axis] == 1 < length]
        wide = units.broadcast_to(shape)
        if not dims:
            return wide
        low, high = _ends(self.ties.roots(other.broadcast_to(shape)), dims)
        if (low == high).all():
            return wide
        if len(self.ties.roots(units).unique()) > 1:
            self.hold(units)
        return torch.full(shape, NOTHING, dtype=torch.float64)


def spread(units: torch.Tensor, axis: int, shape: torch.Size) -> torch.Tensor:
    """Units (length,) along an axis of a tensor, copied along all others."""
    if shape[axis] != len(units):
        raise ValueError(f"{len(units)} channels become {shape[axis]}")
    return units.reshape([-1 if i == axis % len(shape) else 1 for i in range(len(shape))]).expand(
        shape
    )


def _ends(
    units: torch.Tensor, dims: Sequence[int], keepdim: bool = False
) -> tuple[torch.Tensor, torch.Tensor]:
    """The lowest and highest number along axes, NOTHING left out; NOTHING where nothing is."""
    high = units.amax(dims, keepdim)
    low = units.where(units != NOTHING, float("inf")).amin(dims, keepdim)
    return low.where(high != NOTHING, high), high

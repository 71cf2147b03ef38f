"""Named tensors inside a flat vector.

Everything in the engine moves flat vectors `theta[runs, dim]`; a layout says which part of them is
which weight, in the order of torch's `.parameters()`, so that layer-aware rules, filter
normalisation and permutation matching can find their pieces again.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

import torch


@dataclass(frozen=True)
class Layout:
    """Names and shapes of the tensors that make up a flat vector, in order."""

    names: tuple[str, ...]
    shapes: tuple[tuple[int, ...], ...]

    @classmethod
    def of(cls, shapes: Mapping[str, Iterable[int]]) -> "Layout":
        """Build a layout of a mapping name -> shape."""
        return cls(tuple(shapes), tuple(tuple(shape) for shape in shapes.values()))

    @cached_property
    def sizes(self) -> tuple[int, ...]:
        """Number of elements of each tensor."""
        return tuple(math.prod(shape) for shape in self.shapes)

    @cached_property
    def dim(self) -> int:
        """Length of the flat vector."""
        return sum(self.sizes)

    @cached_property
    def slices(self) -> dict[str, slice]:
        """Where each tensor lies in the flat vector."""
        ends = [0]
        for size in self.sizes:
            ends.append(ends[-1] + size)
        return {name: slice(ends[i], ends[i + 1]) for i, name in enumerate(self.names)}

    def split(self, theta: torch.Tensor) -> dict[str, torch.Tensor]:
        """View a flat vector as its named tensors.

        Args:
            theta: (..., dim).

        Returns:
            name -> view of shape (..., *shape).
        """
        parts = theta.split(self.sizes, dim=-1)
        lead = theta.shape[:-1]
        return {
            name: part.view((*lead, *shape))
            for name, part, shape in zip(self.names, parts, self.shapes, strict=True)
        }

    def join(self, tensors: Mapping[str, torch.Tensor]) -> torch.Tensor:
        """Flatten named tensors, each of shape (..., *shape), into one vector (..., dim)."""
        first = tensors[self.names[0]]
        lead = first.shape[: first.ndim - len(self.shapes[0])]
        parts = zip(self.names, self.sizes, strict=True)
        return torch.cat([tensors[name].reshape((*lead, size)) for name, size in parts], dim=-1)

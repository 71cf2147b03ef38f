"""Networks whose hidden units can change places: chains of layers, found from a layout."""

from dataclasses import dataclass

import torch

from lab.engine.analysis.base import Progress, Steps
from lab.engine.analysis.sampling import values_at
from lab.engine.layout import Layout
from lab.engine.problem import Problem


@dataclass(frozen=True)
class Chain:
    """The layers of a network without branches, found from the names and shapes of its tensors.

    Attributes:
        layout: all tensors.
        weights: name of each layer's weight, from inputs to outputs.
        units: for each layer, names of the tensors that hold one number a unit (bias, scale and
            shift of a normalisation).
    """

    layout: Layout
    weights: tuple[str, ...]
    units: tuple[tuple[str, ...], ...]

    @classmethod
    def of(cls, layout: Layout) -> "Chain":
        """Find the layers.

        Raises:
            ValueError: tensors that do not form a chain with at least one hidden layer.
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
        return cls(layout, tuple(weights), tuple(tuple(names) for names in units))

    @property
    def hidden(self) -> tuple[int, ...]:
        """Units of each hidden layer."""
        shapes = dict(zip(self.layout.names, self.layout.shapes, strict=True))
        return tuple(shapes[name][0] for name in self.weights[:-1])

    def identity(self, device: torch.device) -> list[torch.Tensor]:
        """The permutations that change nothing."""
        return [torch.arange(count, device=device) for count in self.hidden]

    def permuted(self, theta: torch.Tensor, permutations: list[torch.Tensor]) -> torch.Tensor:
        """The same network (dim,) with its hidden units in another order."""
        parts = self.layout.split(theta)
        for layer, name in enumerate(self.weights):
            weight = parts[name]
            if layer > 0:  # columns, in groups of one unit each
                order = permutations[layer - 1]
                grouped = weight.reshape(len(weight), len(order), -1)
                weight = grouped[:, order].reshape(weight.shape)
            if layer < len(permutations):
                order = permutations[layer]
                weight = weight[order]
                parts |= {unit: parts[unit][order] for unit in self.units[layer]}
            parts[name] = weight
        return self.layout.join(parts)

    def objective(
        self, a: torch.Tensor, b: torch.Tensor, permutations: list[torch.Tensor]
    ) -> float:
        """The inner product of a and permuted b over all that a permutation can move."""
        moved = self.layout.split(self.permuted(b, permutations).cpu().double())
        fixed = self.layout.split(a.cpu().double())
        names = [*self.weights, *(unit for units in self.units[:-1] for unit in units)]
        return float(sum((fixed[name] * moved[name]).sum() for name in names))


def check_symmetric(problem: Problem, chain: Chain, theta: torch.Tensor) -> Steps[None]:
    """Make sure that a network keeps its value when hidden units change places.

    A layout does not tell of skip connections or of anything else that ties units to their places,
    so it is tried out, with each hidden layer reversed in its turn.

    Raises:
        ValueError: the value changes.
    """
    values = [values_at(problem, theta[None])[0]]
    identity = chain.identity(theta.device)
    for layer in range(len(identity)):
        yield Progress((layer + 1) / (len(identity) + 1))
        turned = list(identity)
        turned[layer] = turned[layer].flip(0)
        values.append(values_at(problem, chain.permuted(theta, turned)[None])[0])
    apart = (torch.stack(values[1:]) - values[0]).abs().max()
    room = torch.finfo(theta.dtype).eps ** 0.5 * values[0].abs().clamp_min(1e-30)
    if values[0].isfinite() and not apart <= room:
        raise ValueError(
            "units can be permuted only where a hidden layer's order does not matter; "
            "here it does (a skip connection between layers?)"
        )

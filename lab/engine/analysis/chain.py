"""Networks whose hidden units can change places: chains of layers, found from a layout."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import torch

from lab.engine.analysis.base import Progress, Steps
from lab.engine.analysis.sampling import values_at
from lab.engine.layout import Layout
from lab.engine.problem import Problem
from lab.engine.wiring import FIXED, HiddenLayer, Ties, UnitAxis, Wiring


@dataclass(frozen=True)
class Chain:
    """The layers of a network, found from the names and shapes of its tensors.

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
        return cls(layout, tuple(weights), tuple(map(tuple, units)))

    @property
    def hidden(self) -> tuple[int, ...]:
        """Units of each hidden layer."""
        shapes = dict(zip(self.layout.names, self.layout.shapes, strict=True))
        return tuple(shapes[name][0] for name in self.weights[:-1])

    def wiring(self, tied: Iterable[Sequence[str]] = ()) -> Wiring:
        """Which axes the units lie along.

        Args:
            tied: pairs of weights by name whose layers' outputs a skip connection adds: the units
                that both have are one, the others of the wider layer are free. What is tied to the
                outputs stays where it is.
        """
        shapes = dict(zip(self.layout.names, self.layout.shapes, strict=True))
        ties = Ties()
        given = {name: ties.fresh(shapes[name][0]) for name in self.weights}
        for one, two in tied:
            both = min(len(given[one]), len(given[two]))
            ties.tie(given[one][:both], given[two][:both])
        outputs = given[self.weights[-1]]
        ties.tie(outputs, torch.full_like(outputs, FIXED))
        axes, layers, before = [], [], None
        for name, names in zip(self.weights, self.units, strict=True):
            axes += [UnitAxis(held, 0, given[name]) for held in (name, *names)]
            if before is not None:
                each = shapes[name][1] // len(before)
                axes.append(UnitAxis(name, 1, before.repeat_interleave(each)))
            layers.append(HiddenLayer(name, next(iter(names), ""), len(names) > 1))
            before = given[name]
        states = [given[name] for name in self.weights[:-1]]
        return Wiring.of(self.layout, ties, axes, states, layers[:-1])


def wiring_of(problem: Problem) -> Wiring:
    """The hidden units of a problem's network, as it tells itself or as its layout shows.

    Raises:
        ValueError: a module that cannot be read, or no chain of layers.
    """
    return problem.wiring or Chain.of(problem.layout).wiring(problem.tied_units)


def check_symmetric(problem: Problem, wiring: Wiring, theta: torch.Tensor) -> Steps[None]:
    """Make sure that a network keeps its value when hidden units change places.

    A layout does not tell of anything that ties units to their places, so what is known of them is
    tried out, with each group of units reversed in its turn.

    Raises:
        ValueError: the value changes, or no units are free.
    """
    values = [values_at(problem, theta[None])[0]]
    groups, identity = wiring.groups, wiring.identity()
    for number, group in enumerate(groups):
        yield Progress((number + 1) / (len(groups) + 1))
        turned = list(identity)
        turned[number] = torch.arange(group.size).flip(0)
        values.append(values_at(problem, wiring.permuted(theta, turned)[None])[0])
    if not groups:
        raise ValueError(
            "units can be permuted only where something leaves them free; here all "
            "are tied to the inputs or outputs"
        )
    apart = (torch.stack(values[1:]) - values[0]).abs().max()
    room = torch.finfo(theta.dtype).eps ** 0.5 * values[0].abs().clamp_min(1e-30)
    if values[0].isfinite() and not apart <= room:
        raise ValueError(
            "units can be permuted only where a hidden layer's order does not matter; "
            "here it does (statistics or constants of single units?)"
        )

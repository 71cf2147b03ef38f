"""Surfaces of one or two variables in closed form, value and gradient.

A gradient written by hand costs a fraction of what gradient bookkeeping does on two numbers; the
tests hold every one of them against automatic differentiation.
"""

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

import torch

from lab.engine.catalogue import register
from lab.engine.knobs import Knob
from lab.engine.layout import Layout
from lab.engine.problem import Batch, Optimum, Problem

Tensors = tuple[torch.Tensor, ...]


class Surface(Problem):
    """A function of one or two variables."""

    family = "surface"
    first_start: tuple[float, ...]  # where run 0 starts; the others start anywhere in the window

    @abstractmethod
    def values(self, *coordinates: torch.Tensor) -> torch.Tensor:
        """The function of coordinate tensors, all of one shape."""

    @abstractmethod
    def derivatives(self, *coordinates: torch.Tensor) -> tuple[torch.Tensor, Tensors]:
        """The function and its partial derivatives, differentiable by torch."""

    @property
    def layout(self) -> Layout:
        """One scalar for each coordinate, x and y."""
        return Layout.of(dict.fromkeys(("x", "y")[: len(self.window)], ()))

    def start(self, generators: Sequence[torch.Generator]) -> torch.Tensor:
        """Run 0 at a place worth seeing, the others uniform in the window."""
        low, high = torch.tensor(self.window, dtype=torch.float64).T
        draws = [torch.rand(self.dim, generator=g, dtype=torch.float64) for g in generators]
        starts = low + (high - low) * torch.stack(draws)
        starts[0] = torch.tensor(self.first_start, dtype=torch.float64)
        return starts

    def evaluate(self, theta: torch.Tensor, batch: Batch | None = None) -> torch.Tensor:
        """Value of every run: theta (runs, dim) -> (runs,)."""
        return self.values(*theta.unbind(1))

    def evaluate_with_gradient(
        self, theta: torch.Tensor, batch: Batch | None = None
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Value (runs,) and closed-form gradient (runs, dim)."""
        value, parts = self.derivatives(*theta.unbind(1))
        return value, torch.stack(parts, dim=1)

    def gradient_graph(self, theta: torch.Tensor, batch: Batch | None = None) -> torch.Tensor:
        """The closed-form gradient, differentiable once more."""
        return torch.stack(self.derivatives(*theta.unbind(1))[1], dim=1)


@register(
    "problem",
    "rosenbrock",
    family="surface",
    formula=r"(a - x)^2 + b\,(y - x^2)^2",
    paper="Rosenbrock 1960, The Computer Journal 3(3)",
)
@dataclass(frozen=True)
class Rosenbrock(Surface):
    """A curved narrow valley: easy to find, slow to follow."""

    a: Annotated[float, Knob(-10, 10, symbol="a", doc="where the minimum lies: (a, a²)")] = 1.0
    b: Annotated[float, Knob(1e-3, 1e6, scale="log", symbol="b", doc="steepness of the walls")] = (
        100.0
    )

    window = ((-2.0, 2.0), (-1.0, 3.0))
    first_start = (-1.5, 2.0)
    log_scale = True

    @property
    def optima(self) -> tuple[Optimum, ...]:
        """The minimum at (a, a²)."""
        return (Optimum((self.a, self.a**2), 0.0),)

    def values(self, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        """See the formula."""
        return (self.a - x) ** 2 + self.b * (y - x * x) ** 2

    def derivatives(self, x: torch.Tensor, y: torch.Tensor) -> tuple[torch.Tensor, Tensors]:
        """Value and partial derivatives."""
        off, rise = x - self.a, y - x * x
        slope = (2 * self.b) * rise
        return off * off + self.b * rise * rise, (2 * (off - slope * x), slope)

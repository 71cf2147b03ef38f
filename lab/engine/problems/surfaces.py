"""Surfaces: functions of one or two variables in closed form, value and gradient.

A gradient written by hand costs a fraction of what gradient bookkeeping does on two numbers; the
tests hold every one of them against automatic differentiation. The surfaces themselves are in
`classics`, `multimodal`, `synthetic` and `onedim`; `formula` makes one of what a user types.
"""

from abc import abstractmethod
from collections.abc import Sequence

import torch

from lab.engine.layout import Layout
from lab.engine.problem import Batch, Problem

Tensors = tuple[torch.Tensor, ...]


class Surface(Problem):
    """A function of one or two variables.

    `derivatives` is the hot loop of the lab: on two numbers every tensor operation costs about the
    same, one with a Python number more than one without, so shared parts are computed once.
    """

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

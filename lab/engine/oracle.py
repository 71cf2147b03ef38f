"""All that a rule may ask of a problem at a point, and the count of what was asked.

The counts are what makes a race fair: they let the same runs be drawn against steps, gradient
evaluations or seconds.
"""

from typing import NamedTuple

import torch

from lab.engine.layout import Layout
from lab.engine.problem import Batches, Problem


class Counts(NamedTuple):
    """How often a run has asked, since its start."""

    values: int = 0
    gradients: int = 0
    products: int = 0


class Oracle:
    """A problem on the mini-batch of one step, seen by one batch of runs."""

    def __init__(self, problem: Problem, batches: Batches | None = None):
        """Look at a problem.

        Args:
            problem: what is evaluated.
            batches: the order of mini-batches, None for all data at every step.
        """
        self.problem = problem
        self.counts = Counts()
        self._batches = batches
        self._batch = None
        self._seen: tuple[torch.Tensor, torch.Tensor, torch.Tensor] | None = None

    @property
    def layout(self) -> Layout:
        """Names and shapes of the parameters."""
        return self.problem.layout

    def observe(self, theta: torch.Tensor, step: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Move to a step's mini-batch and look at the point there, for the record.

        This is not counted: a rule that then asks for the gradient at the same point is given what
        was seen here and pays for it; one that does not, does not.

        Args:
            theta: (runs, dim).
            step: which mini-batch.

        Returns:
            value (runs,) and gradient (runs, dim).
        """
        if self._batches is not None:
            self._batch = self._batches.at(step)
        value, gradient = self.problem.evaluate_with_gradient(theta, self._batch)
        self._seen = (theta, value, gradient)
        return value, gradient

    def value_and_gradient(self, theta: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Value (runs,) and gradient (runs, dim) at theta (runs, dim); counts one gradient."""
        values, gradients, products = self.counts
        self.counts = Counts(values, gradients + 1, products)
        if self._seen is not None and self._seen[0] is theta:
            return self._seen[1], self._seen[2]
        return self.problem.evaluate_with_gradient(theta, self._batch)

    def gradient(self, theta: torch.Tensor) -> torch.Tensor:
        """Gradient (runs, dim) at theta (runs, dim); counts one gradient."""
        return self.value_and_gradient(theta)[1]

    def of_run(self, run: int) -> "Oracle":
        """What one run alone sees on the present mini-batch: theta (1, dim), counts of its own."""
        alone = Oracle(self.problem)
        if self._batch is not None:
            alone._batch = self._batch[run : run + 1]
        return alone

    def value(self, theta: torch.Tensor) -> torch.Tensor:
        """Value (runs,) at theta (runs, dim); counts one value."""
        values, gradients, products = self.counts
        self.counts = Counts(values + 1, gradients, products)
        return self.problem.evaluate(theta, self._batch)

    def hessian_product(self, theta: torch.Tensor, vector: torch.Tensor) -> torch.Tensor:
        """Hessian times vector (runs, dim) at theta (runs, dim); counts one product."""
        values, gradients, products = self.counts
        self.counts = Counts(values, gradients, products + 1)
        return self.problem.products(theta, self._batch)(vector)

    def hessian(self, theta: torch.Tensor) -> torch.Tensor:
        """Exact Hessian (runs, dim, dim) at theta (runs, dim); counts `dim` products."""
        values, gradients, products = self.counts
        self.counts = Counts(values, gradients, products + self.problem.dim)
        return self.problem.hessian(theta, self._batch)

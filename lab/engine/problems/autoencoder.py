"""A linear autoencoder, all of whose critical points are known."""

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, NamedTuple

import torch

from lab.engine.catalogue import register
from lab.engine.knobs import Knob
from lab.engine.layout import Layout
from lab.engine.problem import Batch, Optimum, Problem


class CriticalPoint(NamedTuple):
    """A point of slope zero that is known beforehand."""

    kept: tuple[int, ...]  # which eigenvectors of the covariance the network keeps, from 0
    point: tuple[float, ...]  # one of its family: encoder and decoder mixed otherwise do as well
    value: float
    index: int  # how many eigenvalues of the Hessian are negative
    kind: str  # "minimum" or "saddle"


@register(
    "problem",
    "linear_autoencoder",
    title="Linear autoencoder",
    family="deep linear network",
    formula=r"\frac{1}{2} E |x - A B x|^2 = \frac{1}{2} \sum_j \lambda_j |(I - AB)\,e_j|^2",
    paper="Baldi & Hornik 1989, Neural Networks 2(1)",
    look="Every critical point keeps some eigenvectors of the data and forgets the others: one "
    "minimum, the principal components, and saddles where descent waits on its way there.",
)
@dataclass(frozen=True)
class LinearAutoencoder(Problem):
    """Encoder B and decoder A without nonlinearity, on data of a diagonal covariance.

    With n inputs, p units and different eigenvalues λ, the critical points are, up to the change
    (A C, C⁻¹ B), the sets I of at most p eigenvectors: their value is half the sum of the λ that
    are not in I, and the index is the number of pairs i in I, j not in I with λ_j > λ_i, plus
    (p - |I|)(n - |I|). No local minimum is there but the global one.
    """

    variances: Annotated[
        tuple[float, ...],
        Knob(1e-6, 1e6, symbol="λ", doc="the data's variance along each coordinate, all different"),
    ] = (5.0, 3.0, 2.0, 1.0, 0.4)
    units: Annotated[int, Knob(1, 64, symbol="p", doc="units between encoder and decoder")] = 2
    spread: Annotated[
        float, Knob(1e-6, 10, scale="log", doc="standard deviation of the weights at the start")
    ] = 0.1

    family = "network"
    log_scale = True

    def __post_init__(self):
        """Refuse variances that leave the critical points undetermined.

        Raises:
            ValueError: fewer than two variances, equal ones, or as many units as inputs.
        """
        if len(self.variances) < 2 or len(set(self.variances)) < len(self.variances):
            raise ValueError(
                f"variances = {list(self.variances)}: two or more different numbers are needed"
            )
        if self.units >= len(self.variances):
            raise ValueError(
                f"units = {self.units} is not allowed: fewer than the {len(self.variances)} "
                f"inputs are needed (nearest {len(self.variances) - 1})"
            )

    @property
    def layout(self) -> Layout:
        """Encoder B (p, n) and decoder A (n, p)."""
        inputs = len(self.variances)
        return Layout.of({"encoder": (self.units, inputs), "decoder": (inputs, self.units)})

    def start(self, generators: Sequence[torch.Generator]) -> torch.Tensor:
        """Normal weights of standard deviation `spread`."""
        draws = {"dtype": torch.float64}
        return self.spread * torch.stack(
            [torch.randn(self.dim, generator=g, **draws) for g in generators]
        )

    def evaluate(self, theta: torch.Tensor, batch: Batch | None = None) -> torch.Tensor:
        """Half the mean squared error: theta (runs, dim) -> (runs,)."""
        return 0.5 * (self._missing(theta).square() * self._weights(theta)).sum((1, 2))

    def evaluate_with_gradient(
        self, theta: torch.Tensor, batch: Batch | None = None
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Value (runs,) and closed-form gradient (runs, dim)."""
        missing = self._missing(theta)
        value = 0.5 * (missing.square() * self._weights(theta)).sum((1, 2))
        return value, self._gradient(theta, missing)

    def gradient_graph(self, theta: torch.Tensor, batch: Batch | None = None) -> torch.Tensor:
        """The closed-form gradient, differentiable once more."""
        return self._gradient(theta, self._missing(theta))

    def metrics(self, theta: torch.Tensor) -> Mapping[str, torch.Tensor]:
        """How far the error is above the least one."""
        return {"excess_loss": self.evaluate(theta) - self.critical_points[0].value}

    @property
    def optima(self) -> tuple[Optimum, ...]:
        """The principal components, one of the family."""
        best = self.critical_points[0]
        return (Optimum(best.point, best.value),)

    @cached_property
    def critical_points(self) -> tuple[CriticalPoint, ...]:
        """One of each family, by rising value: the minimum first, the origin last."""
        inputs, found = len(self.variances), []
        for count in range(self.units + 1):
            for kept in itertools.combinations(range(inputs), count):
                encoder = torch.zeros(self.units, inputs, dtype=torch.float64)
                encoder[range(count), list(kept)] = 1.0
                whole = self.layout.join({"encoder": encoder, "decoder": encoder.T.contiguous()})
                left = [v for j, v in enumerate(self.variances) if j not in kept]
                higher = sum(v > self.variances[i] for i in kept for v in left)
                index = higher + (self.units - count) * (inputs - count)
                value = math.fsum(left) / 2
                kind = "saddle" if index else "minimum"
                found.append(CriticalPoint(kept, tuple(whole.tolist()), value, index, kind))
        return tuple(sorted(found, key=lambda one: (one.value, one.index)))

    def _missing(self, theta: torch.Tensor) -> torch.Tensor:
        """What is left of each input after the network's output is taken off: (runs, n, n)."""
        parts = self.layout.split(theta)
        eye = torch.eye(len(self.variances), dtype=theta.dtype, device=theta.device)
        return eye - parts["decoder"] @ parts["encoder"]

    def _weights(self, like: torch.Tensor) -> torch.Tensor:
        return torch.tensor(self.variances, dtype=like.dtype, device=like.device)

    def _gradient(self, theta: torch.Tensor, missing: torch.Tensor) -> torch.Tensor:
        parts = self.layout.split(theta)
        pull = -missing * self._weights(theta)  # by the product A B
        return self.layout.join(
            {"encoder": parts["decoder"].mT @ pull, "decoder": pull @ parts["encoder"].mT}
        )

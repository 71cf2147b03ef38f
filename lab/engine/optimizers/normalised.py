"""Steps whose length does not follow the gradient's: normalised, β-normalised, clipped."""

from dataclasses import dataclass
from typing import Annotated

import torch

from lab.engine.catalogue import register
from lab.engine.knobs import Knob
from lab.engine.layout import Layout
from lab.engine.optimizers.knobs import LearningRate
from lab.engine.optimizers.parts import Parts, built_up
from lab.engine.optimizers.response import Response
from lab.engine.optimizers.rule import NoState, Rule
from lab.engine.oracle import Oracle


@register(
    "optimizer",
    "normalized_gd",
    title="Normalised gradient descent",
    family="first order",
    formula=r"x \leftarrow x - \eta\,g / \max(\|g\|, c)^\beta",
    paper="Chen, Zhou, Liang & Lu 2023, arXiv 2303.02854, β-GD",
    look="With β = 1 all steps have one length: quick over plateaus, calm on cliffs, and around "
    "the minimum a circle of radius about η that never closes in unless η falls.",
)
@dataclass(frozen=True)
class NormalizedGD(Rule):
    """Gradient descent with the gradient divided by a power of its norm over all parameters.

    β = 0 is gradient descent, β = 1 normalised gradient descent; the paper takes a β between 1 and
    the exponent with which the surface's curvature may grow with its slope. With a threshold c the
    norm counts as at least c, which for β = 1 is the clipped form of the authors' code. They leave
    0/0 at a stationary point; here such a point stays where it is.
    """

    lr: LearningRate = 1e-2
    beta: Annotated[
        float,
        Knob(
            0,
            1,
            symbol="β",
            live=True,
            doc="how far the step's length is freed of the gradient's: 0 not at all, 1 fully",
        ),
    ] = 1.0
    threshold: Annotated[
        float,
        Knob(
            0,
            1e9,
            scale="log",
            slider=(1e-4, 1e4),
            symbol="c",
            live=True,
            doc="gradients shorter than this keep their own length (clipping); 0 for none",
        ),
    ] = 0.0

    broadcasts = True

    def init(self, theta: torch.Tensor, layout: Layout) -> NoState:
        """Nothing is remembered."""
        return NoState()

    def update(
        self, theta: torch.Tensor, state: NoState, oracle: Oracle
    ) -> tuple[torch.Tensor, NoState]:
        """One step."""
        gradient = oracle.gradient(theta)
        return torch.addcmul(theta, gradient, self._rate(gradient), value=-1), state

    def parts(self, theta: torch.Tensor, state: NoState, oracle: Oracle) -> Parts:
        """Gradient, and what the division by its norm changes."""
        gradient = oracle.gradient(theta)
        return built_up(
            ("gradient", -self.lr * gradient),
            ("step size", -self._rate(gradient) * gradient),
        )

    def response(self, theta: torch.Tensor, state: NoState, oracle: Oracle) -> Response:
        """A gradient over a power of its norm."""
        rate = self._rate(oracle.gradient(theta))
        return Response(rate, torch.ones_like(rate), "2‖g‖ᵝ/η")

    def _rate(self, gradient: torch.Tensor) -> torch.Tensor:
        """What the gradient is multiplied by, (runs, 1)."""
        norm = torch.linalg.vector_norm(gradient, dim=1, keepdim=True)
        rate = self.lr / torch.maximum(norm, self.threshold).pow_(self.beta)
        return torch.where(norm > 0, rate, 0.0)

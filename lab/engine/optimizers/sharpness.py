"""Rules that look for flat places: the gradient is taken at a worse point nearby."""

from dataclasses import dataclass
from typing import Annotated

import torch

from lab.engine.catalogue import register
from lab.engine.knobs import Knob
from lab.engine.optimizers.first_order import VelocityRule, VelocityState, velocity_step
from lab.engine.optimizers.knobs import LearningRate, Momentum, WeightDecay
from lab.engine.oracle import Oracle

TINY = 1e-12  # added to the gradient's norm, so that a stationary point stays where it is


@register(
    "optimizer",
    "sam",
    title="SAM",
    family="flatness",
    formula=r"e = \rho\, g / \|g\|, \quad v \leftarrow \mu v + \nabla f(x + e) + \lambda x, "
    r"\quad x \leftarrow x - \eta v",
    paper="Foret, Kleiner, Mobahi & Neyshabur 2021, arXiv 2010.01412, algorithm 1",
)
@dataclass(frozen=True)
class SAM(VelocityRule):
    """Climbs a distance ρ uphill, takes the gradient there, and steps with it from where it was.

    Two gradients for each step. The base optimizer is SGD with momentum, which sees only the second
    gradient; the norm is over all parameters of a run together. The paper leaves 0/0 at a
    stationary point; here, as in the PyTorch version by davda54, 1e-12 is added to the norm. The
    adaptive form is that version's too: e = ρ x² g / ‖x g‖ for all parameters, where Kwon et al.
    2021 (arXiv 2102.11600) use (|x| + η')² in place of x².
    """

    lr: LearningRate = 1e-2
    rho: Annotated[
        float,
        Knob(
            0,
            1e3,
            scale="log",
            slider=(1e-3, 10.0),
            symbol="ρ",
            live=True,
            doc="how far uphill it looks: valleys narrower than this are left alone",
        ),
    ] = 0.05
    momentum: Momentum = 0.0
    weight_decay: WeightDecay = 0.0
    adaptive: Annotated[
        bool, Knob(doc="measure the distance relative to the size of each parameter (ASAM)")
    ] = False

    def update(
        self, theta: torch.Tensor, state: VelocityState, oracle: Oracle
    ) -> tuple[torch.Tensor, VelocityState]:
        """One step."""
        gradient = oracle.gradient(theta)
        worse = torch.addcmul(theta, *self._climb(theta, gradient))
        gradient = torch.addcmul(oracle.gradient(worse), theta, self.weight_decay)
        theta, velocity = velocity_step(theta, gradient, state.velocity, self.lr, self.momentum)
        return theta, VelocityState(state.step + 1, velocity)

    def _climb(
        self, theta: torch.Tensor, gradient: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Direction (runs, dim) and factor (runs, 1) of the way to the worse point."""
        measured = gradient * theta if self.adaptive else gradient
        norm = torch.linalg.vector_norm(measured, dim=1, keepdim=True)
        direction = measured * theta if self.adaptive else gradient
        return direction, self.rho / norm.add_(TINY)

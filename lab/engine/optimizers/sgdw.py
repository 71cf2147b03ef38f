"""SGDW: momentum with weight decay that is kept apart from the gradient."""

from dataclasses import dataclass
from typing import Annotated, Literal

import torch

from lab.engine.catalogue import register
from lab.engine.knobs import Knob
from lab.engine.limits import velocity_gain
from lab.engine.optimizers.arithmetic import shrunk
from lab.engine.optimizers.first_order import VelocityRule, VelocityState
from lab.engine.optimizers.knobs import DecoupledDecay, LearningRate, Momentum
from lab.engine.optimizers.parts import Parts, built_up
from lab.engine.optimizers.response import Response
from lab.engine.oracle import Oracle


@register(
    "optimizer",
    "sgdw",
    title="SGDW",
    family="first order",
    formula=r"v \leftarrow \mu v + g, \quad x \leftarrow (1 - \eta\lambda)\,x - \eta v",
    paper="Loshchilov & Hutter 2019, arXiv 1711.05101, algorithm 1",
    look="Beside the heavy ball with the same decay it shrinks evenly: what is taken off the "
    "parameters is not gathered in the velocity, so it does not swing.",
)
@dataclass(frozen=True)
class SGDW(VelocityRule):
    """Momentum with weight decay that stays out of the velocity.

    The formula is that of timm and pytorch_optimizer (`form="packages"`). In the paper
    (`form="paper"`) the velocity holds steps, m ← μm + ηg, so a turned learning rate leaves the old
    velocity alone, and the decay is λ times a schedule's multiplier, not times η; that multiplier
    is 1 here. At a constant rate the two agree where the paper's λ is the packages' ηλ.
    """

    lr: LearningRate = 1e-3
    momentum: Momentum = 0.9
    weight_decay: DecoupledDecay = 1e-2
    form: Annotated[
        Literal["packages", "paper"],
        Knob(doc="whether decay and old velocity follow a turned η (packages) or not (paper)"),
    ] = "packages"

    def update(
        self, theta: torch.Tensor, state: VelocityState, oracle: Oracle
    ) -> tuple[torch.Tensor, VelocityState]:
        """One step."""
        gradient = oracle.gradient(theta)
        if self.form == "paper":
            velocity = torch.addcmul(gradient * self.lr, state.velocity, self.momentum)
            theta = torch.addcmul(theta, theta, self.weight_decay, value=-1).sub_(velocity)
        else:
            velocity = torch.addcmul(gradient, state.velocity, self.momentum)
            smaller = shrunk(theta, self.lr, self.weight_decay)
            theta = smaller.addcmul_(velocity, self.lr, value=-1)
        return theta, VelocityState(state.step + 1, velocity)

    def parts(self, theta: torch.Tensor, state: VelocityState, oracle: Oracle) -> Parts:
        """Gradient, momentum, weight decay."""
        gradient, (_, after) = oracle.gradient(theta), self.update(theta, state, oracle)
        paper = self.form == "paper"
        moved = -after.velocity if paper else -self.lr * after.velocity
        decay = self.weight_decay if paper else self.lr * self.weight_decay
        return built_up(
            ("gradient", -self.lr * gradient),
            ("momentum", moved),
            ("weight decay", moved - decay * theta),
        )

    def response(self, theta: torch.Tensor, state: VelocityState, oracle: Oracle) -> Response:
        """A velocity, and decay that stays out of it."""
        paper = self.form == "paper"
        shrink = self.weight_decay if paper else self.lr * self.weight_decay
        formula = "(2−λ)(1+μ)/η" if paper else "(2−ηλ)(1+μ)/η"
        return Response(self.lr, velocity_gain(self.momentum), formula, shrink=shrink)

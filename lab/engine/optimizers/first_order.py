"""Rules that use the gradient as it is: plain descent, with momentum, with look-ahead."""

from dataclasses import dataclass
from typing import Annotated, NamedTuple

import torch

from lab.engine.catalogue import register
from lab.engine.knobs import Knob
from lab.engine.layout import Layout
from lab.engine.optimizers.rule import Rule
from lab.engine.oracle import Oracle


class MomentumState(NamedTuple):
    """State of `SGD`."""

    velocity: torch.Tensor  # (runs, dim)


@register(
    "optimizer",
    "sgd",
    title="SGD",
    family="first order",
    formula=r"v \leftarrow \mu v + (g + \lambda x), \quad x \leftarrow x - \eta v",
    paper="Robbins & Monro 1951; Polyak 1964; Nesterov 1983",
)
@dataclass(frozen=True)
class SGD(Rule):
    """A step along minus the gradient, with optional momentum and weight decay."""

    lr: Annotated[
        float,
        Knob(0, 1e6, scale="log", slider=(1e-5, 1.0), symbol="η", live=True, doc="learning rate"),
    ] = 1e-3
    momentum: Annotated[
        float, Knob(0, 1, excluded="high", symbol="μ", live=True, doc="momentum")
    ] = 0.0

    State = MomentumState

    def init(self, theta: torch.Tensor, layout: Layout) -> MomentumState:
        """No velocity yet."""
        return MomentumState(torch.zeros_like(theta))

    def update(
        self, theta: torch.Tensor, state: MomentumState, oracle: Oracle
    ) -> tuple[torch.Tensor, MomentumState]:
        """One step."""
        velocity = self.momentum * state.velocity + oracle.gradient(theta)
        return theta - self.lr * velocity, MomentumState(velocity)

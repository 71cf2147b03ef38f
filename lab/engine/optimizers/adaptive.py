"""Rules with a step size for each coordinate: the Adam family, AdaGrad, AdaDelta, RMSProp."""

from dataclasses import dataclass
from typing import Annotated, NamedTuple

import torch

from lab.engine.catalogue import register
from lab.engine.knobs import Knob
from lab.engine.layout import Layout
from lab.engine.optimizers.rule import Rule
from lab.engine.oracle import Oracle


class AdamState(NamedTuple):
    """State of `Adam`."""

    step: int
    mean: torch.Tensor  # (runs, dim), moving average of the gradient
    square: torch.Tensor  # (runs, dim), moving average of its square


@register(
    "optimizer",
    "adam",
    family="adaptive",
    formula=r"x \leftarrow x - \eta\,\hat m / (\sqrt{\hat v} + \epsilon)",
    paper="Kingma & Ba 2015, arXiv 1412.6980, algorithm 1",
)
@dataclass(frozen=True)
class Adam(Rule):
    """Momentum divided by the root of a moving average of squared gradients."""

    lr: Annotated[
        float,
        Knob(0, 1e6, scale="log", slider=(1e-5, 1.0), symbol="η", live=True, doc="learning rate"),
    ] = 1e-3
    beta1: Annotated[float, Knob(0, 1, excluded="high", symbol="β₁", live=True, doc="m")] = 0.9
    beta2: Annotated[float, Knob(0, 1, excluded="high", symbol="β₂", live=True, doc="v")] = 0.999
    eps: Annotated[float, Knob(0, 1, scale="log", slider=(1e-12, 1e-2), symbol="ε", live=True)] = (
        1e-8
    )

    State = AdamState

    def init(self, theta: torch.Tensor, layout: Layout) -> AdamState:
        """Nothing averaged yet."""
        zero = torch.zeros_like(theta)
        return AdamState(0, zero, zero)

    def update(
        self, theta: torch.Tensor, state: AdamState, oracle: Oracle
    ) -> tuple[torch.Tensor, AdamState]:
        """One step."""
        gradient = oracle.gradient(theta)
        step = state.step + 1
        mean = torch.lerp(gradient, state.mean, self.beta1)
        square = torch.lerp(gradient * gradient, state.square, self.beta2)
        root = (square / (1 - self.beta2**step)).sqrt_().add_(self.eps)
        theta = theta - self.lr / (1 - self.beta1**step) * mean / root
        return theta, AdamState(step, mean, square)

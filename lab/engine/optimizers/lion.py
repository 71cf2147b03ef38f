"""Lion: the sign of an averaged gradient."""

from dataclasses import dataclass
from typing import Annotated, NamedTuple

import torch

from lab.engine.catalogue import register
from lab.engine.knobs import Knob
from lab.engine.layout import Layout
from lab.engine.optimizers.arithmetic import shrunk
from lab.engine.optimizers.knobs import DecoupledDecay, LearningRate
from lab.engine.optimizers.parts import Parts, built_up
from lab.engine.optimizers.response import FIXED_LENGTH
from lab.engine.optimizers.rule import Rule
from lab.engine.oracle import Oracle


class LionState(NamedTuple):
    """State of `Lion`."""

    mean: torch.Tensor  # (runs, dim), m, moving average of the gradient


@register(
    "optimizer",
    "lion",
    title="Lion",
    family="adaptive",
    formula=r"x \leftarrow (1 - \eta\lambda)\,x - \eta\,\mathrm{sign}(\beta_1 m + (1-\beta_1) g), "
    r"\quad m \leftarrow \beta_2 m + (1 - \beta_2)\,g",
    paper="Chen et al. 2023, arXiv 2302.06675, algorithm 2",
    look="Every coordinate moves at the same speed η, along diagonals of the grid; near a minimum "
    "it does not settle but hops to and fro by η.",
)
@dataclass(frozen=True)
class Lion(Rule):
    """Only the sign of the averaged gradient counts, and one average is all the memory.

    As in the paper and in the packages lion-pytorch, pytorch_optimizer and optax. Where the average
    is exactly zero a coordinate stands still.
    """

    lr: LearningRate = 1e-4
    beta1: Annotated[
        float,
        Knob(
            0,
            1,
            excluded="high",
            slider=(0, 0.999),
            symbol="β₁",
            live=True,
            doc="how much of the average enters the step, beside this gradient",
        ),
    ] = 0.9
    beta2: Annotated[
        float,
        Knob(
            0,
            1,
            excluded="high",
            slider=(0, 0.999),
            symbol="β₂",
            live=True,
            doc="memory of the averaged gradient: 0.99 remembers about 100 steps",
        ),
    ] = 0.99
    weight_decay: DecoupledDecay = 0.0

    State = LionState
    no_limit = FIXED_LENGTH
    broadcasts = True

    def init(self, theta: torch.Tensor, layout: Layout) -> LionState:
        """Nothing averaged yet."""
        return LionState(torch.zeros_like(theta))

    def update(
        self, theta: torch.Tensor, state: LionState, oracle: Oracle
    ) -> tuple[torch.Tensor, LionState]:
        """One step."""
        gradient = oracle.gradient(theta)
        sign = torch.lerp(gradient, state.mean, self.beta1).sign_()
        smaller = shrunk(theta, self.lr, self.weight_decay)
        theta = smaller.addcmul_(sign, self.lr, value=-1)
        return theta, LionState(torch.lerp(gradient, state.mean, self.beta2))

    def parts(self, theta: torch.Tensor, state: LionState, oracle: Oracle) -> Parts:
        """Gradient, momentum, clipping (to the sign), weight decay."""
        gradient = oracle.gradient(theta)
        mixed = torch.lerp(gradient, state.mean, self.beta1)
        clipped = -self.lr * mixed.sign()
        return built_up(
            ("gradient", -self.lr * gradient),
            ("momentum", -self.lr * mixed),
            ("clipping", clipped),
            ("weight decay", clipped - self.lr * self.weight_decay * theta),
        )

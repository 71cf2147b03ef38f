"""Adam-atan2: Adam without ε, whose division is an arc tangent that can never be too large."""

from dataclasses import dataclass
from typing import Annotated

import torch

from lab.engine.catalogue import register
from lab.engine.knobs import Knob
from lab.engine.layout import Layout
from lab.engine.limits import average_gain
from lab.engine.optimizers.adam import Moments
from lab.engine.optimizers.arithmetic import filled, shrunk
from lab.engine.optimizers.knobs import Beta1, Beta2, DecoupledDecay, LearningRate
from lab.engine.optimizers.parts import Parts, built_up
from lab.engine.optimizers.response import Response
from lab.engine.optimizers.rule import Rule
from lab.engine.oracle import Oracle


@register(
    "optimizer",
    "adam_atan2",
    title="Adam-atan2",
    family="adaptive",
    formula=r"x \leftarrow (1 - \eta\lambda)\,x - \eta\,a\,\mathrm{atan2}(\hat m, b \sqrt{\hat v})",
    paper="Everett et al. 2024, arXiv 2407.05872, section on epsilon",
    look="Multiply the loss by a million or a millionth: the path stays the same, where Adam's ε "
    "would stop it. No coordinate moves further than ηaπ/2 in a step.",
)
@dataclass(frozen=True)
class AdamAtan2(Rule):
    """Adam in which the size of the gradient cancels altogether, with no ε to choose.

    For small steps atan2(m, b√v) is m / (b√v). The paper's plain form has a = b = 1; the defaults
    are those of the package adam-atan2-pytorch, a ≈ 4/π, with which a gradient that never changes
    gives steps of length η. A coordinate without any gradient stays where it is.
    """

    lr: LearningRate = 1e-4
    beta1: Beta1 = 0.9
    beta2: Beta2 = 0.99
    weight_decay: DecoupledDecay = 0.0
    a: Annotated[
        float,
        Knob(0, 100, slider=(0, 4), symbol="a", live=True, doc="scales the arc tangent"),
    ] = 1.27
    b: Annotated[
        float,
        Knob(
            0,
            100,
            slider=(0, 4),
            symbol="b",
            live=True,
            doc="scales the gradient's size: small values keep little more than the sign",
        ),
    ] = 1.0

    State = Moments
    broadcasts = True

    def init(self, theta: torch.Tensor, layout: Layout) -> Moments:
        """Nothing averaged yet."""
        return Moments(0, torch.zeros_like(theta), torch.zeros_like(theta))

    def update(
        self, theta: torch.Tensor, state: Moments, oracle: Oracle
    ) -> tuple[torch.Tensor, Moments]:
        """One step."""
        gradient = oracle.gradient(theta)
        step = state.step + 1
        mean = torch.lerp(gradient, state.mean, self.beta1)
        square = torch.lerp(gradient * gradient, state.square, self.beta2)
        angle = self._angle(mean, square, step)
        smaller = shrunk(theta, self.lr, self.weight_decay)
        return smaller.addcmul_(angle, self.lr * self.a, value=-1), Moments(step, mean, square)

    def parts(self, theta: torch.Tensor, state: Moments, oracle: Oracle) -> Parts:
        """Gradient, momentum, preconditioner (the arc tangent), weight decay."""
        gradient, (_, after) = oracle.gradient(theta), self.update(theta, state, oracle)
        mean = after.mean / filled(self.beta1, after.step)
        scaled = -self.lr * self.a * self._angle(after.mean, after.square, after.step)
        return built_up(
            ("gradient", -self.lr * gradient),
            ("momentum", -self.lr * mean),
            ("preconditioner", scaled),
            ("weight decay", scaled - self.lr * self.weight_decay * theta),
        )

    def response(self, theta: torch.Tensor, state: Moments, oracle: Oracle) -> Response:
        """An average over a root: small angles are their tangents."""
        _, after = self.update(theta, state, oracle)
        root = after.square.sqrt() * (self.b / filled(self.beta2, after.step).sqrt())
        return Response(
            self.lr,
            average_gain(self.beta1),
            "(2−ηλ)(1+β₁)/(1−β₁)η",
            root * filled(self.beta1, after.step) / self.a,
            shrink=self.lr * self.weight_decay,
        )

    def _angle(self, mean: torch.Tensor, square: torch.Tensor, step: int) -> torch.Tensor:
        """atan2(m̂, b√v̂), (runs, dim)."""
        size = square.sqrt().mul_(self.b / filled(self.beta2, step).sqrt_())
        return torch.atan2(mean / filled(self.beta1, step), size)

"""Gravity: a velocity driven by gradients that are squashed by the largest among them."""

from dataclasses import dataclass
from typing import Annotated, Literal

import torch

from lab.engine.catalogue import register
from lab.engine.knobs import Knob
from lab.engine.limits import average_gain
from lab.engine.optimizers.first_order import VelocityRule, VelocityState
from lab.engine.optimizers.knobs import LearningRate
from lab.engine.optimizers.parts import Parts, built_up
from lab.engine.optimizers.response import Response
from lab.engine.oracle import Oracle


@register(
    "optimizer",
    "gravity",
    title="Gravity",
    family="adaptive",
    formula=r"\zeta = g / (1 + (g \max|g|)^2), \quad \hat\beta = \frac{\beta t + 1}{t + 2}, \quad "
    r"V \leftarrow \hat\beta V + (1 - \hat\beta)\,\zeta, \quad x \leftarrow x - \eta V",
    paper="Bahrami & Zadeh 2021, arXiv 2101.09192",
    look="On a steep slope it hardly moves, for a large gradient is squashed to about its inverse "
    "cubed; it runs where slopes are gentle. The first steps are random.",
)
@dataclass(frozen=True)
class Gravity(VelocityRule):
    """Momentum whose gradients shrink where they are large, with a random push at the start.

    The largest gradient is taken within each tensor of the parameters. The rule is not invariant
    under scaling of the loss. The first velocity is normal with standard deviation α / η, zero
    where η is. The authors' two files count differently: t starts at 1 in their PyTorch file
    (`form="pytorch"`) and at 0 in their Keras file (`form="keras"`).
    """

    lr: LearningRate = 0.1
    alpha: Annotated[
        float,
        Knob(
            0,
            1e3,
            scale="log",
            slider=(1e-4, 1.0),
            symbol="α",
            live=True,
            doc="how far the random first velocity carries in a step, read at the start only",
        ),
    ] = 0.01
    beta: Annotated[
        float,
        Knob(
            0,
            1,
            excluded="high",
            slider=(0, 0.999),
            symbol="β",
            live=True,
            doc="how much of the velocity is kept after many steps; about half at the start",
        ),
    ] = 0.9
    form: Annotated[
        Literal["pytorch", "keras"],
        Knob(doc="whether steps are counted from 1 or from 0, as in the authors' two files"),
    ] = "pytorch"

    def update(
        self, theta: torch.Tensor, state: VelocityState, oracle: Oracle
    ) -> tuple[torch.Tensor, VelocityState]:
        """One step."""
        squashed = self._squashed(oracle.gradient(theta), oracle)
        velocity = torch.lerp(squashed, self._velocity(state, oracle), self._kept(state.step))
        theta = torch.addcmul(theta, velocity, self.lr, value=-1)
        return theta, VelocityState(state.step + 1, velocity)

    def parts(self, theta: torch.Tensor, state: VelocityState, oracle: Oracle) -> Parts:
        """Gradient, clipping (the squashing), momentum, and at the first step noise."""
        gradient = oracle.gradient(theta)
        squashed, kept = self._squashed(gradient, oracle), self._kept(state.step)
        whole = -self.lr * torch.lerp(squashed, self._velocity(state, oracle), kept)
        # the first velocity is nobody's gradient
        momentum = whole if state.step else -self.lr * (1 - kept) * squashed
        return built_up(
            ("gradient", -self.lr * gradient),
            ("clipping", -self.lr * squashed),
            ("momentum", momentum),
            ("noise", whole),
        )

    def response(self, theta: torch.Tensor, state: VelocityState, oracle: Oracle) -> Response:
        """An average of gradients, each over what squashes it."""
        gradient = oracle.gradient(theta)
        squashing = torch.nan_to_num(gradient / self._squashed(gradient, oracle), nan=1.0)
        gain = average_gain(self._kept(state.step))
        return Response(self.lr, gain, "2(1+β)/(1−β)η", squashing)

    def _squashed(self, gradient: torch.Tensor, oracle: Oracle) -> torch.Tensor:
        """ζ, (runs, dim)."""
        tensors = gradient.split(oracle.layout.sizes, dim=1)
        largest = [x.abs().amax(dim=1, keepdim=True).expand_as(x) for x in tensors]
        times = gradient * (largest[0] if len(largest) == 1 else torch.cat(largest, dim=1))
        return gradient / times.square_().add_(1)

    def _velocity(self, state: VelocityState, oracle: Oracle) -> torch.Tensor:
        """The velocity before the step, (runs, dim): drawn at the first one."""
        if state.step:
            return state.velocity
        spread = torch.where(self.lr > 0, self.alpha / self.lr, 0.0)
        return spread * oracle.noise.normal("velocity", state.velocity)

    def _kept(self, step: int) -> torch.Tensor:
        """The share of the old velocity, (runs, 1)."""
        t = step + 1 if self.form == "pytorch" else step
        return (self.beta * t + 1) / (t + 2)

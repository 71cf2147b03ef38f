"""NAdam and NadamW: Adam with Nesterov's look-ahead, and the three rules that are called NAdamW."""

import math
from dataclasses import dataclass
from typing import Annotated, Literal, NamedTuple

import torch

from lab.engine.catalogue import register
from lab.engine.knobs import Knob
from lab.engine.layout import Layout
from lab.engine.limits import average_gain
from lab.engine.optimizers.adam import AdamRule, Moments
from lab.engine.optimizers.arithmetic import filled, shared, shrunk
from lab.engine.optimizers.knobs import DecoupledDecay, LearningRate, WeightDecay
from lab.engine.optimizers.parts import Parts, built_up, descent_stages
from lab.engine.optimizers.response import Response
from lab.engine.oracle import Oracle


class NAdamState(NamedTuple):
    """State of `NAdam`."""

    step: int
    mean: torch.Tensor  # (runs, dim)
    square: torch.Tensor  # (runs, dim)
    product: torch.Tensor  # (runs, 1), of the momentum factors used so far


@register(
    "optimizer",
    "nadam",
    title="NAdam",
    family="adaptive",
    formula=r"x \leftarrow x - \eta \left[ \frac{(1-\mu_t)\,g}{1-\prod_{i \leq t} \mu_i} + "
    r"\frac{\mu_{t+1}\,m}{1-\prod_{i \leq t+1} \mu_i} \right] / (\sqrt{\hat v} + \epsilon)",
    paper="Dozat 2016, Incorporating Nesterov Momentum into Adam, ICLR workshop",
    look="Turns earlier than Adam where the slope changes: part of each step is this gradient "
    "itself, more of it in the first steps while the momentum warms up.",
)
@dataclass(frozen=True)
class NAdam(AdamRule):
    """Adam with Nesterov's look-ahead and a momentum that warms up.

    The factors are μ_t = β₁ (1 - 0.96^(tψ) / 2). As in torch.optim.NAdam m is the plain average
    with β₁; Dozat's averages with μ_t. With `decoupled_weight_decay` it is one of the three rules
    that are called NAdamW; the entry of that name has the two others.
    """

    lr: LearningRate = 2e-3
    weight_decay: WeightDecay = 0.0
    momentum_decay: Annotated[
        float,
        Knob(
            0,
            10,
            scale="log",
            slider=(1e-4, 1.0),
            symbol="ψ",
            live=True,
            doc="how fast the momentum grows from about half of β₁ to β₁; 0 keeps it at half",
        ),
    ] = 4e-3
    decoupled_weight_decay: Annotated[
        bool, Knob(doc="shrink the parameters by ηλ at each step instead of adding to the gradient")
    ] = False

    State = NAdamState

    def init(self, theta: torch.Tensor, layout: Layout) -> NAdamState:
        """Nothing averaged yet."""
        zero = torch.zeros_like(theta)
        return NAdamState(0, zero, zero, theta.new_ones(1, 1).expand(len(theta), 1))

    def update(
        self, theta: torch.Tensor, state: NAdamState, oracle: Oracle
    ) -> tuple[torch.Tensor, NAdamState]:
        """One step."""
        gradient = oracle.gradient(theta)
        if self.decoupled_weight_decay:
            smaller = shrunk(theta, self.lr, self.weight_decay)
        else:
            smaller, gradient = theta, torch.addcmul(gradient, theta, self.weight_decay)
        step = state.step + 1
        mean, square = self._average(gradient, state.mean, state.square)
        factor = self._momentum(step)
        product = (shared(state.product) * factor).expand(len(theta), 1)
        after = NAdamState(step, mean, square, product)
        ahead = self._look_ahead(gradient, after, factor)
        return torch.addcdiv(smaller, ahead, self._root(square, step), value=-1), after

    def parts(self, theta: torch.Tensor, state: NAdamState, oracle: Oracle) -> Parts:
        """Gradient, weight decay, momentum (with the look-ahead), preconditioner."""
        gradient, (_, after) = oracle.gradient(theta), self.update(theta, state, oracle)
        stages, decay = [("gradient", -self.lr * gradient)], self.lr * self.weight_decay * theta
        if not self.decoupled_weight_decay:
            stages = descent_stages(theta, gradient, self.lr, self.weight_decay)
            gradient, decay = torch.addcmul(gradient, theta, self.weight_decay), 0.0
        ahead = self._look_ahead(gradient, after, self._momentum(after.step))
        scaled = -ahead / self._root(after.square, after.step)
        stages = [*stages, ("momentum", -ahead), ("preconditioner", scaled)]
        return built_up(*stages, ("weight decay", scaled - decay))

    def response(self, theta: torch.Tensor, state: NAdamState, oracle: Oracle) -> Response:
        """This gradient and the average ahead of it over a root, each with a weight of its own."""
        _, after = self.update(theta, state, oracle)
        product, decay, apart = after.product, self.weight_decay, self.decoupled_weight_decay
        factor, then = self._momentum(after.step), self._momentum(after.step + 1)
        now, then = (1 - factor) / (1 - product), then / (1 - product * then)
        return Response(
            self.lr,
            now + then * average_gain(self.beta1),
            f"{'(2−ηλ)' if apart else '2'}(1+β₁)/(1−β₁)(1+2β₁)η",
            self._root(after.square, after.step),
            decay=None if apart else decay,
            shrink=self.lr * decay if apart else None,
        )

    def _look_ahead(
        self, gradient: torch.Tensor, after: NAdamState, factor: torch.Tensor
    ) -> torch.Tensor:
        """The step before it is scaled (runs, dim): this gradient and the average ahead of it."""
        lr, product, then = self.lr, shared(after.product), self._momentum(after.step + 1)
        fresh = gradient * (lr * (factor - 1) / (product - 1))
        return fresh.addcmul_(after.mean, lr * then / (product * then - 1), value=-1)

    def _momentum(self, step: int) -> torch.Tensor:
        """The factor μ_t of a step, (runs, 1), or (1, 1) where all runs share it."""
        grown = torch.exp(self.momentum_decay * (step * math.log(0.96)))
        return torch.addcmul(self.beta1, self.beta1, grown, value=-0.5)


@register(
    "optimizer",
    "nadamw",
    title="NadamW",
    family="adaptive",
    formula=r"n = \beta_1 m + (1 - \beta_1)\,g, \quad x \leftarrow (1 - \eta\lambda)\,x - "
    r"\eta\,\frac{n}{1 - \beta_1^t} / (\sqrt{\hat v} + \epsilon)",
    paper="Choi et al. 2019, arXiv 1910.05446, table 1 (NAdam), with decoupled decay",
    look="Runs a little ahead of AdamW: the newest gradient counts twice, once in the average and "
    "once beside it.",
)
@dataclass(frozen=True)
class NadamW(AdamRule):
    """AdamW that steps along the average as it will be after one more gradient like this one.

    Three rules go by this name. `form="timm"` is the formula above, as in timm and MLCommons: both
    parts of n are corrected by 1 - β₁ᵗ. `form="optax"` corrects the average by 1 - β₁ᵗ⁺¹ and only
    the gradient by 1 - β₁ᵗ, as in optax.nadamw. The third, torch.optim.NAdam with decoupled decay,
    has a momentum that warms up: it is the entry NAdam with `decoupled_weight_decay`.
    """

    weight_decay: DecoupledDecay = 1e-2
    form: Annotated[
        Literal["timm", "optax"],
        Knob(doc="how average and gradient are corrected for the start at zero: alike, or apart"),
    ] = "timm"

    State = Moments

    def init(self, theta: torch.Tensor, layout: Layout) -> Moments:
        """Nothing averaged yet."""
        return Moments(0, torch.zeros_like(theta), torch.zeros_like(theta))

    def update(
        self, theta: torch.Tensor, state: Moments, oracle: Oracle
    ) -> tuple[torch.Tensor, Moments]:
        """One step."""
        gradient = oracle.gradient(theta)
        step = state.step + 1
        mean, square = self._average(gradient, state.mean, state.square)
        ahead, root = self._look_ahead(gradient, mean, step), self._root(square, step)
        smaller = shrunk(theta, self.lr, self.weight_decay)
        return smaller.addcdiv_(ahead, root, value=-1), Moments(step, mean, square)

    def parts(self, theta: torch.Tensor, state: Moments, oracle: Oracle) -> Parts:
        """Gradient, momentum (with the look-ahead), preconditioner, weight decay."""
        gradient, (_, after) = oracle.gradient(theta), self.update(theta, state, oracle)
        ahead = self._look_ahead(gradient, after.mean, after.step)
        scaled = -ahead / self._root(after.square, after.step)
        return built_up(
            ("gradient", -self.lr * gradient),
            ("momentum", -ahead),
            ("preconditioner", scaled),
            ("weight decay", scaled - self.lr * self.weight_decay * theta),
        )

    def response(self, theta: torch.Tensor, state: Moments, oracle: Oracle) -> Response:
        """An average, once more with the gradient, over a root; decay that stays out of both."""
        _, after = self.update(theta, state, oracle)
        answer = self._response(
            after.step,
            self._root(after.square, after.step),
            shrink=self.lr * self.weight_decay,
        )
        now, then = 1 - self.beta1, self.beta1 * average_gain(self.beta1)
        if self.form == "optax":
            then = then * filled(self.beta1, after.step) / filled(self.beta1, after.step + 1)
        return answer._replace(gain=now + then, formula="(2−ηλ)(1+β₁)/(1−β₁)(1+2β₁)η")

    def _look_ahead(self, gradient: torch.Tensor, mean: torch.Tensor, step: int) -> torch.Tensor:
        """The step before it is scaled, η n with its correction (runs, dim)."""
        if self.form == "optax":
            now = gradient * (self.lr * filled(self.beta1, 1) / filled(self.beta1, step))
            then = self.lr * self.beta1 / filled(self.beta1, step + 1)
            return now.addcmul_(mean, then)
        return self._coasting(torch.lerp(gradient, mean, self.beta1), step)

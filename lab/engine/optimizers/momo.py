"""MoMo: the loss and its gradients, averaged, make a model whose minimum sets the step length."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, ClassVar, NamedTuple

import torch

from lab.engine.catalogue import register
from lab.engine.knobs import Knob
from lab.engine.layout import Layout
from lab.engine.limits import average_gain
from lab.engine.optimizers.arithmetic import filled
from lab.engine.optimizers.knobs import (
    Beta1,
    Beta2,
    DecoupledDecay,
    Epsilon,
    LearningRate,
    LowerBound,
)
from lab.engine.optimizers.lengths import dot
from lab.engine.optimizers.parts import Parts, built_up
from lab.engine.optimizers.response import Response
from lab.engine.optimizers.rule import Rule
from lab.engine.oracle import Oracle


class Model(NamedTuple):
    """The averaged linear model of the loss, max(mean + <slope, y> - offset, f*) at a point y."""

    loss: torch.Tensor  # (runs, 1), average of the losses
    slope: torch.Tensor  # (runs, dim), average of the gradients, d
    offset: torch.Tensor  # (runs, 1), average of <g, x>


class MoMoState(NamedTuple):
    """State of `MoMo`."""

    step: int
    loss: torch.Tensor  # (runs, 1)
    slope: torch.Tensor  # (runs, dim)
    offset: torch.Tensor  # (runs, 1)
    bound: torch.Tensor  # (runs, 1), lower bound of the loss found so far
    size: torch.Tensor  # (runs, 1), the last step length τ


@dataclass(frozen=True)
class ModelRule(Rule):
    """What MoMo and MoMo-Adam share: the model, and how far to step on it."""

    lr: LearningRate = 1.0
    lb: LowerBound = 0.0
    use_fstar: Annotated[
        bool, Knob(doc="find a better lower bound of the loss from the model while it runs")
    ] = False

    readings: ClassVar = {
        "step_size": "step length that the model asks for, at most the learning rate",
        "lower_bound": "what the loss is taken to be bounded by from below",
    }

    def read(self, theta: torch.Tensor, state: NamedTuple) -> Mapping[str, torch.Tensor]:
        """Step length of the last step, NaN before the first, and the bound for the next."""
        bound = state.bound if self.use_fstar else self.lb.expand_as(state.bound)
        return {"step_size": state.size[:, 0], "lower_bound": bound[:, 0]}

    def _gathered(
        self, theta: torch.Tensor, had: Model, oracle: Oracle, beta: torch.Tensor, whole: bool
    ) -> tuple[Model, torch.Tensor]:
        """The model with the loss at theta in it (nothing but it if whole), and the gradient."""
        value, gradient = oracle.value_and_gradient(theta)
        now = Model(value[:, None], gradient, dot(gradient, theta))
        mixed = (torch.lerp(new, old, beta) for new, old in zip(now, had, strict=True))
        return now if whole else Model(*mixed), gradient

    def _length(
        self,
        theta: torch.Tensor,
        model: Model,
        direction: torch.Tensor,
        bound: torch.Tensor,
        share: torch.Tensor | float,
        shrink: torch.Tensor,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """How far to go, and the lower bound for the next step.

        Args:
            theta: (runs, dim).
            model: the model.
            direction: (runs, dim), its slope, preconditioned.
            bound: (runs, 1), lower bound found so far.
            share: (runs, 1), how much of the averages has been filled, 1 - β^t or 1.
            shrink: (runs, 1), 1 + ηλ.

        Returns:
            τ and the bound, both (runs, 1).
        """
        size = dot(model.slope, direction)
        way = dot(model.slope, theta)
        if not self.use_fstar:
            bound = self.lb.expand_as(size)
        cap = shrink * (model.loss - model.offset) + way
        if self.use_fstar:
            above = torch.maximum(cap / (2 * shrink * share), self.lb)
            bound = torch.where(cap < shrink * share * bound, above, bound)
        gap = (cap - shrink * share * bound).clamp(min=0)
        polyak = torch.where(size > 0, gap / size, 0.0)
        length = torch.minimum(self.lr / share, polyak)
        if self.use_fstar:
            reached = (model.loss + way - model.offset - length * size / 2) / share
            bound = torch.maximum(reached, self.lb)
        return length, bound

    def _none(self, theta: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """Loss, slope, offset, bound and step length before the first step."""
        none = torch.zeros_like(theta[:, :1])
        return none, torch.zeros_like(theta), none, none + self.lb, torch.full_like(none, torch.nan)


@register(
    "optimizer",
    "momo",
    title="MoMo",
    family="learning-rate-free",
    formula=r"\tau = \min\left(\eta, \frac{(\bar f + \langle d, x \rangle - \gamma - f^*)_+}"
    r"{\|d\|^2}\right), \quad x \leftarrow (x - \tau d) / (1 + \eta\lambda)",
    paper="Schaipp, Ohana, Eickenberg, Defazio & Gower 2023, arXiv 2305.07583, algorithm 1",
    look="The step length as a curve: far from the minimum it sits at its cap η, near it the loss "
    "runs towards its bound and the steps shrink by themselves. A far too large η does no harm.",
)
@dataclass(frozen=True)
class MoMo(ModelRule):
    """Momentum with a Polyak step length: as far as the averaged model needs to reach the bound.

    As in the package momo-opt 0.1.0. Averages start at the first loss and gradient, or at zero
    with a correction (`bias_correction`); weight decay is the proximal division by 1 + ηλ. The
    learning rate is only the longest step allowed.
    """

    beta: Beta1 = 0.9
    weight_decay: DecoupledDecay = 0.0
    bias_correction: Annotated[
        bool,
        Knob(doc="averages that start at zero and are corrected, instead of at the first loss"),
    ] = False

    State = MoMoState

    def init(self, theta: torch.Tensor, layout: Layout) -> MoMoState:
        """Nothing averaged yet."""
        return MoMoState(0, *self._none(theta))

    def update(
        self, theta: torch.Tensor, state: MoMoState, oracle: Oracle
    ) -> tuple[torch.Tensor, MoMoState]:
        """One step."""
        whole = state.step == 0 and not self.bias_correction
        model, _ = self._gathered(theta, Model(*state[1:4]), oracle, self.beta, whole)
        share = filled(self.beta, state.step + 1) if self.bias_correction else 1.0
        shrink = 1 + self.lr * self.weight_decay
        size, bound = self._length(theta, model, model.slope, state.bound, share, shrink)
        theta = torch.addcmul(theta, model.slope, size, value=-1).div_(shrink)
        return theta, MoMoState(state.step + 1, *model, bound, size)

    def parts(self, theta: torch.Tensor, state: MoMoState, oracle: Oracle) -> Parts:
        """Gradient, momentum, step size, weight decay."""
        gradient, (_, after) = oracle.gradient(theta), self.update(theta, state, oracle)
        way = after.size * after.slope
        return built_up(
            ("gradient", -self.lr * gradient),
            ("momentum", -self.lr * after.slope),
            ("step size", -way),
            ("weight decay", (theta - way) / (1 + self.lr * self.weight_decay) - theta),
        )

    def response(self, theta: torch.Tensor, state: MoMoState, oracle: Oracle) -> Response:
        """An averaged gradient with the step length that was found."""
        _, after = self.update(theta, state, oracle)
        whole = 1 + self.lr * self.weight_decay
        gain = average_gain(self.beta)
        return Response(after.size / whole, gain, "(2+ηλ)(1+β)/(1−β)τ", shrink=1 - 1 / whole)


class MoMoAdamState(NamedTuple):
    """State of `MoMoAdam`."""

    step: int
    loss: torch.Tensor  # (runs, 1)
    slope: torch.Tensor  # (runs, dim)
    offset: torch.Tensor  # (runs, 1)
    bound: torch.Tensor  # (runs, 1)
    size: torch.Tensor  # (runs, 1)
    square: torch.Tensor  # (runs, dim), v, average of squared gradients


@register(
    "optimizer",
    "momo_adam",
    title="MoMo-Adam",
    family="learning-rate-free",
    formula=r"\tau = \min\left(\frac{\eta}{\rho}, \frac{(\bar f - \rho f^* + \langle d, x \rangle "
    r"- \gamma)_+}{\langle d, D^{-1} d \rangle}\right), \quad "
    r"x \leftarrow x - \tau D^{-1} d, \quad D = \sqrt{\hat v} + \epsilon",
    paper="Schaipp, Ohana, Eickenberg, Defazio & Gower 2023, arXiv 2305.07583, algorithm 2",
    look="Adam's path as long as the step length sits at its cap; where Adam circles the minimum "
    "at a distance of about η, the step length here falls and the path ends.",
)
@dataclass(frozen=True)
class MoMoAdam(ModelRule):
    """MoMo measured in Adam's coordinates: its preconditioner, its averages that start at zero.

    As in the package momo-opt 0.1.0. Weight decay divides by 1 + ηλ after the step; without
    `divide` it multiplies by 1 - ηλ before the step, as AdamW does.
    """

    lr: LearningRate = 1e-2
    beta1: Beta1 = 0.9
    beta2: Beta2 = 0.999
    eps: Epsilon = 1e-8
    weight_decay: DecoupledDecay = 0.0
    divide: Annotated[
        bool, Knob(doc="weight decay by division after the step instead of as in AdamW")
    ] = True

    State = MoMoAdamState

    def init(self, theta: torch.Tensor, layout: Layout) -> MoMoAdamState:
        """Nothing averaged yet."""
        return MoMoAdamState(0, *self._none(theta), torch.zeros_like(theta))

    def update(
        self, theta: torch.Tensor, state: MoMoAdamState, oracle: Oracle
    ) -> tuple[torch.Tensor, MoMoAdamState]:
        """One step."""
        had, step = Model(*state[1:4]), state.step + 1
        model, gradient = self._gathered(theta, had, oracle, self.beta1, whole=False)
        square = torch.lerp(gradient * gradient, state.square, self.beta2)
        direction = model.slope / self._root(square, step)
        shrink, share = 1 + self.lr * self.weight_decay, filled(self.beta1, step)
        size, bound = self._length(theta, model, direction, state.bound, share, shrink)
        if self.divide:
            theta = torch.addcmul(theta, direction, size, value=-1).div_(shrink)
        else:
            theta = theta * (2 - shrink)
            theta = torch.addcmul(theta, direction, size, value=-1)
        return theta, MoMoAdamState(step, *model, bound, size, square)

    def parts(self, theta: torch.Tensor, state: MoMoAdamState, oracle: Oracle) -> Parts:
        """Gradient, momentum, preconditioner, step size, weight decay."""
        gradient, (_, after) = oracle.gradient(theta), self.update(theta, state, oracle)
        direction = after.slope / self._root(after.square, after.step)
        longest, way = self.lr / filled(self.beta1, after.step), after.size * direction
        pull = self.lr * self.weight_decay
        decayed = (theta - way) / (1 + pull) - theta if self.divide else -way - theta * pull
        return built_up(
            ("gradient", -self.lr * gradient),
            ("momentum", -longest * after.slope),
            ("preconditioner", -longest * direction),
            ("step size", -way),
            ("weight decay", decayed),
        )

    def response(self, theta: torch.Tensor, state: MoMoAdamState, oracle: Oracle) -> Response:
        """An average over a root, with the step length that was found."""
        _, after = self.update(theta, state, oracle)
        decay = self.lr * self.weight_decay
        whole = 1 + decay if self.divide else torch.ones_like(decay)
        return Response(
            after.size / whole,
            average_gain(self.beta1),
            f"(2{'+' if self.divide else '−'}ηλ)(1+β₁)/(1−β₁)τ",
            self._root(after.square, after.step),
            shrink=decay / whole,
        )

    def _root(self, square: torch.Tensor, step: int) -> torch.Tensor:
        """D, what the slope is divided by."""
        return (square / filled(self.beta2, step)).sqrt_().add_(self.eps)

"""Adam and its relatives: an averaged gradient over the root of its averaged square."""

from dataclasses import dataclass
from typing import Annotated, Literal, NamedTuple

import torch

from lab.engine.catalogue import register
from lab.engine.knobs import Knob
from lab.engine.layout import Layout
from lab.engine.limits import average_gain
from lab.engine.optimizers.arithmetic import filled, shrunk
from lab.engine.optimizers.knobs import (
    Beta1,
    Beta2,
    DecoupledDecay,
    Epsilon,
    LearningRate,
    WeightDecay,
)
from lab.engine.optimizers.parts import Parts, built_up, descent_stages
from lab.engine.optimizers.response import Response
from lab.engine.optimizers.rule import Rule
from lab.engine.oracle import Oracle

EpsilonPlace = Literal["outside", "uncorrected", "inside"]


class Moments(NamedTuple):
    """State of Adam: moving averages that start at zero."""

    step: int
    mean: torch.Tensor  # (runs, dim), m, of the gradient
    square: torch.Tensor  # (runs, dim), v, of its square


@dataclass(frozen=True)
class AdamRule(Rule):
    """The knobs and the arithmetic that Adam and its relatives share."""

    broadcasts = True

    lr: LearningRate = 1e-3
    beta1: Beta1 = 0.9
    beta2: Beta2 = 0.999
    eps: Epsilon = 1e-8

    def _average(
        self, gradient: torch.Tensor, mean: torch.Tensor, square: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """The two averages with one more gradient in them, all (runs, dim)."""
        mean = torch.lerp(gradient, mean, self.beta1)
        return mean, torch.lerp(gradient * gradient, square, self.beta2)

    def _step(
        self, theta: torch.Tensor, mean: torch.Tensor, square: torch.Tensor, step: int
    ) -> torch.Tensor:
        """Adam's step: averages corrected for their start at zero, ε outside the root."""
        return torch.addcdiv(theta, self._coasting(mean, step), self._root(square, step), value=-1)

    def _coasting(self, mean: torch.Tensor, step: int) -> torch.Tensor:
        """The step that the averaged gradient alone would make, η m̂."""
        return mean * (self.lr / filled(self.beta1, step))

    def _root(
        self, square: torch.Tensor, step: int, place: EpsilonPlace = "outside"
    ) -> torch.Tensor:
        """What it is divided by: √v̂ + ε, √(v̂ + ε), or (√v + ε) over the correction of √v."""
        full = filled(self.beta2, step)
        if place == "inside":
            return (square / full).add_(self.eps).sqrt_()
        if place == "uncorrected":
            return square.sqrt().add_(self.eps).div_(full.sqrt_())
        return (square / full).sqrt_().add_(self.eps)

    def _response(
        self,
        step: int,
        root: torch.Tensor,
        *,
        decay: torch.Tensor | None = None,
        shrink: torch.Tensor | None = None,
    ) -> Response:
        """How a step answers curvature.

        Args:
            step: t, of the step in question.
            root: (runs, dim), what its averaged gradient was divided by.
            decay: (runs, 1), weight decay that is added to the gradient.
            shrink: (runs, 1), what decoupled decay takes.
        """
        divisor = root * filled(self.beta1, step)
        formula = f"{'2' if shrink is None else '(2−ηλ)'}(1+β₁)/(1−β₁)η"
        gain = average_gain(self.beta1)
        return Response(self.lr, gain, formula, divisor, decay=decay, shrink=shrink)


@register(
    "optimizer",
    "adam",
    family="adaptive",
    formula=r"x \leftarrow x - \eta\,\hat m / (\sqrt{\hat v} + \epsilon)",
    paper="Kingma & Ba 2015, arXiv 1412.6980, algorithm 1",
    look="The first step is η long in every coordinate, whatever the slope. In a narrow valley the "
    "preconditioner turns the step from the steep direction towards the floor.",
)
@dataclass(frozen=True)
class Adam(AdamRule):
    """Momentum divided by the root of a moving average of squared gradients.

    As in the paper's algorithm and in torch.optim.Adam; weight decay is torch's addition to the
    gradient. The faster order of operations that the paper gives after its algorithm, which Keras
    and TensorFlow use, adds ε to √v before that is corrected for its start at zero
    (`eps_place="uncorrected"`); some codes have √(v̂ + ε) (`eps_place="inside"`).
    """

    weight_decay: WeightDecay = 0.0
    eps_place: Annotated[
        EpsilonPlace,
        Knob(doc="where ε is added: to √v̂, to √v before it is corrected, or inside the root"),
    ] = "outside"

    State = Moments

    def init(self, theta: torch.Tensor, layout: Layout) -> Moments:
        """Nothing averaged yet."""
        return Moments(0, torch.zeros_like(theta), torch.zeros_like(theta))

    def update(
        self, theta: torch.Tensor, state: Moments, oracle: Oracle
    ) -> tuple[torch.Tensor, Moments]:
        """One step."""
        gradient = torch.addcmul(oracle.gradient(theta), theta, self.weight_decay)
        step = state.step + 1
        mean, square = self._average(gradient, state.mean, state.square)
        coasting, root = self._coasting(mean, step), self._root(square, step, self.eps_place)
        return torch.addcdiv(theta, coasting, root, value=-1), Moments(step, mean, square)

    def parts(self, theta: torch.Tensor, state: Moments, oracle: Oracle) -> Parts:
        """Gradient, weight decay, momentum, preconditioner."""
        gradient, (_, after) = oracle.gradient(theta), self.update(theta, state, oracle)
        coasting = self._coasting(after.mean, after.step)
        root = self._root(after.square, after.step, self.eps_place)
        return built_up(
            *descent_stages(theta, gradient, self.lr, self.weight_decay),
            ("momentum", -coasting),
            ("preconditioner", -coasting / root),
        )

    def response(self, theta: torch.Tensor, state: Moments, oracle: Oracle) -> Response:
        """An average over a root."""
        _, after = self.update(theta, state, oracle)
        root = self._root(after.square, after.step, self.eps_place)
        return self._response(after.step, root, decay=self.weight_decay)


@register(
    "optimizer",
    "adamw",
    title="AdamW",
    family="adaptive",
    formula=r"x \leftarrow (1 - \eta\lambda)\,x - \eta\,\hat m / (\sqrt{\hat v} + \epsilon)",
    paper="Loshchilov & Hutter 2019, arXiv 1711.05101, algorithm 2",
    look="Far out, or where the gradient is small, the path is drawn straight towards zero by the "
    "same share of its distance at every step; Adam's own decay is divided away.",
)
@dataclass(frozen=True)
class AdamW(AdamRule):
    """Adam with weight decay that the division by the gradient's size does not touch.

    As in torch.optim.AdamW the decay is ηλ; in the paper it is λ times the schedule's multiplier
    and does not change with the learning rate.
    """

    weight_decay: DecoupledDecay = 1e-2

    State = Moments

    def init(self, theta: torch.Tensor, layout: Layout) -> Moments:
        """Nothing averaged yet."""
        return Moments(0, torch.zeros_like(theta), torch.zeros_like(theta))

    def update(
        self, theta: torch.Tensor, state: Moments, oracle: Oracle
    ) -> tuple[torch.Tensor, Moments]:
        """One step."""
        step = state.step + 1
        mean, square = self._average(oracle.gradient(theta), state.mean, state.square)
        smaller = shrunk(theta, self.lr, self.weight_decay)
        return self._step(smaller, mean, square, step), Moments(step, mean, square)

    def parts(self, theta: torch.Tensor, state: Moments, oracle: Oracle) -> Parts:
        """Gradient, momentum, preconditioner, weight decay."""
        gradient, (_, after) = oracle.gradient(theta), self.update(theta, state, oracle)
        coasting = self._coasting(after.mean, after.step)
        scaled = -coasting / self._root(after.square, after.step)
        return built_up(
            ("gradient", -self.lr * gradient),
            ("momentum", -coasting),
            ("preconditioner", scaled),
            ("weight decay", scaled - self.lr * self.weight_decay * theta),
        )

    def response(self, theta: torch.Tensor, state: Moments, oracle: Oracle) -> Response:
        """An average over a root, and decay that stays out of both."""
        _, after = self.update(theta, state, oracle)
        root = self._root(after.square, after.step)
        return self._response(after.step, root, shrink=self.lr * self.weight_decay)


class AMSGradState(NamedTuple):
    """State of `AMSGrad`."""

    step: int
    mean: torch.Tensor  # (runs, dim)
    square: torch.Tensor  # (runs, dim)
    largest: torch.Tensor  # (runs, dim), the largest `square` so far


@register(
    "optimizer",
    "amsgrad",
    title="AMSGrad",
    family="adaptive",
    formula=r"v^{\max} \leftarrow \max(v^{\max}, v), \quad "
    r"x \leftarrow x - \eta\,\hat m / (\sqrt{\hat v^{\max}} + \epsilon)",
    paper="Reddi, Kale & Kumar 2018, arXiv 1904.09237, algorithm 2",
    look="After one steep place the steps stay short for good, where Adam's grow again once it has "
    "forgotten it.",
)
@dataclass(frozen=True)
class AMSGrad(AdamRule):
    """Adam whose divisor never shrinks, so that one large gradient is never forgotten.

    As in torch.optim.Adam(amsgrad=True) the largest uncorrected v is kept and then corrected. The
    paper corrects neither average and has no ε; `bias_correction=False` is its form, with an ε.
    """

    weight_decay: WeightDecay = 0.0
    bias_correction: Annotated[
        bool, Knob(doc="make up for averages that start at zero, as torch does and the paper not")
    ] = True

    State = AMSGradState

    def init(self, theta: torch.Tensor, layout: Layout) -> AMSGradState:
        """Nothing averaged yet."""
        return AMSGradState(0, *(torch.zeros_like(theta) for _ in range(3)))

    def update(
        self, theta: torch.Tensor, state: AMSGradState, oracle: Oracle
    ) -> tuple[torch.Tensor, AMSGradState]:
        """One step."""
        gradient = torch.addcmul(oracle.gradient(theta), theta, self.weight_decay)
        step = state.step + 1
        mean, square = self._average(gradient, state.mean, state.square)
        largest = torch.maximum(state.largest, square)
        if self.bias_correction:
            theta = self._step(theta, mean, largest, step)
        else:
            root = largest.sqrt().add_(self.eps)
            theta = torch.addcdiv(theta, mean * self.lr, root, value=-1)
        return theta, AMSGradState(step, mean, square, largest)

    def parts(self, theta: torch.Tensor, state: AMSGradState, oracle: Oracle) -> Parts:
        """Gradient, weight decay, momentum, preconditioner."""
        gradient, (_, after) = oracle.gradient(theta), self.update(theta, state, oracle)
        if self.bias_correction:
            coasting = self._coasting(after.mean, after.step)
            root = self._root(after.largest, after.step)
        else:
            coasting, root = self.lr * after.mean, after.largest.sqrt() + self.eps
        return built_up(
            *descent_stages(theta, gradient, self.lr, self.weight_decay),
            ("momentum", -coasting),
            ("preconditioner", -coasting / root),
        )

    def response(self, theta: torch.Tensor, state: AMSGradState, oracle: Oracle) -> Response:
        """An average over the largest root."""
        _, after = self.update(theta, state, oracle)
        if self.bias_correction:
            root = self._root(after.largest, after.step)
            return self._response(after.step, root, decay=self.weight_decay)
        root = after.largest.sqrt() + self.eps
        plain = self._response(1, root, decay=self.weight_decay)
        return plain._replace(divisor=root)


class AdaMaxState(NamedTuple):
    """State of `AdaMax`."""

    step: int
    mean: torch.Tensor  # (runs, dim)
    size: torch.Tensor  # (runs, dim), u, decaying maximum of the gradient's size


@register(
    "optimizer",
    "adamax",
    title="AdaMax",
    family="adaptive",
    formula=r"u \leftarrow \max(\beta_2 u, |g| + \epsilon), \quad "
    r"x \leftarrow x - \frac{\eta}{1 - \beta_1^t}\, m / u",
    paper="Kingma & Ba 2015, arXiv 1412.6980, algorithm 2",
    look="No coordinate ever moves much further than η in a step: a sudden steep place shortens "
    "the steps at once and for about 1 / (1 - β₂) steps.",
)
@dataclass(frozen=True)
class AdaMax(AdamRule):
    """Adam with the largest recent gradient in place of the root mean square.

    As in torch.optim.Adamax ε is inside the maximum; the paper has none.
    """

    lr: LearningRate = 2e-3
    weight_decay: WeightDecay = 0.0

    State = AdaMaxState

    def init(self, theta: torch.Tensor, layout: Layout) -> AdaMaxState:
        """Nothing gathered yet."""
        return AdaMaxState(0, torch.zeros_like(theta), torch.zeros_like(theta))

    def update(
        self, theta: torch.Tensor, state: AdaMaxState, oracle: Oracle
    ) -> tuple[torch.Tensor, AdaMaxState]:
        """One step."""
        gradient = torch.addcmul(oracle.gradient(theta), theta, self.weight_decay)
        step = state.step + 1
        mean = torch.lerp(gradient, state.mean, self.beta1)
        size = torch.maximum(state.size * self.beta2, gradient.abs().add_(self.eps))
        theta = torch.addcdiv(theta, self._coasting(mean, step), size, value=-1)
        return theta, AdaMaxState(step, mean, size)

    def parts(self, theta: torch.Tensor, state: AdaMaxState, oracle: Oracle) -> Parts:
        """Gradient, weight decay, momentum, preconditioner."""
        gradient, (_, after) = oracle.gradient(theta), self.update(theta, state, oracle)
        coasting = self._coasting(after.mean, after.step)
        return built_up(
            *descent_stages(theta, gradient, self.lr, self.weight_decay),
            ("momentum", -coasting),
            ("preconditioner", -coasting / after.size),
        )

    def response(self, theta: torch.Tensor, state: AdaMaxState, oracle: Oracle) -> Response:
        """An average over the largest recent size."""
        _, after = self.update(theta, state, oracle)
        return self._response(after.step, after.size, decay=self.weight_decay)

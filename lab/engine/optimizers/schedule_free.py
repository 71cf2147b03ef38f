"""Schedule-free rules: an average of the iterates in place of a falling learning rate."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, ClassVar, NamedTuple

import torch

from lab.engine.catalogue import register
from lab.engine.knobs import Knob
from lab.engine.layout import Layout
from lab.engine.optimizers.arithmetic import filled
from lab.engine.optimizers.knobs import (
    Beta1,
    Beta2,
    DecoupledDecay,
    Epsilon,
    LearningRate,
    Momentum,
    WeightDecay,
)
from lab.engine.optimizers.parts import Parts, built_up, descent_stages
from lab.engine.optimizers.response import Response
from lab.engine.optimizers.rule import Rule
from lab.engine.oracle import Oracle


class Average(NamedTuple):
    """The sequences behind the evaluated point, and the weights of the average."""

    base: torch.Tensor  # (runs, dim), z, which makes the steps
    mean: torch.Tensor  # (runs, dim), x, its weighted average
    largest: torch.Tensor  # (runs, 1), largest learning rate so far
    weights: torch.Tensor  # (runs, 1), sum of the weights so far
    share: torch.Tensor  # (runs, 1), of the last step in the average


@dataclass(frozen=True)
class AveragingRule(Rule):
    """What the schedule-free rules share: three sequences and the weights of the average."""

    lr: LearningRate = 1.0
    warmup_steps: Annotated[
        int, Knob(0, 10**9, slider=(0, 1000), doc="steps over which the learning rate grows to η")
    ] = 0
    r: Annotated[
        float,
        Knob(0, 100, slider=(0, 10), doc="step t has weight tʳ in the average: 0 is even"),
    ] = 0.0
    weight_lr_power: Annotated[
        float,
        Knob(
            0,
            100,
            slider=(0, 4),
            doc="steps count in the average by this power of their learning rate (for warm-up)",
        ),
    ] = 2.0

    shows_another = True
    readings: ClassVar = {
        "average_weight": "share of the last step in the average",
    }

    def shown(self, theta: torch.Tensor, state: NamedTuple) -> torch.Tensor:
        """The average."""
        return state.mean

    def read(self, theta: torch.Tensor, state: NamedTuple) -> Mapping[str, torch.Tensor]:
        """The share of the last step, NaN before the first."""
        return {"average_weight": state.share[:, 0]}

    def _start(self, theta: torch.Tensor) -> Average:
        """All sequences at one point."""
        none = torch.zeros_like(theta[:, :1])
        return Average(theta, theta, none, none, torch.full_like(none, torch.nan))

    def _rate(self, step: int) -> torch.Tensor:
        """The learning rate after so many steps."""
        return self.lr * min(1.0, (step + 1) / max(1, self.warmup_steps))

    def _gain(self, share: torch.Tensor, momentum: torch.Tensor) -> torch.Tensor:
        """What y does where z alternates: (1 - β) + βc / (2 - c), all (runs, 1)."""
        return (1 - momentum) + momentum * share / (2 - share)

    def _moved(self, state: NamedTuple, direction: torch.Tensor) -> Average:
        """The sequences after a step of the base along minus a direction (runs, dim)."""
        rate = self._rate(state.step)
        largest = torch.maximum(state.largest, rate)
        weight = (state.step + 1) ** self.r * largest**self.weight_lr_power
        weights = state.weights + weight
        share = weight / weights.clamp(min=torch.finfo(weights.dtype).tiny)
        base = torch.addcmul(state.base, direction, rate, value=-1)
        return Average(base, torch.lerp(state.mean, base, share), largest, weights, share)


class ScheduleFreeSGDState(NamedTuple):
    """State of `ScheduleFreeSGD`."""

    step: int
    base: torch.Tensor  # (runs, dim)
    mean: torch.Tensor  # (runs, dim)
    largest: torch.Tensor  # (runs, 1)
    weights: torch.Tensor  # (runs, 1)
    share: torch.Tensor  # (runs, 1)


@register(
    "optimizer",
    "schedule_free_sgd",
    title="Schedule-Free SGD",
    family="learning-rate-free",
    formula=r"z \leftarrow z - \eta\,\nabla f(y), \quad x \leftarrow (1 - c)\,x + c\,z, \quad "
    r"y = (1 - \beta)\,z + \beta\,x",
    paper="Defazio et al. 2024, arXiv 2405.15682, equations 3-5",
    look="Three points: the gradient is taken at y, the base z jumps about like plain SGD, and the "
    "average x, which is shown, runs smoothly ahead without any schedule.",
)
@dataclass(frozen=True)
class ScheduleFreeSGD(AveragingRule):
    """Plain steps of z; gradients at y, between z and the average x; x is the result.

    As in the package schedulefree 1.4.1, where x = z after the first step: the share c of a step is
    w / Σw with w = tʳ (largest η so far)^p, p = 2. The paper's equations have 1 / (t + 1), which
    keeps the start in the average. Weight decay is taken at y. β = 0 is
    SGD with averaging, β near 1 primal averaging.
    """

    momentum: Momentum = 0.9
    weight_decay: WeightDecay = 0.0

    State = ScheduleFreeSGDState

    def init(self, theta: torch.Tensor, layout: Layout) -> ScheduleFreeSGDState:
        """All sequences at the start."""
        return ScheduleFreeSGDState(0, *self._start(theta))

    def update(
        self, theta: torch.Tensor, state: ScheduleFreeSGDState, oracle: Oracle
    ) -> tuple[torch.Tensor, ScheduleFreeSGDState]:
        """One step."""
        gradient = torch.addcmul(oracle.gradient(theta), theta, self.weight_decay)
        moved = self._moved(state, gradient)
        theta = torch.lerp(moved.base, moved.mean, self.momentum)
        return theta, ScheduleFreeSGDState(state.step + 1, *moved)

    def parts(self, theta: torch.Tensor, state: ScheduleFreeSGDState, oracle: Oracle) -> Parts:
        """Gradient, weight decay, averaging."""
        gradient, (_, after) = oracle.gradient(theta), self.update(theta, state, oracle)
        ahead = (1 - self.momentum) * after.base + self.momentum * after.mean
        return built_up(
            *descent_stages(theta, gradient, self._rate(state.step), self.weight_decay),
            ("averaging", ahead - theta),
        )

    def response(
        self, theta: torch.Tensor, state: ScheduleFreeSGDState, oracle: Oracle
    ) -> Response:
        """A gradient at y, most of which is the slow average."""
        _, after = self.update(theta, state, oracle)
        gain = self._gain(after.share, self.momentum)
        rate = self._rate(state.step)
        return Response(rate, gain, "2/(1−β+βc/(2−c))η", decay=self.weight_decay)


class ScheduleFreeAdamWState(NamedTuple):
    """State of `ScheduleFreeAdamW`."""

    step: int
    base: torch.Tensor  # (runs, dim)
    mean: torch.Tensor  # (runs, dim)
    largest: torch.Tensor  # (runs, 1)
    weights: torch.Tensor  # (runs, 1)
    share: torch.Tensor  # (runs, 1)
    square: torch.Tensor  # (runs, dim), v, average of squared gradients


@register(
    "optimizer",
    "schedule_free_adamw",
    title="Schedule-Free AdamW",
    family="learning-rate-free",
    formula=r"u = \frac{\nabla f(y)}{\sqrt{\hat v} + \epsilon} + \lambda y, \quad "
    r"z \leftarrow z - \eta u, \quad x \leftarrow (1 - c)\,x + c\,z, \quad "
    r"y = (1 - \beta_1)\,z + \beta_1 x",
    paper="Defazio et al. 2024, arXiv 2405.15682, algorithm 1",
    look="z keeps stepping about η far in every coordinate and never settles; the average x, which "
    "is shown, does. There is no averaged gradient: the average of points takes its place.",
)
@dataclass(frozen=True)
class ScheduleFreeAdamW(AveragingRule):
    """Schedule-free averaging around Adam's preconditioner, without an averaged gradient.

    As in the package schedulefree 1.4.1; weight decay is taken at y and multiplied by the learning
    rate. The paper is said to put the correction √(1 - β₂^t) into the learning rate, and so also
    into the weight decay and the weights of the average.
    """

    lr: LearningRate = 2.5e-3
    beta1: Beta1 = 0.9
    beta2: Beta2 = 0.999
    eps: Epsilon = 1e-8
    weight_decay: DecoupledDecay = 0.0

    State = ScheduleFreeAdamWState

    def init(self, theta: torch.Tensor, layout: Layout) -> ScheduleFreeAdamWState:
        """All sequences at the start, nothing averaged yet."""
        return ScheduleFreeAdamWState(0, *self._start(theta), torch.zeros_like(theta))

    def update(
        self, theta: torch.Tensor, state: ScheduleFreeAdamWState, oracle: Oracle
    ) -> tuple[torch.Tensor, ScheduleFreeAdamWState]:
        """One step."""
        gradient, step = oracle.gradient(theta), state.step + 1
        square = torch.lerp(gradient * gradient, state.square, self.beta2)
        direction = gradient / self._root(square, step)
        moved = self._moved(state, direction.addcmul_(theta, self.weight_decay))
        theta = torch.lerp(moved.base, moved.mean, self.beta1)
        return theta, ScheduleFreeAdamWState(step, *moved, square)

    def parts(self, theta: torch.Tensor, state: ScheduleFreeAdamWState, oracle: Oracle) -> Parts:
        """Gradient, preconditioner, weight decay, averaging."""
        gradient, (_, after) = oracle.gradient(theta), self.update(theta, state, oracle)
        rate = self._rate(state.step)
        scaled = rate * gradient / self._root(after.square, after.step)
        ahead = (1 - self.beta1) * after.base + self.beta1 * after.mean
        return built_up(
            ("gradient", -rate * gradient),
            ("preconditioner", -scaled),
            ("weight decay", -scaled - rate * self.weight_decay * theta),
            ("averaging", ahead - theta),
        )

    def response(
        self, theta: torch.Tensor, state: ScheduleFreeAdamWState, oracle: Oracle
    ) -> Response:
        """The same over a root, and decay at y that stays out of the root."""
        _, after = self.update(theta, state, oracle)
        rate, gain = self._rate(state.step), self._gain(after.share, self.beta1)
        root = self._root(after.square, after.step)
        shrink = rate * gain * self.weight_decay
        return Response(rate, gain, "2/(1−β₁+β₁c/(2−c))η − λ", root, shrink=shrink)

    def _root(self, square: torch.Tensor, step: int) -> torch.Tensor:
        return (square / filled(self.beta2, step)).sqrt_().add_(self.eps)

"""D-Adaptation: a growing lower bound d of the distance to the solution sets the step length."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, ClassVar, NamedTuple

import torch

from lab.engine.catalogue import register
from lab.engine.knobs import Knob
from lab.engine.layout import Layout
from lab.engine.limits import average_gain
from lab.engine.optimizers.arithmetic import filled, shared
from lab.engine.optimizers.knobs import (
    Beta1,
    Beta2,
    Epsilon,
    GrowthRate,
    InitialDistance,
    Momentum,
    Multiplier,
    WeightDecay,
)
from lab.engine.optimizers.lengths import dot, norm, taxicab
from lab.engine.optimizers.parts import Parts, built_up, descent_stages
from lab.engine.optimizers.response import Response
from lab.engine.optimizers.rule import Rule
from lab.engine.oracle import Oracle

FIRST_SUM = 1e-6  # where the sums of squared gradients of `DAdaptAdaGrad` start

BiasCorrection = Annotated[
    bool, Knob(doc="make up for averages that start at zero, as in Adam: early steps are shorter")
]
Decoupled = Annotated[
    bool, Knob(doc="shrink the parameters apart from the gradient instead of adding λx to it")
]


@dataclass(frozen=True)
class EstimatingRule(Rule):
    """What the three forms of D-Adaptation share."""

    lr: Multiplier = 1.0
    d0: InitialDistance = 1e-6
    growth_rate: GrowthRate = 1e30
    weight_decay: WeightDecay = 0.0

    readings: ClassVar = {"d": "estimate of the distance to the solution"}

    def read(self, theta: torch.Tensor, state: NamedTuple) -> Mapping[str, torch.Tensor]:
        """The estimate."""
        return {"d": state.distance[:, 0]}

    def _first_distance(self, theta: torch.Tensor) -> torch.Tensor:
        return torch.full_like(theta[:, :1], self.d0)

    def _grown(self, distance: torch.Tensor, bound: torch.Tensor) -> torch.Tensor:
        """The larger of estimate and bound, as far as the estimate may grow."""
        return torch.maximum(distance, torch.minimum(bound, distance * self.growth_rate))


class DAdaptSGDState(NamedTuple):
    """State of `DAdaptSGD`."""

    start: torch.Tensor  # (runs, dim), x₀
    total: torch.Tensor  # (runs, dim), s, weighted sum of gradients
    along: torch.Tensor  # (runs, 1), sum of λ <g, s>
    distance: torch.Tensor  # (runs, 1), d
    first: torch.Tensor  # (runs, 1), norm of the first gradient that was not zero


@register(
    "optimizer",
    "dadapt_sgd",
    title="D-Adapt SGD",
    family="learning-rate-free",
    formula=r"s \leftarrow s + \lambda g, \quad \lambda = \eta d / \|g_0\|, \quad "
    r"d \leftarrow \max\left(d, \frac{2 \sum \lambda \langle g, s \rangle}{\|s\|}\right), \quad "
    r"x \leftarrow \mu x + (1 - \mu)(x_0 - s)",
    paper="Defazio & Mishchenko 2023, arXiv 2301.07733, the form for SGD, as in the package "
    "dadaptation 3.2",
    look="The estimate d stands still, then climbs within a few steps to the scale of the problem: "
    "the loss curve has the shape of a hockey stick.",
)
@dataclass(frozen=True)
class DAdaptSGD(EstimatingRule):
    """Gradient descent whose step length is the estimated distance over the first gradient's norm.

    As in the package dadaptation 3.2: the step uses the estimate before it grows, the numerator has
    the factor 2, and ‖g₀‖ is without weight decay. Earlier versions of package and paper use
    ‖s‖² - Σ λ² ‖g‖² as the numerator.
    """

    momentum: Momentum = 0.0

    State = DAdaptSGDState

    def init(self, theta: torch.Tensor, layout: Layout) -> DAdaptSGDState:
        """At the start, nothing summed."""
        none = torch.zeros_like(theta[:, :1])
        nothing = torch.zeros_like(theta)
        return DAdaptSGDState(theta, nothing, none, self._first_distance(theta), none)

    def update(
        self, theta: torch.Tensor, state: DAdaptSGDState, oracle: Oracle
    ) -> tuple[torch.Tensor, DAdaptSGDState]:
        """One step."""
        gradient = oracle.gradient(theta)
        first = torch.where(state.first > 0, state.first, norm(gradient))
        gradient = torch.addcmul(gradient, theta, self.weight_decay)
        weight = self._weight(state.distance, first)
        along = state.along + weight * dot(gradient, state.total)
        total = torch.addcmul(state.total, gradient, weight)
        distance = self._grown(state.distance, _ratio(2 * along, norm(total)))
        theta = torch.lerp(state.start - total, theta, self.momentum)
        return theta, DAdaptSGDState(state.start, total, along, distance, first)

    def parts(self, theta: torch.Tensor, state: DAdaptSGDState, oracle: Oracle) -> Parts:
        """Gradient, weight decay, step size, averaging."""
        gradient, (_, after) = oracle.gradient(theta), self.update(theta, state, oracle)
        decayed = gradient + self.weight_decay * theta
        return built_up(
            *descent_stages(theta, gradient, self.lr, self.weight_decay),
            ("step size", -self._weight(state.distance, after.first) * decayed),
            ("averaging", (1 - self.momentum) * (state.start - after.total - theta)),
        )

    def response(self, theta: torch.Tensor, state: DAdaptSGDState, oracle: Oracle) -> Response:
        """Averaged points of plain steps: the same as averaged gradients."""
        _, after = self.update(theta, state, oracle)
        rate = self._weight(state.distance, after.first)
        gain = average_gain(self.momentum)
        return Response(rate, gain, "2(1+μ)‖g₀‖/(1−μ)ηd", decay=self.weight_decay)

    def _weight(self, distance: torch.Tensor, first: torch.Tensor) -> torch.Tensor:
        """λ, the factor of a gradient; zero as long as all gradients were zero."""
        return _ratio(self.lr * distance, first)


class DAdaptAdamState(NamedTuple):
    """State of `DAdaptAdam`."""

    step: int
    mean: torch.Tensor  # (runs, dim), m, average of λg
    square: torch.Tensor  # (runs, dim), v, average of g²
    total: torch.Tensor  # (runs, dim), s, slower average of λg
    along: torch.Tensor  # (runs, 1), r, average of λ <g, s / √v>
    distance: torch.Tensor  # (runs, 1), d


@register(
    "optimizer",
    "dadapt_adam",
    title="D-Adapt Adam",
    family="learning-rate-free",
    formula=r"m \leftarrow \beta_1 m + (1 - \beta_1)\,\eta d\,g, \quad "
    r"d \leftarrow \max\left(d, \frac{r}{(1 - \sqrt{\beta_2})\,\|s\|_1}\right), \quad "
    r"x \leftarrow x - m / (\sqrt{v} + \epsilon)",
    paper="Defazio & Mishchenko 2023, arXiv 2301.07733, algorithm 5",
    look="d rises by orders of magnitude in the first tens of steps and takes the place of a tuned "
    "learning rate; without bias correction the first step is 3.16 d long in every coordinate.",
)
@dataclass(frozen=True)
class DAdaptAdam(EstimatingRule):
    """Adam whose learning rate is an estimate of the distance to the solution.

    As in the package dadaptation 3.2: no bias correction by default, and <g, s> is weighted with
    the v before this step's gradient, where the paper is said to use the one after it.
    """

    beta1: Beta1 = 0.9
    beta2: Beta2 = 0.999
    eps: Epsilon = 1e-8
    use_bias_correction: BiasCorrection = False
    decoupled: Decoupled = False

    State = DAdaptAdamState

    def init(self, theta: torch.Tensor, layout: Layout) -> DAdaptAdamState:
        """Nothing averaged yet."""
        nothing, none = torch.zeros_like(theta), torch.zeros_like(theta[:, :1])
        return DAdaptAdamState(0, nothing, nothing, nothing, none, self._first_distance(theta))

    def update(
        self, theta: torch.Tensor, state: DAdaptAdamState, oracle: Oracle
    ) -> tuple[torch.Tensor, DAdaptAdamState]:
        """One step."""
        gradient = oracle.gradient(theta)
        if not self.decoupled:
            gradient = torch.addcmul(gradient, theta, self.weight_decay)
        weight, slow = self._weight(state), shared(self.beta2) ** 0.5
        gain = weight * dot(gradient, state.total / self._root(state.square))
        scaled = gradient * weight
        mean = torch.lerp(scaled, state.mean, self.beta1)
        square = torch.lerp(gradient * gradient, state.square, self.beta2)
        total = torch.lerp(scaled, state.total, slow)
        along = torch.lerp(gain, state.along, slow)
        bound = _ratio(along, (1 - slow) * taxicab(total))
        after = DAdaptAdamState(
            state.step + 1, mean, square, total, along, self._grown(state.distance, bound)
        )
        if self.decoupled:
            theta = theta * (1 - self.weight_decay * weight)
        return torch.addcdiv(theta, mean, self._root(square), value=-1), after

    def parts(self, theta: torch.Tensor, state: DAdaptAdamState, oracle: Oracle) -> Parts:
        """Gradient, weight decay, step size, momentum, preconditioner."""
        gradient, (_, after) = oracle.gradient(theta), self.update(theta, state, oracle)
        weight, added = self._weight(state), self.weight_decay * (not self.decoupled)
        scaled = after.mean / self._root(after.square)
        pull = theta * (weight * self.weight_decay * self.decoupled)
        return built_up(
            *descent_stages(theta, gradient, self.lr, added),
            ("step size", -weight * (gradient + added * theta)),
            ("momentum", -after.mean),
            ("preconditioner", -scaled),
            ("weight decay", -scaled - pull),
        )

    def response(self, theta: torch.Tensor, state: DAdaptAdamState, oracle: Oracle) -> Response:
        """An average over a root, with the estimate of the distance as it is."""
        _, after = self.update(theta, state, oracle)
        rate, decay = self._weight(state), self.weight_decay
        return Response(
            rate,
            average_gain(self.beta1),
            f"{'(2−ηdλ)' if self.decoupled else '2'}(1+β₁)/(1−β₁)ηd",
            self._root(after.square),
            decay=None if self.decoupled else decay,
            shrink=rate * decay if self.decoupled else None,
        )

    def _weight(self, state: DAdaptAdamState) -> torch.Tensor:
        """λ, the factor of the next gradient, (runs, 1)."""
        weight = self.lr * state.distance
        if self.use_bias_correction:
            step = state.step + 1
            weight = weight * filled(self.beta2, step).sqrt_() / filled(self.beta1, step)
        return weight

    def _root(self, square: torch.Tensor) -> torch.Tensor:
        return square.sqrt().add_(self.eps)


class DAdaptAdaGradState(NamedTuple):
    """State of `DAdaptAdaGrad`."""

    start: torch.Tensor  # (runs, dim), x₀
    squares: torch.Tensor  # (runs, dim), a, sum of squared gradients
    total: torch.Tensor  # (runs, dim), s, sum of λg
    spent: torch.Tensor  # (runs, 1), q, sum of λ² Σ g² / A
    distance: torch.Tensor  # (runs, 1), d


@register(
    "optimizer",
    "dadapt_adagrad",
    title="D-Adapt AdaGrad",
    family="learning-rate-free",
    formula=r"s \leftarrow s + \eta d\, g, \quad A = \sqrt{\sum g^2} + \epsilon, \quad "
    r"d \leftarrow \max\left(d, \frac{\langle s, s / A \rangle - q}{\|s\|_1}\right), \quad "
    r"x \leftarrow x_0 - s / A",
    paper="Defazio & Mishchenko 2023, arXiv 2301.07733, D-Adapted AdaGrad, in the form of the "
    "package dadaptation 3.2",
    look="Every step starts from x₀ again with all gradients so far: when a coordinate's gradients "
    "grow, its earlier steps are taken back in part.",
)
@dataclass(frozen=True)
class DAdaptAdaGrad(EstimatingRule):
    """AdaGrad by dual averaging, with an estimate of the distance to the solution.

    As in the package dadaptation 3.2: the sums of squares start at 1e-6, and early gradients are
    divided by the present A.
    """

    momentum: Momentum = 0.0
    eps: Epsilon = 1e-6

    State = DAdaptAdaGradState

    def init(self, theta: torch.Tensor, layout: Layout) -> DAdaptAdaGradState:
        """At the start, nothing summed."""
        squares = torch.full_like(theta, FIRST_SUM)
        none = torch.zeros_like(theta[:, :1])
        nothing = torch.zeros_like(theta)
        return DAdaptAdaGradState(theta, squares, nothing, none, self._first_distance(theta))

    def update(
        self, theta: torch.Tensor, state: DAdaptAdaGradState, oracle: Oracle
    ) -> tuple[torch.Tensor, DAdaptAdaGradState]:
        """One step."""
        gradient = torch.addcmul(oracle.gradient(theta), theta, self.weight_decay)
        weight = self.lr * state.distance
        squares = torch.addcmul(state.squares, gradient, gradient)
        total = torch.addcmul(state.total, gradient, weight)
        root = self._root(squares)
        spent = state.spent + weight * weight * dot(gradient, gradient / root)
        moved = total / root
        bound = _ratio(dot(total, moved) - spent, taxicab(total))
        theta = torch.lerp(state.start - moved, theta, self.momentum)
        distance = self._grown(state.distance, bound)
        return theta, DAdaptAdaGradState(state.start, squares, total, spent, distance)

    def parts(self, theta: torch.Tensor, state: DAdaptAdaGradState, oracle: Oracle) -> Parts:
        """Gradient, weight decay, step size, preconditioner, momentum, averaging.

        Momentum is the change in what the earlier gradients contribute.
        """
        gradient, (_, after) = oracle.gradient(theta), self.update(theta, state, oracle)
        scaled = self.lr * state.distance * (gradient + self.weight_decay * theta)
        root = self._root(after.squares)
        way = state.start - after.total / root - theta
        return built_up(
            *descent_stages(theta, gradient, self.lr, self.weight_decay),
            ("step size", -scaled),
            ("preconditioner", -scaled / root),
            ("momentum", way),
            ("averaging", (1 - self.momentum) * way),
        )

    def response(self, theta: torch.Tensor, state: DAdaptAdaGradState, oracle: Oracle) -> Response:
        """Averaged points of steps over a root, with the estimate of the distance as it is."""
        _, after = self.update(theta, state, oracle)
        rate, gain = self.lr * state.distance, average_gain(self.momentum)
        root = self._root(after.squares)
        return Response(rate, gain, "2(1+μ)/(1−μ)ηd", root, decay=self.weight_decay)

    def _root(self, squares: torch.Tensor) -> torch.Tensor:
        return squares.sqrt().add_(self.eps)


def _ratio(above: torch.Tensor, below: torch.Tensor) -> torch.Tensor:
    """A quotient of (runs, 1), zero where the divisor, which is not negative, is zero."""
    return torch.where(below > 0, above / below, 0.0)

"""Rules that divide each coordinate by the size of its past gradients, without Adam's mean."""

from dataclasses import dataclass
from typing import Annotated, NamedTuple

import torch

from lab.engine.catalogue import register
from lab.engine.knobs import Knob
from lab.engine.layout import Layout
from lab.engine.limits import velocity_formula, velocity_gain
from lab.engine.optimizers.knobs import Epsilon, LearningRate, Momentum, WeightDecay
from lab.engine.optimizers.parts import Parts, built_up, descent_stages
from lab.engine.optimizers.response import Response
from lab.engine.optimizers.rule import Rule
from lab.engine.oracle import Oracle


class AdaGradState(NamedTuple):
    """State of `AdaGrad`."""

    step: int
    total: torch.Tensor  # (runs, dim), s, sum of squared gradients


@register(
    "optimizer",
    "adagrad",
    title="AdaGrad",
    family="adaptive",
    formula=r"s \leftarrow s + g^2, \quad "
    r"x \leftarrow x - \frac{\eta}{1 + (t-1)\,\delta}\, g / (\sqrt{s} + \epsilon)",
    paper="Duchi, Hazan & Singer 2011, JMLR 12",
    look="Bold first steps, then ever shorter ones, also where the surface has become flat: the "
    "sum of squared gradients never forgets.",
)
@dataclass(frozen=True)
class AdaGrad(Rule):
    """Each coordinate slows down by all the gradient it has ever seen.

    As in torch.optim.Adagrad, whose decaying learning rate the paper does not have. Keras and optax
    start the sum at 0.1 and put ε inside the root.
    """

    lr: LearningRate = 1e-2
    lr_decay: Annotated[
        float,
        Knob(
            0,
            1e3,
            scale="log",
            slider=(1e-6, 1.0),
            symbol="δ",
            live=True,
            doc="lets the learning rate fall as 1 / (1 + δ times the steps made)",
        ),
    ] = 0.0
    weight_decay: WeightDecay = 0.0
    initial_accumulator: Annotated[
        float, Knob(0, 1e6, symbol="s₀", doc="where the sum starts; above 0, first steps are short")
    ] = 0.0
    eps: Epsilon = 1e-10

    State = AdaGradState
    broadcasts = True

    def init(self, theta: torch.Tensor, layout: Layout) -> AdaGradState:
        """The sum at its start."""
        return AdaGradState(0, torch.full_like(theta, self.initial_accumulator))

    def update(
        self, theta: torch.Tensor, state: AdaGradState, oracle: Oracle
    ) -> tuple[torch.Tensor, AdaGradState]:
        """One step."""
        gradient = torch.addcmul(oracle.gradient(theta), theta, self.weight_decay)
        total = torch.addcmul(state.total, gradient, gradient)
        scaled = gradient * self._rate(state.step)
        theta = torch.addcdiv(theta, scaled, total.sqrt().add_(self.eps), value=-1)
        return theta, AdaGradState(state.step + 1, total)

    def parts(self, theta: torch.Tensor, state: AdaGradState, oracle: Oracle) -> Parts:
        """Gradient with the decayed learning rate, weight decay, preconditioner."""
        gradient, (_, after) = oracle.gradient(theta), self.update(theta, state, oracle)
        stages = descent_stages(theta, gradient, self._rate(state.step), self.weight_decay)
        scaled = stages[-1][1] / (after.total.sqrt() + self.eps)
        return built_up(*stages, ("preconditioner", scaled))

    def response(self, theta: torch.Tensor, state: AdaGradState, oracle: Oracle) -> Response:
        """A gradient over the root of the sum, with the decayed learning rate."""
        _, after = self.update(theta, state, oracle)
        rate, root = self._rate(after.step - 1), after.total.sqrt() + self.eps
        return Response(rate, torch.ones_like(rate), "2/η", root, decay=self.weight_decay)

    def _rate(self, step: int) -> torch.Tensor:
        """The learning rate after so many steps, (runs, 1)."""
        return self.lr / (1 + step * self.lr_decay)


class AdaDeltaState(NamedTuple):
    """State of `AdaDelta`."""

    square: torch.Tensor  # (runs, dim), a, moving average of squared gradients
    moved: torch.Tensor  # (runs, dim), d, moving average of squared steps


@register(
    "optimizer",
    "adadelta",
    title="AdaDelta",
    family="adaptive",
    formula=r"\Delta = \sqrt{\frac{d + \epsilon}{a + \epsilon}}\, g, \quad "
    r"x \leftarrow x - \eta \Delta, \quad d \leftarrow \rho d + (1-\rho) \Delta^2",
    paper="Zeiler 2012, arXiv 1212.5701, algorithm 1",
    look="Creeps at first and gathers pace: each step is about as long as the recent ones, so the "
    "length has to build itself up from √ε.",
)
@dataclass(frozen=True)
class AdaDelta(Rule):
    """Steps as long as the last steps were: no learning rate to choose, and a slow start.

    As in torch.optim.Adadelta, whose learning rate of 1 the paper does not have; the paper's
    example uses ρ = 0.95. The first step is about √(ε / (1 - ρ)) long, so ε sets the pace.
    """

    lr: LearningRate = 1.0
    rho: Annotated[
        float,
        Knob(
            0,
            1,
            excluded="high",
            slider=(0, 0.999),
            symbol="ρ",
            live=True,
            doc="memory of the sizes of gradients and steps: 0.9 remembers about 10 steps",
        ),
    ] = 0.9
    eps: Annotated[
        float,
        Knob(
            0,
            1,
            scale="log",
            slider=(1e-12, 1e-1),
            symbol="ε",
            live=True,
            doc="sets how long the first steps are, and with them the pace of the whole run",
        ),
    ] = 1e-6
    weight_decay: WeightDecay = 0.0

    State = AdaDeltaState
    broadcasts = True

    def init(self, theta: torch.Tensor, layout: Layout) -> AdaDeltaState:
        """Nothing averaged yet."""
        return AdaDeltaState(torch.zeros_like(theta), torch.zeros_like(theta))

    def update(
        self, theta: torch.Tensor, state: AdaDeltaState, oracle: Oracle
    ) -> tuple[torch.Tensor, AdaDeltaState]:
        """One step."""
        gradient = torch.addcmul(oracle.gradient(theta), theta, self.weight_decay)
        square = torch.lerp(gradient * gradient, state.square, self.rho)
        stride = (state.moved + self.eps).sqrt_().div_((square + self.eps).sqrt_()).mul_(gradient)
        moved = torch.lerp(stride * stride, state.moved, self.rho)
        return torch.addcmul(theta, stride, self.lr, value=-1), AdaDeltaState(square, moved)

    def parts(self, theta: torch.Tensor, state: AdaDeltaState, oracle: Oracle) -> Parts:
        """Gradient, weight decay, preconditioner (the ratio of the two roots)."""
        gradient, (_, after) = oracle.gradient(theta), self.update(theta, state, oracle)
        stages = descent_stages(theta, gradient, self.lr, self.weight_decay)
        ratio = ((state.moved + self.eps) / (after.square + self.eps)).sqrt()
        return built_up(*stages, ("preconditioner", stages[-1][1] * ratio))

    def response(self, theta: torch.Tensor, state: AdaDeltaState, oracle: Oracle) -> Response:
        """A gradient times the ratio of the two roots."""
        _, after = self.update(theta, state, oracle)
        ratio = ((after.square + self.eps) / (state.moved + self.eps)).sqrt()
        one = torch.ones_like(self.lr)
        return Response(self.lr, one, "2/η", ratio, decay=self.weight_decay)


class RMSPropState(NamedTuple):
    """State of `RMSProp`."""

    square: torch.Tensor  # (runs, dim), v, moving average of squared gradients
    mean: torch.Tensor  # (runs, dim), moving average of gradients; zero unless centred
    velocity: torch.Tensor  # (runs, dim)


@register(
    "optimizer",
    "rmsprop",
    title="RMSProp",
    family="adaptive",
    formula=r"v \leftarrow \alpha v + (1-\alpha) g^2, \quad "
    r"b \leftarrow \mu b + g / (\sqrt{v} + \epsilon), \quad x \leftarrow x - \eta b",
    paper="Tieleman & Hinton 2012, lecture 6.5; centred form: Graves 2013, arXiv 1308.0850",
    look="The first step is a jump, 1/√(1 - α) times η long in every coordinate. Near a minimum "
    "the path jitters, for small gradients are scaled up again.",
)
@dataclass(frozen=True)
class RMSProp(Rule):
    """Each coordinate divided by the root mean square of its recent gradients.

    As in torch.optim.RMSprop: ε outside the root and no correction for the start at zero, so the
    first step is 1/√(1 - α) times the learning rate. In the centred form rounding can make the
    variance negative, which torch turns into NaN; here it counts as zero.
    """

    lr: LearningRate = 1e-2
    alpha: Annotated[
        float,
        Knob(
            0,
            1,
            excluded="high",
            slider=(0, 0.999),
            symbol="α",
            live=True,
            doc="memory of the gradient's size: 0.99 remembers about 100 steps",
        ),
    ] = 0.99
    eps: Epsilon = 1e-8
    weight_decay: WeightDecay = 0.0
    momentum: Momentum = 0.0
    centered: Annotated[
        bool, Knob(doc="divide by the gradient's standard deviation instead of its size")
    ] = False

    State = RMSPropState
    broadcasts = True

    def init(self, theta: torch.Tensor, layout: Layout) -> RMSPropState:
        """Nothing averaged yet."""
        return RMSPropState(*(torch.zeros_like(theta) for _ in range(3)))

    def update(
        self, theta: torch.Tensor, state: RMSPropState, oracle: Oracle
    ) -> tuple[torch.Tensor, RMSPropState]:
        """One step."""
        gradient = torch.addcmul(oracle.gradient(theta), theta, self.weight_decay)
        square = torch.lerp(gradient * gradient, state.square, self.alpha)
        mean = torch.lerp(gradient, state.mean, self.alpha) if self.centered else state.mean
        scaled = gradient / self._root(square, mean)
        velocity = torch.addcmul(scaled, state.velocity, self.momentum)
        theta = torch.addcmul(theta, velocity, self.lr, value=-1)
        return theta, RMSPropState(square, mean, velocity)

    def parts(self, theta: torch.Tensor, state: RMSPropState, oracle: Oracle) -> Parts:
        """Gradient, weight decay, preconditioner, momentum."""
        gradient, (_, after) = oracle.gradient(theta), self.update(theta, state, oracle)
        stages = descent_stages(theta, gradient, self.lr, self.weight_decay)
        scaled = stages[-1][1] / self._root(after.square, after.mean)
        return built_up(
            *stages, ("preconditioner", scaled), ("momentum", -self.lr * after.velocity)
        )

    def response(self, theta: torch.Tensor, state: RMSPropState, oracle: Oracle) -> Response:
        """A velocity of gradients over their root mean square."""
        _, after = self.update(theta, state, oracle)
        return Response(
            self.lr,
            velocity_gain(self.momentum),
            velocity_formula(momentum=bool((self.momentum != 0).any()), share=1, ahead=False),
            self._root(after.square, after.mean),
            decay=self.weight_decay,
        )

    def _root(self, square: torch.Tensor, mean: torch.Tensor) -> torch.Tensor:
        """What the gradient is divided by, (runs, dim)."""
        if self.centered:
            square = torch.addcmul(square, mean, mean, value=-1).clamp_(min=0)
        return square.sqrt().add_(self.eps)

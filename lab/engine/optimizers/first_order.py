"""Rules that use the gradient as it is: plain descent, with momentum, with look-ahead."""

from dataclasses import dataclass
from typing import Annotated, NamedTuple

import torch

from lab.engine.catalogue import register
from lab.engine.knobs import Knob
from lab.engine.layout import Layout
from lab.engine.limits import velocity_formula, velocity_gain
from lab.engine.optimizers.knobs import LearningRate, Momentum, WeightDecay
from lab.engine.optimizers.parts import Parts, built_up, descent_stages
from lab.engine.optimizers.response import Response
from lab.engine.optimizers.rule import Rule
from lab.engine.oracle import Oracle


class VelocityState(NamedTuple):
    """State of the rules with a velocity."""

    step: int
    velocity: torch.Tensor  # (runs, dim)


class VelocityRule(Rule):
    """A rule that remembers a velocity and the number of steps made."""

    State = VelocityState
    broadcasts = True

    def init(self, theta: torch.Tensor, layout: Layout) -> VelocityState:
        """At rest."""
        return VelocityState(0, torch.zeros_like(theta))


def velocity_step(
    theta: torch.Tensor,
    gradient: torch.Tensor,
    velocity: torch.Tensor,
    lr: torch.Tensor,
    momentum: torch.Tensor,
    *,
    share: torch.Tensor | None = None,
    ahead: bool = False,
) -> tuple[torch.Tensor, torch.Tensor]:
    """One step of gradient descent with momentum, as in torch.optim.SGD.

    Args:
        theta: (runs, dim).
        gradient: (runs, dim).
        velocity: (runs, dim), zero before the first step.
        lr: (runs, 1).
        momentum: (runs, 1).
        share: (runs, 1), the part of the gradient that enters the velocity; all of it if None.
        ahead: step along g + μv, which is Nesterov's look-ahead, instead of along v.

    Returns:
        The next theta and velocity.
    """
    fresh = gradient if share is None else gradient * share
    velocity = torch.addcmul(fresh, velocity, momentum)
    direction = torch.addcmul(gradient, velocity, momentum) if ahead else velocity
    return torch.addcmul(theta, direction, lr, value=-1), velocity


def velocity_parts(
    theta: torch.Tensor,
    gradient: torch.Tensor,
    velocity: torch.Tensor,
    lr: torch.Tensor,
    momentum: torch.Tensor,
    weight_decay: torch.Tensor,
    *,
    ahead: bool = False,
) -> Parts:
    """The parts of a `velocity_step`: gradient, weight decay, momentum.

    Args:
        theta: (runs, dim).
        gradient: (runs, dim), without weight decay.
        velocity: (runs, dim), after the step.
        lr: (runs, 1).
        momentum: (runs, 1).
        weight_decay: (runs, 1).
        ahead: as in `velocity_step`.
    """
    direction = velocity
    if ahead:
        direction = torch.addcmul(gradient + weight_decay * theta, velocity, momentum)
    return built_up(
        *descent_stages(theta, gradient, lr, weight_decay), ("momentum", -lr * direction)
    )


def velocity_response(
    lr: torch.Tensor,
    momentum: torch.Tensor,
    weight_decay: torch.Tensor,
    *,
    share: torch.Tensor | None = None,
    ahead: bool = False,
) -> Response:
    """The response of a rule whose step is a `velocity_step`: arguments as there.

    Args:
        lr: (runs, 1).
        momentum: (runs, 1).
        weight_decay: (runs, 1), added to the gradient.
        share: (runs, 1).
        ahead: as in `velocity_step`.
    """
    whole = share is None or bool((share == 1).all())
    has_momentum = bool((momentum != 0).any())
    formula = velocity_formula(momentum=has_momentum, share=1 if whole else 0, ahead=ahead)
    gain = velocity_gain(momentum, 1.0 if share is None else share, ahead=ahead)
    return Response(lr, gain, formula, decay=weight_decay)


@register(
    "optimizer",
    "sgd",
    title="SGD",
    family="first order",
    formula=r"v \leftarrow \mu v + (1 - \tau)(g + \lambda x), \quad x \leftarrow x - \eta v",
    paper="Robbins & Monro 1951, Annals of Mathematical Statistics 22(3)",
    look="Zigzags across narrow valleys: the step follows the steepest direction, and where the "
    "curvature times η exceeds 2 it flies off.",
)
@dataclass(frozen=True)
class SGD(VelocityRule):
    """A step along minus the gradient; momentum and weight decay can be added.

    As in torch.optim.SGD: the first velocity is the whole gradient whatever the dampening, and
    without momentum dampening does nothing. Torch refuses Nesterov's form together with dampening
    or without momentum; here the formula is applied as it stands.
    """

    lr: LearningRate = 1e-3
    momentum: Momentum = 0.0
    dampening: Annotated[
        float,
        Knob(0, 1, symbol="τ", live=True, doc="how much of each new gradient the velocity ignores"),
    ] = 0.0
    weight_decay: WeightDecay = 0.0
    nesterov: Annotated[
        bool, Knob(doc="step along the gradient plus μ times the velocity: Nesterov's look-ahead")
    ] = False

    def update(
        self, theta: torch.Tensor, state: VelocityState, oracle: Oracle
    ) -> tuple[torch.Tensor, VelocityState]:
        """One step."""
        gradient = torch.addcmul(oracle.gradient(theta), theta, self.weight_decay)
        # where there is no momentum there is nothing to dampen
        share = 1 - self.dampening * (self.momentum > 0) if state.step else None
        theta, velocity = velocity_step(
            theta,
            gradient,
            state.velocity,
            self.lr,
            self.momentum,
            share=share,
            ahead=self.nesterov,
        )
        return theta, VelocityState(state.step + 1, velocity)

    def parts(self, theta: torch.Tensor, state: VelocityState, oracle: Oracle) -> Parts:
        """Gradient, weight decay, momentum (with what dampening takes from it)."""
        gradient, (_, after) = oracle.gradient(theta), self.update(theta, state, oracle)
        knobs = (self.lr, self.momentum, self.weight_decay)
        return velocity_parts(theta, gradient, after.velocity, *knobs, ahead=self.nesterov)

    def response(self, theta: torch.Tensor, state: VelocityState, oracle: Oracle) -> Response:
        """As for every rule with a velocity."""
        share = 1 - self.dampening * (self.momentum > 0)
        knobs = (self.lr, self.momentum, self.weight_decay)
        return velocity_response(*knobs, share=share, ahead=self.nesterov)


@register(
    "optimizer",
    "momentum",
    title="Momentum",
    family="first order",
    formula=r"v \leftarrow \mu v + (g + \lambda x), \quad x \leftarrow x - \eta v",
    paper="Polyak 1964, USSR Computational Mathematics and Mathematical Physics 4(5)",
    look="The path swings past the valley's floor and back like a ball in a bowl; along the valley "
    "it gathers up to 1 / (1 - μ) times the speed of plain descent.",
)
@dataclass(frozen=True)
class HeavyBall(VelocityRule):
    """A heavy ball with friction: it coasts along valleys and overshoots at their end.

    Polyak writes x + μ(x - previous x) - ηg, which gives the same points while the learning rate
    stays as it is. When it is turned, his form leaves the old velocity alone; here, as in torch,
    the new rate also scales what was gathered before.
    """

    lr: LearningRate = 1e-3
    momentum: Momentum = 0.9
    weight_decay: WeightDecay = 0.0

    def update(
        self, theta: torch.Tensor, state: VelocityState, oracle: Oracle
    ) -> tuple[torch.Tensor, VelocityState]:
        """One step."""
        gradient = torch.addcmul(oracle.gradient(theta), theta, self.weight_decay)
        theta, velocity = velocity_step(theta, gradient, state.velocity, self.lr, self.momentum)
        return theta, VelocityState(state.step + 1, velocity)

    def parts(self, theta: torch.Tensor, state: VelocityState, oracle: Oracle) -> Parts:
        """Gradient, weight decay, momentum."""
        gradient, (_, after) = oracle.gradient(theta), self.update(theta, state, oracle)
        knobs = (self.lr, self.momentum, self.weight_decay)
        return velocity_parts(theta, gradient, after.velocity, *knobs)

    def response(self, theta: torch.Tensor, state: VelocityState, oracle: Oracle) -> Response:
        """As for every rule with a velocity."""
        return velocity_response(self.lr, self.momentum, self.weight_decay)


@register(
    "optimizer",
    "nesterov",
    title="Nesterov",
    family="first order",
    formula=r"v \leftarrow \mu v + (g + \lambda x), \quad x \leftarrow x - \eta (g + \mu v)",
    paper="Nesterov 1983, Soviet Mathematics Doklady 27(2); form of Sutskever et al. 2013, ICML",
    look="Beside the heavy ball with the same knobs it swings less: the gradient ahead brakes "
    "before the turn comes.",
)
@dataclass(frozen=True)
class Nesterov(VelocityRule):
    """Momentum that looks ahead: the gradient is taken where the velocity would lead.

    As in torch.optim.SGD the point shown is the look-ahead point, where the gradient is taken; the
    iterate of Nesterov's theorem is x + ημv. Momentum is constant here; his schedule for convex
    functions lets it grow as (t - 1) / (t + 2).
    """

    lr: LearningRate = 1e-3
    momentum: Momentum = 0.9
    weight_decay: WeightDecay = 0.0

    def update(
        self, theta: torch.Tensor, state: VelocityState, oracle: Oracle
    ) -> tuple[torch.Tensor, VelocityState]:
        """One step."""
        gradient = torch.addcmul(oracle.gradient(theta), theta, self.weight_decay)
        theta, velocity = velocity_step(
            theta, gradient, state.velocity, self.lr, self.momentum, ahead=True
        )
        return theta, VelocityState(state.step + 1, velocity)

    def parts(self, theta: torch.Tensor, state: VelocityState, oracle: Oracle) -> Parts:
        """Gradient, weight decay, momentum (with the look-ahead)."""
        gradient, (_, after) = oracle.gradient(theta), self.update(theta, state, oracle)
        knobs = (self.lr, self.momentum, self.weight_decay)
        return velocity_parts(theta, gradient, after.velocity, *knobs, ahead=True)

    def response(self, theta: torch.Tensor, state: VelocityState, oracle: Oracle) -> Response:
        """As for every rule with a velocity."""
        return velocity_response(self.lr, self.momentum, self.weight_decay, ahead=True)

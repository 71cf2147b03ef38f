"""Rules that look for flat places: the gradient is taken at a worse point nearby."""

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, ClassVar, NamedTuple

import torch

from lab.engine.catalogue import register
from lab.engine.knobs import Knob
from lab.engine.layout import Layout
from lab.engine.limits import velocity_gain
from lab.engine.optimizers.first_order import velocity_step
from lab.engine.optimizers.knobs import LearningRate, Momentum, WeightDecay
from lab.engine.optimizers.parts import Parts, built_up
from lab.engine.optimizers.response import UPHILL, Response
from lab.engine.optimizers.rule import Cost, Rule
from lab.engine.oracle import Oracle

TINY = 1e-12  # added to the gradient's norm, so that a stationary point stays where it is

Radius = Annotated[
    float,
    Knob(
        0,
        1e3,
        scale="log",
        slider=(1e-3, 10.0),
        symbol="ρ",
        live=True,
        doc="how far uphill it looks: valleys narrower than this are left alone",
    ),
]


class ClimbState(NamedTuple):
    """State of the rules that look at a worse point."""

    step: int
    velocity: torch.Tensor  # (runs, dim)
    gap: torch.Tensor  # (runs,), f(x + e) - f(x) at the last step's point


@dataclass(frozen=True)
class ClimbingRule(Rule):
    """A rule that goes uphill by e, takes the gradient there, and steps from where it was.

    Two gradients for each step; the base optimizer is SGD with momentum, which sees what `_seen`
    makes of both. Weight decay is added after that: it is no part of the loss that is climbed.
    """

    lr: LearningRate = 1e-2
    rho: Radius = 0.05
    momentum: Momentum = 0.0
    weight_decay: WeightDecay = 0.0

    State = ClimbState
    no_limit = UPHILL
    readings: ClassVar[Mapping[str, str]] = {
        "surrogate_gap": "how much higher the loss is at the worse point, f(x + e) - f(x)"
    }

    @abstractmethod
    def _climb(self, theta: torch.Tensor, gradient: torch.Tensor, layout: Layout) -> torch.Tensor:
        """The way e to the worse point (runs, dim), from the gradient (runs, dim) at theta."""

    def _seen(self, gradient: torch.Tensor, worse: torch.Tensor) -> torch.Tensor:
        """What the base optimizer sees (runs, dim) of the gradients here and at the worse point.

        The second one alone; a rule that uses both says how.
        """
        return worse

    def init(self, theta: torch.Tensor, layout: Layout) -> ClimbState:
        """At rest; no gap is known yet."""
        return ClimbState(0, torch.zeros_like(theta), torch.zeros_like(theta[:, 0]))

    def update(
        self, theta: torch.Tensor, state: ClimbState, oracle: Oracle
    ) -> tuple[torch.Tensor, ClimbState]:
        """One step."""
        value, gradient = oracle.value_and_gradient(theta)
        worse = theta + self._climb(theta, gradient, oracle.layout)
        higher, there = oracle.value_and_gradient(worse)
        seen = torch.addcmul(self._seen(gradient, there), theta, self.weight_decay)
        theta, velocity = velocity_step(theta, seen, state.velocity, self.lr, self.momentum)
        return theta, ClimbState(state.step + 1, velocity, higher - value)

    def read(self, theta: torch.Tensor, state: ClimbState) -> dict[str, torch.Tensor]:
        """The surrogate gap of Zhuang et al. 2022 (arXiv 2203.08065), at the last step."""
        return {"surrogate_gap": state.gap}

    def parts(self, theta: torch.Tensor, state: ClimbState, oracle: Oracle) -> Parts:
        """Gradient, perturbation, weight decay, momentum."""
        gradient = oracle.gradient(theta)
        there = oracle.gradient(theta + self._climb(theta, gradient, oracle.layout))
        seen = self._seen(gradient, there)
        decayed = torch.addcmul(seen, theta, self.weight_decay)
        velocity = torch.addcmul(decayed, state.velocity, self.momentum)
        return built_up(
            ("gradient", -self.lr * gradient),
            ("perturbation", -self.lr * seen),
            ("weight decay", -self.lr * decayed),
            ("momentum", -self.lr * velocity),
        )

    def cost(self, dim: int) -> Cost:
        """Two gradients: here and at the worse point."""
        return Cost(gradients=2)


def uphill(measured: torch.Tensor, rho: torch.Tensor, tiny: float = TINY) -> torch.Tensor:
    """The factor (runs, 1) that makes a vector (runs, dim) ρ long; the norm is a run's own."""
    return rho / torch.linalg.vector_norm(measured, dim=1, keepdim=True).add_(tiny)


@register(
    "optimizer",
    "sam",
    title="SAM",
    family="flatness",
    formula=r"e = \rho\, g / \|g\|, \quad v \leftarrow \mu v + \nabla f(x + e) + \lambda x, "
    r"\quad x \leftarrow x - \eta v",
    paper="Foret, Kleiner, Mobahi & Neyshabur 2021, arXiv 2010.01412, algorithm 1",
    look="It jumps to and fro across valleys narrower than ρ and settles in wide ones. The curve "
    "of the surrogate gap, f(x + e) - f(x), falls as the surroundings become flat.",
)
@dataclass(frozen=True)
class SAM(ClimbingRule):
    """Climbs a distance ρ uphill, takes the gradient there, and steps with it from where it was.

    Two gradients for each step. The base optimizer is SGD with momentum, which sees only the second
    gradient; the norm is over all parameters of a run together. The paper leaves 0/0 at a
    stationary point; here, as in the PyTorch version by davda54, 1e-12 is added to the norm. The
    adaptive form is that version's too: e = ρ x² g / ‖x g‖ for all parameters; that of Kwon et al.
    2021 is the rule `asam`.
    """

    adaptive: Annotated[
        bool, Knob(doc="measure the distance relative to the size of each parameter")
    ] = False

    def response(self, theta: torch.Tensor, state: ClimbState, oracle: Oracle) -> Response | str:
        """A velocity of gradients uphill, with the norm of the gradient here as it is."""
        if self.adaptive:
            return self.no_limit
        return Response(
            self.lr,
            velocity_gain(self.momentum),
            "(√(1+8(1+μ)ρ/‖g‖η) − 1)‖g‖/2ρ",
            decay=self.weight_decay,
            ascent=uphill(oracle.gradient(theta), self.rho),
        )

    def _climb(self, theta: torch.Tensor, gradient: torch.Tensor, layout: Layout) -> torch.Tensor:
        measured = gradient * theta if self.adaptive else gradient
        direction = measured * theta if self.adaptive else gradient
        return direction * uphill(measured, self.rho)

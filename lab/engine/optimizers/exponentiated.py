"""Exponentiated gradient: weights are multiplied, and so stay positive."""

from dataclasses import dataclass
from typing import Annotated, NamedTuple

import torch

from lab.engine.catalogue import register
from lab.engine.knobs import Knob
from lab.engine.layout import Layout
from lab.engine.optimizers.knobs import LearningRate
from lab.engine.optimizers.mirror import entropy_step, natural_slope, onto_simplex
from lab.engine.optimizers.parts import Parts, built_up
from lab.engine.optimizers.response import KEPT_IN_A_SET
from lab.engine.optimizers.rule import Rule
from lab.engine.oracle import Oracle


class StepState(NamedTuple):
    """State of a rule that only needs to know its first step."""

    step: int


@register(
    "optimizer",
    "exponentiated_gradient",
    title="Exponentiated gradient",
    family="mirror and constrained",
    formula=r"w \leftarrow w\,e^{-\eta g} / \sum_i w_i\,e^{-\eta g_i}",
    paper="Kivinen & Warmuth 1997, Information and Computation 132(1), algorithm EG",
    look="Weights that sum to 1: the useful ones grow exponentially fast, the others fade but "
    "never reach zero.",
)
@dataclass(frozen=True)
class ExponentiatedGradient(Rule):
    """Multiplies each weight by exp(-ηg) and divides by their sum.

    The same as mirror descent with the entropy potential on weights that sum to 1. A start that is
    no such set of weights is moved onto the simplex at the first step, 1 % of the way from the
    nearest one towards equal weights: a weight of zero stays zero.
    """

    lr: LearningRate = 1e-1

    State = StepState
    no_limit = KEPT_IN_A_SET

    def init(self, theta: torch.Tensor, layout: Layout) -> StepState:
        """Nothing but the number of steps."""
        return StepState(0)

    def update(
        self, theta: torch.Tensor, state: StepState, oracle: Oracle
    ) -> tuple[torch.Tensor, StepState]:
        """One step."""
        at = theta if state.step else onto_simplex(theta)
        return entropy_step(at, oracle.gradient(at), self.lr), StepState(state.step + 1)

    def parts(self, theta: torch.Tensor, state: StepState, oracle: Oracle) -> Parts:
        """Gradient; scaled by the weights within the simplex; kept positive and on the simplex."""
        at = theta if state.step else onto_simplex(theta)
        gradient = oracle.gradient(at)
        return built_up(
            ("gradient", -self.lr * gradient),
            ("preconditioner", -self.lr * natural_slope(at, gradient)),
            ("projection", entropy_step(at, gradient, self.lr) - theta),
        )


class TwoWeights(NamedTuple):
    """State of `PlusMinus`: the parameters are the difference of two sets of weights."""

    step: int
    plus: torch.Tensor  # (runs, dim), above 0
    minus: torch.Tensor  # (runs, dim), above 0


@register(
    "optimizer",
    "eg_plus_minus",
    title="EG±",
    family="mirror and constrained",
    formula=r"x = w^+ - w^-, \quad w^\pm \leftarrow w^\pm\,e^{\mp\eta g}",
    paper="Kivinen & Warmuth 1997, Information and Computation 132(1), algorithms EGU± and EG±",
    look="Large parameters move fast and small ones slowly, so that few become large: sparse "
    "solutions without a penalty.",
)
@dataclass(frozen=True)
class PlusMinus(Rule):
    """Exponentiated gradient for parameters of any sign, as a difference of two positive weights.

    As it stands (EGU±) it is mirror descent with hypentropy, whose β = 2 √(w⁺w⁻) stays what it
    was at the start: w⁺ = max(x, 0) + δ and w⁻ = max(-x, 0) + δ. Normalised (EG±) all weights
    together are scaled to the sum r after each step, which keeps Σ|x| below r; δ is then enlarged
    so that the weights of the start fill that sum, and a start that leaves no room for δ is shrunk
    at the first step. The paper starts from equal weights, x = 0.
    """

    lr: LearningRate = 1e-2
    delta: Annotated[
        float,
        Knob(
            0,
            1e3,
            excluded="low",
            scale="log",
            slider=(1e-6, 1.0),
            symbol="δ",
            doc="what both weights of a parameter of zero start at: small ones are slow to leave",
        ),
    ] = 0.05
    normalised: Annotated[bool, Knob(doc="keep the sum of all weights at r (EG±)")] = False
    radius: Annotated[
        float,
        Knob(
            0,
            1e6,
            excluded="low",
            scale="log",
            slider=(1e-1, 1e3),
            symbol="r",
            live=True,
            doc="the sum of all weights where they are normalised: no Σ|x| can be above it",
        ),
    ] = 10.0

    State = TwoWeights
    no_limit = KEPT_IN_A_SET

    def init(self, theta: torch.Tensor, layout: Layout) -> TwoWeights:
        """Weights whose difference is the start, or what fits of it."""
        least = torch.full_like(theta[:, :1], self.delta)
        if self.normalised:
            room = self.radius - theta.abs().sum(1, keepdim=True)
            least = torch.maximum(least, room / (2 * theta.shape[1]))
        plus, minus = theta.clamp(min=0) + least, (-theta).clamp(min=0) + least
        if self.normalised:
            scale = self.radius / (plus + minus).sum(1, keepdim=True)
            plus, minus = plus * scale, minus * scale
        return TwoWeights(0, plus, minus)

    def update(
        self, theta: torch.Tensor, state: TwoWeights, oracle: Oracle
    ) -> tuple[torch.Tensor, TwoWeights]:
        """One step."""
        plus, minus = self._move(state, oracle.gradient(self._at(theta, state)))
        return plus - minus, TwoWeights(state.step + 1, plus, minus)

    def parts(self, theta: torch.Tensor, state: TwoWeights, oracle: Oracle) -> Parts:
        """Gradient; scaled by the weights, to first order in η; and what the exponential adds."""
        gradient = oracle.gradient(self._at(theta, state))
        plus, minus = self._move(state, gradient)
        stages = [("gradient", -self.lr * gradient)]
        if self.normalised:
            stages.append(("preconditioner", -self.lr * (state.plus + state.minus) * gradient))
        last = "projection" if self.normalised else "preconditioner"
        return built_up(*stages, (last, plus - minus - theta))

    def _at(self, theta: torch.Tensor, state: TwoWeights) -> torch.Tensor:
        """The point to step from: at the start what the weights can say of it."""
        return theta if state.step else state.plus - state.minus

    def _move(self, state: TwoWeights, gradient: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """The next weights, both (runs, dim)."""
        slope = self.lr * gradient
        if not self.normalised:
            return state.plus * (-slope).exp_(), state.minus * slope.exp_()
        logs = torch.cat([state.plus.log() - slope, state.minus.log() + slope], 1)
        plus, minus = (torch.softmax(logs, 1) * self.radius).chunk(2, 1)
        return plus, minus

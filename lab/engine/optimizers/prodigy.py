"""Prodigy: D-Adaptation's estimate made faster by weighting later gradients more."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, ClassVar, NamedTuple

import torch

from lab.engine.catalogue import register
from lab.engine.knobs import Knob
from lab.engine.layout import Layout
from lab.engine.limits import average_gain
from lab.engine.optimizers.arithmetic import filled, shared
from lab.engine.optimizers.dadaptation import BiasCorrection, Decoupled
from lab.engine.optimizers.knobs import (
    Beta1,
    Beta2,
    Epsilon,
    GrowthRate,
    InitialDistance,
    Multiplier,
    WeightDecay,
)
from lab.engine.optimizers.lengths import dot, taxicab
from lab.engine.optimizers.parts import Parts, built_up, descent_stages
from lab.engine.optimizers.response import Response
from lab.engine.optimizers.rule import Rule
from lab.engine.oracle import Oracle


class ProdigyState(NamedTuple):
    """State of `Prodigy`; sums are counted in units of d₀, which their quotient does not show."""

    step: int
    start: torch.Tensor  # (runs, dim), x₀
    mean: torch.Tensor  # (runs, dim), m, average of d g
    square: torch.Tensor  # (runs, dim), v, average of d² g²
    total: torch.Tensor  # (runs, dim), s, decaying sum of η d² g / d₀
    along: torch.Tensor  # (runs, 1), r, decaying sum of η d² <g, x₀ - x> / d₀
    distance: torch.Tensor  # (runs, 1), d
    largest: torch.Tensor  # (runs, 1), largest bound so far, which d may still have to reach


@register(
    "optimizer",
    "prodigy",
    title="Prodigy",
    family="learning-rate-free",
    formula=r"r \leftarrow \sqrt{\beta_2}\,r + \eta d^2 \langle g, x_0 - x \rangle, \quad "
    r"s \leftarrow \sqrt{\beta_2}\,s + \eta d^2 g, \quad "
    r"d \leftarrow \max\left(d, \frac{r}{\|s\|_1}\right), \quad "
    r"x \leftarrow x - \eta d\, m / (\sqrt{v} + d \epsilon)",
    paper="Mishchenko & Defazio 2023, arXiv 2306.06101, the form for Adam",
    look="d as a curve beside the loss: it reaches the distance to the solution in fewer steps "
    "than that of D-Adaptation, and the path then looks like that of a well tuned Adam.",
)
@dataclass(frozen=True)
class Prodigy(Rule):
    """Adam whose learning rate is an estimate of the distance to the solution.

    As in the package prodigyopt 1.1.2: a step uses the estimate d before it grows and ε times the
    one after, where the paper is said to use the first for both. Where growth is limited, the very
    first growth is not. With bias correction the factor is in the sums r and s too.
    """

    lr: Multiplier = 1.0
    beta1: Beta1 = 0.9
    beta2: Beta2 = 0.999
    eps: Epsilon = 1e-8
    d0: InitialDistance = 1e-6
    d_coef: Annotated[
        float,
        Knob(
            0,
            1e6,
            scale="log",
            slider=(0.1, 10.0),
            live=True,
            doc="factor of the estimate: above 1 bolder, below 1 more careful steps",
        ),
    ] = 1.0
    growth_rate: GrowthRate = 1e30
    weight_decay: WeightDecay = 0.0
    decoupled: Decoupled = True
    use_bias_correction: BiasCorrection = False
    safeguard_warmup: Annotated[
        bool, Knob(doc="keep a schedule's multiplier out of s, so that warm-up cannot inflate d")
    ] = False

    State = ProdigyState
    readings: ClassVar = {"d": "estimate of the distance to the solution"}

    def init(self, theta: torch.Tensor, layout: Layout) -> ProdigyState:
        """At the start, nothing averaged yet."""
        nothing, none = torch.zeros_like(theta), torch.zeros_like(theta[:, :1])
        first = torch.full_like(none, self.d0)
        return ProdigyState(0, theta, nothing, nothing, nothing, none, first, first)

    def update(
        self, theta: torch.Tensor, state: ProdigyState, oracle: Oracle
    ) -> tuple[torch.Tensor, ProdigyState]:
        """One step."""
        gradient = oracle.gradient(theta)
        if not self.decoupled:
            gradient = torch.addcmul(gradient, theta, self.weight_decay)
        distance, rate = state.distance, self._rate(state)
        scaled = gradient * distance
        mean = torch.lerp(scaled, state.mean, self.beta1)
        square = torch.lerp(scaled * scaled, state.square, self.beta2)
        slow, share = shared(self.beta2) ** 0.5, distance / self.d0
        gain = dot(gradient, state.start - theta)
        along = state.along * slow + share * rate * gain
        kept = distance if self.safeguard_warmup else rate
        total = torch.addcmul(state.total * slow, gradient, share * kept)
        after = ProdigyState(
            state.step + 1,
            state.start,
            mean,
            square,
            total,
            along,
            *self._grown(state, along, total),
        )
        if self.decoupled:
            theta = theta * (1 - self.weight_decay * rate)
        return torch.addcdiv(theta, mean * rate, self._root(after), value=-1), after

    def read(self, theta: torch.Tensor, state: ProdigyState) -> Mapping[str, torch.Tensor]:
        """The estimate."""
        return {"d": state.distance[:, 0]}

    def parts(self, theta: torch.Tensor, state: ProdigyState, oracle: Oracle) -> Parts:
        """Gradient, weight decay, step size, momentum, preconditioner."""
        gradient, (_, after) = oracle.gradient(theta), self.update(theta, state, oracle)
        rate, added = self._rate(state), self.weight_decay * (not self.decoupled)
        scaled = rate * after.mean / self._root(after)
        pull = theta * (rate * self.weight_decay * self.decoupled)
        return built_up(
            *descent_stages(theta, gradient, self.lr, added),
            ("step size", -rate * (gradient + added * theta)),
            ("momentum", -rate / state.distance * after.mean),
            ("preconditioner", -scaled),
            ("weight decay", -scaled - pull),
        )

    def response(self, theta: torch.Tensor, state: ProdigyState, oracle: Oracle) -> Response:
        """An average over a root, with the estimate of the distance as it is."""
        _, after = self.update(theta, state, oracle)
        rate, decay = self._rate(state), self.weight_decay
        return Response(
            rate * state.distance,
            average_gain(self.beta1),
            f"{'(2−ηdλ)' if self.decoupled else '2'}(1+β₁)/(1−β₁)ηd²",
            self._root(after),
            decay=None if self.decoupled else decay,
            shrink=rate * decay if self.decoupled else None,
        )

    def _rate(self, state: ProdigyState) -> torch.Tensor:
        """The step length of the next step, ηd with its correction, (runs, 1)."""
        rate = self.lr * state.distance
        if self.use_bias_correction:
            step = state.step + 1
            rate = rate * filled(self.beta2, step).sqrt_() / filled(self.beta1, step)
        return rate

    def _root(self, after: ProdigyState) -> torch.Tensor:
        return torch.addcmul(after.square.sqrt(), after.distance, self.eps)

    def _grown(
        self, state: ProdigyState, along: torch.Tensor, total: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """The next estimate and the largest bound so far, both (runs, 1)."""
        size = taxicab(total)
        bound = torch.where(size > 0, self.d_coef * along / size, 0.0)
        distance, largest = state.distance, torch.maximum(state.largest, bound)
        first = distance == torch.full_like(distance, self.d0)
        distance = torch.where(first, torch.maximum(distance, bound), distance)
        return torch.minimum(largest, distance * self.growth_rate), largest

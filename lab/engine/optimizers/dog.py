"""DoG: the step length is the distance travelled so far over the gradients seen so far."""

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, ClassVar, NamedTuple

import torch

from lab.engine.catalogue import register
from lab.engine.knobs import Knob
from lab.engine.layout import Layout
from lab.engine.optimizers.knobs import Epsilon, Multiplier, WeightDecay
from lab.engine.optimizers.lengths import norm
from lab.engine.optimizers.parts import Parts, built_up, descent_stages
from lab.engine.optimizers.response import Response
from lab.engine.optimizers.rule import Rule
from lab.engine.oracle import Oracle

FirstMove = Annotated[
    float,
    Knob(
        0,
        1e3,
        excluded="low",
        scale="log",
        slider=(1e-8, 1e-1),
        symbol="r",
        live=True,
        doc="length of the first step relative to 1 + ‖x₀‖; the rule grows from there by itself",
    ),
]


class DistanceState(NamedTuple):
    """State of DoG and LDoG; a group is all parameters of a run, or one of its tensors."""

    step: int
    start: torch.Tensor  # (runs, dim), x₀
    scale: torch.Tensor  # (runs, groups), 1 + ‖x₀‖
    farthest: torch.Tensor  # (runs, groups), largest distance from x₀ so far
    squares: torch.Tensor  # (runs, groups), sum of squared gradient norms
    average: torch.Tensor  # (runs, dim), polynomial-decay average of the points after each step


@dataclass(frozen=True)
class DistanceRule(Rule):
    """What DoG and LDoG share: they differ in which parameters have a step length in common."""

    lr: Multiplier = 1.0
    reps_rel: FirstMove = 1e-6
    weight_decay: WeightDecay = 0.0
    gamma: Annotated[
        float,
        Knob(
            0,
            1e3,
            slider=(0, 32),
            symbol="γ",
            live=True,
            doc="of the shown average: it reaches back over about 1 / (γ + 1) of the steps",
        ),
    ] = 8.0
    eps: Epsilon = 1e-8

    State = DistanceState
    shows_another = True
    readings: ClassVar = {
        "rbar": "largest distance from the start so far (of any tensor, for LDoG)",
        "step_size": "factor of the gradient in the last step (the largest, for LDoG)",
    }

    @abstractmethod
    def _norms(self, vectors: torch.Tensor, layout: Layout) -> torch.Tensor:
        """Norms (runs, groups) of vectors (runs, dim)."""

    @abstractmethod
    def _spread(self, numbers: torch.Tensor, layout: Layout) -> torch.Tensor:
        """Numbers (runs, groups) as factors of vectors (runs, dim)."""

    def init(self, theta: torch.Tensor, layout: Layout) -> DistanceState:
        """At the start, nothing seen."""
        scale = 1 + self._norms(theta, layout)
        zero = torch.zeros_like(scale)
        return DistanceState(0, theta, scale, zero, zero, theta)

    def update(
        self, theta: torch.Tensor, state: DistanceState, oracle: Oracle
    ) -> tuple[torch.Tensor, DistanceState]:
        """One step."""
        gradient = torch.addcmul(oracle.gradient(theta), theta, self.weight_decay)
        layout, step = oracle.layout, state.step + 1
        farthest = torch.maximum(state.farthest, self._norms(theta - state.start, layout))
        squares = state.squares + self._norms(gradient, layout).square_()
        after = state._replace(step=step, farthest=farthest, squares=squares)
        theta = torch.addcmul(
            theta, gradient, self._spread(self._step_size(after), layout), value=-1
        )
        weight = (self.gamma + 1) / (self.gamma + step)
        return theta, after._replace(average=torch.lerp(state.average, theta, weight))

    def shown(self, theta: torch.Tensor, state: DistanceState) -> torch.Tensor:
        """The average of the points."""
        return state.average

    def read(self, theta: torch.Tensor, state: DistanceState) -> Mapping[str, torch.Tensor]:
        """Distance and step length; there is no step length before the first step."""
        size = self._step_size(state).amax(1)
        if state.step == 0:
            size = torch.full_like(size, torch.nan)
        return {"rbar": self._radius(state).amax(1), "step_size": size}

    def parts(self, theta: torch.Tensor, state: DistanceState, oracle: Oracle) -> Parts:
        """Gradient, weight decay, step size."""
        gradient, (_, after) = oracle.gradient(theta), self.update(theta, state, oracle)
        size = self._spread(self._step_size(after), oracle.layout)
        return built_up(
            *descent_stages(theta, gradient, self.lr, self.weight_decay),
            ("step size", -size * (gradient + self.weight_decay * theta)),
        )

    def response(self, theta: torch.Tensor, state: DistanceState, oracle: Oracle) -> Response:
        """A gradient with the step length as it is, of each tensor for LDoG."""
        _, after = self.update(theta, state, oracle)
        size = self._step_size(after)
        plain = Response(size, torch.ones_like(size), "2√G/ηr̄", decay=self.weight_decay)
        if size.shape[1] == 1:
            return plain
        one = torch.ones_like(size[:, :1])
        return plain._replace(rate=one, gain=one, divisor=1 / self._spread(size, oracle.layout))

    def _radius(self, state: DistanceState) -> torch.Tensor:
        """The distance that counts, r̄, (runs, groups)."""
        return torch.maximum(state.farthest, self.reps_rel * state.scale)

    def _step_size(self, state: DistanceState) -> torch.Tensor:
        """The factor of the last gradient that a state has seen, (runs, groups)."""
        return self.lr * self._radius(state) / (state.squares + self.eps).sqrt_()


@register(
    "optimizer",
    "dog",
    title="DoG",
    family="learning-rate-free",
    formula=r"x \leftarrow x - \eta\,\frac{\bar r}{\sqrt{G + \epsilon}}\, g, \quad "
    r"\bar r = \max(r_\epsilon, \max_{i \leq t} \|x_i - x_0\|), \quad "
    r"G = \sum_{i \leq t} \|g_i\|^2",
    paper="Ivgi, Hinder & Carmon 2023, arXiv 2302.12022, equation 1",
    look="At first nothing seems to happen: r̄ doubles again and again until it is as large as the "
    "distance to the valley, and then stays. The average, which is shown, is calmer than the path.",
)
@dataclass(frozen=True)
class DoG(DistanceRule):
    """Steps as long as the way from the start, over the root of all squared gradients so far.

    As in the authors' package: r_ε = reps_rel (1 + ‖x₀‖), all norms over all parameters of a run,
    weight decay added to the gradient. The gradient is taken at x; shown is the authors' average
    with polynomial decay, x̄ ← (1 - c) x̄ + c x with c = (γ + 1) / (γ + t), which leaves x₀ out. The
    multiplier η is the paper's c and should stay 1.
    """

    def _norms(self, vectors: torch.Tensor, layout: Layout) -> torch.Tensor:
        return norm(vectors)

    def _spread(self, numbers: torch.Tensor, layout: Layout) -> torch.Tensor:
        return numbers


@register(
    "optimizer",
    "ldog",
    title="L-DoG",
    family="learning-rate-free",
    formula=r"x_l \leftarrow x_l - \eta\,\frac{\bar r_l}{\sqrt{G_l + \epsilon}}\, g_l, \quad "
    r"\bar r_l = \max(r_{\epsilon,l}, \max_{i \leq t} \|x_{l,i} - x_{l,0}\|), \quad "
    r"G_l = \sum_{i \leq t} \|g_{l,i}\|^2",
    paper="Ivgi, Hinder & Carmon 2023, arXiv 2302.12022, section 4.1 (L-DoG)",
    look="Each tensor has its own step length, so layers that have not moved yet catch up. Where "
    "every parameter is a tensor of its own, as on surfaces, the path turns towards the diagonal.",
)
@dataclass(frozen=True)
class LDoG(DistanceRule):
    """DoG for each tensor apart: its own way from the start over its own gradients.

    As in the authors' package; norms, r_ε and ε are those of each tensor. On a problem whose
    parameters are one tensor it is DoG.
    """

    def _norms(self, vectors: torch.Tensor, layout: Layout) -> torch.Tensor:
        pieces = vectors.split(layout.sizes, dim=1)
        return torch.stack([torch.linalg.vector_norm(piece, dim=1) for piece in pieces], dim=1)

    def _spread(self, numbers: torch.Tensor, layout: Layout) -> torch.Tensor:
        sizes = torch.tensor(layout.sizes, device=numbers.device)
        return numbers.repeat_interleave(sizes, dim=1, output_size=layout.dim)

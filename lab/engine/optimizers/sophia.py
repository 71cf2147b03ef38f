"""Sophia: momentum over an estimate of the curvature's diagonal, clipped coordinate by coordinate.

Its two forms differ in where the curvature comes from: products with the Hessian (H), or gradients
at targets drawn from the model's own outputs (G).
"""

from abc import abstractmethod
from dataclasses import dataclass
from typing import Annotated, Literal, NamedTuple

import torch

from lab.engine.catalogue import register
from lab.engine.knobs import Knob
from lab.engine.layout import Layout
from lab.engine.limits import average_gain
from lab.engine.optimizers.knobs import Beta1, DecoupledDecay, Epsilon, LearningRate
from lab.engine.optimizers.parts import Parts, built_up
from lab.engine.optimizers.response import Response
from lab.engine.optimizers.rule import Cost, Rule
from lab.engine.optimizers.second_order import hessian_trouble
from lab.engine.oracle import Oracle
from lab.engine.problem import Problem

AUTHORS_EPSILON = 1e-15  # added to the curvature in the authors' file, which has no knob for it

CurvatureMemory = Annotated[
    float,
    Knob(
        0,
        1,
        excluded="high",
        slider=(0, 0.9999),
        symbol="β₂",
        live=True,
        doc="memory of the curvature, in estimates: 0.99 remembers about 100 of them",
    ),
]
Scale = Annotated[
    float,
    Knob(
        0,
        1e6,
        excluded="low",
        scale="log",
        slider=(1e-3, 10.0),
        symbol="γ",
        live=True,
        doc="how much the curvature weighs against the gradient: small values clip more",
    ),
]
Period = Annotated[
    int, Knob(1, 1000, scale="log", symbol="k", doc="steps from one estimate to the next")
]


class SophiaState(NamedTuple):
    """State of Sophia: moving averages that start at zero."""

    step: int
    mean: torch.Tensor  # (runs, dim), m, of the gradient
    curvature: torch.Tensor  # (runs, dim), h, of the estimates of the diagonal


@dataclass(frozen=True)
class SophiaRule(Rule):
    """The knobs and the arithmetic that both forms share."""

    State = SophiaState

    @abstractmethod
    def _estimate(self, theta: torch.Tensor, oracle: Oracle) -> torch.Tensor:
        """A new estimate of the curvature's diagonal, (runs, dim)."""

    @abstractmethod
    def _unclipped(self, state: SophiaState) -> tuple[torch.Tensor, torch.Tensor | float]:
        """Momentum over curvature (runs, dim), and the size that its entries may have."""

    def init(self, theta: torch.Tensor, layout: Layout) -> SophiaState:
        """Nothing averaged yet."""
        return SophiaState(0, torch.zeros_like(theta), torch.zeros_like(theta))

    def update(
        self, theta: torch.Tensor, state: SophiaState, oracle: Oracle
    ) -> tuple[torch.Tensor, SophiaState]:
        """One step."""
        mean = torch.lerp(oracle.gradient(theta), state.mean, self.beta1)
        curvature = state.curvature
        if state.step % self.period == 0:
            curvature = torch.lerp(self._estimate(theta, oracle), curvature, self.beta2)
        state = SophiaState(state.step + 1, mean, curvature)
        ratio, most = self._unclipped(state)
        shrunk = theta * (1 - self.lr * self.weight_decay)
        return torch.addcmul(shrunk, self.lr, clipped(ratio, most), value=-1), state

    def parts(self, theta: torch.Tensor, state: SophiaState, oracle: Oracle) -> Parts:
        """Gradient, momentum, preconditioner (where it is not clipped), clipping, weight decay."""
        _, after = self.update(theta, state, oracle)
        ratio, most = self._unclipped(after)
        scaled = clipped(ratio, most)
        whole = torch.where(ratio.abs() > most, after.mean, ratio)
        return built_up(
            ("gradient", -self.lr * oracle.gradient(theta)),
            ("momentum", -self.lr * after.mean),
            ("preconditioner", -self.lr * whole),
            ("clipping", -self.lr * scaled),
            ("weight decay", -self.lr * (scaled + self.weight_decay * theta)),
        )

    def response(self, theta: torch.Tensor, state: SophiaState, oracle: Oracle) -> Response:
        """An average over the curvature; coordinates that are clipped do not answer."""
        _, after = self.update(theta, state, oracle)
        ratio, most = self._unclipped(after)
        one = after._replace(mean=torch.ones_like(after.mean))
        divisor = 1 / self._unclipped(one)[0]
        return Response(
            self.lr,
            average_gain(self.beta1),
            "(2−ηλ)(1+β₁)/(1−β₁)η",
            torch.where(ratio.abs() > most, torch.inf, divisor),
            shrink=self.lr * self.weight_decay,
        )


def clipped(ratio: torch.Tensor, most: torch.Tensor | float) -> torch.Tensor:
    """A ratio (runs, dim) with entries at most so large, `most` a number or (runs, 1)."""
    if isinstance(most, float):
        return ratio.clamp(-most, most)
    return torch.minimum(torch.maximum(ratio, -most), most)


@register(
    "optimizer",
    "sophia_h",
    title="Sophia-H",
    family="second order",
    formula=r"h \leftarrow \beta_2 h + (1 - \beta_2)\,u \odot Hu, \quad "
    r"x \leftarrow (1 - \eta\lambda)\,x - \eta\,\mathrm{clip}(m / \max(\gamma h, \epsilon), 1)",
    paper="Liu et al. 2023, arXiv 2305.14342, algorithms 1 and 3",
    look="Where the surface curves down h is negative: such coordinates take the full clipped "
    "step, which carries them off a saddle.",
)
@dataclass(frozen=True)
class SophiaH(SophiaRule):
    """Clipped steps of momentum over curvature, the curvature from products with the Hessian.

    The diagonal is estimated in every k-th step as u ∘ Hu. `form="paper"` is the paper's last
    version; `form="v1"` is its first and pytorch_optimizer's, clip(m / max(h, ε), γ), where γ is
    called ρ: it walks the same path if its η is η/γ. The paper draws u normal; signs have less
    spread.
    """

    lr: LearningRate = 6e-2
    beta1: Beta1 = 0.96
    beta2: CurvatureMemory = 0.99
    gamma: Scale = 0.01
    eps: Epsilon = 1e-12
    weight_decay: DecoupledDecay = 0.0
    period: Period = 10
    form: Annotated[
        Literal["paper", "v1"], Knob(doc="where γ stands: beside the curvature, or as the limit")
    ] = "paper"
    probe: Annotated[Literal["normal", "signs"], Knob(doc="what u is drawn from")] = "normal"

    def cost(self, dim: int) -> Cost:
        """A gradient, and a product in the steps that estimate."""
        return Cost(1, 1 / self.period)

    @classmethod
    def unfit(cls, problem: Problem) -> str:
        """Second derivatives that mean nothing."""
        return hessian_trouble(cls.catalogue_name, problem)

    def _estimate(self, theta: torch.Tensor, oracle: Oracle) -> torch.Tensor:
        draw = oracle.noise.normal if self.probe == "normal" else oracle.noise.signs
        probe = draw("probe", theta)
        return probe * oracle.hessian_product(theta, probe)

    def _unclipped(self, state: SophiaState) -> tuple[torch.Tensor, torch.Tensor | float]:
        if self.form == "v1":
            return state.mean / torch.maximum(state.curvature, self.eps), self.gamma
        return state.mean / torch.maximum(self.gamma * state.curvature, self.eps), 1.0


@register(
    "optimizer",
    "sophia_g",
    title="Sophia-G",
    family="second order",
    formula=r"h \leftarrow \beta_2 h + (1 - \beta_2)\,B\,\hat g^2, \quad "
    r"x \leftarrow (1 - \eta\lambda)\,x - \eta\,\mathrm{clip}(m / \max(\gamma h, \epsilon), 1)",
    paper="Liu et al. 2023, arXiv 2305.14342, algorithms 2 and 3",
    look="How many coordinates are clipped: with no curvature known yet all are, and the step is "
    "the sign of the momentum.",
)
@dataclass(frozen=True)
class SophiaG(SophiaRule):
    """Clipped steps of momentum over curvature, the curvature from targets the model itself draws.

    In every k-th step targets are drawn from what the model holds likely; with ĝ the gradient of
    the mean loss there and B the number of samples, B ĝ² is in expectation the diagonal of the
    Gauss-Newton matrix. It is never negative. `form="authors"` adds 1e-15 to γh as the authors'
    file does (there γ is called ρ, 0.04, and B is an argument), in place of the larger of γh and ε;
    that file's README estimates after the step, the paper and this rule before it.
    """

    lr: LearningRate = 1e-3
    beta1: Beta1 = 0.965
    beta2: CurvatureMemory = 0.99
    gamma: Scale = 0.05
    eps: Epsilon = 1e-12
    weight_decay: DecoupledDecay = 0.1
    period: Period = 10
    form: Annotated[
        Literal["paper", "authors"], Knob(doc="max(γh, ε), or γh + 1e-15 without an ε")
    ] = "paper"

    def cost(self, dim: int) -> Cost:
        """A gradient, and a second one in the steps that estimate."""
        return Cost(1 + 1 / self.period)

    @classmethod
    def unfit(cls, problem: Problem) -> str:
        """No targets to draw."""
        if problem.likelihood_trouble:
            return (
                f"{cls.catalogue_name} draws targets from a network's outputs, and cannot here: "
                f"{problem.likelihood_trouble}"
            )
        return ""

    def _estimate(self, theta: torch.Tensor, oracle: Oracle) -> torch.Tensor:
        samples = oracle.problem.samples if oracle.batch is None else oracle.batch.shape[1]
        return samples * oracle.model_gradient(theta, "targets").square()

    def _unclipped(self, state: SophiaState) -> tuple[torch.Tensor, torch.Tensor | float]:
        weighed = self.gamma * state.curvature
        if self.form == "authors":
            return state.mean / (weighed + AUTHORS_EPSILON), 1.0
        return state.mean / torch.maximum(weighed, self.eps), 1.0

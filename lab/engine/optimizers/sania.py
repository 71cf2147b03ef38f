"""SANIA: a Polyak step in preconditioned coordinates that needs no learning rate."""

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal, NamedTuple

import torch

from lab.engine.catalogue import register
from lab.engine.knobs import Knob
from lab.engine.layout import Layout
from lab.engine.optimizers.curvature_probe import (
    DiagonalMemory,
    SmallestCurvature,
    sampled_diagonal,
)
from lab.engine.optimizers.knobs import Beta2, LowerBound, Multiplier
from lab.engine.optimizers.lengths import dot
from lab.engine.optimizers.parts import Parts, built_up
from lab.engine.optimizers.response import Response
from lab.engine.optimizers.rule import Cost, Rule
from lab.engine.optimizers.second_order import hessian_trouble
from lab.engine.oracle import Oracle
from lab.engine.problem import Problem

TINY = 1e-10  # added to the gradient's squared norm in the form of the authors' numpy file

Form = Annotated[
    Literal["torch", "numpy"],
    Knob(
        doc="which of the authors' files: torch bounds the preconditioner from below by ε, numpy "
        "adds ε to it, after the root, and 1e-10 to the gradient's norm",
    ),
]


class SaniaState(NamedTuple):
    """State of the rules with SANIA's step."""

    step: int
    diagonal: torch.Tensor  # (runs, dim), sum or average behind the preconditioner
    size: torch.Tensor  # (runs, 1), the last step length λ


@dataclass(frozen=True)
class PolyakRule(Rule):
    """What the forms of SANIA share: they differ in the preconditioner."""

    lr: Multiplier = 1.0
    lb: LowerBound = 0.0

    State = SaniaState
    readings: ClassVar = {"step_size": "step length along the preconditioned gradient, at most 1"}

    @abstractmethod
    def _gathered(
        self, theta: torch.Tensor, gradient: torch.Tensor, state: SaniaState, oracle: Oracle
    ) -> torch.Tensor:
        """The sum or average behind the preconditioner, with one more step in it, (runs, dim)."""

    @abstractmethod
    def _preconditioner(self, diagonal: torch.Tensor, step: int) -> torch.Tensor:
        """What the gradient is divided by, (runs, dim), made of what was gathered by a step."""

    @property
    @abstractmethod
    def _extra(self) -> float:
        """What is added to the squared norm of the gradient before it divides."""

    def init(self, theta: torch.Tensor, layout: Layout) -> SaniaState:
        """Nothing gathered yet."""
        size = torch.full_like(theta[:, :1], torch.nan)
        return SaniaState(0, torch.zeros_like(theta), size)

    def update(
        self, theta: torch.Tensor, state: SaniaState, oracle: Oracle
    ) -> tuple[torch.Tensor, SaniaState]:
        """One step."""
        value, gradient = oracle.value_and_gradient(theta)
        diagonal = self._gathered(theta, gradient, state, oracle)
        direction = gradient / self._preconditioner(diagonal, state.step + 1)
        norm = dot(gradient, direction)
        size = _length(value[:, None] - self.lb, norm, self._extra)
        theta = torch.addcmul(theta, direction, self.lr * size, value=-1)
        return theta, SaniaState(state.step + 1, diagonal, size)

    def read(self, theta: torch.Tensor, state: SaniaState) -> Mapping[str, torch.Tensor]:
        """The length of the last step, NaN before the first."""
        return {"step_size": state.size[:, 0]}

    def parts(self, theta: torch.Tensor, state: SaniaState, oracle: Oracle) -> Parts:
        """Gradient, preconditioner, step size."""
        gradient, (_, after) = oracle.gradient(theta), self.update(theta, state, oracle)
        direction = self.lr * gradient / self._preconditioner(after.diagonal, after.step)
        return built_up(
            ("gradient", -self.lr * gradient),
            ("preconditioner", -direction),
            ("step size", -after.size * direction),
        )

    def response(self, theta: torch.Tensor, state: SaniaState, oracle: Oracle) -> Response:
        """A gradient over the preconditioner, with the step length that was found."""
        _, after = self.update(theta, state, oracle)
        scale, one = self._preconditioner(after.diagonal, after.step), torch.ones_like(after.size)
        return Response(self.lr * after.size, one, "2/ηλ", scale)


def _length(gap: torch.Tensor, norm: torch.Tensor, extra: float) -> torch.Tensor:
    """λ = 1 - √(1 - 2 gap / (norm + extra)), and 1 where 2 gap is at least the norm; (runs, 1)."""
    left = 1 - 2 * gap / (norm + extra)
    within = (2 * gap <= norm) & (left > 0)
    return torch.where(within, 1 - left.sqrt(), 1.0)


@register(
    "optimizer",
    "sania",
    title="SANIA",
    family="learning-rate-free",
    formula=r"\lambda = 1 - \sqrt{\max\left(0, 1 - \frac{2 (f - f^*)}"
    r"{\langle g, B^{-1} g \rangle}\right)}, \quad x \leftarrow x - \lambda B^{-1} g",
    paper="Abdukhakimov et al. 2023, arXiv 2312.17369, AdaGrad-SQR and Adam-SQR",
    look="λ as a curve: 1 is a full preconditioned step, near 0 the loss is close to its bound. "
    "Without the square root, scaling a coordinate does not change the path. Where the true "
    "minimum lies above f* the steps never shrink and the path bounces.",
)
@dataclass(frozen=True)
class Sania(PolyakRule):
    """Polyak's step length with the squared AdaGrad or Adam preconditioner, without its root.

    The preconditioner B is the sum of squared gradients (AdaGrad-SQR) or their average, corrected
    for its start at zero (Adam-SQR); `square_root` takes the root of it, as AdaGrad and Adam do.
    The authors' files assume f* = 0. There is no averaged gradient: their β₁ is never used. The
    torch file takes the larger of B and ε, 0.1 by default, before the root; the numpy file adds ε,
    1e-8 by default, after it. The multiplier η is the
    numpy file's; the torch file ignores it.
    """

    preconditioner: Annotated[
        Literal["adagrad", "adam"],
        Knob(doc="the sum of all squared gradients, or their moving average"),
    ] = "adagrad"
    square_root: Annotated[
        bool, Knob(doc="take the root of the preconditioner, as AdaGrad and Adam do")
    ] = False
    form: Form = "torch"
    beta2: Beta2 = 0.999
    eps: Annotated[
        float,
        Knob(
            0,
            1e6,
            scale="log",
            slider=(1e-8, 10.0),
            symbol="ε",
            live=True,
            doc="keeps the preconditioner away from zero: larger values calm the steps",
        ),
    ] = 0.1

    def _gathered(
        self, theta: torch.Tensor, gradient: torch.Tensor, state: SaniaState, oracle: Oracle
    ) -> torch.Tensor:
        if self.preconditioner == "adagrad":
            return torch.addcmul(state.diagonal, gradient, gradient)
        return torch.lerp(gradient * gradient, state.diagonal, self.beta2)

    def _preconditioner(self, diagonal: torch.Tensor, step: int) -> torch.Tensor:
        if self.preconditioner == "adam":
            diagonal = diagonal / (1 - self.beta2**step)
        if self.form == "torch":
            diagonal = torch.maximum(diagonal, self.eps)
        rooted = diagonal.sqrt() if self.square_root else diagonal
        return rooted + self.eps if self.form == "numpy" else rooted

    @property
    def _extra(self) -> float:
        return TINY if self.form == "numpy" else 0.0


@register(
    "optimizer",
    "sania_hutchinson",
    title="SANIA (Hutchinson)",
    family="learning-rate-free",
    formula=r"D \leftarrow \beta D + (1-\beta)\, z \odot H z, \quad B = \max(|D|, \alpha), \quad "
    r"x \leftarrow x - \lambda B^{-1} g",
    paper="Abdukhakimov et al. 2023, arXiv 2312.17369, with Hutchinson's diagonal",
    look="On a quadratic along the axes the preconditioner is the Hessian itself and λ = 1 the "
    "Newton step; a rotated valley shows what the diagonal leaves out.",
)
@dataclass(frozen=True)
class SaniaHutchinson(PolyakRule):
    """SANIA with the Hessian's diagonal, sampled by Hutchinson's method, as the preconditioner.

    One Hessian product a step. The step is that of the authors' numpy file, whose form for a given
    preconditioner adds nothing to the gradient's norm. The first sample is D's start, where their
    notebook takes the mean of several. The multiplier η is theirs.
    """

    beta: DiagonalMemory = 0.999
    alpha: SmallestCurvature = 0.1

    def cost(self, dim: int) -> Cost:
        """One Hessian product beside the gradient."""
        return Cost(gradients=1, products=1)

    @classmethod
    def unfit(cls, problem: Problem) -> str:
        """Second derivatives that mean nothing."""
        return hessian_trouble(cls.catalogue_name, problem)

    def _gathered(
        self, theta: torch.Tensor, gradient: torch.Tensor, state: SaniaState, oracle: Oracle
    ) -> torch.Tensor:
        sample = sampled_diagonal(theta, oracle)
        return sample if state.step == 0 else torch.lerp(sample, state.diagonal, self.beta)

    def _preconditioner(self, diagonal: torch.Tensor, step: int) -> torch.Tensor:
        return torch.maximum(diagonal.abs(), self.alpha)

    @property
    def _extra(self) -> float:
        return 0.0

"""AdaHessian: Adam with an estimate of the Hessian's diagonal in place of the squared gradient."""

from dataclasses import dataclass
from typing import Annotated, Literal, NamedTuple

import torch

from lab.engine.catalogue import register
from lab.engine.knobs import Knob
from lab.engine.layout import Layout
from lab.engine.limits import average_gain
from lab.engine.optimizers.knobs import Beta1, Beta2, DecoupledDecay, Epsilon, LearningRate
from lab.engine.optimizers.parts import Parts, built_up
from lab.engine.optimizers.response import Response
from lab.engine.optimizers.rule import Cost, Rule
from lab.engine.optimizers.second_order import hessian_trouble
from lab.engine.oracle import Oracle
from lab.engine.problem import Problem

KERNEL_AXES = 4  # (out, in, height, width): the tensors over whose last two axes is averaged


class AdaHessianState(NamedTuple):
    """State of `AdaHessian`: moving averages that start at zero."""

    step: int
    mean: torch.Tensor  # (runs, dim), m, of the gradient
    square: torch.Tensor  # (runs, dim), v, of the squared curvature


@register(
    "optimizer",
    "adahessian",
    title="AdaHessian",
    family="second order",
    formula=r"D = z \odot Hz, \quad v \leftarrow \beta_2 v + (1 - \beta_2) D_s^2, \quad "
    r"x \leftarrow x - \eta\,[\hat m / ((\sqrt{\hat v})^k + \epsilon) + \lambda x]",
    paper="Yao et al. 2021, arXiv 2006.00719, algorithm 1",
    look="On a bowl along the axes it scales each coordinate by its curvature; turn the bowl by 45 "
    "degrees and the diagonal no longer knows the valley.",
)
@dataclass(frozen=True)
class AdaHessian(Rule):
    """Adam that divides by the curvature of each coordinate, found with one Hessian product.

    The diagonal is Hutchinson's estimate z ∘ Hz with random signs z. Over convolution kernels it is
    averaged, to be less noisy: the authors' file averages its size (`averaging="size"`), the
    paper's formula its signed values (`"signed"`); the package pytorch_optimizer does not average
    (`"none"`), has ε = 1e-16 and may estimate in every n-th step only (`period`), while the
    correction for the start at zero counts all steps. The paper averages over blocks of matrices
    too; neither code does. Weight decay is multiplied by η.
    """

    lr: LearningRate = 0.15
    beta1: Beta1 = 0.9
    beta2: Beta2 = 0.999
    eps: Epsilon = 1e-4
    weight_decay: DecoupledDecay = 0.0
    hessian_power: Annotated[
        float,
        Knob(0, 2, symbol="k", live=True, doc="1 divides by the curvature, 0 not at all"),
    ] = 1.0
    averaging: Annotated[
        Literal["size", "signed", "none"],
        Knob(doc="what is averaged over each convolution kernel: |z ∘ Hz|, z ∘ Hz, or nothing"),
    ] = "size"
    period: Annotated[
        int, Knob(1, 1000, scale="log", doc="steps from one estimate of the curvature to the next")
    ] = 1

    State = AdaHessianState

    def init(self, theta: torch.Tensor, layout: Layout) -> AdaHessianState:
        """Nothing averaged yet."""
        return AdaHessianState(0, torch.zeros_like(theta), torch.zeros_like(theta))

    def update(
        self, theta: torch.Tensor, state: AdaHessianState, oracle: Oracle
    ) -> tuple[torch.Tensor, AdaHessianState]:
        """One step."""
        mean = torch.lerp(oracle.gradient(theta), state.mean, self.beta1)
        square = state.square
        if state.step % self.period == 0:
            probe = oracle.noise.signs("probe", theta)
            curvature = self._averaged(probe * oracle.hessian_product(theta, probe), oracle.layout)
            square = torch.lerp(curvature * curvature, square, self.beta2)
        state = AdaHessianState(state.step + 1, mean, square)
        shrunk = theta * (1 - self.lr * self.weight_decay)
        return torch.addcdiv(shrunk, self._coasting(state), self._divisor(state), value=-1), state

    def parts(self, theta: torch.Tensor, state: AdaHessianState, oracle: Oracle) -> Parts:
        """Gradient, momentum, preconditioner and weight decay."""
        _, after = self.update(theta, state, oracle)
        coasting = self._coasting(after)
        scaled = coasting / self._divisor(after)
        return built_up(
            ("gradient", -self.lr * oracle.gradient(theta)),
            ("momentum", -coasting),
            ("preconditioner", -scaled),
            ("weight decay", -scaled - self.lr * self.weight_decay * theta),
        )

    def response(self, theta: torch.Tensor, state: AdaHessianState, oracle: Oracle) -> Response:
        """An average over a diagonal, and decay that stays out of both."""
        _, after = self.update(theta, state, oracle)
        return Response(
            self.lr,
            average_gain(self.beta1),
            "(2−ηλ)(1+β₁)/(1−β₁)η",
            self._divisor(after) * (1 - self.beta1**after.step),
            shrink=self.lr * self.weight_decay,
        )

    def cost(self, dim: int) -> Cost:
        """A gradient, and a product in the steps that estimate."""
        return Cost(1, 1 / self.period)

    @classmethod
    def unfit(cls, problem: Problem) -> str:
        """Second derivatives that mean nothing."""
        return hessian_trouble(cls.catalogue_name, problem)

    def _averaged(self, curvature: torch.Tensor, layout: Layout) -> torch.Tensor:
        """The diagonal (runs, dim), averaged over the kernels of convolutions."""
        if self.averaging == "none" or all(len(x) != KERNEL_AXES for x in layout.shapes):
            return curvature
        curvature = curvature.abs() if self.averaging == "size" else curvature
        return layout.join(
            {
                name: part
                if part.ndim != 1 + KERNEL_AXES
                else part.mean((-2, -1), keepdim=True).expand_as(part)
                for name, part in layout.split(curvature).items()
            }
        )

    def _coasting(self, state: AdaHessianState) -> torch.Tensor:
        """The step that the averaged gradient alone would make, η m̂."""
        return state.mean * (self.lr / (1 - self.beta1**state.step))

    def _divisor(self, state: AdaHessianState) -> torch.Tensor:
        """What it is divided by."""
        square = state.square / (1 - self.beta2**state.step)
        return (square ** (self.hessian_power / 2)).add_(self.eps)

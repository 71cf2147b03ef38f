"""OASIS: a sampled Hessian diagonal and a step length from how the gradient changes."""

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
from lab.engine.optimizers.knobs import LearningRate
from lab.engine.optimizers.lengths import dot
from lab.engine.optimizers.parts import Parts, built_up
from lab.engine.optimizers.response import Response
from lab.engine.optimizers.rule import Cost, Rule
from lab.engine.optimizers.second_order import hessian_trouble
from lab.engine.oracle import Oracle
from lab.engine.problem import Problem


class OasisState(NamedTuple):
    """State of `Oasis`; before the first step only the step counter means something."""

    step: int
    diagonal: torch.Tensor  # (runs, dim), D
    before: torch.Tensor  # (runs, dim), the point before
    gradient: torch.Tensor  # (runs, dim), the gradient there
    size: torch.Tensor  # (runs, 1), η, the last step length
    growth: torch.Tensor  # (runs, 1), θ, the last one over the one before; infinite at first


@register(
    "optimizer",
    "oasis",
    title="OASIS",
    family="learning-rate-free",
    formula=r"\eta_k = \min\left(\sqrt{1 + \theta_{k-1}}\,\eta_{k-1}, "
    r"\frac{\|x_k - x_{k-1}\|_{\hat D}}{2 \|g_k - g_{k-1}\|_{\hat D^{-1}}}\right), \quad "
    r"x \leftarrow x - \eta_k \hat D^{-1} g, \quad \hat D = \max(|D|, \alpha)",
    paper="Jahani et al. 2021, arXiv 2109.05198, algorithm 1",
    look="The step length as a curve: within two steps it finds its scale, whatever it began with, "
    "and near a minimum of a function with a diagonal Hessian it is about one half.",
)
@dataclass(frozen=True)
class Oasis(Rule):
    """A diagonal of curvatures for the directions, differences of gradients for the step length.

    D is an average of Hutchinson samples z ⊙ Hz, begun with the first one. As in the paper's
    algorithm the first step has the length η₀ and θ₀ is infinite, so that only the curvature bounds
    the second. Where neither bound says anything (nothing has moved yet) the last length is kept.
    With mini-batches the gradient at the old point is asked for again on the new batch, at the
    price of a second gradient; on all data it is remembered. The form `fixed` keeps η.
    """

    lr: LearningRate = 0.1
    beta2: DiagonalMemory = 0.99
    alpha: SmallestCurvature = 1e-3
    form: Annotated[
        Literal["adaptive", "fixed"],
        Knob(doc="a step length that the rule finds, beginning with η; or η all along"),
    ] = "adaptive"

    State = OasisState
    readings: ClassVar = {"step_size": "length of the last step along the preconditioned gradient"}

    def init(self, theta: torch.Tensor, layout: Layout) -> OasisState:
        """Nothing seen yet."""
        nothing = torch.zeros_like(theta)
        none = torch.full_like(theta[:, :1], torch.nan)
        return OasisState(0, nothing, theta, nothing, none, torch.full_like(none, torch.inf))

    def update(
        self, theta: torch.Tensor, state: OasisState, oracle: Oracle
    ) -> tuple[torch.Tensor, OasisState]:
        """One step."""
        gradient, sample = oracle.gradient(theta), sampled_diagonal(theta, oracle)
        diagonal = sample if state.step == 0 else torch.lerp(sample, state.diagonal, self.beta2)
        scale = torch.maximum(diagonal.abs(), self.alpha)
        if state.step == 0 or self.form == "fixed":
            size, growth = self.lr.expand_as(state.size), state.growth
        else:
            size = self._length(theta, gradient, scale, state, oracle)
            growth = size / state.size
        after = OasisState(state.step + 1, diagonal, theta, gradient, size, growth)
        return torch.addcdiv(theta, gradient * size, scale, value=-1), after

    def read(self, theta: torch.Tensor, state: OasisState) -> Mapping[str, torch.Tensor]:
        """The length of the last step, NaN before the first."""
        return {"step_size": state.size[:, 0]}

    def parts(self, theta: torch.Tensor, state: OasisState, oracle: Oracle) -> Parts:
        """Gradient, preconditioner, step size."""
        gradient, (_, after) = oracle.gradient(theta), self.update(theta, state, oracle)
        direction = gradient / torch.maximum(after.diagonal.abs(), self.alpha)
        return built_up(
            ("gradient", -self.lr * gradient),
            ("preconditioner", -self.lr * direction),
            ("step size", -after.size * direction),
        )

    def response(self, theta: torch.Tensor, state: OasisState, oracle: Oracle) -> Response:
        """A gradient over the diagonal, with the step length that was found."""
        _, after = self.update(theta, state, oracle)
        scale = torch.maximum(after.diagonal.abs(), self.alpha)
        return Response(after.size, torch.ones_like(after.size), "2/η", scale)

    def cost(self, dim: int) -> Cost:
        """One gradient and one Hessian product on all data; see above for mini-batches."""
        return Cost(gradients=1, products=1)

    @classmethod
    def unfit(cls, problem: Problem) -> str:
        """Second derivatives that mean nothing."""
        return hessian_trouble(cls.catalogue_name, problem)

    def _length(
        self,
        theta: torch.Tensor,
        gradient: torch.Tensor,
        scale: torch.Tensor,
        state: OasisState,
        oracle: Oracle,
    ) -> torch.Tensor:
        """The step length of the adaptive form, (runs, 1)."""
        old = state.gradient if oracle.batch is None else oracle.gradient(state.before)
        moved, changed = theta - state.before, gradient - old
        way = dot(moved * scale, moved).sqrt_()
        change = dot(changed / scale, changed).sqrt_()
        size = torch.fmin((1 + state.growth).sqrt_() * state.size, way / (2 * change))
        return torch.where(size.isinf(), state.size, size)

"""Newton's method damped by the gradient's norm, with a trust that it finds by trial."""

from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal, NamedTuple

import torch

from lab.engine.catalogue import register
from lab.engine.knobs import Knob
from lab.engine.layout import Layout
from lab.engine.optimizers.parts import Parts, built_up
from lab.engine.optimizers.response import BY_CURVATURE
from lab.engine.optimizers.rule import Cost, Rule
from lab.engine.optimizers.second_order import whole_hessian_trouble
from lab.engine.oracle import Oracle
from lab.engine.problem import Problem

TINY = 1e-8  # added to γ in the divisor, as in the authors' file
LEAST_GAMMA = 1e-9  # after a step that was taken, likewise


class GradientRegularizedState(NamedTuple):
    """State of `GradientRegularizedNewton`."""

    factor: torch.Tensor  # (runs, 1), of γ
    damping: torch.Tensor  # (runs, 1), λ of the last step taken, 0 if none was
    rejections: torch.Tensor  # (runs, 1), in the last step


@register(
    "optimizer",
    "gradient_regularized_newton",
    title="Gradient-regularised Newton",
    family="second order",
    formula=r"x \leftarrow x - (H + \lambda I)^{-1} g, \quad \lambda = \|g\| / \gamma, \quad "
    r"\mathrm{if}\ f - f_+ \geq \|g_+\|^2 / 8\lambda",
    paper="Semenov, Jaggi & Doikov 2025, arXiv 2506.13710, algorithm 1",
    look="γ against the step: it doubles while the paraboloid holds, and near a minimum the steps "
    "become Newton's own.",
)
@dataclass(frozen=True)
class GradientRegularizedNewton(Rule):
    """Newton steps with a damping λ = ‖g‖/γ, where γ is how far the paraboloid is trusted.

    A step is taken if the value falls by at least ‖g₊‖²/8λ, with g₊ the gradient after it; γ then
    doubles. If not, γ is halved and tried again, up to `tries` times; if none will do the run stays
    where it is, with the γ reached. A matrix H + λI that is not positive definite counts as a
    rejected try: the authors' file applies the last step it had once more, or stops with an error.
    Norms are Euclidean. The theory allows matrices near the Hessian; for a network there is that of
    Gauss and Newton, which is positive definite where the Hessian is not.
    """

    gamma: Annotated[
        float,
        Knob(
            0,
            1e12,
            excluded="low",
            scale="log",
            slider=(1e-3, 1e3),
            symbol="γ₀",
            live=True,
            doc="first trust in the paraboloid; turning it multiplies the present one",
        ),
    ] = 1.0
    tolerance: Annotated[
        float,
        Knob(
            0,
            1e6,
            scale="log",
            slider=(1e-12, 1.0),
            live=True,
            doc="norm of the gradient below which the run rests",
        ),
    ] = 1e-6
    tries: Annotated[int, Knob(1, 1000, scale="log", doc="how often γ is halved within a step")] = (
        40
    )
    matrix: Annotated[
        Literal["hessian", "gauss-newton"],
        Knob(doc="H: the Hessian, or what remains of it if a network counts as linear"),
    ] = "hessian"

    State = GradientRegularizedState
    no_limit = BY_CURVATURE
    readings: ClassVar = {
        "gamma": "trust γ of the next step",
        "lambda": "damping λ of the last step",
        "rejections": "steps tried and not taken",
    }

    def init(self, theta: torch.Tensor, layout: Layout) -> GradientRegularizedState:
        """The trust as the knob has it."""
        none = torch.zeros_like(theta[:, :1])
        return GradientRegularizedState(torch.ones_like(none), none, none)

    def update(
        self, theta: torch.Tensor, state: GradientRegularizedState, oracle: Oracle
    ) -> tuple[torch.Tensor, GradientRegularizedState]:
        """One step."""
        value, gradient = oracle.value_and_gradient(theta)
        size = torch.linalg.vector_norm(gradient, dim=1, keepdim=True)
        exact = self.matrix == "hessian"
        hessian = oracle.hessian(theta) if exact else oracle.gauss_newton(theta)
        gamma = self.gamma * state.factor
        searching = size > self.tolerance  # not where the gradient is no number
        step = torch.where(size.isnan(), torch.nan, torch.zeros_like(theta))
        damping = rejections = torch.zeros_like(size)
        for _ in range(self.tries):
            if not searching.any():
                break
            tried = size / (gamma + TINY)
            sound, trial = _solved(hessian, tried, gradient)
            at = torch.where(searching & sound, trial, 0.0)
            after, slope = oracle.value_and_gradient(theta + at)
            enough = slope.square().sum(1, keepdim=True) / (8 * tried)
            taken = searching & sound & ((value - after)[:, None] >= enough)
            step, damping = torch.where(taken, trial, step), torch.where(taken, tried, damping)
            searching = searching & ~taken
            gamma = torch.where(taken, (2 * gamma).clamp(min=LEAST_GAMMA), gamma)
            gamma = torch.where(searching, gamma / 2, gamma)
            rejections = rejections + searching
        return theta + step, GradientRegularizedState(gamma / self.gamma, damping, rejections)

    def read(self, theta: torch.Tensor, state: GradientRegularizedState) -> dict[str, torch.Tensor]:
        """Trust, damping and rejections."""
        return {
            "gamma": (self.gamma * state.factor)[:, 0],
            "lambda": state.damping[:, 0],
            "rejections": state.rejections[:, 0],
        }

    def parts(self, theta: torch.Tensor, state: GradientRegularizedState, oracle: Oracle) -> Parts:
        """The gradient over λ, and what the Hessian makes of it; nothing where no step is taken."""
        after, found = self.update(theta, state, oracle)
        plain = -oracle.gradient(theta) / found.damping
        return built_up(
            ("gradient", torch.where(found.damping > 0, plain, 0.0)),
            ("preconditioner", after - theta),
        )

    def cost(self, dim: int) -> Cost:
        """The gradient and the Hessian, and a gradient for each try: one if it is taken."""
        return Cost(2, dim)

    @classmethod
    def unfit(cls, problem: Problem) -> str:
        """Too many parameters, or second derivatives that mean nothing."""
        return whole_hessian_trouble(cls.catalogue_name, problem)


def _solved(
    hessian: torch.Tensor, damping: torch.Tensor, gradient: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Whether H + λI is positive definite (runs, 1), and -(H + λI)⁻¹g (runs, dim) if so."""
    damped = hessian + torch.diag_embed(damping.expand_as(gradient))
    factor, trouble = torch.linalg.cholesky_ex(damped)
    sound = (trouble == 0)[:, None] & factor.isfinite().all(2).all(1)[:, None]
    return sound, -torch.cholesky_solve(gradient[:, :, None], factor)[:, :, 0]

"""Newton's method, damped, and what rules that use the Hessian share."""

from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal, NamedTuple

import torch

from lab.engine.catalogue import register
from lab.engine.knobs import Knob
from lab.engine.layout import Layout
from lab.engine.optimizers.knobs import LearningRate
from lab.engine.optimizers.parts import Parts, built_up
from lab.engine.optimizers.response import BY_CURVATURE
from lab.engine.optimizers.rule import Cost, Rule
from lab.engine.oracle import Oracle
from lab.engine.problem import Problem

MOST_PARAMETERS = 2000  # a Hessian of 32 MB for each run in float64, a second for each step
LARGEST_FACTOR = 1e12  # of the damping and its inverse, so that a long search stays finite

Damping = Annotated[
    float,
    Knob(
        0,
        1e6,
        scale="log",
        slider=(1e-6, 1e2),
        symbol="λ",
        live=True,
        doc="added to every curvature: large values make short steps along the gradient",
    ),
]


def hessian_trouble(name: str, problem: Problem) -> str:
    """Why a rule cannot use second derivatives of a problem, as a sentence; empty if it can."""
    if problem.hessian_trouble:
        return f"{name} needs the Hessian: {problem.hessian_trouble}"
    return ""


def whole_hessian_trouble(name: str, problem: Problem) -> str:
    """Why a rule cannot have the whole Hessian of a problem; empty if it can."""
    if problem.dim > MOST_PARAMETERS:
        return (
            f"{name} needs the whole Hessian and takes at most "
            f"{MOST_PARAMETERS} parameters; this problem has {problem.dim}"
        )
    return hessian_trouble(name, problem)


class NewtonState(NamedTuple):
    """State of `Newton`."""

    factor: torch.Tensor  # (runs, 1), of the damping; it stays 1 unless the rule adapts it


@register(
    "optimizer",
    "newton",
    title="Newton (damped)",
    family="second order",
    formula=r"x \leftarrow x - \eta\,(H + \lambda I)^{-1} g",
    paper="Levenberg 1944, Quarterly of Applied Mathematics 2(2); Nocedal & Wright 2006, chapter 3",
    look="It jumps to where the fitted paraboloid is flat, uphill too where the surface curves "
    "down: start it beside a saddle.",
)
@dataclass(frozen=True)
class Newton(Rule):
    """Jumps to where a paraboloid fitted to the surface is flat, be that a minimum or a saddle.

    With η = 1 and λ = 0 it is Newton's method. Where H + λI has a negative eigenvalue the step goes
    uphill along it; where it is singular there is no step, and the run is marked as diverged.

    The damping is fixed, or adapts as Levenberg and Marquardt have it, with the numbers of Martens
    2010 (ICML, section 4.1): λ becomes 2/3 of itself where the surface fell by more than 3/4 of
    what the paraboloid promised, and 3/2 where by less than 1/4 (or where nothing was promised). A
    step after which the surface is not lower is then not made. The factor gathered stays within
    1e-12 and 1e12.
    """

    lr: LearningRate = 1.0
    damping: Damping = 1e-3
    adapt: Annotated[
        Literal["fixed", "levenberg-marquardt"],
        Knob(doc="whether λ stays, or follows how well the paraboloid foresees the fall"),
    ] = "fixed"

    State = NewtonState
    no_limit = BY_CURVATURE
    readings: ClassVar = {"lambda": "damping λ of the next step"}

    def init(self, theta: torch.Tensor, layout: Layout) -> NewtonState:
        """The damping as the knob has it."""
        return NewtonState(torch.ones_like(theta[:, :1]))

    def update(
        self, theta: torch.Tensor, state: NewtonState, oracle: Oracle
    ) -> tuple[torch.Tensor, NewtonState]:
        """One step."""
        _, step, state = self._made(theta, state, oracle)
        return theta + step, state

    def read(self, theta: torch.Tensor, state: NewtonState) -> dict[str, torch.Tensor]:
        """The damping."""
        return {"lambda": (self.damping * state.factor)[:, 0]}

    def parts(self, theta: torch.Tensor, state: NewtonState, oracle: Oracle) -> Parts:
        """The gradient, what the inverse makes of it, and whether the step is made."""
        full, step, _ = self._made(theta, state, oracle)
        return built_up(
            ("gradient", -self.lr * oracle.gradient(theta)),
            ("preconditioner", full),
            ("step size", step),
        )

    def cost(self, dim: int) -> Cost:
        """A gradient and a Hessian; the value after the step where the damping adapts."""
        return Cost(1, dim, values=0 if self.adapt == "fixed" else 1)

    @classmethod
    def unfit(cls, problem: Problem) -> str:
        """Too many parameters, or second derivatives that mean nothing."""
        return whole_hessian_trouble(cls.catalogue_name, problem)

    def _made(
        self, theta: torch.Tensor, state: NewtonState, oracle: Oracle
    ) -> tuple[torch.Tensor, torch.Tensor, NewtonState]:
        """The full step (runs, dim), the one that is made, and the next state."""
        value, gradient = oracle.value_and_gradient(theta)
        hessian = oracle.hessian(theta)
        damped = hessian + torch.diag_embed((self.damping * state.factor).expand_as(gradient))
        solved = torch.linalg.solve_ex(damped, gradient[:, :, None])
        step = -self.lr * solved.result[:, :, 0]
        if self.adapt == "fixed":
            return step, step, state
        bend = (hessian @ step[:, :, None])[:, :, 0]
        promised = -(step * torch.add(gradient, bend, alpha=0.5)).sum(1)
        fall = value - oracle.value(theta + step)
        made = torch.where((fall > 0)[:, None], step, 0.0)
        return step, made, NewtonState(_next_factor(state.factor, fall, promised))


def _next_factor(factor: torch.Tensor, fall: torch.Tensor, promised: torch.Tensor) -> torch.Tensor:
    """The factor (runs, 1) of the damping after a fall and the fall that was promised (runs,)."""
    trusted = promised > 0
    change = torch.ones_like(fall)
    change[trusted & (fall > 0.75 * promised)] = 2 / 3
    change[~trusted | ~(fall >= 0.25 * promised)] = 3 / 2
    return (factor * change[:, None]).clamp(1 / LARGEST_FACTOR, LARGEST_FACTOR)

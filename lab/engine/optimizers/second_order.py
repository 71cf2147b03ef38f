"""Rules that use the whole Hessian: Newton's method, damped, and its saddle-free form."""

from abc import abstractmethod
from dataclasses import dataclass
from typing import Annotated

import torch

from lab.engine.catalogue import register
from lab.engine.knobs import Knob
from lab.engine.layout import Layout
from lab.engine.optimizers.knobs import LearningRate
from lab.engine.optimizers.rule import NoState, Rule
from lab.engine.oracle import Oracle
from lab.engine.problem import Problem

MOST_PARAMETERS = 2000  # a Hessian of 32 MB for each run in float64, a second for each step

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


class HessianRule(Rule):
    """A rule that asks for the Hessian at every step, which costs as many products as parameters.

    Where the linear algebra has no answer for a run (a singular matrix, a Hessian that is not
    finite) its step is not finite either, and the lane marks that run as diverged.
    """

    @abstractmethod
    def _step(self, hessian: torch.Tensor, gradient: torch.Tensor) -> torch.Tensor:
        """The step (runs, dim) of a Hessian (runs, dim, dim) and a gradient (runs, dim)."""

    def init(self, theta: torch.Tensor, layout: Layout) -> NoState:
        """Nothing is remembered."""
        return NoState()

    def update(
        self, theta: torch.Tensor, state: NoState, oracle: Oracle
    ) -> tuple[torch.Tensor, NoState]:
        """One step."""
        gradient = oracle.gradient(theta)
        step = self._step(oracle.hessian(theta), gradient)
        return torch.addcmul(theta, step, self.lr, value=-1), state

    @classmethod
    def unfit(cls, problem: Problem) -> str:
        """Too many parameters, or second derivatives that mean nothing."""
        if problem.dim > MOST_PARAMETERS:
            return (
                f"{cls.catalogue_name} needs the whole Hessian and takes at most "
                f"{MOST_PARAMETERS} parameters; this problem has {problem.dim}"
            )
        if problem.hessian_trouble:
            return f"{cls.catalogue_name} needs the Hessian: {problem.hessian_trouble}"
        return ""


@register(
    "optimizer",
    "newton",
    title="Newton (damped)",
    family="second order",
    formula=r"x \leftarrow x - \eta\,(H + \lambda I)^{-1} g",
    paper="Levenberg 1944, Quarterly of Applied Mathematics 2(2); Nocedal & Wright 2006, chapter 3",
)
@dataclass(frozen=True)
class Newton(HessianRule):
    """Jumps to where a paraboloid fitted to the surface is flat, be that a minimum or a saddle.

    With η = 1 and λ = 0 it is Newton's method. The damping is fixed. Where H + λI has a negative
    eigenvalue the step goes uphill along it; where it is singular there is no step.
    """

    lr: LearningRate = 1.0
    damping: Damping = 1e-3

    def _step(self, hessian: torch.Tensor, gradient: torch.Tensor) -> torch.Tensor:
        damped = hessian + torch.diag_embed(self.damping.expand_as(gradient))
        return torch.linalg.solve_ex(damped, gradient[:, :, None]).result[:, :, 0]


@register(
    "optimizer",
    "saddle_free_newton",
    title="Saddle-free Newton",
    family="second order",
    formula=r"x \leftarrow x - \eta\,(|H| + \lambda I)^{-1} g, \quad "
    r"|H| = \sum_i |\lambda_i|\, q_i q_i^\top",
    paper="Dauphin et al. 2014, arXiv 1406.2572, section 5",
)
@dataclass(frozen=True)
class SaddleFreeNewton(HessianRule):
    """Newton's method with every curvature taken as positive, so that saddles push it away.

    The exact |H| from all eigenvalues; the paper estimates it in a small Krylov space.
    """

    lr: LearningRate = 1.0
    damping: Damping = 1e-3

    def _step(self, hessian: torch.Tensor, gradient: torch.Tensor) -> torch.Tensor:
        # one matrix that is not finite would make the eigenvalue routine give up on all of them
        finite = hessian.isfinite().all(2).all(1)[:, None]
        values, vectors = torch.linalg.eigh(torch.where(finite[:, :, None], hessian, 0.0))
        along = (vectors.mT @ gradient[:, :, None])[:, :, 0] / (values.abs() + self.damping)
        step = (vectors @ along[:, :, None])[:, :, 0]
        return torch.where(finite, step, torch.nan)

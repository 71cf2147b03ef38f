"""Newton's method with every curvature taken as positive, exactly or in a Krylov space."""

from collections import deque
from dataclasses import dataclass
from typing import Annotated

import torch

from lab.engine.catalogue import register
from lab.engine.knobs import Knob
from lab.engine.lanczos import Product, lanczos
from lab.engine.layout import Layout
from lab.engine.optimizers.knobs import LearningRate
from lab.engine.optimizers.parts import Parts, built_up
from lab.engine.optimizers.response import BY_CURVATURE
from lab.engine.optimizers.rule import Cost, NoState, Rule
from lab.engine.optimizers.second_order import MOST_PARAMETERS, Damping, hessian_trouble
from lab.engine.oracle import Oracle
from lab.engine.problem import Problem


@register(
    "optimizer",
    "saddle_free_newton",
    title="Saddle-free Newton",
    family="second order",
    formula=r"x \leftarrow x - \eta\,(|H| + \lambda I)^{-1} g, \quad "
    r"|H| = \sum_i |\lambda_i|\, q_i q_i^\top",
    paper="Dauphin et al. 2014, arXiv 1406.2572, algorithm 1",
    look="Beside a saddle: Newton's method falls into it, this one leaves along the direction that "
    "curves down.",
)
@dataclass(frozen=True)
class SaddleFreeNewton(Rule):
    """Newton's method with every curvature taken as positive, so that saddles push it away.

    Up to `exact_to` parameters |H| comes from all eigenvalues. Above, as in the paper, the step
    stays in a Krylov space V: V (|VᵀHV| + λI)⁻¹ Vᵀg. V is spanned by g, Hg, H²g, … (Lanczos
    iterations, fully re-orthogonalised), so that the step is the exact one as soon as the space
    holds all directions in which g has a part; the paper adds the previous step to it.
    """

    lr: LearningRate = 1.0
    damping: Damping = 1e-3
    subspace: Annotated[
        int,
        Knob(1, 1000, scale="log", symbol="k", doc="Hessian products, and directions, of a step"),
    ] = 30
    exact_to: Annotated[
        int, Knob(0, MOST_PARAMETERS, doc="parameters up to which the whole Hessian is taken")
    ] = 200

    no_limit = BY_CURVATURE

    def init(self, theta: torch.Tensor, layout: Layout) -> NoState:
        """Nothing is remembered."""
        return NoState()

    def update(
        self, theta: torch.Tensor, state: NoState, oracle: Oracle
    ) -> tuple[torch.Tensor, NoState]:
        """One step."""
        return theta + self._step(theta, oracle.gradient(theta), oracle), state

    def parts(self, theta: torch.Tensor, state: NoState, oracle: Oracle) -> Parts:
        """The gradient, and what the inverse makes of it."""
        gradient = oracle.gradient(theta)
        return built_up(
            ("gradient", -self.lr * gradient),
            ("preconditioner", self._step(theta, gradient, oracle)),
        )

    def cost(self, dim: int) -> Cost:
        """A gradient, and the Hessian or as many products as the space has directions."""
        return Cost(1, dim if dim <= self.exact_to else min(self.subspace, dim))

    @classmethod
    def unfit(cls, problem: Problem) -> str:
        """Second derivatives that mean nothing."""
        return hessian_trouble(cls.catalogue_name, problem)

    def _step(self, theta: torch.Tensor, gradient: torch.Tensor, oracle: Oracle) -> torch.Tensor:
        """The step (runs, dim) at theta (runs, dim), with its gradient."""
        dim = theta.shape[1]
        if dim <= self.exact_to:
            return -self.lr * over_absolute(oracle.hessian(theta), gradient, self.damping)
        size = min(self.subspace, dim)
        return -self.lr * over_absolute_in_space(
            oracle.products(theta), gradient, self.damping, size
        )


def over_absolute(
    matrix: torch.Tensor, vector: torch.Tensor, damping: torch.Tensor
) -> torch.Tensor:
    """A vector over a matrix with all eigenvalues taken as positive.

    Args:
        matrix: (runs, n, n), symmetric.
        vector: (runs, n).
        damping: (runs, 1), added to every eigenvalue.

    Returns:
        (runs, n); NaN for runs whose matrix is not finite.
    """
    # one matrix that is not finite would make the eigenvalue routine give up on all of them
    finite = matrix.isfinite().all(2).all(1)[:, None]
    values, vectors = torch.linalg.eigh(torch.where(finite[:, :, None], matrix, 0.0))
    along = (vectors.mT @ vector[:, :, None])[:, :, 0] / (values.abs() + damping)
    return torch.where(finite, (vectors @ along[:, :, None])[:, :, 0], torch.nan)


def over_absolute_in_space(
    product: Product, vector: torch.Tensor, damping: torch.Tensor, size: int
) -> torch.Tensor:
    """`over_absolute` in the Krylov space of the vector, for a matrix known by its products.

    Args:
        product: applies the matrix of each run to a vector of that run, (runs, dim).
        vector: (runs, dim).
        damping: (runs, 1).
        size: directions of the space, and products.

    Returns:
        (runs, dim)
    """
    length = torch.linalg.vector_norm(vector, dim=1, keepdim=True)
    start = torch.where(length == 0, 1.0, vector)  # a space of some direction, with no step in it
    (found,) = deque(lanczos(product, start, size), maxlen=1)
    # rows after an invariant subspace was found are empty: any curvature does for them
    empty = (found.basis == 0).all(2).cpu()
    beside = found.off_diagonal[:, :-1]
    small = torch.diag_embed(found.diagonal + empty.double())
    small = small + torch.diag_embed(beside, 1) + torch.diag_embed(beside, -1)
    first = torch.zeros_like(found.diagonal)
    first[:, 0] = length[:, 0].cpu()
    inside = over_absolute(small, first, damping.cpu().double()).to(vector)
    return (inside[:, None] @ found.basis)[:, 0]

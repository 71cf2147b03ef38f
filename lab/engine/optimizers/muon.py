"""Muon: momentum whose matrices are made (nearly) orthogonal before the step."""

import math
from abc import abstractmethod
from dataclasses import dataclass
from typing import Annotated, Literal, NamedTuple

import torch

from lab.engine.catalogue import register
from lab.engine.knobs import Knob
from lab.engine.layout import Layout
from lab.engine.optimizers.knobs import (
    Beta1,
    Beta2,
    DecoupledDecay,
    Epsilon,
    LearningRate,
    Momentum,
)
from lab.engine.optimizers.matrices import Pieces, for_each_matrix, newton_schulz, pieces
from lab.engine.optimizers.parts import Parts, built_up
from lab.engine.optimizers.response import FIXED_LENGTH
from lab.engine.optimizers.rule import Rule
from lab.engine.oracle import Oracle

Stages = tuple[tuple[str, torch.Tensor], ...]  # names of parts, directions so far (runs, dim)

VectorRate = Annotated[
    float,
    Knob(
        0,
        1e3,
        scale="log",
        slider=(1e-3, 10.0),
        live=True,
        doc="learning rate of the parameters in no matrix, as a multiple of η",
    ),
]
Steps = Annotated[
    int, Knob(1, 50, slider=(1, 10), doc="Newton-Schulz steps towards an orthogonal matrix")
]
Nesterov = Annotated[
    bool, Knob(doc="orthogonalise the momentum with the present gradient mixed in once more")
]


class MatrixState(NamedTuple):
    """State of the rules with a momentum for matrices and AdamW for the rest."""

    step: int
    mean: torch.Tensor  # (runs, dim), the momentum; AdamW's averaged gradient outside matrices
    square: torch.Tensor  # (runs, parameters in no matrix), AdamW's averaged square


class MatrixRule(Rule):
    """A rule with a direction for matrices and another for all else, and decoupled decay."""

    State = MatrixState
    no_limit = FIXED_LENGTH

    @abstractmethod
    def _directions(
        self, gradient: torch.Tensor, state: MatrixState, found: Pieces
    ) -> tuple[Stages, MatrixState]:
        """Stages of the direction that is stepped along, the last one whole; and the next state."""

    def init(self, theta: torch.Tensor, layout: Layout) -> MatrixState:
        """Nothing averaged yet."""
        rest, _ = pieces(layout).to(theta)
        return MatrixState(0, torch.zeros_like(theta), torch.zeros_like(theta[:, rest]))

    def update(
        self, theta: torch.Tensor, state: MatrixState, oracle: Oracle
    ) -> tuple[torch.Tensor, MatrixState]:
        """One step."""
        found = pieces(oracle.layout)
        (*_, (_, direction)), state = self._directions(oracle.gradient(theta), state, found)
        rates = self._rates(found, theta)
        return torch.addcmul(theta * (1 - rates * self.weight_decay), direction, -rates), state

    def parts(self, theta: torch.Tensor, state: MatrixState, oracle: Oracle) -> Parts:
        """Gradient, the stages of the direction, weight decay."""
        found, gradient = pieces(oracle.layout), oracle.gradient(theta)
        stages, _ = self._directions(gradient, state, found)
        rates = self._rates(found, theta)
        return built_up(
            ("gradient", -rates * gradient),
            *((name, -rates * direction) for name, direction in stages),
            ("weight decay", -rates * (stages[-1][1] + self.weight_decay * theta)),
        )

    def _rates(self, found: Pieces, like: torch.Tensor) -> torch.Tensor:
        """The learning rate of each parameter: (runs, dim)."""
        _, in_matrix = found.to(like)
        return torch.where(in_matrix, self.lr, self.lr * self.vector_rate)


def adamw_direction(
    mean: torch.Tensor,
    square: torch.Tensor,
    step: int,
    beta1: torch.Tensor,
    beta2: torch.Tensor,
    eps: torch.Tensor,
) -> tuple[torch.Tensor, torch.Tensor]:
    """The direction of AdamW: m̂ and m̂ / (√v̂ + ε), of averages (runs, n) and knobs (runs, 1)."""
    coasting = mean / (1 - beta1**step)
    return coasting, coasting / ((square / (1 - beta2**step)).sqrt_() + eps)


@register(
    "optimizer",
    "muon",
    title="Muon",
    family="matrix",
    formula=r"M \leftarrow \beta M + (1 - \beta)\,G, \quad U = (1 - \beta)\,G + \beta M, \quad "
    r"W \leftarrow (1 - \eta\lambda)\,W - \eta \sqrt{\max(1, m / n)}\; \mathrm{NS}_5(U)",
    paper="Jordan et al. 2024, kellerjordan.github.io/posts/muon; "
    "match_rms: Liu et al. 2025, arXiv 2502.16982",
    look="All singular directions of a layer move equally far at every step, however unlike their "
    "slopes are. The steps do not shrink near a minimum: lower η there, or watch it circle.",
)
@dataclass(frozen=True)
class Muon(MatrixRule):
    """Momentum whose matrices are brought near their closest orthogonal matrix before the step.

    Five Newton-Schulz steps bring all singular values to between about 0.7 and 1.2. Published
    versions do that in bfloat16, here it is done in the precision of the lane. Tensors of more than
    two axes are matrices (out, rest); all other parameters have AdamW. The authors leave the first
    and last layer to AdamW too, here every matrix is taken. On a problem without matrices the point
    is one row, and the step a normalised gradient. The momentum is an average, as in the authors'
    code; their text adds up, which is the same once made orthogonal. The defaults are those of the
    authors' file, with AdamW at 0.0003; torch has η = 0.001 and λ = 0.1.
    """

    lr: LearningRate = 0.02
    momentum: Momentum = 0.95
    nesterov: Nesterov = True
    ns_steps: Steps = 5
    scale: Annotated[
        Literal["rows", "match_rms"],
        Knob(
            doc="length of the step: √max(1, m/n) of a matrix m × n, or 0.2 √max(m, n), which is "
            "as long as AdamW's"
        ),
    ] = "rows"
    form: Annotated[
        Literal["authors", "torch"],
        Knob(doc="1e-7 is added to the norm of the matrix, or is the least that the norm can be"),
    ] = "authors"
    weight_decay: DecoupledDecay = 0.0
    vector_rate: VectorRate = 0.015
    beta1: Beta1 = 0.9
    beta2: Beta2 = 0.95
    eps: Epsilon = 1e-10

    def _directions(
        self, gradient: torch.Tensor, state: MatrixState, found: Pieces
    ) -> tuple[Stages, MatrixState]:
        step = state.step + 1
        rest, in_matrix = found.to(gradient)
        memory = torch.where(in_matrix, self.momentum, self.beta1)
        mean = torch.lerp(gradient, state.mean, memory)
        square = torch.lerp(gradient[:, rest].square(), state.square, self.beta2)
        coasting = torch.lerp(gradient, mean, memory) if self.nesterov else mean.clone()
        direction = for_each_matrix(self._orthogonal, coasting, found)
        coasting[:, rest], direction[:, rest] = adamw_direction(
            mean[:, rest], square, step, self.beta1, self.beta2, self.eps
        )
        stages = (("momentum", coasting), ("preconditioner", direction))
        return stages, MatrixState(step, mean, square)

    def _orthogonal(self, matrix: torch.Tensor) -> torch.Tensor:
        """A matrix (runs, m, n) made orthogonal, times the length of the step."""
        rows, columns = matrix.shape[1:]
        by_rows = self.scale == "rows"
        length = math.sqrt(max(1, rows / columns) if by_rows else 0.04 * max(rows, columns))
        return length * newton_schulz(matrix, self.ns_steps, clamp=self.form == "torch")

"""Shampoo: full-matrix AdaGrad, approximated by one preconditioner for each axis of a tensor."""

from dataclasses import dataclass
from functools import lru_cache
from typing import Annotated, NamedTuple

import torch

from lab.engine.catalogue import register
from lab.engine.knobs import Knob
from lab.engine.layout import Layout
from lab.engine.limits import velocity_formula, velocity_gain
from lab.engine.optimizers.knobs import LearningRate, Momentum
from lab.engine.optimizers.matrices import symmetric_eigen
from lab.engine.optimizers.parts import Parts, built_up
from lab.engine.optimizers.response import Response
from lab.engine.optimizers.rule import Rule
from lab.engine.oracle import Oracle
from lab.engine.problem import Problem

LONGEST_AXIS = 2048  # eigenvalues of such a matrix take seconds at every step


class ShampooState(NamedTuple):
    """State of `Shampoo`."""

    step: int
    velocity: torch.Tensor  # (runs, dim)
    statistics: torch.Tensor  # (runs, numbers), the d × d matrices of all axes, one after the other


@register(
    "optimizer",
    "shampoo",
    title="Shampoo",
    family="matrix",
    formula=r"L \leftarrow L + G G^\top, \quad R \leftarrow R + G^\top G, \quad "
    r"W \leftarrow W - \eta\,(L + \epsilon I)^{-1/4}\, G\,(R + \epsilon I)^{-1/4}",
    paper="Gupta, Koren & Singer 2018, arXiv 1802.09568, algorithms 1 and 2",
    look="Steep directions of a layer, not only of single weights, are slowed down, so the path "
    "bends less than AdaGrad's in a valley that lies across the axes. As sums only grow, steps "
    "shrink like those of AdaGrad.",
)
@dataclass(frozen=True)
class Shampoo(Rule):
    """Every axis of a tensor has a matrix of its own that scales and turns the gradient.

    A tensor of k axes is multiplied along each by the inverse 2k-th root of the sum of its squared
    unfolded gradients: matrices by fourth roots on both sides, vectors by full-matrix AdaGrad. On a
    problem of scalars the point is one vector. The paper starts sums at εI, the version by Meta
    adds ε at the root; both give the same sums. With `beta2` below 1 the sums become averages, and
    a momentum can be added after the roots; the paper has neither. There is no grafting of another
    rule's step length, axes are not cut into blocks, and roots are taken at every step.
    """

    lr: LearningRate = 0.1
    eps: Annotated[
        float,
        Knob(
            0,
            1e6,
            scale="log",
            slider=(1e-8, 1.0),
            symbol="ε",
            live=True,
            doc="added to every eigenvalue: directions without gradients are stretched by a root "
            "of 1/ε",
        ),
    ] = 1e-4
    beta2: Annotated[
        float,
        Knob(
            0,
            1,
            slider=(0.9, 1),
            symbol="β₂",
            live=True,
            doc="memory of the sums: below 1 they are moving averages, 1 never forgets",
        ),
    ] = 1.0
    momentum: Momentum = 0.0

    State = ShampooState

    def init(self, theta: torch.Tensor, layout: Layout) -> ShampooState:
        """Nothing summed yet."""
        numbers = sum(axis * axis for _, shape in tensors(layout) for axis in shape)
        return ShampooState(0, torch.zeros_like(theta), theta.new_zeros(len(theta), numbers))

    def update(
        self, theta: torch.Tensor, state: ShampooState, oracle: Oracle
    ) -> tuple[torch.Tensor, ShampooState]:
        """One step."""
        preconditioned, statistics = self._precondition(theta, state, oracle)
        velocity = torch.addcmul(preconditioned, state.velocity, self.momentum)
        theta = torch.addcmul(theta, velocity, self.lr, value=-1)
        return theta, ShampooState(state.step + 1, velocity, statistics)

    def parts(self, theta: torch.Tensor, state: ShampooState, oracle: Oracle) -> Parts:
        """Gradient, preconditioner, momentum."""
        preconditioned, _ = self._precondition(theta, state, oracle)
        velocity = torch.addcmul(preconditioned, state.velocity, self.momentum)
        return built_up(
            ("gradient", -self.lr * oracle.gradient(theta)),
            ("preconditioner", -self.lr * preconditioned),
            ("momentum", -self.lr * velocity),
        )

    def response(self, theta: torch.Tensor, state: ShampooState, oracle: Oracle) -> Response:
        """A velocity of gradients that the matrices of all axes scale and turn."""
        layout = oracle.layout
        statistics = self._summed(oracle.gradient(theta), state, layout)
        roots = self._inverse_roots(statistics, layout, 4)

        def root(vectors: torch.Tensor, run: int) -> torch.Tensor:
            return turned(vectors, [matrices[run : run + 1] for matrices in roots], layout)

        moves = bool((self.momentum != 0).any())
        formula = velocity_formula(momentum=moves, share=1, ahead=False)
        return Response(self.lr, velocity_gain(self.momentum), formula, root=root)

    @classmethod
    def unfit(cls, problem: Problem) -> str:
        """An axis whose matrix would be too large."""
        longest = max((axis for _, shape in tensors(problem.layout) for axis in shape), default=0)
        if longest > LONGEST_AXIS:
            return (
                f"{cls.catalogue_name} needs the eigenvalues of a matrix as large as the longest "
                f"axis and takes at most {LONGEST_AXIS}; this problem has {longest}"
            )
        return ""

    def _precondition(
        self, theta: torch.Tensor, state: ShampooState, oracle: Oracle
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """The preconditioned gradient (runs, dim) at theta, and the sums with it in them."""
        gradient, layout = oracle.gradient(theta), oracle.layout
        statistics = self._summed(gradient, state, layout)
        return turned(gradient, self._inverse_roots(statistics, layout, 2), layout), statistics

    def _summed(self, gradient: torch.Tensor, state: ShampooState, layout: Layout) -> torch.Tensor:
        """The sums (runs, numbers) with a gradient (runs, dim) in them."""
        fresh = torch.where(self.beta2 < 1, 1 - self.beta2, 1.0)
        squares = []
        for place, shape in tensors(layout):
            tensor = gradient[:, place].reshape(-1, *shape)
            for number, axis in enumerate(shape, start=1):
                unfolded = tensor.movedim(number, 1).reshape(len(gradient), axis, -1)
                squares.append((unfolded @ unfolded.mT).flatten(1))
        return self.beta2 * state.statistics + fresh * torch.cat(squares, 1)

    def _inverse_roots(
        self, statistics: torch.Tensor, layout: Layout, degree: int
    ) -> list[torch.Tensor]:
        """For each axis its matrix (runs, d, d) to the power -1 / degree / axes of the tensor."""
        roots, end = [], 0
        for _, shape in tensors(layout):
            for axis in shape:
                begin, end = end, end + axis * axis
                matrix = statistics[:, begin:end].view(-1, axis, axis)
                roots.append(self._inverse_root(matrix, degree * len(shape)))
        return roots

    def _inverse_root(self, matrix: torch.Tensor, degree: int) -> torch.Tensor:
        """The inverse root of a matrix with ε on its diagonal, (runs, n, n)."""
        values, vectors = symmetric_eigen(matrix)
        powers = (values.clamp(min=0) + self.eps) ** (-1 / degree)
        return (vectors * powers[:, None]) @ vectors.mT


def turned(vectors: torch.Tensor, matrices: list[torch.Tensor], layout: Layout) -> torch.Tensor:
    """Vectors (n, dim) multiplied along every axis of every tensor by a matrix, (n or 1, d, d)."""
    result, left = torch.empty_like(vectors), iter(matrices)
    for place, shape in tensors(layout):
        tensor = vectors[:, place].reshape(-1, *shape)
        for number, axis in enumerate(shape, start=1):
            moved = tensor.movedim(number, 1)
            product = next(left) @ moved.reshape(len(vectors), axis, -1)
            tensor = product.view(moved.shape).movedim(1, number)
        result[:, place] = tensor.reshape(len(vectors), -1)
    return result


@lru_cache(maxsize=16)
def tensors(layout: Layout) -> tuple[tuple[slice, tuple[int, ...]], ...]:
    """Where the tensors of a layout lie, and their shapes, of one axis at least.

    A single number has one axis of length 1; where there are only such, all are one vector.
    """
    if not any(layout.shapes):
        return ((slice(0, layout.dim), (layout.dim,)),)
    named = zip(layout.names, layout.shapes, strict=True)
    return tuple((layout.slices[name], shape or (1,)) for name, shape in named)

"""The search for a few eigenpairs of an operator that is known by its products."""

from dataclasses import dataclass

import numpy as np
import torch

from lab.engine.analysis.base import Progress, Steps
from lab.engine.analysis.directions import random_direction
from lab.engine.analysis.operators import Operator
from lab.engine.analysis.ritz import Criterion
from lab.engine.device import check_memory
from lab.engine.lanczos import ROOM, Tridiagonal, lanczos

_RANDOM_PART = 0.2  # of the first vector, beside given ones
_LEAST = 0.0125  # parts of a standard deviation that a normal number exceeds 99 times of 100
_AT_ONCE = 3  # pairs that settle with one product: more are rare


@dataclass(frozen=True)
class Eigenvalues:
    """A few eigenvalues of an operator.

    Attributes:
        values: (k,), in the order that was asked for.
        residuals: (k,), the length of Av - λv: an eigenvalue lies at most this far from each value.
        vectors: (k, size), of unit length.
        products: how many products were computed.
        converged: whether all residuals are below the tolerance.
        operator: which operator.
    """

    values: torch.Tensor
    residuals: torch.Tensor
    vectors: torch.Tensor
    products: int
    converged: bool
    operator: str = "hessian"


def dense_pairs(matrix: torch.Tensor, wanted: Criterion, name: str) -> Eigenvalues:
    """The result from the whole matrix (size, size)."""
    size = len(matrix)
    if not matrix.isfinite().all():
        empty = matrix.new_full((wanted.k,), torch.nan)
        vectors = matrix.new_full((wanted.k, size), torch.nan)
        return Eigenvalues(empty, empty, vectors, size, False, name)
    exact = matrix.cpu().double()
    values, vectors = torch.linalg.eigh(exact)
    order = wanted.first(values.numpy())
    values, vectors = values[order], vectors[:, order]
    rest = torch.linalg.vector_norm(exact @ vectors - values * vectors, dim=0)
    floor = torch.finfo(matrix.dtype).eps * torch.linalg.matrix_norm(exact, 2)
    residuals = rest.clamp_min(floor)
    back = (values.to(matrix), residuals.to(matrix), vectors.T.to(matrix))
    return Eigenvalues(*back, size, True, name)


def search(
    found: Operator,
    like: torch.Tensor,
    wanted: Criterion,
    limit: int,
    seed: int,
    name: str,
    start: torch.Tensor | None = None,
    spare: int = 0,
) -> Steps[Eigenvalues]:
    """Lanczos until the first k Ritz values have settled.

    Where the Krylov space is exhausted (few distinct eigenvalues), another random vector starts a
    new one, orthogonal to what there is, until that brings nothing into the first k.

    Vectors that were eigenvectors of an operator much like this one save products: the space begins
    at their sum. A pair of theirs could have no residual left and yet not be among the first k,
    because none of them has a part along an eigenvector that has come up since. So a random vector
    of a fifth of the length is added: along any direction its part is larger than a hundredth of
    what can be expected, with a probability of 0.99. No search ends before an eigenvalue with so
    small a part must have shown, see `Criterion.nothing_hides`.

    Args:
        found: the operator.
        like: a tensor of the device and precision in question.
        wanted: which eigenvalues, and when they have settled.
        limit: where the search gives up.
        seed: of the random vectors.
        name: of the operator.
        start: (r, size), vectors to begin at; None for a random one.
        spare: so many more pairs are handed back as they stand then, settled or not.
    """
    size, limit, k = found.size, min(limit, found.size), wanted.k
    part = _LEAST * _RANDOM_PART / size**0.5
    ritz, used, enough, safe = _Spaces(wanted), 0, False, start is None
    count, due = 0, k  # how many have settled, and the product from which on all may have
    while not enough:
        first = _first_vector(found, like, seed, len(ritz.done), start)
        against = torch.cat([space.basis[0] for space in ritz.done]) if ritz.done else None
        known = used
        for growing in lanczos(found.product, first, limit - used, against):
            used += 1
            _check_room(used, limit, like, size)
            exhausted = not growing.off_diagonal[0, -1] > 0
            share = min(1.0, used / (2 * k + 20))  # of the products that it takes as a rule
            if used < min(due, limit) and not exhausted:
                yield Progress((count + share) / (k + 1))
                continue
            ritz.look(growing)
            settled = wanted.settled(ritz.values, ritz.residuals)
            count = int(settled.sum())
            due = used + 1 + (k - count) // _AT_ONCE
            enough = used == limit or not np.isfinite(ritz.values).all()
            if len(settled) == k and settled.all() and not exhausted:
                safe = safe or ritz.nothing_hides(growing, part)
                enough = enough or safe
            yield Progress((count + share) / (k + 1))
            if enough or exhausted:
                break
        ritz.done.append(growing)
        safe = safe or exhausted
        enough = enough or (used >= k and (wanted.first(ritz.values) < known).all())
    return ritz.result(used, name, safe, spare)


def _first_vector(
    found: Operator, like: torch.Tensor, seed: int, number: int, start: torch.Tensor | None
) -> torch.Tensor:
    """Where a Krylov space begins, (1, size): at random, the first one close to given vectors."""
    draw = random_direction(found.size, seed, "lanczos", number, like=like)
    if start is None or number:
        return draw[None]
    known = (start / torch.linalg.vector_norm(start, dim=1, keepdim=True)).sum(dim=0)
    length = torch.linalg.vector_norm(known)
    known = known / length if length > 0 else known
    return (known + _RANDOM_PART * draw / torch.linalg.vector_norm(draw))[None]


class _Spaces:
    """Ritz values of the Krylov spaces that were exhausted and of the one that is growing."""

    def __init__(self, wanted: Criterion):
        self._wanted = wanted
        self.done: list[Tridiagonal] = []
        self.values = self.residuals = np.zeros(0)
        self._shapes: list[np.ndarray] = []

    def look(self, growing: Tridiagonal) -> None:
        """Take in one more step."""
        solved = [_solve(space) for space in (*self.done, growing)]
        self.values = np.concatenate([values for values, _, _ in solved])
        self.residuals = np.concatenate([residuals for _, residuals, _ in solved])
        self._shapes = [shapes for _, _, shapes in solved]

    def nothing_hides(self, growing: Tridiagonal, part: float) -> bool:
        """See `Criterion.nothing_hides`; of the space that is growing."""
        values = self.values[-growing.diagonal.shape[1] :]
        return self._wanted.nothing_hides(values, growing.off_diagonal[0].numpy(), part)

    def result(self, products: int, name: str, guarded: bool, spare: int) -> Eigenvalues:
        """The first k and some more, with their vectors, once the last space is done."""
        first = self._wanted.first(self.values, spare)
        blocks, widths = self.done[0].blocks, [shapes.shape[1] for shapes in self._shapes]
        vectors = blocks[0].new_zeros(len(first), blocks[0].shape[2])
        lows = np.cumsum([0, *widths])
        for space, shapes, low, width in zip(
            self.done, self._shapes, lows[:-1], widths, strict=True
        ):
            inside = (first >= low) & (first < low + width)
            picked = torch.as_tensor(shapes[:, first[inside] - low].T).to(vectors)
            vectors[torch.as_tensor(inside)] = space.combined(picked[None])[0]
        residuals = np.maximum(self.residuals, self._wanted.floor(self.values))[first]
        settled = self._wanted.settled(self.values, self.residuals)
        return Eigenvalues(
            values=torch.as_tensor(self.values[first]).to(vectors),
            residuals=torch.as_tensor(residuals).to(vectors),
            vectors=vectors / torch.linalg.vector_norm(vectors, dim=1, keepdim=True),
            products=products,
            converged=bool(guarded and len(settled) == self._wanted.k and settled.all()),
            operator=name,
        )


def _check_room(used: int, limit: int, like: torch.Tensor, size: int) -> None:
    """Refuse to go on where the vectors will not fit; asked whenever more room is taken."""
    if used % ROOM == 1:
        room = min(limit - used + 1, ROOM)
        check_memory(room * size * like.element_size(), like.device, f"room for {room} vectors")


def _solve(block: Tridiagonal) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Ritz values (m,), residuals (m,) and shapes (m, m) of one Krylov space."""
    diagonal, off = block.diagonal[0].numpy(), block.off_diagonal[0].numpy()
    if not (np.isfinite(diagonal).all() and np.isfinite(off).all()):
        empty = np.full(len(diagonal), np.nan)
        return empty, empty, np.full((len(diagonal),) * 2, np.nan)
    values, shapes = np.linalg.eigh(np.diag(diagonal) + np.diag(off[:-1], -1))  # lower triangle
    return values, np.abs(off[-1] * shapes[-1]), shapes

"""Lanczos iterations with full re-orthogonalisation, for one vector or a batch of them.

Without re-orthogonalisation rounding brings the large eigenvalues up again and again, and a
spectrum grows outliers that are not there. A sweep of Gram-Schmidt against all earlier vectors, and
a second one where the first took much away, keep the basis orthogonal to working precision ("twice
is enough", Parlett 1998, section 6.9).
"""

from collections.abc import Callable, Iterator
from typing import NamedTuple

import torch

Product = Callable[[torch.Tensor], torch.Tensor]  # v (n, dim) -> Hv (n, dim)

_KEPT = 0.5**0.5  # of a vector's length: what keeps more is orthogonal after one sweep
ROOM = 32  # basis vectors that room is made for at once


class Tridiagonal(NamedTuple):
    """What m Lanczos steps of n vectors know.

    Attributes:
        blocks: each (n, up to ROOM, dim): the basis, in pieces, so that it grows without a copy.
        diagonal: (n, m), float64, on the CPU.
        off_diagonal: (n, m), likewise; the last column couples to the step that was not made.
    """

    blocks: tuple[torch.Tensor, ...]
    diagonal: torch.Tensor
    off_diagonal: torch.Tensor

    @property
    def basis(self) -> torch.Tensor:
        """The orthonormal rows (n, m, dim)."""
        return self.blocks[0] if len(self.blocks) == 1 else torch.cat(self.blocks, dim=1)

    def combined(self, shapes: torch.Tensor) -> torch.Tensor:
        """Sums of the rows: shapes (n, r, m), one weight for each row -> (n, r, dim)."""
        parts = shapes.split([block.shape[1] for block in self.blocks], dim=2)
        return sum(part @ block for part, block in zip(parts, self.blocks, strict=True))


def lanczos(
    product: Product,
    start: torch.Tensor,
    steps: int,
    against: torch.Tensor | None = None,
) -> Iterator[Tridiagonal]:
    """Tridiagonalise a symmetric operator from each of several starting vectors.

    Where a vector has found an invariant subspace its further rows are zero and coupled by zero, so
    that they carry no weight.

    Args:
        product: applies the operator to all vectors at once.
        start: (n, dim), not zero.
        steps: how many products of each, at most dim.
        against: (r, dim), orthonormal rows that all vectors are kept orthogonal to.

    Yields:
        What is known after each step; the tensors are views that the next step extends.
    """
    n, dim = start.shape
    blocks: list[torch.Tensor] = []
    diagonal = torch.zeros(n, steps, dtype=torch.float64)
    off_diagonal = torch.zeros_like(diagonal)
    fixed = () if against is None else (against[None],)
    vector = _without(start, *fixed)
    vector = vector / torch.linalg.vector_norm(vector, dim=1, keepdim=True)
    before, scale = vector, torch.zeros(n, dtype=torch.float64)
    for step in range(steps):
        if step % ROOM == 0:
            blocks.append(start.new_empty(n, min(steps - step, ROOM), dim))
        blocks[-1][:, step % ROOM] = vector
        known = (*blocks[:-1], blocks[-1][:, : step % ROOM + 1])
        image = product(vector)
        along = (image * vector).sum(dim=1)
        diagonal[:, step] = along
        image = image - along[:, None] * vector  # the recurrence; the rest is what rounding left
        if step:
            image -= off_diagonal[:, step - 1, None].to(image) * before
        image = _without(image, *fixed, *known)
        length = torch.linalg.vector_norm(image, dim=1).cpu().double()
        scale = torch.maximum(scale, diagonal[:, step].abs() + length)
        ended = length <= 10 * torch.finfo(start.dtype).eps * scale * dim**0.5
        off_diagonal[:, step] = torch.where(ended, 0.0, length)
        inverse = torch.where(ended, 0.0, 1 / torch.where(ended, 1.0, length))
        before, vector = vector, image * inverse[:, None].to(image)
        yield Tridiagonal(known, diagonal[:, : step + 1], off_diagonal[:, : step + 1])


def _without(vectors: torch.Tensor, *bases: torch.Tensor) -> torch.Tensor:
    """Vectors (n, dim) less their parts along orthonormal rows (n or 1, m, dim).

    Where that takes away much of a vector, rounding leaves a part of what was taken, so it is done
    again (the criterion of Daniel, Gragg, Kaufman & Stewart 1976).
    """
    vectors = vectors[:, None]
    before = torch.linalg.vector_norm(vectors, dim=2, keepdim=True)
    once = _swept(vectors, *bases)
    short = ~(torch.linalg.vector_norm(once, dim=2, keepdim=True) > _KEPT * before)
    if short.any():  # each for itself: what the others need must not change a vector's rounding
        once = torch.where(short, _swept(once, *bases), once)
    return once[:, 0]


def _swept(vectors: torch.Tensor, *bases: torch.Tensor) -> torch.Tensor:
    """One sweep, by turns: one basis brings back what rounding left of the other."""
    for basis in bases:
        vectors = vectors - (vectors @ basis.mT) @ basis
    return vectors

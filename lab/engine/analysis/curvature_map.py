"""How curved a plane is: the largest and the smallest Hessian eigenvalue at each of its points.

Where the ratio of their moduli is small, a picture of two dimensions that looks convex is so in all
of them. Source: Li, Xu, Taylor, Studer & Goldstein 2018, "Visualizing the loss landscape of neural
nets", section 6. Deviations: one Lanczos search finds both ends together (in place of a search for
the eigenvalue of largest modulus and a shifted second one), so that the largest is the largest by
value; and all parameters count unless asked otherwise (the authors' program leaves tensors of one
axis out: `tensors="weights"`).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from lab.engine.analysis.base import Progress, Steps, analysis, check_positive
from lab.engine.analysis.curvature import DENSE_DIM, check_smooth
from lab.engine.analysis.directions import random_direction
from lab.engine.analysis.grid import Order, Range, grid_axes, painted, same_grid
from lab.engine.analysis.parts import part_of
from lab.engine.analysis.plane import Plane
from lab.engine.analysis.sampling import points_in_block, vectors_in_block
from lab.engine.analysis.surface import search_share, steps_to_plane
from lab.engine.device import check_memory
from lab.engine.knobs import check_name
from lab.engine.lanczos import lanczos
from lab.engine.problem import Problem
from lab.engine.userarrays import as_tensor

TENSORS = ("all", "weights")
LEAST_PRODUCTS, MOST_PRODUCTS = 6, 80  # of one point
_FRESH = 0.5  # of a random vector in a warm start: what the neighbour does not know of


@dataclass(frozen=True)
class CurvatureMap:
    """The extreme Hessian eigenvalues on a grid of a plane.

    Attributes:
        x: (nx,), coordinates along d1.
        y: (ny,), coordinates along d2.
        largest: (ny, nx), the largest eigenvalue on all data; NaN where it is not known yet.
        smallest: (ny, nx), the smallest one.
        error: (ny, nx), how far either may be off: each Ritz value of the search, give or take its
            residual, lies between the two give or take this.
        plane: the ground it stands on.
        known: (ny, nx), whether a point has been looked at.
        near_x: (nx,), for each column the nearest one of the last grid that is complete.
        near_y: (ny,), the same for rows.
        products: how many Hessian products were computed.
        tensors: "all" parameters, or "weights": tensors of two or more axes only.
        exact: whether all eigenvalues were computed at every point.
    """

    x: torch.Tensor
    y: torch.Tensor
    largest: torch.Tensor
    smallest: torch.Tensor
    error: torch.Tensor
    plane: Plane
    known: torch.Tensor
    near_x: torch.Tensor
    near_y: torch.Tensor
    products: int
    tensors: str
    exact: bool

    @property
    def ratio(self) -> Any:
        """|smallest / largest| (ny, nx)."""
        return abs(self.smallest / self.largest)

    def painted(self, name: str = "ratio") -> Any:
        """`largest`, `smallest` or `ratio`: a missing point has its nearest known neighbour's."""
        return painted(getattr(self, name), self.known, self.near_x, self.near_y)


@analysis
def curvature_map(
    problem: Problem,
    center: Any,
    directions: Any = "random",
    span: float | tuple[Range, Range] = 1.0,
    points: int | tuple[int, int] = 17,
    normalize: str | None = "filter",
    seed: int = 0,
    path: Any = None,
    *,
    bias: str = "zero",
    tensors: str = "all",
    tol: float = 1e-2,
    known: CurvatureMap | None = None,
) -> Steps[CurvatureMap]:
    """The largest and smallest Hessian eigenvalue at the points of a plane, coarse to fine.

    Up to 64 parameters all eigenvalues are computed. For more, Lanczos with full
    re-orthogonalisation begins at the sum of the two eigenvectors of the nearest point that is
    known, with a random vector to find what is new. It ends when no Ritz value of the search, give
    or take its residual, lies beyond the outermost two by more than tol times the larger modulus:
    a small residual of those two alone does not tell that nothing lies beyond them.

    Args:
        problem: whose Hessian, on all data.
        center: (dim,), the middle of the picture.
        directions: the plane, as for `surface`.
        span: as for `surface`.
        points: grid points along each side, or (nx, ny).
        normalize: as for `surface`.
        seed: of random directions, and of the vectors the searches begin with.
        path: as for `surface`.
        bias: as for `surface`.
        tensors: "all", or "weights" for the block of the Hessian that belongs to tensors of two or
            more axes.
        tol: see above.
        known: a partial result on the same plane and grid; only what it misses is computed.

    Returns:
        `.largest`, `.smallest`, `.ratio` and `.error` [iy, ix].

    Raises:
        ValueError: a wrong argument, or a problem without second derivatives.
    """
    check_smooth(problem)
    check_name(tensors, TENSORS, "tensors")
    tol = check_positive("tol", tol)
    before = search_share(directions)
    search = steps_to_plane(problem, center, directions, normalize, seed, path, bias)
    plane = yield from part_of(search, 0.0, before)
    work = _Map(problem, plane, span, points, tensors, tol, seed, known)
    return (yield from part_of(work.steps(), before, 1 - before, shows=True))


class _Map:
    """A map on its way."""

    def __init__(
        self,
        problem: Problem,
        plane: Plane,
        span: Any,
        points: Any,
        tensors: str,
        tol: float,
        seed: int,
        known: CurvatureMap | None,
    ):
        self._problem, self._plane, self._tensors = problem, plane, tensors
        self._tol, self._seed = tol, seed
        self._center, self._basis = plane.tensors()
        self._kept = _kept(problem, tensors).to(self._center.device)
        self._size = int(self._kept.sum())
        self._dense = self._size <= DENSE_DIM
        self._x, self._y = grid_axes(span, points, self._center)
        nx, ny = len(self._x), len(self._y)
        rows = 0 if self._dense else nx * ny * problem.dim
        needed = (8 * nx * ny + rows) * self._center.element_size()
        check_memory(needed, self._center.device, f"a curvature map of {nx} x {ny} points")
        self._largest, self._smallest, self._error = (
            self._x.new_full((ny, nx), torch.nan) for _ in range(3)
        )
        self._known = torch.zeros(ny, nx, dtype=torch.bool, device=self._x.device)
        self._products = 0
        self._starts = self._x.new_zeros(0 if self._dense else ny * nx, problem.dim)
        self._near: tuple[torch.Tensor, ...] = ()
        if known is not None:
            self._take(known)

    def steps(self) -> Steps[CurvatureMap]:
        """Look at the points that are not known, block by block."""
        nx, ny = len(self._x), len(self._y)
        order = Order(nx, ny, self._x.device)
        done = int(self._known.sum())
        for now in range(order.count):
            every = order.at(now, self._known)
            if not len(every[0]):
                self._near = order.near(now)
                continue
            blocks = list(zip(*(part.split(self._block()) for part in every), strict=True))
            near = self._near
            for number, (iy, ix) in enumerate(blocks, start=1):
                for share in self._look(iy, ix, near):
                    yield Progress((done + share * len(ix)) / (nx * ny))
                done += len(ix)
                if number == len(blocks):
                    self._near = order.near(now)
                yield Progress(done / (nx * ny), self._result() if self._near else None)
        return self._result()

    def _block(self) -> int:
        if self._dense:
            return max(1, points_in_block(self._problem, self._center) // self._problem.dim)
        return vectors_in_block(self._problem, self._center, len(self._x) * len(self._y))

    def _look(self, iy: torch.Tensor, ix: torch.Tensor, near: tuple) -> Iterator[float]:
        """Find both ends of the spectrum at some points side by side; yields the share done."""
        theta = self._plane.points(self._x[ix], self._y[iy])
        if self._dense:
            low, high, error = self._all(theta)
            yield 1.0
        else:
            search = self._search(theta, self._begin(iy, ix, near))
            for share, (low, high, error, vectors) in search:  # noqa: B007 - the last one counts
                yield share
            self._starts[iy * len(self._x) + ix] = vectors
        self._smallest[iy, ix], self._largest[iy, ix] = low.to(self._x), high.to(self._x)
        self._error[iy, ix] = error.to(self._x)
        self._known[iy, ix] = True

    def _all(self, theta: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """All eigenvalues at points (n, dim)."""
        full = self._problem.hessian(theta)[:, self._kept][:, :, self._kept]
        self._products += len(theta) * self._size
        finite = full.isfinite().all(dim=2).all(dim=1)
        values = torch.linalg.eigvalsh(torch.where(finite[:, None, None], full, 0.0))
        values = torch.where(finite[:, None], values, torch.nan)
        error = torch.finfo(theta.dtype).eps * values.abs().amax(dim=1)
        return values[:, 0], values[:, -1], error

    def _begin(self, iy: torch.Tensor, ix: torch.Tensor, near: tuple) -> torch.Tensor:
        """The vectors (n, dim) that searches begin with."""
        draw = random_direction(self._problem.dim, self._seed, "map", like=self._center)
        fresh = (draw * self._kept)[None].expand(len(ix), -1)
        fresh = fresh / torch.linalg.vector_norm(fresh, dim=1, keepdim=True)
        if not near:
            return fresh
        near_x, near_y = near
        warm = self._starts[near_y[iy] * len(self._x) + near_x[ix]]
        return warm + torch.where(warm.any(dim=1, keepdim=True), _FRESH, 1.0) * fresh

    def _search(self, theta: torch.Tensor, start: torch.Tensor) -> Iterator[tuple[float, tuple]]:
        """Lanczos at points (n, dim) until both ends have settled at each.

        Yields:
            The share of the products that are allowed, and the smallest and largest Ritz value and
            their error, each (n,), with the sum of their vectors (n, dim).
        """
        apply = self._problem.products(theta)
        kept = self._kept.to(theta)

        def product(vectors: torch.Tensor) -> torch.Tensor:
            self._products += len(vectors)
            return apply(vectors * kept) * kept

        most = min(MOST_PRODUCTS, self._size)
        for count, growing in enumerate(lanczos(product, start, most), start=1):
            low, high, error, shapes = _ends(growing.diagonal, growing.off_diagonal)
            scale = np.maximum(np.abs(low), np.abs(high))
            settled = (error <= self._tol * scale) | ~np.isfinite(scale)
            ends = count == most or (count >= min(LEAST_PRODUCTS, most) and settled.all())
            rounding = 10 * torch.finfo(theta.dtype).eps * scale
            found = [torch.as_tensor(part) for part in (low, high, np.maximum(error, rounding))]
            vectors = growing.combined(torch.as_tensor(shapes).to(theta)[:, None])[:, 0]
            yield count / most, (*found, vectors.nan_to_num(0.0) if ends else vectors)
            if ends:
                break

    def _take(self, known: CurvatureMap) -> None:
        """Go on from a partial result.

        Raises:
            ValueError: it belongs to another grid, or to other tensors.
        """
        self._x, self._y = same_grid(known, self._plane, self._x, self._y)
        if known.tensors != self._tensors:
            raise ValueError(f"known: a map of {self._tensors!r} tensors is needed")
        for name in ("largest", "smallest", "error"):
            getattr(self, f"_{name}").copy_(as_tensor(getattr(known, name)))
        self._known.copy_(as_tensor(known.known))
        self._products = int(known.products)

    def _result(self) -> CurvatureMap:
        """What is known by now."""
        values = (self._largest.clone(), self._smallest.clone(), self._error.clone())
        where = (self._plane, self._known.clone(), *self._near)
        return CurvatureMap(
            self._x, self._y, *values, *where, self._products, self._tensors, self._dense
        )


def _kept(problem: Problem, tensors: str) -> torch.Tensor:
    """Which parameters count (dim,).

    Raises:
        ValueError: "weights" of a problem that has none.
    """
    layout = problem.layout
    kept = torch.ones(problem.dim, dtype=torch.bool)
    if tensors == "weights":
        parts = layout.split(kept[None].clone())
        for part in parts.values():
            part.fill_(part.ndim > 2)  # the first axis is that of the runs
        kept = layout.join(parts)[0]
        if not kept.any():
            raise ValueError("tensors = 'weights': no tensor of this problem has two axes")
    return kept


def _ends(
    diagonal: torch.Tensor, off_diagonal: torch.Tensor
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Both ends of the spectra of tridiagonal matrices (n, m).

    Returns:
        The smallest and largest Ritz value and how far any other could lie beyond them by its
        residual, each (n,), and the sum of their vectors' shapes (n, m); NaN where something is
        not finite.
    """
    middle, off = diagonal.numpy(), off_diagonal.numpy()
    finite = np.isfinite(middle).all(axis=1) & np.isfinite(off).all(axis=1)
    middle, off = np.where(finite[:, None], middle, 0.0), np.where(finite[:, None], off, 0.0)
    n, m = middle.shape
    full = np.zeros((n, m, m))
    full[:, range(m), range(m)] = middle
    full[:, range(1, m), range(m - 1)] = off[:, :-1]
    values, shapes = np.linalg.eigh(full)  # of the lower triangles
    residuals = np.abs(off[:, -1:] * shapes[:, -1])
    gone = np.where(finite, 0.0, np.nan)
    low, high = values[:, 0] + gone, values[:, -1] + gone
    error = np.maximum(
        low - (values - residuals).min(axis=1), (values + residuals).max(axis=1) - high
    )
    return low, high, error, shapes[:, :, 0] + shapes[:, :, -1]

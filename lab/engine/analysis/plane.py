"""What a plane in parameter space is: the ground a landscape is drawn on.

A plane is a centre and two directions. It knows where a point of parameter space falls on it and
how far the point lies off it, because a path drawn on a plane it does not lie in is a shadow.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch

from lab.engine.userarrays import as_runs, as_tensor


@dataclass(frozen=True)
class Plane:
    """The points center + a·d1 + b·d2.

    Attributes:
        center: (dim,), the point a = b = 0.
        d1: (dim,), what one unit of a is.
        d2: (dim,), what one unit of b is.
        kind: "native", "random", "pca", "points", "eigen", "gradient" or "given".
        text: what the plane is, in a few words, for the line under a picture.
        explained: (2,), for "pca" the share of the path's variance along each direction.
        scales: (2,), for "eigen" the eigenvalues.
    """

    center: torch.Tensor
    d1: torch.Tensor
    d2: torch.Tensor
    kind: str = "given"
    text: str = "two given directions"
    explained: torch.Tensor | None = None
    scales: torch.Tensor | None = None

    @property
    def arrays(self) -> dict[str, Any]:
        """What goes on record beside the values on it: `center`, `d1`, `d2`, and `explained`."""
        names = ("center", "d1", "d2", "explained")
        return {name: part for name in names if (part := getattr(self, name)) is not None}

    @property
    def info(self) -> dict[str, str]:
        """What it is, for the record."""
        return {"kind": self.kind, "text": self.text}

    def points(self, a: Any, b: Any) -> torch.Tensor:
        """The points of parameter space at plane coordinates: (n,) and (n,) -> (n, dim)."""
        center, basis = self.tensors()
        pair = torch.stack([as_tensor(item).to(center) for item in (a, b)], dim=-1)
        return center + pair @ basis

    def coordinates(self, theta: Any) -> Any:
        """Where points fall on the plane (least squares; the directions need not be orthogonal).

        Args:
            theta: (..., dim).

        Returns:
            (..., 2), the coordinates a and b, of the kind given.
        """
        rows, shape, give_back = self._rows(theta)
        return give_back(self._solve(rows).reshape(*shape, 2))

    def off_plane(self, theta: Any) -> Any:
        """Distance of points from the plane, in units of theta.

        Args:
            theta: (..., dim).

        Returns:
            (...), of the kind given.
        """
        rows, shape, give_back = self._rows(theta)
        center, basis = self._wide()
        rest = rows - center - self._solve(rows) @ basis
        return give_back(torch.linalg.vector_norm(rest, dim=1).reshape(shape))

    def window(self, theta: Any, margin: float = 0.15) -> tuple[tuple[float, float], ...]:
        """The rectangle of coordinates that holds points, with a margin on every side.

        Args:
            theta: (..., dim); points that are not finite are left out.
            margin: in parts of the longer side.

        Returns:
            (low, high) of a and of b.

        Raises:
            ValueError: no point is finite.
        """
        rows, _, _ = self._rows(theta)
        rows = self._solve(rows)
        rows = rows[rows.isfinite().all(dim=1)]
        if not len(rows):
            raise ValueError("a window needs at least one finite point")
        low, high = rows.amin(dim=0), rows.amax(dim=0)
        room = margin * float((high - low).max()) or 1.0
        return tuple((float(x) - room, float(y) + room) for x, y in zip(low, high, strict=True))

    def tensors(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Centre (dim,) and basis (2, dim), also where the fields were turned into numpy."""
        center, d1, d2 = (as_tensor(x) for x in (self.center, self.d1, self.d2))
        return center, torch.stack([d1, d2])

    def _wide(self) -> tuple[torch.Tensor, torch.Tensor]:
        """The same in double precision, on the CPU."""
        center, basis = self.tensors()
        return center.cpu().double(), basis.cpu().double()

    def _rows(self, theta: Any) -> tuple[torch.Tensor, tuple[int, ...], Callable]:
        """Points (n, dim) in double precision, their leading axes, and the way back."""
        is_torch = isinstance(theta, torch.Tensor)
        given = as_tensor(theta)
        rows, _ = as_runs(given.reshape(-1, *given.shape[-1:]), len(self.center))

        def give_back(result: torch.Tensor) -> Any:
            result = result.to(rows)
            return result if is_torch else result.numpy()[()]

        return rows.cpu().double(), tuple(given.shape[:-1]), give_back

    def _solve(self, rows: torch.Tensor) -> torch.Tensor:
        """Coordinates (n, 2) of points (n, dim), by the 2 x 2 normal equations."""
        center, basis = self._wide()
        return torch.linalg.solve(basis @ basis.T, basis @ (rows - center).T).T

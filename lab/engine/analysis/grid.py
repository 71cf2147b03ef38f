"""The loss on the grid of a plane: coarse at first, then refined until every point is known.

No point is ever invented. A partial result says which points are known; `painted` lends each
missing one the value of its nearest known neighbour, for a picture that is there after one percent
of the work.
"""

import itertools
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from lab.engine.analysis.base import Progress, Steps, check_count
from lab.engine.analysis.plane import Plane
from lab.engine.analysis.sampling import values_on_plane
from lab.engine.device import check_memory
from lab.engine.problem import Problem

Range = tuple[float, float]

_FIRST = 5  # points on each side of the first, coarsest grid


@dataclass(frozen=True)
class LossSurface:
    """The loss on a grid of a plane.

    Attributes:
        x: (nx,), coordinates along d1.
        y: (ny,), coordinates along d2.
        loss: (ny, nx), the value at center + x·d1 + y·d2 on all data; NaN where it is not a number
            and, in a partial result, where it is not known yet.
        plane: the ground it stands on.
        known: (ny, nx), whether a point has been evaluated.
        near_x: (nx,), for each column the nearest one of the last grid that is complete.
        near_y: (ny,), the same for rows.
        evaluations: how many values were computed.
    """

    x: torch.Tensor
    y: torch.Tensor
    loss: torch.Tensor
    plane: Plane
    known: torch.Tensor
    near_x: torch.Tensor
    near_y: torch.Tensor
    evaluations: int

    @property
    def directions(self) -> tuple[torch.Tensor, torch.Tensor]:
        """The two directions, each (dim,)."""
        return self.plane.d1, self.plane.d2

    def painted(self) -> Any:
        """The loss (ny, nx) with each missing point lent its nearest known neighbour's value."""
        filled = self.loss[self.near_y[:, None], self.near_x[None, :]]
        filled[self.known] = self.loss[self.known]
        return filled


def on_grid(
    problem: Problem,
    plane: Plane,
    span: float | tuple[Range, Range] = 1.0,
    points: int | tuple[int, int] = 51,
) -> Steps[LossSurface]:
    """Evaluate a plane's grid, coarse to fine; every step yields what is known so far.

    Raises:
        ValueError: as for `surface`.
    """
    center, basis = plane.tensors()
    counts = tuple(points) if isinstance(points, tuple | list) else (points, points)
    spans = tuple(span) if isinstance(span, tuple | list) else (span, span)
    if not len(counts) == len(spans) == 2:
        raise ValueError(f"span = {span!r}, points = {points!r}: one for both axes or two")
    nx, ny = (check_count("points", count, 2) for count in counts)
    needed = 4 * nx * ny * center.element_size()
    check_memory(needed, center.device, f"a grid of {nx} x {ny} points")
    x, y = (axis("span", *pair, center) for pair in zip(spans, (nx, ny), strict=True))
    level_x, level_y = (_levels(n).to(center.device) for n in (nx, ny))
    level = torch.maximum(level_y[:, None], level_x[None, :])
    loss, known = center.new_full((ny, nx), torch.nan), torch.zeros_like(level, dtype=torch.bool)
    near: tuple[torch.Tensor, ...] = ()
    done = 0
    for now in range(int(level.max()) + 1):
        iy, ix = (level == now).nonzero(as_tuple=True)
        coordinates = torch.stack([x[ix], y[iy]], dim=1)
        for part, found in values_on_plane(problem, center, basis, coordinates):
            loss[iy[part], ix[part]] = found
            known[iy[part], ix[part]] = True
            if part.stop == len(ix):
                near = (_nearest(level_x, now), _nearest(level_y, now))
            copies = (loss.clone(), plane, known.clone(), *near, done + part.stop)
            yield Progress(copies[-1] / (nx * ny), LossSurface(x, y, *copies) if near else None)
        done += len(ix)
    return LossSurface(x, y, loss, plane, known, *near, done)


def axis(name: str, span: Any, count: int, like: torch.Tensor) -> torch.Tensor:
    """Evenly spaced coordinates, symmetric to the last bit where the range is."""
    ends = tuple(span) if isinstance(span, tuple | list) else (span,)
    if all(isinstance(end, int | float | np.number) for end in ends):
        ends = (-ends[0], ends[0]) if len(ends) == 1 else ends
        if len(ends) == 2 and -np.inf < ends[0] < ends[1] < np.inf:
            return torch.linspace(*map(float, ends), count, dtype=torch.float64).to(like)
    raise ValueError(f"{name} = {span!r}: a number above 0, or (low, high) with low < high")


def _levels(count: int) -> torch.Tensor:
    """In which pass each index of an axis comes: the ends and a few between, then halvings."""
    first = min(_FIRST, count)
    chosen = sorted({round(i * (count - 1) / max(1, first - 1)) for i in range(first)})
    levels = torch.zeros(count, dtype=torch.long)
    level = 0
    while len(chosen) < count:
        level += 1
        pairs = itertools.pairwise(chosen)
        middles = [(low + high) // 2 for low, high in pairs if high - low > 1]
        levels[middles] = level
        chosen = sorted([*chosen, *middles])
    return levels


def _nearest(levels: torch.Tensor, level: int) -> torch.Tensor:
    """For each index the nearest one that has come by a pass."""
    present = (levels <= level).nonzero()[:, 0]
    every = torch.arange(len(levels), device=levels.device)
    return present[torch.bucketize(2 * every, present[1:] + present[:-1])]

"""The loss on the grid of a plane: coarse at first, then refined until every point is known.

No point is ever invented. A partial result says which points are known; `painted` lends each
missing one the value of its nearest known neighbour, for a picture that is there after one percent
of the work.
"""

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch

from lab.engine.analysis.base import Progress, Steps, check_count
from lab.engine.analysis.plane import Plane
from lab.engine.analysis.sampling import numbers_on_plane, values_on_plane
from lab.engine.device import check_memory
from lab.engine.problem import Problem
from lab.engine.userarrays import as_tensor

Range = tuple[float, float]

COARSE = 5  # points on each side of the first, coarsest grid


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
        metrics: name -> (ny, nx), what else the problem says of each point, if it was asked for.
    """

    x: torch.Tensor
    y: torch.Tensor
    loss: torch.Tensor
    plane: Plane
    known: torch.Tensor
    near_x: torch.Tensor
    near_y: torch.Tensor
    evaluations: int
    metrics: Mapping[str, torch.Tensor] = field(default_factory=dict)

    @property
    def directions(self) -> tuple[torch.Tensor, torch.Tensor]:
        """The two directions, each (dim,)."""
        return self.plane.d1, self.plane.d2

    def painted(self, name: str = "loss") -> Any:
        """The loss, or a metric, (ny, nx): a missing point has its nearest known neighbour's."""
        values = self.loss if name == "loss" else self.metrics[name]
        return painted(values, self.known, self.near_x, self.near_y)


def painted(values: Any, known: Any, near_x: Any, near_y: Any) -> Any:
    """Values (ny, nx) with each missing point lent its nearest known neighbour's value."""
    filled = values[near_y[:, None], near_x[None, :]]
    filled[known] = values[known]
    return filled


def on_grid(
    problem: Problem,
    plane: Plane,
    span: float | tuple[Range, Range] = 1.0,
    points: int | tuple[int, int] = 51,
    *,
    metrics: bool = False,
    known: LossSurface | None = None,
) -> Steps[LossSurface]:
    """Evaluate a plane's grid, coarse to fine; every step yields what is known so far.

    Args:
        problem: what is evaluated.
        plane: the ground.
        span: as for `surface`.
        points: as for `surface`.
        metrics: as for `surface`.
        known: as for `surface`. Work stops only between two blocks of points, so that what is
            still missing is evaluated in the same blocks, and comes out the same to the last bit.

    Returns:
        The surface.

    Raises:
        ValueError: as for `surface`.
    """
    center, basis = plane.tensors()
    x, y = grid_axes(span, points, center)
    nx, ny = len(x), len(y)
    check_memory(4 * nx * ny * x.element_size(), x.device, f"a grid of {nx} x {ny} points")
    order = Order(nx, ny, x.device)
    if known is not None:
        x, y = same_grid(known, plane, x, y)
    loss, there, others = _begun(known, x, y)
    done = int(there.sum())
    near: tuple[torch.Tensor, ...] = ()
    for now in range(order.count):
        iy, ix = order.at(now, there)
        coordinates = torch.stack([x[ix], y[iy]], dim=1)
        if not len(ix):
            near = order.near(now)
        for part, (found, more) in _numbers(problem, center, basis, coordinates, metrics=metrics):
            at = iy[part], ix[part]
            loss[at], there[at] = found, True
            for name, numbers in more.items():
                others.setdefault(name, torch.full_like(loss, torch.nan))[at] = numbers
            if part.stop == len(ix):
                near = order.near(now)
            copies = (loss.clone(), plane, there.clone(), *near, done + part.stop)
            parts = {name: numbers.clone() for name, numbers in others.items()}
            shown = LossSurface(x, y, *copies, parts) if near else None
            yield Progress((done + part.stop) / (nx * ny), shown)
        done += len(ix)
    return LossSurface(x, y, loss, plane, there, *near, done, others)


def grid_axes(span: Any, points: Any, like: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """The coordinates x (nx,) and y (ny,) of a grid.

    Raises:
        ValueError: as for `surface`.
    """
    counts = tuple(points) if isinstance(points, tuple | list) else (points, points)
    spans = tuple(span) if isinstance(span, tuple | list) else (span, span)
    if not len(counts) == len(spans) == 2:
        raise ValueError(f"span = {span!r}, points = {points!r}: one for both axes or two")
    nx, ny = (check_count("points", count, 2) for count in counts)
    return tuple(axis("span", *pair, like) for pair in zip(spans, (nx, ny), strict=True))


class Order:
    """In which order the points of a grid come: a coarse grid first, then halvings of it."""

    def __init__(self, nx: int, ny: int, device: torch.device):
        """Look at a grid of nx x ny points."""
        self._x, self._y = (_levels(n).to(device) for n in (nx, ny))
        self._level = torch.maximum(self._y[:, None], self._x[None, :])
        self.count = int(self._level.max()) + 1

    def at(self, level: int, known: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Rows and columns of the points of a pass that are not known (ny, nx) yet."""
        return ((self._level == level) & ~known).nonzero(as_tuple=True)

    def near(self, level: int) -> tuple[torch.Tensor, torch.Tensor]:
        """For each column, and each row, the nearest one of the grid complete by a pass."""
        return _nearest(self._x, level), _nearest(self._y, level)


def _numbers(
    problem: Problem,
    center: torch.Tensor,
    basis: torch.Tensor,
    coordinates: torch.Tensor,
    *,
    metrics: bool,
) -> Iterator[tuple[slice, tuple[torch.Tensor, Mapping[str, torch.Tensor]]]]:
    """Values, and metrics where they are wanted, a block at a time."""
    if metrics:
        yield from numbers_on_plane(problem, center, basis, coordinates)
    else:
        for part, found in values_on_plane(problem, center, basis, coordinates):
            yield part, (found, {})


def same_grid(
    known: Any, plane: Plane, x: torch.Tensor, y: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """The axes of a partial result, if it belongs to a plane and a grid.

    Args:
        known: with `x`, `y` and `plane`.
        plane: the plane it should lie on.
        x: (nx,), the grid it should have, up to rounding.
        y: (ny,).

    Raises:
        ValueError: it does not.
    """
    own = [as_tensor(part).to(x) for part in (known.x, known.y)]
    near = all(
        one.shape == two.shape and ((one - two).abs() <= 1e-3 * (two[1] - two[0])).all()
        for one, two in zip(own, (x, y), strict=True)
    )
    pairs = zip(known.plane.tensors(), plane.tensors(), strict=True)
    if not near or not all(
        one.shape == two.shape and (one.to(two) == two).all() for one, two in pairs
    ):
        raise ValueError("known: a result on the same plane and grid is needed")
    return own[0], own[1]


def _begun(
    known: LossSurface | None, x: torch.Tensor, y: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor, dict[str, torch.Tensor]]:
    """Loss, what is known, and metrics of a grid that is to be filled in."""
    if known is None:
        loss = x.new_full((len(y), len(x)), torch.nan)
        return loss, torch.zeros_like(loss, dtype=torch.bool), {}
    loss = as_tensor(known.loss).to(x, copy=True)
    there = as_tensor(known.known).to(x.device, copy=True)
    return loss, there, {k: as_tensor(v).to(x, copy=True) for k, v in known.metrics.items()}


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
    first = min(COARSE, count)
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

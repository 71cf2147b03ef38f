"""The shape of a landscape, whatever its scale: how its sublevel sets come and go.

Raise a water level through the landscape. A minimum is born as a pool when the level reaches it;
where two pools meet, the shallower one dies (the elder rule). A ring of water around a hill is born
where it closes, and dies when the hilltop drowns. The pairs of levels (birth, death) say how deep
each basin is and how high each hill, whatever the shape of the surface between.

Source: Edelsbrunner, Letscher & Zomorodian 2002, "Topological persistence and simplification".
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from lab.engine.analysis.base import Progress, Steps, analysis, check_count
from lab.engine.analysis.parts import part_of
from lab.engine.analysis.sublevel import CONNECTIVITIES, Joins, joins
from lab.engine.userarrays import as_tensor


@dataclass(frozen=True)
class Basins:
    """The basins of a landscape, the most persistent first.

    Attributes:
        birth: (n,), the values of their minima.
        death: (n,), the values at which they join an older basin; infinite where they never do.
        minimum: (n, axes), grid indices of the minima.
        saddle: (n, axes), grid indices of the points where they join; -1 where they never do.
        elder: (n,), which basin they join; -1 where they never do.
        area: (n,), how many grid points drain into the minimum by steepest descent.
        below: (n,), how many grid points the basin has below its saddle, with all that joined it.
    """

    birth: torch.Tensor
    death: torch.Tensor
    minimum: torch.Tensor
    saddle: torch.Tensor
    elder: torch.Tensor
    area: torch.Tensor
    below: torch.Tensor

    @property
    def smad(self) -> float:
        """The saddle-minimum average distance: the mean depth of all basins that join another.

        Source: the package Landscaper (Vis4SciML); NaN where there is a single basin.
        """
        depth = np.asarray(self.death, dtype=float) - np.asarray(self.birth, dtype=float)
        depth = depth[np.isfinite(depth)]
        return float(depth.mean()) if len(depth) else float("nan")


@dataclass(frozen=True)
class Barcode:
    """The persistence pairs of sublevel or superlevel sets, the most persistent first.

    Attributes:
        h0: (n, 2), birth and death of connected pieces; of the last one of each the death is
            infinite (minus infinity for superlevel sets).
        h1: (m, 2), birth and death of holes; none for values along one axis.
    """

    h0: torch.Tensor
    h1: torch.Tensor


@dataclass(frozen=True)
class MergeTree:
    """Which basins join where. A node comes before the one above it.

    Attributes:
        value: (k,), the level of each node.
        place: (k, axes), its grid indices.
        parent: (k,), the node above it; -1 for a root.
        kind: (k,), 0 for a leaf (a minimum), 1 for a join (a saddle), 2 for a root (the highest
            point of all that hangs together).
    """

    value: torch.Tensor
    place: torch.Tensor
    parent: torch.Tensor
    kind: torch.Tensor


@analysis
def persistence(values: Any, connectivity: int = 8) -> Steps[torch.Tensor]:
    """Persistence pairs of the sublevel sets of values on a grid (superlevel: give -values).

    Args:
        values: (ny, nx) or another number of axes. What is NaN or +inf belongs to no basin.
        connectivity: 8: points are neighbours when no index differs by more than one; 4: when one
            index differs by one. The same with another number of axes.

    Returns:
        (n, 2), birth and death of every basin, the most persistent first; pairs that die where they
        are born are left out.

    Raises:
        ValueError: no axis at all, or another connectivity.
    """
    found = yield from basins.steps(values, connectivity)
    return torch.stack([found.birth, found.death], dim=1)


@analysis
def basins(values: Any, connectivity: int = 8) -> Steps[Basins]:
    """The same as `persistence`, with places, and how large the basins are.

    Args:
        values: see `persistence`.
        connectivity: see `persistence`.

    Returns:
        `.birth`, `.death`, `.minimum`, `.saddle`, `.elder`, `.area`, `.below`.

    Raises:
        ValueError: as for `persistence`.
    """
    given, grid = _grid(values, connectivity)
    yield Progress(0.1)
    found = joins(grid, connectivity)
    yield Progress(0.9)
    birth, death = _levels(found, grid)
    first = np.argsort(birth - death, kind="stable")
    number = {int(m): n for n, m in enumerate(found.minimum[first])}
    elder = np.array([number.get(int(m), -1) for m in found.elder[first]], dtype=np.int64)
    arrays = (
        birth[first],
        death[first],
        _indices(found.minimum[first], grid.shape),
        _indices(found.saddle[first], grid.shape),
        elder,
        found.area[first],
        found.below[first],
    )
    return Basins(*(torch.as_tensor(array, device=given.device) for array in arrays))


@analysis
def barcode(values: Any, superlevel: bool = False, connectivity: int = 8) -> Steps[Barcode]:
    """Connected pieces (H0) and holes (H1) of the sublevel sets of values on a grid.

    The holes of a sublevel set are the pieces of what lies above it that do not reach the outside
    (Alexander duality). For that the complement has the other connectivity: where sublevel sets
    hang together across corners, what is above does not, and the other way round. A hole is born
    where a piece above is cut off, and dies at the highest point of that piece. What is NaN or +inf
    is never filled: a hole around it does not die.

    Args:
        values: (ny, nx), or (n,).
        superlevel: whether the sets of points above a level are meant, the level falling; births
            are then above deaths.
        connectivity: of the sets that are meant, see `persistence`.

    Returns:
        `.h0`, `.h1`.

    Raises:
        ValueError: another number of axes, or another connectivity.
    """
    given, grid = _grid(values, connectivity)
    if grid.ndim > 2:
        raise ValueError(f"values have {grid.ndim} axes: a barcode needs one or two")
    grid = -grid if superlevel else grid
    pieces = np.stack(_levels(joins(grid, connectivity), grid), axis=1)
    yield Progress(0.5)
    holes = np.empty((0, 2), dtype=grid.dtype)
    if grid.ndim == 2:
        above = np.where(np.isnan(grid), -np.inf, -grid)
        above = np.pad(above, 1, constant_values=-np.inf)  # the outside: the eldest of all
        cut = np.stack(_levels(joins(above, 12 - connectivity), above), axis=1)
        holes = -cut[np.isfinite(cut[:, 1]), ::-1]
    sign = -1 if superlevel else 1
    arrays = (sign * _by_depth(pairs) for pairs in (pieces, holes))
    return Barcode(*(torch.as_tensor(array, device=given.device) for array in arrays))


@analysis
def merge_tree(
    values: Any, superlevel: bool = False, connectivity: int = 8, least: float = 0.0
) -> Steps[MergeTree]:
    """The tree of basins that join as the level rises (for superlevel: of hills, as it falls).

    Args:
        values: see `persistence`.
        superlevel: whether leaves are maxima.
        connectivity: see `persistence`.
        least: branches of less persistence are left out.

    Returns:
        `.value`, `.place`, `.parent`, `.kind`. Two branches end in every join.

    Raises:
        ValueError: as for `persistence`.
    """
    given, grid = _grid(values, connectivity)
    grid = -grid if superlevel else grid
    found = yield from part_of(_joined(grid, connectivity), 0.0, 0.9)
    birth, death = _levels(found, grid)
    kept = ~(death - birth < least)
    nodes: list[tuple[int, int]] = []  # flat index and kind
    parent: list[int] = []

    def add(place: int, kind: int, *below: int) -> int:
        for node in below:
            parent[node] = len(nodes)
        nodes.append((place, kind))
        parent.append(-1)
        return len(nodes) - 1

    branch = {m: add(m, 0) for m in found.minimum[kept].tolist()}  # minimum -> its upper end
    for place in np.flatnonzero(kept).tolist():
        m, saddle, elder = (int(part[place]) for part in found[:3])
        if saddle >= 0:
            branch[elder] = add(saddle, 1, branch[m], branch[elder])
        else:
            add(int(found.top[place]), 2, branch[m])
    flat = np.array([place for place, _ in nodes], dtype=np.int64)
    level = (-grid if superlevel else grid).ravel()[flat]
    kinds = np.array([kind for _, kind in nodes], dtype=np.int64)
    arrays = (level, _indices(flat, grid.shape), np.array(parent, dtype=np.int64), kinds)
    return MergeTree(*(torch.as_tensor(array, device=given.device) for array in arrays))


def _joined(grid: np.ndarray, connectivity: int) -> Steps[Joins]:
    """The joins of a grid, with a look at the clock before."""
    yield Progress(0.1)
    return joins(grid, connectivity)


def _grid(values: Any, connectivity: int) -> tuple[torch.Tensor, np.ndarray]:
    """Values as they were given, and as numbers on a grid.

    Raises:
        ValueError: no axis at all, or another connectivity than 8 and 4.
    """
    if check_count("connectivity", connectivity) not in CONNECTIVITIES:
        raise ValueError(f"connectivity = {connectivity}: 8 (across corners) or 4 (across sides)")
    given = as_tensor(values)
    given = given if given.is_floating_point() else given.double()
    if given.ndim == 0:
        raise ValueError("values: an array with at least one axis is needed")
    return given, given.cpu().numpy()


def _levels(found: Joins, grid: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Birth (n,) and death (n,) of every pool."""
    height = grid.ravel()
    never = found.saddle < 0
    return height[found.minimum], np.where(never, np.inf, height[found.saddle]).astype(grid.dtype)


def _by_depth(pairs: np.ndarray) -> np.ndarray:
    """Pairs (n, 2), the most persistent first; of equal ones that which is born first."""
    return pairs[np.lexsort((pairs[:, 0], pairs[:, 0] - pairs[:, 1]))]


def _indices(flat: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Grid indices (n, axes) of flat ones; -1 where there is none."""
    found = np.stack(np.unravel_index(np.maximum(flat, 0), shape), axis=1)
    return np.where(flat[:, None] < 0, -1, found)

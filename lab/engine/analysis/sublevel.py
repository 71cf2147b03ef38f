"""How the sublevel sets of values on a grid grow together, as the level rises.

Every point is first led downhill to its minimum, all at once; only the edges between two basins,
the lowest of each pair, are then joined one by one (union-find, elder rule). The joins are those of
the plain algorithm that adds point by point.
"""

import itertools
from typing import NamedTuple

import numpy as np

CONNECTIVITIES = (8, 4)


class Joins(NamedTuple):
    """The minima of a grid, and where the pool of each joins an older one; in the order of joining.

    Attributes:
        minimum: (n,), flat indices of the minima.
        saddle: (n,), flat index of the point where the pool is joined; -1 where it never is.
        elder: (n,), flat index of the lowest minimum of the pool that it joins; -1 as above.
        area: (n,), how many points drain into the minimum by steepest descent.
        below: (n,), how many points the pool has just before it joins; all of it if it never does.
        top: (n,), flat index of the highest point of a pool that never joins; -1 for the others.
    """

    minimum: np.ndarray
    saddle: np.ndarray
    elder: np.ndarray
    area: np.ndarray
    below: np.ndarray
    top: np.ndarray


def joins(grid: np.ndarray, connectivity: int = 8) -> Joins:
    """Let the level rise through a grid; pools that vanish where they are born are left out.

    Args:
        grid: any number of axes; what is NaN or +inf belongs to no pool.
        connectivity: 8 where points are neighbours also across corners, 4 where across sides alone
            (the same with more or fewer axes).
    """
    height = grid.ravel()
    inside = ~(np.isnan(height) | (height == np.inf))
    order = np.argsort(np.where(inside, height, np.inf), kind="stable")
    rank = np.empty(height.size, dtype=np.int64)  # a strict order: equal values by their index
    rank[order] = np.arange(height.size)
    shifts = _shifts(grid.shape, connectivity)
    minimum_of = _downhill(rank.reshape(grid.shape), inside.reshape(grid.shape), shifts)
    edges = _crossings(rank, inside, minimum_of, grid.shape, shifts)
    pools = _Pools(rank, order, minimum_of, inside)
    for one, other, saddle in zip(*(part.tolist() for part in edges), strict=True):
        pools.meet(one, other, saddle)
    return pools.result(height)


class _Pools:
    """Union-find over basins, with the points that each holds."""

    def __init__(
        self, rank: np.ndarray, order: np.ndarray, minimum_of: np.ndarray, inside: np.ndarray
    ):
        points = np.flatnonzero(inside)
        points = points[np.lexsort((rank[points], minimum_of[points]))]
        minima, first = np.unique(minimum_of[points], return_index=True)
        self._rank, self._order = rank, order
        ranks = np.split(rank[points], first[1:])[: len(minima)]
        self._ranks = dict(zip(minima.tolist(), ranks, strict=True))
        self._parent = {m: m for m in self._ranks}
        self._members = {m: [m] for m in self._ranks}
        self._joined: list[tuple[int, int, int, int]] = []  # younger, saddle, elder, below

    def meet(self, one: int, other: int, saddle: int) -> None:
        """Two basins touch at a point: if their pools are two, the younger one is joined."""
        older, younger = self._root(one), self._root(other)
        if older == younger:
            return
        if self._rank[younger] < self._rank[older]:
            older, younger = younger, older
        level = self._rank[saddle]
        members = self._members.pop(younger)
        below = sum(int(np.searchsorted(self._ranks[m], level)) for m in members)
        self._parent[younger] = older
        self._members[older] += members
        self._joined.append((younger, saddle, older, below))

    def result(self, height: np.ndarray) -> Joins:
        """All joins; the area of a pool that vanished at once is its elder's."""
        area = {m: len(ranks) for m, ranks in self._ranks.items()}
        rows = []
        for younger, saddle, elder, below in self._joined:
            if height[saddle] > height[younger]:
                rows.append((younger, saddle, elder, area[younger], below, -1))
            else:
                area[elder] += area[younger]
        for m, members in self._members.items():
            below = sum(len(self._ranks[k]) for k in members)
            top = int(self._order[max(int(self._ranks[k][-1]) for k in members)])
            rows.append((m, -1, -1, area[m], below, top))
        # what was joined last may have taken in what vanished since it was entered
        table = np.array(rows, dtype=np.int64).reshape(-1, 6)
        table[:, 3] = [area[m] for m in table[:, 0].tolist()]
        return Joins(*table.T)

    def _root(self, m: int) -> int:
        while self._parent[m] != m:
            self._parent[m] = self._parent[self._parent[m]]
            m = self._parent[m]
        return m


Shifts = list[tuple[tuple[slice, ...], tuple[slice, ...]]]


def _downhill(rank: np.ndarray, inside: np.ndarray, shifts: Shifts) -> np.ndarray:
    """For each point the minimum that steepest descent over neighbours ends at (flat indices)."""
    flat = np.arange(rank.size).reshape(rank.shape)
    lowest, target = rank.copy(), flat.copy()
    for here, there in shifts:
        for one, other in ((here, there), (there, here)):
            lower = (rank[other] < lowest[one]) & inside[other]
            lowest[one] = np.where(lower, rank[other], lowest[one])
            target[one] = np.where(lower, flat[other], target[one])
    parent = target.ravel()
    while True:  # pointer jumping: the path is halved in every pass
        further = parent[parent]
        if np.array_equal(further, parent):
            return parent
        parent = further


def _crossings(
    rank: np.ndarray,
    inside: np.ndarray,
    minimum_of: np.ndarray,
    shape: tuple[int, ...],
    shifts: Shifts,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The lowest crossing of each pair of basins that touch, from low to high.

    Returns:
        Flat indices of the two minima, and of the higher end of the edge between the basins.
    """
    flat = np.arange(rank.size).reshape(shape)
    ones, others = [], []
    for here, there in shifts:
        one, other = flat[here].ravel(), flat[there].ravel()
        apart = (minimum_of[one] != minimum_of[other]) & inside[one] & inside[other]
        ones.append(one[apart])
        others.append(other[apart])
    one, other = np.concatenate(ones), np.concatenate(others)
    top = np.where(rank[one] > rank[other], one, other)
    by_height = np.argsort(rank[top], kind="stable")
    one, other, top = minimum_of[one[by_height]], minimum_of[other[by_height]], top[by_height]
    key = np.minimum(one, other) * rank.size + np.maximum(one, other)
    _, first = np.unique(key, return_index=True)
    first.sort()
    return one[first], other[first], top[first]


def _shifts(shape: tuple[int, ...], connectivity: int) -> Shifts:
    """Pairs of slices that lay every point beside each of its neighbours, each pair once."""
    found = []
    for offset in itertools.product((-1, 0, 1), repeat=len(shape)):
        far = connectivity == 4 and np.abs(offset).sum() > 1
        if offset <= (0,) * len(shape) or far:
            continue
        here = tuple(slice(max(0, -d), n - max(0, d)) for d, n in zip(offset, shape, strict=True))
        there = tuple(slice(max(0, d), n - max(0, -d)) for d, n in zip(offset, shape, strict=True))
        found.append((here, there))
    return found

"""The tree of basins as it is drawn, in the window and in exported figures.

Every basin is an upright line from its minimum to the saddle where it joins an older one; there a
level line leads to that one's. Basins that join later stand further out, on both sides in turn, so
that no two lines cross. Nothing here imports torch.
"""

from typing import NamedTuple

import numpy as np


class Branch(NamedTuple):
    """One basin as it is drawn.

    Attributes:
        row: which basin.
        x: where it stands: 0, 1, 2 ... from left to right.
        low: the loss at its minimum.
        high: where its line ends: at its saddle, or at the top for one that never joins.
        elder: where the line stands that it joins; NaN where it never does.
    """

    row: int
    x: float
    low: float
    high: float
    elder: float


def kept(birth: np.ndarray, death: np.ndarray, least: float) -> np.ndarray:
    """Which basins (n,) are at least so persistent."""
    return ~(death - birth < least)


def at_edge(minimum: np.ndarray, window: np.ndarray) -> np.ndarray:
    """Which minima (n, 2) lie on the border of a window (2, 2): the loss may go on falling."""
    return ((minimum == window[:, 0]) | (minimum == window[:, 1])).any(axis=1)


def pooled(area: np.ndarray, death: np.ndarray, elder: np.ndarray, shown: np.ndarray) -> np.ndarray:
    """The areas (n,) of basins, those that are not shown added to what they join."""
    total = area.astype(np.int64)
    for row in np.argsort(death, kind="stable").tolist():
        if not shown[row] and elder[row] >= 0:
            total[elder[row]] += total[row]
            total[row] = 0
    return total


def branches(
    birth: np.ndarray, death: np.ndarray, elder: np.ndarray, shown: np.ndarray, top: float
) -> list[Branch]:
    """The lines of a tree.

    Args:
        birth: (n,), as of `Basins`.
        death: (n,)
        elder: (n,)
        shown: (n,), which basins are drawn; with each the one that it joins.
        top: where lines end that never join.

    Returns:
        One for each basin that is drawn, from left to right.
    """
    young: dict[int, list[int]] = {row: [] for row in np.flatnonzero(shown).tolist()}
    roots = []
    for row in sorted(young, key=lambda row: death[row]):
        (young[elder[row]] if elder[row] >= 0 else roots).append(row)
    order: list[int] = []
    for root in roots:
        order += _in_order(root, young)
    place = {row: float(x) for x, row in enumerate(order)}
    return [
        Branch(
            row,
            place[row],
            float(birth[row]),
            float(death[row]) if np.isfinite(death[row]) else top,
            place[int(elder[row])] if elder[row] >= 0 else np.nan,
        )
        for row in order
    ]


def _in_order(root: int, young: dict[int, list[int]]) -> list[int]:
    """A basin and all that join it, directly or not, from left to right.

    Without recursion: a chain of a thousand basins is deeper than Python allows.
    """
    blocks: dict[int, list[int]] = {}
    waiting = [(root, False)]
    while waiting:
        row, ready = waiting.pop()
        if not ready:
            waiting += [(row, True), *((child, False) for child in young[row])]
            continue
        left: list[int] = []
        right: list[int] = []
        for turn, child in enumerate(young[row]):  # those that join sooner stand nearer
            if turn % 2:
                left = blocks.pop(child) + left
            else:
                right += blocks.pop(child)
        blocks[row] = [*left, row, *right]
    return blocks[root]

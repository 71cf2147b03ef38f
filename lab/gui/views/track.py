"""What is drawn of one lane against steps, and what is told of it at the mouse. Qt-free."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from lab.gui.views.values import logs
from lab.gui.views.words import dot, short

MOST = 300  # points of a line: a panel has little more pixels
DEEPEST = 12.0  # decades below its line at which a band ends that reaches down to 0
_NAMED = 4  # thin lines that are told at the mouse, at most
_NOTHING = np.empty(0)


class Track(NamedTuple):
    """What is drawn of one lane, every array (n,); NaN where nothing is known.

    Attributes:
        title: of the lane.
        colour: of the lane.
        strong: whether it is the selected lane.
        steps: where it was measured.
        main: the line.
        others: thin lines beside it, (m, n).
        names: of the thin lines, to be told at the mouse; empty if they are not.
        low: lower edge of its band; empty for none.
        high: upper edge.
        limit: corners of a dashed line, steps and values; empty for none.
        formula: what the dashed line is.
    """

    title: str
    colour: str
    strong: bool
    steps: np.ndarray
    main: np.ndarray
    others: np.ndarray = np.empty((0, 0))
    names: Sequence[str] = ()
    low: np.ndarray = _NOTHING
    high: np.ndarray = _NOTHING
    limit: tuple[Sequence[float], Sequence[float]] = ((), ())
    formula: str = ""


def thinned(track: Track) -> Track:
    """A track of few points that keeps the peaks of its main line, and its ends."""
    count = len(track.steps)
    if count <= MOST:
        return track
    width = -(-count // (MOST // 2))
    main = np.append(track.main, np.full(-count % width, np.nan)).reshape(-1, width)
    first = np.arange(len(main)) * width
    low = first + np.nan_to_num(main, nan=np.inf).argmin(axis=1)
    high = first + np.nan_to_num(main, nan=-np.inf).argmax(axis=1)
    kept = np.unique(np.concatenate([low, high, [0, count - 1]]))
    cut = {
        name: getattr(track, name)[..., kept]
        for name in ("steps", "main", "others", "low", "high")
        if getattr(track, name).size
    }
    return track._replace(**cut)


def in_decades(track: Track) -> Track:
    """A track on a logarithmic axis; a band that reaches down to 0 or below ends far down."""
    main, low, high = logs(track.main), track.low, track.high
    there = np.isfinite(low) & np.isfinite(main[: len(low)])
    floor = main[there].min(initial=0.0) - DEEPEST
    edges = (np.nan_to_num(logs(edge), nan=floor) for edge in (low, high))
    low, high = (np.where(there, edge, np.nan) for edge in edges)
    limit = track.limit[0], logs(track.limit[1])
    return track._replace(main=main, others=logs(track.others), low=low, high=high, limit=limit)


def told(track: Track, at: int, heights: np.ndarray, height: float) -> list[tuple[str, ...]]:
    """What is known of a lane at one of its measurements, as the rows of a table.

    Args:
        track: the lane.
        at: the number of the measurement.
        heights: where its thin lines stand on the axis there, (m,).
        height: of the mouse; of many thin lines the nearest to it are told.
    """
    rows = [(dot(track.colour), track.title, with_band(track, at))]
    if track.names:
        known = np.flatnonzero(np.isfinite(heights))
        near = known[np.abs(heights[known] - height).argsort(kind="stable")[:_NAMED]]
        near = near[heights[near].argsort(kind="stable")[::-1]]
        rows += [("", track.names[i], short(float(track.others[i, at]))) for i in near]
    xs, ys = track.limit
    if len(xs):
        value = float(ys[max(0, int(np.searchsorted(xs, track.steps[at], side="right")) - 1)])
        rows += [("", track.formula, short(value))] if np.isfinite(value) else []
    return rows


def with_band(track: Track, at: int) -> str:
    """A measured number, and how sure it is: ± where its band is even, else from and to."""
    value = float(track.main[at])
    if not len(track.low) or not np.isfinite(track.low[at]):
        return short(value)
    low, high = float(track.low[at]), float(track.high[at])
    if abs((high - value) - (value - low)) <= 1e-6 * max(abs(high), abs(low)):
        return f"{short(value)} ± {short(high - value, 2)}"
    return f"{short(value)} ({short(low)} – {short(high)})"

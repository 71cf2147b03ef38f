"""Where a legend hides none of a plot's lines, and the room above them that it takes."""

from collections.abc import Sequence

import numpy as np

from lab.gui.views.plot import BOTTOM_HEIGHT, LEFT_WIDTH, Plot

CORNERS = ("top right", "top left", "bottom right", "bottom left")
AROUND = 12  # pixels around a legend
MOST = 1.7  # times as high a plot becomes for its legend, at most
_WORTH = 0.1  # part of the plot that another place must save, so that a legend goes there


class LegendPlace:
    """Names the lines of a plot where that hides least of them, in few columns if it can."""

    def __init__(self, plot: Plot):
        """Nothing is named yet.

        Args:
            plot: whose legend it is.
        """
        self._plot = plot
        self._entries: Sequence[tuple[str, str]] = ()
        self._sizes: dict[int, tuple[int, int]] = {}  # in pixels, by the number of columns
        self._place = (1, CORNERS[0])  # columns and corner

    def name(
        self,
        entries: Sequence[tuple[str, str]],
        x: np.ndarray,
        y: np.ndarray,
        span: tuple[tuple[float, float], tuple[float, float]],
    ) -> tuple[float, float]:
        """Write names.

        Args:
            entries: a colour and a word each; none for no legend.
            x: (n,), of points that lie close together on all lines.
            y: (n,), likewise; NaN where there is none.
            span: both ends of both axes.

        Returns:
            Both ends of the y axis, with what the legend needs above the lines.
        """
        if entries != self._entries:
            self._entries = entries
            columns = sorted({1, 2, len(entries)} & {*range(1, len(entries) + 1)})
            self._sizes = {n: self._plot.set_legend(entries, columns=n) for n in columns}
        (left, right), (low, high) = span
        if not entries:
            self._plot.set_legend(entries)
            return low, high
        across, up = (x - left) / (right - left), (y - low) / (high - low)
        room = self._plot.width() - LEFT_WIDTH, self._plot.height() - BOTTOM_HEIGHT
        tops = {}
        for columns, size in self._sizes.items():
            width, height = ((s + AROUND) / max(1, r) for s, r in zip(size, room, strict=True))
            if columns == 1 or width <= 1:
                found = needed(across, up, width, height)
                tops.update({(columns, corner): found[corner] for corner in CORNERS})
        best = min(tops, key=tops.get)
        if tops.get(self._place, np.inf) > tops[best] + _WORTH:
            self._place = best
        columns, corner = self._place
        self._plot.set_legend(entries, corner, columns=columns)
        return low, low + min(tops[self._place], MOST) * (high - low)


def needed(x: np.ndarray, y: np.ndarray, width: float, height: float) -> dict[str, float]:
    """How high a plot has to be so that a legend in each corner hides no point.

    Args:
        x: (n,), of points: 0 at the left edge, 1 at the right one.
        y: (n,), 0 at the bottom, 1 at the top; NaN where there is none.
        width: of the legend, as a part of the plot's.
        height: of the legend, likewise.

    Returns:
        For each corner the height as a multiple of what it is: 1.0 where nothing is hidden, and
        infinite where growing would not help.
    """
    inside = (y >= 0) & (y <= 1)
    tops = {}
    for side, under in (("right", x >= 1 - width), ("left", x <= width)):
        near = y[under & inside]
        highest, lowest = near.max(initial=0.0), near.min(initial=1.0)
        tops[f"top {side}"] = max(1.0, highest / max(1e-9, 1.0 - height))
        tops[f"bottom {side}"] = 1.0 if lowest > height else np.inf
    return tops

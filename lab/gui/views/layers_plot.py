"""The barrier of each layer alone, and of all layers up to it, between two networks."""

from typing import Any

import numpy as np

from lab.gui.views.drawing import Drawing
from lab.gui.views.plot import Plot
from lab.gui.views.words import short, table

_MOST_NAMES = 12  # of layers on the axis
_WIDE = 0.38  # of the room between two layers, on both sides, for its bars


class LayersPlot(Plot):
    """Bars for single layers, a line with dots for all layers up to each."""

    def __init__(self):
        """Make an empty plot."""
        super().__init__("layer (bars: this one alone, line: all up to it)", "barrier")
        self._drawing = Drawing(self)
        self._kinds: list[tuple[str, str, np.ndarray, np.ndarray]] = []
        self._names: list[str] = []
        self.pointed.connect(self._read)

    def show_layers(self, found: Any, opacity: float, *, at_once: bool) -> None:
        """Draw a result.

        Args:
            found: the result of a line taken a layer at a time.
            opacity: of everything.
            at_once: whether the ranges jump, because this is something else.
        """
        self._names = found.info["layers"].split("\n")
        looks = (("", "as trained", self.theme.text), ("matched_", "matched", self.theme.accent))
        self._kinds = [
            (
                word,
                colour,
                np.asarray(found.arrays[f"{prefix}barrier"], dtype=np.float64),
                np.asarray(found.arrays[f"{prefix}upto_barrier"], dtype=np.float64),
            )
            for prefix, word, colour in looks
            if f"{prefix}barrier" in found.arrays
        ]
        x = np.arange(len(self._names), dtype=np.float64)
        width = 2 * _WIDE / len(self._kinds)
        with self._drawing as drawing:
            drawing.line("zero", [-0.5, len(x) - 0.5], [0, 0], self.theme.muted, opacity=0.6)
            for number, (word, colour, alone, together) in enumerate(self._kinds):
                left = x - _WIDE + number * width
                drawing.band(word, *_bars(left, left + 0.9 * width, alone), colour, 0.4)
                drawing.line(word, x, together, colour, width=1.5)
                points = zip(x, together, strict=True)
                drawing.dots(word, [(*point, colour) for point in points if np.isfinite(point[1])])
        drawing.fade(opacity)
        every = -(-len(x) // _MOST_NAMES)
        ticks = [(place, name) for place, name in zip(x, self._names, strict=True)][::every]
        self.getPlotItem().getAxis("bottom").setTicks([ticks])
        self.set_legend([(colour, word) for word, colour, *_ in self._kinds], "top left")
        self.aim((-0.6, len(x) - 0.4), self._span(), at_once=at_once)

    def fade(self, opacity: float) -> None:
        """Let what is drawn fade, because it is not new any more."""
        self._drawing.fade(opacity)

    def _span(self) -> tuple[float, float]:
        """All that is drawn and zero, with room for the legend above."""
        values = np.concatenate([[0.0], *(np.concatenate(kind[2:]) for kind in self._kinds)])
        values = values[np.isfinite(values)]
        low, high = float(values.min()), float(values.max())
        room = (high - low) or 1.0
        return low - 0.08 * room, high + 0.55 * room

    def _read(self, x: float, y: float) -> None:
        """Tell the barriers of the layer nearest to the mouse."""
        if not self._names:
            return
        at = int(np.clip(round(x), 0, len(self._names) - 1))
        rows = []
        for word, colour, alone, together in self._kinds:
            mark = f'<span style="color:{colour}">—</span>'
            rows.append((mark, f"{word}, this layer", short(float(alone[at]))))
            rows.append((mark, f"{word}, all up to it", short(float(together[at]))))
        self.set_reading(table(rows, f"layer {self._names[at]}"))


def _bars(
    left: np.ndarray, right: np.ndarray, heights: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Bars from zero as one band with gaps: x, lower and upper edge."""
    gap = np.full_like(left, np.nan)
    x = np.stack([left, right, right], axis=1).ravel()
    low = np.stack([np.minimum(heights, 0)] * 2 + [gap], axis=1).ravel()
    high = np.stack([np.maximum(heights, 0)] * 2 + [gap], axis=1).ravel()
    return x, low, high

"""The loss, or another quantity, along the line between two runs, and its barrier."""

from typing import Any, NamedTuple

import numpy as np

from lab.gui.views.drawing import Drawing
from lab.gui.views.plot import Plot
from lab.gui.views.words import short, table

_FLAT = 0.02  # a barrier below this part of the loss's range is none


class Ends(NamedTuple):
    """Names and colours of the two runs, and whether the result is told from the second one."""

    a: str
    b: str
    colours: tuple[str, str]
    flipped: bool = False


class PathPlot(Plot):
    """Draws one result of the probe."""

    def __init__(self):
        """Make an empty plot."""
        super().__init__("from a to b", "loss")
        self._drawing = Drawing(self)
        self._curves: list[tuple[str, str, np.ndarray]] = []  # word, colour, values
        self._entries: list[tuple[str, str]] = []
        self._t = np.empty(0)
        self.pointed.connect(self._read)

    def show_path(
        self, found: Any, quantity: str, ends: Ends, opacity: float, *, at_once: bool
    ) -> None:
        """Draw.

        Args:
            found: the result.
            quantity: "loss" or a metric.
            ends: the two runs.
            opacity: of everything.
            at_once: whether the ranges jump, because this is something else.
        """
        self.set_titles(bottom=f"from {ends.a} to {ends.b}", left=quantity)
        self._t = np.asarray(found.t, dtype=np.float64)
        kinds = (
            ("", "as trained", self.theme.text),
            ("matched_", "matched", self.theme.accent),
        )
        self._curves = []
        for prefix, word, colour in kinds:
            if prefix + quantity in found.arrays:
                values = np.asarray(found.arrays[prefix + quantity], dtype=np.float64)
                self._curves.append((word, colour, values[::-1] if ends.flipped else values))
        low, high = self._span()
        with self._drawing as drawing:
            for word, colour, values in self._curves:
                drawing.line(word, self._t, values, colour, width=1.5)
            first = self._curves[0][2]
            spots = [(0.0, first[0], ends.colours[0]), (1.0, first[-1], ends.colours[1])]
            drawing.dots("ends", spots, 9)
            if quantity == "loss":
                self._draw_barrier(drawing, float(found.barrier), first)
        drawing.fade(opacity)
        self._entries = [(colour, word) for word, colour, _ in self._curves]
        if quantity == "loss":
            barriers = [found.barrier, found.info.get("matched_barrier", 0.0)]
            for i, (word, colour, values) in enumerate(self._curves):
                seen = _is_barrier(values, barriers[i])
                told = f"barrier {short(float(barriers[i]))}" if seen else "no barrier"
                if i or not seen:  # the first one's barrier stands at its arrow
                    self._entries[i] = (colour, f"{word}, {told}")
        self.aim((-0.04, 1.04), (low, high), at_once=at_once)

    def fade(self, opacity: float) -> None:
        """Let what is drawn fade, because it is not new any more."""
        self._drawing.fade(opacity)

    def legend(self) -> tuple[list[tuple[str, str]], str]:
        """Colours and words of the curves, and the corner where they hide least of them."""
        (left, right), (low, high) = self._goal
        values = np.stack([(values - low) / (high - low) for _, _, values in self._curves])
        t = (self._t - left) / (right - left)
        hidden = {}
        for corner in ("top right", "top left", "bottom right", "bottom left"):
            across = t > 0.6 if "right" in corner else t < 0.4
            up = values > 0.7 if "top" in corner else values < 0.3
            hidden[corner] = int((across & up).sum())
        return self._entries, min(hidden, key=hidden.get)

    def _draw_barrier(self, drawing: Drawing, barrier: float, loss: np.ndarray) -> None:
        """An arrow from the mean of the ends up to the highest loss between them."""
        if not np.isfinite(loss).all():
            return
        top, foot = int(loss.argmax()), float(loss[0] + loss[-1]) / 2
        x, colour, paper = float(self._t[top]), self.theme.muted, self.theme.card
        if not _is_barrier(loss, barrier):
            return
        drawing.line("barrier", [x, x], [foot, loss[top]], colour, smooth=False)
        drawing.arrow("up", x, float(loss[top]), colour, up=True)
        drawing.arrow("down", x, foot, colour, up=False)
        side, words = (0 if x < 0.6 else 1, 0.5), f" barrier {short(barrier)} "
        drawing.text("barrier", words, x, (foot + loss[top]) / 2, self.theme.text, side, paper)

    def _span(self) -> tuple[float, float]:
        """All that is drawn, with room."""
        values = np.concatenate([values for _, _, values in self._curves])
        values = values[np.isfinite(values)]
        if not len(values):
            return (0.0, 1.0)
        low, high = float(values.min()), float(values.max())
        room = (high - low) or 0.1 * abs(high) or 1.0
        return low - 0.1 * room, high + 0.1 * room

    def _read(self, x: float, y: float) -> None:
        """Tell the values at the point nearest to the mouse."""
        if len(self._t):
            at = int(np.abs(self._t - x).argmin())
            rows = [
                (f'<span style="color:{colour}">—</span>', word, short(float(values[at])))
                for word, colour, values in self._curves
            ]
            self.set_reading(table(rows, f"at {short(float(self._t[at]))}"))


def _is_barrier(loss: np.ndarray, barrier: float) -> bool:
    """Whether the loss has a top between the ends, and not only one end that is higher."""
    inside = 0 < int(loss.argmax()) < len(loss) - 1
    return bool(inside and barrier > _FLAT * np.ptp(loss))

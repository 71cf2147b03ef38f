"""The loss, or another quantity, along a path between two runs, and its barrier."""

from collections.abc import Sequence
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


class Kind(NamedTuple):
    """One of the curves of a result: the prefix of its names, a word, whether it stands out."""

    prefix: str
    word: str
    stands_out: bool


LINE = (Kind("", "as trained", False), Kind("matched_", "matched", True))
CURVE = (Kind("line_", "straight line", False), Kind("", "trained curve", True))


class PathPlot(Plot):
    """Draws one result."""

    def __init__(self):
        """Make an empty plot."""
        super().__init__("from a to b", "loss")
        self._drawing = Drawing(self)
        self._curves: list[tuple[str, str, np.ndarray]] = []  # word, colour, values
        self._entries: list[tuple[str, str]] = []
        self._notes: list[tuple[str, float]] = []  # more words and numbers for who points at it
        self._t = np.empty(0)
        self.pointed.connect(self._read)

    def show_path(
        self,
        found: Any,
        quantity: str,
        ends: Ends,
        opacity: float,
        *,
        at_once: bool,
        kinds: Sequence[Kind] = LINE,
    ) -> None:
        """Draw.

        Args:
            found: the result, or what is known of it: `arrays` and `info`.
            quantity: "loss" or a metric.
            ends: the two runs.
            opacity: of everything.
            at_once: whether the ranges jump, because this is something else.
            kinds: the curves that it may have.
        """
        self.set_titles(bottom=f"from {ends.a} to {ends.b}", left=quantity)
        self._t = np.asarray(found.arrays["t"], dtype=np.float64)
        self._curves, barriers = [], []
        for prefix, name, stands_out in kinds:
            if prefix + quantity in found.arrays:
                values = np.asarray(found.arrays[prefix + quantity], dtype=np.float64)
                colour = self.theme.accent if stands_out else self.theme.text
                mended = prefix == "matched_" and found.info.get("repaired")
                word = f"{name} and repaired" if mended else name
                self._curves.append((word, colour, values[::-1] if ends.flipped else values))
                barriers.append(float(found.info.get(f"{prefix}barrier", 0.0)))
        low, high = self._span()
        with self._drawing as drawing:
            for word, colour, values in self._curves:
                drawing.line(word, self._t, values, colour, width=1.5)
            first = self._curves[0][2]
            spots = [(0.0, first[0], ends.colours[0]), (1.0, first[-1], ends.colours[1])]
            drawing.dots("ends", spots, 9)
            if quantity == "loss":
                self._draw_barrier(drawing, barriers[0], first)
        drawing.fade(opacity)
        self._notes = _foreseen(found.info) if quantity == "loss" else []
        self._entries = [(colour, word) for word, colour, _ in self._curves]
        if quantity == "loss":
            for i, (word, colour, values) in enumerate(self._curves):
                seen = _is_barrier(values, barriers[i])
                told = f"barrier {short(barriers[i])}" if seen else "no barrier"
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
        above = 0.1 if len(self._curves) < 2 else 0.42  # where the names of the curves stand
        return low - 0.1 * room, high + above * room

    def _read(self, x: float, y: float) -> None:
        """Tell the values at the point nearest to the mouse."""
        if len(self._t):
            at = int(np.abs(self._t - x).argmin())
            rows = [
                (f'<span style="color:{colour}">—</span>', word, short(float(values[at])))
                for word, colour, values in self._curves
            ]
            rows += [("", word, short(value)) for word, value in self._notes]
            self.set_reading(table(rows, f"at {short(float(self._t[at]))}"))


def _foreseen(info: Any) -> list[tuple[str, float]]:
    """What second order foresees of the middle's height above the mean of the ends, beside it."""
    words = {
        "height": "height of the middle",
        "from_ends": "second-order predictor, from the ends",
        "from_middle": "second-order predictor, from the middle",
    }
    return [(word, float(info[key])) for key, word in words.items() if key in info]


def _is_barrier(loss: np.ndarray, barrier: float) -> bool:
    """Whether the loss has a top between the ends, and not only one end that is higher."""
    inside = 0 < int(loss.argmax()) < len(loss) - 1
    return bool(inside and barrier > _FLAT * np.ptp(loss))

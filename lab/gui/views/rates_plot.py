"""The largest learning rate against the batch size: predictions, and where the run stands."""

from typing import Any

import numpy as np
from PySide6.QtCore import Slot

from lab.gui.views.drawing import Drawing
from lab.gui.views.plot import Plot
from lab.gui.views.values import logs
from lab.gui.views.words import short, table
from lab.palette import mixed

LAWS = {  # array of the result -> word on the line and in the reading
    "linear": "linear law",
    "root": "square-root law",
    "exact": "plain SGD, in mean square",
    "diverging": "plain SGD diverges beyond (Dexter et al.)",
}
_WORDS = {"exact": "in mean square", "diverging": "diverges beyond"}  # shorter, on the line
_PLACES = {  # which end of a line, and the corner of the word that is there
    "linear": (0, (0, 1)),
    "root": (-1, (1, 0)),
    "exact": (0, (0, 0)),
    "diverging": (-1, (1, 0)),
}
_ROOM = 0.08  # part of the axes left free


class RatesPlot(Plot):
    """Curves on two log axes, and a disc at the run's own batch size and learning rate."""

    def __init__(self):
        """Make an empty plot."""
        super().__init__("batch size B", "learning rate η", log_y=True)
        self.getPlotItem().getAxis("bottom").setLogMode(True)
        self._drawing, self._words = Drawing(self), Drawing(self)
        self._curves: dict[str, tuple[np.ndarray, np.ndarray]] = {}
        self._chosen: tuple[float, float] | None = None
        self._shown: Any = None
        self.pointed.connect(self._read)

    def show_rates(self, result: Any, colour: str, opacity: float) -> None:
        """Draw one measurement.

        Args:
            result: of the probe `stability`, with predicted rates.
            colour: of its lane.
            opacity: how new it is.
        """
        self._curves = curves_of(result)
        looks = {
            "linear": (colour, False),
            "root": (colour, True),
            "exact": (self.theme.text, False),
            "diverging": (mixed(self.theme.text, self.theme.card, 0.5), True),
        }
        lr, size = result.info.get("lr", 0.0), result.info.get("batch_size", 0)
        self._chosen = (float(size), float(lr)) if lr > 0 and size > 0 else None
        with self._drawing as drawing:
            for name, (sizes, rates) in self._curves.items():
                shade, dashed = looks[name]
                width = 1.0 if dashed else 1.5
                drawing.line(name, logs(sizes), logs(rates), shade, width=width, dashed=dashed)
            if self._chosen is not None:
                x, y = (float(np.log10(v)) for v in self._chosen)
                drawing.dots("chosen", [(x, y, self.theme.warning)], 9)
        self._frame(at_once=result is not self._shown)
        self._shown = result
        self._name({name: shade for name, (shade, _) in looks.items()})
        self.fade(opacity)

    def _name(self, shades: dict[str, str]) -> None:
        """A word at the end of each line where there is room."""
        with self._words as words:
            for name, (sizes, rates) in self._curves.items():
                place, anchor = _PLACES[name]
                at = np.flatnonzero(np.isfinite(rates))[place]
                x, y = float(np.log10(sizes[at])), float(np.log10(rates[at]))
                words.text(name, _WORDS.get(name, LAWS[name]), x, y, shades[name], anchor)
            if self._chosen is not None:
                x, y = (float(np.log10(v)) for v in self._chosen)
                words.text("chosen", "this run", x, y, self.theme.warning, (0, 0))

    def fade(self, opacity: float) -> None:
        """Let what is drawn fade, because it is not new any more."""
        for part in (self._drawing, self._words):
            part.fade(opacity)

    def clear_all(self) -> None:
        """Nothing to draw."""
        self._curves, self._chosen = {}, None
        for part in (self._drawing, self._words):
            with part:
                pass

    def _frame(self, *, at_once: bool) -> None:
        pairs = [*self._curves.values()]
        if self._chosen is not None:
            pairs.append(tuple(np.array([value]) for value in self._chosen))
        ranges = []
        for axis in (0, 1):
            values = logs(np.concatenate([pair[axis] for pair in pairs]))
            values = values[np.isfinite(values)]
            low, high = float(values.min()), float(values.max())
            room = _ROOM * ((high - low) or 1.0)
            ranges.append((low - (1 + 2 * axis) * room, high + (1 + axis) * room))
        self.aim(*ranges, at_once=at_once)

    @Slot(float, float)
    def _read(self, x: float, y: float) -> None:
        """Tell the rates at the batch size nearest to the mouse."""
        if not self._curves:
            return
        sizes = next(iter(self._curves.values()))[0]
        at = int(np.abs(np.log10(sizes) - x).argmin())
        rows = []
        for name, (own, rates) in self._curves.items():
            place = np.flatnonzero(own == sizes[at])
            if len(place) and np.isfinite(rates[place[0]]):
                rows.append((LAWS[name], short(float(rates[place[0]]))))
        if self._chosen is not None:
            rows.append((f"this run, B = {self._chosen[0]:g}", short(self._chosen[1])))
        self.set_reading(table(rows, f"B = {int(sizes[at]):,}"))


def curves_of(result: Any) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """The predictions that a measurement has: name in `LAWS` -> batch sizes and rates."""
    found = {}
    for name in LAWS:
        if name in result.arrays:
            own = "batch_sizes" if name in ("linear", "root") else "sgd_batch_sizes"
            rates = np.asarray(result.arrays[name], dtype=np.float64)
            if np.isfinite(rates).any():
                found[name] = np.asarray(result.arrays[own], dtype=np.float64), rates
    return found

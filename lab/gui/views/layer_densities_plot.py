"""The densities of the eigenvalues of every layer, and of the whole, as lines in decades."""

import numpy as np

from lab.gui.views.drawing import Drawing
from lab.gui.views.layer_spectra_plot import Lane, names_of
from lab.gui.views.plot import Plot
from lab.gui.views.values import logs
from lab.gui.views.words import dot, short, table
from lab.palette import Theme

DEEPEST = 6.0  # decades below the highest density that are shown
_NAMED = 8  # layers that have a place in the legend
_ROOM = 0.05  # of the width that is left free at both ends


class LayerDensitiesPlot(Plot):
    """A line for each layer in a colour of its own, and one for the whole in that of text."""

    def __init__(self):
        """Make an empty plot."""
        super().__init__("eigenvalue λ", "density", log_y=True)
        self._drawing = Drawing(self)
        self._lines: list[tuple[str, str, np.ndarray, np.ndarray]] = []
        self.pointed.connect(self._read)

    def show_lanes(self, lanes: list[Lane], opacity: float, *, at_once: bool) -> None:
        """Draw the densities of the first lane.

        Args:
            lanes: the selected one first; it must have densities.
            opacity: of everything.
            at_once: whether the ranges jump, because this is something else.
        """
        found = lanes[0].result
        names = names_of(found)
        colours = [layer_colour(self.theme, place) for place in range(len(names) - 1)]
        grids, densities = (np.asarray(found.arrays[k], np.float64) for k in ("grid", "density"))
        self._lines = list(zip(names, [*colours, self.theme.text], grids, densities, strict=True))
        heights = logs(densities)
        high = float(np.nanmax(heights, initial=-np.inf))
        if not np.isfinite(high):
            high = 0.0
        low = high - DEEPEST
        with self._drawing as drawing:
            for name, colour, grid, density in self._lines:
                y = np.maximum(logs(density), low)
                drawing.line(name, grid, np.where(y > low, y, np.nan), colour, width=1.5)
        drawing.fade(opacity)
        entries = [(colour, name) for name, colour, *_ in self._lines]
        corner = "top right" if opacity == 1 else "bottom right"  # how old it is stands at the top
        self.set_legend([*entries[:-1][:_NAMED], entries[-1]], corner)
        left, right = np.nanmin(grids, initial=0.0), np.nanmax(grids, initial=0.0)
        room = _ROOM * (right - left) or 1.0
        self.aim((left - room, right + room), (low, high + 0.3), at_once=at_once)

    def show_nothing(self) -> None:
        """Be empty."""
        self._lines = []
        with self._drawing:
            pass
        self.set_legend([])

    def fade(self, opacity: float) -> None:
        """Let what is drawn fade, because it is not new any more."""
        self._drawing.fade(opacity)

    def _read(self, x: float, y: float) -> None:
        """Tell all densities at the mouse."""
        rows = []
        for name, colour, grid, density in self._lines:
            here = float(np.interp(x, grid, density, left=0.0, right=0.0))
            rows.append((dot(colour), name, short(here)))
        self.set_reading(table(rows, f"density at λ = {short(x)}") if rows else "")


def layer_colour(theme: Theme, place: int) -> str:
    """The colour of a layer; those beyond the eighth share one."""
    return theme.lanes[place] if place < len(theme.lanes) else theme.muted

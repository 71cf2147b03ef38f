"""Mountainside and ridge: the loss on the plane through two ends and where they parted."""

from typing import Any

import numpy as np

from lab.gui.views.drawing import Drawing
from lab.gui.views.ground import bilinear
from lab.gui.views.picture import Head, Picture
from lab.gui.views.plot import Plot
from lab.gui.views.words import short, table
from lab.palette import Theme

ROOMY = 120  # pixels of height from which on the legend leaves enough of the picture


class RidgePlot(Plot):
    """A heat map with the straight line between the ends and the shadows of both paths."""

    def __init__(self):
        """Make an empty plot."""
        super().__init__("along the line between the ends", "away from it")
        self._picture = Picture()
        self.addItem(self._picture, ignoreBounds=True)
        self._drawing = Drawing(self)
        self._grid: tuple[np.ndarray, np.ndarray, np.ndarray] | None = None
        self._paths: list[tuple[str, str, np.ndarray, np.ndarray, np.ndarray]] = []
        self.pointed.connect(self._read)

    def set_theme(self, theme: Theme) -> None:
        """Take the colours of a theme."""
        super().set_theme(theme)
        self._picture.set_theme(theme)
        self._picture.heat.set_colours("viridis", theme.field)

    def show_ridge(
        self, found: Any, titles: tuple[str, str], colours: tuple[str, str], opacity: float
    ) -> None:
        """Draw a result.

        Args:
            found: the result.
            titles: of the two ends.
            colours: of their lanes.
            opacity: of everything.
        """
        arrays = {name: np.asarray(value, np.float64) for name, value in found.arrays.items()}
        self._show_ground(arrays["x"], arrays["y"], arrays["loss"], contours=True)
        base, a, b = arrays["corners"]
        self._paths = [
            (title, colour, arrays[f"path_{end}"], arrays[f"off_{end}"], arrays[f"steps_{end}"])
            for title, colour, end in zip(titles, colours, "ab", strict=True)
        ]
        with self._drawing as drawing:
            drawing.line("line", *np.stack([a, b]).T, "#ffffff", width=1.5, dashed=True)
            for number, (_, colour, path, _, _) in enumerate(self._paths):
                drawing.line(("under", number), *path.T, "#000000", width=4.0, opacity=0.55)
                drawing.line(number, *path.T, colour, width=2.0)
            where = f"parted at step {found.info['base_step']:,}"
            word = where if found.info["branched"] else "common start"
            look = self.theme.text, (-0.1, 0.5), self.theme.card
            drawing.text("base", word, *base, *look)
        heads = [Head(np.array([base]), "#ffffff", False)]
        heads += [Head(p[2][-1:], p[1], True) for p in self._paths]
        self._picture.set_lines((), heads)
        self.set_legend(
            [
                (colour, f"{title}, off-plane ≤ {short(float(off.max()))}")
                for title, colour, _, off, _ in self._paths
                if self.height() > ROOMY  # where it does not, the line of the card tells it
            ],
            "bottom left",
        )
        self._fade(opacity)

    def show_coarse(self, x: np.ndarray, y: np.ndarray, loss: np.ndarray) -> None:
        """Draw what is known of a surface under way."""
        with self._drawing:
            self._paths = []
        self.set_legend([])
        self._picture.set_lines((), ())
        self._show_ground(x, y, loss, contours=False)
        self._fade(1.0)

    def fade(self, opacity: float) -> None:
        """Let what is drawn fade, because it is not new any more."""
        self._fade(opacity)

    def _show_ground(
        self, x: np.ndarray, y: np.ndarray, loss: np.ndarray, *, contours: bool
    ) -> None:
        another = self._grid is None or not np.array_equal(self._grid[0][[0, -1]], x[[0, -1]])
        self._grid = x, y, loss
        self._picture.heat.show(x, y, loss, log=True, contours=contours)
        self._picture.update()
        self.aim((x[0], x[-1]), (y[0], y[-1]), at_once=another)

    def _fade(self, opacity: float) -> None:
        self._drawing.fade(opacity)
        self._picture.setOpacity(opacity)

    def _read(self, x: float, y: float) -> None:
        """Tell the loss at the mouse, and the nearest points of both paths."""
        if self._grid is None:
            return
        loss = bilinear(*self._grid, (x, y))
        rows = [("", "loss on the plane", short(loss))] if np.isfinite(loss) else []
        for title, colour, path, off, steps in self._paths:
            scale = np.ptp(self.getPlotItem().getViewBox().viewRange(), axis=1)
            at = int(np.square((path - (x, y)) / scale).sum(axis=1).argmin())
            mark = f'<span style="color:{colour}">—</span>'
            words = f"{title}, step {int(steps[at]):,}: off the plane by"
            rows.append((mark, words, short(float(off[at]))))
        self.set_reading(table(rows, ""))

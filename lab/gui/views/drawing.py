"""What is drawn on a plot, item by item under names; items live on from one drawing to the next."""

from functools import partial
from typing import Any

import numpy as np
import pyqtgraph as pg
from PySide6.QtCore import Qt
from PySide6.QtGui import QColor, QPen

from lab.gui.theme import CAPTION_POINTS, number_font
from lab.gui.views.bands import Band
from lab.gui.views.dots import Dots
from lab.gui.views.stroke import Stroke
from lab.palette import BAND_OPACITY


class Drawing:
    """Lines, bands, dots and words on a plot.

    Use as a context: what is not drawn again inside is taken away at its end.

        with drawing:
            drawing.line("loss", x, y, theme.accent)
    """

    def __init__(self, plot: pg.PlotWidget):
        """Begin with nothing.

        Args:
            plot: where items are added.
        """
        self._plot = plot
        self._items: dict[Any, pg.GraphicsObject] = {}
        self._looks: dict[Any, tuple] = {}
        self._drawn: set[Any] = set()

    def __enter__(self) -> "Drawing":
        """Begin to draw anew."""
        self._drawn = set()
        return self

    def __exit__(self, *_: Any) -> None:
        """Take away what was not drawn again."""
        for key in set(self._items) - self._drawn:
            self._plot.removeItem(self._items.pop(key))
            self._looks.pop(key, None)

    def line(
        self,
        key: Any,
        x: np.ndarray,
        y: np.ndarray,
        colour: str,
        *,
        width: float = 1.0,
        opacity: float = 1.0,
        dashed: bool = False,
        smooth: bool = True,
    ) -> None:
        """A line through points, broken where one is NaN.

        Args:
            key: its name.
            x: (n,).
            y: (n,).
            colour: as #rrggbb.
            width: in pixels.
            opacity: 0 to 1.
            dashed: whether it is dashed.
            smooth: whether its edges are; it is then some times slower.
        """
        item = self._item("line", key, Stroke)
        look = (colour, width, opacity, dashed, smooth)
        if self._looks.get(("line", key)) != look:
            self._looks["line", key] = look
            style = Qt.PenStyle.DashLine if dashed else Qt.PenStyle.SolidLine
            pen = QPen(tinted(colour, opacity), width, style)
            item.set_look(pen, smooth=smooth and not dashed)
        item.setData(np.asarray(x), np.asarray(y))

    def band(
        self,
        key: Any,
        x: np.ndarray,
        low: np.ndarray,
        high: np.ndarray,
        colour: str,
        opacity: float = BAND_OPACITY,
    ) -> None:
        """The area between two curves (n,), with gaps where one is NaN."""
        item = self._item("band", key, lambda: Band(colour))
        item.set_colour(colour, opacity)
        item.set_data(x, low, high)

    def dots(
        self,
        key: Any,
        spots: list[tuple[float, float, str]],
        size: int = 7,
        *,
        down: bool = False,
    ) -> None:
        """Discs, each with its x, y and colour; triangles with a corner below where `down`."""
        self._item("dots", key, Dots).set_spots(spots, size, down=down)

    def arrow(self, key: Any, x: float, y: float, colour: str, *, up: bool) -> None:
        """The head of an upright arrow, its tip at a point."""
        make = partial(pg.ArrowItem, headLen=6, headWidth=6, tailLen=None, pen=None)
        item = self._item("arrow", key, make)
        if self._looks.get(("arrow", key)) != (colour, up):
            self._looks["arrow", key] = (colour, up)
            item.setStyle(angle=90 if up else -90, brush=colour)
        item.setPos(x, y)

    def text(
        self,
        key: Any,
        text: str,
        x: float,
        y: float,
        colour: str,
        anchor: tuple[float, float] = (0.0, 1.0),
        paper: str = "",
    ) -> None:
        """A word at a point.

        Args:
            key: its name.
            text: what is written.
            x: where.
            y: where.
            colour: of the letters.
            anchor: (0, 0): the word's upper left corner is at the point; (1, 1): its lower right.
            paper: colour behind the letters, which hides lines there; empty for none.
        """
        item = self._item("text", key, _word)
        look = (text, colour, anchor, paper)
        if self._looks.get(("text", key)) != look:
            self._looks["text", key] = look
            item.setText(text, color=colour)
            item.setAnchor(anchor)
            item.fill = pg.mkBrush(paper or None)
        item.setPos(x, y)

    def fade(self, opacity: float) -> None:
        """Let everything fade, because it is not new any more."""
        for item in self._items.values():
            if item.opacity() != opacity:
                item.setOpacity(opacity)

    def _item(self, kind: str, key: Any, make: Any) -> Any:
        place = (kind, key)
        self._drawn.add(place)
        if place not in self._items:
            self._items[place] = make()
            self._plot.addItem(self._items[place], ignoreBounds=True)
        return self._items[place]


def tinted(colour: str, opacity: float) -> QColor:
    """A colour with an opacity from 0 to 1."""
    made = QColor(colour)
    made.setAlphaF(opacity)
    return made


def _word() -> pg.TextItem:
    item = pg.TextItem("")
    item.setFont(number_font(CAPTION_POINTS))
    item.setZValue(6)
    item.textItem.document().setDocumentMargin(3)
    return item

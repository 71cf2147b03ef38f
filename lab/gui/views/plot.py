"""A plot in the lab's style: two spines, few grid lines, log decades, fonts of the window."""

import math

import pyqtgraph as pg
from PySide6.QtCore import Qt
from PySide6.QtGui import QColor

from lab.gui.theme import CAPTION_POINTS, number_font
from lab.palette import Theme

_SUPERSCRIPT = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


class Axis(pg.AxisItem):
    """An axis that labels decades as powers of ten and keeps ticks few."""

    def __init__(self, orientation: str):
        """Make an axis; orientation is pyqtgraph's "left", "bottom" and so on."""
        super().__init__(orientation, maxTickLength=-4)
        self.setStyle(
            tickFont=number_font(CAPTION_POINTS),
            autoExpandTextSpace=True,
            hideOverlappingLabels=True,
            tickTextOffset=5,
        )
        self.enableAutoSIPrefix(False)

    def tickValues(self, low: float, high: float, size: float) -> list:
        """Major ticks only; on a log axis whole decades, thinned to fit."""
        if self.logMode:
            count = max(2, int(size / (34 if self.orientation == "left" else 60)))
            first, last = math.ceil(low - 1e-9), math.floor(high + 1e-9)
            if last - first >= 1:
                stride = max(1, math.ceil((last - first + 1) / count))
                start = first + (-first % stride)
                return [(stride, [float(x) for x in range(start, last + 1, stride)])]
        levels = super().tickValues(low, high, size)
        return levels[:1] if len(levels[0][1]) > 2 or len(levels) == 1 else levels[:2]

    def tickStrings(self, values: list, scale: float, spacing: float) -> list:
        """10⁻² for decades; plain numbers, with as many digits as the spacing needs."""
        if self.logMode:
            return [_power(value) for value in values]
        digits = max(0, -math.floor(math.log10(spacing * scale))) if spacing > 0 else 0
        largest = max((abs(v * scale) for v in values), default=0)
        if largest >= 1e5 or digits > 4:
            return [_scientific(v * scale) for v in values]
        return [f"{v * scale:.{digits}f}".replace("-", "−") for v in values]


class Plot(pg.PlotWidget):
    """A plot dressed in a theme; nothing in it moves by itself."""

    def __init__(self, x_title: str, y_title: str, *, log_y: bool = False):
        """Make an empty plot.

        Args:
            x_title: title of the x axis, with its unit.
            y_title: title of the y axis, with its unit.
            log_y: whether y is logarithmic.
        """
        axes = {place: Axis(place) for place in ("left", "bottom")}
        super().__init__(axisItems=axes)
        self.titles = {"bottom": x_title, "left": y_title}
        item = self.getPlotItem()
        item.hideButtons()
        item.setMenuEnabled(False)
        item.setContentsMargins(4, 8, 10, 2)
        item.setLogMode(y=log_y)
        item.getViewBox().setDefaultPadding(0.0)
        self.setFrameShape(pg.QtWidgets.QFrame.Shape.NoFrame)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.disableAutoRange()
        self._cursor = pg.InfiniteLine(angle=90, movable=False)
        self._cursor.setZValue(5)
        self._cursor.hide()
        self.addItem(self._cursor, ignoreBounds=True)

    def set_theme(self, theme: Theme) -> None:
        """Take the colours of a theme."""
        self.setBackground(theme.card)
        item = self.getPlotItem()
        for place, title in self.titles.items():
            axis = item.getAxis(place)
            axis.setPen(pg.mkPen(theme.line))
            axis.setTextPen(pg.mkPen(theme.muted))
            axis.setTickPen(pg.mkPen(theme.line))
            axis.setLabel(title, color=theme.muted, **{"font-size": f"{CAPTION_POINTS}px"})
        self._cursor.setPen(pg.mkPen(theme.muted, width=1))
        grid = QColor(theme.line)
        for axis in (item.getAxis("left"), item.getAxis("bottom")):
            axis.setGrid(grid.alpha() // 3)

    def set_titles(self, **titles: str) -> None:
        """Set axis titles by place ("left", "bottom")."""
        for place, title in titles.items():
            if self.titles[place] != title:
                self.titles[place] = title
                self.getPlotItem().getAxis(place).setLabel(title)

    def set_cursor(self, x: float | None) -> None:
        """Draw the cursor line at x, or none."""
        self._cursor.setVisible(x is not None)
        if x is not None:
            self._cursor.setPos(x)


def _power(value: float) -> str:
    whole = round(value)
    return (
        f"10{str(whole).translate(_SUPERSCRIPT)}"
        if abs(value - whole) < 1e-6
        else (_scientific(10**value))
    )


def _scientific(value: float) -> str:
    if value == 0:
        return "0"
    mantissa, exponent = f"{value:.0e}".split("e")
    return f"{mantissa}·10{str(int(exponent)).translate(_SUPERSCRIPT)}".replace("-", "−")

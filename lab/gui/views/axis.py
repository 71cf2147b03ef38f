"""An axis in the lab's style: few ticks, log decades, fonts of the window."""

import math

import pyqtgraph as pg
from PySide6.QtCore import QRectF

from lab.gui.theme import CAPTION_POINTS, number_font

_BEYOND = 11  # pixels
_LINE = 15  # pixels from one number to the next on an upright axis, at least
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

    def boundingRect(self) -> QRectF:
        """A little more than the axis, so that the numbers at its ends have room."""
        return super().boundingRect().adjusted(-_BEYOND, -_BEYOND, _BEYOND, _BEYOND)

    def tickValues(self, low: float, high: float, size: float) -> list:
        """Major ticks only; on a log axis whole decades, or parts of one, thinned to fit."""
        if self.logMode:
            count = max(2, int(size / (34 if self.orientation == "left" else 60)))
            first, last = math.ceil(low - 1e-9), math.floor(high + 1e-9)
            if last - first >= 1:
                stride = max(1, math.ceil((last - first + 1) / count))
                start = first + (-first % stride)
                return [(stride, [float(x) for x in range(start, last + 1, stride)])]
            return [(1.0, _within_a_decade(low, high, count))]
        levels = super().tickValues(low, high, size)
        levels = levels[:1] if len(levels[0][1]) > 2 or len(levels) == 1 else levels[:2]
        return levels if self.orientation != "left" else _thinned(levels, size)

    def tickStrings(self, values: list, scale: float, spacing: float) -> list:
        """10⁻² for decades; plain numbers, with as many digits as the spacing needs."""
        if self.logMode:
            whole = all(abs(value - round(value)) < 1e-6 for value in values)
            return [_power(value) if whole else _plain(10**value) for value in values]
        digits = max(0, -math.floor(math.log10(spacing * scale))) if spacing > 0 else 0
        largest = max((abs(v * scale) for v in values), default=0)
        if largest >= 1e5 or digits > 4:
            return [_scientific(v * scale) for v in values]
        return [f"{v * scale:.{digits}f}".replace("-", "−") for v in values]


def _thinned(levels: list, size: float) -> list:
    """Ticks (spacing, values) with room for their numbers: the finer ones go first, then some."""
    most = max(2, int(size / _LINE))
    if sum(len(values) for _, values in levels) <= most:
        return levels
    finest = levels[-1][0]
    marks = sorted(round(float(value) / finest) for _, values in levels for value in values)
    stride = next(
        k for k in (1, 2, 5, 10, 20, 50, 100) if sum(mark % k == 0 for mark in marks) <= most
    )
    return [(stride * finest, [mark * finest for mark in marks if mark % stride == 0])]


def _power(value: float) -> str:
    return f"10{str(round(value)).translate(_SUPERSCRIPT)}"


def _plain(value: float) -> str:
    return f"{value:.6g}" if 1e-4 < value < 1e5 else _scientific(value)


def _within_a_decade(low: float, high: float, count: int) -> list[float]:
    """Logarithms of at most `count` round numbers between 10^low and 10^high."""
    decades = range(math.floor(low), math.ceil(high) + 1)
    for digits in ((1, 2, 5), range(1, 10)):
        ticks = [math.log10(digit) + decade for decade in decades for digit in digits]
        inside = [tick for tick in ticks if low <= tick <= high]
        if len(inside) >= 2:
            return inside[:: math.ceil(len(inside) / count)]
    first, last = 10**low, 10**high
    least = max(last - first, 1e-9 * last) / count
    power = 10.0 ** math.floor(math.log10(least))
    step = next(digit * power for digit in (1, 2, 5, 10) if digit * power >= least)
    return [math.log10(k * step) for k in range(math.ceil(first / step), int(last / step) + 1)]


def _scientific(value: float) -> str:
    if value == 0:
        return "0"
    mantissa, exponent = f"{value:.0e}".split("e")
    return f"{mantissa}·10{str(int(exponent)).translate(_SUPERSCRIPT)}".replace("-", "−")

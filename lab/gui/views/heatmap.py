"""The picture of a surface: colours, and white contour lines."""

from typing import NamedTuple

import numpy as np
import pyqtgraph as pg
from contourpy import LineType, contour_generator
from PySide6.QtCore import QPointF, QRectF
from PySide6.QtGui import QColor, QImage, QPainter, QPainterPath, QPen

from lab.palette import CONTOUR_OPACITY, rgb

LEVELS = 16


class HeatMap:
    """One surface at a time; it is painted in the coordinates of the plot."""

    def __init__(self):
        """Begin empty."""
        self.version = 0  # changes with the picture
        self.scale = Scale(0.0, 0.0, 1.0)
        self._heights = np.empty((0, 0))
        self._image = QImage()
        self._place = QRectF()
        self._contours = QPainterPath()
        colour = QColor("white")
        colour.setAlphaF(CONTOUR_OPACITY)
        self._pen = QPen(colour, 1)
        self._pen.setCosmetic(True)
        self.table = colour_table("viridis")
        self._nothing = 0xFF000000

    def set_colours(self, colour_map: str, nothing: str) -> None:
        """Colour with viridis, cividis, magma or grey; what is not a number in another colour."""
        red, green, blue = rgb(nothing)
        self.table = colour_table(colour_map)
        self._nothing = 0xFF000000 | red << 16 | green << 8 | blue
        self._colour()

    def show(
        self, x: np.ndarray, y: np.ndarray, loss: np.ndarray, *, log: bool, contours: bool = True
    ) -> None:
        """Take a surface.

        Args:
            x: (nx,), increasing.
            y: (ny,), increasing.
            loss: (ny, nx).
            log: whether colours follow the logarithm of the height above the lowest point.
            contours: whether to draw lines, which tell nothing while the surface is coarse.
        """
        self.scale = Scale.of(loss, log=log)
        self._heights = self.scale.heights(loss)
        half_x, half_y = float(x[1] - x[0]) / 2, float(y[1] - y[0]) / 2
        low = QPointF(float(x[0]) - half_x, float(y[0]) - half_y)
        self._place = QRectF(low, QPointF(float(x[-1]) + half_x, float(y[-1]) + half_y))
        self._contours = contour_path(x, y, self._heights) if contours else QPainterPath()
        self._colour()

    def clear(self) -> None:
        """Show nothing."""
        self._heights = np.empty((0, 0))
        self._image, self._contours = QImage(), QPainterPath()
        self.version += 1

    def paint(self, painter: QPainter) -> None:
        """Draw the surface; the painter's transform leads from the plot's axes to pixels."""
        if self._image.isNull():
            return
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        painter.drawImage(self._place, self._image)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(self._pen)
        painter.drawPath(self._contours)

    def _colour(self) -> None:
        """Make the image of the heights."""
        self.version += 1
        if not self._heights.size:
            return
        known = np.isfinite(self._heights)
        shades = np.where(known, self._heights * 255, 0.0).astype(np.uint8)
        pixels = np.where(known, self.table[shades], np.uint32(self._nothing))
        height, width = pixels.shape
        image = QImage(pixels.data, width, height, 4 * width, QImage.Format.Format_RGB32)
        self._image = image.copy()  # it looks at the array, which is about to go


def colour_table(name: str) -> np.ndarray:
    """The 256 colours of a colour map, as Qt's 32-bit numbers."""
    if name == "grey":
        table = np.linspace(30, 230, 256)[:, None].repeat(3, axis=1)
    else:
        table = pg.colormap.get(name).getLookupTable(nPts=256)[:, :3]
    red, green, blue = table.astype(np.uint32).T
    return 0xFF000000 | red << 16 | green << 8 | blue


class Scale(NamedTuple):
    """From values to heights between 0 and 1.

    A logarithmic scale measures from the lowest value, because a loss may be negative:
    log(1 + (value - low) / unit) with the unit a small part of the median height.

    Attributes:
        low: the value of height 0.
        unit: of the logarithm; 0 for a linear scale.
        top: what is height 1: values above low, or their logarithm.
    """

    low: float
    unit: float
    top: float

    @classmethod
    def of(cls, values: np.ndarray, *, log: bool) -> "Scale":
        """The scale of values; a few that stick out do not stretch it."""
        known = values[np.isfinite(values)].astype(float)
        if not len(known):
            return cls(0.0, 0.0, 1.0)
        above = known - known.min()
        unit = max(np.median(above) * 0.01, above.max() * 1e-9, 1e-300) if log else 0.0
        above = np.log1p(above / unit) if log else above
        top = np.percentile(above, 99.5) or above.max()
        return cls(float(known.min()), float(unit), float(top) if top > 0 else 1.0)

    def heights(self, values: np.ndarray) -> np.ndarray:
        """Heights of values, NaN where they are not finite."""
        above = np.where(np.isfinite(values), values, np.nan).astype(float) - self.low
        if self.unit:
            above = np.log1p(np.maximum(above, 0) / self.unit)
        return np.clip(above / self.top, 0, 1)

    def value(self, height: float) -> float:
        """The value of a height."""
        above = height * self.top
        return self.low + (self.unit * float(np.expm1(above)) if self.unit else above)


def heights(loss: np.ndarray, *, log: bool) -> np.ndarray:
    """Loss values as heights from 0 to 1, NaN where they are not finite."""
    return Scale.of(loss, log=log).heights(loss)


def contour_path(x: np.ndarray, y: np.ndarray, height: np.ndarray) -> QPainterPath:
    """Contour lines of heights between 0 and 1, as one path."""
    lines = contour_generator(
        x, y, np.ma.masked_invalid(height), line_type=LineType.ChunkCombinedNan
    )
    levels = np.linspace(0, 1, LEVELS + 2)[1:-1]
    found = [chunk for level in levels for chunk in lines.lines(level)[0] if chunk is not None]
    if not found:
        return QPainterPath()
    gap = np.full((1, 2), np.nan)
    points = np.concatenate([piece for chunk in found for piece in (chunk, gap)])
    return pg.arrayToQPath(points[:, 0], points[:, 1], connect="finite")

"""The picture of a surface: colours, and white contour lines."""

import numpy as np
import pyqtgraph as pg
from contourpy import contour_generator
from PySide6.QtCore import QPointF, QRectF
from PySide6.QtGui import QColor, QPainterPath, QPen, QPolygonF
from PySide6.QtWidgets import QGraphicsItem, QGraphicsPathItem

from lab.palette import CONTOUR_OPACITY

LEVELS = 16


class HeatMap:
    """An image and contours in a plot, for one surface at a time."""

    def __init__(self, plot: pg.PlotWidget):
        """Add the items to a plot, behind everything else."""
        self._image = pg.ImageItem(axisOrder="row-major")
        self._image.setZValue(-20)
        self._contours = QGraphicsPathItem()
        self._contours.setZValue(-10)
        # Thousands of transparent segments: drawn once for each size, not once for each frame.
        self._contours.setCacheMode(QGraphicsItem.CacheMode.DeviceCoordinateCache)
        colour = QColor("white")
        colour.setAlphaF(CONTOUR_OPACITY)
        pen = QPen(colour, 1)
        pen.setCosmetic(True)
        self._contours.setPen(pen)
        plot.addItem(self._image, ignoreBounds=True)
        plot.addItem(self._contours, ignoreBounds=True)
        self.set_colour_map("viridis")

    def set_colour_map(self, name: str) -> None:
        """Colour with viridis, cividis, magma or grey."""
        if name == "grey":
            table = np.repeat(np.arange(30, 230, 200 / 256)[:256, None], 3, axis=1)
        else:
            table = pg.colormap.get(name).getLookupTable(nPts=256)
        self._image.setLookupTable(table.astype(np.uint8))

    def show(self, x: np.ndarray, y: np.ndarray, loss: np.ndarray, *, log: bool) -> None:
        """Draw a surface.

        Args:
            x: (nx,), increasing.
            y: (ny,), increasing.
            loss: (ny, nx); what is not a finite number is drawn dark.
            log: whether colours follow the logarithm of the height above the lowest point.
        """
        height = heights(loss, log=log)
        shades = np.nan_to_num(height * 255, nan=0.0).astype(np.uint8)
        self._image.setImage(shades, autoLevels=False, levels=(0, 255))
        half_x, half_y = (x[1] - x[0]) / 2, (y[1] - y[0]) / 2
        low, high = QPointF(x[0] - half_x, y[0] - half_y), QPointF(x[-1] + half_x, y[-1] + half_y)
        self._image.setRect(QRectF(low, high))
        self._contours.setPath(contour_path(x, y, height))

    def hide(self) -> None:
        """Show nothing."""
        self._image.clear()
        self._contours.setPath(QPainterPath())


def heights(loss: np.ndarray, *, log: bool) -> np.ndarray:
    """Loss values as heights from 0 to 1, NaN where they are not finite.

    A logarithmic scale measures from just below the lowest value, because a loss may be negative:
    log(1 + (loss - lowest) / scale) with the scale a small part of the median height.
    """
    loss = np.where(np.isfinite(loss), loss, np.nan).astype(float)
    if np.isnan(loss).all():
        return loss
    above = loss - np.nanmin(loss)
    if log:
        scale = max(np.nanmedian(above) * 0.01, np.nanmax(above) * 1e-9, 1e-300)
        above = np.log1p(above / scale)
    top = np.nanpercentile(above, 99.5) or np.nanmax(above)
    return np.clip(above / top, 0, 1) if top > 0 else above


def contour_path(x: np.ndarray, y: np.ndarray, height: np.ndarray) -> QPainterPath:
    """Contour lines of heights between 0 and 1, as one path."""
    lines = contour_generator(x, y, np.ma.masked_invalid(height))
    path = QPainterPath()
    for level in np.linspace(0, 1, LEVELS + 2)[1:-1]:
        for points in lines.lines(level):
            path.addPolygon(QPolygonF([QPointF(*point) for point in points]))
    return path

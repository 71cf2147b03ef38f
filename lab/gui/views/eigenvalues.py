"""Spectra at one step: all eigenvalues of few parameters as sticks, or the density of many."""

from typing import Any, NamedTuple

import numpy as np
import pyqtgraph as pg
from PySide6.QtCore import Qt
from PySide6.QtGui import QFontMetrics

from lab.engine.limits import FAR, Limit
from lab.gui.theme import CAPTION_POINTS, number_font
from lab.gui.views.drawing import Drawing
from lab.gui.views.plot import LEFT_WIDTH, Plot
from lab.gui.views.values import finite
from lab.gui.views.words import dot, short, table
from lab.palette import Theme

ROWS = 6  # lanes that are drawn one above the other, at most
MOST_NAME = 90  # pixels of a lane's name
NAMED = 4  # up to so many eigenvalues in a row have their value beside them
_STICK = 0.52  # height of a stick in its row


class Row(NamedTuple):
    """One lane's spectrum at a step.

    Attributes:
        title: of the lane.
        colour: of the lane.
        result: of the probe.
        limit: the largest curvature its steps can stand.
    """

    title: str
    colour: str
    result: Any
    limit: Limit | None


class SpectrumPlot(Plot):
    """Draws spectra."""

    def __init__(self):
        """Make an empty plot."""
        super().__init__("eigenvalue λ", "density")
        self._drawing = Drawing(self)
        self._zero = pg.InfiniteLine(pos=0, angle=90, movable=False)
        self._zero.setZValue(-2)
        self.addItem(self._zero, ignoreBounds=True)
        self._shown: list[Row] = []
        self._kind = ""
        self.pointed.connect(self._read)

    def set_theme(self, theme: Theme) -> None:
        """Take the colours of a theme."""
        super().set_theme(theme)
        self._zero.setPen(pg.mkPen(theme.muted, width=1))
        self._kind = ""

    def show_spectra(self, spectra: list[Row], opacity: float) -> None:
        """Draw.

        Args:
            spectra: the selected lane's first; the others are drawn with it where there are only
                sticks.
            opacity: of everything.
        """
        smooth = "density" in spectra[0].result.arrays
        self._shown = spectra[:1] if smooth else spectra[:ROWS]
        kind = "density" if smooth else ", ".join(one.title for one in self._shown)
        moved, self._kind = kind != self._kind, kind
        if moved:
            self._set_axis(smooth)
        with self._drawing as drawing:
            y = self._draw_density(drawing) if smooth else self._draw_rows(drawing)
        drawing.fade(opacity)
        self.aim(self._x_range(), y, at_once=moved)

    def fade(self, opacity: float) -> None:
        """Let what is drawn fade, because it is not new any more."""
        self._drawing.fade(opacity)

    def _set_axis(self, smooth: bool) -> None:
        """The left axis: decades of a density, or the names of the lanes."""
        axis = self.getPlotItem().getAxis("left")
        axis.setLogMode(y=smooth)
        axis.showLabel(smooth)
        axis.setGrid(255 if smooth else False)
        axis.setStyle(tickLength=-4 if smooth else 0)
        if smooth:
            axis.setTicks(None)
            axis.setWidth(LEFT_WIDTH)
            return
        metrics = QFontMetrics(number_font(CAPTION_POINTS))
        names = [
            metrics.elidedText(one.title, Qt.TextElideMode.ElideRight, MOST_NAME)
            for one in self._shown
        ]
        rows = [len(names) - 1 - place + _STICK / 2 for place in range(len(names))]
        axis.setTicks([list(zip(rows, names, strict=True))])
        axis.setWidth(max(LEFT_WIDTH, 14 + max(metrics.horizontalAdvance(name) for name in names)))

    # -- sticks ----------------------------------------------------------------------------------

    def _draw_rows(self, drawing: Drawing) -> tuple[float, float]:
        """Every lane's eigenvalues on a line of their own."""
        theme, count = self.theme, len(self._shown)
        left, right = self._x_range()
        for place, one in enumerate(self._shown):
            base = float(count - 1 - place)
            values = np.sort(finite(one.result.eigenvalues))
            drawing.line(("base", place), [left, right], [base, base], theme.line)
            _sticks(drawing, place, values, base, base + _STICK, one.colour)
            tops = [(float(v), base + _STICK, one.colour) for v in values]
            if len(values) <= 4 * NAMED:
                drawing.dots(place, tops, 6)
            if count <= 4 and len(values) <= NAMED:
                for j, value in enumerate(values):
                    at = (float(value), base + _STICK / 2)
                    side = 0 if value < left + 0.85 * (right - left) else 1
                    drawing.text((place, j), short(value), *at, theme.text, (side, 0.5))
            self._draw_limit(drawing, place, one.limit, base, base + 0.9)
        return -0.12, count + 0.05

    # -- density ---------------------------------------------------------------------------------

    def _draw_density(self, drawing: Drawing) -> tuple[float, float]:
        """The density as an area with its error, the exact eigenvalues as sticks."""
        (one,) = self._shown
        found = one.result
        grid = np.asarray(found.grid, dtype=np.float64)
        density = np.asarray(found.density, dtype=np.float64)
        if not np.isfinite(density).any():
            return 0.0, 1.0
        single = 1 / (found.dim * found.sigma * np.sqrt(2 * np.pi))  # height of one eigenvalue
        floor = float(np.floor(np.log10(single)) - 1)
        middle = _log(density, floor)
        drawing.band("area", grid, np.full_like(grid, floor), middle, one.colour, 0.4)
        if "error" in found.arrays:
            low, high = (_log(row, floor) for row in _interval(found, density))
            drawing.band("error", grid, low, high, one.colour, 0.25)
        drawing.line("edge", grid, np.where(middle > floor, middle, np.nan), one.colour)
        self._draw_known(drawing, found, floor, float(np.log10(single)))
        top = float(np.nanmax(middle, initial=np.log10(single)))
        high = top + 0.12 * (top - floor)
        if "batch_largest" in found.arrays:
            high = self._draw_batches(drawing, one, floor, high)
        if "outliers" in found.info:  # at the right under the limit, away from the bulk
            left, right = self._x_range()
            at, anchor = right, (1, 0 if one.limit is None else -1)
            if "batch_largest" in found.arrays:  # whose words are there
                at, anchor = max(left, 0.0), (0, 0)
            drawing.text("outliers", outliers_text(found), at, high, self.theme.text, anchor)
        self._draw_limit(drawing, "top", one.limit, floor, high)
        return floor, high

    def _draw_known(self, drawing: Drawing, found: Any, floor: float, height: float) -> None:
        """The eigenvalues known exactly, as sticks: those of the bulk muted."""
        values = finite(found.eigenvalues)
        edge = found.info.get("outlier_edge", -np.inf)
        _sticks(drawing, "top", values[values > edge], floor, height, self.theme.text)
        if (values <= edge).any():
            _sticks(drawing, "bulk", values[values <= edge], floor, height, self.theme.muted)

    def _draw_batches(self, drawing: Drawing, one: Row, floor: float, high: float) -> float:
        """Extremal eigenvalues of mini-batches in a row above, and what is predicted of them."""
        found, theme = one.result, self.theme
        row, top = high + 0.08 * (high - floor), high + 0.34 * (high - floor)
        left, right = self._x_range()
        ends = [*finite(found.batch_largest[:, 0]), *finite(found.batch_smallest)]
        drawing.line("row", [left, right], [row, row], theme.line)
        drawing.dots("batches", [(float(x), row, one.colour) for x in ends], 6)
        for key, at, colour in _foreseen(found, theme):
            drawing.arrow(key, at, row, colour, up=False)
        edge = found.info["noise_edge"]
        if edge > 0.01 * (right - left):  # else it is the line at zero
            for side in (-edge, edge):
                at = [side, side]
                drawing.line(("noise", side), at, [floor, row], theme.muted, dashed=True)
        words = f"● batches of {found.info['batch_size']}  ▼ predicted"
        drawing.text("batches", words, right, row, theme.muted, (1, 0))
        return top

    # -- both ------------------------------------------------------------------------------------

    def _draw_limit(
        self, drawing: Drawing, key: Any, limit: Limit | None, low: float, high: float
    ) -> None:
        """The dashed line at the limit with its formula; its value at the edge if it is far."""
        if limit is None:
            return
        colour = self.theme.warning
        left, right = self._x_range()
        if limit.value <= right:
            drawing.line(("limit", key), [limit.value] * 2, [low, high], colour, dashed=True)
            anchor = (0, 0) if limit.value < left + 0.8 * (right - left) else (1, 0)
            drawing.text(("limit", key), limit.formula, limit.value, high, colour, anchor)
        else:
            text = f"{limit.formula} = {short(limit.value)} →"
            drawing.text(("limit", key), text, right, high, colour, (1, 0))

    def _x_range(self) -> tuple[float, float]:
        """From the smallest eigenvalue to the largest, with zero, and limits that are near."""
        spans = [_span(one.result) for one in self._shown]
        low, high = min(0.0, *(s[0] for s in spans)), max(0.0, *(s[1] for s in spans))
        limits = [one.limit.value for one in self._shown if one.limit is not None]
        high = max([high, *(value for value in limits if value <= FAR * max(high, -low))])
        room = 0.07 * (high - low) or 1.0
        return low - room, high + room

    def _read(self, x: float, y: float) -> None:
        """Tell the eigenvalue nearest to the mouse."""
        if not self._shown:
            return
        rows, wide = [], np.ptp(self._x_range())
        for one in self._shown:
            values, residuals = (
                np.asarray(one.result.arrays[k]) for k in ("eigenvalues", "residuals")
            )
            near = int(np.argmin(np.abs(np.nan_to_num(values, nan=np.inf) - x)))
            if abs(values[near] - x) < 0.03 * wide:  # not so for NaN
                accuracy = f"± {short(float(residuals[near]), 1)}"
                rows.append((dot(one.colour), one.title, short(float(values[near])), accuracy))
        if not rows and "density" in self._shown[0].result.arrays:
            found = self._shown[0].result
            density = float(np.interp(x, found.grid, found.density))
            rows.append(("density at", short(x), short(density)))
        rows += self._read_batches(x, 0.03 * wide) if rows else []
        self.set_reading(table(rows) if rows else "")

    def _read_batches(self, x: float, near: float) -> list[tuple[str, ...]]:
        """What is known of mini-batches, where the mouse is near one of their eigenvalues."""
        found = self._shown[0].result
        if "batch_largest" not in found.arrays:
            return []
        largest, smallest = finite(found.batch_largest[:, 0]), finite(found.batch_smallest)
        both = np.concatenate([largest, smallest])
        if not len(both) or np.abs(both - x).min() > near:
            return []
        info = found.info
        return [
            ("batches", f"{short(largest.min())} – {short(largest.max())}", "λmax"),
            ("predicted, noise alike everywhere", "", short(info["predicted_lambda_max"])),
            ("predicted along the eigenvectors", "", short(info["local_lambda_max"])),
            ("edge of the noise", "", f"± {short(info['noise_edge'])}"),
        ]


def outliers_text(found: Any) -> str:
    """How many eigenvalues stand out, beside the number of classes."""
    count, classes = found.info["outliers"], found.info.get("classes", 0)
    words = f"{count} outlier" if count == 1 else f"{count} outliers"
    return f"{words} · {classes} classes" if classes else words


def _interval(found: Any, density: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The ends of a density's error band: its 90 % interval, or one standard error."""
    if "low" in found.arrays:
        ends = np.asarray(found.low, dtype=np.float64), np.asarray(found.high, dtype=np.float64)
        return tuple(np.where(np.isfinite(end), end, density) for end in ends)
    error = np.nan_to_num(np.asarray(found.error, dtype=np.float64))
    return density - error, density + error


def _foreseen(found: Any, theme: Theme) -> list[tuple[str, float, str]]:
    """Predictions of extremal batch eigenvalues: key, value and colour."""
    info = found.info
    known = [
        ("largest", info["predicted_lambda_max"], theme.muted),
        ("smallest", info["predicted_lambda_min"], theme.muted),
        ("local", info["local_lambda_max"], theme.text),
    ]
    return [item for item in known if np.isfinite(item[1])]


def _sticks(
    drawing: Drawing, key: Any, values: np.ndarray, low: float, high: float, colour: str
) -> None:
    """Upright lines of one height, as one item."""
    x = np.repeat(values, 3)
    y = np.tile([low, high, np.nan], len(values))
    drawing.line(("sticks", key), x, y, colour, width=2.0)


def _span(result: Any) -> tuple[float, float]:
    """Lowest and highest eigenvalue of a result, and where its density is."""
    values = [finite(result.eigenvalues)]
    for name in ("grid", "batch_largest", "batch_smallest"):
        if name in result.arrays:
            values.append(finite(result.arrays[name]))
    joined = np.concatenate(values)
    return (float(joined.min()), float(joined.max())) if len(joined) else (0.0, 0.0)


def _log(values: np.ndarray, floor: float) -> np.ndarray:
    """Decades, not below a floor."""
    return np.log10(np.maximum(values, 10.0**floor))

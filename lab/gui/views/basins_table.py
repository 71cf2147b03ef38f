"""The basins of a surface as a table: where, how deep, how large. Ctrl+C copies it."""

from typing import Any, NamedTuple

import numpy as np
from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import (
    QColor,
    QGuiApplication,
    QKeyEvent,
    QKeySequence,
    QPainter,
    QPaintEvent,
)
from PySide6.QtWidgets import QSizePolicy, QWidget

from lab.engine.dendrogram import kept, pooled
from lab.gui.theme import CAPTION_POINTS, TEXT_POINTS, number_font
from lab.gui.views.words import short
from lab.palette import DARK, Theme, basin

ROW, HEAD = 22, 22  # pixels
PLACE = 128  # least width of the first column
TITLES = ("minimum at", "loss", "saddle", "depth", "drains %", "below %")
TIPS = (
    "drains: part of the window from which steepest descent leads to the minimum; below: part of "
    "it that hangs together with the minimum below its saddle"
)


class BasinRow(NamedTuple):
    """One line of the table.

    Attributes:
        number: of the basin.
        place: coordinates of its minimum.
        numbers: loss, saddle, depth, and the two shares in percent.
    """

    number: int
    place: tuple[float, float]
    numbers: tuple[float, ...]


class BasinsTable(QWidget):
    """One row a basin, the deepest first."""

    def __init__(self, parent: QWidget):
        """Begin empty."""
        super().__init__(parent, objectName="bare")
        self.rows: list[BasinRow] = []
        self._theme, self._opacity = DARK, 1.0
        self.setToolTip(TIPS)
        self.setFocusPolicy(Qt.FocusPolicy.ClickFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)

    def set_theme(self, theme: Theme) -> None:
        """Take other colours."""
        self._theme = theme
        self.update()

    def show_basins(self, found: Any, least: float, opacity: float) -> None:
        """Show the basins of a result that are at least so persistent."""
        shown = kept(found.birth, found.death, least)
        area = pooled(found.area, found.death, found.elder, shown)
        part = 100 / max(1, found.inside)
        self.rows = [
            BasinRow(
                row,
                tuple(float(v) for v in found.minimum[row]),
                (
                    float(found.birth[row]),
                    float(found.death[row]),
                    float(found.death[row] - found.birth[row]),
                    part * float(area[row]),
                    part * float(found.below[row]),
                ),
            )
            for row in np.flatnonzero(shown).tolist()
        ]
        self._opacity = opacity
        self.setMinimumHeight(HEAD + ROW * len(self.rows))
        self.setAccessibleDescription(self.as_tsv())
        self.update()

    def fade(self, opacity: float) -> None:
        """Let the table fade, because it is not new any more."""
        self._opacity = opacity
        self.update()

    def sizeHint(self) -> QSize:
        """Room for all rows."""
        return QSize(360, HEAD + ROW * len(self.rows))

    def as_tsv(self) -> str:
        """The table for a spreadsheet, with all digits."""
        lines = ["x\ty\tloss\tsaddle\tdepth\tdrains %\tbelow %"]
        for row in self.rows:
            cells = [f"{value:.9g}" for value in (*row.place, *row.numbers)]
            lines.append("\t".join(cells))
        return "\n".join(lines)

    def paintEvent(self, event: QPaintEvent) -> None:
        """The table."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        if self.rows:
            painter.setFont(number_font(CAPTION_POINTS))
            painter.setPen(QColor(self._theme.muted))
            self._write(painter, 0, TITLES)
            painter.setFont(number_font(TEXT_POINTS - 1))
            painter.setOpacity(self._opacity)
            for place, row in enumerate(self.rows):
                top = HEAD + ROW * place
                painter.setPen(Qt.PenStyle.NoPen)
                painter.setBrush(QColor(basin(row.number)))
                painter.drawEllipse(QPointF(14, top + ROW / 2), 4.0, 4.0)
                painter.setPen(QColor(self._theme.text))
                at = ", ".join(short(value) for value in row.place)
                loss, saddle, depth, drains, below = row.numbers
                cells = [short(value) for value in (loss, saddle, depth)]
                shares = [f"{value:.1f}" for value in (drains, below)]
                self._write(painter, top, (f"({at})", *cells, *shares))
        painter.end()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Copy the table."""
        if event.matches(QKeySequence.StandardKey.Copy):
            QGuiApplication.clipboard().setText(self.as_tsv())
            return
        super().keyPressEvent(event)

    def _write(self, painter: QPainter, top: float, cells: tuple[str, ...]) -> None:
        """One line; numbers to the right."""
        first = max(PLACE, 0.3 * self.width())
        width = (self.width() - first - 8) / (len(cells) - 1)
        middle = Qt.AlignmentFlag.AlignVCenter
        painter.drawText(QRectF(26, top, first - 26, ROW), middle, cells[0])
        for place, cell in enumerate(cells[1:]):
            box = QRectF(first + place * width, top, width, ROW)
            painter.drawText(box, middle | Qt.AlignmentFlag.AlignRight, cell)

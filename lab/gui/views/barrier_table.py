"""The matrix of barriers as a picture: a cell for each pair, with names and a colour bar."""

from typing import NamedTuple

import numpy as np
from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import (
    QColor,
    QFontMetricsF,
    QHelpEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPen,
)
from PySide6.QtWidgets import QToolTip, QWidget

from lab.gui.theme import CAPTION_POINTS, number_font
from lab.gui.views.heatmap import colour_table
from lab.gui.views.joined import Run
from lab.gui.views.words import short
from lab.palette import DARK, Theme

MARGIN, DOT = 8, 4  # pixels: around everything; radius of a lane's disc
NAMES = 130  # pixels for the names at most
BAR, BAR_WORDS = 10, 52  # pixels: of the colour bar, and of the numbers beside it
LINE = 12  # pixels that a name needs; below it only every second, third ... is written
NUMBER_WIDTH = 27  # pixels of a cell from which on its number is written
ROOMY = 48  # the same for one that need not be short
FILL = 3.0  # times as wide as high a cell may be, where there is room


class Table(NamedTuple):
    """What is drawn.

    Attributes:
        runs: (n) lane and number of each.
        titles: (n) their names.
        colours: (n) of their lanes.
        values: (n, n); NaN where not measured yet.
        words: what the values are.
        tips: (n, n) more about a pair, in lines.
    """

    runs: tuple[Run, ...]
    titles: tuple[str, ...]
    colours: tuple[str, ...]
    values: np.ndarray
    words: str
    tips: dict[tuple[int, int], str]


class BarrierTable(QWidget):
    """Draws one matrix; tells which pair was clicked."""

    chosen = Signal(object)  # two runs

    def __init__(self):
        """Begin empty."""
        super().__init__(objectName="bare")
        self._theme = DARK
        self._table: Table | None = None
        self._pair: frozenset[Run] = frozenset()
        self._opacity = 1.0
        self._colours = [QColor(int(value)) for value in colour_table("viridis")]
        self.setMouseTracking(True)
        self.setMinimumSize(120, 60)

    def set_theme(self, theme: Theme) -> None:
        """Take other colours."""
        self._theme = theme
        self.update()

    def show_table(self, table: Table | None, pair: frozenset[Run], opacity: float) -> None:
        """Draw a matrix.

        Args:
            table: the matrix, None for nothing.
            pair: the two runs whose cell stands out.
            opacity: of everything.
        """
        self._table, self._pair, self._opacity = table, pair, opacity
        self.update()

    def fade(self, opacity: float) -> None:
        """Let what is drawn fade, because it is not new any more."""
        self._opacity = opacity
        self.update()

    def sizeHint(self) -> QSize:
        """As it is in its column."""
        return QSize(380, 150)

    @property
    def top(self) -> float:
        """The value at the upper end of the colours."""
        values = self._table.values
        known = values[np.isfinite(values)]
        return float(known.max()) if len(known) and known.max() > 0 else 1.0

    def cell(self, row: int, column: int) -> QRectF:
        """Where a cell lies."""
        field, count = self._field(), len(self._table.runs)
        wide, high = field.width() / count, field.height() / count
        return QRectF(field.left() + column * wide, field.top() + row * high, wide, high)

    def cell_at(self, place: QPointF) -> tuple[int, int] | None:
        """Row and column of a place; None outside."""
        if self._table is None or not self._field().contains(place):
            return None
        field, count = self._field(), len(self._table.runs)
        column = int((place.x() - field.left()) / field.width() * count)
        row = int((place.y() - field.top()) / field.height() * count)
        return min(row, count - 1), min(column, count - 1)

    def paintEvent(self, event: QPaintEvent) -> None:
        """The matrix, the names, the colour bar."""
        if self._table is None:
            return
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setOpacity(self._opacity)
        painter.setFont(number_font(CAPTION_POINTS))
        self._draw_cells(painter)
        self._draw_names(painter)
        self._draw_bar(painter)
        painter.end()

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Choose the pair of a cell."""
        place = self.cell_at(event.position())
        if place is not None and place[0] != place[1]:
            self.chosen.emit(tuple(self._table.runs[number] for number in sorted(place)))
        super().mousePressEvent(event)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Cells of pairs can be pressed."""
        place = self.cell_at(event.position())
        can = place is not None and place[0] != place[1]
        shape = Qt.CursorShape.PointingHandCursor if can else Qt.CursorShape.ArrowCursor
        self.setCursor(shape)
        super().mouseMoveEvent(event)

    def event(self, event: QEvent) -> bool:
        """The numbers of the pair under the mouse."""
        if event.type() == QEvent.Type.ToolTip and isinstance(event, QHelpEvent):
            place = self.cell_at(QPointF(event.pos()))
            QToolTip.showText(event.globalPos(), self.tip(place) if place else "", self)
            return True
        return super().event(event)

    def tip(self, place: tuple[int, int]) -> str:
        """A cell in words."""
        one, two = (self._table.titles[number] for number in sorted(place))
        if place[0] == place[1]:
            return one
        return f"{one} – {two}\n{self._table.tips.get(tuple(sorted(place)), 'not measured yet')}"

    # -- places ----------------------------------------------------------------------------------

    def _names_width(self) -> float:
        metrics = QFontMetricsF(number_font(CAPTION_POINTS))
        longest = max(metrics.horizontalAdvance(title) for title in self._table.titles)
        return min(NAMES, 0.3 * self.width(), longest + 4) + 3 * DOT + 4

    def _field(self) -> QRectF:
        """Where the cells lie: not wider than they can use, in the middle of the rest."""
        left, top = MARGIN + self._names_width(), MARGIN + 2 * DOT + 3
        room = max(10.0, self.width() - left - BAR - BAR_WORDS - 2 * MARGIN)
        height = max(10.0, self.height() - top - MARGIN)
        return QRectF(left, top, min(room, FILL * height), height)

    # -- parts -----------------------------------------------------------------------------------

    def _draw_cells(self, painter: QPainter) -> None:
        values, top = self._table.values, self.top
        count = len(self._table.runs)
        size = self.cell(0, 0)
        written = size.width() >= NUMBER_WIDTH and size.height() >= LINE
        tell = (lambda value: short(value, 2)) if size.width() >= ROOMY else _brief
        gap = 1.0 if min(size.width(), size.height()) > 6 else 0.0
        for row in range(count):
            for column in range(count):
                box = self.cell(row, column).adjusted(0, 0, -gap, -gap)
                value = values[row, column]
                if row == column or not np.isfinite(value):
                    painter.fillRect(box, QColor(self._theme.field))
                    continue
                shade = int(np.clip(255 * value / top, 0, 255))
                painter.fillRect(box, self._colours[shade])
                if written:
                    painter.setPen(QColor("#101418" if shade > 150 else "#ffffff"))
                    painter.drawText(box, Qt.AlignmentFlag.AlignCenter, tell(float(value)))
                if {self._table.runs[row], self._table.runs[column]} == self._pair:
                    painter.setPen(QPen(QColor(self._theme.text), 2))
                    painter.drawRect(box.adjusted(1, 1, -1, -1))

    def _draw_names(self, painter: QPainter) -> None:
        count, left = len(self._table.runs), self._field().left()
        high = self.cell(0, 0).height()
        every = max(1, int(np.ceil(LINE / high)))
        metrics = painter.fontMetrics()
        for number in range(count):
            box, above = self.cell(number, 0), self.cell(0, number)
            colour = QColor(self._table.colours[number])
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(colour)
            radius = min(DOT, 0.4 * box.height())
            painter.drawEllipse(QPointF(left - DOT - 4, box.center().y()), radius, radius)
            radius = min(DOT, 0.4 * above.width())
            painter.drawEllipse(QPointF(above.center().x(), above.top() - DOT - 3), radius, radius)
            if number % every:
                continue
            width = left - 3 * DOT - 4 - MARGIN
            text = metrics.elidedText(
                self._table.titles[number], Qt.TextElideMode.ElideMiddle, int(width)
            )
            painter.setPen(QColor(self._theme.muted))
            place = QRectF(MARGIN, box.center().y() - LINE, width, 2 * LINE)
            side = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
            painter.drawText(place, side, text)

    def _draw_bar(self, painter: QPainter) -> None:
        """The colours from zero to the highest barrier."""
        field = self._field()
        bar = QRectF(field.right() + MARGIN, field.top(), BAR, field.height())
        steps = len(self._colours)
        for number, colour in enumerate(self._colours):
            high = bar.height() / steps
            y = bar.bottom() - (number + 1) * high
            painter.fillRect(QRectF(bar.left(), y, bar.width(), high + 1), colour)
        painter.setPen(QColor(self._theme.muted))
        for share in (0.0, 0.5, 1.0):
            y = bar.bottom() - share * bar.height()
            place = QRectF(bar.right() + 4, y - LINE, BAR_WORDS, 2 * LINE)
            words = short(share * self.top, 2) if share else "0"
            painter.drawText(place, Qt.AlignmentFlag.AlignVCenter, words)


def _brief(value: float) -> str:
    """A number in few letters."""
    if abs(value) < 0.005:
        return "0" if abs(value) < 5e-4 else f"{value:.3f}".replace("0.", ".")
    return f"{value:.2f}".replace("0.", ".") if abs(value) < 1 else short(value, 2)

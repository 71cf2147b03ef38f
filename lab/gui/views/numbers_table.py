"""The table of numbers: a model of lines, and a view that copies them."""

import math
from collections.abc import Sequence
from typing import Any

from PySide6.QtCore import (
    QAbstractTableModel,
    QModelIndex,
    QPersistentModelIndex,
    QPointF,
    QSize,
    Qt,
)
from PySide6.QtGui import (
    QBrush,
    QColor,
    QGuiApplication,
    QIcon,
    QKeyEvent,
    QKeySequence,
    QPainter,
    QPalette,
    QPixmap,
    QResizeEvent,
)
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHeaderView,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QTableView,
    QWidget,
)

from lab.gui.theme import CAPTION_POINTS, TEXT_POINTS, number_font
from lab.gui.views.lane_numbers import COLUMNS, LaneNumbers
from lab.gui.views.words import short
from lab.palette import DARK, Theme

ROW_HEIGHT = 24
_WHOLE = ("step", "gradient_evaluations")
_DISC = 9  # pixels
_OPTIONAL = tuple(column.key for column in COLUMNS if column.optional)
Index = QModelIndex | QPersistentModelIndex


class NumbersModel(QAbstractTableModel):
    """One row a lane."""

    def __init__(self, parent: QWidget):
        """Begin empty."""
        super().__init__(parent)
        self.rows: list[LaneNumbers] = []
        self.metric = ""  # title of the column of the metric
        self._theme = DARK
        self._discs: dict[str, QIcon] = {}
        self._font = number_font(TEXT_POINTS - 1)

    def set_theme(self, theme: Theme) -> None:
        """Take the colours of a theme."""
        self._theme = theme
        self._tell()

    def show_rows(self, rows: Sequence[LaneNumbers], metric: str) -> None:
        """Show these lines; only what is new is drawn again."""
        before = [row.lane for row in self.rows]
        if [row.lane for row in rows] != before:
            self.beginResetModel()
            self.rows, self.metric = list(rows), metric
            self.endResetModel()
            return
        if metric != self.metric:
            self.metric = metric
            self.headerDataChanged.emit(Qt.Orientation.Horizontal, 0, len(COLUMNS) - 1)
        if list(rows) != self.rows:
            self.rows = list(rows)
            self._tell()

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008 - Qt's own signature
        """Number of lanes."""
        return 0 if parent.isValid() else len(self.rows)

    def columnCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008
        """Number of columns."""
        return 0 if parent.isValid() else len(COLUMNS)

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = 0) -> Any:
        """Titles of the columns, right above their numbers."""
        if orientation != Qt.Orientation.Horizontal:
            return None
        column = COLUMNS[section]
        if role == Qt.ItemDataRole.DisplayRole:
            return self.metric if column.key == "metric" else column.title
        if role == Qt.ItemDataRole.ToolTipRole:
            return column.doc
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return _alignment(column.key)
        return None

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """What is in a cell, and how it looks."""
        row, key = self.rows[index.row()], COLUMNS[index.column()].key
        if role == Qt.ItemDataRole.DisplayRole:
            return self.text(row, key)
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return _alignment(key)
        if role == Qt.ItemDataRole.FontRole:
            return self._font
        if role == Qt.ItemDataRole.ForegroundRole and key in row.alarm:
            return QBrush(QColor(self._theme.warning))
        if role == Qt.ItemDataRole.DecorationRole and key == "lane":
            return self._disc(self._theme.lane(row.place))
        if role == Qt.ItemDataRole.ToolTipRole:
            value = row.values.get(key)
            exact = "" if value is None or math.isnan(value) else f"{value:.9g}"
            return " · ".join(word for word in (exact, row.notes.get(key, "")) if word) or None
        return None

    def text(self, row: LaneNumbers, key: str) -> str:
        """A cell as it is read."""
        if key == "lane":
            return f"{row.title} · {row.of}" if row.of else row.title
        if key == "state":
            return row.state
        value = row.values[key]
        if math.isnan(value):
            return "" if key in _OPTIONAL else "–"
        return f"{value:.0f}" if key in _WHOLE else short(value)

    def as_tsv(self) -> str:
        """The whole table for a spreadsheet, with all digits."""
        lines = [[self.metric if c.key == "metric" else c.title or c.key for c in COLUMNS]]
        for row in self.rows:
            cells = []
            for column in COLUMNS:
                value = row.values.get(column.key)
                if value is None:
                    cells.append(self.text(row, column.key))
                else:
                    cells.append("" if math.isnan(value) else f"{value:.9g}")
            lines.append(cells)
        return "\n".join("\t".join(line) for line in lines)

    def _tell(self) -> None:
        if self.rows:
            last = self.index(len(self.rows) - 1, len(COLUMNS) - 1)
            self.dataChanged.emit(self.index(0, 0), last)

    def _disc(self, colour: str) -> QIcon:
        if colour not in self._discs:
            picture = QPixmap(4 * _DISC, 4 * _DISC)
            picture.setDevicePixelRatio(4)
            picture.fill(Qt.GlobalColor.transparent)
            painter = QPainter(picture)
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(QColor(colour))
            painter.drawEllipse(QPointF(_DISC / 2, _DISC / 2), _DISC / 2, _DISC / 2)
            painter.end()
            icon = self._discs[colour] = QIcon(picture)
            icon.addPixmap(picture, QIcon.Mode.Selected)  # no tint where the row is selected
        return self._discs[colour]


class NumbersTable(QTableView):
    """The table; Ctrl+C copies it."""

    def __init__(self, model: NumbersModel, parent: QWidget):
        """Dress the table."""
        super().__init__(parent)
        self.setModel(model)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setHorizontalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setFocusPolicy(Qt.FocusPolicy.ClickFocus)
        self.setFrameShape(QTableView.Shape.NoFrame)
        self.setShowGrid(False)
        self.setWordWrap(False)
        self.setCornerButtonEnabled(False)
        self.verticalHeader().hide()
        self.verticalHeader().setDefaultSectionSize(ROW_HEIGHT)
        header = self.horizontalHeader()
        header.setHighlightSections(False)
        header.setFont(number_font(CAPTION_POINTS))
        header.setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        for place, column in enumerate(COLUMNS):
            header.resizeSection(place, column.width)
            self.setColumnHidden(place, column.optional)
        header.setStyleSheet("QHeaderView::section { padding: 3px 4px; }")  # as the cells have
        self.setIconSize(QSize(_DISC, _DISC))
        self.setItemDelegate(_Cells(self))

    def show_columns(self) -> None:
        """Show optional columns where they have something to say; give the first what is left."""
        model = self.model()
        for place, column in enumerate(COLUMNS):
            if column.optional:
                empty = not any(model.text(row, column.key) for row in model.rows)
                if self.isColumnHidden(place) != empty:
                    self.setColumnHidden(place, empty)
        others = sum(self.columnWidth(place) for place in range(1, len(COLUMNS)))
        width = max(COLUMNS[0].width, self.viewport().width() - others)
        if width != self.columnWidth(0):
            self.setColumnWidth(0, width)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """The first column takes what is left."""
        super().resizeEvent(event)
        self.show_columns()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Copy the table."""
        if event.matches(QKeySequence.StandardKey.Copy):
            QGuiApplication.clipboard().setText(self.model().as_tsv())
            return
        super().keyPressEvent(event)


class _Cells(QStyledItemDelegate):
    """Letters keep their colour where a row is selected."""

    def initStyleOption(self, option: QStyleOptionViewItem, index: Index) -> None:
        super().initStyleOption(option, index)
        colour = index.data(Qt.ItemDataRole.ForegroundRole)
        if colour is not None:
            option.palette.setBrush(QPalette.ColorRole.HighlightedText, colour)


def _alignment(key: str) -> Qt.AlignmentFlag:
    side = Qt.AlignmentFlag.AlignLeft if key in ("lane", "state") else Qt.AlignmentFlag.AlignRight
    return side | Qt.AlignmentFlag.AlignVCenter

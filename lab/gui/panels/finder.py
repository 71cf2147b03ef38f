"""A list that is searched by typing: the command palette, and the pickers of the lab."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from PySide6.QtCore import QEvent, QObject, QPoint, QRect, QSize, Qt, Signal, Slot
from PySide6.QtGui import QColor, QFont, QKeyEvent, QPainter
from PySide6.QtWidgets import (
    QFrame,
    QLineEdit,
    QListWidget,
    QListWidgetItem,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QVBoxLayout,
    QWidget,
)

from lab.gui.theme import CAPTION_POINTS
from lab.palette import Theme, mixed

_ITEM = Qt.ItemDataRole.UserRole
_ROW = 40


class Item(NamedTuple):
    """Something that can be chosen.

    Attributes:
        key: what is handed back.
        title: what is read first.
        group: where it belongs.
        text: one line more.
        keys: its shortcut.
        trouble: why it cannot be chosen now; empty if it can.
    """

    key: str
    title: str
    group: str = ""
    text: str = ""
    keys: str = ""
    trouble: str = ""


class Finder(QFrame):
    """A popup with a search line and what matches it."""

    chosen = Signal(str)

    def __init__(
        self,
        hint: str,
        items: Sequence[Item],
        theme: Theme,
        parent: QWidget,
        *,
        read: Callable[[str], Item | None] = lambda text: None,
    ):
        """Make the popup; `show_over` or `show_below` shows it.

        Args:
            hint: what the empty search line says.
            items: what can be chosen, in order.
            theme: colours.
            parent: the window.
            read: makes an item of a text that is itself a choice, such as a formula.
        """
        super().__init__(parent, Qt.WindowType.Popup, objectName="card")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self._items, self._read = list(items), read
        self._line = QLineEdit()
        self._line.setPlaceholderText(hint)
        self._line.setClearButtonEnabled(True)
        self._list = QListWidget()
        self._list.setItemDelegate(_Rows(theme, self._list))
        self._list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._list.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._list.setMouseTracking(True)
        inside = QVBoxLayout(self)
        inside.setContentsMargins(8, 8, 8, 8)
        inside.addWidget(self._line)
        inside.addWidget(self._list)
        self._line.textChanged.connect(self._search)
        self._line.installEventFilter(self)
        self._list.itemClicked.connect(self._take)
        self._search("")

    def show_over(self, window: QWidget) -> None:
        """Show in the upper middle of a window."""
        width, height = min(620, window.width() - 40), min(460, window.height() - 80)
        corner = window.mapToGlobal(QPoint((window.width() - width) // 2, 56))
        self._show(QRect(corner, QSize(width, height)))

    def show_below(self, widget: QWidget) -> None:
        """Show below a button, at least as wide as it."""
        corner = widget.mapToGlobal(QPoint(0, widget.height() + 4))
        window = widget.window()
        room = window.mapToGlobal(QPoint(0, window.height())).y() - corner.y() - 12
        self._show(QRect(corner, QSize(max(420, widget.width()), max(240, min(520, room)))))

    def titles(self) -> list[str]:
        """What is listed now."""
        rows = (self._list.item(i) for i in range(self._list.count()))
        return [row.data(_ITEM).title for row in rows]

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Arrows move in the list, Return takes, Escape closes, while the line has the focus."""
        if event.type() != QEvent.Type.KeyPress:
            return False
        key_event: QKeyEvent = event
        key = key_event.key()
        moves = {Qt.Key.Key_Down: 1, Qt.Key.Key_Up: -1, Qt.Key.Key_PageDown: 8}
        moves[Qt.Key.Key_PageUp] = -8
        if key in moves:
            row = self._list.currentRow() + moves[key]
            self._list.setCurrentRow(max(0, min(self._list.count() - 1, row)))
            return True
        if key in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self._take(self._list.currentItem())
            return True
        return False

    def _show(self, place: QRect) -> None:
        self.setGeometry(place)
        self.show()
        self._line.setFocus()

    @Slot(str)
    def _search(self, text: str) -> None:
        self._list.clear()
        ranked = [(rank(text, item), i, item) for i, item in enumerate(self._items)]
        found = [item for score, _, item in sorted(ranked) if score < _NO_MATCH]
        if (typed := self._read(text.strip())) is not None:
            found.insert(0, typed)
        if not found:
            found = [Item("", "Nothing found", trouble=f"no name and no description has {text!r}")]
        for item in found:
            row = QListWidgetItem(item.title, self._list)
            row.setData(_ITEM, item)
            row.setToolTip(item.trouble or item.text)
            row.setSizeHint(QSize(0, _ROW if item.text or item.trouble else 28))
        self._list.setCurrentRow(0)

    @Slot(QListWidgetItem)
    def _take(self, row: QListWidgetItem | None) -> None:
        if row is not None and not row.data(_ITEM).trouble:
            key = row.data(_ITEM).key
            self.close()
            self.chosen.emit(key)


_NO_MATCH = 1000


def rank(text: str, item: Item) -> int:
    """How well an item matches what is typed: 0 is best, `_NO_MATCH` and above is not at all.

    A word of the title that begins with the text comes first, then the text anywhere, then its
    letters in order; the group and the line below count last.
    """
    wanted = text.lower().split()
    if not wanted:
        return 0
    title, rest = item.title.lower(), f"{item.group} {item.text} {item.key}".lower()
    total = 0
    for word in wanted:
        if title.startswith(word):
            total += 0
        elif any(part.startswith(word) for part in title.split()):
            total += 1
        elif word in title:
            total += 2
        elif word in rest:
            total += 4
        elif _in_order(word, title):
            total += 6
        else:
            return _NO_MATCH
    return total


def _in_order(word: str, text: str) -> bool:
    letters = iter(text)
    return all(letter in letters for letter in word)


class _Rows(QStyledItemDelegate):
    """Draws an item: title and group, a line below, the shortcut at the right."""

    def __init__(self, theme: Theme, parent: QObject):
        super().__init__(parent)
        self._theme = theme

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: object) -> None:
        item: Item = index.data(_ITEM)
        theme = self._theme
        box = option.rect.adjusted(2, 1, -2, -1)
        if option.state & (QStyle.StateFlag.State_Selected | QStyle.StateFlag.State_MouseOver):
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(QColor(mixed(theme.accent, theme.card, 0.22)))
            painter.drawRoundedRect(box, 5, 5)
        text = box.adjusted(10, 3, -10, -3)
        second = item.trouble or item.text
        top = Qt.AlignmentFlag.AlignTop if second else Qt.AlignmentFlag.AlignVCenter
        painter.setPen(QColor(theme.muted if item.trouble else theme.text))
        painter.setFont(option.font)
        painter.drawText(text, top | Qt.AlignmentFlag.AlignLeft, item.title)
        small = QFont(option.font)
        small.setPixelSize(CAPTION_POINTS)
        painter.setFont(small)
        painter.setPen(QColor(theme.muted))
        right = item.keys or item.group
        painter.drawText(text, top | Qt.AlignmentFlag.AlignRight, right)
        if second:
            painter.setPen(QColor(theme.muted))
            line = painter.fontMetrics().elidedText(
                second, Qt.TextElideMode.ElideRight, text.width()
            )
            painter.drawText(text, Qt.AlignmentFlag.AlignBottom | Qt.AlignmentFlag.AlignLeft, line)

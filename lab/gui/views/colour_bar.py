"""The scale of a landscape's colours: a slim bar with the values at its ends and its middle."""

import numpy as np
from PySide6.QtCore import QRect, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QImage, QPainter, QPaintEvent
from PySide6.QtWidgets import QWidget

from lab.gui.theme import CAPTION_POINTS, number_font
from lab.gui.views.words import short
from lab.palette import DARK, Theme, rgb

WIDTH, BAR, PAD = 172, 7, 6  # pixels


class ColourBar(QWidget):
    """Over the corner of a plot; it lets the mouse through."""

    def __init__(self, parent: QWidget):
        """Begin hidden."""
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.setFont(number_font(CAPTION_POINTS))
        self.title = ""
        self.values: tuple[float, float, float] = (0.0, 0.5, 1.0)
        self._table = np.zeros(256, np.uint32)
        self._theme = DARK
        self.hide()

    def sizeHint(self) -> QSize:
        """A title, the bar and a line of values."""
        return QSize(WIDTH, 2 * self.fontMetrics().height() + BAR + 2 * PAD)

    def set_theme(self, theme: Theme) -> None:
        """Take other colours."""
        self._theme = theme
        self.update()

    def show_scale(self, title: str, values: tuple[float, float, float], table: np.ndarray) -> None:
        """Show what the colours mean.

        Args:
            title: of what is drawn.
            values: at the lowest colour, the middle one and the highest.
            table: (256,), the colours as Qt's numbers.
        """
        self.title, self.values, self._table = title, values, table
        self.resize(self.sizeHint())
        self.place()
        self.show()
        self.update()

    def place(self) -> None:
        """Lie in the lower right corner, above the axis."""
        room = self.parentWidget().rect()
        self.move(room.width() - self.width() - 18, room.height() - self.height() - 44)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw the bar and its words on a plate of the card's colour."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        plate = QColor(*rgb(self._theme.card), 215)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(plate)
        painter.drawRoundedRect(QRectF(self.rect()), 4, 4)
        line = painter.fontMetrics().height()
        inner = self.width() - 2 * PAD
        painter.setPen(QColor(self._theme.muted))
        painter.drawText(PAD, PAD // 2, inner, line, Qt.AlignmentFlag.AlignLeft, self.title)
        row = np.ascontiguousarray(self._table[None])
        image = QImage(row.data, 256, 1, 1024, QImage.Format.Format_RGB32)
        painter.drawImage(QRect(PAD, PAD // 2 + line + 2, inner, BAR), image)
        painter.setPen(QColor(self._theme.text))
        top = PAD // 2 + line + BAR + 4
        flags = (
            Qt.AlignmentFlag.AlignLeft,
            Qt.AlignmentFlag.AlignHCenter,
            Qt.AlignmentFlag.AlignRight,
        )
        for value, flag in zip(self.values, flags, strict=True):
            painter.drawText(PAD, top, inner, line, flag, short(value))
        painter.end()

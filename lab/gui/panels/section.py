"""Small parts of which the left column is built."""

from PySide6.QtCore import Qt
from PySide6.QtGui import QPainter, QPaintEvent, QWheelEvent
from PySide6.QtWidgets import (
    QComboBox,
    QLabel,
    QLayout,
    QPushButton,
    QSizePolicy,
    QSlider,
    QStyle,
    QStyleOptionButton,
    QVBoxLayout,
    QWidget,
)


class Section(QWidget):
    """A small muted heading and what stands under it."""

    def __init__(self, title: str, parent: QWidget):
        """Begin with the heading alone.

        Args:
            title: shown in upper case.
            parent: Qt's owner.
        """
        super().__init__(parent, objectName="bare")
        self.column = QVBoxLayout(self)
        self.column.setContentsMargins(0, 0, 0, 0)
        self.column.setSpacing(6)
        self.column.addWidget(QLabel(title.upper(), self, objectName="section"))


class WideButton(QPushButton):
    """A button as wide as its column; its text ends in … where it does not fit."""

    def __init__(self, parent: QWidget):
        """Begin without a text."""
        super().__init__(parent, objectName="wide")
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.setCursor(Qt.CursorShape.PointingHandCursor)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw the button with as much of the text as there is room for."""
        option = QStyleOptionButton()
        self.initStyleOption(option)
        room = self.width() - 24
        option.text = self.fontMetrics().elidedText(self.text(), Qt.TextElideMode.ElideRight, room)
        painter = QPainter(self)
        self.style().drawControl(QStyle.ControlElement.CE_PushButton, option, painter, self)
        painter.end()


class Elided(QLabel):
    """One line that ends in … where it does not fit."""

    def __init__(self, parent: QWidget | None = None, **properties: str):
        """Begin empty."""
        super().__init__(parent, **properties)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw as much of the text as there is room for."""
        painter = QPainter(self)
        text = self.fontMetrics().elidedText(self.text(), Qt.TextElideMode.ElideRight, self.width())
        painter.drawText(self.rect(), Qt.AlignmentFlag.AlignVCenter | self.alignment(), text)
        painter.end()


class Picker(QComboBox):
    """A box of choices no wider than its column; the wheel scrolls the column instead of it."""

    def __init__(self, parent: QWidget):
        """Begin without choices."""
        super().__init__(parent)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.setMinimumContentsLength(4)

    def wheelEvent(self, event: QWheelEvent) -> None:
        """Leave the wheel to the column."""
        event.ignore()


class Slider(QSlider):
    """A horizontal slider; the wheel turns it only once it was clicked."""

    def __init__(self, parent: QWidget):
        """Begin at its low end."""
        super().__init__(Qt.Orientation.Horizontal, parent)
        self.setFocusPolicy(Qt.FocusPolicy.ClickFocus)

    def wheelEvent(self, event: QWheelEvent) -> None:
        """Turn, or leave the wheel to the column."""
        if self.hasFocus():
            super().wheelEvent(event)
        else:
            event.ignore()


def emptied(layout: QLayout) -> None:
    """Take all widgets out of a layout, and let them go."""
    while layout.count():
        widget = layout.takeAt(0).widget()
        if widget is not None:
            widget.hide()
            widget.deleteLater()

"""A card: a dock with a title, one muted line of state, and two actions, export and enlarge."""

from PySide6.QtCore import QSize, Qt, Signal, Slot
from PySide6.QtWidgets import (
    QDockWidget,
    QFrame,
    QHBoxLayout,
    QSizePolicy,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from lab.gui.icons import icon
from lab.gui.panels.section import Elided
from lab.gui.views.base import View
from lab.palette import Theme


class Card(QDockWidget):
    """The dock around a view."""

    export_asked = Signal(str)  # the view's export name
    enlarge_asked = Signal(str)  # the view's name

    def __init__(self, view: View, parent: QWidget | None = None):
        """Put a view into a dock.

        Args:
            view: what is inside.
            parent: the window.
        """
        super().__init__(view.title, parent)
        self.view = view
        self.setObjectName(f"dock-{view.name}")
        self.setFeatures(
            QDockWidget.DockWidgetFeature.DockWidgetMovable
            | QDockWidget.DockWidgetFeature.DockWidgetFloatable
            | QDockWidget.DockWidgetFeature.DockWidgetClosable
        )
        self._state = Elided(self, objectName="state")
        self._export = _flat(f"Export {view.title.lower()}…", self)
        self._enlarge = _flat("Enlarge, or back to all panels", self)
        self._export.setVisible(bool(view.export_name))
        self._export.clicked.connect(self._ask_export)
        self._enlarge.clicked.connect(self._ask_enlarge)
        self.setTitleBarWidget(self._header())
        body = QFrame(self, objectName="cardBody")
        inside = QVBoxLayout(body)
        inside.setContentsMargins(1, 0, 1, 1)
        inside.addWidget(view)
        self.setWidget(body)
        view.said.connect(self._say)
        self.toggleViewAction().triggered.connect(self._come_forward)

    def set_theme(self, theme: Theme, *, enlarged: bool = False) -> None:
        """Take the colours of a theme."""
        self._export.setIcon(icon("export", theme, theme.muted))
        self._enlarge.setIcon(icon("shrink" if enlarged else "enlarge", theme, theme.muted))
        self.view.set_theme(theme)

    def _header(self) -> QWidget:
        header = QFrame(self, objectName="cardHeader")
        row = QHBoxLayout(header)
        row.setContentsMargins(12, 5, 6, 5)
        row.setSpacing(8)
        row.addWidget(_Title(self.view.title, header))
        row.addWidget(self._state, 1)
        for extra in self.view.header_widgets():
            row.addWidget(extra)
        row.addWidget(self._export)
        row.addWidget(self._enlarge)
        return header

    @Slot(str)
    def _say(self, text: str) -> None:
        self._state.setText(text)
        self._state.setToolTip(text)

    @Slot(bool)
    def _come_forward(self, on: bool) -> None:
        """A panel that is asked for stands before those that it shares its place with."""
        if on:
            self.raise_()

    @Slot()
    def _ask_export(self) -> None:
        self.export_asked.emit(self.view.export_name)

    @Slot()
    def _ask_enlarge(self) -> None:
        self.enlarge_asked.emit(self.view.name)


class _Title(Elided):
    """The name of a panel, cut only where a window is too small for all of a header."""

    def __init__(self, text: str, parent: QWidget):
        super().__init__(parent, objectName="title")
        self.setText(text)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Preferred)

    def minimumSizeHint(self) -> QSize:
        """As wide as a few letters."""
        return QSize(self.fontMetrics().averageCharWidth() * 3, super().minimumSizeHint().height())


def _flat(tip: str, parent: QWidget) -> QToolButton:
    button = QToolButton(parent, objectName="flat")
    button.setToolTip(tip)
    button.setFocusPolicy(Qt.FocusPolicy.NoFocus)
    button.setCursor(Qt.CursorShape.PointingHandCursor)
    return button

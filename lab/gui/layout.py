"""Where the panels are: three columns, the landscape in the middle as large as possible."""

import itertools
from collections.abc import Mapping

from PySide6.QtCore import QSize, Qt
from PySide6.QtWidgets import QDockWidget, QMainWindow, QToolBar

COLUMNS = (("experiment",), ("landscape", "numbers"))
RIGHT = ("loss", "spectrum", "roughness", "connectivity")
WIDTHS = {"experiment": 300, "landscape": 800, "loss": 455}
NUMBERS_HEIGHT = 150
GAP = 8


def arrange(window: QMainWindow, docks: Mapping[str, QDockWidget]) -> None:
    """Put all docks where they belong."""
    for dock in docks.values():
        window.removeDockWidget(dock)
        dock.setFloating(False)
    area = Qt.DockWidgetArea.LeftDockWidgetArea
    window.addDockWidget(area, docks["experiment"])
    for left, right in (("experiment", "landscape"), ("landscape", "loss")):
        window.splitDockWidget(docks[left], docks[right], Qt.Orientation.Horizontal)
    window.splitDockWidget(docks["landscape"], docks["numbers"], Qt.Orientation.Vertical)
    for above, below in itertools.pairwise(RIGHT):
        window.splitDockWidget(docks[above], docks[below], Qt.Orientation.Vertical)
    for dock in docks.values():
        dock.show()
    fit(window, docks)


def add_margins(window: QMainWindow) -> None:
    """Keep the panels off the window's edges; Qt itself leaves room only between them."""
    window.addToolBarBreak(Qt.ToolBarArea.BottomToolBarArea)
    for area in (
        Qt.ToolBarArea.LeftToolBarArea,
        Qt.ToolBarArea.RightToolBarArea,
        Qt.ToolBarArea.TopToolBarArea,
        Qt.ToolBarArea.BottomToolBarArea,
    ):
        bar = QToolBar(window)
        bar.setObjectName(f"margin-{area.name}")
        bar.setMovable(False)
        bar.setFixedSize(QSize(GAP, GAP))
        bar.toggleViewAction().setVisible(False)
        window.addToolBar(area, bar)


def fit(window: QMainWindow, docks: Mapping[str, QDockWidget]) -> None:
    """Give columns and rows their usual sizes."""
    spare = max(0, window.width() - sum(WIDTHS.values()))
    widths = [WIDTHS[name] + (spare if name == "landscape" else 0) for name in WIDTHS]
    window.resizeDocks([docks[name] for name in WIDTHS], widths, Qt.Orientation.Horizontal)
    rest = max(200, window.height() - NUMBERS_HEIGHT - 120)
    middle = [docks["landscape"], docks["numbers"]]
    window.resizeDocks(middle, [rest, NUMBERS_HEIGHT], Qt.Orientation.Vertical)
    each = max(100, (window.height() - 120) // len(RIGHT))
    right = [docks[name] for name in RIGHT]
    window.resizeDocks(right, [each] * len(RIGHT), Qt.Orientation.Vertical)

"""Where the panels are: three columns, the landscape in the middle as large as possible."""

import itertools
from collections.abc import Collection, Mapping
from typing import NamedTuple

from PySide6.QtCore import QSize, Qt
from PySide6.QtWidgets import QDockWidget, QMainWindow, QToolBar

COLUMNS = (("experiment",), ("landscape", "numbers"))


class Rows(NamedTuple):
    """How panels share the window.

    Attributes:
        right: the panels of the right column, from top to bottom.
        tabs: panels that share a place; the first one is in front.
    """

    right: tuple[str, ...]
    tabs: tuple[tuple[str, ...], ...]


BELOW = ("numbers", "race", "critical")
PATHS = ("connectivity", "barriers", "inside", "sweep")
USUAL = Rows(
    ("loss", "spectrum", "roughness", "connectivity"),
    (
        ("spectrum", "layer_spectra", "stability"),
        ("loss", "series"),
        ("roughness", "slices", "topology"),
        PATHS,
        BELOW,
    ),
)
# three rows, where four would leave each plot no height
LOW = Rows(
    ("loss", "spectrum", "connectivity"),
    (
        ("spectrum", "layer_spectra", "stability", "roughness"),
        ("loss", "series", "slices", "topology"),
        PATHS,
        BELOW,
    ),
)
LOW_HEIGHT = 900  # a window lower than this has three rows
RIGHT, TABS = USUAL
LEFT_WIDTH = 300
RIGHT_WIDTHS = (384, 455)  # of the right column, on small and large screens
RIGHT_SHARE = 0.285  # of the window, between these
NUMBERS_HEIGHT = 180
TAB_HEIGHT = 26
BARS = 120  # height of everything above and below the panels
GAP = 8


def rows(height: int) -> Rows:
    """How panels share a window of this height in pixels."""
    return LOW if height < LOW_HEIGHT else USUAL


def arrange(window: QMainWindow, docks: Mapping[str, QDockWidget]) -> None:
    """Put all docks where they belong."""
    column, tabs = rows(window.height())
    for dock in docks.values():
        dock.setFloating(False)  # while it is still the window's, or it stays a window of its own
        window.removeDockWidget(dock)
    area = Qt.DockWidgetArea.LeftDockWidgetArea
    window.addDockWidget(area, docks["experiment"])
    for left, right in (("experiment", "landscape"), ("landscape", "loss")):
        window.splitDockWidget(docks[left], docks[right], Qt.Orientation.Horizontal)
    window.splitDockWidget(docks["landscape"], docks["numbers"], Qt.Orientation.Vertical)
    for above, below in itertools.pairwise(column):
        window.splitDockWidget(docks[above], docks[below], Qt.Orientation.Vertical)
    for front, *behind in tabs:
        for name in behind:
            window.tabifyDockWidget(docks[front], docks[name])
    for dock in docks.values():
        dock.show()
    for front, *_ in tabs:
        docks[front].raise_()
    fit(window, docks)


def add_new(window: QMainWindow, docks: Mapping[str, QDockWidget]) -> None:
    """Put the panels that a saved layout does not know behind those they share a place with."""
    nowhere = Qt.DockWidgetArea.NoDockWidgetArea
    for group in rows(window.height()).tabs:
        there = [name for name in group if window.dockWidgetArea(docks[name]) != nowhere]
        hosts = [docks[name] for name in there if not docks[name].isFloating()]
        for name in group:
            if name in there:
                continue
            if hosts:
                window.tabifyDockWidget(hosts[0], docks[name])
                hosts[0].raise_()
            else:
                window.addDockWidget(Qt.DockWidgetArea.RightDockWidgetArea, docks[name])


def bring_forward(
    window: QMainWindow,
    docks: Mapping[str, QDockWidget],
    full: Collection[str],
    empty: Collection[str],
) -> None:
    """Where the panel in front will be empty, show one behind it that will not.

    Args:
        window: of the panels.
        docks: all panels by name.
        full: names of those whose probe is planned.
        empty: names of those whose probe is not.
    """
    names = {dock: name for name, dock in docks.items()}
    for name in empty:
        if docks[name].visibleRegion().isEmpty():
            continue
        for other in window.tabifiedDockWidgets(docks[name]):
            if names.get(other) in full:
                other.raise_()
                break


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
    names, groups = rows(window.height())
    least, most = RIGHT_WIDTHS
    right = min(most, max(least, int(RIGHT_SHARE * window.width())))
    middle = max(200, window.width() - LEFT_WIDTH - right - 4 * GAP)
    columns = [docks[name] for name in ("experiment", "landscape", names[0])]
    across, down = Qt.Orientation.Horizontal, Qt.Orientation.Vertical
    window.resizeDocks(columns, [LEFT_WIDTH, middle, right], across)
    rest = max(200, window.height() - NUMBERS_HEIGHT - BARS)
    window.resizeDocks([docks["landscape"], docks["numbers"]], [rest, NUMBERS_HEIGHT], down)
    tabs = [TAB_HEIGHT * any(name in group for group in groups) for name in names]
    each = max(100, (window.height() - BARS - sum(tabs)) // len(names))
    window.resizeDocks([docks[name] for name in names], [each + more for more in tabs], down)

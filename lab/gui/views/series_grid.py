"""Plots of several quantities side by side, as many as a panel has room for."""

import math

from PySide6.QtWidgets import QGridLayout, QWidget

from lab.gui.views.series_plot import SeriesPlot
from lab.palette import DARK, Theme

MOST = 6  # plots at once
ROOM = (330, 150)  # pixels that each of several needs


class SeriesGrid(QGridLayout):
    """The plots of a panel in rows and columns.

    Attributes:
        plots: all that were made; those that are not needed are hidden.
    """

    def __init__(self, panel: QWidget):
        """Begin with one plot.

        Args:
            panel: what it fills.
        """
        super().__init__(panel)
        self.setContentsMargins(0, 0, 0, 0)
        self.setSpacing(0)
        self.plots: list[SeriesPlot] = []
        self._theme = DARK
        self.place(1, (1, 1))

    def set_theme(self, theme: Theme) -> None:
        """Take other colours."""
        self._theme = theme
        for plot in self.plots:
            plot.set_theme(theme)

    def arranged(self, count: int) -> tuple[int, tuple[int, int]]:
        """How many of so many plots there is room for, and in how many rows and columns."""
        panel = self.parentWidget()
        columns, rows = max(1, panel.width() // ROOM[0]), max(1, panel.height() // ROOM[1])
        count = max(1, min(count, MOST, rows * columns))
        columns = min(columns, math.ceil(math.sqrt(count)))
        while math.ceil(count / columns) > rows:
            columns += 1
        return count, (math.ceil(count / columns), columns)

    def place(self, count: int, shape: tuple[int, int]) -> None:
        """Show so many plots in rows and columns."""
        rows, columns = shape
        while len(self.plots) < count:
            self.plots.append(SeriesPlot())
            self.plots[-1].set_theme(self._theme)
        for place, plot in enumerate(self.plots):
            self.removeWidget(plot)
            if place < count:
                self.addWidget(plot, place // columns, place % columns)
            plot.setVisible(place < count)
        for place in range(MOST):
            self.setColumnStretch(place, int(place < columns))
            self.setRowStretch(place, int(place < rows))
        self.activate()  # what is drawn next depends on the plots' sizes

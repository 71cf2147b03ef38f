"""A plot in the lab's style: two spines, few grid lines, ranges that ease, words over it."""

import math
import time
from collections.abc import Sequence

import numpy as np
import pyqtgraph as pg
from PySide6.QtCore import QEvent, QPoint, QPointF, Qt, QTimer, Signal, Slot
from PySide6.QtGui import QHideEvent, QMouseEvent, QResizeEvent, QShowEvent
from PySide6.QtWidgets import QLabel

from lab.gui.theme import CAPTION_POINTS, number_font
from lab.gui.views.axis import Axis
from lab.palette import DARK, Theme, rgb

RANGE_MS = 200  # ranges change at most five times a second
EASE = 0.6  # part of the way to its goal that a range goes each time
NEAR = 0.01  # part of a range by which it may be off its goal; to draw its axis anew takes long
LEFT_WIDTH = 60  # of the left axis, the same in all plots, so that their time axes are aligned
BOTTOM_HEIGHT = 34
SHORTEST_AXIS = 40  # steps that a time axis shows at least


class Plot(pg.PlotWidget):
    """A plot dressed in a theme, whose ranges ease towards what they are to hold.

    The user may zoom and move it; from then on it stays where it was put, until a double click.
    """

    pointed = Signal(float, float)  # where the mouse is, in the units of the axes
    unpointed = Signal()

    def __init__(self, x_title: str, y_title: str, *, log_y: bool = False):
        """Make an empty plot.

        Args:
            x_title: title of the x axis, with its unit.
            y_title: title of the y axis, with its unit.
            log_y: whether y is logarithmic.
        """
        axes = {place: Axis(place) for place in ("left", "bottom")}
        super().__init__(axisItems=axes)
        self.titles = {"bottom": x_title, "left": y_title}
        item = self.getPlotItem()
        item.hideButtons()
        item.setMenuEnabled(False)
        item.setContentsMargins(4, 8, 12, 2)
        item.setLogMode(y=log_y)
        item.getAxis("left").setWidth(LEFT_WIDTH)
        item.getAxis("bottom").setHeight(BOTTOM_HEIGHT)
        box = item.getViewBox()
        box.setDefaultPadding(0.0)
        box.sigRangeChangedManually.connect(self._taken)
        box.sigTransformChanged.connect(self._renew_bounds)
        self.setFrameShape(pg.QtWidgets.QFrame.Shape.NoFrame)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.disableAutoRange()
        self.theme = DARK
        self._cursor = pg.InfiniteLine(angle=90, movable=False)
        self._cursor.setZValue(5)
        self._cursor.hide()
        self.addItem(self._cursor, ignoreBounds=True)
        self._goal: np.ndarray | None = None  # ((x low, x high), (y low, y high))
        self._free = False  # whether the user has taken the ranges into their own hands
        self._moved = float("-inf")  # when the ranges changed last
        self._easing = QTimer(self)
        self._easing.setInterval(2 * RANGE_MS)  # where nothing is drawn meanwhile
        self._easing.timeout.connect(self._ease)
        self._note = _overlay(self)
        self._note.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._note.setWordWrap(True)
        self._legend = _overlay(self)
        self._corner = "top right"
        self._reading = _overlay(self)
        self.scene().sigMouseMoved.connect(self._point)

    # -- looks -----------------------------------------------------------------------------------

    def set_theme(self, theme: Theme) -> None:
        """Take the colours of a theme."""
        self.theme = theme
        self.setBackground(theme.card)
        item = self.getPlotItem()
        for place in ("left", "bottom"):
            axis = item.getAxis(place)
            axis.setPen(pg.mkPen(theme.line))
            axis.setTextPen(pg.mkPen(theme.muted))
            axis.setTickPen(pg.mkPen(theme.line))
            if title := self.titles.get(place, ""):
                self._label(place, title)
            axis.setGrid(255)
            axis.setStyle(tickAlpha=255)
            axis.setZValue(-200)  # the grid lies under what is drawn
        self._cursor.setPen(pg.mkPen(theme.muted, width=1))
        self._note.setStyleSheet(
            f"color: {theme.muted}; background: {theme.card}; padding: 8px 24px;"
        )
        self._legend.setStyleSheet(
            f"color: {theme.muted}; background: rgba{(*rgb(theme.card), 200)}; padding: 1px 4px;"
        )
        self._reading.setStyleSheet(
            f"color: {theme.text}; background: rgba{(*rgb(theme.field), 230)};"
            f"border: 1px solid {theme.line}; border-radius: 4px; padding: 1px 5px;"
        )

    def set_titles(self, **titles: str) -> None:
        """Set axis titles by place ("left", "bottom")."""
        for place, title in titles.items():
            if self.titles[place] != title:
                self.titles[place] = title
                self._label(place, title)

    def _label(self, place: str, title: str) -> None:
        style = {"color": self.theme.muted, "font-size": f"{CAPTION_POINTS}px"}
        axis = self.getPlotItem().getAxis(place)
        axis.setLabel(title, **style)
        axis.resizeEvent()  # pyqtgraph leaves a new title where the middle of the old one was

    def hide_bottom(self) -> None:
        """Leave title and numbers of the time axis to the plot below."""
        axis = self.getPlotItem().getAxis("bottom")
        axis.setStyle(showValues=False)
        axis.showLabel(False)
        self.titles.pop("bottom", None)
        axis.setHeight(9)

    def set_cursor(self, x: float | None) -> None:
        """Draw the cursor line at x, or none."""
        self._cursor.setVisible(x is not None)
        if x is not None:
            self._cursor.setPos(x)

    # -- ranges ----------------------------------------------------------------------------------

    def aim(self, x: tuple[float, float], y: tuple[float, float], *, at_once: bool = False) -> None:
        """Let the ranges go to these: eased, and at most five times a second.

        Args:
            x: low and high end.
            y: low and high end; logarithms to base ten on a logarithmic axis.
            at_once: go there now (another quantity is drawn); the user's own zoom is forgotten.
        """
        goal = np.array([x, y], dtype=np.float64)
        if not np.isfinite(goal).all():
            return
        first, self._goal = self._goal is None, goal
        if at_once:
            self._free = False
        if first or at_once:
            self._go(self._goal)
        elif not self._easing.isActive() or time.monotonic() - self._moved >= RANGE_MS / 1000:
            self._ease()

    @Slot()
    def _ease(self) -> None:
        """Go a part of the way, or all of it where that is short or most would be out of sight."""
        closed = self.getPlotItem() is None
        if closed or self._free or self._is_there():
            self._easing.stop()
            return
        now, goal = self._ranges(), self._goal
        span = np.ptp(goal, axis=1)
        away = np.abs(goal - now).max(axis=1) / span
        common = np.minimum(now[:, 1], goal[:, 1]) - np.maximum(now[:, 0], goal[:, 0])
        lost = (common < 0.5 * span) | (np.ptp(now, axis=1) > 4 * span)
        whole = lost.any() or (away < 0.05).all()
        self._go(goal if whole else now + EASE * (goal - now))

    def _is_there(self) -> bool:
        """Whether the ranges are what they are to be, up to what nobody sees."""
        span = np.ptp(self._goal, axis=1, keepdims=True)
        return bool((np.abs(self._ranges() - self._goal) <= NEAR * span).all())

    def _go(self, ranges: np.ndarray) -> None:
        """Change the ranges. The next change comes with what is drawn next, or with the timer."""
        self._moved = time.monotonic()
        self._easing.start()
        self.setRange(xRange=ranges[0], yRange=ranges[1], padding=0, disableAutoRange=True)

    @Slot()
    def _renew_bounds(self) -> None:
        """Items know what is seen now; pyqtgraph lets them keep what was seen before a jump."""
        if self.getPlotItem() is None:  # it is being closed
            return
        for item in self.getPlotItem().getViewBox().childGroup.childItems():
            if isinstance(item, pg.UIGraphicsItem):
                item.viewTransformChanged()
                item.setNewBounds()

    def _ranges(self) -> np.ndarray:
        return np.array(self.getPlotItem().getViewBox().viewRange())

    @Slot()
    def _taken(self) -> None:
        self._free = True

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        """Give the ranges back to the plot."""
        super().mouseDoubleClickEvent(event)
        event.accept()
        if self._goal is not None:
            self._free = False
            self._go(self._goal)

    # -- words -----------------------------------------------------------------------------------

    def set_note(self, text: str) -> None:
        """Say in the middle of an empty plot what will appear; the axes are behind it."""
        self._note.setText(text)
        self._note.setVisible(bool(text))
        self._place_words()

    def set_legend(
        self, entries: Sequence[tuple[str, str]], corner: str = "top right", *, columns: int = 1
    ) -> tuple[int, int]:
        """Name what is drawn.

        Args:
            entries: a colour and a word each.
            corner: where, as "top right", "bottom left" and so on.
            columns: in how many they stand.

        Returns:
            Its width and height in pixels.
        """
        words = [f'<span style="color:{colour}">━</span>&nbsp; {word}' for colour, word in entries]
        text = "<br>".join(words)
        if columns > 1:
            cells = [f"<td>{word}&nbsp; &nbsp;</td>" for word in words]
            rows = ("".join(cells[i : i + columns]) for i in range(0, len(cells), columns))
            text = f'<table cellspacing="0"><tr>{"</tr><tr>".join(rows)}</tr></table>'
        if text != self._legend.text() or corner != self._corner:
            self._corner = corner
            self._legend.setText(text)
            self._legend.setVisible(bool(text))
            self._legend.adjustSize()
            self._place_words()
        return self._legend.width(), self._legend.height()

    def set_reading(self, text: str) -> None:
        """Show numbers at the mouse, as rich text; nothing where text is empty."""
        self._reading.setText(text)
        self._reading.setVisible(bool(text))
        self._reading.adjustSize()
        self._place_words()

    def pixels(self, x: float, y: float) -> QPointF:
        """Where a point of the axes lies in this widget."""
        scene = self.getPlotItem().getViewBox().mapViewToScene(QPointF(x, y))
        return QPointF(self.mapFromScene(scene))

    def pixel_width(self) -> float:
        """Width of a pixel in units of the x axis."""
        box = self.getPlotItem().getViewBox()
        low, high = box.viewRange()[0]
        return (high - low) / max(1.0, box.width())

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Words keep their places."""
        super().resizeEvent(event)
        if event is not None:  # pyqtgraph calls this without one while it is being made
            self._place_words()

    def showEvent(self, event: QShowEvent) -> None:
        """Be where the ranges were to go meanwhile."""
        super().showEvent(event)
        if self._goal is not None and not self._free:
            self._go(self._goal)

    def hideEvent(self, event: QHideEvent) -> None:
        """Nothing moves while nobody can see it."""
        self._easing.stop()
        super().hideEvent(event)

    def leaveEvent(self, event: QEvent) -> None:
        """The mouse is gone."""
        super().leaveEvent(event)
        self.set_reading("")
        self.unpointed.emit()

    @Slot(object)
    def _point(self, where: QPointF) -> None:
        box = self.getPlotItem().getViewBox()
        if not box.sceneBoundingRect().contains(where):
            self.set_reading("")
            self.unpointed.emit()
            return
        at = box.mapSceneToView(where)
        self.pointed.emit(at.x(), at.y())
        self._place_words(self.mapFromScene(where))

    def _place_words(self, mouse: QPoint | None = None) -> None:
        """The note in the middle; the reading beside the mouse, inside the plot."""
        self._note.setGeometry(self.rect())
        right = self.width() - self._legend.width() - 18
        bottom = self.height() - BOTTOM_HEIGHT - self._legend.height() - 8
        at = right if "right" in self._corner else LEFT_WIDTH + 14
        self._legend.move(at, 8 if "top" in self._corner else bottom)
        if mouse is not None:
            label = self._reading
            x = mouse.x() + 14 if mouse.x() < self.width() / 2 else mouse.x() - 12 - label.width()
            y = min(max(4, mouse.y() - label.height() - 8), self.height() - label.height() - 4)
            label.move(min(max(4, x), self.width() - label.width() - 4), y)


def reach(head: int, target: int) -> int:
    """Where the time axis of all panels ends: half the run, a quarter ... as soon as that is full.

    Args:
        head: the last step on record.
        target: where the run ends.

    Returns:
        A step; it changes seldom, and at least half of the axis is in use.
    """
    end = max(target, head, 1)
    while end > SHORTEST_AXIS and end / 2 >= max(head, 1):
        end = math.ceil(end / 2)
    return end


def _overlay(plot: Plot) -> QLabel:
    """Words over a plot, which let the mouse through."""
    label = QLabel(plot)
    label.setFont(number_font(CAPTION_POINTS))
    label.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
    label.hide()
    return label

"""Topology: the tree of basins of the landscape, its persistence bars, and a table of basins."""

from typing import Any

import numpy as np
from PySide6.QtCore import Qt, Slot
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QLabel,
    QScrollArea,
    QSizePolicy,
    QSlider,
    QStackedLayout,
    QVBoxLayout,
    QWidget,
)

from lab.engine.dendrogram import at_edge, kept
from lab.gui.bridge import Bridge
from lab.gui.state import ViewState
from lab.gui.views.asking import STALE
from lab.gui.views.bars_plot import BarsPlot
from lab.gui.views.base import View
from lab.gui.views.basins_table import BasinsTable
from lab.gui.views.chip import DOT, MARGIN, Chip, progress
from lab.gui.views.plot import Plot
from lab.gui.views.segments import Segments
from lab.gui.views.shapes import Shapes
from lab.gui.views.tree_plot import TreePlot
from lab.gui.views.words import short
from lab.palette import Theme

EMPTY = (
    "The basins of the landscape appear here once its surface is known: open the landscape, or "
    "tick “Topology of a plane” under “Measure while running”."
)
FLAT = "Basins need two directions: this problem has one variable."
COARSE = 101  # points along a side below which a surface is called coarse
DECADES = 4.0  # over which the slider moves, down from the deepest basin
MODES = ("tree", "bars", "table")
TIPS = (
    "Which basins join where: minima at their loss, joins at their saddles",
    "Birth and death of basins (H₀) and of holes (H₁) as the level rises",
    "Where the basins are, how deep and how large",
)
SLIDER, SLIDER_WIDTH = 100, 64  # its steps, and pixels


class Topology(View):
    """The shape of the surface that the landscape shows."""

    name = "topology"
    probe = "topology"
    title = "Topology"
    export_name = "topology"
    every = 16

    def __init__(self, bridge: Bridge, state: ViewState, parent: QWidget | None = None):
        """Begin empty."""
        super().__init__(bridge, state, parent)
        self._shapes = Shapes(bridge, state)
        self._tree, self._bars, self._note = TreePlot(), BarsPlot(), Plot("", "")
        self._table = BasinsTable(self)
        area = QScrollArea(self)
        area.setWidgetResizable(True)
        area.setFrameShape(QFrame.Shape.NoFrame)
        area.setWidget(self._table)
        self._stack = QStackedLayout()
        for part in (self._tree, self._bars, area, self._note):
            self._stack.addWidget(part)
        self._words = QLabel(objectName="muted")
        self._words.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self._modes = Segments(MODES, TIPS)
        self._modes.chosen.connect(self._look_again)
        self._slider = QSlider(Qt.Orientation.Horizontal)
        self._slider.setRange(0, SLIDER)
        self._slider.setFixedWidth(SLIDER_WIDTH)
        self._slider.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._slider.setToolTip("Hide what is less persistent")
        self._slider.setAccessibleName("least persistence")
        self._slider.valueChanged.connect(self._look_again)
        below = QHBoxLayout()  # the header of a narrow panel has no room for both
        below.setContentsMargins(12, 0, 12, 5)
        below.addWidget(self._words, 1)
        below.addWidget(self._slider)
        inside = QVBoxLayout(self)
        inside.setContentsMargins(0, 0, 0, 0)
        inside.setSpacing(0)
        inside.addLayout(self._stack, 1)
        inside.addLayout(below)
        self._chip = Chip(self)
        self._chip.pressed.connect(self._turn)
        self._key: Any = None  # what is drawn

    def header_widgets(self) -> list[QWidget]:
        """What is drawn."""
        return [self._modes]

    def set_theme(self, theme: Theme) -> None:
        """Take other colours."""
        super().set_theme(theme)
        for part in (self._tree, self._bars, self._table, self._note, self._chip):
            part.set_theme(theme)
        self._key = None

    def signature(self) -> Any:
        """Also what is known of the surface, and what the user chose."""
        chosen = self._modes.choice, self._slider.value()
        return super().signature(), self._shapes.known, self._shapes.job, chosen

    def draw(self) -> None:
        """Draw the topology of what the landscape shows."""
        found = self._shapes.look()
        self._show_work()
        for part in (self._words, self._slider):
            part.setVisible(found is not None)
        if found is None:
            self._stack.setCurrentWidget(self._note)
            flat = self.recording.header["problem"]["dim"] == 1
            self._note.set_note(self._shapes.trouble or (FLAT if flat else EMPTY))
            return
        place = MODES.index(self._modes.choice)
        self._stack.setCurrentIndex(place)
        least = self._least(found)
        opacity = 1.0 if self._shapes.fresh or found.step == self.state.cursor else STALE
        key = id(found), least, opacity, place
        if key != self._key:
            jump = self._key is None or self._key[0] != key[0] or self._key[3] != place
            self._key = key
            if place == 0:
                self._tree.show_tree(found, least, opacity, at_once=jump)
            elif place == 1:
                self._bars.show_bars(found, least, opacity, at_once=jump)
            else:
                self._table.show_basins(found, least, opacity)
        self._say([word for word in self._about(found, least) if word])

    def _say(self, words: list[str]) -> None:
        """Tell under the picture what is known of it."""
        text, mode = DOT.join(words), Qt.TextElideMode.ElideRight
        self._words.setText(self._words.fontMetrics().elidedText(text, mode, self._words.width()))
        self._words.setToolTip("\n".join(words))

    def _show_work(self) -> None:
        """Say how far what is under way is, offering to give it up, or to begin again."""
        job, stopped = self._shapes.job, self._shapes.stopped
        slow = self._chip.is_slow(job)
        if job is not None and not slow:
            self.outdated()  # it may soon be worth a word
        if slow:
            self._chip.say(progress(job), "cancel", "Give up the topology under way")
        elif stopped:
            self._chip.say("given up", "compute", "Compute the topology of this surface after all")
        self._chip.setVisible(slow or stopped)
        self._chip.move(self.width() - self._chip.width() - MARGIN, MARGIN)
        self._chip.raise_()

    def _least(self, found: Any) -> float:
        """The persistence that the slider stands for: 0 at its left end, else by decades."""
        depth = np.concatenate([found.death - found.birth, np.diff(found.holes)[:, 0]])
        depth = depth[np.isfinite(depth)]
        if not self._slider.value() or not len(depth):
            return 0.0
        return float(depth.max()) * 10 ** (DECADES * (self._slider.value() / SLIDER - 1))

    def _about(self, found: Any, least: float) -> list[str]:
        """What is known of a result, the most important first."""
        which = kept(found.birth, found.death, least)
        shown, edge = int(which.sum()), int((which & at_edge(found.minimum, found.window)).sum())
        basins = f"{shown} of {found.basins}" if shown < found.basins else str(found.basins)
        points = f"{found.nx} × {found.ny} points"
        return [
            f"{basins} basin{'s' * (found.basins != 1)}",
            f"{edge} at the edge" if edge else "",
            f"least {short(least)}" if least else "",
            f"mean depth {short(found.smad)}" if found.basins > 1 else "",
            f"coarse, {points}" if min(found.nx, found.ny) < COARSE else points,
            found.text,
        ]

    @Slot()
    def _turn(self) -> None:
        """Give up what is under way, or begin again."""
        if self._shapes.stopped:
            self._shapes.begin_again()
        else:
            self._shapes.cancel()
        self.outdated()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Words and chip keep their places."""
        super().resizeEvent(event)
        self.outdated()

    @Slot()
    def _look_again(self) -> None:
        self.outdated()

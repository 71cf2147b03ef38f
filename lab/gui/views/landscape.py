"""The landscape: the loss on a plane, the paths of all lanes, their starts, and the optima."""

import time
from typing import Any

import numpy as np
from PySide6.QtCore import QPointF, Qt, Signal, Slot
from PySide6.QtWidgets import QToolButton, QVBoxLayout, QWidget

from lab.gui.bridge import Bridge
from lab.gui.icons import icon
from lab.gui.state import ViewState
from lab.gui.views.base import View
from lab.gui.views.basins import BasinMaps
from lab.gui.views.colour_bar import ColourBar
from lab.gui.views.critical_marks import CriticalMarks
from lab.gui.views.facts import facts
from lab.gui.views.ground import bilinear
from lab.gui.views.layers import Layers
from lab.gui.views.picture import Picture
from lab.gui.views.plot import Plot
from lab.gui.views.runs import Runs
from lab.gui.views.starts import Starts
from lab.gui.views.step_arrows import StepArrows
from lab.gui.views.strip import Strip
from lab.gui.views.survey import KEY, Survey
from lab.gui.views.underway import UnderWay
from lab.palette import Theme

REFINE = 0.15  # seconds between two pictures of a surface that is on its way


class Landscape(View):
    """The big picture in the middle."""

    name = "landscape"
    every = 2
    title = "Landscape"
    export_name = "landscape"

    pointed = Signal(str)  # what is under the pointer
    starts_moved = Signal(object)  # lane -> rows of coordinates
    starts_dropped = Signal()  # the hand let go of them
    complained = Signal(str)

    def __init__(self, bridge: Bridge, state: ViewState):
        """Begin empty."""
        super().__init__(bridge, state)
        self._plot = Plot("x", "y")
        self._plot.setCursor(Qt.CursorShape.CrossCursor)
        self._strip = Strip()
        inside = QVBoxLayout(self)
        inside.setContentsMargins(0, 0, 0, 0)
        inside.setSpacing(0)
        inside.addWidget(self._plot, 1)
        inside.addWidget(self._strip)
        self._picture, self._starts = Picture(), Starts()
        for item in (self._picture, self._starts):
            self._plot.addItem(item, ignoreBounds=True)
        self._arrows, self._marks = StepArrows(bridge, state), CriticalMarks(bridge, state)
        for item in (self._arrows, self._marks):
            self._plot.addItem(item, ignoreBounds=True)
        self._switch = _switch("The parts of the selected run's next step, as arrows  (A)")
        self._switch.clicked.connect(self._switch_arrows)
        self._starts.moved.connect(self._tell_moved)
        self._starts.dropped.connect(self.starts_dropped)
        self._survey = Survey(bridge, state, self)
        self._survey.framed.connect(self._frame)
        self.basins = BasinMaps(bridge, state, self._picture.basins, self._seen, self)
        self.basins.changed.connect(self.outdated)
        self.layers = Layers(bridge, state, self._survey, self)
        self.layers.changed.connect(self._look_changed)
        self._bar = ColourBar(self._plot)
        self._under_way = UnderWay(self._plot, bridge, self._survey, self.layers)
        self._under_way.turned.connect(self.outdated)
        self._runs = Runs(state)
        self._partial: Any = None  # what was known of the surface when it was looked at last
        self._refined = float("-inf")  # when that was
        self._recording: Any = None
        self._box = self._plot.getPlotItem().getViewBox()
        self._box.sigRangeChanged.connect(self._view_moved)
        self._box.sigRangeChangedManually.connect(self._view_taken)
        self._plot.scene().sigMouseMoved.connect(self._point)
        self._plot.scene().sigMouseClicked.connect(self._click)
        state.events.plane.connect(self._plane_chosen)
        state.events.scaling.connect(self._scaling_chosen)
        state.events.bias.connect(self._scaling_chosen)
        state.events.log_scale.connect(self._look_changed)
        state.events.colour_map.connect(self._look_changed)
        state.events.arrows.connect(self._show_switch)

    def header_widgets(self) -> list[QWidget]:
        """What the colours are, the switch of the arrows, and the menu of the basin map."""
        return [self.layers.button, self._switch, self.basins.button]

    def set_theme(self, theme: Theme) -> None:
        """Take other colours."""
        super().set_theme(theme)
        parts = self._plot, self._strip, self._picture, self._starts, self._arrows, self._marks
        for part in parts:
            part.set_theme(theme)
        for part in (self._bar, self._under_way):
            part.set_theme(theme)
        self._show_switch(self.state.arrows)
        self._look_changed()

    def signature(self) -> Any:
        """Also what is known of the surface; of the lanes only what lies before the cursor."""
        recording, cursor, heads, *others = super().signature()
        heads = tuple(min(head, cursor) for head in heads)
        frame = self.bridge.frame
        partial, now = frame.partials.get(KEY), time.monotonic()
        is_part = partial is not None and partial.done < 1
        if partial is not self._partial and not (is_part and now - self._refined < REFINE):
            self._partial, self._refined = partial, now
        shown = id(self._partial), frame.playing, self._arrows.signature(), self.basins.signature()
        layers = self.layers.signature(), self._under_way.signature()
        return recording, cursor, heads, *others, *shown, self._marks.signature(), *layers

    @Slot()
    def reset(self) -> None:
        """Show the whole landscape."""
        self._survey.show_all()

    def draw(self) -> None:
        """Draw paths and marks at the cursor, and whatever is new of the surface."""
        if self.recording is not self._recording:
            self._begin(self.recording)
        news = self._survey.look(), self.layers.look()
        if any(news):
            self._show_surface()
        self.basins.look(seen=self._survey.ground.exact)
        self._plot.set_legend(self.basins.entries, "bottom left")
        shown, ground, movable = self.lanes(), self._survey.ground, self._movable()
        self._runs.look(self.recording, ground, shown, self.theme, free=movable)
        self._picture.set_lines(self._runs.lines, self._runs.heads)
        self._starts.show_starts(self._runs.starts)
        self._marks.look(exact=ground.exact)
        self._strip.say(self._facts())
        hint = "click to set the start · drag to move it" if movable and shown else ""
        self.said.emit(self._survey.trouble or hint or ground.text)
        waits = self._arrows.look(ground), self._under_way.look(), self._runs.behind
        if any(waits):
            self.outdated()  # for an answer; and a long record is read a part at a time

    # -- the ground ----------------------------------------------------------------------------

    def _begin(self, recording: Any) -> None:
        """Another recording: its own ground, seen as a whole."""
        before, self._recording = self._recording, recording
        problem = recording.header["problem"]
        native = problem["dim"] <= 2 and problem["window"] is not None
        same = before is not None and before.header["problem"] == problem
        if not same:
            self.state.log_scale = bool(problem["log_scale"])
        if native != (self.state.plane == "native") and not (native and same):
            self.state.plane = "native" if native else "pca"
        self._runs.forget()
        if not (same and self._survey.ground.exact):
            self._new_ground()

    def _new_ground(self) -> None:
        """Forget the surface, and look for another one."""
        problem = self._recording.header["problem"]
        self._runs.forget()
        self._picture.heat.clear()
        self._picture.set_profile(np.empty(0), np.empty(0))
        flat = problem["dim"] == 1
        self._plot.getPlotItem().setAspectLocked(not flat)
        self._survey.begin()
        ground = self._survey.ground
        self._plot.set_titles(bottom=ground.titles[0], left=ground.titles[1])
        optima = problem["optima"] if ground.exact else ()
        marks = [(*(*point, value)[:2], is_global) for point, value, is_global in optima]
        self._picture.set_optima(marks)
        height = self._height if flat else None
        self._starts.set_limits(problem["window"] if ground.exact else None, height)

    def _show_surface(self) -> None:
        """Draw the surface as far as it is known."""
        surface = self._survey.surface
        if surface is None:
            return
        if hasattr(surface, "y"):
            layer, heat = self.layers.layer(), self._picture.heat
            if layer is None:
                return  # a map is on its way; what was drawn stays
            full = layer.done >= 1
            heat.show(layer.x, layer.y, layer.values, log=layer.log, contours=full)
            ends = tuple(heat.scale.value(height) for height in (0.0, 0.5, 1.0))
            self._bar.show_scale(layer.title, ends, heat.table)
            self._picture.update()
        else:  # a problem of one variable
            self._bar.hide()
            self._picture.set_profile(surface.x, surface.loss)
            self._fit_profile(surface.loss)

    def _fit_profile(self, loss: np.ndarray) -> None:
        """Let the plot's height hold the graph, unless it does already."""
        finite = loss[np.isfinite(loss)].astype(float)
        if not len(finite):
            return
        span = float(np.ptp(finite))
        low, high = self._box.viewRange()[1]
        if low > finite.min() or high < finite.max() or high - low > 1.5 * span:
            room = 0.06 * span or 1.0
            self._plot.setYRange(finite.min() - room, finite.max() + room, padding=0)

    def _height(self, x: float) -> float:
        """The loss of a problem of one variable."""
        surface = self._survey.surface
        return float(np.interp(x, surface.x, surface.loss)) if surface is not None else 0.0

    @Slot(object)
    def _frame(self, window: tuple) -> None:
        """Show a rectangle, and a little around it."""
        self._plot.getPlotItem().setRange(
            xRange=window[0], yRange=window[1], padding=0.02, disableAutoRange=True
        )

    def _seen(self) -> tuple:
        """The window of the plane that is seen."""
        return tuple(tuple(map(float, ends)) for ends in self._box.viewRange())

    @Slot()
    def _view_moved(self) -> None:
        self._survey.view_moved(self._seen())

    @Slot()
    def _view_taken(self) -> None:
        self._survey.view_taken()

    def _movable(self) -> bool:
        return (
            self._survey.ground.exact
            and not self.bridge.frame.readonly
            and self._recording.header["problem"]["family"] != "network"
        )

    def _facts(self) -> list[tuple[str, str]]:
        """What is true about the picture."""
        survey, header = self._survey, self._recording.header["problem"]
        found = facts(self._recording, self.state, survey, [name for _, name in self.lanes()])
        found += [("basins", self.basins.text), ("critical points", self._marks.text)]
        if survey.surface is not None and survey.done < 1:
            found.append(("computing", f"{100 * survey.done:.0f} %"))
        found.append(("note", header["trouble"]))
        return [fact for fact in found if fact[1]]

    # -- the mouse -----------------------------------------------------------------------------

    @Slot(object)
    def _point(self, where: QPointF) -> None:
        if self._survey.ground is None:
            return
        at = self._box.mapSceneToView(where)
        text = f"x {at.x():.4g}   y {at.y():.4g}"
        surface = self._survey.surface
        if hasattr(surface, "y"):
            loss = bilinear(surface.x, surface.y, surface.loss, (at.x(), at.y()))
            text += "" if np.isnan(loss) else f"   loss ≈ {loss:.4g}"
            layer = self.layers.layer() if self.state.layer != "loss" else None
            if layer is not None:
                value = bilinear(layer.x, layer.y, layer.values, (at.x(), at.y()))
                text += "" if np.isnan(value) else f"   {layer.title} ≈ {value:.4g}"
        mark = self._marks.reading(at.x(), at.y())
        text += f"   {mark}" if mark else ""
        self.pointed.emit(text.replace("-", "−"))

    @Slot(object)
    def _click(self, event: Any) -> None:
        """Set the start of the selected run, and of all that share it."""
        inside = self._box.sceneBoundingRect().contains(event.scenePos())
        if event.button() != Qt.MouseButton.LeftButton or not inside or not self._movable():
            return
        at = self._box.mapSceneToView(event.scenePos())
        owner = (self.state.lane, self.state.run)
        if self._starts.move_start(owner, (at.x(), at.y())):
            self.starts_dropped.emit()
        elif self.state.lane in self.recording.lanes:
            self.complained.emit(
                f"the start of {self.state.lane} stays: a branch shares the past of its lane"
            )

    @Slot(object)
    def _tell_moved(self, starts: dict[str, list]) -> None:
        """Pass on where starts were moved to, in the problem's own variables."""
        dim = self._recording.header["problem"]["dim"]
        self.starts_moved.emit({n: [row[:dim] for row in rows] for n, rows in starts.items()})

    # -- what the user chose -------------------------------------------------------------------

    def _plane_chosen(self, plane: str) -> None:
        ground = self._survey.ground
        if ground is not None and plane != ground.kind:
            self._new_ground()
            self.outdated()

    def _scaling_chosen(self, *_: Any) -> None:
        if self._survey.ground is not None and self.state.plane == "random":
            self._new_ground()
            self.outdated()

    @Slot(bool)
    def _switch_arrows(self, on: bool) -> None:
        self.state.arrows = on

    def _show_switch(self, on: bool) -> None:
        self._switch.setChecked(on)
        self._switch.setIcon(icon("arrows", self.theme, "" if on else self.theme.muted))

    def _look_changed(self, *_: Any) -> None:
        """Another scale, colour map or theme."""
        self._picture.heat.set_colours(self.state.colour_map, self.theme.field)
        self._show_surface()
        self._picture.update()
        self.outdated()


def _switch(tip: str) -> QToolButton:
    """A small switch for the header."""
    button = QToolButton(objectName="flat", toolTip=tip, checkable=True)
    button.setFocusPolicy(Qt.FocusPolicy.NoFocus)
    button.setCursor(Qt.CursorShape.PointingHandCursor)
    return button

"""The landscape: the loss on a plane, the paths of all lanes, their starts, and the optima."""

import time
from typing import Any

import numpy as np
from PySide6.QtCore import QPointF, Qt, Signal, Slot
from PySide6.QtGui import QColor
from PySide6.QtWidgets import QToolButton, QVBoxLayout, QWidget

from lab.gui.bridge import Bridge
from lab.gui.icons import icon
from lab.gui.state import ViewState
from lab.gui.views.base import View
from lab.gui.views.basins import BasinMaps
from lab.gui.views.colour_bar import ColourBar
from lab.gui.views.critical_marks import CriticalMarks
from lab.gui.views.drawing import tinted
from lab.gui.views.ground import bilinear
from lab.gui.views.layers import Layers
from lab.gui.views.paths import MOST, LanePath
from lab.gui.views.picture import Head, Picture
from lab.gui.views.plot import Plot
from lab.gui.views.starts import FEW, Starts
from lab.gui.views.step_arrows import StepArrows
from lab.gui.views.strip import Strip
from lab.gui.views.survey import KEY, Survey
from lab.gui.views.trails import Line
from lab.gui.views.underway import UnderWay
from lab.gui.views.words import short
from lab.palette import Theme

REFINE = 0.15  # seconds between two pictures of a surface that is on its way
FAINT = 0.45  # opacity of the paths of a lane of many runs


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
        self._under_way = UnderWay(self._plot)
        self._under_way.cancelled.connect(self._cancel)
        self._under_way.resumed.connect(self._go_on)
        self._paths: dict[str, LanePath] = {}
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
        job = self._job()
        work = None if job is None else round(100 * job.done), self._survey.stopped
        layers = self.layers.signature(), work
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
        self._tell_progress()
        self.basins.look(seen=self._survey.ground.exact)
        self._plot.set_legend(self.basins.entries, "bottom left")
        shown = self.lanes()
        paths = [self._path(name) for _, name in shown]
        lines, heads = [], []
        for (place, name), path in zip(shown, paths, strict=True):
            points = path.until(self.state.cursor)
            at = path.at(self.state.cursor)
            colour = self.theme.lane(place)
            single = len(at) == 1
            ink = QColor(colour) if single else tinted(colour, FAINT)
            lines.append(Line(path, path.version, points, at, ink, 2.0 if single else 1.0))
            if self.state.cursor or len(at) > FEW:  # else the crosses say it, and say it better
                heads += self._heads(name, colour, at)
        self._picture.set_lines(lines, sorted(heads, key=lambda head: head.large))
        self._starts.show_starts([self._starts_of(name) for _, name in shown])
        self._marks.look(exact=self._survey.ground.exact)
        self._strip.say(self._facts())
        hint = "click to set the start · drag to move it" if self._movable() and shown else ""
        self.said.emit(self._survey.trouble or hint or self._survey.ground.text)
        waits = self._arrows.look(self._survey.ground)
        if waits or any(path.behind for path in paths):
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
        self._paths.clear()
        if not (same and self._survey.ground.exact):
            self._new_ground()

    def _new_ground(self) -> None:
        """Forget the surface, and look for another one."""
        problem = self._recording.header["problem"]
        self._paths.clear()
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

    def _job(self) -> Any:
        """The work on the picture that is under way, None for none."""
        job = self.bridge.frame.job
        names = ("surface", "curvature_map")
        return job if job is not None and job.name in names else None

    def _tell_progress(self) -> None:
        """Say what is computed and how long it lasts, with a way to stop it and to go on."""
        job = self._job()
        curved = self.layers.curved and (job is None or job.name == "curvature_map")
        source = self.layers if curved else self._survey
        name = "curvature" if curved else "surface"
        stopped = source.stopped and source.done < 1
        self._under_way.tell(name, job, source.done, stopped=stopped)

    @Slot()
    def _cancel(self) -> None:
        job = self._job()
        curved = self.layers.curved if job is None else job.name == "curvature_map"
        (self.layers if curved else self._survey).cancel()
        self.outdated()

    @Slot()
    def _go_on(self) -> None:
        curved = self.layers.curved and self.layers.stopped
        (self.layers if curved else self._survey).go_on()
        self.outdated()

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

    # -- paths ---------------------------------------------------------------------------------

    def _path(self, name: str) -> LanePath:
        record, ground = self.recording.records[name], self._survey.ground
        path = self._paths.get(name)
        if path is None or path.record is not record or path.ground is not ground:
            most = MOST // max(1, len(self.recording.lanes))
            path = self._paths[name] = LanePath(record, ground, most)
        return path

    def _heads(self, name: str, colour: str, points: np.ndarray) -> list[Head]:
        """The discs of a lane: the selected run stands out, and so does a lane of one run."""
        if len(points) == 1:
            return [Head(points, colour, large=True)]
        if name != self.state.lane or self.state.run >= len(points):
            return [Head(points, colour, large=False)]
        chosen = np.arange(len(points)) == self.state.run
        return [
            Head(points[~chosen], colour, large=False),
            Head(points[chosen], colour, large=True),
        ]

    def _starts_of(self, name: str) -> tuple[str, np.ndarray, bool]:
        """A lane, where its runs start (not once more for each swept value), and if that may move.

        Branches start where their parents do; the past that they share stays.
        """
        record = self.recording.records[name]
        if record.parent is not None:
            return name, np.empty((0, 2)), False
        points = self._path(name).at(0)[: record.spec.runs]
        return name, points, self._movable() and not self._branched(name)

    def _branched(self, name: str) -> bool:
        records = self.recording.records
        return any(records[lane].spec.branch_of == name for lane in self.recording.lanes)

    def _movable(self) -> bool:
        return (
            self._survey.ground.exact
            and not self.bridge.frame.readonly
            and self._recording.header["problem"]["family"] != "network"
        )

    # -- the strip of facts --------------------------------------------------------------------

    def _facts(self) -> list[tuple[str, str]]:
        """What is true about the picture."""
        header, ground = self._recording.header["problem"], self._survey.ground
        facts = [("plane", ground.short)]
        if ground.kind == "random":
            facts.append(("scaling", ground.scaling))
        record = self._recording.records.get(self.state.lane)
        theta = record.at("theta", self.state.cursor) if record is not None else None
        if theta is not None and self.state.run < len(theta[1]):
            point = theta[1][self.state.run]
            loss = float(record.at("loss", theta[0])[1][self.state.run])
            facts.append(("off-plane", self._off_plane(point)))
            facts.append(("loss at cursor", short(loss)))
            if not ground.exact:
                facts.append(("on the plane", short(self._plane_loss(point))))
        facts.append(("data", header["data"].partition("; batch norm")[0] or "all"))
        if header.get("norm"):
            facts.append(("batch norm", header["norm"]))
        facts.append(("seed", str(self._recording.experiment.seed)))
        if self.basins.text:
            facts.append(("basins", self.basins.text))
        if self._marks.text:
            facts.append(("critical points", self._marks.text))
        if self._survey.surface is not None and self._survey.done < 1:
            facts.append(("computing", f"{100 * self._survey.done:.0f} %"))
        if header["trouble"]:
            facts.append(("note", header["trouble"]))
        return facts

    def _off_plane(self, point: np.ndarray) -> str:
        """How far the selected run is off the plane, and between what the runs of all lanes are."""
        ground = self._survey.ground
        own = short(ground.off(point))
        if ground.exact or ground.plane is None:
            return own
        rows = [
            found[1]
            for _, name in self.lanes()
            if (found := self.recording.records[name].at("theta", self.state.cursor)) is not None
        ]
        every = np.concatenate([ground.plane.off_plane(np.ascontiguousarray(row)) for row in rows])
        every = every[np.isfinite(every)]
        if len(every) < 2:
            return own
        return f"{own} (all {short(every.min())}–{short(every.max())})"

    def _plane_loss(self, point: np.ndarray) -> float:
        """The loss of the plane's picture where a point's shadow falls."""
        surface, ground = self._survey.surface, self._survey.ground
        if surface is None or ground.plane is None:
            return np.nan
        at = ground.plane.coordinates(np.ascontiguousarray(point)[None])[0]
        return bilinear(surface.x, surface.y, surface.loss, (float(at[0]), float(at[1])))

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

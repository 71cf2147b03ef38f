"""The landscape: the loss on a plane, the paths of all lanes, their starts, and the optima."""

from typing import Any

import numpy as np
import pyqtgraph as pg
from PySide6.QtCore import QPointF, Qt, QTimer, Signal, Slot
from PySide6.QtWidgets import QVBoxLayout

from lab.gui.bridge import Bridge
from lab.gui.state import ViewState
from lab.gui.views.base import View
from lab.gui.views.ground import NativeGround, PlaneGround, bilinear
from lab.gui.views.heatmap import HeatMap
from lab.gui.views.marks import Marks
from lab.gui.views.paths import LanePath, line
from lab.gui.views.plot import Plot
from lab.gui.views.strip import Strip
from lab.palette import Theme

KEY = ("surface",)
SETTLE_MS = 140  # after the last move of the view, before its surface is asked for
FAINT = 0.45  # opacity of the runs of a lane beside the selected one


class Landscape(View):
    """The big picture in the middle."""

    name = "landscape"
    title = "Landscape"
    export_name = "landscape"

    pointed = Signal(str)  # what is under the pointer
    starts_moved = Signal(object)  # lane -> rows of coordinates

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
        self._heat = HeatMap(self._plot)
        self._profile = self._plot.plot([], [], connect="finite")
        self._marks = Marks(self._plot)
        self._marks.moved.connect(self._tell_moved)
        self._curves: dict[str, pg.PlotCurveItem] = {}
        self._paths: dict[str, LanePath] = {}
        self._ground: Any = None
        self._recording: Any = None
        self._surface: Any = None
        self._shown_partial: Any = None
        self._asked: Any = None
        self._framed = False
        self._settle = QTimer(self, singleShot=True, interval=SETTLE_MS)
        self._settle.timeout.connect(self._ask)
        box = self._plot.getPlotItem().getViewBox()
        box.sigRangeChanged.connect(self._view_moved)
        self._plot.scene().sigMouseMoved.connect(self._point)
        self._plot.scene().sigMouseClicked.connect(self._click)
        state.events.plane.connect(self._plane_chosen)
        state.events.log_scale.connect(self._scale_chosen)
        state.events.colour_map.connect(self._colours_chosen)

    def set_theme(self, theme: Theme) -> None:
        """Take other colours."""
        super().set_theme(theme)
        self._plot.set_theme(theme)
        self._marks.set_theme(theme)
        self._profile.setPen(pg.mkPen(theme.muted, width=1.5))

    def signature(self) -> Any:
        """Also what is known of the surface."""
        return (*super().signature(), id(self.bridge.frame.partials.get(KEY)), self._ground)

    @Slot()
    def reset(self) -> None:
        """Show the whole landscape."""
        if self._ground is None:
            return
        if isinstance(self._ground, PlaneGround):
            self._new_ground()
        elif self._ground.window is not None:
            self._frame(self._ground.window)

    def draw(self) -> None:
        """Draw paths and marks at the cursor, and whatever is new of the surface."""
        if self.recording is not self._recording:
            self._begin(self.recording)
        self._take_surface()
        cursor = self.state.cursor
        shown = self.lanes()
        for name in set(self._curves) - {name for _, name in shown}:
            self._plot.removeItem(self._curves.pop(name))
        heads = []
        for place, name in shown:
            path = self._path(name)
            _, points = path.upto(cursor)
            self._draw_path(name, place, points)
            if len(points):
                heads.append((place, name, points[-1]))
        selected = (self.state.lane, self.state.run)
        starts = [(name, self._starts(name)) for _, name in shown]
        self._marks.draw(starts, heads, selected, movable=self._movable())
        self._strip.say(self._facts(cursor))
        hint = "click to set the start · drag to move it" if self._movable() else ""
        self.said.emit(hint or self._ground.text)

    # -- surface -------------------------------------------------------------------------------

    def _begin(self, recording: Any) -> None:
        """Another recording: its own ground, seen as a whole."""
        before = self._recording
        self._recording = recording
        problem = recording.header["problem"]
        native = problem["dim"] <= 2 and problem["window"] is not None
        same = before is not None and before.header["problem"] == problem
        if not same:
            self.state.log_scale = bool(problem["log_scale"])
        if self.state.plane == "native" and not native:
            self.state.plane = "pca"
        elif native and not same:
            self.state.plane = "native"
        if same and isinstance(self._ground, NativeGround):
            self._paths.clear()
            return  # the same landscape under other paths
        self._new_ground()

    def _new_ground(self) -> None:
        """Forget the surface; find out what the plane is, and ask for it."""
        problem = self._recording.header["problem"]
        self._paths.clear()
        self._surface = self._shown_partial = self._asked = None
        self._framed = False
        self._heat.hide()
        self._profile.setData([], [])
        if self.state.plane == "native" and problem["dim"] <= 2:
            self._ground = NativeGround(problem)
        else:
            lane = self.state.lane or next(iter(self._recording.lanes), "")
            self._ground = PlaneGround(self.state.plane, lane, self.state.run, self.state.cursor)
        self._plot.set_titles(bottom=self._ground.titles[0], left=self._ground.titles[1])
        one = problem["dim"] == 1
        self._plot.getPlotItem().setAspectLocked(not one)
        self._marks.set_optima(problem["optima"] if self._ground.exact else [], flat=one)
        self._marks.set_window(problem["window"] if self._ground.exact else None)
        if self._ground.window is not None:
            self._frame(self._ground.window)
        self._ask()

    def _frame(self, window: tuple) -> None:
        """Show a rectangle, and a little around it."""
        self._framed = True
        (left, right), (low, high) = window
        self._plot.getPlotItem().setRange(
            xRange=(left, right), yRange=(low, high), padding=0.02, disableAutoRange=True
        )

    @Slot()
    def _ask(self) -> None:
        """Ask for the surface of what is seen."""
        if self._ground is None or not self.isVisible():
            return
        window = self._seen() if self._framed else None
        if window is not None and window == self._asked:
            return
        self._asked = window
        self.bridge.post("ask", "surface", KEY, self._ground.request(window), key=("ask", *KEY))

    def _seen(self) -> tuple:
        box = self._plot.getPlotItem().getViewBox()
        (left, right), (low, high) = box.viewRange()
        return ((float(left), float(right)), (float(low), float(high)))

    def _take_surface(self) -> None:
        """Draw what the engine knows of the surface by now."""
        partial = self.bridge.frame.partials.get(KEY)
        if partial is None or partial is self._shown_partial:
            return
        self._shown_partial = partial
        surface = self._surface = partial.value
        if isinstance(self._ground, PlaneGround):
            if not hasattr(surface, "plane"):
                return  # an answer from before the plane was chosen
            if self._ground.plane is None:
                self._ground.plane = surface.plane
                self._paths.clear()
            if not self._framed:
                ends = ((surface.x[0], surface.x[-1]), (surface.y[0], surface.y[-1]))
                self._frame(ends)
                self._asked = self._seen()
        if not hasattr(surface, "y"):  # a problem of one variable
            self._profile.setData(surface.x, surface.loss)
            self._fit_profile(surface.loss)
            return
        self._heat.show(surface.x, surface.y, surface.painted(), log=self.state.log_scale)

    def _fit_profile(self, loss: np.ndarray) -> None:
        finite = loss[np.isfinite(loss)]
        if len(finite) and not self._fitted(finite):
            room = 0.06 * (finite.max() - finite.min()) or 1.0
            self._plot.setYRange(finite.min() - room, finite.max() + room, padding=0)

    def _fitted(self, finite: np.ndarray) -> bool:
        (_, _), (low, high) = self._plot.getPlotItem().getViewBox().viewRange()
        span = finite.max() - finite.min()
        return low <= finite.min() and high >= finite.max() and high - low < 1.5 * span

    # -- paths ---------------------------------------------------------------------------------

    def _path(self, name: str) -> LanePath:
        record = self.recording.records[name]
        path = self._paths.get(name)
        if path is None or path.record is not record or path.ground is not self._ground:
            path = self._paths[name] = LanePath(record, self._ground)
        return path

    def _draw_path(self, name: str, place: int, points: np.ndarray) -> None:
        curve = self._curves.get(name)
        if curve is None:
            curve = self._curves[name] = pg.PlotCurveItem(connect="finite", antialias=True)
            curve.setZValue(2)
            self._plot.addItem(curve, ignoreBounds=True)
        colour = pg.mkColor(self.theme.lane(place))
        if points.shape[1] > 1:
            colour.setAlphaF(FAINT)
        curve.setPen(pg.mkPen(colour, width=2 if points.shape[1] == 1 else 1))
        curve.setData(*line(points), connect="finite")

    def _starts(self, name: str) -> np.ndarray:
        """Where the runs of a lane start, without those that are the same but for a swept knob."""
        record = self.recording.records[name]
        if record.parent is not None:
            return np.empty((0, 2))
        points = self._path(name).upto(0)[1]
        return points[0, : record.spec.runs] if len(points) else np.empty((0, 2))

    def _movable(self) -> bool:
        exact = self._ground is not None and self._ground.exact
        return exact and self._recording.header["problem"]["family"] != "network"

    # -- the strip of facts -----------------------------------------------------------------------

    def _facts(self, cursor: int) -> list[tuple[str, str]]:
        """What is true about the picture."""
        header = self._recording.header["problem"]
        facts = [("plane", self._ground.text)]
        record = self._recording.records.get(self.state.lane)
        theta = record.at("theta", cursor) if record is not None else None
        if theta is not None and self.state.run < len(theta[1]):
            point = theta[1][self.state.run]
            loss = float(record.at("loss", theta[0])[1][self.state.run])
            facts.append(("off-plane", _number(self._ground.off(point))))
            facts.append(("loss at cursor", _number(loss)))
            if not self._ground.exact:
                facts.append(("on the plane", _number(self._plane_loss(point))))
        facts.append(("data", header["data"] or "all"))
        facts.append(("seed", str(self._recording.experiment.seed)))
        if header["trouble"]:
            facts.append(("note", header["trouble"]))
        return facts

    def _plane_loss(self, point: np.ndarray) -> float:
        """The loss of the plane's picture where a point's shadow falls."""
        if self._surface is None or self._ground.plane is None:
            return np.nan
        at = self._ground.place(point[None, None], np.zeros((1, 1)))[0, 0]
        return bilinear(self._surface.x, self._surface.y, self._surface.loss, tuple(at))

    # -- mouse -----------------------------------------------------------------------------------

    @Slot(object)
    def _point(self, where: QPointF) -> None:
        if self._ground is None:
            return
        at = self._plot.getPlotItem().getViewBox().mapSceneToView(where)
        text = f"x {at.x():.4g}   y {at.y():.4g}"
        surface = self._surface
        if surface is not None and hasattr(surface, "y"):
            loss = bilinear(surface.x, surface.y, surface.loss, (at.x(), at.y()))
            text += "" if np.isnan(loss) else f"   loss ≈ {loss:.4g}"
        self.pointed.emit(text.replace("-", "−"))

    @Slot(object)
    def _click(self, event: Any) -> None:
        if event.button() != Qt.MouseButton.LeftButton or not self._movable():
            return
        box = self._plot.getPlotItem().getViewBox()
        if box.sceneBoundingRect().contains(event.scenePos()):
            at = box.mapSceneToView(event.scenePos())
            self._marks.move_selected((at.x(), at.y()))

    @Slot(object)
    def _tell_moved(self, starts: dict[str, list]) -> None:
        """Pass on where starts were moved to, in the problem's own variables."""
        dim = self._recording.header["problem"]["dim"]
        self.starts_moved.emit({n: [row[:dim] for row in rows] for n, rows in starts.items()})

    @Slot()
    def _view_moved(self) -> None:
        if self._framed:
            self._settle.start()

    # -- what the user chose ---------------------------------------------------------------------

    def _plane_chosen(self, plane: str) -> None:
        wanted = (
            "native"
            if isinstance(self._ground, NativeGround)
            else getattr(self._ground, "kind", "")
        )
        if self._recording is not None and plane != wanted:
            self._new_ground()
            self.outdated()

    def _scale_chosen(self, log: bool) -> None:
        self._shown_partial = None
        self.outdated()

    def _colours_chosen(self, name: str) -> None:
        self._heat.set_colour_map(name)


def _number(value: float) -> str:
    return "…" if np.isnan(value) else f"{value:.3g}".replace("-", "−")

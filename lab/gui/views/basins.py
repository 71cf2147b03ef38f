"""The basin map of the landscape: asks for it, takes it as it comes, and is its menu."""

import time
from collections.abc import Callable
from typing import Any

from PySide6.QtCore import QObject, Signal, Slot
from PySide6.QtGui import QAction, QActionGroup
from PySide6.QtWidgets import QMenu, QToolButton, QWidget

from lab.engine.duration import duration
from lab.engine.messages import Trouble
from lab.gui.bridge import Bridge
from lab.gui.state import ViewState
from lab.gui.views.basin_picture import BasinPicture, Basins, legend
from lab.gui.views.measured import Measured
from lab.gui.views.survey import Window
from lab.gui.views.words import short

KEY = ("basins",)
SIDES = (64, 128, 256, 512)  # starts along the longer side of what is seen
SIDE = 256
OPACITIES = (25, 50, 75, 100)  # percent
OPACITY = 75
COLOURS = ("optimum reached", "steps taken")
REFINE = 0.3  # seconds between two pictures of a map that is on its way
PATIENCE = 1.0  # seconds between two times of asking for a map that was dropped
LATEST = 1 << 62
MOST_STEPS = 2000  # of a start, however long the experiment is


class BasinMaps(QObject):
    """The map of the selected lane's rule, if one is wanted."""

    changed = Signal()

    def __init__(
        self,
        bridge: Bridge,
        state: ViewState,
        picture: BasinPicture,
        seen: Callable[[], Window],
        parent: QWidget,
    ):
        """Begin without a map.

        Args:
            bridge: where maps are asked for.
            state: whether one is wanted, and of which lane.
            picture: where it is drawn.
            seen: tells which window of the landscape is seen, which is what is mapped.
            parent: Qt's owner.
        """
        super().__init__(parent)
        self.entries: list[tuple[str, str]] = []
        self._bridge, self._state, self._picture, self._seen = bridge, state, picture, seen
        self._measured = Measured("basin_map")
        self._side, self._opacity, self._by_steps = SIDE, OPACITY / 100, False
        self._asked = ""  # the lane whose map is on its way
        self._since = float("-inf")  # when it was asked for
        self._part: Any = None  # what was known of it when it was looked at last
        self._when = float("-inf")  # when that was
        self._last: dict[str, Any] = {}  # the last map of each lane
        self._drawn: tuple[Any, tuple] = (None, ())  # what the picture was made of
        self._recording: Any = None
        self.button = self._make_menu(parent)
        state.events.basins.connect(self._switched)
        state.events.lane.connect(self._lane_chosen)

    @property
    def text(self) -> str:
        """What is under way, or what the map was made with; empty where none is shown."""
        if not self._state.basins:
            return ""
        if self._asked:
            partial = self._bridge.frame.partials.get(KEY)
            return f"computing … {100 * partial.done:.0f} %" if partial is not None else "waits"
        found = self._last.get(self._state.lane)
        if found is None:
            return ""
        knob = next(iter(found.knobs), "")
        value = f", {knob} {short(found.knobs[knob])}" if knob else ""
        older = ", before a knob was turned" if self._is_older(found) else ""
        return f"{found.lane}{value}, {found.budget:,} steps{older}"

    def _is_older(self, found: Any) -> bool:
        """Whether a map was made with other knobs than those of the selected run at the cursor."""
        spec = self._recording.records[found.lane].spec
        if spec.lr_schedule is not None or spec.optimizer != found.optimizer:
            return spec.optimizer != found.optimizer
        run = min(self._state.run, spec.total_runs - 1)
        swept, now = spec.knobs_of(run), spec.knobs_at(self._state.cursor)
        now |= {name: value for name, value in swept.items() if isinstance(now[name], tuple)}
        return any(now.get(name) != value for name, value in found.knobs.items())

    def signature(self) -> Any:
        """What the picture depends on."""
        return id(self._source()), self._by_steps, self._opacity

    def look(self, *, seen: bool) -> None:
        """Draw what is known by now.

        Args:
            seen: whether the landscape stands on the variables themselves, as a map does.
        """
        recording = self._bridge.frame.recording
        if recording is not self._recording:
            self._recording, self._last = recording, {}
            self._expect("")
        self._measured.follow(recording)
        partial = self._bridge.frame.partials.get(KEY)
        if self._asked and partial is not None and partial.done >= 1:
            self._expect("")
            if isinstance(partial.value, Trouble):
                self._state.basins = False
        self._want()
        source = self._source() if seen else None
        look = self._by_steps, self._opacity
        if source is not self._drawn[0] or look != self._drawn[1]:
            self._drawn = source, look
            self._draw(source)

    def _draw(self, source: Any) -> None:
        self.entries = []
        if source is None:
            self._picture.clear()
            return
        basins = Basins.of(source)
        self._picture.show(basins, by_steps=self._by_steps, opacity=self._opacity)
        self.entries = legend(basins, by_steps=self._by_steps)

    def _source(self) -> Any:
        """The map to draw: the one on its way, the newest on record, or what was there before."""
        lane = self._state.lane
        if not self._state.basins or self._recording is None:
            return None
        partial, now = self._bridge.frame.partials.get(KEY), time.monotonic()
        if self._asked == lane and partial is not None and hasattr(partial.value, "near_x"):
            if partial is not self._part and (self._part is None or now - self._when > REFINE):
                self._part, self._when = partial, now
            return self._part.value
        found = self._found()
        if found is not None:
            self._last[lane] = found
        return self._last.get(lane)

    def _found(self) -> Any:
        """The newest map of the selected lane on record."""
        found = self._measured.newest(self._state.lane, LATEST)
        return found if found is not None and found.lane == self._state.lane else None

    # -- asking --------------------------------------------------------------------------------

    def _want(self) -> None:
        """Ask for the map of the selected lane, if there is none: it may have been run again."""
        lane = self._state.lane
        if (
            self._recording is not None
            and self._state.basins
            and self._asked != lane
            and lane in self._recording.lanes
            and self._found() is None
            and time.monotonic() - self._since > PATIENCE
        ):
            self._ask()

    def _ask(self) -> None:
        frame = self._bridge.frame
        if frame.readonly:
            return
        window = self._seen()
        wide, high = (float(ends[1] - ends[0]) for ends in window)
        sides = (max(2, round(self._side * side / max(wide, high))) for side in (wide, high))
        options = {
            "window": window,
            "lane": self._state.lane,
            "run": self._state.run,
            "step": self._state.cursor,
            "points": tuple(sides),
            "steps": max(1, min(MOST_STEPS, frame.target)),
        }
        self._expect(self._state.lane)
        self._since = time.monotonic()
        self._bridge.post("ask", "basins", KEY, options, key=("ask", *KEY))

    def _expect(self, lane: str) -> None:
        """A lane's map is on its way, or none."""
        self._asked, self._part = lane, None

    @Slot(object)
    def refused(self, answer: Any) -> None:
        """There is no such map: the notice says why."""
        if answer.command.name == "ask" and answer.command.args[1] == KEY:
            self._expect("")
            self._state.basins = False

    def _switched(self, on: bool) -> None:
        self._show.setChecked(on)
        self._since = float("-inf")
        if not on:
            self._cancel()
        self.changed.emit()

    def _lane_chosen(self, lane: str) -> None:
        self._since = float("-inf")
        self.changed.emit()

    # -- the menu ------------------------------------------------------------------------------

    def _make_menu(self, parent: QWidget) -> QToolButton:
        button = QToolButton(parent, objectName="flat", text="basins ▾")
        button.setToolTip("Which optimum the selected rule reaches from every start")
        button.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        menu = QMenu(button)
        menu.aboutToShow.connect(self._name_costs)
        self._show = menu.addAction("Show the map of the selected rule")
        self._show.setCheckable(True)
        self._show.triggered.connect(self._choose_shown)
        self._stop = menu.addAction("Cancel the map under way")
        self._stop.triggered.connect(self._cancel)
        menu.addSeparator()
        self._sizes = {side: menu.addAction("") for side in SIDES}
        for side, action in self._sizes.items():
            action.setData(side)
            action.triggered.connect(self._choose_side)
        menu.addSeparator()
        self._group(menu, COLOURS, "colour by {}", COLOURS[0], self._choose_colours)
        menu.addSeparator()
        self._group(menu, OPACITIES, "opacity {} %", OPACITY, self._choose_opacity)
        button.setMenu(menu)
        return button

    def _group(self, menu: QMenu, values: tuple, text: str, chosen: Any, slot: Any) -> None:
        group = QActionGroup(menu)
        for value in values:
            action = menu.addAction(text.format(value))
            action.setData(value)
            action.setCheckable(True)
            action.setChecked(value == chosen)
            group.addAction(action)
        group.triggered.connect(slot)

    @Slot()
    def _name_costs(self) -> None:
        """Say beforehand what a map costs."""
        steps = max(1, min(MOST_STEPS, self._bridge.frame.target))
        pace = self._seconds_a_step()
        self._stop.setEnabled(bool(self._asked))
        for side, action in self._sizes.items():
            made = side * side * steps
            time_text = f", about {duration(pace * made)}" if pace else ""
            action.setText(
                f"Map {side} × {side} starts of {steps:,} steps: {made / 1e6:,.1f} M{time_text}"
            )

    def _seconds_a_step(self) -> float:
        """Seconds that a step of a start took in the last map of the lane; 0 for not known."""
        found = self._found()
        if found is None:
            return 0.0
        return found.seconds / (found.label.size * found.budget)

    @Slot(bool)
    def _choose_shown(self, on: bool) -> None:
        self._state.basins = on

    @Slot()
    def _cancel(self) -> None:
        """Give up the map under way; what is known of it goes too."""
        if self._asked:
            self._expect("")
            self._since = float("inf")  # nobody asks again by itself
            self._bridge.post("cancel", KEY)
            self.changed.emit()

    @Slot()
    def _choose_side(self) -> None:
        self._side = self.sender().data()
        self._state.basins = True
        if self._state.lane in self._recording.lanes:
            self._ask()
        self.changed.emit()

    @Slot(QAction)
    def _choose_colours(self, action: QAction) -> None:
        self._by_steps = action.data() == COLOURS[1]
        self.changed.emit()

    @Slot(QAction)
    def _choose_opacity(self, action: QAction) -> None:
        self._opacity = action.data() / 100
        self.changed.emit()

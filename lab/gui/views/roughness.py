"""The roughness index over the run, with what tells a rough place from a mixed one beside it."""

from typing import Any

from PySide6.QtWidgets import QStackedLayout, QVBoxLayout, QWidget

from lab.gui.bridge import Bridge
from lab.gui.state import ViewState
from lab.gui.views.asking import STALE
from lab.gui.views.lines import MARKS, LinesPlot
from lab.gui.views.measured import Measured
from lab.gui.views.plot import reach
from lab.gui.views.probing import NOTHING, LaneProbing
from lab.gui.views.segments import Segments
from lab.gui.views.track import Track
from lab.gui.views.tracks import Pace, TracksPlot
from lab.gui.views.words import short
from lab.palette import Theme

_BIASES = {"zero": "biases fixed", "code": "biases along themselves"}  # what the lines do to them
_RESOLVED = 100.0  # a line's rise in units of rounding below which the index measures rounding


class Roughness(LaneProbing):
    """Index with its interval and mean of T·l against steps; the lines behind them at the cursor.

    The index alone misleads: it is 0 on a slope and in a symmetric bowl, and large where random
    lines see some of both. The mean of T·l says which it is, so it is always there too.
    """

    name = "roughness"
    title = "Roughness index"
    export_name = "roughness"
    every = 8
    probe = "roughness"
    empty = (
        "The roughness index along the run appears here: tick “Roughness index” under “Measure "
        "while running”, or measure at this step."
    )

    def __init__(self, bridge: Bridge, state: ViewState, parent: QWidget | None = None):
        """Begin empty."""
        super().__init__(bridge, state, parent, Measured(self.probe, _numbers))
        self._index = TracksPlot("index", floor=0.0)
        self._mean = TracksPlot("", marks=MARKS, caption="mean of T·l")
        self._index.hide_bottom()
        along = QWidget()
        column = QVBoxLayout(along)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self._index, 5)
        column.addWidget(self._mean, 6)
        self._lines = LinesPlot()
        for plot in (self._index, self._mean, self._lines):
            plot.set_note(NOTHING)
        self._stack = QStackedLayout(self)
        self._stack.addWidget(along)
        self._stack.addWidget(self._lines)
        tips = (
            "The index and the mean of T·l against steps, on the same random directions throughout",
            "The loss on the random lines at the cursor, and the histogram of T·l",
        )
        self._modes = Segments(("over time", "lines"), tips)
        self._modes.chosen.connect(self._look_again)
        self._along_key: Any = None  # what is drawn in each picture
        self._lines_key: Any = None
        self._pace = Pace()

    def header_widgets(self) -> list[QWidget]:
        """The switch between the run and the lines at one step."""
        return [self._modes]

    def set_theme(self, theme: Theme) -> None:
        """Take other colours."""
        super().set_theme(theme)
        for part in (self._index, self._mean, self._lines):
            part.set_theme(theme)
        self._along_key = self._lines_key = None

    def draw(self) -> None:
        """Draw the recording at the cursor."""
        if self.follow():
            self._along_key = self._lines_key = None
        over_time = self._modes.choice == "over time"
        self._stack.setCurrentIndex(0 if over_time else 1)
        found = self.newest()
        if self.waits(found):
            for part in (self._index, self._mean, self._lines):
                part.fade(STALE)
        elif over_time:
            self._draw_along()
        else:
            self._draw_lines(found)
        shown = found[0][1] if found else None
        words = [] if shown is None else self._about(shown)
        self.tell(shown, words, offered=not (over_time and found))

    def _draw_along(self) -> None:
        """Index and mean of all visible lanes."""
        lanes = self.ordered()
        end = reach(self.bridge.frame.head, self.bridge.frame.target)
        key = self._measured.count, lanes, end
        fresh = self._along_key is None
        if key != self._along_key and self._pace.allows(fresh):
            self._along_key = key
            index, mean = [], []
            for i, (place, lane) in reversed(list(enumerate(lanes))):
                steps, rows = self._measured.table(lane)
                if len(steps):
                    look = self.recording.records[lane].spec.title, self.theme.lane(place), i == 0
                    value, low, high, mean_tv = rows.T
                    index.append(Track(*look, steps, value, low=low, high=high))
                    mean.append(Track(*look, steps, mean_tv))
            self._index.set_note("" if index else self.reason())
            self._mean.setVisible(bool(index))
            self._mean.set_note("")
            self._index.show_tracks(index, end, at_once=fresh)
            self._mean.show_tracks(mean, end, at_once=fresh)
        elif key != self._along_key:
            self.outdated()
        self._index.show_cursor(self.state.cursor)
        self._mean.show_cursor(self.state.cursor)

    def _draw_lines(self, found: list[tuple[int, Any]]) -> None:
        """The lines of the selected lane's result at the cursor."""
        self._lines.set_note("" if found else self.reason())
        if not found:
            return
        place, result = found[0]
        key = id(result), self.opacity(result)
        if key != self._lines_key:
            jump, self._lines_key = self._lines_key is None, key
            self._lines.show_lines(result, self.theme.lane(place), key[1], at_once=jump)

    def _about(self, found: Any) -> list[str]:
        """What is known of a result, the most important first."""
        title = self.recording.records[found.lane].spec.title
        return [
            f"{len(found.total_variation)} lines, l = {found.radius:g}",
            f"{title}, step {found.step}: {short(found.index)}",
            f"95 % {short(found.index_low)} – {short(found.index_high)}",
            f"mean of T·l {short(found.mean_tv_l)}",
            "" if found.resolution > _RESOLVED else "near rounding: not to be trusted",
            _BIASES.get(found.info.get("bias"), ""),
        ]


def _numbers(found: Any) -> tuple[float, float, float, float]:
    """What is drawn against steps."""
    return found.index, found.index_low, found.index_high, found.mean_tv_l

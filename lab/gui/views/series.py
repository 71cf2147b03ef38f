"""Along the run: any number that measurements give, against steps, several side by side."""

from typing import Any

from PySide6.QtWidgets import QWidget

from lab.engine.duration import duration
from lab.gui.bridge import Bridge
from lab.gui.state import ViewState
from lab.gui.views.asking import STALE
from lab.gui.views.measured import Measured
from lab.gui.views.plot import reach
from lab.gui.views.probing import NOTHING, Probing
from lab.gui.views.series_choice import Choice
from lab.gui.views.series_grid import SeriesGrid
from lab.gui.views.series_menu import SeriesMenu
from lab.gui.views.track import Track, with_band
from lab.gui.views.tracked import Quantity, Tracked, probes, series_of
from lab.gui.views.tracks import Pace
from lab.palette import Theme

TOGETHER = "all lanes"  # who is measured where a probe looks at all lanes at once


class AlongRun(Probing):
    """One quantity of any probe, and others beside it where there is room."""

    name = "series"
    title = "Along the run"
    export_name = "series"
    every = 8

    def __init__(self, bridge: Bridge, state: ViewState, parent: QWidget | None = None):
        """Begin empty."""
        super().__init__(bridge, state, parent, Measured(""))
        self._tracked = Tracked()
        self._choice = Choice(self._tracked)
        self._grid = SeriesGrid(self)
        self._plots = self._grid.plots
        self._shown: list[Quantity] = []
        self._key: Any = None  # what is drawn
        self._pace = Pace()
        self._button = SeriesMenu(self._choice, self)
        self._button.changed.connect(self._look_again)

    def header_widgets(self) -> list[QWidget]:
        """What is drawn."""
        return [self._button]

    def set_theme(self, theme: Theme) -> None:
        """Take other colours."""
        super().set_theme(theme)
        self._grid.set_theme(theme)
        self._key = None

    def wish(self) -> dict[str, Any] | None:
        """The selected lane; nothing for a probe that looks at all lanes."""
        if not self.probe or self._choice.unfit(self.probe) or not self.lanes():
            return None
        if probes()[self.probe].factory.scope == "lanes":
            return {}
        return {"lane": self.ordered()[0][1]}

    def draw(self) -> None:
        """Draw the recording at the cursor."""
        self._tracked.follow(self.recording)
        self._choice.settle(self.recording)
        self._take_choice()
        if self.follow():
            self._key = None
        found = self._found()
        if self.waits(found):
            for plot in self._plots:
                plot.fade(STALE)
        else:
            self._draw_quantities()
        for plot in self._plots:
            plot.show_cursor(self.state.cursor)
        shown = found[0][1] if found else None
        self.tell(shown, self._about(shown))

    def _take_choice(self) -> None:
        """Follow the results of the probe that leads now."""
        lead = self._choice.lead
        self._button.look()
        self.empty = self._choice.why_empty()
        probe = "" if lead is None else lead.probe
        if probe != self.probe:
            self.probe = probe
            self._measured = (
                self._tracked.measured(probe, self.recording) if probe else Measured("")
            )

    def _found(self) -> list[tuple[int, Any]]:
        """The newest result of each visible lane at the cursor, then that of all together."""
        if not self.probe:
            return []
        found = self.newest()
        whole = self._measured.newest("", self.state.cursor)
        return found if whole is None else [*found, (-1, whole)]

    # -- what is drawn -------------------------------------------------------------------------

    def _draw_quantities(self) -> None:
        """The lead, and as many others as there is room for."""
        choice, lanes = self._choice, self.ordered()
        wanted = [] if choice.lead is None else [choice.lead, *choice.beside()]
        count, shape = self._grid.arranged(len(wanted))
        wanted = wanted[:count]
        end = reach(self.bridge.frame.head, self.bridge.frame.target)
        counts = tuple(self._tracked.measured(q.probe, self.recording).count for q in wanted)
        logs = tuple(choice.is_log(quantity) for quantity in wanted)
        size = self.width(), self.height()
        key = wanted, counts, logs, lanes, end, shape, size, self._is_coming()
        fresh = self._key is None
        if key == self._key:
            return
        if not self._pace.allows(fresh or wanted != self._shown or logs != self._key[2]):
            self.outdated()
            return
        self._key = key
        self._grid.place(count, shape)
        if not wanted:
            self._plots[0].show_nothing()
            self._plots[0].set_note(self.reason())
        for place, quantity in enumerate(wanted):
            plot, tracks = self._plots[place], self._tracks_of(quantity, lanes)
            look = {
                "log": logs[place],
                "room": self.height() // shape[0],
                "at_once": fresh or self._shown[place : place + 1] != [quantity],
                "named": not place and count > 1,
            }
            plot.show_series(series_of(quantity), tracks, end, **look)
            plot.set_note("" if tracks else NOTHING if place else self.reason())
        self._shown = wanted

    def _tracks_of(self, quantity: Quantity, lanes: list[tuple[int, str]]) -> list[Track]:
        """A quantity of all lanes, the selected one last; and that of all lanes together."""
        tracks = []
        for place, lane in [*reversed(lanes), (-1, "")]:
            numbers = self._tracked.numbers(quantity, lane, self.recording)
            if numbers is not None:
                steps, value, low, high = numbers
                strong = (place, lane) in lanes[:1]
                colour = self.theme.lane(place) if lane else self.theme.text
                thin = self._tracked.parts(quantity, lane, self.recording) if strong else ()
                look = self._title(lane), colour, strong
                tracks.append(Track(*look, steps, value, *thin, low=low, high=high))
        return tracks

    def _about(self, found: Any) -> list[str]:
        """What is known of the newest result, the most important first."""
        if not self.probe:
            return []
        words = [probes()[self.probe].title]
        if found is None:
            return words
        numbers = self._tracked.numbers(self._choice.lead, found.lane, self.recording)
        if numbers is not None:
            at = max(0, int((numbers.steps <= found.step).sum()) - 1)
            track = Track("", "", True, *numbers[:2], low=numbers.low, high=numbers.high)
            words.append(f"{self._title(found.lane)}, step {found.step}: {with_band(track, at)}")
            if series_of(self._choice.lead).parts:
                words.append("thin: its layers")
        return [*words, duration(found.seconds) if found.seconds else ""]

    def _title(self, lane: str) -> str:
        return self.recording.records[lane].spec.title if lane else TOGETHER

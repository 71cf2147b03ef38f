"""Along the run: any number that measurements give, against steps, several side by side."""

import math
from typing import Any

from PySide6.QtCore import Qt, Slot
from PySide6.QtGui import QAction, QActionGroup
from PySide6.QtWidgets import QGridLayout, QMenu, QToolButton, QWidget

from lab.gui.bridge import Bridge
from lab.gui.state import ViewState
from lab.gui.views.asking import STALE
from lab.gui.views.measured import Measured
from lab.gui.views.plot import reach
from lab.gui.views.probing import NOTHING, Probing
from lab.gui.views.series_plot import SeriesPlot, with_band
from lab.gui.views.tracked import Quantity, Tracked, probes, quantities, series_of
from lab.gui.views.tracks import Pace, Track
from lab.gui.views.words import short
from lab.palette import Theme

MOST = 6  # quantities at once
ROOM = (330, 150)  # pixels that each of several needs
NAME_WIDTH = 118  # pixels of the chosen quantity's name in the header
LISTED = 9  # measurements that are named where nothing was chosen
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
        self._lead: Quantity | None = None
        self._by_hand = ""  # a probe that was chosen although nothing plans it
        self._beside: list[Quantity] | None = None  # None for the others of the lead's probe
        self._logs: dict[Quantity, bool] = {}  # where the user decided
        self._asked = ""  # the probe that was asked for here
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setSpacing(0)
        self._plots = [SeriesPlot()]
        self._grid.addWidget(self._plots[0], 0, 0)
        self._shown: list[Quantity] = []
        self._key: Any = None  # what is drawn
        self._pace = Pace()
        self._cancel = QToolButton(self, text="Cancel", objectName="flat")
        self._cancel.setToolTip("Stop the measurement that was asked for here")
        self._cancel.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._cancel.clicked.connect(self._stop)
        self._cancel.hide()
        self._asking.asked.connect(self._note_asking)
        self._button = self._make_menu()
        self._name_choice()

    def header_widgets(self) -> list[QWidget]:
        """What stops a measurement, and what is drawn."""
        return [self._cancel, self._button]

    def set_theme(self, theme: Theme) -> None:
        """Take other colours."""
        super().set_theme(theme)
        for plot in self._plots:
            plot.set_theme(theme)
        self._key = None

    def wish(self) -> dict[str, Any] | None:
        """The selected lane; nothing for a probe that looks at all lanes."""
        if self._lead is None or self._unfit(self._lead.probe) or not self.lanes():
            return None
        if probes()[self._lead.probe].factory.scope == "lanes":
            return {}
        return {"lane": self.ordered()[0][1]}

    def draw(self) -> None:
        """Draw the recording at the cursor."""
        self._tracked.follow(self.recording)
        self._settle_choice()
        if self.follow():
            self._key = None
        found = self._found()
        waits = self.waits(found)
        if waits:
            for plot in self._plots:
                plot.fade(STALE)
        else:
            self._draw_quantities()
        for plot in self._plots:
            plot.show_cursor(self.state.cursor)
        shown = found[0][1] if found else None
        self.tell(shown, self._about(shown))
        asked = self._asked and self._asking.job(self.bridge.frame) is not None
        self._cancel.setVisible(bool(asked) and self._asked == self.probe)

    def _found(self) -> list[tuple[int, Any]]:
        """The newest result of each visible lane at the cursor, then that of all together."""
        if self._lead is None:
            return []
        found = self.newest()
        whole = self._measured.newest("", self.state.cursor)
        return found if whole is None else [*found, (-1, whole)]

    # -- what is drawn -------------------------------------------------------------------------

    def _draw_quantities(self) -> None:
        """The lead, and as many others as there is room for."""
        wanted, (rows, columns) = self._arranged()
        lanes = self.ordered()
        end = reach(self.bridge.frame.head, self.bridge.frame.target)
        counts = tuple(self._tracked.measured(q.probe, self.recording).count for q in wanted)
        logs = tuple(self._is_log(quantity) for quantity in wanted)
        size = columns, self.height()
        key = wanted, counts, logs, lanes, end, size, self._is_coming()
        fresh = self._key is None
        if key == self._key:
            return
        if not self._pace.allows(fresh or wanted != self._shown or logs != self._key[2]):
            self.outdated()
            return
        self._key = key
        self._place(max(1, len(wanted)), columns)
        note = "" if self._tracks_of(self._lead, lanes) else self.reason()
        self._plots[0].set_note(note)
        named = []
        if not wanted:
            self._plots[0].show_nothing()
        for place, quantity in enumerate(wanted):
            plot, tracks = self._plots[place], self._tracks_of(quantity, lanes)
            jump = fresh or place >= len(self._shown) or self._shown[place] != quantity
            room = self.height() // rows
            look = {"log": logs[place], "room": room, "at_once": jump}
            plot.show_tracks(series_of(quantity), tracks, end, **look)
            if place:
                plot.set_note("" if tracks else NOTHING)
            elif rows * columns > 1 and len(tracks) > 1:
                named = [(track.colour, track.title) for track in reversed(tracks)]
        self._plots[0].set_legend(named)
        self._shown = wanted

    def _arranged(self) -> tuple[list[Quantity], tuple[int, int]]:
        """The quantities that there is room for, the lead first, and rows and columns."""
        if self._lead is None:
            return [], (1, 1)
        beside = quantities(self._lead.probe) if self._beside is None else self._beside
        there = [q for q in beside if q != self._lead and self._is_there(q)]
        columns = max(1, self.width() // ROOM[0])
        rows = max(1, self.height() // ROOM[1])
        wanted = [self._lead, *there][: min(MOST, rows * columns)]
        columns = min(columns, math.ceil(math.sqrt(len(wanted))))
        while math.ceil(len(wanted) / columns) > rows:
            columns += 1
        return wanted, (math.ceil(len(wanted) / columns), columns)

    def _place(self, count: int, columns: int) -> None:
        """Have so many plots, in so many columns."""
        while len(self._plots) < count:
            self._plots.append(SeriesPlot())
            self._plots[-1].set_theme(self.theme)
        for place, plot in enumerate(self._plots):
            self._grid.removeWidget(plot)
            if place < count:
                self._grid.addWidget(plot, place // columns, place % columns)
            plot.setVisible(place < count)
        rows = math.ceil(count / columns)
        for place in range(MOST):
            self._grid.setColumnStretch(place, int(place < columns))
            self._grid.setRowStretch(place, int(place < rows))

    def _tracks_of(self, quantity: Quantity | None, lanes: list[tuple[int, str]]) -> list[Track]:
        """A quantity of all lanes, the selected one last; and that of all lanes together."""
        if quantity is None:
            return []
        tracks = []
        for place, lane in [*reversed(lanes), (-1, "")]:
            numbers = self._tracked.numbers(quantity, lane, self.recording)
            if numbers is not None:
                title, colour = TOGETHER, self.theme.text
                if lane:
                    title, colour = self._title(lane), self.theme.lane(place)
                strong = lane == self.state.lane
                steps, value, low, high = numbers
                tracks.append(Track(title, colour, strong, steps, value, low=low, high=high))
        return tracks

    def _about(self, found: Any) -> list[str]:
        """What is known of the newest result, the most important first."""
        if self._lead is None:
            return []
        entry, words = probes()[self._lead.probe], []
        if found is None:
            return [entry.title]
        numbers = self._tracked.numbers(self._lead, found.lane, self.recording)
        if numbers is not None:
            at = max(0, int((numbers.steps <= found.step).sum()) - 1)
            track = Track("", "", True, *numbers[:2], low=numbers.low, high=numbers.high)
            who = self._title(found.lane) if found.lane else TOGETHER
            words.append(f"{who}, step {found.step}: {with_band(track, at)}")
        words.append(_time(found.seconds))
        return [entry.title, *words]

    def _title(self, lane: str) -> str:
        return self.recording.records[lane].spec.title

    def _is_log(self, quantity: Quantity) -> bool:
        return self._logs.get(quantity, series_of(quantity).log)

    # -- what is chosen ------------------------------------------------------------------------

    def _settle_choice(self) -> None:
        """Keep what is chosen while there is any of it; else take what is measured."""
        offered = self._offered()
        if self._lead is None or self._lead.probe not in [*offered, self._by_hand]:
            planned = [plan.name for plan in self.recording.experiment.probes]
            first = [*(name for name in planned if name in offered), *offered]
            first.sort(key=lambda name: probes()[name].family == "Loss")  # it has its own panel
            self._choose(quantities(first[0])[0] if first else None)
        if self._lead is not None and not self._is_there(self._lead):
            there = [q for q in quantities(self._lead.probe) if self._is_there(q)]
            if there and self._lead.probe != self._by_hand:
                self._choose(there[0])
        if self._lead is None:
            self.empty = self._nothing_chosen()

    def _choose(self, quantity: Quantity | None) -> None:
        """Draw a quantity in the first place."""
        changed = quantity is None or self._lead is None or quantity.probe != self._lead.probe
        self._lead = quantity
        self.probe = "" if quantity is None else quantity.probe
        if changed and quantity is not None:
            self._measured = self._tracked.measured(quantity.probe, self.recording)
            self._asking.watch(quantity.probe)
            self.empty = self._not_measured(quantity.probe)
        elif quantity is None:
            self._measured = Measured("")
        self._name_choice()

    def _offered(self) -> list[str]:
        """The probes with tracks that are planned or on record."""
        planned = {plan.name for plan in self.recording.experiment.probes}
        return [name for name in probes() if name in planned or self._tracked.is_on_record(name)]

    def _is_there(self, quantity: Quantity) -> bool:
        """Whether any result has a quantity; while there is no result, it may yet come."""
        if quantity.probe not in probes():
            return False
        if not self._tracked.is_on_record(quantity.probe):
            return True
        lanes = [*self.recording.lanes, ""]
        return any(self._tracked.numbers(quantity, x, self.recording) is not None for x in lanes)

    def _unfit(self, probe: str) -> str:
        return self.recording.header["problem"]["unfit"].get(probe, "")

    def _not_measured(self, probe: str) -> str:
        """Why there is nothing of a probe that was chosen, and how to get it."""
        entry = probes()[probe]
        if reason := self._unfit(probe):
            return f"{entry.title}: {reason}."
        if entry.factory.by_hand:
            return f"“{entry.title}” takes long, and is measured when it is asked for."
        return (
            f"“{entry.title}” is not measured along this run: tick it under “Measure while "
            "running”, or measure at this step."
        )

    def _nothing_chosen(self) -> str:
        """What could be measured here."""
        fit = [entry.title for name, entry in probes().items() if not self._unfit(name)]
        more = ", …" if len(fit) > LISTED else ""
        names = ", ".join(title[0].lower() + title[1:] for title in fit[:LISTED])
        return (
            "Numbers that are measured along the run appear here: tick one under “Measure while "
            f"running” ({names}{more}), or choose one above and measure at this step."
        )

    # -- the menu ------------------------------------------------------------------------------

    def _make_menu(self) -> QToolButton:
        button = QToolButton(self, objectName="flat")
        button.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        button.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        menu = QMenu(button)
        menu.setToolTipsVisible(True)
        menu.aboutToShow.connect(self._fill_menu)
        button.setMenu(menu)
        return button

    def _name_choice(self) -> None:
        """Write what is chosen on the button."""
        text, tip = "choose", "Which number is drawn"
        if self._lead is not None:
            series = series_of(self._lead)
            text = series.title
            tip = f"{probes()[self._lead.probe].title}: {series.doc or series.title}"
        metrics = self._button.fontMetrics()
        cut = metrics.elidedText(text, Qt.TextElideMode.ElideRight, NAME_WIDTH)
        self._button.setText(f"{cut} ▾")
        self._button.setToolTip(tip)

    @Slot()
    def _fill_menu(self) -> None:
        """Offer what is measured, what could be, what stands beside, and the kind of axis."""
        menu = self._button.menu()
        menu.clear()
        if self.recording is None:
            return
        group = QActionGroup(menu)
        group.triggered.connect(self._picked)
        offered = self._offered()
        for name in offered:
            self._add_quantities(menu.addMenu(probes()[name].title), name, group)
        others = [n for n in probes() if n not in offered and not self._unfit(n)]
        if others:
            more = menu.addMenu("Measure by hand") if offered else menu
            for name in others:
                self._add_quantities(more.addMenu(probes()[name].title), name, group)
        if self._lead is None:
            return
        menu.addSeparator()
        self._add_beside(menu.addMenu("Beside it, where there is room"), offered)
        log = menu.addAction("logarithmic")
        log.setCheckable(True)
        log.setChecked(self._is_log(self._lead))
        log.toggled.connect(self._choose_log)

    def _add_quantities(self, menu: QMenu, probe: str, group: QActionGroup) -> None:
        menu.setToolTipsVisible(True)
        for quantity in quantities(probe):
            series = series_of(quantity)
            action = menu.addAction(series.title)
            action.setToolTip(series.doc)
            action.setCheckable(True)
            action.setChecked(quantity == self._lead)
            action.setEnabled(self._is_there(quantity))
            action.setData(quantity)
            group.addAction(action)

    def _add_beside(self, menu: QMenu, offered: list[str]) -> None:
        """The quantities that stand beside the lead, each to be ticked."""
        whole = menu.addAction("the others of its measurement")
        whole.setCheckable(True)
        whole.setChecked(self._beside is None)
        whole.triggered.connect(self._all_beside)
        menu.addSeparator()
        chosen = quantities(self._lead.probe) if self._beside is None else self._beside
        for name in offered:
            for quantity in quantities(name):
                if quantity == self._lead or not self._is_there(quantity):
                    continue
                text = f"{probes()[name].title}: {series_of(quantity).title}"
                action = menu.addAction(text)
                action.setCheckable(True)
                action.setChecked(quantity in chosen)
                action.setData(quantity)
                action.triggered.connect(self._turn_beside)

    @Slot(QAction)
    def _picked(self, action: QAction) -> None:
        quantity = Quantity(*action.data())
        self._by_hand = "" if quantity.probe in self._offered() else quantity.probe
        self._choose(quantity)
        self.outdated()

    @Slot()
    def _all_beside(self) -> None:
        self._beside = None
        self.outdated()

    @Slot()
    def _turn_beside(self) -> None:
        quantity = Quantity(*self.sender().data())
        now = quantities(self._lead.probe) if self._beside is None else self._beside
        kept = [q for q in now if q not in (quantity, self._lead)]
        self._beside = kept if quantity in now else [*kept, quantity]
        self.outdated()

    @Slot(bool)
    def _choose_log(self, log: bool) -> None:
        self._logs[self._lead] = log
        self.outdated()

    # -- asking --------------------------------------------------------------------------------

    @Slot()
    def _note_asking(self) -> None:
        """Something is asked for here, and can be stopped here."""
        self._asked = self.probe

    @Slot()
    def _stop(self) -> None:
        """Give up what was asked for."""
        self.bridge.post("cancel", ("probe", self._asked))
        self._asked = ""
        self.outdated()


def _time(seconds: float) -> str:
    """What a measurement took; empty where it is not known."""
    if not seconds:
        return ""
    return f"{short(1000 * seconds, 2)} ms" if seconds < 1 else f"{short(seconds, 2)} s"

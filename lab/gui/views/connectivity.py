"""Mode connectivity: what lies between two runs, or two steps of one."""

from types import SimpleNamespace
from typing import Any

from PySide6.QtCore import Qt, QTimer, Slot
from PySide6.QtWidgets import QSizePolicy, QStackedLayout, QToolButton, QVBoxLayout, QWidget

from lab.gui.bridge import Bridge
from lab.gui.state import ViewState
from lab.gui.theme import CAPTION_POINTS
from lab.gui.views import joined
from lab.gui.views.asking import STALE
from lab.gui.views.ends import EndsRow, run_box
from lab.gui.views.joined import WAYS, Run
from lab.gui.views.layers_plot import LayersPlot
from lab.gui.views.measured import Measured
from lab.gui.views.path_plot import CURVE, LINE, Ends, PathPlot
from lab.gui.views.probing import NOTHING, Probing
from lab.gui.views.ridge_plot import RidgePlot
from lab.palette import Theme

SETTLE_MS = 300  # after the last choice of a run, before its line is asked for
MODE_WIDTH = 74
MOST = 400  # runs in a list
ALONE = "A line needs two ends: give a lane more runs, add a lane, or hold one end at a step."


class Connectivity(Probing):
    """The loss between two runs: on the line, by layers, on a trained curve, and around it."""

    name = "connectivity"
    title = "Connectivity"
    export_name = "connectivity"
    every = 16
    probe = "connectivity"

    def __init__(self, bridge: Bridge, state: ViewState, parent: QWidget | None = None):
        """Begin empty."""
        self._sorted = {
            mode: Measured(way.result, key=joined.pair, wanted=joined.is_at_one_step)
            for mode, way in WAYS.items()
        }
        super().__init__(bridge, state, parent, self._sorted["line"])
        self._plot, self._layers, self._ridge = PathPlot(), LayersPlot(), RidgePlot()
        self._pages = {
            "line": self._plot,
            "layers": self._layers,
            "curve": self._plot,
            "ridge": self._ridge,
        }
        self._row = EndsRow()
        inside = QVBoxLayout(self)
        inside.setContentsMargins(0, 0, 0, 0)
        inside.setSpacing(0)
        inside.addWidget(self._row)
        self._stack = QStackedLayout()
        for page in (self._plot, self._layers, self._ridge):
            page.set_note(NOTHING)
            self._stack.addWidget(page)
        inside.addLayout(self._stack, 1)
        self._modes = run_box("What is shown of the two ends")
        for mode, way in WAYS.items():
            self._modes.addItem(mode)
            self._modes.setItemData(self._modes.count() - 1, way.tip, Qt.ItemDataRole.ToolTipRole)
        self._modes.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        self._modes.setFixedWidth(MODE_WIDTH)
        self._modes.textActivated.connect(self._switch)
        self._runs: list[Run] = []
        self._metric = QToolButton(objectName="segment")
        self._metric.setCheckable(True)
        self._metric.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._metric.setStyleSheet(f"padding: 1px 7px; font-size: {CAPTION_POINTS}px;")
        self._metric.toggled.connect(self._look_again)
        self._metric.hide()
        self._row.add(self._metric)
        self._row.chosen.connect(self._choose)
        self._settling = QTimer(self)
        self._settling.setSingleShot(True)
        self._settling.setInterval(SETTLE_MS)
        self._settling.timeout.connect(self._ask)
        self._chosen: tuple[Run, Run] | None = None  # what the user chose; None for what there is
        self._pointed: Any = None  # the pair in the state that was taken over
        self._key: Any = None  # what is drawn

    @property
    def mode(self) -> str:
        """What is shown of the two runs."""
        return self._modes.currentText()

    def header_widgets(self) -> list[QWidget]:
        """What is shown of the two ends."""
        return [self._modes]

    def set_theme(self, theme: Theme) -> None:
        """Take other colours."""
        super().set_theme(theme)
        for page in (self._plot, self._layers, self._ridge):
            page.set_theme(theme)
        self._key = None

    def signature(self) -> Any:
        """Also the pair that was chosen elsewhere, and what is known of a measurement under way."""
        return super().signature(), self.state.pair, id(self._partial())

    def wish(self) -> dict[str, Any] | None:
        """The two ends to join."""
        ends = self._ends()
        if ends is None or ends[0] == ends[1]:
            return None
        return {"kind": WAYS[self.mode].kind, "ends": ends}

    def request(self, wish: dict[str, Any]) -> tuple[str, dict[str, Any]]:
        """What lies between two points of the record, whatever their steps."""
        return "join", wish

    def reason(self) -> str:
        """Why there is nothing to see."""
        self.empty = WAYS[self.mode].empty
        return super().reason() if self.wish() is not None or len(self._runs) > 1 else ALONE

    def draw(self) -> None:
        """Draw the recording at the cursor."""
        if self.follow():
            self._key, self._chosen = None, None
            self._row.let_go()
        self._row.set_cursor(self.state.cursor)
        self._list_runs()
        self._take_pair()
        found = self._newest()
        pair = self._chosen or (joined.ends(found) if found is not None else tuple(self._runs[:2]))
        self._row.show_pair(pair)
        page, waits = self._pages[self.mode], self.waits(found)
        self._stack.setCurrentWidget(page)
        partial = self._partial()
        if partial is not None:
            self._draw_partial(partial, pair)
        elif found is not None:
            self._draw_found(found, pair)
        elif waits:
            page.fade(STALE)
        known = partial is not None or found is not None
        if not waits or known:
            page.set_note("" if known else self.reason())
        self._metric.setVisible(self._page_has_metric(found))
        exact = found is not None and self._row.is_held
        offered = not self._settling.isActive() and not exact
        self._asking.top = self._row.height()
        self.tell(found, joined.about(found, self.mode), offered=offered)
        if page is self._plot:
            self._place_legend(known)

    def _place_legend(self, known: bool) -> None:
        """Name the curves where they leave room, and where no other words are."""
        entries, corner = self._plot.legend() if known else ([], "top right")
        if self._asking.isVisibleTo(self):
            corner = corner.replace("top right", "top left")
        self._plot.set_legend(entries, corner)

    # -- what is drawn ---------------------------------------------------------------------------

    def _newest(self) -> Any:
        """The newest result at the cursor: of the chosen pair, or of any that is there."""
        cursor = self.state.cursor
        if self._row.is_held:
            return self._exact()
        if self._chosen:
            return self._measured.newest(frozenset(self._chosen), cursor)
        lanes = set(self.recording.lanes)
        present = [key for key in self._measured if {lane for lane, _ in key} <= lanes]
        found = [self._measured.newest(key, cursor) for key in present]
        return max((one for one in found if one is not None), key=lambda r: r.step, default=None)

    def _exact(self) -> Any:
        """The result between just these ends, where one is held at a step of its own."""
        wanted = frozenset(self._ends() or ())
        name = WAYS[self.mode].result
        for result in reversed(self.recording.results):
            if result.name == name and frozenset(joined.places(result)) == wanted:
                return result
        return None

    def _partial(self) -> Any:
        """What is known of a curve or a ridge that was asked for and is under way."""
        return self.partial() if self.mode in ("curve", "ridge") else None

    def _draw_found(self, found: Any, pair: tuple[Run, Run]) -> None:
        """A result between a pair of runs."""
        quantity = self._quantity(found)
        key = id(found), self.opacity(found), quantity, pair, self.mode
        if key == self._key:
            return
        jump, self._key = self._key is None or self._key[2:] != key[2:], key
        flipped = pair[0] != joined.ends(found)[0]
        if self.mode == "layers":
            self._layers.show_layers(found, key[1], at_once=jump)
        elif self.mode == "ridge":
            own = joined.ends(found)
            titles = tuple(self._title(run) for run in own)
            self._ridge.show_ridge(found, titles, self._colours(own), key[1])
        else:
            kinds = LINE if self.mode == "line" else CURVE
            ends = self._named(pair, flipped=flipped, found=found)
            self._plot.show_path(found, quantity, ends, key[1], at_once=jump, kinds=kinds)

    def _draw_partial(self, value: Any, pair: tuple[Run, Run]) -> None:
        """What is known so far: the curve being trained, or a coarse surface."""
        self._key = None
        if self.mode == "ridge":
            self._ridge.show_coarse(value.x, value.y, value.painted())
            return
        arrays = {"t": value.t, "loss": value.loss, **value.metrics}
        so_far = SimpleNamespace(arrays=arrays, info={"barrier": value.barrier})
        ends = self._named(pair, flipped=False, found=None)
        quantity = self._quantity(so_far)
        self._plot.show_path(so_far, quantity, ends, 1.0, at_once=False, kinds=CURVE)

    def _quantity(self, found: Any) -> str:
        """What is drawn of a path: the loss, or the metric if that is chosen."""
        names = joined.metrics(found) if self.mode in ("line", "curve") else []
        if names:
            self._metric.setText(names[0])
        return names[0] if names and self._metric.isChecked() else "loss"

    def _page_has_metric(self, found: Any) -> bool:
        return (
            found is not None
            and self._pages[self.mode] is self._plot
            and bool(joined.metrics(found))
        )

    def _named(self, pair: tuple[Run, Run], *, flipped: bool, found: Any) -> Ends:
        """Names and colours of the two ends; with their steps where these differ."""
        steps = ("", "")
        if found is not None and not joined.is_at_one_step(found):
            told = [f", step {step:,}" for _, _, step in joined.places(found)]
            steps = tuple(reversed(told)) if flipped else tuple(told)
        words = [self._title(run) + step for run, step in zip(pair, steps, strict=True)]
        return Ends(*words, self._colours(pair), flipped)

    def _colours(self, pair: tuple[Run, Run]) -> tuple[str, str]:
        places = list(self.recording.records)
        return tuple(self.theme.lane(places.index(lane)) for lane, _ in pair)

    # -- the two runs ----------------------------------------------------------------------------

    def _list_runs(self) -> None:
        """Keep both lists up to date: all runs of all lanes."""
        records = self.recording.records
        runs = [(lane, run) for lane in self.recording.lanes for run in range(records[lane].runs)]
        # the first runs of all lanes before the second ones
        runs = sorted(runs, key=lambda item: item[1])[:MOST]
        if runs == self._runs:
            return
        self._runs, places = runs, list(records)
        ordered = sorted(runs, key=lambda item: (places.index(item[0]), item[1]))
        self._row.list_runs([(run, self._title(run, " #")) for run in ordered])
        if self._chosen and not set(self._chosen) <= set(runs):
            self._chosen = None

    def _take_pair(self) -> None:
        """Take over a pair that was chosen in another panel."""
        pair = self.state.pair
        if pair != self._pointed:
            self._pointed = pair
            if pair is not None and set(pair) <= set(self._runs):
                self._row.let_go()
                self._row.show_pair(pair)
                self._chosen = pair
                self._ask_soon()

    def _ends(self) -> tuple[tuple[str, int, int], ...] | None:
        """Lane, run and step of both ends; None where a run is missing."""
        pair = self._row.pair
        if None in pair:
            return None
        steps = [self.state.cursor if step is None else step for step in self._row.held]
        return tuple((*run, step) for run, step in zip(pair, steps, strict=True))

    def _title(self, run: Run, join: str = " · run ") -> str:
        record = self.recording.records[run[0]]
        return record.spec.title if record.runs == 1 else f"{record.spec.title}{join}{run[1] + 1}"

    @Slot()
    def _choose(self) -> None:
        """Ask for what lies between the two ends that are now chosen, if they differ."""
        pair = self._row.pair
        self._chosen = pair if self._row.is_held or pair[0] != pair[1] else None
        if self._chosen:
            self._ask_soon()
        else:
            self._settling.stop()
        self.outdated()

    def _ask_soon(self) -> None:
        """Ask when the choice has settled, unless it is there already or takes long."""
        newest = self._newest()
        there = newest and (newest.step == self.state.cursor or self._row.is_held)
        if WAYS[self.mode].quick and not there and self.wish() is not None:
            self._settling.start()
        else:
            self._settling.stop()

    @Slot(str)
    def _switch(self, mode: str) -> None:
        """Show something else of the two ends."""
        self._chosen = self._chosen or (None if None in self._row.pair else self._row.pair)
        self.probe = WAYS[mode].result
        self._measured = self._sorted[mode]
        if self.recording is not None:
            self._measured.follow(self.recording)
        self._key = None
        self.outdated()

"""Mode connectivity: what lies on the straight line between two runs."""

from typing import Any

from PySide6.QtCore import Qt, QTimer, Slot
from PySide6.QtGui import QPaintEvent
from PySide6.QtWidgets import (
    QComboBox,
    QStyle,
    QStyleOptionComboBox,
    QStylePainter,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from lab.gui.bridge import Bridge
from lab.gui.state import ViewState
from lab.gui.theme import CAPTION_POINTS
from lab.gui.views.asking import STALE
from lab.gui.views.measured import Measured
from lab.gui.views.path_plot import Ends, PathPlot
from lab.gui.views.probing import NOTHING, Probing
from lab.gui.views.words import short
from lab.palette import Theme

SETTLE_MS = 300  # after the last choice of a run, before its line is asked for
BOX_WIDTH = 86
_BOX_EDGES = 24  # pixels of it that are not for the text
MOST = 400  # runs in a list
ALONE = "A line needs two ends: give a lane more runs, or add a lane."

Run = tuple[str, int]  # a lane and the number of a run


class Connectivity(Probing):
    """Loss or a metric along the line between two runs, as trained and with units matched."""

    name = "connectivity"
    title = "Connectivity"
    export_name = "connectivity"
    every = 16
    probe = "connectivity"
    empty = (
        "The loss on the straight line between two runs appears here: choose them above, or "
        "measure at this step."
    )

    def __init__(self, bridge: Bridge, state: ViewState, parent: QWidget | None = None):
        """Begin empty."""
        super().__init__(bridge, state, parent, Measured(self.probe, key=_pair))
        self._plot = PathPlot()
        self._plot.set_note(NOTHING)
        inside = QVBoxLayout(self)
        inside.setContentsMargins(0, 0, 0, 0)
        inside.addWidget(self._plot)
        self._runs: list[Run] = []
        self._places: dict[Run, int] = {}  # in both lists
        self._boxes = [self._make_box(tip) for tip in ("Where the line begins", "Where it ends")]
        self._metric = QToolButton(objectName="segment")
        self._metric.setCheckable(True)
        self._metric.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._metric.setStyleSheet("padding: 2px 7px;")
        self._metric.toggled.connect(self._look_again)
        self._metric.hide()
        self._settling = QTimer(self)
        self._settling.setSingleShot(True)
        self._settling.setInterval(SETTLE_MS)
        self._settling.timeout.connect(self._ask)
        self._chosen: tuple[Run, Run] | None = None  # what the user chose; None for what there is
        self._key: Any = None  # what is drawn

    def header_widgets(self) -> list[QWidget]:
        """The two runs, and the metric in place of the loss."""
        return [*self._boxes, self._metric]

    def set_theme(self, theme: Theme) -> None:
        """Take other colours."""
        super().set_theme(theme)
        self._plot.set_theme(theme)
        self._key = None

    def wish(self) -> dict[str, Any] | None:
        """The two runs to join."""
        pair = tuple(box.currentData() for box in self._boxes)
        return {"runs": pair} if None not in pair and pair[0] != pair[1] else None

    def reason(self) -> str:
        """Why there is nothing to see."""
        return super().reason() if len(self._runs) > 1 else ALONE

    def draw(self) -> None:
        """Draw the recording at the cursor."""
        if self.follow():
            self._key, self._chosen = None, None
        self._list_runs()
        found = self._newest()
        pair = self._chosen or (_ends(found) if found is not None else tuple(self._runs[:2]))
        self._show_pair(pair)
        waits = self.waits(found)
        if found is not None:
            self._draw_path(found, pair)
        elif waits:
            self._plot.fade(STALE)
        if not waits:
            self._plot.set_note("" if found is not None else self.reason())
        self.tell(found, _about(found), offered=not self._settling.isActive())
        self._place_legend(found)

    def _place_legend(self, found: Any) -> None:
        """Name the curves where they leave room, and where no other words are."""
        entries, corner = self._plot.legend() if found is not None else ([], "top right")
        if self._asking.isVisibleTo(self):
            corner = corner.replace("top right", "top left")
        self._plot.set_legend(entries, corner)

    def _newest(self) -> Any:
        """The newest result at the cursor: of the chosen pair, or of any that is there."""
        cursor = self.state.cursor
        if self._chosen:
            return self._measured.newest(frozenset(self._chosen), cursor)
        lanes = set(self.recording.lanes)
        present = [key for key in self._measured if {lane for lane, _ in key} <= lanes]
        found = [self._measured.newest(key, cursor) for key in present]
        return max((one for one in found if one is not None), key=lambda r: r.step, default=None)

    def _draw_path(self, found: Any, pair: tuple[Run, Run]) -> None:
        """The line between a pair of runs, and the switch to what else is known along it."""
        names = metrics(found)
        self._metric.setVisible(bool(names))
        if names:
            self._metric.setText(names[0])
        quantity = names[0] if names and self._metric.isChecked() else "loss"
        key = id(found), self.opacity(found), quantity, pair
        if key == self._key:
            return
        jump, self._key = self._key is None or self._key[2:] != key[2:], key
        places = list(self.recording.records)
        colours = tuple(self.theme.lane(places.index(lane)) for lane, _ in pair)
        ends = Ends(*(self._title(run) for run in pair), colours, pair[0] != _ends(found)[0])
        self._plot.show_path(found, quantity, ends, key[1], at_once=jump)

    # -- the two runs ----------------------------------------------------------------------------

    def _list_runs(self) -> None:
        """Keep both lists up to date: all runs of all lanes."""
        records = self.recording.records
        runs = [(lane, run) for lane in self.recording.lanes for run in range(records[lane].runs)]
        # the first runs of all lanes before the second ones
        runs = sorted(runs, key=lambda item: item[1])[:MOST]
        if runs == self._runs:
            return
        self._runs, self._places = runs, {}
        places = list(records)
        for box in self._boxes:
            box.clear()
            for lane, run in sorted(runs, key=lambda item: (places.index(item[0]), item[1])):
                box.addItem(self._title((lane, run), " #"), (lane, run))
                self._places[lane, run] = box.count() - 1
            box.setEnabled(len(runs) > 1)
        if self._chosen and not set(self._chosen) <= set(runs):
            self._chosen = None

    def _show_pair(self, pair: tuple[Run, ...]) -> None:
        for box, run in zip(self._boxes, pair, strict=False):
            place = self._places.get(run, -1)
            if place != box.currentIndex():
                box.setCurrentIndex(place)  # no signal: the lists tell of the user's choices alone

    def _title(self, run: Run, join: str = " · run ") -> str:
        record = self.recording.records[run[0]]
        return record.spec.title if record.runs == 1 else f"{record.spec.title}{join}{run[1] + 1}"

    def _make_box(self, tip: str) -> QComboBox:
        box = _RunBox()
        box.setToolTip(tip)
        box.setFocusPolicy(Qt.FocusPolicy.ClickFocus)
        box.setFixedWidth(BOX_WIDTH)
        box.setStyleSheet(
            f"QComboBox {{ padding: 1px 0 1px 6px; font-size: {CAPTION_POINTS}px; }}"
            "QComboBox::drop-down { width: 16px; }"
        )
        box.activated.connect(self._choose)
        return box

    @Slot(int)
    def _choose(self, place: int) -> None:
        """Ask for the line between the two runs that are now chosen, if they differ."""
        pair = tuple(box.currentData() for box in self._boxes)
        self._chosen = pair if pair[0] != pair[1] else None
        newest = self._newest()
        if self._chosen and (newest is None or newest.step != self.state.cursor):
            self._settling.start()
        else:
            self._settling.stop()
        self.outdated()


class _RunBox(QComboBox):
    """A list whose choice ends in … where it does not fit."""

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw the box with as much of the text as there is room for."""
        painter, option = QStylePainter(self), QStyleOptionComboBox()
        self.initStyleOption(option)
        room = self.width() - _BOX_EDGES
        mode = Qt.TextElideMode.ElideRight
        option.currentText = self.fontMetrics().elidedText(option.currentText, mode, room)
        painter.drawComplexControl(QStyle.ComplexControl.CC_ComboBox, option)
        painter.drawControl(QStyle.ControlElement.CE_ComboBoxLabel, option)
        painter.end()


def metrics(found: Any) -> list[str]:
    """What a result has besides the loss, such as accuracy."""
    names = [name for name in found.arrays if not name.startswith("matched_")]
    return [name for name in names if name not in ("t", "loss")]


def _about(found: Any) -> list[str]:
    """What is known of a result, for the line of the card."""
    if found is None:
        return []
    words = [f"step {found.step}", f"distance {short(found.distance)}"]
    return [*words, found.info.get("unmatched", "")]


def _ends(found: Any) -> tuple[Run, Run]:
    """The runs that a result joins."""
    return (found.lane_a, found.run_a), (found.lane_b, found.run_b)


def _pair(found: Any) -> frozenset[Run]:
    """By what results are told apart: their ends, whichever comes first."""
    return frozenset(_ends(found))

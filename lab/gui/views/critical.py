"""Critical points: what a search around the runs found, index against loss."""

from typing import Any

import numpy as np
from PySide6.QtCore import Qt, Slot
from PySide6.QtWidgets import (
    QFormLayout,
    QLabel,
    QLineEdit,
    QMenu,
    QPushButton,
    QToolButton,
    QVBoxLayout,
    QWidget,
    QWidgetAction,
)

from lab.engine.messages import JobState, Trouble
from lab.gui.bridge import Bridge
from lab.gui.state import ViewState
from lab.gui.theme import CAPTION_POINTS
from lab.gui.views.asking import STALE
from lab.gui.views.base import View
from lab.gui.views.chip import progress
from lab.gui.views.heatmap import colour_table
from lab.gui.views.measured import Measured
from lab.gui.views.scatter import Scatter, Spot
from lab.gui.views.segments import Segments
from lab.gui.views.words import short
from lab.palette import Theme

KEY = ("critical_points",)
NAME = "critical_points"
STARTS, NOISE = "200", "0, 0.1, 0.3, 1"
EMPTY = (
    "Critical points of the loss appear here, their index against their loss: search for them "
    "around the runs with “search”, or with “measure” under “Measure while running”."
)
COLOURS = ("noise", "lane")
TIPS = (
    "Colours tell how much noise the start had that led there",
    "Colours tell around which lane the start was drawn",
)


class Critical(View):
    """Index against loss of the critical points around the runs."""

    name = "critical"
    title = "Critical points"
    export_name = "critical"
    every = 16

    def __init__(self, bridge: Bridge, state: ViewState, parent: QWidget | None = None):
        """Begin empty."""
        super().__init__(bridge, state, parent)
        self._measured = Measured(NAME, key=lambda result: "")
        self._plot = Scatter()
        self._plot.chosen.connect(self._choose)
        self._starts = self._line(STARTS, 46, "How many starts, around points of all runs' paths")
        self._noise = self._line(
            NOISE,
            104,
            "Noise of the starts, which takes turns: in half widths of the window, or in typical "
            "sizes of a parameter",
        )
        self._search = QPushButton("Search")
        self._search.clicked.connect(self._ask)
        self._open = QToolButton(objectName="flat", text="search ▾")
        self._open.setToolTip("Search around the paths of all runs, up to the cursor")
        self._open.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self._open.setMenu(self._make_menu())
        self._stop = QToolButton(objectName="flat", text="cancel")
        self._stop.clicked.connect(self._cancel)
        self._stop.hide()
        for button in (self._search, self._open, self._stop):
            button.setFocusPolicy(Qt.FocusPolicy.NoFocus)
            button.setCursor(Qt.CursorShape.PointingHandCursor)
        inside = QVBoxLayout(self)
        inside.setContentsMargins(0, 0, 0, 0)
        inside.addWidget(self._plot)
        self._colours = Segments(COLOURS, TIPS)
        self._colours.chosen.connect(self._look_again)
        self._asked: Any = None  # the recording that a search was asked for; None for none
        self._old: Any = None  # what was shared before that
        self._key: Any = None  # what is drawn
        self._chosen = -1
        self._shown: Any = None
        self._seen: Any = None
        bridge.refused.connect(self._refused)

    def header_widgets(self) -> list[QWidget]:
        """What asks for a search, or ends it, and what colours tell."""
        return [self._open, self._stop, self._colours]

    def set_theme(self, theme: Theme) -> None:
        """Take other colours."""
        super().set_theme(theme)
        self._plot.set_theme(theme)
        self._key = None

    def signature(self) -> Any:
        """Also how far the search is, and what the user chose."""
        frame = self.bridge.frame
        under_way = id(frame.partials.get(KEY)), self._progress(), KEY in frame.asked
        return super().signature(), under_way, self._colours.choice, self._chosen

    def draw(self) -> None:
        """Draw what is known of the critical points at the cursor."""
        self._measured.follow(self.recording)
        if self._seen is not self.recording:
            self._seen, self._asked, self._shown = self.recording, None, None
            self._forget()
        trouble = self._take()
        found = self._found()
        busy = self._asked is not None or bool(self._progress())
        self._open.setVisible(not busy)
        self._open.setEnabled(not self.bridge.frame.readonly)
        self._stop.setVisible(self._asked is not None or KEY in self.bridge.frame.asked)
        first = trouble or self._progress()
        self._plot.set_note("" if found is not None else EMPTY)
        if found is None:
            self._plot.show_spots((), (), -1, at_once=True)
            self.said.emit(first)
            return
        if found is not self._shown:
            self._shown, jump = found, self._shown is None
            self._forget()
        else:
            jump = False
        key = id(found), self._colours.choice, self._chosen, self.theme.name
        if key != self._key:
            self._key = key
            self._plot.show_spots(self._spots(found), known(found), self._chosen, at_once=jump)
            self._plot.set_legend(self._legend(found), "top left")
        standing = not self.bridge.frame.playing and found.step != self.state.cursor
        self._plot.fade(STALE if standing else 1.0)
        self.said.emit(" · ".join(word for word in (first, *self._about(found)) if word))

    # -- what there is -------------------------------------------------------------------------

    def _take(self) -> str:
        """See whether the search has ended; why it failed, if it did."""
        partial = self.bridge.frame.partials.get(KEY)
        if partial is None or partial.done < 1 or partial is self._old:
            return ""
        self._asked = None
        return partial.value.sentence if isinstance(partial.value, Trouble) else ""

    def _found(self) -> Any:
        """What the search has found so far, or the newest result at the cursor."""
        partial = self.bridge.frame.partials.get(KEY)
        new = self._asked is not None and partial is not None and partial is not self._old
        if new and hasattr(partial.value, "loss"):
            return partial.value
        return self._measured.newest("", self.state.cursor)

    def _progress(self) -> str:
        """How far the search is, in words."""
        job = self._job()
        if job is not None:
            return progress(job, "computing …")
        return "waits" if self._asked is not None else ""

    def _job(self) -> JobState | None:
        """The search that was asked for, or a planned one that is under way."""
        frame = self.bridge.frame
        planned = frame.job if frame.job is not None and frame.job.name == NAME else None
        return frame.asked.get(KEY, planned)

    def _spots(self, found: Any) -> list[Spot]:
        colours = self._spot_colours(found)
        lanes = [self._title(name) for name in found.lanes]
        rows = zip(
            found.loss, found.index, found.zeros, found.gradient_norm, found.reached, strict=True
        )
        return [
            Spot(
                float(loss),
                index / found.dim,
                colours[row],
                (
                    ("down", f"{index} of {found.dim}"),
                    ("flat", str(zeros)),
                    ("|∇f|", short(float(slope))),
                    ("reached by", f"{reached} of {found.tried}"),
                    ("noise", short(float(found.amplitude[row]))),
                    ("around", lanes[int(found.around[row])]),
                ),
            )
            for row, (loss, index, zeros, slope, reached) in enumerate(rows)
        ]

    def _spot_colours(self, found: Any) -> list[str]:
        """A colour for each point: of its lane, or of the noise of its start."""
        if self._colours.choice == "lane":
            places = list(self.recording.records)
            names = [found.lanes[int(lane)] for lane in found.around]
            return [
                self.theme.lane(places.index(name)) if name in places else self.theme.muted
                for name in names
            ]
        return [shade(value, found.amplitude) for value in found.amplitude]

    def _legend(self, found: Any) -> list[tuple[str, str]]:
        """What colours and rings mean, in one line: the panel is low."""
        entries = []
        if self._colours.choice == "noise":
            values = np.unique(found.amplitude)
            values = values if len(values) <= 4 else values[[0, -1]]
            words = [f"noise {short(float(values[0]), 2)}" if len(values) else ""]
            words += [short(float(value), 2) for value in values[1:]]
            colours = [shade(value, found.amplitude) for value in values]
            entries = list(zip(colours, words, strict=False))
        elif len(found.lanes) > 1:
            places = list(self.recording.records)
            there = [n for n in found.lanes if n in places]
            entries = [(self.theme.lane(places.index(n)), self._title(n)) for n in there[:4]]
        texts = [f'<span style="color:{colour}">━</span> {word}' for colour, word in entries[1:]]
        texts += ["○ known"] if known(found) else []
        if not entries:
            return [(self.theme.muted, texts[0])] if texts else []
        first, word = entries[0]
        return [(first, "&nbsp; ".join([word, *texts]))]

    def _title(self, lane: str) -> str:
        record = self.recording.records.get(lane)
        return lane if record is None else record.spec.title

    def _about(self, found: Any) -> list[str]:
        """What is known of the search, the most important first."""
        there = known(found)
        count = f"{len(found.loss)} critical point{'s' * (len(found.loss) != 1)}"
        words = [f"{count}, {len(there)} known" if there else count]
        if self._chosen >= 0:
            loss, alpha = float(found.loss[self._chosen]), found.index[self._chosen] / found.dim
            words.insert(0, f"chosen: loss {short(loss, 4)}, α {short(alpha)}")
        return [
            *words,
            f"step {found.step:,}",
            f"{found.tried} starts{'' if self._job() else f', {found.lost} lost'}",
            f"|∇f| < {short(found.tol)}",
            f"{found.hessians:,} Hessians",
        ]

    # -- asking --------------------------------------------------------------------------------

    @Slot()
    def _ask(self) -> None:
        """Search around the paths up to the cursor; what is wrong with a number is said."""
        try:
            starts = int(self._starts.text())
            noise = [float(word) for word in self._noise.text().split(",") if word.strip()]
        except ValueError:
            self.said.emit("starts: a whole number is needed; noise: numbers with commas between")
            return
        self._open.menu().hide()
        self._asked = self.recording
        self._old = self.bridge.frame.partials.get(KEY)  # of the search before
        options = {"step": self.state.cursor, "knobs": {"starts": starts, "noise": noise}}
        self.bridge.post("ask", NAME, KEY, options, key=("ask", *KEY))
        self.outdated()

    @Slot()
    def _cancel(self) -> None:
        """Give up the search; what it found so far goes too."""
        self._asked = None
        self.bridge.post("cancel", KEY)
        self.outdated()

    @Slot(object)
    def _refused(self, answer: Any) -> None:
        """There is no such search: the notice says why."""
        if answer.command.name == "ask" and answer.command.args[1] == KEY:
            self._asked = None
            self.outdated()

    @Slot(int)
    def _choose(self, number: int) -> None:
        """Mark a point here, and on a landscape of two variables."""
        self._chosen, point = number, None
        theta = getattr(self._shown, "theta", None)
        if number >= 0 and theta is not None and theta.shape[1] == 2:
            point = tuple(float(value) for value in theta[number])
        self.state.marked = point
        self.outdated()

    def _forget(self) -> None:
        """Nothing is chosen any more."""
        self._key = None
        if self._chosen >= 0:
            self._chosen = -1
            self.state.marked = None

    @Slot()
    def _look_again(self) -> None:
        self.outdated()

    def _make_menu(self) -> QMenu:
        """The knobs of a search."""
        menu, form = QMenu(self), QWidget()
        grid = QFormLayout(form)
        grid.setContentsMargins(12, 8, 12, 8)
        for word, line in (("starts", self._starts), ("noise", self._noise)):
            grid.addRow(QLabel(word, objectName="muted"), line)
        grid.addRow(self._search)
        action = QWidgetAction(menu)
        action.setDefaultWidget(form)
        menu.addAction(action)
        return menu

    def _line(self, text: str, width: int, tip: str) -> QLineEdit:
        line = QLineEdit(text, self)
        line.setFixedWidth(width)
        line.setToolTip(tip)
        line.setFocusPolicy(Qt.FocusPolicy.ClickFocus)
        line.setStyleSheet(f"padding: 1px 4px; font-size: {CAPTION_POINTS}px;")
        line.returnPressed.connect(self._ask)
        return line


def known(found: Any) -> list[tuple[float, float]]:
    """Loss and index over dim of the points that the problem knows."""
    if "known_loss" not in found.arrays:
        return []
    pairs = zip(found.known_loss, found.known_index, strict=True)
    return [(float(loss), float(index) / found.dim) for loss, index in pairs]


def shade(value: float, values: np.ndarray) -> str:
    """The colour of a noise among all of a search: evenly along the map, by rank."""
    ranks = np.unique(values)
    part = np.searchsorted(ranks, value) / max(1, len(ranks) - 1)
    return f"#{int(colour_table('viridis')[int(40 + 200 * part)]) & 0xFFFFFF:06x}"

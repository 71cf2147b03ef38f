"""The barriers between all runs at the cursor, as a heat map."""

from typing import Any

import numpy as np
from PySide6.QtCore import Qt, Slot
from PySide6.QtWidgets import QLabel, QStackedLayout, QToolButton, QVBoxLayout, QWidget

from lab.gui.bridge import Bridge
from lab.gui.state import ViewState
from lab.gui.theme import CAPTION_POINTS
from lab.gui.views.asking import STALE
from lab.gui.views.barrier_table import BarrierTable, Table
from lab.gui.views.joined import Run
from lab.gui.views.measured import Measured
from lab.gui.views.probing import Probing
from lab.gui.views.words import short
from lab.palette import Theme

MOST = 16  # runs that are compared, as the probe's knob has it
ALONE = "Barriers lie between runs: give a lane more runs, or add a lane."


class Barriers(Probing):
    """Loss or accuracy barrier of the straight line between every two runs."""

    name = "barriers"
    title = "Barriers"
    export_name = "barriers"
    every = 16
    probe = "barriers"
    empty = (
        "The barriers between all runs appear here: tick “Barrier matrix” under “Measure while "
        "running”, or measure at this step."
    )

    def __init__(self, bridge: Bridge, state: ViewState, parent: QWidget | None = None):
        """Begin empty."""
        super().__init__(bridge, state, parent, Measured(self.probe, key=_is_matched))
        self._table = BarrierTable()
        self._table.chosen.connect(self._choose)
        self._note = QLabel(objectName="muted")
        self._note.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._note.setWordWrap(True)
        self._note.setContentsMargins(24, 8, 24, 8)
        inside = QVBoxLayout(self)
        inside.setContentsMargins(0, 0, 0, 0)
        self._stack = QStackedLayout()
        self._stack.addWidget(self._table)
        self._stack.addWidget(self._note)
        inside.addLayout(self._stack)
        self._metric = _button("accuracy", "The metric's barrier in place of the loss's")
        self._matched = _button("matched", "With the hidden units permuted towards each other")
        self._metric.setCheckable(True)
        self._matched.setCheckable(True)
        self._metric.toggled.connect(self._look_again)
        self._matched.toggled.connect(self._look_again)
        self._metric.hide()

    def header_widgets(self) -> list[QWidget]:
        """Which barrier, of which networks."""
        return [self._metric, self._matched]

    def set_theme(self, theme: Theme) -> None:
        """Take other colours."""
        super().set_theme(theme)
        self._table.set_theme(theme)

    def signature(self) -> Any:
        """Also the pair that is looked at, and what is known of a measurement under way."""
        return super().signature(), self.state.pair, id(self._partial())

    def wish(self) -> dict[str, Any] | None:
        """All runs, matched or not."""
        runs = sum(record.runs for record in self._records())
        if runs < 2:
            return None
        return {"knobs": {"matched": "weights" if self._matched.isChecked() else "none"}}

    def reason(self) -> str:
        """Why there is nothing to see."""
        return super().reason() if self.wish() is not None else ALONE

    def draw(self) -> None:
        """Draw the recording at the cursor."""
        self.follow()
        found = self._measured.newest(self._matched.isChecked(), self.state.cursor)
        partial, waits = self._partial(), self.waits(found)
        table, opacity = None, 1.0
        if partial is not None:
            table = self._made(self._asked_runs(), _tables(partial), partial.metric)
        elif found is not None and set(_lanes(found)) <= set(self.recording.records):
            table = self._made(_runs(found), found.arrays, found.info["metric"])
            opacity = self.opacity(found)
        if table is not None or not waits:
            pair = frozenset(self.state.pair or ())
            self._table.show_table(table, pair, opacity)
            self._note.setText("" if table is not None else self.reason())
            self._stack.setCurrentIndex(0 if table is not None else 1)
        else:
            self._table.fade(STALE)
        self.tell(found, _about(found), offered=partial is None)

    # -- what is drawn ---------------------------------------------------------------------------

    def _made(self, runs: list[Run], arrays: Any, metric: str) -> Table:
        """A matrix with names and colours; the metric's if that is chosen."""
        self._metric.setVisible(bool(metric))
        if metric:
            self._metric.setText(metric)
        by_metric = bool(metric) and self._metric.isChecked()
        values = np.asarray(arrays["metric_barrier" if by_metric else "barrier"], np.float64)
        places = list(self.recording.records)
        titles = tuple(self._title(run) for run in runs)
        colours = tuple(self.theme.lane(places.index(lane)) for lane, _ in runs)
        tips = {}
        for i in range(len(runs)):
            for j in range(i + 1, len(runs)):
                if np.isfinite(values[i, j]):
                    tips[i, j] = _tip(arrays, metric, i, j)
        words = f"{metric} barrier" if by_metric else "loss barrier"
        return Table(tuple(runs), titles, colours, values, words, tips)

    def _partial(self) -> Any:
        """What is known of a measurement that was asked for and that is under way."""
        known = self.partial()
        barrier = getattr(known, "barrier", ())
        return known if len(barrier) == len(self._asked_runs()) else None

    def _asked_runs(self) -> list[Run]:
        """The runs that a measurement at the cursor compares, in its order."""
        alive = {}
        for lane in self.recording.lanes:
            record = self.recording.records[lane]
            gone = {r for r, where in record.diverged.items() if where.step <= self.state.cursor}
            alive[lane] = [run for run in range(record.runs) if run not in gone]
        longest = max(map(len, alive.values()), default=0)
        rounds = [
            (lane, runs[i]) for i in range(longest) for lane, runs in alive.items() if i < len(runs)
        ]
        return sorted(rounds[:MOST], key=lambda item: list(alive).index(item[0]))

    def _records(self) -> list[Any]:
        return [self.recording.records[lane] for lane in self.recording.lanes]

    def _title(self, run: Run) -> str:
        record = self.recording.records[run[0]]
        return record.spec.title if record.runs == 1 else f"{record.spec.title} #{run[1] + 1}"

    @Slot(object)
    def _choose(self, pair: tuple[Run, Run]) -> None:
        self.state.pair = pair
        self.outdated()


def _tables(partial: Any) -> dict[str, np.ndarray]:
    """The arrays of a matrix under way, by their names on record."""
    names = ("barrier", "barrier_chord", "distance", "metric_barrier")
    return {name: np.asarray(getattr(partial, name)) for name in names}


def _tip(arrays: Any, metric: str, i: int, j: int) -> str:
    """A pair in lines."""
    words = {
        "barrier": "barrier above the mean of the ends",
        "barrier_chord": "barrier above the chord",
        "metric_barrier": f"barrier of the {metric}",
        "distance": "distance",
    }
    return "\n".join(
        f"{word} {short(float(arrays[key][i, j]))}"
        for key, word in words.items()
        if key in arrays and np.isfinite(arrays[key][i, j])
    )


def _about(found: Any) -> list[str]:
    """What is known of a result, the most important first."""
    if found is None:
        return []
    matched = found.info["matched"]
    return [
        f"step {found.step}",
        f"{len(found.barrier)} runs, highest {short(found.highest)}",
        "" if matched == "none" else f"matched by {matched}",
        found.info.get("unmatched", ""),
        f"{found.evaluations:,} evaluations",
    ]


def _is_matched(found: Any) -> bool:
    """By what results are told apart: whether it was tried to match units."""
    return found.info["matched"] != "none" or "unmatched" in found.info


def _lanes(found: Any) -> list[str]:
    return found.info["lanes"].split("\n")


def _runs(found: Any) -> list[Run]:
    return [(lane, int(run)) for lane, run in zip(_lanes(found), found.run, strict=True)]


def _button(text: str, tip: str) -> QToolButton:
    button = QToolButton(objectName="segment", text=text)
    button.setToolTip(tip)
    button.setFocusPolicy(Qt.FocusPolicy.NoFocus)
    button.setStyleSheet(f"padding: 2px 7px; font-size: {CAPTION_POINTS}px;")
    return button

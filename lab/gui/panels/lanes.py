"""The cards of the lanes: colour, name, runs, knobs that act while it runs."""

from typing import Any

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtGui import QColor, QMouseEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QToolButton, QVBoxLayout, QWidget

from lab.engine.knobs import Knob, KnobField
from lab.engine.plan import Lane
from lab.gui.icons import icon
from lab.gui.panels.knob_form import KnobForm
from lab.palette import Theme, mixed

FIRST = 3  # knobs shown before the card is opened
_RUNS = KnobField(
    "runs", int, 1, Knob(1, 4096, doc="how many starts: each with its own seed, all in one batch")
)


class LaneCard(QFrame):
    """One lane."""

    knob_changed = Signal(str, str, object)  # lane, knob, value; while a live knob is turned
    knob_committed = Signal(str, str, object)  # once it is let go
    runs_committed = Signal(str, int)
    removed = Signal(str)
    hidden = Signal(str)
    chosen = Signal(str)
    complained = Signal(str)

    def __init__(self, lane: Lane, colour: str, theme: Theme, *, open_: bool):
        """Make the card.

        Args:
            lane: what the experiment says.
            colour: of the lane.
            theme: the other colours.
            open_: whether all knobs are shown.
        """
        super().__init__(objectName="laneCard")
        self.lane, self._colour, self._theme = lane, QColor(colour), theme
        self._selected = False
        inside = QVBoxLayout(self)
        inside.setContentsMargins(12, 6, 8, 7)
        inside.setSpacing(4)
        inside.addLayout(self._header())
        fields = lane.entry.knobs
        live = [item for item in fields if item.knob.live] or list(fields)
        first, rest = live[:FIRST], [item for item in fields if item not in live[:FIRST]]
        self._forms = [KnobForm(first, lane.knobs, sweeps=True)]
        self._rest = QWidget(objectName="bare")
        below = QVBoxLayout(self._rest)
        below.setContentsMargins(0, 0, 0, 0)
        below.setSpacing(3)
        if rest:
            self._forms.append(KnobForm(rest, lane.knobs, sweeps=True))
            below.addWidget(self._forms[-1])
        self._runs = KnobForm([_RUNS], {"runs": lane.runs}, sweeps=False)
        self._runs.committed.connect(self._commit_runs)
        below.addWidget(self._runs)
        inside.addWidget(self._forms[0])
        inside.addWidget(self._rest)
        for form in (*self._forms, self._runs):
            form.complained.connect(self.complained)
        for form in self._forms:
            form.changed.connect(self._change)
            form.committed.connect(self._commit)
        self._rest.setVisible(open_)
        self._show_state(visible=True)

    @property
    def is_open(self) -> bool:
        """Whether all knobs are shown."""
        return self._rest.isVisibleTo(self)

    def show_lane(self, lane: Lane, values: dict[str, Any]) -> None:
        """Show a changed spec of the same optimizer, with its knobs' present values."""
        self.lane = lane
        for form in self._forms:
            form.set_values(values)
        self._runs.set_values({"runs": lane.runs})
        self._count.setText(_count(lane))

    def show_state(self, *, visible: bool, selected: bool) -> None:
        """Show whether the lane is drawn, and whether it is selected."""
        self._selected = selected
        self._show_state(visible=visible)
        self.update()

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Select the lane."""
        self.chosen.emit(self.lane.name)

    def paintEvent(self, event: QPaintEvent) -> None:
        """The card, and its edge in the lane's colour."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        shade = 0.12 if self._selected else 0.0
        painter.setBrush(QColor(mixed(self._colour.name(), self._theme.field, shade)))
        painter.drawRoundedRect(self.rect(), 4, 4)
        painter.setBrush(self._colour)
        painter.drawRoundedRect(0, 0, 3, self.height(), 1.5, 1.5)
        painter.end()

    def _header(self) -> QHBoxLayout:
        row = QHBoxLayout()
        row.setSpacing(4)
        dot = QLabel(f'<span style="color:{self._colour.name()}">●</span>')
        row.addWidget(dot)
        row.addSpacing(2)
        title = QLabel(self.lane.title, objectName="title")
        title.setToolTip(self.lane.entry.summary)
        row.addWidget(title)
        self._count = QLabel(_count(self.lane), objectName="muted")
        row.addWidget(self._count)
        row.addStretch(1)
        self._eye = self._button("eye", "Draw this lane, or not", self._hide)
        self._more = self._button("plus", "All knobs and the number of runs", self._open)
        close = self._button("close", "Remove this lane", self._remove)
        for button in (self._eye, self._more, close):
            row.addWidget(button)
        return row

    def _button(self, name: str, tip: str, slot: Any) -> QToolButton:
        button = QToolButton(objectName="flat")
        button.setIcon(icon(name, self._theme, self._theme.muted))
        button.setToolTip(tip)
        button.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        button.clicked.connect(slot)
        return button

    def _show_state(self, *, visible: bool) -> None:
        self._eye.setIcon(icon("eye" if visible else "eye-off", self._theme, self._theme.muted))

    @Slot(str, object)
    def _change(self, knob: str, value: Any) -> None:
        self.knob_changed.emit(self.lane.name, knob, value)

    @Slot(str, object)
    def _commit(self, knob: str, value: Any) -> None:
        self.knob_committed.emit(self.lane.name, knob, value)

    @Slot(str, object)
    def _commit_runs(self, _: str, runs: int) -> None:
        self.runs_committed.emit(self.lane.name, runs)

    @Slot()
    def _hide(self) -> None:
        self.hidden.emit(self.lane.name)

    @Slot()
    def _open(self) -> None:
        self._rest.setVisible(not self._rest.isVisible())

    @Slot()
    def _remove(self) -> None:
        self.removed.emit(self.lane.name)


def _count(lane: Lane) -> str:
    """How many runs, and of what."""
    if lane.sweep:
        return f"{lane.total_runs} runs · sweep"
    return "1 run" if lane.runs == 1 else f"{lane.runs} seeds"

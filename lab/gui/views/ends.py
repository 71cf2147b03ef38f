"""Two ends to choose: a run each, at the cursor or held at a step of its own."""

from collections.abc import Sequence

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtGui import QPaintEvent
from PySide6.QtWidgets import (
    QComboBox,
    QHBoxLayout,
    QLabel,
    QSizePolicy,
    QStyle,
    QStyleOptionComboBox,
    QStylePainter,
    QToolButton,
    QWidget,
)

from lab.gui.theme import CAPTION_POINTS
from lab.gui.views.joined import Run

NARROW, BROAD = 64, 150  # pixels of a list
_BOX_EDGES = 24  # pixels of it that are not for the text
_HOLD = "hold"
_HOLD_TIP = "Hold this end at the step of the cursor, while the cursor moves on"


class EndsRow(QWidget):
    """The two ends of a path, with room for more controls behind them."""

    chosen = Signal()  # another run, or an end was held or let go

    def __init__(self):
        """Begin without runs."""
        super().__init__(objectName="bare")
        self.boxes = [run_box(tip) for tip in ("Where the path begins", "Where it ends")]
        self.holds = [_hold_button() for _ in self.boxes]
        self.places: dict[Run, int] = {}  # of the runs in both lists
        self._held: list[int | None] = [None, None]
        self._cursor = 0
        self._inside = QHBoxLayout(self)
        self._inside.setContentsMargins(8, 3, 8, 0)
        self._inside.setSpacing(3)
        for side, (box, hold) in enumerate(zip(self.boxes, self.holds, strict=True)):
            if side:
                self._inside.addWidget(QLabel("→", objectName="muted"))
            self._inside.addWidget(box, 2)
            self._inside.addWidget(hold)
            box.activated.connect(self._tell)
            hold.clicked.connect(self._switch_hold)
        self._inside.addStretch(1)

    def add(self, widget: QWidget) -> None:
        """Put another control at the end."""
        self._inside.addWidget(widget)

    @property
    def pair(self) -> tuple[Run | None, Run | None]:
        """The two runs that are chosen."""
        return tuple(box.currentData() for box in self.boxes)

    @property
    def held(self) -> tuple[int | None, int | None]:
        """The steps at which the ends are held; None for an end that stays with the cursor."""
        return tuple(self._held)

    @property
    def is_held(self) -> bool:
        """Whether an end is held at a step of its own."""
        return self._held != [None, None]

    def set_cursor(self, step: int) -> None:
        """Say where the cursor stands, which is where an end will be held."""
        self._cursor = step

    def list_runs(self, items: Sequence[tuple[Run, str]]) -> None:
        """Offer these runs, each with its name."""
        self.places = {run: place for place, (run, _) in enumerate(items)}
        for box in self.boxes:
            box.clear()
            for run, title in items:
                box.addItem(title, run)
            box.setEnabled(bool(items))
        self.let_go()

    def let_go(self) -> None:
        """Let both ends stay with the cursor."""
        self._held = [None, None]
        self._name_holds()

    def show_pair(self, pair: Sequence[Run]) -> None:
        """Show two runs as chosen; nobody is told."""
        for box, run in zip(self.boxes, pair, strict=False):
            place = self.places.get(run, -1)
            if place != box.currentIndex():
                box.setCurrentIndex(place)

    @Slot()
    def _tell(self) -> None:
        self.chosen.emit()

    @Slot()
    def _switch_hold(self) -> None:
        side = self.holds.index(self.sender())
        self._held[side] = self._cursor if self._held[side] is None else None
        self._name_holds()
        self.chosen.emit()

    def _name_holds(self) -> None:
        for hold, step in zip(self.holds, self._held, strict=True):
            hold.setText(_HOLD if step is None else f"@ {step:,}")
            hold.setChecked(step is not None)


class RunBox(QComboBox):
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


def run_box(tip: str) -> RunBox:
    """A small list with a sentence that says what it is for."""
    box = RunBox()
    box.setToolTip(tip)
    box.setFocusPolicy(Qt.FocusPolicy.ClickFocus)
    box.setMinimumWidth(NARROW)
    box.setMaximumWidth(BROAD)
    box.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
    box.setStyleSheet(
        f"QComboBox {{ padding: 1px 0 1px 6px; font-size: {CAPTION_POINTS}px; }}"
        "QComboBox::drop-down { width: 16px; }"
    )
    return box


def _hold_button() -> QToolButton:
    button = QToolButton(objectName="segment", text=_HOLD)
    button.setCheckable(True)
    button.setFocusPolicy(Qt.FocusPolicy.NoFocus)
    button.setToolTip(_HOLD_TIP)
    button.setStyleSheet(f"padding: 1px 4px; font-size: {CAPTION_POINTS}px;")
    return button

"""One measurement in the left column: whether it is made, how often, what it costs, its knobs."""

from collections.abc import Mapping
from typing import Any

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtGui import QFontMetrics
from PySide6.QtWidgets import QCheckBox, QHBoxLayout, QLabel, QToolButton, QVBoxLayout, QWidget

from lab.engine.probe_plan import ProbePlan
from lab.gui.panels.knob_form import KnobForm
from lab.gui.panels.section import Elided
from lab.gui.panels.typed import TypedLine
from lab.gui.theme import CAPTION_POINTS

CADENCE = "Steps from one measurement to the next"
CADENCE_WIDTH, COST_WIDTH, MORE_WIDTH = 46, 38, 20  # pixels
GAP = 4
INDENT = 22  # of knobs: as far as a tick box
HEIGHT = 22


class ProbeRow(QWidget):
    """A row, and the knobs under it once they are asked for.

    What takes long is measured when it is asked for: it has a button in place of box and cadence,
    and its knobs are its own, not the experiment's.
    """

    ticked = Signal()
    typed = Signal()  # another cadence
    turned = Signal(str, str, object)  # probe, knob, value
    asked = Signal(str, object)  # probe and knobs, for one that is measured by hand
    stopped = Signal(str)
    complained = Signal(str)

    def __init__(self, entry: Any, parent: QWidget):
        """Make the row; knobs come when they are opened.

        Args:
            entry: of the catalogue.
            parent: Qt's owner.
        """
        super().__init__(parent, objectName="bare")
        self.entry = entry
        self.by_hand = entry.factory is not None and entry.factory.by_hand
        self.knobs = {field.name: field.default for field in entry.knobs}
        self.form: KnobForm | None = None
        self._planned, self._reason, self._busy = False, "", False
        self._place = QVBoxLayout(self)
        self._place.setContentsMargins(0, 0, 0, 0)
        self._place.setSpacing(3)
        row = QHBoxLayout()
        row.setSpacing(GAP)
        self._place.addLayout(row)
        self.box = QCheckBox(self)
        self.box.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.box.clicked.connect(self._tick)
        self.label = Elided(self)  # in place of the box's text, which would not be cut
        self.label.setText(entry.title)
        row.addWidget(self.box)
        row.addWidget(self.label, 1)
        self.label.setMinimumHeight(HEIGHT)
        self.cadence = TypedLine(self, number=True, size=CAPTION_POINTS)
        self.cadence.show_text(str(ProbePlan.every))
        self.cadence.setFixedWidth(CADENCE_WIDTH)
        self.cadence.setToolTip(CADENCE)
        self.cadence.typed.connect(self.typed)
        self.cost = QLabel(self, objectName="muted")
        self.cost.setFixedWidth(COST_WIDTH)
        self.cost.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        self.cost.setToolTip("Share of the engine's time")
        self.measure = QToolButton(self, text="measure")
        self.measure.setStyleSheet(f"padding: 1px 7px; font-size: {CAPTION_POINTS}px;")
        self.measure.setToolTip("Measure at the step where the cursor stands: this takes a while")
        self.measure.clicked.connect(self._ask)
        self.more = QToolButton(self, objectName="flat", text="…")
        self.more.setCheckable(True)
        self.more.setFixedWidth(MORE_WIDTH)
        self.more.toggled.connect(self._open)
        for button in (self.measure, self.more):
            button.setFocusPolicy(Qt.FocusPolicy.NoFocus)
            button.setCursor(Qt.CursorShape.PointingHandCursor)
        for part in (self.measure, self.cadence, self.cost, self.more):
            row.addWidget(part)
        for part in (self.box, self.more):  # so that the columns stay in line
            keep = part.sizePolicy()
            keep.setRetainSizeWhenHidden(True)
            part.setSizePolicy(keep)
        self.show_plan(None, entry.error)

    def show_plan(self, plan: ProbePlan | None, reason: str) -> None:
        """Show whether it is planned, and grey what this problem does not allow.

        Args:
            plan: the experiment's; None where it is not measured along the way.
            reason: why it cannot be; empty if it can.
        """
        self._planned, self._reason = plan is not None, reason
        fit = not reason
        tip = reason or self.entry.summary
        for part in (self.box, self.label):
            part.setEnabled(fit)
            part.setToolTip(f"{self.entry.title}: {tip}" if part is self.label else tip)
        self.box.setChecked(plan is not None)
        self.box.setVisible(not self.by_hand or plan is not None)
        self.cadence.setVisible(plan is not None)
        self.cost.setVisible(plan is not None or bool(self.cost.text()))
        self.measure.setVisible(self.by_hand and plan is None)
        self.measure.setEnabled(fit)
        self.more.setVisible(bool(self.entry.knobs) and fit and (self._planned or self.by_hand))
        if not self.more.isVisibleTo(self) and self.more.isChecked():
            self.more.setChecked(False)
        self.more.setToolTip(f"The knobs of {self.entry.title}")
        if plan is not None:
            self.cadence.show_text(str(plan.every))
            self.cadence.setToolTip(CADENCE)
            self.knobs = dict(plan.knobs)
        if self.form is not None:
            self.form.set_values(self.knobs)

    def show_cost(self, text: str, done: float | None) -> None:
        """Show a share of the engine's time, or how far a measurement by hand is.

        Args:
            text: the share.
            done: of the measurement under way, from 0 to 1; None for none.
        """
        self._busy = done is not None and self.by_hand
        text = f"{100 * done:.0f} %" if self._busy else text
        if self.cost.text() != text:
            self.cost.setText(text)
            self.cost.setVisible(self._planned or bool(text))
        word = "cancel" if self._busy else "measure"
        if self.measure.text() != word:
            self.measure.setText(word)

    def mousePressEvent(self, event: Any) -> None:
        """A click on the title is one on the box."""
        if self.box.isVisible() and self.box.isEnabled() and self._is_title(event.position()):
            self.box.click()
        else:
            super().mousePressEvent(event)

    def _is_title(self, at: Any) -> bool:
        """Whether a place is on what is written of the title."""
        wide = QFontMetrics(self.label.font()).horizontalAdvance(self.label.text())
        area = self.label.geometry()
        area.setWidth(min(area.width(), wide))
        return area.contains(at.toPoint())

    @Slot()
    def _tick(self) -> None:
        self.ticked.emit()

    @Slot()
    def _ask(self) -> None:
        if self._busy:
            self.stopped.emit(self.entry.name)
        else:
            self.asked.emit(self.entry.name, dict(self.knobs))

    @Slot(bool)
    def _open(self, on: bool) -> None:
        """Show the knobs, made the first time."""
        if on and self.form is None:
            self.form = KnobForm(self.entry.knobs, self.knobs, sweeps=False, parent=self)
            self.form.layout().setContentsMargins(INDENT, 0, 0, 4)
            self.form.committed.connect(self._commit)
            self.form.complained.connect(self.complained)
            self._place.addWidget(self.form)
        if self.form is not None:
            self.form.setVisible(on)

    @Slot(str, object)
    def _commit(self, knob: str, value: Any) -> None:
        if self.knobs.get(knob) == value:
            return
        if self._planned:
            self.turned.emit(self.entry.name, knob, value)
        else:
            self.knobs = {**self.knobs, knob: value}


def grouped(entries: Mapping[str, Any], order: tuple[str, ...]) -> dict[str, list[Any]]:
    """Entries by their group, groups in a given order and others after them.

    Args:
        entries: of the catalogue.
        order: the names of the known groups.
    """
    found: dict[str, list[Any]] = {}
    known = {name: place for place, name in enumerate(order)}
    for entry in entries.values():
        found.setdefault(entry.family or "Other", []).append(entry)
    return dict(sorted(found.items(), key=lambda item: known.get(item[0], len(known))))

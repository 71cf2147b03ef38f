"""What is measured while it runs: the probes in groups, each with its cadence and what it costs."""

from collections.abc import Mapping
from typing import Any

from PySide6.QtCore import Signal, Slot
from PySide6.QtWidgets import QHBoxLayout, QLabel, QVBoxLayout, QWidget

from lab.engine.probe_plan import GROUPS, ProbePlan
from lab.gui.panels.probe_row import (
    CADENCE_WIDTH,
    COST_WIDTH,
    GAP,
    MORE_WIDTH,
    ProbeRow,
    grouped,
)


class Measures(QWidget):
    """One row a probe of the catalogue, under the headings of their groups."""

    planned = Signal(object)  # tuple of ProbePlan
    asked = Signal(str, object)  # a probe that is measured by hand, and its knobs
    stopped = Signal(str)
    complained = Signal(str)

    def __init__(self, entries: Mapping[str, Any], parent: QWidget):
        """Make the rows.

        Args:
            entries: the probes of the catalogue.
            parent: Qt's owner.
        """
        super().__init__(parent, objectName="bare")
        self._entries = entries
        self._plans: dict[str, ProbePlan] = {}
        self.rows: dict[str, ProbeRow] = {}
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(1)
        for number, (group, members) in enumerate(grouped(entries, GROUPS).items()):
            if number:
                column.addSpacing(5)
            column.addLayout(self._heading(group, first=not number))
            for entry in members:
                row = self.rows[entry.name] = ProbeRow(entry, self)
                row.ticked.connect(self._tell)
                row.typed.connect(self._tell)
                row.turned.connect(self._turn)
                row.asked.connect(self.asked)
                row.stopped.connect(self.stopped)
                row.complained.connect(self.complained)
                column.addWidget(row)

    def show_plans(self, plans: tuple[ProbePlan, ...], unfit: Mapping[str, str]) -> None:
        """Show what is measured, and grey what this problem does not allow.

        Args:
            plans: the experiment's.
            unfit: probe -> why it cannot measure this problem.
        """
        self._plans = {plan.name: plan for plan in plans}
        for name, row in self.rows.items():
            row.show_plan(self._plans.get(name), self._entries[name].error or unfit.get(name, ""))

    def show_costs(self, cost: Mapping[str, float], job: Any = None) -> None:
        """Show which share of the engine's time each probe took so far.

        Args:
            cost: seconds spent on "steps" and on each measurement.
            job: the measurement under way, None for none.
        """
        total = sum(cost.values())
        for name, row in self.rows.items():
            part = cost.get(name, 0.0)
            shown = total > 0 and (name in self._plans or (row.by_hand and part > 0))
            done = job.done if job is not None and job.name == name else None
            row.show_cost(share_text(part / total) if shown else "", done)

    def _heading(self, group: str, *, first: bool) -> QHBoxLayout:
        """The name of a group; the first one also names the columns."""
        line = QHBoxLayout()
        line.setSpacing(GAP)
        line.addWidget(QLabel(group, self, objectName="muted"), 1)
        if first:
            for word, width in (("every", CADENCE_WIDTH), ("time", COST_WIDTH)):
                label = QLabel(word, self, objectName="muted")
                label.setFixedWidth(width)
                label.setAlignment(label.alignment().AlignRight | label.alignment().AlignVCenter)
                line.addWidget(label)
            line.addSpacing(MORE_WIDTH + GAP)
        return line

    @Slot()
    def _tell(self) -> None:
        """Tell the plans that the rows stand for, unless one of them is none."""
        plans = []
        for name, row in self.rows.items():
            if not row.box.isChecked():
                continue
            old = self._plans.get(name)
            try:
                every = int(row.cadence.text())
                plans.append(ProbePlan(name, every, dict(old.knobs) if old else {}))
            except ValueError:
                text = row.cadence.text()
                sentence = f"every = {text!r}: a whole number of at least 1 is needed"
                row.cadence.refuse(sentence)
                self.complained.emit(sentence)
                return
            row.cadence.show_text(str(every), force=True)
        self._emit(plans)

    @Slot(str, str, object)
    def _turn(self, name: str, knob: str, value: Any) -> None:
        """A knob of a probe that is planned."""
        plans = dict(self._plans)
        plans[name] = ProbePlan(name, plans[name].every, {**plans[name].knobs, knob: value})
        self._emit(list(plans.values()))

    def _emit(self, plans: list[ProbePlan]) -> None:
        """Tell the plans if they are others; those that were there keep their order."""
        place = {name: number for number, name in enumerate(self._plans)}
        plans.sort(key=lambda plan: place.get(plan.name, len(place)))
        if tuple(plans) != tuple(self._plans.values()):
            self.planned.emit(tuple(plans))


def share_text(part: float) -> str:
    """A share in whole per cent; what is there, but less than that, is told so."""
    percent = 100 * part
    return "< 1 %" if 0 < percent < 0.5 else f"{percent:.0f} %"

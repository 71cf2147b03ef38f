"""The live table: every visible lane at the cursor, in numbers."""

from typing import Any

from PySide6.QtCore import QModelIndex, Slot
from PySide6.QtWidgets import QVBoxLayout, QWidget

from lab.engine.limits import is_of_hessian
from lab.gui.bridge import Bridge
from lab.gui.state import ViewState
from lab.gui.views.base import View
from lab.gui.views.best import Best
from lab.gui.views.lane_numbers import WAYS, LaneNumbers, lane_numbers, metric_of
from lab.gui.views.measured import Measured
from lab.gui.views.numbers_table import NumbersModel, NumbersTable
from lab.gui.views.segments import Segments
from lab.palette import Theme

_TIPS = (
    "Of several runs, the median of each number",
    "Of several runs, the one with the lowest loss so far",
    "Of several runs, the one that is selected",
)


class Numbers(View):
    """Loss, gradient, curvature and cost of all lanes."""

    name = "numbers"
    title = "Numbers"
    export_name = ""
    every = 16

    def __init__(self, bridge: Bridge, state: ViewState, parent: QWidget | None = None):
        """Begin empty."""
        super().__init__(bridge, state, parent)
        self._model = NumbersModel(self)
        self._table = NumbersTable(self._model, self)
        inside = QVBoxLayout(self)
        inside.setContentsMargins(4, 0, 4, 4)
        inside.addWidget(self._table)
        self._ways = Segments(WAYS, _TIPS)
        self._ways.chosen.connect(self._look_again)
        self._spectra = Measured("hessian_spectrum", wanted=is_of_hessian)
        self._evaluations = Measured("evaluation")
        self._best: dict[str, tuple[Any, Best]] = {}
        self._table.clicked.connect(self._choose)

    def header_widgets(self) -> list[QWidget]:
        """How several runs become one number."""
        return [self._ways]

    def set_theme(self, theme: Theme) -> None:
        """Take other colours."""
        super().set_theme(theme)
        self._model.set_theme(theme)

    def signature(self) -> Any:
        """Also how several runs become one."""
        return super().signature(), self._ways.choice

    def draw(self) -> None:
        """Fill the table."""
        for measured in (self._spectra, self._evaluations):
            measured.follow(self.recording)
        lanes = self.lanes()
        records = self.recording.records
        self._best = {name: self._kept(name) for _, name in lanes}
        self._ways.setVisible(any(records[name].runs > 1 for _, name in lanes))
        rows = [self._row(place, name) for place, name in lanes]
        found = [self._evaluations.newest(name, self.state.cursor) for _, name in lanes]
        metric = next((metric_of(one) for one in found if one is not None), "")
        self._model.show_rows(rows, metric)
        self._table.show_columns()
        chosen = [row.lane for row in rows]
        if self.state.lane in chosen:
            self._table.selectRow(chosen.index(self.state.lane))
        else:
            self._table.clearSelection()
        self.said.emit(f"at step {self.state.cursor}")

    def _kept(self, name: str) -> tuple[Any, Best]:
        """What keeps the lowest loss of a lane, made anew when the lane is run again."""
        record = self.recording.records[name]
        before = self._best.get(name)
        return before if before and before[0] is record else (record, Best(record))

    def _row(self, place: int, name: str) -> LaneNumbers:
        cursor = self.state.cursor
        record, keeper = self._best[name]
        best = keeper.upto(cursor)
        if best is None:
            self.outdated()  # a long record is read bit by bit
        return lane_numbers(
            place,
            record,
            cursor,
            self._ways.choice,
            self.state.run,
            best,
            self._spectra.newest(name, cursor),
            self._evaluations.newest(name, cursor),
        )

    @Slot(str)
    def _look_again(self, way: str) -> None:
        self.outdated()

    @Slot(QModelIndex)
    def _choose(self, index: QModelIndex) -> None:
        """Select the lane that was clicked."""
        self.state.lane = self._model.rows[index.row()].lane

"""The left column: the problem, the landscape, the lanes, and what is measured."""

from collections.abc import Mapping
from typing import Any

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from lab.engine.catalogue import Choice, choose
from lab.engine.experiment import Experiment
from lab.engine.plan import Lane
from lab.gui.bridge import Bridge
from lab.gui.document import Document
from lab.gui.panels.finder import Finder, Item
from lab.gui.panels.knob_form import KnobForm
from lab.gui.panels.lanes import LaneCard
from lab.gui.panels.measures import Measures
from lab.gui.state import ViewState
from lab.gui.views.base import View
from lab.palette import COLOUR_MAPS, Theme

PLANES = {
    "native": "the variables themselves",
    "random": "random, filter-normalised",
    "pca": "principal plane of the paths",
    "points": "through three points",
    "eigen": "top Hessian eigenvectors",
}
PRECISIONS = ("float32", "float64")
DEVICES = ("auto", "cpu", "cuda", "mps")


class ExperimentPanel(View):
    """What is run."""

    name = "experiment"
    title = "Experiment"
    every = 6

    complained = Signal(str)

    def __init__(self, bridge: Bridge, state: ViewState, document: Document):
        """Wait for the catalogue.

        Args:
            bridge: where experiments come from.
            state: selection and what the landscape shows.
            document: makes the changes.
        """
        super().__init__(bridge, state)
        self._document = document
        self._cards: dict[str, LaneCard] = {}
        self._problem_form: KnobForm | None = None
        self._problem_key: Any = None
        self._measures: Measures | None = None
        self._experiment: Experiment | None = None
        self._build()
        bridge.ready.connect(self._fill_measures)
        bridge.experiment_changed.connect(self._show)
        state.events.plane.connect(self._show_plane)
        state.events.log_scale.connect(self._show_log)
        state.events.lane.connect(self._show_selection)
        state.events.hidden.connect(self._show_selection)

    def signature(self) -> Any:
        """Only the costs change by themselves."""
        return self.bridge.frame.cost

    def draw(self) -> None:
        """Show what measurements cost."""
        if self._measures is not None:
            self._measures.show_costs(self.bridge.frame.cost)

    def set_theme(self, theme: Theme) -> None:
        """Take other colours."""
        super().set_theme(theme)
        self._cards_gone()
        if self._experiment is not None:
            self._show(self._experiment)

    # -- searching -----------------------------------------------------------------------------

    def findable(self) -> list[Item]:
        """Problems and optimizers, for the command palette."""
        return [*self._problem_items(), *self._optimizer_items()]

    def take(self, key: str) -> None:
        """Do what was chosen in a finder: "problem:NAME" or "optimizer:NAME"."""
        kind, _, name = key.partition(":")
        try:
            if kind == "problem":
                self._document.set_problem(choose("problem", name))
            else:
                self._document.add_lane(Lane(name))
        except ValueError as error:
            self.complained.emit(str(error))

    @Slot()
    def choose_problem(self) -> None:
        """Open the picker of problems."""
        self._find("Search problems", self._problem_items(), self._problem)

    @Slot()
    def choose_optimizer(self) -> None:
        """Open the picker of optimizers."""
        self._find("Search optimizers", self._optimizer_items(), self._add)

    def _find(self, hint: str, items: list[Item], below: QWidget) -> None:
        finder = Finder(hint, items, self.theme, self.window())
        finder.chosen.connect(self.take)
        finder.show_below(below)

    def _problem_items(self) -> list[Item]:
        return [
            Item(f"problem:{n}", e.title, e.family or "problem", e.summary, "", e.error)
            for n, e in self.bridge.catalogue.get("problem", {}).items()
            if n != "file"
        ]

    def _optimizer_items(self) -> list[Item]:
        unfit = self._unfit()
        return [
            Item(
                f"optimizer:{n}",
                e.title,
                e.family or "optimizer",
                e.summary,
                "",
                e.error or unfit.get(n, ""),
            )
            for n, e in self.bridge.catalogue.get("optimizer", {}).items()
        ]

    def _unfit(self) -> Mapping[str, str]:
        recording = self.recording
        return recording.header["problem"]["unfit"] if recording is not None else {}

    # -- building ------------------------------------------------------------------------------

    def _build(self) -> None:
        outside = QVBoxLayout(self)
        outside.setContentsMargins(0, 0, 0, 0)
        scroll = QScrollArea()
        scroll.setWidgetResizable(True)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        outside.addWidget(scroll)
        holder = QWidget(objectName="bare")
        self._column = QVBoxLayout(holder)
        self._column.setContentsMargins(12, 8, 12, 12)
        self._column.setSpacing(6)
        scroll.setWidget(holder)
        self._add_problem()
        self._add_landscape()
        self._add_numerics()
        self._column.addSpacing(4)
        self._column.addWidget(_section("Lanes"))
        self._lanes = QVBoxLayout()
        self._lanes.setSpacing(7)
        self._column.addLayout(self._lanes)
        self._add = QPushButton("+ Add optimizer", objectName="ghost")
        self._add.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._add.clicked.connect(self.choose_optimizer)
        self._column.addWidget(self._add)
        self._column.addSpacing(4)
        self._column.addWidget(_section("Measure while running"))
        self._measures_place = QVBoxLayout()
        self._column.addLayout(self._measures_place)
        self._column.addStretch(1)

    def _add_problem(self) -> None:
        self._column.addWidget(_section("Problem"))
        self._problem = QPushButton("…")
        self._problem.setStyleSheet("text-align: left; padding: 6px 9px;")
        self._problem.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._problem.clicked.connect(self.choose_problem)
        self._column.addWidget(self._problem)
        self._problem_knobs = QVBoxLayout()
        self._column.addLayout(self._problem_knobs)

    def _add_landscape(self) -> None:
        self._column.addWidget(_section("Landscape"))
        self._plane = QComboBox()
        self._plane.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        for plane, text in PLANES.items():
            self._plane.addItem(text, plane)
        self._plane.activated.connect(self._choose_plane)
        self._column.addWidget(self._plane)
        row = QHBoxLayout()
        self._log = QCheckBox("log scale")
        self._log.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._log.clicked.connect(self._choose_log)
        row.addWidget(self._log)
        row.addStretch(1)
        self._colours = QComboBox()
        self._colours.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._colours.addItems(list(COLOUR_MAPS))
        self._colours.textActivated.connect(self._choose_colours)
        row.addWidget(self._colours)
        self._column.addLayout(row)

    def _add_numerics(self) -> None:
        self._column.addWidget(_section("Precision · device"))
        row = QHBoxLayout()
        row.setSpacing(6)
        self._dtype, self._device = QComboBox(), QComboBox()
        for box, words, slot in (
            (self._dtype, PRECISIONS, self._choose_dtype),
            (self._device, DEVICES, self._choose_device),
        ):
            box.addItems(list(words))
            box.setFocusPolicy(Qt.FocusPolicy.NoFocus)
            box.textActivated.connect(slot)
            row.addWidget(box, 1)
        self._column.addLayout(row)

    @Slot(object)
    def _fill_measures(self, catalogue: Mapping[str, Any]) -> None:
        self._measures = Measures(catalogue["probe"])
        self._measures.planned.connect(self._document.set_probes)
        self._measures.complained.connect(self.complained)
        self._measures_place.addWidget(self._measures)

    # -- showing -------------------------------------------------------------------------------

    @Slot(object)
    def _show(self, experiment: Experiment) -> None:
        """Show an experiment."""
        self._experiment = experiment
        self._show_problem(experiment.problem)
        self._dtype.setCurrentText(experiment.dtype)
        self._device.setCurrentText(experiment.device.partition(":")[0])
        self._show_plane(self.state.plane)
        self._show_lanes()
        if self._measures is not None:
            self._measures.show_plans(experiment.probes, self._unfit())

    def _show_problem(self, problem: Any) -> None:
        header = self.recording.header["problem"]
        kind = (
            f"{header['family']}, {header['dim']:,} parameters"
            if header["dim"] > 2
            else (f"{header['family']}, {header['dim']}-D")
        )
        self._problem.setText(f"{header['title']}   ·   {kind}")
        self._problem.setToolTip("Choose another problem")
        key = getattr(problem, "name", None)
        if key != self._problem_key:
            self._problem_key = key
            _empty(self._problem_knobs)
            self._problem_form = None
            if isinstance(problem, Choice) and problem.entry().knobs:
                form = KnobForm(problem.entry().knobs, problem.knobs, sweeps=False)
                form.committed.connect(self._set_problem_knob)
                form.changed.connect(self._set_problem_knob)
                form.complained.connect(self.complained)
                self._problem_form = form
                self._problem_knobs.addWidget(form)
        elif self._problem_form is not None:
            self._problem_form.set_values(problem.knobs)

    def _show_lanes(self) -> None:
        """One card for each lane; cards that fit are kept, so that nothing jumps."""
        specs = {lane.name: lane for lane in self._experiment.lanes if self._at_work(lane.name)}
        fits = list(specs) == list(self._cards) and all(
            specs[n].optimizer == card.lane.optimizer for n, card in self._cards.items()
        )
        if not fits:
            opened = {name for name, card in self._cards.items() if card.is_open}
            self._cards_gone()
            for name, lane in specs.items():
                self._cards[name] = self._new_card(lane, open_=name in opened)
                self._lanes.addWidget(self._cards[name])
        for name, lane in specs.items():
            values = dict(lane.knobs)
            for change in lane.changes:
                values.update(change.knobs)
            self._cards[name].show_lane(lane, values)
        self._show_selection()

    def _at_work(self, lane: str) -> bool:
        record = self.recording.records.get(lane)
        return record is None or not record.removed

    def _new_card(self, lane: Lane, *, open_: bool) -> LaneCard:
        place = (
            list(self.recording.records).index(lane.name)
            if (lane.name in self.recording.records)
            else len(self._cards)
        )
        card = LaneCard(lane, self.theme.lane(place), self.theme, open_=open_)
        card.knob_changed.connect(self._turn_knob)
        card.knob_committed.connect(self._set_knob)
        card.runs_committed.connect(self._set_runs)
        card.removed.connect(self._document.remove_lane)
        card.hidden.connect(self.state.toggle)
        card.chosen.connect(self._choose_lane)
        card.complained.connect(self.complained)
        return card

    def _cards_gone(self) -> None:
        self._cards.clear()
        _empty(self._lanes)

    def _show_selection(self, *_: Any) -> None:
        for name, card in self._cards.items():
            selected = name == self.state.lane and len(self._cards) > 1
            card.show_state(visible=self.state.shows(name), selected=selected)

    def _show_plane(self, plane: str) -> None:
        self._plane.setCurrentIndex(max(0, self._plane.findData(plane)))
        header = self.recording.header["problem"] if self.recording is not None else None
        native = header is not None and header["dim"] <= 2 and header["window"] is not None
        model = self._plane.model()
        for row, kind in enumerate(PLANES):
            allowed = native if kind == "native" else header is not None and header["dim"] > 1
            model.item(row).setEnabled(allowed)

    def _show_log(self, on: bool) -> None:
        self._log.setChecked(on)

    # -- changing ------------------------------------------------------------------------------

    @Slot(str, object)
    def _set_problem_knob(self, knob: str, value: Any) -> None:
        problem = self._experiment.problem
        if problem.knobs.get(knob) == value:
            return
        try:
            changed = choose("problem", {"name": problem.name, **problem.knobs, knob: value})
        except ValueError as error:
            self.complained.emit(str(error))
            return
        self._document.set_problem(changed, merge=("problem", knob))

    @Slot(str, str, object)
    def _turn_knob(self, lane: str, knob: str, value: Any) -> None:
        """While a slider moves: live knobs act at once, if the lane's head is what is seen."""
        if self._is_live(lane, knob) and not self._in_the_past():
            self._document.set_knob(lane, knob, value)

    @Slot(str, str, object)
    def _set_knob(self, lane: str, knob: str, value: Any) -> None:
        """A value was settled on: turn the knob, branch, or run the lane again."""
        spec = self._experiment.lane(lane)
        single = not isinstance(value, tuple) and not isinstance(spec.knobs[knob], tuple)
        try:
            if not (self._is_live(lane, knob) and single):
                self._document.restart_lane(spec.with_knobs(**{knob: value}))
            elif self._in_the_past():
                self.state.lane = self._document.branch(lane, self.state.cursor, {knob: value})
            else:
                self._document.set_knob(lane, knob, value)
        except ValueError as error:
            self.complained.emit(str(error))

    @Slot(str, int)
    def _set_runs(self, lane: str, runs: int) -> None:
        spec = self._experiment.lane(lane)
        if runs != spec.runs:
            start = spec.start if spec.start and len(spec.start) == 1 else None
            self._document.restart_lane(spec.replace(runs=runs, start=start))

    def _is_live(self, lane: str, knob: str) -> bool:
        fields = self._experiment.lane(lane).entry.knobs
        return any(item.name == knob and item.knob.live for item in fields)

    def _in_the_past(self) -> bool:
        """Whether the cursor stands before the head, so that a change means a branch."""
        return not self.state.follow and self.state.cursor < self.bridge.frame.head

    @Slot(str)
    def _choose_lane(self, lane: str) -> None:
        self.state.lane = lane
        self.state.run = 0

    @Slot(int)
    def _choose_plane(self, row: int) -> None:
        self.state.plane = self._plane.itemData(row)

    @Slot(bool)
    def _choose_log(self, on: bool) -> None:
        self.state.log_scale = on

    @Slot(str)
    def _choose_colours(self, name: str) -> None:
        self.state.colour_map = name

    @Slot(str)
    def _choose_dtype(self, name: str) -> None:
        if name != self._experiment.dtype:
            self._document.change("precision", dtype=name)

    @Slot(str)
    def _choose_device(self, name: str) -> None:
        if name != self._experiment.device:
            self._document.change("device", device=name)


def _section(text: str) -> QLabel:
    return QLabel(text.upper(), objectName="section")


def _empty(layout: Any) -> None:
    """Take all widgets out of a layout."""
    while layout.count():
        widget = layout.takeAt(0).widget()
        if widget is not None:
            widget.hide()
            widget.deleteLater()

"""The left column: the problem, the landscape, the lanes, and what is measured."""

from collections.abc import Mapping
from functools import partial
from typing import Any

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtWidgets import QScrollArea, QVBoxLayout, QWidget

from lab.engine.catalogue import choose
from lab.engine.plan import Lane
from lab.gui.bridge import Bridge
from lab.gui.document import Document
from lab.gui.panels.entry_card import EntryCard, EntryPopup, facts_on
from lab.gui.panels.finder import Finder
from lab.gui.panels.finder_items import Item
from lab.gui.panels.lane_list import LaneList
from lab.gui.panels.look_box import LookBox
from lab.gui.panels.measures import Measures
from lab.gui.panels.numerics_box import NumericsBox
from lab.gui.panels.problem_box import ProblemBox
from lab.gui.panels.section import Section
from lab.gui.panels.typed_problem import read_problem
from lab.gui.state import ViewState
from lab.gui.views.base import View
from lab.palette import Theme

MIN_WIDTH = 296  # pixels in which all controls have room beside the scroll bar


class ExperimentPanel(View):
    """What is run."""

    name = "experiment"
    title = "Experiment"
    every = 16

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
        self._scroll = QScrollArea(self)
        self._scroll.setWidgetResizable(True)
        self._scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._scroll.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        outside = QVBoxLayout(self)
        outside.setContentsMargins(0, 0, 0, 0)
        outside.addWidget(self._scroll)
        self.setMinimumWidth(MIN_WIDTH)
        holder = QWidget(objectName="bare")
        self._scroll.setWidget(holder)
        self.problem = ProblemBox(holder)
        self.look = LookBox(bridge, state, holder)
        self.numerics = NumericsBox(holder)
        self.lanes_list = LaneList(bridge, state, document, holder)
        self._measuring = Section("Measure while running", holder)
        self.measures: Measures | None = None
        column = QVBoxLayout(holder)
        column.setContentsMargins(12, 8, 12, 12)
        column.setSpacing(6)
        parts = (self.problem, self.look, self.numerics, self.lanes_list, self._measuring)
        for part in parts:
            column.addWidget(part)
        column.insertSpacing(3, 4)
        column.insertSpacing(5, 4)
        column.addStretch(1)
        self._connect()

    def signature(self) -> Any:
        """Costs and the knobs at the cursor change by themselves."""
        return (self.bridge.frame.cost, self.bridge.frame.job, self.state.cursor)

    def draw(self) -> None:
        """Show what measurements cost, and the knobs that hold at the cursor."""
        if self.measures is not None:
            self.measures.show_costs(self.bridge.frame.cost, self.bridge.frame.job)
        self.lanes_list.show_knobs()

    def set_theme(self, theme: Theme) -> None:
        """Take other colours."""
        super().set_theme(theme)
        self.lanes_list.set_theme(theme)

    # -- searching, and telling ----------------------------------------------------------------

    def findable(self) -> list[Item]:
        """Problems and optimizers, for the command palette."""
        return [*self._items("problem"), *self._items("optimizer")]

    @Slot(str)
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
        self._find(
            "Search problems, or type a formula or a .py file", "problem", self.problem.button
        )

    @Slot()
    def choose_optimizer(self) -> None:
        """Open the picker of optimizers."""
        self._find(
            "Search optimizers; Ctrl+↓ leads to the next family", "optimizer", self.lanes_list.add
        )

    @Slot()
    def show_card(self) -> None:
        """Show what is to be known of the selected lane's optimizer."""
        if self.state.lane not in self.lanes_list.cards:
            self.complained.emit("add an optimizer first: there is no lane to tell about")
            return
        beside = self.lanes_list.cards[self.state.lane]
        lane = self._document.experiment.lane(self.state.lane)
        knobs = {name: value for name, value in lane.knobs.items() if name not in lane.sweep}
        popup = EntryPopup(self.theme, self.window())
        popup.card.show_entry(lane.entry, facts_on(lane.entry, self._about_problem(), knobs))
        popup.show_beside(beside)

    def _find(self, hint: str, kind: str, below: QWidget) -> None:
        read = {"read": read_problem} if kind == "problem" else {}
        items = self._items(kind)
        card = EntryCard(self.theme)
        troubles = {item.key: item.trouble for item in items}
        about = partial(self._show_entry, card, troubles)
        more = {**read, "grouped": True, "card": card, "about": about}
        finder = Finder(hint, items, self.theme, self.window(), **more)
        finder.chosen.connect(self.take)
        finder.show_below(below)

    def _show_entry(self, card: EntryCard, troubles: Mapping[str, str], key: str) -> None:
        """Let a card show an entry, with what it costs on the present problem."""
        kind, _, name = key.partition(":")
        entry = self.bridge.catalogue.get(kind, {}).get(name)
        found = None if entry is None else facts_on(entry, self._about_problem())
        card.show_entry(entry, found, troubles.get(key, ""))

    def _about_problem(self) -> Mapping[str, Any]:
        return self.recording.header["problem"] if self.recording is not None else {}

    def _items(self, kind: str) -> list[Item]:
        """What the catalogue has, greyed with a reason where it cannot be chosen now."""
        unfit = self._unfit()
        frozen = "this recording can only be looked at" if self.bridge.frame.readonly else ""
        items = [
            Item(
                key=f"{kind}:{name}",
                title=entry.title,
                group=entry.family or kind,
                text=entry.summary.replace("`", ""),
                trouble=entry.error or (unfit.get(name, "") or frozen if kind != "problem" else ""),
            )
            for name, entry in self.bridge.catalogue.get(kind, {}).items()
            if name != "file"
        ]
        if kind == "optimizer":
            from lab.engine.facts import family_order

            return sorted(items, key=lambda item: family_order(item.group))
        groups = list(dict.fromkeys(item.group for item in items))
        return sorted(items, key=lambda item: groups.index(item.group))

    def _unfit(self) -> Mapping[str, str]:
        recording = self.recording
        return recording.header["problem"]["unfit"] if recording is not None else {}

    # -- showing -------------------------------------------------------------------------------

    def _connect(self) -> None:
        self.bridge.ready.connect(self._fill_measures)
        self.bridge.experiment_changed.connect(self._show)
        self.bridge.refused.connect(self._show_again)
        self.problem.picked.connect(self.choose_problem)
        self.problem.changed.connect(self._change_problem)
        self.problem.settled.connect(self._document.settle)
        self.numerics.dtype_chosen.connect(self._choose_dtype)
        self.numerics.device_chosen.connect(self._choose_device)
        self.lanes_list.add.clicked.connect(self.choose_optimizer)
        for part in (self.problem, self.lanes_list):
            part.complained.connect(self.complained)

    @Slot(object)
    def _fill_measures(self, catalogue: Mapping[str, Any]) -> None:
        self.measures = Measures(catalogue["probe"], self._measuring)
        self.measures.planned.connect(self._document.set_probes)
        self.measures.asked.connect(self._measure)
        self.measures.stopped.connect(self._stop_measuring)
        self.measures.complained.connect(self.complained)
        self._measuring.column.addWidget(self.measures)

    @Slot(object)
    def _show(self, experiment: Any) -> None:
        """Show an experiment."""
        self.problem.show_problem(experiment.problem, self.recording.header["problem"])
        self.numerics.show_experiment(experiment)
        self.lanes_list.show_lanes()
        if self.measures is not None:
            self.measures.show_plans(experiment.probes, self._unfit())
        frozen = self.bridge.frame.readonly
        for part in (self.problem.form, self.numerics, self.lanes_list, self.measures):
            if part is not None:
                part.setEnabled(not frozen)
        self.said.emit("only to be looked at" if frozen else "")

    @Slot(object)
    def _show_again(self, answer: object) -> None:
        """What was refused did not happen: show what is."""
        if self.recording is not None:
            self._show(self.bridge.experiment)

    # -- changing ------------------------------------------------------------------------------

    @Slot(str, object)
    def _change_problem(self, knob: str, problem: Any) -> None:
        self._document.set_problem(problem, ("problem", knob))

    @Slot(str, object)
    def _measure(self, probe: str, knobs: Mapping[str, Any]) -> None:
        """Ask for a measurement of the selected lane at the cursor."""
        options = {"name": probe, "step": self.state.cursor, "lane": self.state.lane}
        key = ("probe", probe)
        self.bridge.post("ask", "probe", key, {**options, "knobs": dict(knobs)})

    @Slot(str)
    def _stop_measuring(self, probe: str) -> None:
        self.bridge.post("cancel", ("probe", probe))

    @Slot(str)
    def _choose_dtype(self, name: str) -> None:
        if name != self._document.experiment.dtype:
            self._document.change("precision", dtype=name)

    @Slot(str)
    def _choose_device(self, name: str) -> None:
        if name != self._document.experiment.device:
            self._document.change("device", device=name)

"""What is minimised: the problem, and its knobs."""

from collections.abc import Mapping
from typing import Any

from PySide6.QtCore import Signal, Slot
from PySide6.QtWidgets import QVBoxLayout, QWidget

from lab.engine.catalogue import Choice, accept_unknown, choose
from lab.gui.panels.knob_form import KnobForm
from lab.gui.panels.section import Section, WideButton, emptied


class ProblemBox(Section):
    """A button that names the problem, and a form of its knobs."""

    picked = Signal()  # the button was pressed
    changed = Signal(str, object)  # a knob, and the problem with its new value
    settled = Signal()  # the knob was let go
    complained = Signal(str)

    def __init__(self, parent: QWidget):
        """Begin without a problem."""
        super().__init__("Problem", parent)
        self.button = WideButton(self)
        self.button.setToolTip("Choose another problem")
        self.button.clicked.connect(self.picked)
        self.column.addWidget(self.button)
        self._place = QVBoxLayout()
        self.column.addLayout(self._place)
        self.form: KnobForm | None = None
        self._problem: Any = None
        self._made_for: Any = None  # name of the problem that the form is of

    def show_problem(self, problem: Any, about: Mapping[str, Any]) -> None:
        """Show a problem.

        Args:
            problem: of the experiment.
            about: its description in the recording's header.
        """
        self._problem = problem
        size = f"{about['dim']:,} parameters" if about["dim"] > 2 else f"{about['dim']}-D"
        self.button.setText(f"{about['title']}   ·   {about['family']}, {size}")
        name = problem.name if isinstance(problem, Choice) else None
        if name != self._made_for:
            self._made_for = name
            emptied(self._place)
            self.form = self._new_form(problem) if name is not None else None
        elif self.form is not None:
            self.form.set_values(problem.knobs)

    def _new_form(self, problem: Choice) -> KnobForm | None:
        with accept_unknown():
            knobs = problem.entry().knobs
        if not knobs:
            return None
        form = KnobForm(knobs, problem.knobs, sweeps=False, parent=self)
        form.changed.connect(self._turn)
        form.committed.connect(self._commit)
        form.complained.connect(self.complained)
        self._place.addWidget(form)
        return form

    @Slot(str, object)
    def _turn(self, knob: str, value: Any) -> None:
        problem = self._problem
        if problem.knobs.get(knob) == value:
            return
        try:
            changed = choose("problem", {"name": problem.name, **problem.knobs, knob: value})
            if changed.entry().family == "surface":
                changed.make()  # in no time, and formulas are read only then
        except ValueError as error:
            self.form.mark_wrong(knob, str(error))
            self.complained.emit(str(error))
            return
        self.changed.emit(knob, changed)

    @Slot(str, object)
    def _commit(self, knob: str, value: Any) -> None:
        self._turn(knob, value)
        self.settled.emit()

"""Inside the step: what each idea of a rule adds to the update that leads on from the cursor."""

from typing import Any

import numpy as np
from PySide6.QtCore import Slot
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from lab.gui.bridge import Bridge
from lab.gui.state import ViewState
from lab.gui.views.asking import STALE
from lab.gui.views.base import View
from lab.gui.views.chooser import Chooser
from lab.gui.views.insight import Insight
from lab.gui.views.parameters import Parameters
from lab.gui.views.part_bars import Bar, PartBars
from lab.gui.views.segments import Segments
from lab.gui.views.strip import Strip
from lab.gui.views.words import short
from lab.palette import Theme

WHOLE, PARAMETER, DIRECTION = WAYS = ("all", "parameter", "eigen")
TIPS = (
    "The parts along the step itself",
    "The parts in one parameter",
    "The parts along one eigenvector of the Hessian, which points uphill",
)
MOST = 5  # eigen-directions of a large problem
FEW = 2  # parameters from which on the one that moves most is shown first
WHOLE_STEP = "step"  # the one part of a rule that cannot be looked into
ALL = 64  # parameters up to which there are all of them


class InsideStep(View):
    """The parts of the selected run's next step, as bars that add up to it."""

    name = "inside"
    probe = "inside_step"
    title = "Inside the step"
    export_name = "inside"
    every = 8

    def __init__(self, bridge: Bridge, state: ViewState, parent: QWidget | None = None):
        """Begin empty."""
        super().__init__(bridge, state, parent)
        self._insight = Insight(bridge, state, self.name, keep=True)
        self._parameters: Parameters | None = None
        self._about: Any = None  # the problem's description that they were made of
        self._chooser = Chooser(self)
        self._facts = Strip()
        self._facts.setObjectName("bare")  # no line above it
        self._bars = PartBars()
        top = QHBoxLayout()
        top.setContentsMargins(0, 4, 0, 0)
        top.setSpacing(0)
        top.addWidget(self._chooser)
        top.addWidget(self._facts, 1)
        inside = QVBoxLayout(self)
        inside.setContentsMargins(0, 0, 0, 0)
        inside.setSpacing(2)
        inside.addLayout(top)
        inside.addWidget(self._bars, 1)
        self._ways = Segments(WAYS, TIPS)
        self._ways.chosen.connect(self._look_again)
        self._chooser.picked.connect(self._look_again)

    def header_widgets(self) -> list[QWidget]:
        """The switch between the whole step and one coordinate of it."""
        return [self._ways]

    def set_theme(self, theme: Theme) -> None:
        """Take other colours."""
        super().set_theme(theme)
        for part in (self._bars, self._facts):
            part.set_theme(theme)

    def signature(self) -> Any:
        """Also what the engine has found, and where steps are replayed."""
        frame = self.bridge.frame
        return super().signature(), id(frame.partials), frame.playing, frame.job

    def draw(self) -> None:
        """Draw the step at the cursor."""
        problem = self.recording.header["problem"]
        if problem != self._about:
            self._about, self._parameters = problem, Parameters(problem)
        way = self._ways.choice
        self._chooser.setVisible(way != WHOLE)
        self._insight.directions = self._wanted(problem["dim"]) if way == DIRECTION else -1
        found, trouble = self._insight.newest(), self._insight.trouble()
        if trouble or found is None:
            self._say_nothing(trouble)
        elif way == DIRECTION and "along" not in found.arrays:
            self._say_nothing(self._no_directions())
        else:
            self._show(found, way)
        if not trouble and (found is None or found.step != self.state.cursor):
            self.outdated()  # look again: an answer is on its way, or can be asked for soon

    def _say_nothing(self, sentence: str) -> None:
        """Say why there is nothing, or let what was there fade until there is something."""
        self._facts.say([])
        if sentence or not self._bars.bars:
            self._bars.set_note(sentence or "Looking inside the step …")
            self.said.emit("")
        else:
            self._bars.fade(STALE)

    def _no_directions(self) -> str:
        trouble = self._about.get("hessian_trouble", "")
        if trouble:
            return f"There are no eigen-directions here: {trouble}."
        if self.bridge.frame.readonly:
            return "No eigen-directions are on record for this step."
        return "" if self._bars.bars else "Looking for eigen-directions …"

    def _wanted(self, dim: int) -> int:
        """How many eigen-directions are asked for; those of a small problem come by themselves."""
        return -1 if dim <= ALL else MOST

    # -- what is shown -------------------------------------------------------------------------

    def _show(self, found: Any, way: str) -> None:
        names = found.names.split(", ")
        parts = np.asarray(found.parts, dtype=np.float64)
        step = parts.sum(axis=0)
        if way == PARAMETER:
            best = int(np.abs(step).argmax()) if len(step) > FEW else 0
            number = self._chooser.offer(self._parameters.count, self._parameters, best)
            amounts, title = parts[:, number], f"change of {self._parameters.name(number)}"
            facts = [
                ("value", float(found.theta[number])),
                ("slope", float(found.gradient[number])),
            ]
        elif way == DIRECTION:
            number = self._chooser.offer(len(found.eigenvalues), None)
            amounts = np.asarray(found.along, dtype=np.float64)[:, number]
            title = f"change along eigenvector {number + 1}"
            facts = [
                ("λ", float(found.eigenvalues[number])),
                ("slope", float(found.gradient_along[number])),
            ]
        else:
            length = float(np.linalg.norm(step))
            amounts, title = parts @ (step / length if length else step), "length along the step"
            facts = [("loss", found.loss), ("|gradient|", float(np.linalg.norm(found.gradient)))]
            facts.append(("|step|", length))
        if names == [WHOLE_STEP]:
            facts = [("", "this rule cannot be looked into")]
        self._facts.say([(word, short(x) if isinstance(x, float) else x) for word, x in facts])
        details = [_details(part, step, found.gradient) for part in parts]
        rows = zip(names, amounts.tolist(), details, strict=True)
        bars = [Bar(*row) for row in rows]
        current = self._insight.is_current(found)
        self._bars.set_note("")
        self._bars.show_bars(bars, title, 1.0 if current else STALE)
        record = self.recording.records[found.lane]
        run = f", run {found.run}" if record.runs > 1 else ""
        self.said.emit(f"{record.spec.title}{run}, step {found.step:,}")

    @Slot()
    @Slot(str)
    def _look_again(self, *_: Any) -> None:
        self.outdated()


def _details(
    part: np.ndarray, step: np.ndarray, gradient: np.ndarray
) -> tuple[tuple[str, str], ...]:
    """Length of a part (dim,), and its angles to the step and to the way down."""
    length = float(np.linalg.norm(part))
    rows = [("length", short(length, 4))]
    for word, other in (("angle to the step", step), ("to −gradient", -gradient)):
        size = float(np.linalg.norm(other)) * length
        if size:
            cosine = float(np.clip(part @ other / size, -1, 1))
            rows.append((word, f"{np.degrees(np.arccos(cosine)):.0f}°"))
    return tuple(rows)

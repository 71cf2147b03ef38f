"""What the views of measurements have in common: results, their age, and asking for new ones."""

import time
from abc import abstractmethod
from typing import Any

from PySide6.QtCore import Slot
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QWidget

from lab.engine.messages import JobState
from lab.gui.bridge import Bridge
from lab.gui.state import ViewState
from lab.gui.views.asking import STALE, Asking
from lab.gui.views.base import View
from lab.gui.views.measured import Measured
from lab.palette import Theme

EARLY = "Nothing was measured up to this step."
SOON = "The first measurement is on its way."
NOTHING = " "  # a note without words: empty axes stay out of sight
PATIENCE = 3.0  # seconds that a picture stays, faded, while new results are on their way


class Probing(View):
    """A view of the results of one probe.

    A subclass gives `probe`, and in `wish` what to ask the engine for where the cursor stands.
    """

    empty = ""  # what will appear here, and how to get it

    def __init__(
        self, bridge: Bridge, state: ViewState, parent: QWidget | None, measured: Measured
    ):
        """Begin empty.

        Args:
            bridge: where recordings come from and requests go to.
            state: cursor, selection and visible lanes.
            parent: Qt's owner.
            measured: sorts the results.
        """
        super().__init__(bridge, state, parent)
        self._measured = measured
        self._asking = Asking(self)
        self._asking.asked.connect(self._ask)
        self._asking.cancelled.connect(self._cancel_asked)
        self._seen: Any = None
        self._there = float("-inf")  # when there was something to draw

    @abstractmethod
    def wish(self) -> dict[str, Any] | None:
        """Options of the request that measures here; None where nothing can be asked for."""

    def set_theme(self, theme: Theme) -> None:
        """Take other colours."""
        super().set_theme(theme)
        self._asking.set_theme(theme)

    def signature(self) -> Any:
        """Also what is under way."""
        frame = self.bridge.frame
        return super().signature(), self.job, self.key in frame.asked, frame.playing

    @property
    def key(self) -> tuple[str, str]:
        """Under which it asks the engine."""
        return self.request({})[0], self.probe

    @property
    def job(self) -> JobState | None:
        """The measurement that was asked for, or a planned one that is under way."""
        frame = self.bridge.frame
        planned = frame.job if frame.job is not None and frame.job.name == self.probe else None
        return frame.asked.get(self.key, planned)

    def partial(self) -> Any:
        """What is known of a measurement that was asked for and is under way; None for nothing."""
        frame = self.bridge.frame
        partial = frame.partials.get(self.key) if self.key in frame.asked else None
        return None if partial is None or partial.done >= 1 else partial.value

    def follow(self) -> bool:
        """Take in new results; whether this is another recording than the last time."""
        fresh, self._seen = self._seen is not self.recording, self.recording
        self._measured.follow(self.recording)
        return fresh

    def ordered(self) -> list[tuple[int, str]]:
        """The visible lanes with their places, the selected one first."""
        return sorted(self.lanes(), key=lambda item: item[1] != self.state.lane)

    def newest(self) -> list[tuple[int, Any]]:
        """The newest result of each visible lane at the cursor, with the lane's place."""
        found = [(p, self._measured.newest(lane, self.state.cursor)) for p, lane in self.ordered()]
        return [item for item in found if item[1] is not None]

    def opacity(self, result: Any) -> float:
        """A picture fades where the cursor stands and something else was measured."""
        standing = not self.bridge.frame.playing
        return STALE if standing and result.step != self.state.cursor else 1.0

    def waits(self, there: Any) -> bool:
        """Whether the picture should stay, faded, because new results are on their way.

        That is so for a while after everything measured was dropped: a lane is run again, or
        another experiment with the same measurement was opened.

        Args:
            there: what there is to draw, empty or None for nothing.
        """
        now = time.monotonic()
        if there:
            self._there = now
            return False
        waits = self._is_planned() and bool(self.lanes()) and now - self._there < PATIENCE
        if waits:
            self.outdated()  # look again, be it only to find that patience has ended
        return waits

    def reason(self) -> str:
        """Why there is nothing to see."""
        if self._is_coming():
            return SOON
        return EARLY if any(True for _ in self._measured) else self.empty

    def tell(self, shown: Any, words: list[str], *, offered: bool = True) -> None:
        """Say what is shown, what is under way, and offer to measure where the cursor stands.

        Args:
            shown: the result in the picture, None for none.
            words: the line of the card, the most important first.
            offered: whether there is reason to offer it.
        """
        frame, job = self.bridge.frame, self.job
        allowed = not (frame.playing or job or self._is_coming()) and self.wish() is not None
        step = None if shown is None else shown.step
        progress = self._asking.progress(job)  # nothing for what is done in no time
        asked = self.key in frame.asked
        if job is not None and not progress:
            self.outdated()  # it may soon be worth a word, however long its next slice is
        self._asking.offer(
            step,
            self.state.cursor,
            allowed=offered and allowed,
            running=progress if asked else "",
            empty=shown is None and self.partial() is None,
        )
        words = words if asked or not progress else [f"computing … {progress}", *words]
        self.said.emit(" · ".join(word for word in words if word))

    def _is_coming(self) -> bool:
        """Whether nothing was measured yet, and will be without being asked for."""
        return self._is_planned() and not any(True for _ in self._measured)

    def _is_planned(self) -> bool:
        return any(self.is_meant(plan) for plan in self.recording.experiment.probes)

    def is_meant(self, plan: Any) -> bool:
        """Whether what a plan measures is drawn here. Override to ask for more than the probe."""
        return plan.name == self.probe

    def request(self, wish: dict[str, Any]) -> tuple[str, dict[str, Any]]:
        """Name and options of what is asked for. Override for another request than a probe."""
        return "probe", {"name": self.probe, "step": self.state.cursor, **wish}

    @Slot()
    def _ask(self) -> None:
        wish = self.wish()
        if wish is not None:
            name, options = self.request(wish)
            self.bridge.post("ask", name, self.key, options)
            self.outdated()

    @Slot()
    def _cancel_asked(self) -> None:
        """Give up what was asked for."""
        self.bridge.post("cancel", self.key)
        self.outdated()

    @Slot()
    def _look_again(self) -> None:
        self.outdated()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """The words over the plot keep their place."""
        super().resizeEvent(event)
        self.outdated()


class LaneProbing(Probing):
    """A view of a probe that sees one lane: it asks for the selected one, or the first."""

    def wish(self) -> dict[str, Any] | None:
        """The lane to measure."""
        lanes = self.ordered()
        return {"lane": lanes[0][1]} if lanes else None

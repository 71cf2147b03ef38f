"""A chip over the landscape: what is computed of it, how long it lasts; Cancel, and Go on."""

from typing import Any

from PySide6.QtCore import Signal, Slot
from PySide6.QtWidgets import QWidget

from lab.engine.messages import JobState
from lab.gui.bridge import Bridge
from lab.gui.views.chip import MARGIN, Chip, progress
from lab.gui.views.layers import KEY as CURVATURE
from lab.gui.views.layers import Layers
from lab.gui.views.survey import KEY as SURFACE
from lab.gui.views.survey import Survey


class UnderWay(Chip):
    """Tells of the surface, or the curvature on it, that is on its way or was stopped there."""

    turned = Signal()  # the work was stopped, or goes on

    def __init__(self, parent: QWidget, bridge: Bridge, survey: Survey, layers: Layers):
        """Begin hidden.

        Args:
            parent: the plot it lies on.
            bridge: tells what is under way.
            survey: the surface.
            layers: the curvature.
        """
        super().__init__(parent)
        self._bridge, self._survey, self._layers = bridge, survey, layers
        self._source: Survey | Layers = survey  # what the button stops, or has go on
        self._running = False  # whether it is under way, as the words have it
        self.pressed.connect(self._turn)

    def signature(self) -> Any:
        """What its words depend on."""
        jobs = self._jobs().values()
        return [round(100 * job.done) for job in jobs], self._survey.stopped, self._layers.stopped

    def look(self) -> bool:
        """Say how far the work is, or where it was stopped.

        Returns:
            Whether there is work that may soon be worth a word.
        """
        jobs = self._jobs()
        curved = CURVATURE in jobs or (self._layers.curved and not jobs)
        job = jobs.get(CURVATURE if curved else SURFACE)
        slow = self.is_slow(job)
        self._source = self._layers if curved else self._survey
        name, done = "curvature" if curved else "surface", self._source.done
        stopped = job is None and self._source.stopped and done < 1
        if slow:
            self._place(progress(job, name), "Cancel", "Stop here; it can go on later")
        elif stopped:
            self._place(f"{name} stopped at {100 * done:.0f} %", "Go on", "Compute the rest")
        self._running = slow
        self.setVisible(slow or stopped)
        return job is not None and not slow

    def _place(self, text: str, button: str, tip: str) -> None:
        """Stand in the middle, above."""
        self.say(text, button, tip)
        self.move((self.parentWidget().width() - self.width()) // 2, MARGIN)
        self.raise_()

    def _jobs(self) -> dict[tuple, JobState]:
        """The work on the picture that waits or is under way."""
        asked = self._bridge.frame.asked
        return {key: asked[key] for key in (SURFACE, CURVATURE) if key in asked}

    @Slot()
    def _turn(self) -> None:
        (self._source.cancel if self._running else self._source.go_on)()
        self.turned.emit()

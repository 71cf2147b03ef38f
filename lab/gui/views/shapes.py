"""The topology of the surface that the landscape shows: asks for it once the surface is whole.

Qt-free. Whoever needs it has one of these; they share what the engine answers.
"""

from typing import Any

from lab.engine.messages import JobState, Trouble
from lab.gui.bridge import Bridge
from lab.gui.state import ViewState
from lab.gui.views.measured import Measured
from lab.gui.views.survey import KEY as SURFACE

KEY = ("topology",)
NAME = "topology"
LATEST = 1 << 62


class Shapes:
    """What is known of the shape of the landscape.

    Attributes:
        fresh: whether what was found last belongs to the surface that is shown.
        stopped: whether the user gave up the one that was on its way.
        trouble: why there is nothing, empty if there is.
    """

    def __init__(self, bridge: Bridge, state: ViewState):
        """Begin with nothing.

        Args:
            bridge: where topologies are asked for.
            state: cursor and selection.
        """
        self.fresh, self.stopped, self.trouble = False, False, ""
        self._bridge, self._state = bridge, state
        self._measured = Measured(NAME)
        self._asked: Any = None  # the surface that was asked for, or the recording that has one
        self._last: Any = None
        self._recording: Any = None

    @property
    def known(self) -> tuple:
        """What the answer of `look` depends on."""
        partials = self._bridge.frame.partials
        return tuple(id(partials.get(key)) for key in (SURFACE, KEY))

    @property
    def job(self) -> JobState | None:
        """How far the engine is with the one that was asked for; None where there is none."""
        return self._bridge.frame.asked.get(KEY)

    def look(self) -> Any:
        """The newest result for what is shown, None where nothing is known.

        Where the landscape's own surface is not there, the newest measurement at the cursor.
        """
        frame = self._bridge.frame
        if frame.recording is not self._recording:
            self._recording, self._last = frame.recording, None
            self._asked, self.stopped, self.trouble = None, False, ""
        self._measured.follow(frame.recording)
        surface, shape = frame.partials.get(SURFACE), frame.partials.get(KEY)
        found = shape.value if shape is not None and shape.done >= 1 else None
        if isinstance(found, Trouble):
            self.trouble, found = found.sentence, None
        whole = surface is not None and surface.done >= 1 and hasattr(surface.value, "plane")
        self.fresh = True
        if whole:
            if found is not None and found.surface.loss is surface.value.loss:
                self._last, self.trouble = found.result, ""
                return self._last
            self._ask(surface.value, {"surface": surface.value})
        elif frame.readonly:
            if found is not None and self._asked is self._recording:
                self._last, self.trouble = found.result, ""
                return self._last
            if any(result.name == SURFACE[0] for result in self._recording.results):
                self._ask(self._recording, {})
        self.fresh = False
        return self._last or self._measured_here()

    def cancel(self) -> None:
        """Give up the one under way."""
        self._bridge.post("cancel", KEY)
        self.stopped = True

    def begin_again(self) -> None:
        """Ask anew for what was given up."""
        self._asked, self.stopped = None, False

    def _ask(self, of: Any, options: dict[str, Any]) -> None:
        """Ask for a topology, unless somebody did."""
        if self._asked is of or self.job is not None:
            return
        self._asked, self.stopped, self.trouble = of, False, ""
        wanted = {"lane": self._state.lane, "step": self._state.cursor, **options}
        self._bridge.post("ask", NAME, KEY, wanted, key=("ask", *KEY))

    def _measured_here(self) -> Any:
        """The newest result on record at the cursor; of a problem's own variables any will do."""
        lanes = [self._state.lane, "", *self._measured]
        for lane in lanes:
            found = self._measured.newest(lane, self._state.cursor)
            if found is None:
                found = self._measured.newest(lane, LATEST)
                found = found if found is not None and found.kind == "native" else None
            if found is not None:
                return found
        return None

"""What is known of the ground of the landscape: asks for surfaces, takes them as they come."""

from typing import Any

import numpy as np
from PySide6.QtCore import QObject, QTimer, Signal, Slot

from lab.engine.messages import Trouble
from lab.gui.bridge import Bridge
from lab.gui.state import ViewState
from lab.gui.views.ground import NativeGround, PlaneGround

KEY = ("surface",)
SETTLE_MS = 140  # after the last move of the view, before its surface is asked for

Window = tuple[tuple[float, float], tuple[float, float]]


class Survey(QObject):
    """The ground of one recording, and the newest surface on it.

    Attributes:
        ground: what is drawn on; None before there is a recording.
        surface: what is known of the loss there; None before there is anything.
        done: the part of it that is known, 0 to 1.
        trouble: why there is none, empty if there is.
        stopped: whether the user cancelled it.
    """

    framed = Signal(object)  # the window that should be seen now

    def __init__(self, bridge: Bridge, state: ViewState, parent: QObject):
        """Wait for a recording.

        Args:
            bridge: where surfaces are asked for.
            state: plane, cursor, selection.
            parent: Qt's owner.
        """
        super().__init__(parent)
        self.ground: NativeGround | PlaneGround | None = None
        self.surface: Any = None
        self.done, self.trouble, self.stopped = 0.0, "", False
        self._bridge, self._state = bridge, state
        self._coming: PlaneGround | None = None  # asked for, while the old ground is still shown
        self._taken: Any = None  # the last partial result that was looked at
        self._asked: Window | None = None
        self._seen: Window | None = None  # by the user, None before anything is framed
        self._moved = False  # whether the user chose what is seen
        self._settle = QTimer(self, singleShot=True, interval=SETTLE_MS)
        self._settle.timeout.connect(self._ask)

    # -- beginning -----------------------------------------------------------------------------

    def begin(self) -> None:
        """Look at the bridge's recording on the chosen plane, as a whole."""
        recording = self._bridge.frame.recording
        problem = recording.header["problem"]
        self.surface, self.done, self.trouble = None, 0.0, ""
        self._coming = self._asked = self._seen = None
        self._moved = False
        self._taken = self._bridge.frame.partials.get(KEY)
        if self._state.plane == "native":
            self.ground = NativeGround(problem)
            self.frame(self.ground.window)
        else:
            self.ground = self._plane_here()
        self._ask()

    def show_all(self) -> None:
        """Show the whole landscape again; a plane is looked for anew."""
        if isinstance(self.ground, PlaneGround):
            self._moved = False
            self._renew()
        elif self.ground is not None:
            self.frame(self.ground.window)

    def frame(self, window: Window) -> None:
        """Have a window seen."""
        self._seen, self._moved = window, False
        self.framed.emit(window)

    def view_moved(self, window: Window) -> None:
        """Note what is seen now; its surface is asked for once it rests."""
        if self._seen is not None:
            self._seen = window
            self._settle.start()

    def view_taken(self) -> None:
        """Note that the user chose what is seen: no plane is looked for against their will."""
        self._moved = True

    # -- asking --------------------------------------------------------------------------------

    @Slot()
    def _ask(self) -> None:
        """Ask for the surface of what is seen; not in place of a plane that is on its way."""
        if self._coming is not None:
            return
        if self._bridge.frame.readonly or (self._seen is not None and self._seen == self._asked):
            return
        self._asked = self._seen
        self._post(self.ground.request(self._seen))

    def _renew(self) -> None:
        """Look for another plane, while the old one is still shown."""
        self._coming = self._plane_here()
        self._post(self._coming.request(None))

    def _post(self, request: dict[str, Any]) -> None:
        self.stopped = False
        self._bridge.post("ask", "surface", KEY, request, key=("ask", *KEY))

    def _plane_here(self) -> PlaneGround:
        """The chosen plane, through the selected run at the cursor."""
        recording, state = self._bridge.frame.recording, self._state
        lane = state.lane if state.lane in recording.lanes else next(iter(recording.lanes), "")
        run = state.run if lane == state.lane else 0
        return PlaneGround(
            state.plane, lane, run, state.cursor, scaling=state.scaling, bias=state.bias
        )

    def cancel(self) -> None:
        """Stop what is on its way; what is known of it stays."""
        self._bridge.post("cancel", KEY)
        self._settle.stop()
        self._coming, self.stopped = None, True

    def go_on(self) -> None:
        """Go on from what is known, or begin again where nothing is."""
        self.stopped = False
        surface = self.surface
        if surface is None or self.done == 1 or not hasattr(surface, "y"):
            self._asked = None
            self._ask()
            return
        request = self.ground.request(_ends(surface))
        self._post({**request, "known": surface} if "on" in request else request)

    # -- taking --------------------------------------------------------------------------------

    def look(self) -> bool:
        """Take what the engine knows by now; whether anything is new."""
        frame = self._bridge.frame
        ground = self._coming or self.ground
        if (
            isinstance(ground, PlaneGround)
            and self._state.follow
            and not self._moved
            and not frame.readonly
            and ground.outgrown(self._state.cursor, self._growth())
        ):
            self._renew()
        partial = frame.partials.get(KEY)
        if partial is None or partial is self._taken:
            return False
        self._taken = partial
        if isinstance(partial.value, Trouble):
            self.trouble, self._coming = partial.value.sentence, None
            return True
        return self._take(partial.value, partial.done)

    def _growth(self) -> float:
        """How many times longer than its plane a run may be: less once it rests, none at its end.

        While it runs, a better plane would not stay for long; where it ended, it does.
        """
        frame = self._bridge.frame
        if frame.playing:
            return 2.0
        return 1.25 if self._state.cursor < frame.target else 1.0

    def _take(self, surface: Any, done: float) -> bool:
        plane = getattr(surface, "plane", None)
        is_native = plane is None or plane.kind == "native"
        if is_native != isinstance(self.ground, NativeGround):
            return False  # an answer from before the plane was chosen
        if is_native and self.surface is not None and done < 1:
            return False  # it is ready in no time: nothing needs to flicker
        self.surface, self.done, self.trouble = surface, done, ""
        if not is_native and not _same(plane, self.ground.plane):
            self.ground, self._coming = (self._coming or self.ground).on(plane), None
            self.frame(_ends(surface))
            self._ask()  # with the window's own proportions
        return True


def _ends(surface: Any) -> Window:
    """The window that a surface covers."""
    return tuple((float(axis[0]), float(axis[-1])) for axis in (surface.x, surface.y))


def _same(plane: Any, other: Any) -> bool:
    """Whether two planes are one."""
    return other is not None and all(
        np.array_equal(getattr(plane, name), getattr(other, name))
        for name in ("center", "d1", "d2")
    )

"""What a view is: it draws a recording at a cursor, and knows nothing else."""

from typing import Any

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QWidget

from lab.gui.bridge import Bridge
from lab.gui.state import ViewState
from lab.palette import DARK, Theme


class View(QWidget):
    """A panel that draws the recording at the cursor.

    A subclass gives `name`, `title` and `draw`; it may give `signature` to say what its picture
    depends on, so that it is not drawn again while nothing changes.
    """

    name = ""  # of the panel, in layouts and exports
    probe = ""  # whose results it draws, its name in the catalogue; empty if it is none's alone
    title = ""
    every = 1  # while the run plays it is looked at every so many frames; slow ones less often
    export_name = ""  # what an export of this panel alone is called; empty if it cannot be

    said = Signal(str)  # the muted line beside the title

    def __init__(self, bridge: Bridge, state: ViewState, parent: QWidget | None = None):
        """Begin empty.

        Args:
            bridge: where recordings come from and requests go to.
            state: cursor, selection and visible lanes.
            parent: Qt's owner.
        """
        super().__init__(parent)
        self.bridge = bridge
        self.state = state
        self.theme: Theme = DARK
        self._drawn: Any = None

    @property
    def recording(self) -> Any:
        """The recording shown, None before there is one."""
        return self.bridge.frame.recording

    def lanes(self) -> list[tuple[int, str]]:
        """The visible lanes of the recording, each with its place (which gives its colour)."""
        names = list(self.recording.records) if self.recording is not None else []
        shown = self.recording.lanes if names else []
        return [(names.index(name), name) for name in shown if self.state.shows(name)]

    def header_widgets(self) -> list[QWidget]:
        """Small controls for the header of the card."""
        return []

    def signature(self) -> Any:
        """What the picture depends on; equal signatures mean that nothing needs to be drawn."""
        recording = self.recording
        heads = tuple(record.head for record in recording.records.values())
        return (
            id(recording),
            self.state.cursor,
            heads,
            len(recording.results),
            self.state.hidden,
            self.state.lane,
            self.state.run,
            self.theme.name,
        )

    def is_seen(self) -> bool:
        """Whether it can be seen: what is behind a tab stays visible to Qt, but off the window."""
        window = self.window()
        return self.isVisible() and window.rect().contains(self.mapTo(window, self.rect().center()))

    def refresh(self) -> None:
        """Draw if something changed since the last time and anybody can see it."""
        if self.recording is None or not self.is_seen():
            return
        signature = self.signature()
        if signature != self._drawn:
            self._drawn = signature
            self.draw()

    def draw(self) -> None:
        """Draw the recording at the cursor."""
        raise NotImplementedError

    def set_theme(self, theme: Theme) -> None:
        """Take other colours."""
        self.theme = theme
        self._drawn = None

    def outdated(self) -> None:
        """Draw again at the next look, whatever the signature says."""
        self._drawn = None

"""All runs on the landscape's ground: the paths they took, where they are, where they start."""

from typing import Any

import numpy as np
from PySide6.QtGui import QColor

from lab.gui.state import ViewState
from lab.gui.views.drawing import tinted
from lab.gui.views.paths import MOST, LanePath
from lab.gui.views.picture import Head
from lab.gui.views.starts import FEW
from lab.gui.views.trails import Line
from lab.palette import Theme

FAINT = 0.45  # opacity of the paths of a lane of many runs


class Runs:
    """What is drawn of the visible lanes at the cursor.

    Attributes:
        lines: their paths.
        heads: where their runs are; what stands out comes last.
        starts: of each lane its name, where its runs start (n, 2), and whether that may be moved.
        behind: whether more is on record than was read so far.
    """

    def __init__(self, state: ViewState):
        """Begin with none.

        Args:
            state: cursor and selection.
        """
        self.lines: list[Line] = []
        self.heads: list[Head] = []
        self.starts: list[tuple[str, np.ndarray, bool]] = []
        self.behind = False
        self._state = state
        self._paths: dict[str, LanePath] = {}

    def forget(self) -> None:
        """Another ground is coming: what was read lay on the old one."""
        self._paths.clear()

    def look(
        self, recording: Any, ground: Any, lanes: list[tuple[int, str]], theme: Theme, *, free: bool
    ) -> None:
        """Bring the visible lanes onto the ground, as far as the cursor.

        Args:
            recording: what is shown.
            ground: what is drawn on.
            lanes: places and names of the visible ones.
            theme: gives them their colours.
            free: whether starts may be moved at all.
        """
        self.lines, self.heads, self.starts = [], [], []
        for place, name in lanes:
            path = self._path(recording, ground, name)
            points, at = path.until(self._state.cursor), path.at(self._state.cursor)
            colour, single = theme.lane(place), len(at) == 1
            ink = QColor(colour) if single else tinted(colour, FAINT)
            self.lines.append(Line(path, path.version, points, at, ink, 2.0 if single else 1.0))
            if self._state.cursor or len(at) > FEW:  # else the crosses say it, and say it better
                self.heads += self._heads(name, colour, at)
            self.starts.append(_starts(recording, path, name, free=free))
        self.heads.sort(key=lambda head: head.large)
        self.behind = any(self._paths[name].behind for _, name in lanes)

    def _path(self, recording: Any, ground: Any, name: str) -> LanePath:
        record, path = recording.records[name], self._paths.get(name)
        if path is None or path.record is not record or path.ground is not ground:
            most = MOST // max(1, len(recording.lanes))
            path = self._paths[name] = LanePath(record, ground, most)
        return path

    def _heads(self, name: str, colour: str, points: np.ndarray) -> list[Head]:
        """The discs of a lane: the selected run stands out, and so does a lane of one run."""
        if len(points) == 1:
            return [Head(points, colour, large=True)]
        if name != self._state.lane or self._state.run >= len(points):
            return [Head(points, colour, large=False)]
        chosen = np.arange(len(points)) == self._state.run
        return [
            Head(points[~chosen], colour, large=False),
            Head(points[chosen], colour, large=True),
        ]


def _starts(
    recording: Any, path: LanePath, name: str, *, free: bool
) -> tuple[str, np.ndarray, bool]:
    """A lane, where its runs start (not once more for each swept value), and if that may move.

    Branches start where their parents do; the past that they share stays.
    """
    records = recording.records
    if records[name].parent is not None:
        return name, np.empty((0, 2)), False
    branched = any(records[lane].spec.branch_of == name for lane in recording.lanes)
    return name, path.at(0)[: records[name].spec.runs], free and not branched

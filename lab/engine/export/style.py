"""How an exported figure looks: the lab's colours, few lines, log decades, no global settings."""

import math
from collections.abc import Sequence
from dataclasses import MISSING, dataclass
from pathlib import Path
from typing import Any, NamedTuple

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, MaxNLocator, NullLocator

from lab.engine.knobs import Knob, KnobField, check_name, shown
from lab.engine.recording import LaneRecord, Recording
from lab.palette import THEMES, Theme

TEXT, CAPTION = 9.5, 8.0  # points
_SUFFIXES = ("png", "svg", "pdf")


@dataclass(frozen=True)
class Style:
    """How a figure is drawn.

    Attributes:
        theme: "light" or "dark".
        size: width and height in inches; each figure has its own if not given.
        dpi: pixels an inch, where there are pixels.
    """

    theme: str = "light"
    size: tuple[float, float] | None = None
    dpi: int = 200

    def __post_init__(self):
        """Check theme and measures.

        Raises:
            ValueError: no such theme, or a size that makes no figure.
        """
        check_name(self.theme, THEMES, "theme")
        KnobField("dpi", int, 200, Knob(10, 2400)).check(self.dpi)
        if self.size is not None:
            sides = KnobField("size", tuple[float, ...], MISSING, Knob(0.5, 50)).check(self.size)
            if len(sides) != 2:
                raise ValueError(f"size = {shown(self.size)}: width and height are needed")

    @property
    def colours(self) -> Theme:
        """The colours of the theme."""
        return THEMES[self.theme]

    def figure(self, size: tuple[float, float]) -> Figure:
        """An empty figure; `size` holds where the style has none."""
        figure = Figure(
            figsize=self.size or size,
            dpi=self.dpi,
            facecolor=self.colours.card,
            layout="constrained",
        )
        FigureCanvasAgg(figure)
        return figure


class DrawnLane(NamedTuple):
    """A lane as it is drawn."""

    name: str
    colour: str
    record: LaneRecord


def drawn_lanes(
    recording: Recording, theme: Theme, names: Sequence[str] | None = None
) -> list[DrawnLane]:
    """The lanes to draw, each in the colour of its place in the experiment.

    Raises:
        ValueError: a name that no lane has.
    """
    places = {name: place for place, name in enumerate(recording.records)}
    chosen = recording.lanes if names is None else names
    records = {name: recording.lane(name) for name in chosen}
    return [DrawnLane(name, theme.lane(places[name]), records[name]) for name in records]


def dress(axes: Axes, theme: Theme, x: str, y: str, *, grid: bool = True) -> None:
    """Two thin spines, quiet ticks, and titles for both axes."""
    axes.set_facecolor(theme.card)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(theme.line)
    axes.tick_params(which="both", color=theme.line, labelcolor=theme.muted, labelsize=CAPTION)
    axes.set_xlabel(x, color=theme.muted, fontsize=TEXT)
    axes.set_ylabel(y, color=theme.muted, fontsize=TEXT)
    axes.set_axisbelow(True)
    if grid:
        axes.grid(color=theme.line, linewidth=0.6)


def head(axes: Axes, theme: Theme, title: str, state: str = "") -> None:
    """The title of a panel, and beside it what it shows, muted."""
    axes.set_title(title, loc="left", color=theme.text, fontsize=TEXT, fontweight="bold")
    axes.set_title(state, loc="right", color=theme.muted, fontsize=CAPTION)


def legend(axes: Axes, theme: Theme) -> None:
    """A legend inside the axes, without a frame, where there is more than nothing to tell."""
    handles, labels = axes.get_legend_handles_labels()
    if handles:
        axes.legend(
            handles, labels, loc="best", frameon=False, labelcolor=theme.text, fontsize=CAPTION
        )


def scale_y(axes: Axes, values: np.ndarray, cap: float = math.inf) -> None:
    """Decades where positive values span more than one and a half of them, else a plain axis.

    Args:
        axes: whose y axis.
        values: what is drawn on it, any shape.
        cap: values above this do not stretch the axis.
    """
    finite = values[np.isfinite(values)]
    positive = finite[finite > 0]
    inside = positive[positive <= cap]
    if len(inside) and not (finite < 0).any() and inside.max() > 30 * inside.min():
        axes.set_yscale("log")
        axes.yaxis.set_major_locator(LogLocator(numticks=7))
        axes.yaxis.set_minor_locator(NullLocator())
        low, high = np.log10([inside.min(), inside.max()])
        room = 0.06 * (high - low)
        axes.set_ylim(10 ** (low - room), 10 ** (high + room))
        return
    axes.yaxis.set_major_locator(MaxNLocator(5))
    inside = finite[finite <= cap]
    if len(inside):
        low, high = float(inside.min()), float(inside.max())
        room = 0.06 * (high - low) or 0.06 * abs(high) or 1.0
        axes.set_ylim(low - room, high + room)


def cursor(axes: Axes, theme: Theme, x: float | None) -> Any:
    """The line that all panels share: the step that is looked at."""
    return None if x is None else axes.axvline(x, color=theme.muted, linewidth=1.0, zorder=1.5)


def save(figure: Figure, path: Path, title: str) -> None:
    """Write a figure; the ending of the path says how. The same figure gives the same bytes."""
    kind = path.suffix[1:]
    metadata: dict[str, Any] = {"Title": title}
    if kind == "png":
        metadata["Software"] = "Landscape Lab"
    else:
        metadata["Creator"] = "Landscape Lab"
        metadata["CreationDate" if kind == "pdf" else "Date"] = None
    with matplotlib.rc_context({"svg.hashsalt": "lab", "pdf.fonttype": 42}):
        figure.savefig(path, format=check_name(kind, _SUFFIXES, "format"), metadata=metadata)

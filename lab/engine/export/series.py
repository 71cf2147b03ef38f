"""Figures of the numbers that measurements give along a run: one for each probe, all its tracks."""

import math
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lab.engine.catalogue import catalogue
from lab.engine.export.style import Style, cursor, drawn_lanes, dress, head, legend
from lab.engine.recording import Recording, Result
from lab.palette import BAND_OPACITY

WIDTH, HEIGHT = 7.2, 2.6  # inches; of one row of plots
COLUMNS = 2
FEW = 40  # up to so many measurements each has its own dot


def tracked(recording: Recording, lanes: Sequence[str] = ()) -> list[str]:
    """The probes on record whose measurements have numbers to draw against steps.

    Args:
        recording: what was measured.
        lanes: of these lanes, or of all together; of any lane if not given.
    """
    wanted = ("", *lanes) if lanes else ("", *recording.records)
    names = dict.fromkeys(r.name for r in recording.results if r.lane in wanted)
    return [name for name in names if _quantities(recording, name)]


def series(
    recording: Recording,
    probe: str,
    step: int,
    style: Style,
    lanes: Sequence[str] | None = None,
) -> Figure:
    """All tracks of a probe against steps, with their bands.

    Args:
        recording: what is drawn; it must have measurements of the probe.
        probe: its name in the catalogue.
        step: where the cursor line is.
        style: how it is drawn.
        lanes: which lanes; all if not given.
    """
    theme, entry = style.colours, catalogue("probe")[probe]
    drawn = {lane.name: lane.colour for lane in drawn_lanes(recording, theme, lanes)}
    drawn[""] = theme.text  # what was measured on all lanes together
    found = _results(recording, probe)
    quantities = _quantities(recording, probe)
    columns = min(COLUMNS, len(quantities))
    rows = math.ceil(len(quantities) / columns)
    height = 4.0 if rows == columns == 1 else HEIGHT * rows
    figure = style.figure((WIDTH, height))
    grid = figure.subplots(rows, columns, squeeze=False).ravel()
    for place, (axes, one) in enumerate(zip(grid, quantities, strict=False)):
        unit = "" if one.unit in ("", "1") else f" [{one.unit}]"
        last = place + columns >= len(quantities)
        dress(axes, theme, "step" if last else "", f"{one.title}{unit}")
        for name, colour in drawn.items():
            results = [result for result in found if result.lane == name]
            _line(axes, results, one.key, colour, name or "all lanes")
        if one.log and _positive(axes):
            axes.set_yscale("log", nonpositive="mask")
        axes.set_xlim(0, max(1, recording.head))
        if step < recording.head:
            cursor(axes, theme, step)
    for axes in grid[len(quantities) :]:
        axes.set_visible(False)
    head(grid[0], theme, entry.title, "")
    legend(grid[0], theme)
    return figure


def _line(axes: Axes, results: list[Result], key: str, colour: str, label: str) -> None:
    """A quantity of a lane: a line, a dot for each of few measurements, and its band."""
    rows = [(r.step, r.info[key], *_band(r, key)) for r in results if _is_number(r.info.get(key))]
    if not rows:
        return
    steps, value, low, high = np.array(rows, dtype=np.float64).T
    marker = "o" if len(steps) <= FEW else None
    axes.plot(steps, value, color=colour, lw=1.5, marker=marker, ms=2.5, label=label)
    if np.isfinite(low).any():
        axes.fill_between(steps, low, high, color=colour, alpha=BAND_OPACITY, linewidth=0)


def _band(result: Result, key: str) -> tuple[float, float]:
    """The edges of a number's band; NaN for none."""
    info = result.info
    if f"{key}_low" in info:
        return info[f"{key}_low"], info.get(f"{key}_high", math.nan)
    error = info.get(f"{key}_error", math.nan)
    return info[key] - error, info[key] + error


def _quantities(recording: Recording, probe: str) -> list:
    """The tracks of a probe that any result has."""
    entry = catalogue("probe").get(probe)
    if entry is None or entry.factory is None:
        return []
    results = _results(recording, probe)
    return [
        one
        for one in entry.factory.tracks
        if any(_is_number(result.info.get(one.key)) for result in results)
    ]


def _results(recording: Recording, probe: str) -> list[Result]:
    """The results of a probe, but those of runs that were chosen by hand."""
    return [r for r in recording.probe(probe) if not r.info.get("chosen")]


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and math.isfinite(value)


def _positive(axes: Axes) -> bool:
    """Whether anything drawn is above 0."""
    return any((np.asarray(line.get_ydata()) > 0).any() for line in axes.lines)

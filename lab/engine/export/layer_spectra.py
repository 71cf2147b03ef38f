"""The figure of the layer spectra: leading eigenvalues of every layer's block, and of the whole."""

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullLocator

from lab.engine.export.measured import WIDE, at_step
from lab.engine.export.spectrum import TITLES
from lab.engine.export.style import Style, drawn_lanes, dress, head, legend
from lab.engine.recording import Recording, Result

_SPREAD = 0.56  # of a place, taken by the lanes in it
_APART = 0.6  # places between the last layer and the whole, beyond the usual one
_DEEPEST = 1e-8  # of the largest modulus: what lies below it does not stretch the axis


def layer_spectra(
    recording: Recording, step: int, style: Style, lanes: Sequence[str] | None = None
) -> Figure:
    """The modulus of leading eigenvalues against layers; triangles are those below 0.

    Args:
        recording: what is drawn; one of the lanes must have `layer_spectra`.
        step: the newest measurement up to here is drawn.
        style: how it is drawn.
        lanes: which lanes; all if not given. They stand side by side where their layers and
            matrices are those of the first one.
    """
    theme, results = style.colours, recording.probe("layer_spectra")
    pairs = [
        (lane, at_step([result for result in results if result.lane == lane.name], step))
        for lane in drawn_lanes(recording, theme, lanes)
    ]
    pairs = [(lane, result) for lane, result in pairs if result is not None]
    first = pairs[0][1]
    same = [pair for pair in pairs if _matrix(pair[1]) == _matrix(first)]
    names = [*first.names.split(", "), "all"]
    places = np.arange(len(names), dtype=np.float64)
    places[-1] += _APART
    figure = style.figure(WIDE)
    axes = figure.add_subplot()
    dress(axes, theme, "layer", r"modulus of the eigenvalue $|\lambda|$")
    most = 0.0
    for number, (lane, result) in enumerate(same):
        x = places + _SPREAD * ((number + 0.5) / len(same) - 0.5)
        values = result.eigenvalues
        most = max(most, float(np.nanmax(np.abs(values), initial=0.0)))
        for marker, there in (("o", values > 0), ("v", values < 0)):
            rows, columns = np.nonzero(there)
            label = lane.name if marker == "o" else None
            size = np.abs(values[rows, columns])
            axes.plot(x[rows], size, marker, ms=4, mew=0, color=lane.colour, label=label)
        if "trace" in result.arrays:
            trace = np.abs(result.trace)
            axes.plot(x, trace, "_", ms=12, mew=2, color=lane.colour, label=f"{lane.name}, |trace|")
    axes.axvline(places[-1] - (1 + _APART) / 2, color=theme.line, lw=1.0)
    axes.set_xticks(places, names)
    axes.set_xlim(-0.6, places[-1] + 0.6)
    if most > 0:
        axes.set_yscale("log")
        axes.yaxis.set_major_locator(LogLocator(numticks=7))
        axes.yaxis.set_minor_locator(NullLocator())
        axes.set_ylim(bottom=max(axes.get_ylim()[0], _DEEPEST * most))
    told = f"step {first.step:,}  ·  triangles: λ < 0"
    head(axes, theme, f"{TITLES[first.operator]}, by layer", told)
    legend(axes, theme)
    return figure


def _matrix(result: Result) -> tuple[str, str]:
    """Which matrix was measured, and of which layers."""
    return result.operator, result.names

"""Figures of the layer spectra: eigenvalues and densities of every layer, and of the whole."""

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
_LOWEST = 1e-6  # of the highest density: below it there is nothing to see
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


def layer_densities(recording: Recording, lane: str, step: int, style: Style) -> Figure:
    """The densities of the eigenvalues of every layer of a lane, and of the whole.

    Args:
        recording: what is drawn.
        lane: which lane; it must have `layer_spectra` with densities, see `with_densities`.
        step: the newest measurement with densities up to here is drawn.
        style: how it is drawn.
    """
    theme = style.colours
    result = at_step(with_densities(recording, lane), step)
    figure = style.figure(WIDE)
    axes = figure.add_subplot()
    dress(axes, theme, r"eigenvalue $\lambda$", "density")
    names = [*result.names.split(", "), "all"]
    colours = [*(theme.lane(place) for place in range(len(names) - 1)), theme.text]
    for name, colour, grid, density in zip(
        names, colours, result.grid, result.density, strict=True
    ):
        axes.plot(grid, density, color=colour, lw=1.3, label=name)
    axes.set_yscale("log")
    axes.yaxis.set_major_locator(LogLocator(numticks=7))
    axes.yaxis.set_minor_locator(NullLocator())
    most = float(np.nanmax(result.density))
    axes.set_ylim(_LOWEST * most, 2 * most)
    told = f"{lane}, step {result.step:,}"
    head(axes, theme, f"{TITLES[result.operator]}, density by layer", told)
    legend(axes, theme)
    return figure


def with_densities(recording: Recording, lane: str) -> list[Result]:
    """The layer spectra of a lane whose densities were measured and are finite."""
    results = [r for r in recording.probe("layer_spectra") if r.lane == lane]
    return [r for r in results if "density" in r.arrays and np.isfinite(r.density).any()]


def _matrix(result: Result) -> tuple[str, str]:
    """Which matrix was measured, and of which layers."""
    return result.operator, result.names

"""The figure of the slices: the loss along lines through a run's point, with their parabolas."""

import numpy as np
from matplotlib.figure import Figure

from lab.engine.export.measured import WIDE, at_step
from lab.engine.export.style import Style, dress, head, legend, scale_y
from lab.engine.recording import Recording


def slices(recording: Recording, lane: str, step: int, style: Style) -> Figure:
    """The loss against the distance from the point of a lane, a line for each direction.

    Args:
        recording: what is drawn.
        lane: which lane; it must have `slices`.
        step: the newest measurement up to here is drawn.
        style: how it is drawn.
    """
    theme = style.colours
    found = at_step([r for r in recording.probe("slices") if r.lane == lane], step)
    figure = style.figure(WIDE)
    axes = figure.add_subplot()
    dress(axes, theme, "distance from the point, in parameter space", "loss on all data")
    s = np.asarray(found.s, np.float64)
    for place, name in enumerate(found.names.split("|")):
        colour = theme.lane(place)
        axes.plot(s, found.loss[place], color=colour, linewidth=1.5, label=name)
        if name.startswith("eigenvector"):
            middle = float(np.interp(0.0, s, found.loss[place]))
            promised = middle + found.slope[place] * s + 0.5 * found.curvature[place] * s**2
            axes.plot(s, promised, color=colour, linewidth=1.0, linestyle="--")
    axes.set_xlim(s[0], s[-1])
    scale_y(axes, found.loss)
    head(axes, theme, "Slices", f"{lane}, step {found.step:,}  ·  dashed: slope and ½ λ s²")
    legend(axes, theme)
    return figure

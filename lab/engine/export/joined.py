"""Figures of what lies between runs: matrices of barriers, layers, trained curves, ridges."""

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

from lab.engine.export.ground import Ground
from lab.engine.export.measured import WIDE, at_step
from lab.engine.export.style import CAPTION, Style, dress, head, legend
from lab.engine.recording import Recording, Result
from lab.palette import Theme

SQUARE, BROAD = (5.6, 4.8), (6.4, 4.8)  # inches
_FEW = 12  # runs up to which each cell has its number
_SHAPES = {"bezier": "trained Bézier curve", "polygon": "trained polygon"}
LEVELS = 16  # contour lines of a ridge


def barriers(recording: Recording, step: int, style: Style) -> Figure:
    """The barriers between all runs; of the problem's metric too where it has one.

    Args:
        recording: what is drawn; it must have `barriers`.
        step: the newest measurement up to here is drawn.
        style: how it is drawn.
    """
    theme = style.colours
    result = at_step(recording.probe("barriers"), step)
    kinds = {"loss barrier": result.barrier}
    if "metric_barrier" in result.arrays:
        kinds[f"{result.metric} barrier"] = result.metric_barrier
    figure = style.figure((SQUARE[0] * len(kinds), SQUARE[1]))
    runs = [
        f"{lane}, run {run}" for lane, run in zip(result.lanes.split("\n"), result.run, strict=True)
    ]
    for number, (word, values) in enumerate(kinds.items()):
        axes = figure.add_subplot(1, len(kinds), number + 1)
        _matrix(axes, theme, values, runs)
        matched = "" if result.matched == "none" else f"  ·  matched by {result.matched}"
        head(axes, theme, word.capitalize(), f"step {result.step:,}{matched}")
    return figure


def layer_barriers(recording: Recording, step: int, style: Style) -> Figure:
    """The barrier of each layer alone and of all up to it, as trained and matched.

    Args:
        recording: what is drawn; it must have `layer_paths`.
        step: the newest measurement up to here is drawn.
        style: how it is drawn.
    """
    theme = style.colours
    result = at_step(recording.probe("layer_paths"), step)
    names = result.layers.split("\n")
    figure = style.figure(WIDE)
    axes = figure.add_subplot()
    dress(axes, theme, "layer (bars: this one alone, lines: all up to it)", "barrier")
    x = np.arange(len(names))
    kinds = {"as trained": ("", theme.lanes[1]), "neurons matched": ("matched_", theme.lanes[2])}
    kinds = {k: v for k, v in kinds.items() if f"{v[0]}barrier" in result.arrays}
    width = 0.76 / len(kinds)
    for number, (word, (prefix, colour)) in enumerate(kinds.items()):
        left = x - 0.38 + number * width
        alone = result.arrays[f"{prefix}barrier"]
        axes.bar(left, alone, 0.92 * width, align="edge", color=colour, alpha=0.45)
        together = result.arrays[f"{prefix}upto_barrier"]
        axes.plot(x, together, color=colour, lw=1.5, marker="o", ms=4, label=word)
    axes.set_xticks(x, names)
    axes.axhline(0, color=theme.muted, lw=0.8)
    head(axes, theme, "Barriers by layer", _ends(result))
    legend(axes, theme)
    return figure


def trained_curve(recording: Recording, step: int, style: Style) -> Figure:
    """The loss along a trained curve and along the straight line between the same ends.

    Args:
        recording: what is drawn; it must have a `curve_path`.
        step: the newest measurement up to here is drawn.
        style: how it is drawn.
    """
    theme = style.colours
    result = at_step(recording.probe("curve_path"), step)
    figure = style.figure(WIDE)
    axes = figure.add_subplot()
    dress(axes, theme, "from the first end to the second", "loss")
    axes.plot(result.t, result.line_loss, color=theme.lanes[1], lw=1.4, label="straight line")
    axes.plot(result.t, result.loss, color=theme.lanes[2], lw=2.0, label=_SHAPES[result.shape])
    axes.set_xlim(0, 1)
    told = f"{_ends(result)}  ·  {result.trained:,} training steps"
    head(axes, theme, "A curve of low loss", told)
    legend(axes, theme)
    return figure


def ridge(recording: Recording, step: int, style: Style) -> Figure:
    """The plane through two ends and where they parted, with the shadows of both paths.

    Args:
        recording: what is drawn; it must have a `ridge`.
        step: the newest measurement up to here is drawn.
        style: how it is drawn.
    """
    theme = style.colours
    result = at_step(recording.probe("ridge"), step)
    figure = style.figure(BROAD)
    axes = figure.add_subplot()
    dress(axes, theme, "along the line between the ends", "away from it", grid=False)
    none = np.empty((0, 2))
    norm = Ground(result.x, result.y, result.loss, ("", ""), "", log=True, optima=none).norm()
    mesh = axes.pcolormesh(
        result.x, result.y, result.loss, norm=norm, cmap="viridis", shading="nearest"
    )
    mesh.set_rasterized(True)
    levels = np.unique(norm.inverse(np.linspace(0, 1, LEVELS + 2)[1:-1]))
    axes.contour(result.x, result.y, result.loss, levels, colors="white", linewidths=0.4)
    base, a, b = result.corners
    axes.plot(*np.stack([a, b]).T, color="white", lw=1.2, ls="--")
    places = list(recording.records)
    for end in "ab":
        colour = theme.lane(places.index(result.info[f"lane_{end}"]))
        path, off = result.arrays[f"path_{end}"], result.arrays[f"off_{end}"]
        label = f"{_end(result, end)}: off-plane up to {off.max():.3g}"
        axes.plot(*path.T, color="black", lw=3.0, alpha=0.5)
        axes.plot(*path.T, color=colour, lw=1.6, label=label)
        axes.plot(*path[-1], marker="o", ms=7, color=colour, mec="white")
    word = f"parted at step {result.base_step:,}" if result.branched else "common start"
    axes.annotate(word, base, xytext=(6, -4), textcoords="offset points", fontsize=CAPTION)
    axes.plot(*base, marker="+", color="white", ms=9)
    colour_bar = figure.colorbar(mesh, ax=axes, pad=0.01)
    colour_bar.ax.tick_params(labelsize=CAPTION, labelcolor=theme.muted)
    told = f"angle {result.angle:.0f}°  ·  barrier {result.barrier:.3g}  ·  step {result.step:,}"
    head(axes, theme, "Mountainside and ridge", told)
    axes.legend(
        loc="lower left",
        fontsize=CAPTION,
        labelcolor=theme.text,
        facecolor=theme.card,
        edgecolor=theme.line,
    )
    return figure


def _matrix(axes: Axes, theme: Theme, values: np.ndarray, runs: list[str]) -> None:
    """One matrix with names, and numbers where there is room."""
    top = float(np.nanmax(values)) or 1.0
    norm, colours = Normalize(0, top), colormaps["viridis"]
    dress(axes, theme, "", "", grid=False)
    shown = np.where(np.eye(len(values)) > 0, np.nan, values)
    image = axes.imshow(shown, cmap=colours, norm=norm, aspect="auto", interpolation="nearest")
    places = range(len(runs))
    axes.set_yticks(places, runs)
    axes.set_xticks(places, runs, rotation=40, ha="right")
    if len(runs) <= _FEW:
        for i in places:
            for j in places:
                if np.isfinite(shown[i, j]):
                    dark = norm(shown[i, j]) < 0.6
                    look = {"color": "white" if dark else "black", "fontsize": CAPTION}
                    axes.text(j, i, f"{shown[i, j]:.2g}", ha="center", va="center", **look)
    bar = axes.figure.colorbar(image, ax=axes, pad=0.01)
    bar.ax.tick_params(labelsize=CAPTION, labelcolor=theme.muted)


def _end(result: Result, end: str) -> str:
    return f"{result.info[f'lane_{end}']}, run {result.info[f'run_{end}']}"


def _ends(result: Result) -> str:
    """Both ends with their steps."""
    words = [f"{_end(result, end)}, step {result.info[f'step_{end}']:,}" for end in "ab"]
    return " to ".join(words)

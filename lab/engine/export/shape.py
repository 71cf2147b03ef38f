"""Figures of the shape of the loss: topology of a surface, critical points by index and loss."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from lab.engine.dendrogram import branches, kept
from lab.engine.export.measured import at_step
from lab.engine.export.style import CAPTION, Style, dress, head
from lab.engine.recording import Recording, Result
from lab.palette import Theme, basin

TALL, WIDE = (7.2, 5.6), (7.2, 4.4)  # inches
MANY = 24  # bars, or basins, beyond which they are thin
DRAWN = 200  # of them, at most: the most persistent


def topology(recording: Recording, step: int, style: Style) -> Figure:
    """The merge tree of the newest surface that was looked at, above its persistence bars.

    Args:
        recording: what is drawn; it must have a `topology`.
        step: the newest measurement up to here is drawn.
        style: how it is drawn.
    """
    theme = style.colours
    found = at_step(recording.probe("topology"), step)
    figure = style.figure(TALL)
    tree, bars = figure.subplots(2, 1, height_ratios=(3, 2))
    _tree(tree, found, theme)
    _bars(bars, found, theme)
    depth = f"mean depth {found.smad:.4g}" if found.basins > 1 else ""
    count = f"{found.basins} basin{'s' * (found.basins != 1)}"
    state = "  ·  ".join(word for word in (count, depth, f"{found.nx} × {found.ny} points") if word)
    head(tree, theme, "Topology", state)
    figure.supxlabel(
        "   ·   ".join(word for word in (found.text, found.lane, f"step {found.step:,}") if word),
        x=0.01,
        ha="left",
        fontsize=7,
        color=theme.muted,
    )
    return figure


def critical_points(recording: Recording, step: int, style: Style) -> Figure:
    """Index against loss of the critical points of the newest search; rings for known ones.

    Args:
        recording: what is drawn; it must have `critical_points`.
        step: the newest search up to here is drawn.
        style: how it is drawn.
    """
    theme = style.colours
    found = at_step(recording.probe("critical_points"), step)
    figure = style.figure(WIDE)
    axes = figure.add_subplot()
    dress(axes, theme, "loss", r"index $\alpha$ (part of negative eigenvalues)")
    handles = []
    if "known_loss" in found.arrays:
        look = {"marker": "o", "ls": "none", "ms": 9, "mfc": "none", "mec": theme.text}
        axes.plot(found.known_loss, found.known_index / found.dim, **look)
        handles.append(Line2D([], [], label="known", **look))
    noise, rank = np.unique(found.amplitude, return_inverse=True)
    picture = axes.scatter(
        found.loss,
        found.index / found.dim,
        c=rank.ravel(),
        cmap="viridis",
        vmin=-0.2,
        vmax=max(1, len(noise) - 1) * 1.2,
        s=22,
        zorder=3,
        edgecolors=theme.card,
        linewidths=0.5,
    )
    for number, value in enumerate(noise.tolist()):
        colour = picture.to_rgba(number)
        look = {"marker": "o", "ls": "none", "ms": 5, "color": colour}
        handles.append(Line2D([], [], label=f"noise {value:g}", **look))
    axes.legend(handles=handles, frameon=False, labelcolor=theme.text, fontsize=CAPTION)
    axes.set_ylim(bottom=-0.03)
    lost = f"{found.tried} starts, {found.lost} lost"
    head(
        axes,
        theme,
        "Critical points",
        f"step {found.step:,}  ·  {len(found.loss)} found, {lost}  ·  |∇f| < {found.tol:g}",
    )
    return figure


def _tree(axes: Axes, found: Result, theme: Theme) -> None:
    """Every basin upright from its minimum to its saddle, and over to the one that it joins."""
    dress(axes, theme, "", "loss")
    shown = kept(found.birth, found.death, 0.0)
    shown[DRAWN:] = False  # by falling persistence: what a basin joins comes before it
    deaths = found.death[shown & np.isfinite(found.death)]
    low = float(found.birth.min(initial=np.inf))
    high = float(deaths.max()) if len(deaths) else found.top
    top = high + (0.18 * (high - low) or 0.18 * abs(high) or 1.0)
    drawn = branches(found.birth, found.death, found.elder, shown, top)
    width = 1.6 if len(drawn) <= MANY else 0.8
    for branch in drawn:
        colour = basin(branch.row)
        ends = [branch.x, branch.x, branch.elder]
        axes.plot(ends, [branch.low, branch.high, branch.high], color=colour, lw=width)
        axes.plot(branch.x, branch.low, "o", color=colour, ms=5 if len(drawn) <= MANY else 3)
    axes.set(xticks=[], xlim=(-0.8, max(1, len(drawn)) - 0.2))
    if np.isfinite(low):
        axes.set_ylim(low - 0.06 * (top - low), top)


def _bars(axes: Axes, found: Result, theme: Theme) -> None:
    """Bars from birth to death: basins below, holes above; what never dies reaches the edge."""
    dress(axes, theme, "loss", "")
    groups = [np.stack([found.birth, found.death], axis=1)[:DRAWN], found.holes[:DRAWN]]
    finite = np.concatenate([group.ravel() for group in groups])
    finite = finite[np.isfinite(finite)]
    low, high = (finite.min(), finite.max()) if len(finite) else (0.0, 1.0)
    room = 0.05 * (high - low) or 0.05 * abs(high) or 1.0
    width = 3.0 if sum(map(len, groups)) <= MANY else 1.0
    row, ticks = 0, []
    for group, colour in zip(groups, theme.lanes, strict=False):
        rows = np.arange(row, row + len(group))
        ends = np.where(np.isfinite(group[:, 1]), group[:, 1], high + 2 * room)
        axes.hlines(rows, group[:, 0], ends, color=colour, linewidth=width)
        ticks.append(rows.mean() if len(rows) else np.nan)
        row += len(group)
    named = [(at, word) for at, word in zip(ticks, ("H$_0$", "H$_1$"), strict=True) if at >= 0]
    axes.set_yticks([at for at, _ in named], [word for _, word in named])
    axes.set(xlim=(low - room, high + 2 * room), ylim=(-0.8, max(3, row) - 0.2))

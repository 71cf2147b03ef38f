"""Figures of what was measured along a run: spectrum, roughness, connectivity, evaluation."""

import math
from collections.abc import Callable, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lab.engine.export.style import (
    CAPTION,
    DrawnLane,
    Style,
    cursor,
    drawn_lanes,
    dress,
    head,
    legend,
    scale_y,
)
from lab.engine.limits import is_of_hessian
from lab.engine.overview import summary
from lab.engine.recording import Recording, Result
from lab.palette import BAND_OPACITY, Theme

WIDE, TALL = (7.2, 4.0), (7.2, 5.2)  # inches
_TOTAL_VARIATIONS = ((0.5, "slope"), (1.0, "bowl"))  # what the mean of T·l is there
LIMIT_REACH = 3.0  # 2/η is shown up to this multiple of the largest eigenvalue


def at_step(results: Sequence[Result], step: int) -> Result | None:
    """The newest result at or before a step, or else the first one after it."""
    before = [result for result in results if result.step <= step]
    return before[-1] if before else next(iter(results), None)


def eigenvalues(
    recording: Recording, step: int, style: Style, lanes: Sequence[str] | None = None
) -> Figure:
    """The largest and smallest eigenvalue found along each lane, and its 2/η.

    Args:
        recording: what is drawn.
        step: where the cursor line is.
        style: how it is drawn.
        lanes: which lanes; all if not given.
    """
    theme = style.colours
    figure = style.figure(WIDE)
    axes = figure.add_subplot()
    dress(axes, theme, "step", r"eigenvalue $\lambda$")
    seen = []
    limits = []
    for lane, results in _by_lane(recording, "hessian_spectrum", theme, lanes, is_of_hessian):
        steps = [r.step for r in results]
        top = [r.lambda_max for r in results]
        bottom = [r.lambda_min for r in results]
        axes.plot(steps, top, color=lane.colour, linewidth=1.5, label=lane.name)
        axes.plot(steps, bottom, color=lane.colour, linewidth=0.8)
        seen += [*top, *bottom]
        limits.append((steps, [r.info.get("two_over_lr", math.nan) for r in results], lane.colour))
    reach = LIMIT_REACH * max(seen)
    for steps, limit, colour in limits:
        if min(limit) <= reach:
            axes.plot(steps, limit, color=colour, linewidth=1.2, linestyle="--")
            seen += [value for value in limit if value <= reach]
    scale_y(axes, np.array(seen))
    _steps_axis(axes, theme, recording, step)
    head(
        axes,
        theme,
        "Extreme Hessian eigenvalues",
        "thick: largest, thin: smallest found, dashed: 2/η",
    )
    legend(axes, theme)
    return figure


def roughness(
    recording: Recording, step: int, style: Style, lanes: Sequence[str] | None = None
) -> Figure:
    """The roughness index along each lane with its 95 % interval, and the mean of T·l below it.

    Args:
        recording: what is drawn.
        step: where the cursor line is.
        style: how it is drawn.
        lanes: which lanes; all if not given.
    """
    theme = style.colours
    figure = style.figure(TALL)
    index, mean = figure.subplots(2, 1, sharex=True, height_ratios=(3, 2))
    dress(index, theme, "", "roughness index")
    dress(mean, theme, "step", "mean of T·l")
    about = ""
    for lane, results in _by_lane(recording, "roughness", theme, lanes):
        steps = [r.step for r in results]
        index.plot(steps, [r.index for r in results], color=lane.colour, lw=1.5, label=lane.name)
        low, high = ([getattr(r, name) for r in results] for name in ("index_low", "index_high"))
        index.fill_between(steps, low, high, color=lane.colour, alpha=BAND_OPACITY, linewidth=0)
        mean.plot(steps, [r.mean_tv_l for r in results], color=lane.colour, linewidth=1.5)
        about = f"{len(results[0].total_variation)} directions, radius {results[0].radius:g}"
    index.set_ylim(bottom=0)
    for value, word in _TOTAL_VARIATIONS:
        mean.axhline(value, color=theme.muted, linewidth=0.8, linestyle="--")
        place = (1.0, value)
        mean.annotate(
            f"{word} ",
            place,
            xycoords=mean.get_yaxis_transform(),
            color=theme.muted,
            fontsize=CAPTION,
            ha="right",
            va="bottom",
        )
    low, high = mean.get_ylim()
    mean.set_ylim(min(low, 0.45), max(high, 1.1))
    for axes in (index, mean):
        _steps_axis(axes, theme, recording, step)
    head(index, theme, "Roughness index", f"{about}  ·  band: 95 % interval")
    legend(index, theme)
    return figure


def evaluation(
    recording: Recording,
    name: str,
    step: int,
    style: Style,
    lanes: Sequence[str] | None = None,
) -> Figure:
    """A number on all data along each lane: the median over runs, and a band from 10 % to 90 %.

    Args:
        recording: what is drawn.
        name: "loss", "accuracy" or another array of the `evaluation` probe.
        step: where the cursor line is.
        style: how it is drawn.
        lanes: which lanes; all if not given.
    """
    theme = style.colours
    figure = style.figure(WIDE)
    axes = figure.add_subplot()
    title = name.replace("_", " ")
    dress(axes, theme, "step", f"{title} on all data")
    seen = []
    for lane, results in _by_lane(recording, "evaluation", theme, lanes):
        steps = [r.step for r in results]
        low, middle, high = summary(np.stack([r.arrays[name] for r in results])).T
        axes.plot(steps, middle, color=lane.colour, linewidth=1.5, label=lane.name)
        if lane.record.runs > 1:
            axes.fill_between(steps, low, high, color=lane.colour, alpha=BAND_OPACITY, linewidth=0)
        seen.append(np.concatenate([low, middle, high]))
    scale_y(axes, np.concatenate(seen))
    _steps_axis(axes, theme, recording, step)
    head(axes, theme, f"{title.capitalize()} on all data", "median and 10–90 % of runs")
    legend(axes, theme)
    return figure


def connectivity(recording: Recording, step: int, style: Style) -> Figure:
    """The loss, and what else the problem knows, along the line between two runs.

    Args:
        recording: what is drawn; it must have a `connectivity`.
        step: the newest measurement up to here is drawn.
        style: how it is drawn.
    """
    theme = style.colours
    result = at_step(recording.probe("connectivity"), step)
    metrics = [n for n in result.arrays if n not in ("t", "loss") and not n.startswith("matched_")]
    ways = {"as trained": ("", theme.lanes[1], 2.4)}
    if "matched_loss" in result.arrays:
        ways["neurons matched"] = ("matched_", theme.lanes[2], 1.4)
    figure = style.figure(TALL if metrics else WIDE)
    rows = figure.subplots(
        1 + len(metrics), 1, sharex=True, squeeze=False, height_ratios=[2, *[1] * len(metrics)]
    )[:, 0]
    ends = [f"{result.info[f'lane_{end}']}, run {result.info[f'run_{end}']}" for end in "ab"]
    for axes, name in zip(rows, ("loss", *metrics), strict=True):
        last = axes is rows[-1]
        dress(axes, theme, f"from {ends[0]} to {ends[1]}" if last else "", name.replace("_", " "))
        for label, (prefix, colour, width) in ways.items():
            axes.plot(result.t, result.arrays[prefix + name], color=colour, lw=width, label=label)
        axes.set_xlim(0, 1)
    _barrier(rows[0], result, theme)
    head(rows[0], theme, "Connectivity", f"step {result.step:,}")
    legend(rows[0], theme)
    return figure


def _barrier(axes: Axes, result: Result, theme: Theme) -> None:
    """An arrow from the mean of the ends to the highest loss between them, with its length."""
    loss, t = result.loss, result.t
    top = int(loss.argmax())
    if not 0 < top < len(loss) - 1 or result.barrier < 0.02 * np.ptp(loss):
        return
    base = float(loss[[0, -1]].mean())
    arrow = {"arrowstyle": "<->", "color": theme.muted, "shrinkA": 0, "shrinkB": 0, "lw": 0.9}
    axes.annotate("", (t[top], loss[top]), (t[top], base), arrowprops=arrow)
    side = 1 if t[top] < 0.6 else -1
    axes.annotate(
        f"barrier {result.barrier:.3g}",
        (t[top], (loss[top] + base) / 2),
        xytext=(6 * side, 0),
        textcoords="offset points",
        ha="left" if side > 0 else "right",
        va="center",
        color=theme.text,
        fontsize=CAPTION,
    )


def _by_lane(
    recording: Recording,
    name: str,
    theme: Theme,
    lanes: Sequence[str] | None,
    wanted: Callable[[Result], bool] = lambda result: True,
) -> list[tuple[DrawnLane, list[Result]]]:
    """The lanes that have results of a measurement, with these; none of runs chosen by hand."""
    results = [result for result in recording.probe(name) if wanted(result)]
    found = [result for result in results if not result.info.get("chosen")]
    paired = [
        (lane, [result for result in found if result.lane == lane.name])
        for lane in drawn_lanes(recording, theme, lanes)
    ]
    return [(lane, results) for lane, results in paired if results]


def _steps_axis(axes: Axes, theme: Theme, recording: Recording, step: int) -> None:
    """The axis that all curves share: from step 0 to the end of the record."""
    axes.set_xlim(0, max(1, recording.head))
    if step < recording.head:
        cursor(axes, theme, step)

"""Figures of stability: sharpness against its limit along the run, and foretold learning rates."""

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from lab.engine.export.measured import TALL, WIDE, at_step
from lab.engine.export.style import Style, cursor, drawn_lanes, dress, head, legend
from lab.engine.limits import GRADIENT_RULES, limits_along
from lab.engine.recording import Recording, Result

LAWS = (  # array, its batch sizes, word, line
    ("linear", "batch_sizes", "linear law", "-"),
    ("root", "batch_sizes", "square-root law", "--"),
    ("exact", "sgd_batch_sizes", "plain SGD, stable in mean square", "-."),
    ("diverging", "sgd_batch_sizes", "plain SGD diverges beyond", ":"),
)


def stability(
    recording: Recording, step: int, style: Style, lanes: Sequence[str] | None = None
) -> Figure:
    """The largest eigenvalue along each lane with its limit, and below it their ratio.

    Args:
        recording: what is drawn; it must have results of `stability`.
        step: where the cursor line is.
        style: how it is drawn.
        lanes: which lanes; all if not given.
    """
    theme = style.colours
    figure = style.figure(TALL)
    top, below = figure.subplots(2, 1, sharex=True, height_ratios=[3, 2])
    dress(top, theme, "", r"sharpness $\lambda_{max}$")
    dress(below, theme, "step", "sharpness / limit")
    end = max(1, recording.head)
    for lane in drawn_lanes(recording, theme, lanes):
        results = _planned(recording, lane.name)
        if not results:
            continue
        steps = [r.step for r in results]
        look = {"color": lane.colour}
        top.plot(steps, _numbers(results, "lambda_max"), lw=1.5, label=lane.name, **look)
        for name in ("preconditioned", "batch_lambda_max"):
            top.plot(steps, _numbers(results, name), lw=0.7, alpha=0.7, **look)
        spec = lane.record.spec
        if spec.optimizer in GRADIENT_RULES:
            top.plot(*limits_along(spec, [0, end]), lw=1.0, ls="--", **look)
        else:
            limit = _numbers(results, "limit") - np.nan_to_num(_numbers(results, "decay"))
            top.plot(steps, limit, lw=1.0, ls="--", **look)
        below.plot(steps, _numbers(results, "ratio"), lw=1.5, **look)
        below.plot(steps, _numbers(results, "batch_ratio"), lw=0.7, alpha=0.7, **look)
    below.axhline(1, color=theme.warning, lw=1.0, ls="--")
    for axes in (top, below):
        axes.set_yscale("log")
        axes.set_xlim(0, end)
        if step < recording.head:
            cursor(axes, theme, step)
    head(top, theme, "Stability", "dashed: what the steps stand; thin: preconditioned, mini-batch")
    legend(top, theme)
    return figure


def rates(recording: Recording, lane: str, step: int, style: Style) -> Figure | None:
    """The foretold largest learning rates of a lane by batch size, and where it stands.

    Args:
        recording: what is drawn.
        lane: which lane.
        step: the newest prediction up to here is drawn.
        style: how it is drawn.

    Returns:
        None where nothing was foretold.
    """
    theme = style.colours
    found = [r for r in recording.probe("stability") if r.lane == lane and _laws(r)]
    result = at_step(found, step)
    if result is None:
        return None
    (drawn,) = drawn_lanes(recording, theme, [lane])
    figure = style.figure(WIDE)
    axes = figure.add_subplot()
    dress(axes, theme, "batch size $B$", r"learning rate $\eta$")
    for name, sizes, word, line in _laws(result):
        colour = drawn.colour if sizes == "batch_sizes" else theme.text
        axes.plot(result.arrays[sizes], result.arrays[name], line, color=colour, lw=1.4, label=word)
    lr, size = result.info.get("lr", 0), result.info.get("batch_size", 0)
    if lr > 0 and size > 0:
        axes.plot([size], [lr], "o", color=theme.warning, ms=6, label="this run")
    axes.set_xscale("log")
    axes.set_yscale("log")
    head(axes, theme, "Largest learning rates", f"{lane}, step {result.step:,}")
    legend(axes, theme)
    return figure


def _laws(result: Result) -> list[tuple[str, str, str, str]]:
    """The predictions that a result has."""
    return [
        law for law in LAWS if law[0] in result.arrays and np.isfinite(result.arrays[law[0]]).any()
    ]


def _planned(recording: Recording, lane: str) -> list[Result]:
    """The results of a lane, none of runs chosen by hand."""
    found = recording.probe("stability")
    return [r for r in found if r.lane == lane and not r.info.get("chosen")]


def _numbers(results: Sequence[Result], name: str) -> np.ndarray:
    """A number of each result, NaN where it is not there."""
    return np.array([r.info.get(name, np.nan) for r in results], dtype=np.float64)

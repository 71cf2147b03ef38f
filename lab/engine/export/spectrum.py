"""Figures of spectra: the Hessian's, another matrix's, or that of one layer's block."""

import math

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullLocator

from lab.engine.export.measured import LIMIT_REACH, WIDE, at_step
from lab.engine.export.style import CAPTION, Style, drawn_lanes, dress, head, legend
from lab.engine.limits import kind_of
from lab.engine.recording import Recording, Result
from lab.palette import Theme

TITLES = {
    "hessian": "Hessian spectrum",
    "ggn": "Spectrum of the Gauss–Newton matrix",
    "rest": "Spectrum of the Hessian less the Gauss–Newton matrix",
    "fisher": "Spectrum of the empirical Fisher matrix",
    "ntk": "Spectrum of the tangent kernel",
}
HESSIAN = ("hessian", "")
_LOWEST = 1e-5  # of a density's top: below it there is nothing to see


def kinds(recording: Recording, lane: str) -> list[tuple[str, str]]:
    """Of which matrices and layers' blocks a lane has spectra, in the order they were measured."""
    found = [r for r in recording.probe("hessian_spectrum") if r.lane == lane]
    return list(dict.fromkeys(kind_of(result) for result in found))


def spectrum(
    recording: Recording, lane: str, step: int, style: Style, kind: tuple[str, str] = HESSIAN
) -> Figure:
    """The eigenvalues of a matrix on a lane: their density where there are many, and 2/η.

    Args:
        recording: what is drawn.
        lane: which lane; it must have a `hessian_spectrum` of this kind.
        step: the newest measurement up to here is drawn.
        style: how it is drawn.
        kind: of which matrix, and of which tensor's block; "" for all parameters.
    """
    theme = style.colours
    (drawn,) = drawn_lanes(recording, theme, [lane])
    results = [r for r in recording.probe("hessian_spectrum") if r.lane == lane]
    result = at_step([r for r in results if kind_of(r) == kind], step)
    figure = style.figure(WIDE)
    axes = figure.add_subplot()
    values = result.eigenvalues
    if "grid" in result.arrays:
        dress(axes, theme, r"eigenvalue $\lambda$", "density")
        _density(axes, result, drawn.colour, theme)
    else:
        dress(axes, theme, r"eigenvalue $\lambda$", "")
        axes.vlines(values, 0, 1, color=drawn.colour, linewidth=1.8)
        axes.set(ylim=(0, 1.25), yticks=[])
        axes.spines["left"].set_visible(False)
    if "batch_largest" in result.arrays:
        _batches(axes, result, drawn.colour, theme)
    axes.margins(x=0.05)
    if kind == HESSIAN:
        _limit(axes, result, theme)
    operator, layer = kind
    title = TITLES[operator] + (f", {layer}" if layer else "")
    about = [f"{lane}, step {result.step:,}", *_words(result)]
    head(axes, theme, title, "  ·  ".join(about))
    return figure


def _words(result: Result) -> list[str]:
    """What is known besides the picture."""
    exact = f"{len(result.eigenvalues)} largest exactly, density estimated"
    words = ["all of them" if result.exact else exact]
    if "outliers" in result.info and "grid" in result.arrays:
        count, classes = result.info["outliers"], result.info.get("classes", 0)
        words.append(f"{count} outliers" + (f", {classes} classes" if classes else ""))
    return words


def _density(axes: Axes, result: Result, colour: str, theme: Theme) -> None:
    """The density in decades with its 90 % interval; eigenvalues known exactly as sticks."""
    grid, density = result.grid, result.density
    floor = _LOWEST * float(density.max())
    axes.fill_between(grid, floor, np.maximum(density, floor), color=colour, alpha=0.35, lw=0)
    axes.plot(grid, np.maximum(density, floor), color=colour, linewidth=1.0)
    if "low" in result.arrays:
        low, high = (np.maximum(result.arrays[name], floor) for name in ("low", "high"))
        axes.fill_between(grid, low, high, color=colour, alpha=0.3, lw=0)
    edge = result.info.get("outlier_edge", -math.inf)
    values = result.eigenvalues
    for part, tint in ((values[values > edge], theme.text), (values[values <= edge], theme.muted)):
        axes.vlines(part, floor, 30 * floor, color=tint, linewidth=1.8)
    axes.set_yscale("log")
    axes.set_ylim(floor, 3 * float(density.max()))
    axes.yaxis.set_major_locator(LogLocator(numticks=7))
    axes.yaxis.set_minor_locator(NullLocator())


def _batches(axes: Axes, result: Result, colour: str, theme: Theme) -> None:
    """Extremal eigenvalues of mini-batches in a row below the top, and what is predicted."""
    info = result.info
    low, high = axes.get_ylim()
    if axes.get_yscale() == "log":
        row = 10 ** (0.88 * math.log10(high) + 0.12 * math.log10(low)) * (high / low) ** 0.1
        axes.set_ylim(low, high * (high / low) ** 0.2)
    else:
        row = 1.15
        axes.set_ylim(low, 1.5)
    ends = np.concatenate([result.batch_largest[:, 0], result.batch_smallest])
    size = info["batch_size"]
    axes.plot(ends, np.full(len(ends), row), "o", ms=4, color=colour, label=f"batches of {size}")
    said = [info["predicted_lambda_max"], info["predicted_lambda_min"]]
    axes.plot(
        said, [row] * 2, "v", ms=5, color=theme.muted, label="predicted, noise without directions"
    )
    local = info["local_lambda_max"]
    axes.plot([local], [row], "v", ms=5, color=theme.text, label="predicted along the eigenvectors")
    for side in (-info["noise_edge"], info["noise_edge"]):
        axes.axvline(side, color=theme.muted, linewidth=0.8, linestyle="--")
    legend(axes, theme)


def _limit(axes: Axes, result: Result, theme: Theme) -> None:
    """The line beyond which plain gradient descent is unstable, where it is near."""
    limit = result.info.get("two_over_lr", math.inf)
    if limit > LIMIT_REACH * max(float(result.eigenvalues.max()), 0.0):
        return
    axes.axvline(limit, color=theme.warning, linewidth=1.2, linestyle="--")
    axes.annotate(
        r" $2/\eta$",
        (limit, 0.97),
        xycoords=axes.get_xaxis_transform(),
        color=theme.warning,
        fontsize=CAPTION,
        va="top",
    )

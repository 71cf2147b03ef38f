"""The figure of a curvature map: both ends of the Hessian spectrum on a plane, and their ratio."""

import numpy as np
from matplotlib.figure import Figure

from lab.engine.export.measured import at_step
from lab.engine.export.style import Style, dress, head
from lab.engine.recording import Recording

SIZE = (10.2, 3.6)  # inches
_STICK_OUT = 0.995  # of the values have colours of their own


def curvature(recording: Recording, step: int, style: Style) -> Figure:
    """Largest and smallest eigenvalue and |smallest / largest| at the points of a plane.

    Args:
        recording: what is drawn; it must have a `curvature_map`.
        step: the newest map up to here is drawn.
        style: how it is drawn.
    """
    theme = style.colours
    found = at_step(recording.probe("curvature_map"), step)
    x, y = found.x, found.y
    half_x, half_y = (x[1] - x[0]) / 2, (y[1] - y[0]) / 2
    extent = (x[0] - half_x, x[-1] + half_x, y[0] - half_y, y[-1] + half_y)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.abs(found.smallest / found.largest)
    panels = (
        (r"$\lambda_\mathrm{max}$", found.largest),
        (r"$\lambda_\mathrm{min}$", found.smallest),
        (r"$|\lambda_\mathrm{min}/\lambda_\mathrm{max}|$", ratio),
    )
    figure = style.figure(SIZE)
    for axes, (title, values) in zip(figure.subplots(1, 3), panels, strict=True):
        dress(axes, theme, "direction 1", "direction 2", grid=False)
        known = values[np.isfinite(values)]
        high = float(np.quantile(known, _STICK_OUT)) if len(known) else 1.0
        image = axes.imshow(
            values,
            extent=extent,
            origin="lower",
            aspect="auto",
            cmap="viridis",
            vmax=high,
            interpolation="bilinear",
        )
        bar = figure.colorbar(image, ax=axes, pad=0.02, fraction=0.05)
        bar.outline.set_visible(False)
        bar.ax.tick_params(color=theme.line, labelcolor=theme.muted, labelsize=7)
        head(axes, theme, title, f"step {found.step:,}")
    words = f"{found.text}   ·   {found.tensors} tensors   ·   {found.products:,} products"
    figure.supxlabel(words, x=0.01, ha="left", fontsize=7, color=theme.muted)
    return figure

"""The landscape: a surface in colour with white contours, and the paths of the runs on it."""

import math
from collections.abc import Sequence

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patheffects import Normal, Stroke

from lab.engine.analysis.base import finish
from lab.engine.export.ground import Ground, find_ground, off_plane, path_of
from lab.engine.export.style import DrawnLane, Style, drawn_lanes, dress, head, scale_y
from lab.engine.recording import Recording
from lab.palette import CONTOUR_OPACITY

SIZE = (7.2, 6.4)  # inches
CONTOURS = 14
MANY = 8  # runs of a lane beyond which its marks and lines are drawn small


def landscape(
    recording: Recording,
    step: int | None = None,
    style: Style | None = None,
    lanes: Sequence[str] | None = None,
    on: Ground | None = None,
) -> Figure:
    """The landscape with the paths up to a step.

    Args:
        recording: what is drawn.
        step: the step that is looked at; the newest one if not given.
        style: how it is drawn.
        lanes: which lanes; all if not given.
        on: the ground, if it is known already.

    Returns:
        The figure.

    Raises:
        ValueError: as for `find_ground`.
    """
    style = style or Style()
    step = recording.head if step is None else step
    on = on or finish(find_ground(recording, step))
    figure = style.figure(SIZE)
    axes = figure.add_subplot()
    picture = Landscape(axes, recording, on, style, drawn_lanes(recording, style.colours, lanes))
    picture.show(step)
    picture.key()
    theme = style.colours
    distance = off_plane(recording, on, recording.lanes if lanes is None else lanes, step)
    figure.supxlabel(
        f"{on.text}   ·   off-plane {distance:.3g}",
        x=0.01,
        ha="left",
        fontsize=7,
        color=theme.muted,
    )
    head(axes, theme, recording.experiment.title or "Landscape", f"step {step:,}")
    return figure


class Landscape:
    """A landscape on some axes, whose paths can be shown up to any step."""

    def __init__(
        self,
        axes: Axes,
        recording: Recording,
        on: Ground,
        style: Style,
        lanes: Sequence[DrawnLane],
    ):
        """Draw everything that does not move: surface, contours, optima, starts.

        Args:
            axes: empty axes.
            recording: whose paths.
            on: the ground.
            style: how it is drawn.
            lanes: whose paths.
        """
        self._axes, self._ground, self._theme = axes, on, style.colours
        self._lanes = lanes
        known = bool(np.isfinite(on.loss).any())
        dress(axes, self._theme, *on.titles, grid=not len(on.y) or not known)
        if len(on.y) and known:
            self._surface(on.norm())
        elif len(on.y):
            axes.set(xlim=(on.x[0], on.x[-1]), ylim=(on.y[0], on.y[-1]))
        else:
            axes.plot(on.x, on.loss, color=self._theme.muted, linewidth=1.2, zorder=1)
            axes.set_xlim(on.x[0], on.x[-1])
            scale_y(axes, on.loss)
        self._paths = []
        for lane in lanes:
            first = lane.record.spec.branch_step if lane.record.parent else 0
            self._paths.append(path_of(lane.record, on, first, lane.record.head))
        self._marks()
        self._lines = [self._line(lane) for lane in lanes]
        self._heads = [self._head(lane) for lane in lanes]
        self._lost = [self._cross() for _ in lanes]

    @property
    def moving(self) -> list[Artist]:
        """What `show` changes."""
        return [*self._lines, *self._lost, *self._heads]

    def show(self, step: int) -> None:
        """Show the paths up to a step: heads at its end, crosses where a run was lost."""
        for (steps, points), line, dot, lost, lane in zip(
            self._paths, self._lines, self._heads, self._lost, self._lanes, strict=True
        ):
            count = int(np.searchsorted(steps, step, side="right"))
            seen = points[:count]
            runs = np.swapaxes(seen, 0, 1)  # (runs, steps, 2)
            gap = np.full((len(runs), 1, 2), np.nan)
            line.set_data(*np.concatenate([runs, gap], axis=1).reshape(-1, 2).T)
            gone = np.array(
                [run for run, where in lane.record.diverged.items() if where.step <= step],
                dtype=int,
            )
            alive = np.setdiff1d(np.arange(points.shape[1]), gone)
            dot.set_data(*(seen[-1, alive].T if count else np.empty((2, 0))))
            lost.set_data(*_ends(runs[gone]).T)

    def key(self) -> None:
        """The names of the lanes, on a plate of the card's colour: a surface has any colour."""
        if not self._lanes:
            return
        handles = [Line2D([], [], color=x.colour, linewidth=2.0, label=x.name) for x in self._lanes]
        box = self._axes.legend(
            handles=handles, loc="upper left", fontsize=8, labelcolor=self._theme.text, frameon=True
        )
        box.get_frame().set(facecolor=self._theme.card, edgecolor="none", alpha=0.82)

    def _surface(self, norm: Normalize) -> None:
        """The colours, the contour lines and a slim scale beside them."""
        x, y, loss = self._ground.x, self._ground.y, self._ground.loss
        half_x, half_y = (x[1] - x[0]) / 2, (y[1] - y[0]) / 2
        axes = self._axes
        image = axes.imshow(
            loss,
            extent=(x[0] - half_x, x[-1] + half_x, y[0] - half_y, y[-1] + half_y),
            origin="lower",
            aspect="auto",
            cmap="viridis",
            norm=norm,
            interpolation="bilinear",
            zorder=0,
        )
        levels = np.unique(norm.inverse(np.linspace(0, 1, CONTOURS + 2)[1:-1]))
        axes.contour(
            x,
            y,
            np.ma.masked_invalid(loss),
            levels=levels,
            colors="white",
            alpha=CONTOUR_OPACITY,
            linewidths=0.6,
            zorder=1,
        )
        axes.set(xlim=(x[0], x[-1]), ylim=(y[0], y[-1]))
        axes.spines[:].set_visible(False)
        bar = axes.figure.colorbar(image, ax=axes, pad=0.015, fraction=0.03, aspect=40)
        bar.outline.set_visible(False)
        bar.ax.minorticks_off()
        ticks = _round_values(norm)
        labels = [f"{tick:,.5g}".replace("-", "−") for tick in ticks]
        bar.set_ticks(np.clip(ticks, norm.vmin, norm.vmax), labels=labels)
        bar.ax.tick_params(color=self._theme.line, labelcolor=self._theme.muted, labelsize=7)
        bar.set_label("loss", color=self._theme.muted, fontsize=8)

    def _marks(self) -> None:
        """Stars for optima, white crosses for starts, rings where a branch leaves its parent."""
        theme, on = self._theme, self._ground
        edge = [Stroke(linewidth=3.0, foreground="#00000080"), Normal()]
        flat = {"linestyle": "none", "zorder": 4}
        self._axes.plot(
            *on.optima.T,
            marker="*",
            markersize=11,
            color=theme.optimum,
            markeredgecolor="#00000090",
            markeredgewidth=0.6,
            **flat,
        )
        for lane, (_, points) in zip(self._lanes, self._paths, strict=True):
            if not len(points):
                continue
            few = lane.record.runs <= MANY
            look = {"marker": "o", "markersize": 6 if few else 4, "markerfacecolor": "none"}
            if not lane.record.parent:
                size, width = (10, 1.8) if few else (6, 1.0)
                look = {"marker": "+", "markersize": size, "markeredgewidth": width}
            colour = lane.colour if lane.record.parent else "white"
            self._axes.plot(*points[0].T, markeredgecolor=colour, path_effects=edge, **look, **flat)

    def _line(self, lane: DrawnLane) -> Line2D:
        many = lane.record.runs > MANY
        (line,) = self._axes.plot(
            [],
            [],
            color=lane.colour,
            linewidth=0.8 if many else 1.6,
            alpha=0.6 if many else 1.0,
            solid_joinstyle="round",
            zorder=3,
            label=lane.name,
        )
        return line

    def _head(self, lane: DrawnLane) -> Line2D:
        many = lane.record.runs > MANY
        (dot,) = self._axes.plot(
            [],
            [],
            marker="o",
            linestyle="none",
            markersize=4 if many else 7,
            color=lane.colour,
            markeredgecolor="white",
            markeredgewidth=0.8 if many else 1.4,
            zorder=5,
        )
        return dot

    def _cross(self) -> Line2D:
        (cross,) = self._axes.plot(
            [],
            [],
            marker="x",
            linestyle="none",
            markersize=6,
            markeredgewidth=1.8,
            color=self._theme.warning,
            zorder=6,
        )
        return cross


def _round_values(norm: Normalize) -> np.ndarray:
    """About six values for the scale, evenly apart in colour, of few digits each."""
    low, high = norm.vmin, norm.vmax
    values = []
    for value in norm.inverse(np.linspace(0, 1, 6)[:-1]):
        size = max(abs(value - low), 1e-3 * (high - low))
        values.append(round(float(value), -math.floor(math.log10(size))))
    return np.unique(values)


def _ends(runs: np.ndarray) -> np.ndarray:
    """The last finite point of every run: (runs, steps, 2) -> (runs, 2)."""
    ends = [run[np.isfinite(run).all(axis=1)][-1:] for run in runs]
    return np.concatenate([*ends, np.empty((0, 2))])

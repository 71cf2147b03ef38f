"""What a landscape is drawn on: a surface, and where the paths lie on it.

A problem of one or two variables is its own ground. For a larger one it is the newest plane on
record, or else the plane along which the paths vary most.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.colors import FuncNorm, Normalize

from lab.engine.analysis.base import Progress, Steps
from lab.engine.analysis.plane import Plane
from lab.engine.analysis.planes import pca_plane
from lab.engine.analysis.surface import native_surface, on_grid, profile
from lab.engine.catalogue import Choice
from lab.engine.problem import Problem
from lab.engine.recording import LaneRecord, Recording, Result

Range = tuple[float, float]

FINE, COARSE = 301, 51  # points along each side: of a formula, of a network
PATH_ROWS = 400  # of each run's path that a plane is made of
LOG_UNIT = 3e-3  # of the range of a surface: below it a logarithmic scale becomes a linear one
DRAWN_POINTS = 40_000  # of all runs' paths of a lane that are drawn
DRAWN_ROWS = (400, 4000)  # of each run's path: at least, at most


@dataclass(frozen=True)
class Ground:
    """A surface to draw paths on.

    Attributes:
        x: (nx,), coordinates.
        y: (ny,), coordinates; empty for a problem of one variable.
        loss: (ny, nx), or (nx,) for a problem of one variable; NaN where it is not known.
        titles: of the two axes.
        text: what the plane is and what the loss on it is computed from.
        log: whether it is best seen on a logarithmic scale.
        optima: (n, 2), known minima in the window.
        plane: where the points are projected to; None where the variables are the axes.
    """

    x: np.ndarray
    y: np.ndarray
    loss: np.ndarray
    titles: tuple[str, str]
    text: str
    log: bool
    optima: np.ndarray
    plane: Plane | None = None

    def place(self, theta: np.ndarray) -> np.ndarray:
        """Where points lie: (..., dim) -> (..., 2), or (..., 1) for one variable."""
        return theta if self.plane is None else self.plane.coordinates(np.array(theta))

    def norm(self) -> Normalize:
        """From loss to colour: linear, or logarithmic above the lowest value of the surface."""
        finite = self.loss[np.isfinite(self.loss)].astype(np.float64)
        low, high = (np.quantile(finite, (0.0, 0.995)) if finite.size else (0.0, 1.0)).tolist()
        if not high > low:
            high = low + 1.0
        if not self.log:
            return Normalize(low, high)
        unit = LOG_UNIT * (high - low)

        def forward(value: Any) -> Any:
            return np.log1p(np.maximum(np.asarray(value, dtype=float) - low, 0.0) / unit)

        def inverse(value: Any) -> Any:
            return low + unit * np.expm1(value)

        return FuncNorm((forward, inverse), low, high)


def find_ground(recording: Recording, step: int | None = None) -> Steps[Ground]:
    """Find the ground of a recording, in slices.

    Where the problem cannot be evaluated here, the paths of one or two variables still have their
    axes, without a surface; the text says why.

    Args:
        recording: whose problem and paths.
        step: the step that is looked at; the newest one if not given.

    Returns:
        The ground.

    Raises:
        ValueError: a problem of more variables that cannot be evaluated here and has no surface on
            record, or nothing on record to lay a plane through.
    """
    step = recording.head if step is None else step
    about = recording.header["problem"]
    problem, trouble = _problem(recording)
    if about["dim"] > 2:
        return (yield from _plane(problem, trouble, recording, step))
    window = about["window"]
    if window is None:
        points = _points(recording, step)
        low, high = points.min(axis=0), points.max(axis=0)
        room = 0.15 * float((high - low).max()) or 1.0
        window = np.stack([low - room, high + room], axis=1).tolist()
    window = tuple((float(low), float(high)) for low, high in window)
    if about["dim"] == 1:
        return (yield from _line(problem, trouble, recording, window))
    return (yield from _native(problem, trouble, recording, window))


def path_of(
    record: LaneRecord, ground: Ground, first: int, last: int
) -> tuple[np.ndarray, np.ndarray]:
    """The path of a lane on the ground, evenly thinned where it is long.

    Args:
        record: of the lane.
        ground: what it is drawn on.
        first: first step.
        last: last step.

    Returns:
        The steps (n,), and the points (n, runs, 2).
    """
    steps, rows = record.read("theta", first, last + 1)
    count = np.clip(DRAWN_POINTS // record.runs, *DRAWN_ROWS)
    keep = np.unique(np.linspace(0, len(steps) - 1, count).round().astype(int))
    keep = keep if len(steps) else keep[:0]
    steps, rows = steps[keep], rows[keep]
    if rows.shape[-1] == 1:
        loss_steps, loss = record.read("loss", first, last + 1)
        return steps, np.stack([rows[..., 0], loss[np.searchsorted(loss_steps, steps)]], axis=-1)
    return steps, np.asarray(ground.place(rows))


def off_plane(recording: Recording, ground: Ground, lanes: Sequence[str], step: int) -> float:
    """The largest distance of a run from the plane at a step; 0 where the variables are the axes.

    Args:
        recording: whose runs.
        ground: what they are drawn on.
        lanes: whose runs count.
        step: which step.
    """
    if ground.plane is None:
        return 0.0
    rows = [found[1] for name in lanes if (found := recording.lane(name).at("theta", step))]
    distances = np.concatenate([np.asarray(ground.plane.off_plane(np.array(row))) for row in rows])
    distances = distances[np.isfinite(distances)]
    return float(distances.max()) if len(distances) else math.nan


def _problem(recording: Recording) -> tuple[Problem | None, str]:
    """The problem to evaluate; or None, and why there is none.

    A recording that was only opened, not continued, does not run the Python file that it names.
    """
    chosen = recording.experiment.problem
    if not isinstance(chosen, Choice):
        return chosen, ""
    if chosen.name == "file" and not recording.recorder.writable:
        return None, "looking at a recording does not run the file that defines its problem"
    try:
        return chosen.make(), ""
    except ValueError as error:
        return None, str(error)


def _native(
    problem: Problem | None, trouble: str, recording: Recording, window: tuple[Range, Range]
) -> Steps[Ground]:
    """The variables of a problem of two as axes."""
    about = recording.header["problem"]
    x, y = (np.array(side) for side in window)
    loss = np.full((2, 2), np.nan)
    if problem is not None:
        found = yield from native_surface.steps(problem, window, FINE)
        x, y, loss = (np.asarray(array) for array in (found.x, found.y, found.loss))
    return Ground(
        x,
        y,
        loss,
        titles=_names(about),
        text=_text("variables as axes", recording, trouble),
        log=about["log_scale"],
        optima=np.array([point for point, *_ in about["optima"]]).reshape(-1, 2),
    )


def _line(
    problem: Problem | None, trouble: str, recording: Recording, window: tuple[Range]
) -> Steps[Ground]:
    """The graph of a problem of one variable."""
    about = recording.header["problem"]
    x, loss = np.array(window[0]), np.full(2, np.nan)
    if problem is not None:
        found = yield from profile.steps(problem, np.zeros(1), np.ones(1), window[0], 801, None)
        x, loss = np.asarray(found.x), np.asarray(found.loss)
    optima = [(*point, value) for point, value, *_ in about["optima"]]
    return Ground(
        x,
        np.empty(0),
        loss,
        titles=(_names(about)[0], "loss"),
        text=_text("one variable", recording, trouble),
        log=about["log_scale"],
        optima=np.array(optima).reshape(-1, 2),
    )


def _plane(problem: Problem | None, trouble: str, recording: Recording, step: int) -> Steps[Ground]:
    """A plane through the parameters of a larger problem: on record, or laid through the paths."""
    result = _recorded(recording, step)
    if result is None:
        if problem is None:
            raise ValueError(f"there is no landscape: {trouble}")
        result = yield from _pca(problem, recording, step)
    center, d1, d2 = (np.array(result.arrays[name]) for name in ("center", "d1", "d2"))
    plane = Plane(center, d1, d2, result.kind, result.text)
    shares = result.arrays.get("explained")
    unit = "" if result.kind == "random" else " (distance in parameter space)"
    return Ground(
        result.x,
        result.y,
        result.loss,
        titles=tuple(f"direction {i + 1}{_share(shares, i)}{unit}" for i in range(2)),
        text=_text(result.text, recording, ""),
        log=True,
        optima=np.empty((0, 2)),
        plane=plane,
    )


def _pca(problem: Problem, recording: Recording, step: int) -> Steps[Result]:
    """The plane along which the paths vary most, as the window would record it."""
    points = _points(recording, step)
    plane = pca_plane(problem, points, seed=recording.experiment.seed)
    found = yield from on_grid(problem, plane, plane.window(points), COARSE)
    arrays = {"x": found.x, "y": found.y, "loss": found.loss, **plane.arrays}
    plain = {name: np.asarray(array) for name, array in arrays.items()}
    yield Progress(1.0)
    return Result("surface", "", step, plain, plane.info)


def _recorded(recording: Recording, step: int) -> Result | None:
    """The newest surface on record at or before a step, or else the first one after it."""
    found = [result for result in recording.probe("surface") if "center" in result.arrays]
    before = [result for result in found if result.step <= step]
    return before[-1] if before else found[0] if found else None


def _points(recording: Recording, step: int) -> np.ndarray:
    """Finite points of all paths up to a step (n, dim), evenly thinned.

    Raises:
        ValueError: there are none.
    """
    kept = []
    for name in recording.lanes:
        steps, rows = recording.lane(name).read("theta", 0, step + 1)
        if len(steps):
            keep = np.unique(np.linspace(0, len(steps) - 1, PATH_ROWS).round().astype(int))
            kept.append(rows[keep].reshape(-1, rows.shape[-1]))
    points = np.concatenate(kept) if kept else np.empty((0, 1))
    points = points[np.isfinite(points).all(axis=1)]
    if not len(points):
        raise ValueError("a landscape needs at least one finite point on record")
    return points


def _names(about: Mapping[str, Any]) -> tuple[str, ...]:
    """Names of the variables, where the layout has one for each."""
    names = about["names"]
    return tuple(names) if len(names) == about["dim"] else ("parameter 1", "parameter 2")


def _share(shares: np.ndarray | None, place: int) -> str:
    return "" if shares is None else f", {100 * shares[place]:.0f} % of the variance"


def _text(plane: str, recording: Recording, trouble: str) -> str:
    data = recording.header["problem"]["data"]
    seed = f"seed {recording.experiment.seed}"
    parts = (plane, data, f"no surface: {trouble}" if trouble else "", seed)
    return "   ·   ".join(part for part in parts if part)

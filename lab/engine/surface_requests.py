"""What the window asks for on a plane: the loss, and the ends of the spectrum."""

from dataclasses import replace
from typing import Any

import numpy as np
import torch

from lab.engine.analysis.base import Progress, Steps, to_numpy
from lab.engine.analysis.cost import Cost, curvature_map_cost, surface_cost
from lab.engine.analysis.curvature import check_smooth
from lab.engine.analysis.curvature_map import CurvatureMap
from lab.engine.analysis.curvature_map import curvature_map as _curvature_map
from lab.engine.analysis.parts import part_of
from lab.engine.analysis.plane import Plane
from lab.engine.analysis.planes import (
    eigen_plane,
    gradient_plane,
    native_plane,
    pca_plane,
    plane_through,
    random_plane,
)
from lab.engine.analysis.surface import LossSurface, native_surface, on_grid, profile
from lab.engine.device import check_memory
from lab.engine.jobs import Job
from lab.engine.knobs import check_name
from lab.engine.probes import Measurement
from lab.engine.problem import Problem
from lab.engine.session import Session

PLANES = ("native", "random", "pca", "points", "eigen", "gradient")
PATH_ROWS = 200  # of each run's path that a plane is made of


def surface(
    session: Session,
    *,
    plane: str = "native",
    window: tuple | None = None,
    points: int = 51,
    lane: str = "",
    run: int = 0,
    step: int = 0,
    seed: int = 0,
    scaling: str = "filter",
    bias: str = "zero",
    on: Plane | None = None,
    known: LossSurface | None = None,
) -> Job:
    """The loss on a plane, with the problem's metrics.

    Args:
        session: whose problem and paths.
        plane: one of PLANES.
        window: ((low, high), (low, high)) of plane coordinates; chosen to hold the paths (or the
            problem's own) if not given.
        points: grid points along each side.
        lane: whose point is the middle of a random or eigenvector plane.
        run: which run of it.
        step: at which step.
        seed: of random directions.
        scaling: how random directions are scaled, one of `NORMALIZE`.
        bias: what biases and norm layers get of them, one of `BIAS`.
        on: a plane that was found before, so that only its window is new.
        known: a surface on that plane and window that was not finished, to go on from.

    Returns:
        The job; native surfaces are cheap and not kept on record.

    Raises:
        ValueError: an unknown plane, or one that needs more than is on record.
    """
    problem = session.problem
    check_name(plane, PLANES, "plane")
    place = {"dtype": torch.float64, "device": "cpu"}
    if on is not None:
        steps = _surface(problem, _placed(on, session), window, points, known)
        return Job("surface", lane, step, steps, record=_surface_record)
    if plane != "native":
        steps = _plane_surface(session, plane, window, points, lane, run, step, seed, scaling, bias)
        return Job("surface", lane, step, steps, record=_surface_record)
    if problem.dim == 1:
        middle, line = torch.zeros(1, **place), torch.ones(1, **place)
        span = (window or problem.window)[0]
        steps = profile.steps(problem, middle, line, span, points, None)
    else:
        steps = native_surface.steps(problem, window, points, **place)
    return Job("surface", "", step, steps, record=None)


def curvature_map(
    session: Session,
    *,
    on: Plane | None = None,
    window: tuple | None = None,
    points: int = 17,
    tensors: str = "all",
    lane: str = "",
    step: int = 0,
    known: CurvatureMap | None = None,
) -> Job:
    """The extreme Hessian eigenvalues on the plane that a landscape is drawn on.

    Args:
        session: whose problem.
        on: the plane; None for the variables of a problem of two.
        window: ((low, high), (low, high)) of its coordinates; the problem's own if not given.
        points: grid points along each side.
        tensors: as for the analysis.
        lane: whose point the plane was laid through.
        step: at which step.
        known: a map on that plane and window that was not finished, to go on from.

    Returns:
        The job. It lets others go first; the map goes on record.

    Raises:
        ValueError: a problem without second derivatives, or nothing to draw on.
    """
    problem = session.problem
    check_smooth(problem)
    plane = native_plane(problem) if on is None else _placed(on, session)
    window = window or problem.window
    if window is None:
        raise ValueError("window: this problem has none of its own, ((low, high), (low, high))")

    def steps() -> Steps[CurvatureMap]:
        cost = curvature_map_cost.steps(problem, plane, points, window, tensors=tensors)
        yield from _told(cost, plane, "a map", known)
        options = {"tensors": tensors, "known": known}
        return (yield from _curvature_map.steps(problem, None, plane, window, points, **options))

    return Job("curvature_map", lane, step, steps(), record=_map_record, patient=True)


def _plane_surface(
    session: Session,
    kind: str,
    window: tuple | None,
    points: int,
    lane: str,
    run: int,
    step: int,
    seed: int,
    scaling: str,
    bias: str,
) -> Steps:
    """Find the plane, then evaluate it."""
    found = yield from _plane(session, kind, lane, run, step, seed, scaling, bias)
    if window is None:
        window = 1.0 if kind == "random" else found.window(_paths(session, step))
    return (yield from _surface(session.problem, found, window, points))


def _surface(
    problem: Problem,
    plane: Plane,
    window: Any,
    points: int,
    known: LossSurface | None = None,
) -> Steps[LossSurface]:
    """Tell what it will take, then evaluate."""
    cost = surface_cost.steps(problem, plane, points, window, metrics=True)
    yield from _told(cost, plane, "a surface", known)
    return (yield from on_grid(problem, plane, window, points, metrics=True, known=known))


def _told(
    rehearsal: Steps[Cost], plane: Plane, what: str, known: LossSurface | CurvatureMap | None
) -> Steps[None]:
    """Find out what the work will take, and tell it.

    Raises:
        ValueError: it does not fit into memory.
    """
    there = 0.0 if known is None else float(np.mean(known.known))
    cost = yield from part_of(rehearsal, there, 0.0)
    check_memory(cost.bytes, plane.tensors()[0].device, f"{what} of {cost.text}")
    yield Progress(there, None, cost)


def _plane(
    session: Session,
    kind: str,
    lane: str,
    run: int,
    step: int,
    seed: int,
    scaling: str,
    bias: str,
) -> Steps[Plane]:
    problem = session.problem
    if kind == "pca":
        return pca_plane(problem, _paths(session, step), seed=seed)
    if kind == "points":
        points = _points(session, step)
        if len(points) < 3:
            raise ValueError(
                "a plane through three points needs three lanes, or one lane with three runs"
            )
        return plane_through(problem, *points[:3])
    center = _theta(session, lane, step)[run]
    if kind == "random":
        return random_plane(problem, center, scaling, bias, seed)
    if kind == "gradient":
        return gradient_plane(problem, center, _move(session, lane, run, step), seed)
    return (yield from eigen_plane.steps(problem, center, seed=seed))


def _placed(plane: Plane, session: Session) -> Plane:
    """A plane whose tensors may have become numpy arrays, on the session's device again."""
    center, basis = plane.tensors()
    center, one, two = (row.to(session.device) for row in (center, *basis))
    return replace(plane, center=center, d1=one, d2=two)


def _theta(session: Session, lane: str, step: int) -> torch.Tensor:
    """The points (runs, dim) of a lane at a step, or at the nearest earlier one on record."""
    record = session.recording.lane(lane or session.recording.lanes[0])
    found = record.at("theta", step)
    if found is None:
        raise ValueError(f"lane {lane!r} has nothing on record yet")
    return torch.tensor(found[1], device=session.device)


def _move(session: Session, lane: str, run: int, step: int) -> torch.Tensor | None:
    """The last move (dim,) of a run up to a step, None where there was none."""
    record = session.recording.lane(lane or session.recording.lanes[0])
    steps, rows = record.read("theta", 0, step + 1)
    if len(steps) < 2 or steps[-1] - steps[-2] != 1:  # a long record was thinned there
        return None
    return torch.tensor(rows[-1, run] - rows[-2, run], device=session.device)


def _points(session: Session, step: int) -> list[torch.Tensor]:
    """The present point of every run, the first runs of all lanes before the second ones."""
    lanes = [_theta(session, lane, step) for lane in session.recording.lanes]
    most = max((len(theta) for theta in lanes), default=0)
    return [theta[run] for run in range(most) for theta in lanes if run < len(theta)]


def _paths(session: Session, step: int) -> torch.Tensor:
    """Points of all paths up to a step (n, dim), evenly thinned."""
    rows = []
    for lane in session.recording.lanes:
        steps, theta = session.recording.lane(lane).read("theta", 0, step + 1)
        keep = np.unique(np.linspace(0, len(steps) - 1, PATH_ROWS).round().astype(int))
        rows.append(theta[keep].reshape(-1, theta.shape[-1]))
    return torch.tensor(np.concatenate(rows), device=session.device)


def _surface_record(found: LossSurface) -> Measurement:
    """What of a surface goes on record: the grid and the plane it stands on."""
    arrays = {"x": found.x, "y": found.y, "loss": found.loss, **found.plane.arrays}
    arrays |= {f"metric_{name}": values for name, values in found.metrics.items()}
    info = {**found.plane.info, "evaluations": found.evaluations}
    return Measurement(to_numpy(arrays), info)


def _map_record(found: CurvatureMap) -> Measurement:
    """What of a curvature map goes on record: both ends of the spectra, and the plane."""
    values = {"largest": found.largest, "smallest": found.smallest, "residual": found.error}
    arrays = {"x": found.x, "y": found.y, **values, **found.plane.arrays}
    told = {"tensors": found.tensors, "exact": found.exact, "products": found.products}
    return Measurement(to_numpy(arrays), {**found.plane.info, **told})

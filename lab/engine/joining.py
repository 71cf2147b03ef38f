"""Measurements between two points of the record: any lane, run and step at either end."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
import torch

from lab.engine.analysis.base import Steps, to_numpy
from lab.engine.analysis.connectivity import linear_path
from lab.engine.analysis.layer_paths import LayerPaths, layer_name, layer_paths
from lab.engine.analysis.matching import match_permutation
from lab.engine.analysis.parts import part_of
from lab.engine.analysis.ridge import ridge
from lab.engine.analysis.trained_paths import bezier_path
from lab.engine.jobs import Job
from lab.engine.knobs import check_name
from lab.engine.lineage import Past, parting
from lab.engine.probes import Measurement
from lab.engine.probes.connectivity import angles_of, measure_path
from lab.engine.session import Session

RESULTS = {  # what is asked for -> the name of its result
    "line": "connectivity",
    "layers": "layer_paths",
    "curve": "curve_path",
    "ridge": "ridge",
}
MOST_BENDS = 1 << 22  # numbers of a trained curve's control points that go on record
_LARGE, _BATCH = 1000, 256  # samples beyond which a curve is trained on so many at a time
_PATH_ROWS = 200  # of each path whose shadow is drawn

End = tuple[str, int, int]  # lane, run, step


def join(session: Session, *, kind: str = "line", ends: Sequence[End], **options: Any) -> Job:
    """What lies between two points of the record.

    Args:
        session: whose problem and record.
        kind: "line", "layers" (the line a layer at a time), "curve" (a trained path) or "ridge"
            (the plane through both ends and the point where they parted).
        ends: lane, run and step of the two ends, which may differ in any of the three; the nearest
            earlier step where a very long record was thinned.
        **options: of the kind. A line has `points`, `method` (of the permutation, empty for none)
            and `repair`, layers have `points` and `method`: what is not told is as in the plan of
            the connectivity probe. A curve has `steps`, `points`, `shape`, `batch_size`, `method`;
            a ridge `points`.

    Returns:
        The job; its measurement goes on record at the later of both steps.

    Raises:
        ValueError: an unknown kind, no such end, two ends that are one, or runs that never were at
            one point where a ridge is asked for.
    """
    check_name(kind, RESULTS, "kind")
    if len(ends) != 2:
        raise ValueError(f"two ends are needed, {len(ends)} were given")
    one, two = (_End(session, *end) for end in ends)
    if (one.lane, one.run, one.step) == (two.lane, two.run, two.step):
        raise ValueError("two different ends are needed: both are the same run at the same step")
    if kind in ("line", "layers"):
        options = {**_planned(session, kind), **options}
    make = {"line": _line, "layers": _layers, "curve": _curve, "ridge": _ridge}[kind]
    steps = make(session, one, two, **options)
    told = {**one.told("a"), **two.told("b"), "data": session.problem.data_text, "chosen": True}
    record = partial(_with, told)
    return Job(RESULTS[kind], "", max(one.step, two.step), steps, record=record)


def _planned(session: Session, kind: str) -> dict[str, Any]:
    """How the experiment's own connectivity probe measures, where it has one."""
    plans = [plan for plan in session.experiment.probes if plan.name == RESULTS["line"]]
    if not plans:
        return {}
    probe = plans[0].make()
    found = {"method": probe.method if probe.matched else ""}
    return found | ({"points": probe.points, "repair": probe.repair} if kind == "line" else {})


class _End:
    """A point of the record."""

    def __init__(self, session: Session, lane: str, run: int, step: int):
        """Look it up.

        Raises:
            ValueError: it is not there, or the run has diverged by then.
        """
        self.record, self.lane, self.run = session.recording.lane(lane), lane, run
        if not 0 <= run < self.record.runs:
            raise ValueError(f"lane {lane!r} has no run {run}: 0 to {self.record.runs - 1}")
        found = self.record.at("theta", step)
        gone = self.record.diverged.get(run)
        if found is None or (gone is not None and gone.step <= step):
            raise ValueError(f"run {run} of lane {lane!r} is not there at step {step}")
        self.step = found[0]
        rows = torch.tensor(found[1], device=session.device, dtype=session.dtype)
        self.theta = rows[run]

    def told(self, side: str) -> dict[str, Any]:
        """Where it is, for the record."""
        return {f"lane_{side}": self.lane, f"run_{side}": self.run, f"step_{side}": self.step}

    def path(self, first: int) -> tuple[np.ndarray, np.ndarray]:
        """Steps (n,) from one on up to the end, thinned evenly, and the points there (n, dim)."""
        steps, theta = self.record.read("theta", first, self.step + 1)
        keep = np.unique(np.linspace(0, len(steps) - 1, _PATH_ROWS).round().astype(int))
        return steps[keep], theta[keep, self.run]


def _with(told: Mapping[str, Any], found: Measurement) -> Measurement:
    return Measurement(found.arrays, {**told, **found.info})


def _line(
    session: Session,
    one: _End,
    two: _End,
    points: int = 25,
    method: str = "weights",
    repair: bool = False,
) -> Steps[Measurement]:
    """The straight line, as the probe measures it, with what second order foresees."""
    problem = session.problem
    found = yield from measure_path(problem, one.theta, two.theta, points, method, repair, True)
    ends = ((Past(end.record), end.run, end.theta) for end in (one, two))
    return Measurement(found.arrays, {**found.info, **angles_of(problem, *ends)})


def _layers(
    session: Session, one: _End, two: _End, points: int = 11, method: str = "weights"
) -> Steps[Measurement]:
    """The line a layer at a time, as trained and with units permuted."""
    problem = session.problem
    found = yield from part_of(layer_paths.steps(problem, one.theta, two.theta, points), 0.0, 0.5)
    arrays, info = _layer_arrays(found, ""), {"evaluations": found.evaluations}
    info["layers"] = "\n".join(layer_name(names) for names in found.layers)
    if method:
        work = match_permutation.steps(problem, one.theta, two.theta, method)
        try:
            moved = yield from part_of(work, 0.5, 0.05)
        except ValueError as error:
            info["unmatched"] = str(error)
        else:
            work = layer_paths.steps(problem, one.theta, moved, points)
            found = yield from part_of(work, 0.55, 0.45)
            arrays |= _layer_arrays(found, "matched_")
            info["evaluations"] += found.evaluations
    return Measurement({"t": to_numpy(found.t), **arrays}, info)


def _layer_arrays(found: LayerPaths, prefix: str) -> dict[str, np.ndarray]:
    names = ("in_a", "in_b", "upto_in_a", "upto_in_b", "barrier", "upto_barrier")
    return {prefix + name: to_numpy(getattr(found, name)) for name in names}


def _curve(
    session: Session,
    one: _End,
    two: _End,
    steps: int = 1000,
    points: int = 61,
    shape: str = "bezier",
    batch_size: int | None = None,
    method: str = "",
) -> Steps[Measurement]:
    """A trained path, beside the straight line; on large data in batches, with one t for each."""
    problem, begun = session.problem, 0.05
    if batch_size is None:
        batched = problem.batches(0, (0,)) is not None
        batch_size = _BATCH if problem.samples > _LARGE and not batched else 0
    b = two.theta
    if method:
        b = yield from part_of(match_permutation.steps(problem, one.theta, b, method), 0.0, begun)
    line = yield from part_of(linear_path.steps(problem, one.theta, b, points), begun, begun)
    work = bezier_path.steps(
        problem, one.theta, b, steps, points, batch_size=batch_size, shape=shape
    )
    path = yield from part_of(work, 2 * begun, 1 - 2 * begun, shows=True)
    arrays = {"t": path.t, "loss": path.loss, **path.metrics, "line_loss": line.loss}
    arrays |= {f"line_{name}": values for name, values in line.metrics.items()}
    if path.bends.numel() <= MOST_BENDS:
        arrays["bends"] = path.bends
    info = {
        "barrier": path.barrier,
        "barrier_chord": path.barrier_chord,
        "line_barrier": line.barrier,
        "distance": line.length,
        "length": path.length,
        "shape": shape,
        "method": method,
        "trained": steps,
        "batch_size": batch_size,
        "evaluations": path.evaluations + line.evaluations,
    }
    return Measurement(to_numpy(arrays), info)


def _ridge(session: Session, one: _End, two: _End, points: int = 41) -> Steps[Measurement]:
    """The plane through both ends and where they parted, with the shadows of both paths.

    Raises:
        ValueError: runs that never were at one point.
    """
    first = _common(one, two)
    (steps_a, path_a), (steps_b, path_b) = one.path(first), two.path(first)
    place = {"device": session.device, "dtype": session.dtype}
    paths = [torch.tensor(path, **place) for path in (path_a, path_b)]
    work = ridge.steps(
        session.problem, paths[0][0], one.theta, two.theta, paths=paths, points=points
    )
    found = yield from part_of(work, 0.0, 1.0, shows=True)
    surface = found.surface
    arrays = {
        "x": surface.x,
        "y": surface.y,
        "loss": surface.loss,
        "corners": found.corners,
        "path_a": found.shadows[0],
        "path_b": found.shadows[1],
        "off_a": found.off_plane[0],
        "off_b": found.off_plane[1],
        "steps_a": steps_a,
        "steps_b": steps_b,
    }
    info = {
        "base_step": first,
        "branched": parting(one.record, two.record) is not None,
        "off_plane": max(float(off.max()) for off in found.off_plane),
        "angle": found.angle,
        "barrier": found.barrier,
        "barrier_chord": found.barrier_chord,
        "distance": found.distance,
        "evaluations": found.evaluations,
    }
    return Measurement(to_numpy(arrays), info)


def _common(one: _End, two: _End) -> int:
    """The last step at which both were at one point: where they parted, or the start.

    Raises:
        ValueError: there is none, or one of the ends does not come after it.
    """
    forked = parting(one.record, two.record)
    first = forked if forked is not None and one.run == two.run else 0
    rows = [end.record.at("theta", first) for end in (one, two)]
    begun = [row[1][end.run] for row, end in zip(rows, (one, two), strict=True)]
    if not (begun[0] == begun[1]).all():
        raise ValueError("the two runs never were at one point: they began at different starts")
    if min(one.step, two.step) <= first:
        raise ValueError(f"both ends must come after step {first}, where the two runs part")
    return first

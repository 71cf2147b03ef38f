"""What the window asks for about the shape of the loss: topology, and critical points."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

import numpy as np
import torch

from lab.engine.analysis.base import Progress, Steps
from lab.engine.analysis.grid import LossSurface
from lab.engine.analysis.plane import Plane
from lab.engine.jobs import Job
from lab.engine.probe_plan import ProbePlan
from lab.engine.probes import Measurement
from lab.engine.probes.critical_points import Around, search
from lab.engine.probes.topology import measure_topology
from lab.engine.recording import Recording, Result
from lab.engine.session import Session

PATH_ROWS = 200  # of each lane's paths that starts are drawn around


@dataclass(frozen=True)
class Topography:
    """A surface and what was found of its shape.

    Attributes:
        surface: that was looked at.
        result: as it is on record.
    """

    surface: LossSurface
    result: Result


def topology(
    session: Any, *, surface: LossSurface | None = None, lane: str = "", step: int = 0
) -> Job:
    """The topology of a surface that is known already.

    Args:
        session: whose problem and record; a `Replay` will do, where nothing is evaluated.
        surface: complete; the newest one on record at the step if not given.
        lane: through whose point its plane lies.
        step: at which step.

    Returns:
        The job. It shares a `Topography`, and goes on record where the session goes on.

    Raises:
        ValueError: no surface, or one that is not complete.
    """
    goes_on = isinstance(session, Session)
    if surface is None:
        surface, lane, step = _recorded(session.recording, step)
    if not np.asarray(surface.known).all():
        raise ValueError("a topology needs a whole surface: this one is still on its way")
    place = "" if surface.plane.kind == "native" else lane
    steps = _topography(surface, session.problem if goes_on else None, place, step)
    return Job("topology", place, step, steps, record=_kept if goes_on else None)


def critical_points(
    session: Session, *, step: int = 0, knobs: Mapping[str, Any] = MappingProxyType({})
) -> Job:
    """Critical points around the paths of all lanes up to a step.

    Args:
        session: whose problem and paths.
        step: up to which step the paths count.
        knobs: of the probe `critical_points`, in place of those of the plan.

    Returns:
        The job. It lets others go first, shares what was found so far, and goes on record.

    Raises:
        ValueError: a problem without second derivatives or of too many parameters, a knob that is
            not allowed, or nothing on record.
    """
    plans = {plan.name: plan.knobs for plan in session.experiment.probes}
    plan = ProbePlan("critical_points", knobs={**plans.get("critical_points", {}), **knobs})
    probe = plan.make()
    if reason := probe.unfit(session.problem):
        raise ValueError(f"critical points: {reason}")
    around = _paths(session, step)
    steps = _shared(search(session.problem, around, probe, session.experiment.seed), step)
    return Job("critical_points", "", step, steps, patient=True)


def _topography(surface: LossSurface, problem: Any, lane: str, step: int) -> Steps[Topography]:
    found = yield from measure_topology(_wide(surface), problem)
    result = Result.of("topology", lane, step, found.arrays, found.info, 0.0)
    return Topography(surface, result)


def _wide(surface: LossSurface) -> LossSurface:
    """The same surface on a plane of tensors that can be written to."""
    center, (one, two) = surface.plane.tensors()
    return replace(surface, plane=replace(surface.plane, center=center, d1=one, d2=two))


def _kept(found: Topography) -> Measurement:
    return Measurement(found.result.arrays, found.result.info)


def _shared(steps: Steps[Measurement], step: int) -> Steps[Measurement]:
    """A search whose partial results look like what will be on record."""
    while True:
        try:
            report = next(steps)
        except StopIteration as stop:
            return stop.value
        part = report.partial
        if part is not None:
            part = Result.of("critical_points", "", step, part.arrays, part.info, 0.0)
        yield Progress(report.done, part)


def _recorded(recording: Recording, step: int) -> tuple[LossSurface, str, int]:
    """The newest surface on record at a step or before it, with its lane and step."""
    found = [r for r in recording.probe("surface") if "center" in r.arrays and r.step <= step]
    if not found:
        raise ValueError("there is no surface of the loss on record up to this step")
    one = found[-1]
    center, d1, d2 = (torch.tensor(one.arrays[name]) for name in ("center", "d1", "d2"))
    x, y, loss = (torch.tensor(one.arrays[name]) for name in ("x", "y", "loss"))
    plane = Plane(center, d1, d2, one.kind, one.text)
    known = torch.ones_like(loss, dtype=torch.bool)
    near = (torch.arange(len(axis)) for axis in (x, y))
    surface = LossSurface(x, y, loss, plane, known, *near, one.info.get("evaluations", 0))
    return surface, one.lane, one.step


def _paths(session: Session, step: int) -> Around:
    """Finite points of all lanes' paths up to a step, evenly thinned.

    Raises:
        ValueError: there are none.
    """
    lanes: Sequence[str] = session.recording.lanes
    rows, owners = [], []
    for number, name in enumerate(lanes):
        steps, theta = session.recording.lane(name).read("theta", 0, step + 1)
        if not len(steps):
            continue
        keep = np.unique(np.linspace(0, len(steps) - 1, PATH_ROWS).round().astype(int))
        points = theta[keep].reshape(-1, theta.shape[-1])
        points = points[np.isfinite(points).all(axis=1)]
        rows.append(points)
        owners.append(np.full(len(points), number))
    if not sum(map(len, rows)):
        raise ValueError("critical points are looked for around the runs: none is on record yet")
    points = torch.tensor(np.concatenate(rows), device=session.device)
    return Around(points, np.concatenate(owners), tuple(lanes))

"""A probe that the window asks for at any step on record."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

import numpy as np
import torch

from lab.engine.analysis.base import Progress, Steps
from lab.engine.device import check_memory
from lab.engine.jobs import Job
from lab.engine.lane import live_knobs
from lab.engine.lineage import Past
from lab.engine.probe_plan import ProbePlan
from lab.engine.probes import Measurement, Probe, Sight
from lab.engine.problem import Problem
from lab.engine.recording import LaneRecord, Result
from lab.engine.session import Session


def probe(
    session: Session,
    *,
    name: str,
    lane: str = "",
    step: int | None = 0,
    runs: Sequence[tuple[str, int]] = (),
    knobs: Mapping[str, Any] = MappingProxyType({}),
    keep: bool = True,
) -> Job:
    """A probe at any step on record, whether or not it is measured along the way.

    Args:
        session: whose problem and record.
        name: of the catalogue; its knobs are those of the experiment's plan, if there is one.
        lane: what a probe that sees one lane looks at; the first lane if not given.
        step: when, None for the newest at which one of the runs goes on; the nearest earlier step
            where a very long record was thinned, unless the probe looks inside an update, for which
            it is replayed.
        runs: look at these alone, each a lane and the number of a run; the others count as gone.
            What a probe of one lane then puts on record is marked as `chosen`.
        knobs: of the probe, in place of those of the plan.
        keep: whether what is measured goes on record like a planned measurement; what does not is
            shared as a `Result`.

    Returns:
        The job.

    Raises:
        ValueError: an unknown probe, lane or run, a probe that does not fit the problem, or
            nothing on record that it could look at.
    """
    plans = {plan.name: plan for plan in session.experiment.probes}
    plan = plans.get(name, ProbePlan(name))
    measuring = ProbePlan(name, plan.every, {**plan.knobs, **knobs}).make()
    if reason := measuring.misfit(session.problem):
        raise ValueError(f"probe {name!r}: {reason}")
    together, there = measuring.scope == "lanes", session.recording.lanes
    chosen = {at: {run for one, run in runs if one == at} for at, _ in runs}
    lanes = list(chosen) or (there if together else [lane or next(iter(there), "")])
    if step is None:
        step = max((_newest(session.recording.lane(at), chosen.get(at)) for at in lanes), default=0)
    if measuring.looks_inside:
        return _look_inside(session, measuring, name, lanes[0], step, chosen.get(lanes[0]), keep)
    found = {at: _sight(session, at, step, chosen.get(at)) for at in lanes}
    sights = {at: sight for at, (_, sight) in found.items()}
    if measuring.looks_back:
        sights = {at: one._replace(first=session.first_of(at)) for at, one in sights.items()}
    seen = sights if together else sights[lanes[0]]
    if not measuring.ready(seen):
        raise ValueError(f"{name} cannot be measured at step {step}: runs are missing or diverged")
    when = max((at for at, _ in found.values()), default=step)
    work = _forecast_first(measuring, session.problem, seen)
    job = _job(name, "" if together else lanes[0], when, work, keep=keep)
    if keep and runs and not together:
        job.record = _of_chosen_run
    return job


def _forecast_first(probe: Probe, problem: Problem, sight: Any) -> Steps[Measurement]:
    """A measurement that begins by telling what it will take, where that is worth telling."""
    rehearsal = probe.forecast(problem, sight)
    if rehearsal is not None:
        cost = yield from rehearsal
        check_memory(cost.bytes, sight.theta.device, f"a measurement of {cost.text}")
        yield Progress(0.0, None, cost)
    return (yield from probe.measure(problem, sight))


def _look_inside(
    session: Session,
    probe: Probe,
    name: str,
    lane: str,
    step: int,
    runs: set[int] | None,
    keep: bool,
) -> Job:
    """The job of a probe that looks inside the update that leads on from a step."""
    moments = session.moment(lane, step)  # now: the lane goes on meanwhile
    record = session.recording.lane(lane)
    gone = _gone(record, step, runs)
    if len(gone) == record.runs:
        raise ValueError(f"{name} cannot be measured at step {step}: runs are missing or diverged")

    def steps() -> Steps[Measurement]:
        moment = yield from moments
        knobs = _values(record, step, session)
        seed = session.experiment.seed
        sight = Sight(moment.theta, knobs, seed, gone, moment)
        if probe.looks_back:
            sight = sight._replace(first=session.first_of(lane))
        return (yield from probe.measure(session.problem, sight))

    return _job(name, lane, step, steps(), keep=keep)


def _job(name: str, lane: str, step: int, work: Steps[Measurement], *, keep: bool) -> Job:
    """A measurement for the record, or one whose result is only shared."""
    if keep:
        return Job(name, lane, step, work)

    def unkept() -> Steps[Result]:
        found = yield from work
        return Result.of(name, lane, step, found.arrays, found.info, 0.0)

    return Job(name, lane, step, unkept(), record=None)


def _of_chosen_run(found: Measurement) -> Measurement:
    """A measurement of a run that was chosen by hand: it is no point of the lane's own curve."""
    return Measurement(found.arrays, {**found.info, "chosen": True})


def _sight(session: Session, lane: str, step: int, runs: set[int] | None) -> tuple[int, Sight]:
    """What a probe sees of some runs of a lane at a step, or at the nearest earlier one on record.

    Returns:
        The step that is seen, and the sight.
    """
    record = session.recording.lane(lane)
    found = record.at("theta", step)
    if found is None:
        raise ValueError(f"lane {lane!r} has nothing on record yet")
    step, theta = found
    gone, knobs = _gone(record, step, runs), _values(record, step, session)
    points = torch.tensor(theta, device=session.device, dtype=session.dtype)
    sight = Sight(points, knobs, session.experiment.seed, gone, past=Past(record))
    return step, sight


def _newest(record: LaneRecord, runs: set[int] | None) -> int:
    """The last step on record at which any of these runs of a lane goes on."""
    ends = [
        record.diverged[run].step - 1 if run in record.diverged else record.head
        for run in runs or range(record.runs)
    ]
    return max(0, *ends)


def _gone(record: LaneRecord, step: int, runs: set[int] | None) -> frozenset[int]:
    """The runs of a lane that are given up at a step, and all that are not meant."""
    there = set(range(record.runs))
    if wrong := sorted((runs or set()) - there):
        name = record.spec.name
        raise ValueError(f"lane {name!r} has no run {wrong[0]}: 0 to {record.runs - 1} are there")
    gone = {run for run, where in record.diverged.items() if where.step <= step}
    return frozenset(gone if runs is None else gone | (there - runs))


def _values(record: LaneRecord, step: int, session: Session) -> dict[str, np.ndarray]:
    """The live knobs' values at a step: name -> (runs,)."""
    live = live_knobs(record.ancestor(step).spec, step, session.device, session.dtype)
    return {key: value[:, 0].cpu().numpy() for key, value in live.items()}

"""A map of basins that the window asks for."""

from functools import partial
from typing import Any

import torch

from lab.engine.analysis.base import to_numpy
from lab.engine.analysis.basin_map import BasinMap, basin_map, check_problem
from lab.engine.jobs import Job
from lab.engine.lane import live_knobs
from lab.engine.plan import Lane
from lab.engine.probes import Measurement
from lab.engine.session import Session


def basins(
    session: Session,
    *,
    lane: str = "",
    run: int = 0,
    step: int = 0,
    window: tuple | None = None,
    points: int | tuple[int, int] = 128,
    steps: int | None = None,
) -> Job:
    """Which optimum a lane's rule reaches from every start of a grid, with its knobs as they stand.

    Args:
        session: whose problem and record.
        lane: whose rule; the first lane if not given.
        run: whose values of swept knobs.
        step: at which the knobs are read.
        window: ((low, high), (low, high)) of the starts; the problem's own if not given.
        points: starts along each side, or (nx, ny).
        steps: that every start makes; as many as the experiment has if not given.

    Returns:
        The job. It lets others go first; the map goes on record.

    Raises:
        ValueError: no such lane or run, or a problem of another number of variables than two.
    """
    check_problem(session.problem)
    lane = lane or next(iter(session.recording.lanes), "")
    record = session.recording.lane(lane)
    if not 0 <= run < record.runs:
        raise ValueError(f"lane {lane!r} has no run {run}: 0 to {record.runs - 1} are there")
    spec = record.ancestor(step).spec
    live = live_knobs(spec, step, torch.device("cpu"), torch.float64)
    knobs = {**spec.knobs, **{name: float(value[run]) for name, value in live.items()}}
    whole = [item.name for item in spec.entry.knobs if item.type is int and item.knob.live]
    knobs |= {name: round(knobs[name]) for name in whole}
    work = basin_map.steps(
        session.problem,
        Lane(spec.optimizer, **knobs),
        window,
        points,
        max(1, session.target) if steps is None else steps,
        seed=session.experiment.seed,
        device=session.device,
    )
    told = {"run": run, "optimizer": spec.optimizer, "knobs": {name: knobs[name] for name in live}}
    return Job("basin_map", lane, step, work, record=partial(_basin_record, told), patient=True)


def _basin_record(told: dict[str, Any], found: BasinMap) -> Measurement:
    """What of a map of basins goes on record: the picture, in few bytes, and its optima."""
    arrays = to_numpy(
        {
            "x": found.x,
            "y": found.y,
            "label": found.label.to(torch.int16),
            "arrived": found.arrived,
            "steps": found.steps.to(torch.int32),
            "optima": found.optima,
            "values": found.values,
        }
    )
    info = {"kinds": list(found.kinds), "budget": found.budget, "tol": found.tol}
    return Measurement(arrays, {**told, **info, "gradients": found.gradients})

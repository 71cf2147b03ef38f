"""The measurements of a session: which are due, what they look at, and what becomes of them."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import torch

from lab.engine.analysis.base import Steps, finish
from lab.engine.jobs import Job, Jobs
from lab.engine.lane import RunningLane, live_knobs
from lab.engine.lineage import Past
from lab.engine.messages import Trouble
from lab.engine.moment import Moment
from lab.engine.probe_plan import ProbePlan
from lab.engine.probes import Measurement, Sight
from lab.engine.problem import Problem
from lab.engine.recording import Recording
from lab.engine.results import Result
from lab.engine.timetable import NOTHING, Timetable


class Measurements:
    """Plans what the probes of a session have to measure, and records what they find.

    Attributes:
        jobs: the queue of measurements, planned ones and those asked for by hand.
        cost: seconds spent on each measurement so far, by name.
    """

    def __init__(
        self, problem: Problem, recording: Recording, device: torch.device, dtype: torch.dtype
    ):
        """Begin with nothing to measure.

        Args:
            problem: what is measured.
            recording: where results go.
            device: where tensors live.
            dtype: their precision.
        """
        self._problem, self._recording = problem, recording
        self._place = {"device": device, "dtype": dtype}
        self._timetable = Timetable((), problem, recording.carried)
        self.jobs = Jobs(self._finished, self._failed)
        self.cost: dict[str, float] = {}

    # -- what is due ---------------------------------------------------------------------------

    def set_plans(self, plans: tuple[ProbePlan, ...]) -> None:
        """Measure these things from now on.

        Raises:
            ValueError: a probe that does not fit the problem.
        """
        self._timetable = Timetable(plans, self._problem, self._recording.carried)

    def next_due(self, step: int, target: int) -> int:
        """The next step after this one at which something is due, at most the target."""
        return self._timetable.next_due(step, target)

    def look(self, lane: RunningLane) -> None:
        """Plan the measurements that are due at a lane's step."""
        theta, name = lane.theta, lane.spec.name
        if gone := [run for run, where in lane.diverged.items() if where.step < lane.step]:
            theta = theta.clone()
            theta[gone] = torch.nan  # as on record
        sight = self._seen(name, theta, lane.knobs, lane.diverged)
        if self._timetable.looks_inside(lane.step):
            sight = sight._replace(moment=lane.moment())
        if self._timetable.looks_back(lane.step):
            sight = sight._replace(first=theta if lane.step == 0 else self.first_of(name))
        for job in self._timetable.look(name, lane.step, sight):
            self.jobs.plan(job)

    def settle(self, front: int) -> None:
        """Plan the measurements of all lanes, up to the step that all of them have reached."""
        for job in self._timetable.settle(front, list(self._recording.records)):
            self.jobs.plan(job)

    def forget(self, lane: str) -> None:
        """Drop what waits to be measured on a lane."""
        self.jobs.forget_lane(lane)
        self._timetable.forget_lane(lane)

    # -- over the end of a session -------------------------------------------------------------

    def keep(self) -> None:
        """Put what waits to be measured on record."""
        waiting = [*self.jobs.waiting, *self._timetable.waiting]
        self._recording.waiting = [(plan.to_data(), lane, step) for plan, lane, step in waiting]

    def resume(self, moment: Callable[[str, int], Steps[Moment]]) -> None:
        """Plan the measurements that were waiting when the recording was kept.

        Args:
            moment: gives what is needed to look into an update: see `Lanes.moment`.
        """
        recording = self._recording
        made = {(result.name, result.lane, result.step) for result in recording.results}
        self._timetable.settled(max((step for _, lane, step in made if not lane), default=-1))
        for data, lane, step in recording.waiting:
            plan = ProbePlan.from_data(data)
            if (plan.name, lane, step) not in made:
                found = {
                    name: self._seen_at(name, step, moment)
                    for name in ([lane] if lane else recording.lanes)
                }
                sights = {name: sight for name, sight in found.items() if sight is not None}
                for job in self._timetable.again(plan, lane, step, sights):
                    self.jobs.plan(job)

    # -- what there is to see ------------------------------------------------------------------

    def first_of(self, lane: str) -> torch.Tensor:
        """Where the runs of a lane began (runs, dim), its parent's start for a branch.

        Raises:
            ValueError: no such lane, or nothing on record.
        """
        found = self._recording.lane(lane).at("theta", 0)
        if found is None or found[0] != 0:
            raise ValueError(f"lane {lane!r} has no start on record")
        return torch.tensor(found[1], **self._place)

    def _seen_at(
        self, lane: str, step: int, moment: Callable[[str, int], Steps[Moment]]
    ) -> Sight | None:
        """What there was to see of a lane at a step; None where it is not on record."""
        record = self._recording.lane(lane)
        found = record.at("theta", step)
        if found is None or found[0] != step:
            return None
        theta = torch.tensor(found[1], **self._place)
        knobs = live_knobs(record.ancestor(step).spec, step, **self._place)
        gone = [run for run, where in record.diverged.items() if where.step <= step]
        sight = self._seen(lane, theta, knobs, gone)
        if self._timetable.looks_inside(step):
            sight = sight._replace(moment=finish(moment(lane, step)))
        if self._timetable.looks_back(step):
            sight = sight._replace(first=self.first_of(lane))
        return sight

    def _seen(self, lane: str, theta: torch.Tensor, knobs: Mapping, gone: Iterable[int]) -> Sight:
        values = {key: value[:, 0].cpu().numpy() for key, value in knobs.items()}
        past = Past(self._recording.lane(lane))
        return Sight(theta, values, self._recording.experiment.seed, frozenset(gone), past=past)

    # -- what becomes of it --------------------------------------------------------------------

    def _finished(self, job: Job, result: Any) -> None:
        self.cost[job.name] = self.cost.get(job.name, 0.0) + job.seconds
        if result is NOTHING:
            return
        if job.record is not None:
            found = job.record(result)
            if not isinstance(found, Measurement):
                raise TypeError(f"it gave a {type(found).__name__} instead of a Measurement")
            self._recording.results.append(
                Result.of(job.name, job.lane, job.step, found.arrays, found.info, job.seconds)
            )
        if job.share is not None:
            job.share(job.key, 1.0, result)

    def _failed(self, job: Job, message: str, details: str) -> None:
        if job.share is not None:
            job.share(job.key, 1.0, Trouble(message, details))
            return
        data = {"measurement": job.name, "message": message, "details": details}
        self._recording.note(job.step, job.lane, "failed", data)

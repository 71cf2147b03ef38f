"""Which probes are due at which step, and the measurements that this asks for."""

from collections.abc import Iterator, Sequence
from typing import Any

from lab.engine.analysis.base import Steps
from lab.engine.carried import Carried
from lab.engine.jobs import Job
from lab.engine.labfile import to_json
from lab.engine.probe_plan import ProbePlan
from lab.engine.probes import Measurement, Probe, Sight
from lab.engine.problem import Problem

NOTHING = object()  # the result of a probe that found nothing to measure


class Timetable:
    """The probes of a session."""

    def __init__(
        self, plans: tuple[ProbePlan, ...], problem: Problem, carried: Carried | None = None
    ):
        """Make the probes.

        Args:
            plans: what is to be measured, and how often.
            problem: what it is measured on.
            carried: what earlier measurements left; it keeps what the coming ones leave.

        Raises:
            ValueError: a probe that does not fit the problem.
        """
        self._problem = problem
        self._carried = Carried() if carried is None else carried
        self._probes: list[tuple[ProbePlan, Probe]] = []
        # What was seen of each lane, for probes that look at all: by step and number of the probe.
        self._gathered: dict[tuple[int, int], dict[str, Sight]] = {}
        self._settled = -1  # up to here, probes that look at all lanes have done so
        for plan in plans:
            probe = plan.make()
            if reason := probe.misfit(problem):
                raise ValueError(f"probe {plan.name!r}: {reason}")
            self._probes.append((plan, probe))

    def next_due(self, step: int, target: int) -> int:
        """The next step after this one at which something is due, at most the target."""
        after = [(step // plan.every + 1) * plan.every for plan, _ in self._probes]
        return min([target, *after])

    def looks_inside(self, step: int) -> bool:
        """Whether a probe is due at a step that looks inside the update that follows."""
        return any(probe.looks_inside and step % plan.every == 0 for plan, probe in self._probes)

    def looks_back(self, step: int) -> bool:
        """Whether a probe is due at a step that compares it with where the lane began."""
        return any(probe.looks_back and step % plan.every == 0 for plan, probe in self._probes)

    def look(self, lane: str, step: int, sight: Sight) -> Iterator[Job]:
        """The measurements of a lane that its arrival at a step makes due.

        What probes that look at all lanes want to know is put by for `settle`.

        Args:
            lane: which lane.
            step: where it is.
            sight: what there is to see.

        Returns:
            The jobs.
        """
        for number, (plan, probe) in enumerate(self._probes):
            if step % plan.every:
                continue
            if probe.scope == "lane":
                yield self._job(plan, probe, lane, step, sight)
            elif step > self._settled:  # a branch that catches up comes too late
                self._gathered.setdefault((step, number), {})[lane] = sight

    def settle(self, front: int, order: Sequence[str]) -> Iterator[Job]:
        """The measurements of all lanes at the steps that no lane at work has yet to reach.

        Args:
            front: the step of the lane that is furthest behind.
            order: the names of the lanes; sights are handed over in this order, whichever lane
                came first.

        Returns:
            The jobs.
        """
        for step, number in sorted(key for key in self._gathered if key[0] <= front):
            seen = self._gathered.pop((step, number))
            self._settled = step
            sights = {lane: seen[lane] for lane in order if lane in seen}
            plan, probe = self._probes[number]
            if sights:
                yield self._job(plan, probe, "", step, sights)

    @property
    def waiting(self) -> list[tuple[ProbePlan, str, int]]:
        """The measurements of all lanes that wait for lanes that are behind: plan, "" and step."""
        return [(self._probes[number][0], "", step) for step, number in sorted(self._gathered)]

    def again(
        self, plan: ProbePlan, lane: str, step: int, sights: dict[str, Sight]
    ) -> Iterator[Job]:
        """A measurement that was waiting when its session was closed.

        Args:
            plan: what asked for it; nothing comes of one that is planned no more.
            lane: the lane it looks at, empty for all.
            step: the step it looks at.
            sights: what there was to see, lane -> sight.

        Returns:
            The job, if it is one of one lane; those of all lanes come by `settle`.
        """
        for number, (other, probe) in enumerate(self._probes):
            if other != plan or not sights:
                continue
            if lane:
                yield self._job(plan, probe, lane, step, sights[lane])
            else:
                self._gathered[step, number] = sights

    def settled(self, step: int) -> None:
        """Note that probes that look at all lanes have done so up to a step."""
        self._settled = max(self._settled, step)

    def forget_lane(self, lane: str) -> None:
        """Stop waiting with what was seen of a lane, and forget what was left there."""
        for sights in self._gathered.values():
            sights.pop(lane, None)
        self._carried.forget_lane(lane)

    def _job(self, plan: ProbePlan, probe: Probe, lane: str, step: int, sight: Any) -> Job:
        return Job(plan.name, lane, step, self._steps(plan, probe, lane, sight), plan=plan)

    def _steps(self, plan: ProbePlan, probe: Probe, lane: str, sight: Any) -> Steps:
        """The whole of a measurement: whatever goes wrong in it, goes wrong while it is under way.

        What the one before it left is looked up now, when its turn has come.
        """
        if not probe.ready(sight):
            return NOTHING
        if not lane:
            return (yield from probe.measure(self._problem, sight))
        key = to_json(plan.to_data())
        before = self._carried.get(key, lane)
        found = yield from probe.measure(self._problem, sight._replace(before=before))
        if isinstance(found, Measurement):
            self._carried.put(key, lane, found.carry)
        return found

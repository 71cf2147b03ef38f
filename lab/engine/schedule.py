"""Which probes are due at which step, and the measurements that this asks for."""

from collections.abc import Iterator, Sequence

from lab.engine.jobs import Job
from lab.engine.plan import ProbePlan
from lab.engine.probes import Probe, Sight
from lab.engine.problem import Problem


class Schedule:
    """The probes of a session."""

    def __init__(self, plans: tuple[ProbePlan, ...], problem: Problem):
        """Make the probes.

        Args:
            plans: what is to be measured, and how often.
            problem: what it is measured on.

        Raises:
            ValueError: a probe that does not fit the problem.
        """
        self._problem = problem
        self._probes: list[tuple[ProbePlan, Probe]] = []
        # What was seen of each lane, for probes that look at all: by step and number of the probe.
        self._gathered: dict[tuple[int, int], dict[str, Sight]] = {}
        self._settled = -1  # up to here, probes that look at all lanes have done so
        for plan in plans:
            probe = plan.make()
            if reason := probe.unfit(problem):
                raise ValueError(f"probe {plan.name!r}: {reason}")
            self._probes.append((plan, probe))

    def next_due(self, step: int, target: int) -> int:
        """The next step after this one at which something is due, at most the target."""
        after = [(step // plan.every + 1) * plan.every for plan, _ in self._probes]
        return min([target, *after])

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
                if sight.alive and probe.ready(sight):
                    yield Job(plan.name, lane, step, probe.measure(self._problem, sight))
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
            if probe.ready(sights):
                yield Job(plan.name, "", step, probe.measure(self._problem, sights))

    def forget_lane(self, lane: str) -> None:
        """Stop waiting with what was seen of a lane."""
        for sights in self._gathered.values():
            sights.pop(lane, None)

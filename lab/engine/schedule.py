"""Which probes are due at which step, and the measurements that this asks for."""

from collections.abc import Iterator

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
        self._gathered: dict[tuple[str, int], dict[str, Sight]] = {}
        for plan in plans:
            probe = plan.make()
            if reason := probe.unfit(problem):
                raise ValueError(f"probe {plan.name!r}: {reason}")
            self._probes.append((plan, probe))

    def next_due(self, step: int, target: int) -> int:
        """The next step after this one at which something is due, at most the target."""
        after = [(step // plan.every + 1) * plan.every for plan, _ in self._probes]
        return min([target, *after])

    def look(self, lane: str, step: int, sight: Sight, *, others_behind: bool) -> Iterator[Job]:
        """The measurements that a lane's arrival at a step makes due.

        Args:
            lane: which lane.
            step: where it is.
            sight: what there is to see.
            others_behind: whether other lanes have yet to reach this step; a probe that looks at
                all lanes waits for them.

        Returns:
            The jobs.
        """
        for plan, probe in self._probes:
            if step % plan.every:
                continue
            if probe.scope == "lane":
                yield Job(plan.name, lane, step, probe.measure(self._problem, sight))
                continue
            sights = self._gathered.setdefault((plan.name, step), {})
            sights[lane] = sight
            if not others_behind:
                del self._gathered[plan.name, step]
                yield Job(plan.name, "", step, probe.measure(self._problem, sights))

    def forget_lane(self, lane: str) -> None:
        """Stop waiting with what was seen of a lane."""
        for sights in self._gathered.values():
            sights.pop(lane, None)

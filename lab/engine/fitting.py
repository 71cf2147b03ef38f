"""An experiment cut down to what fits its problem, for those who pick another problem."""

from dataclasses import replace

from lab.engine.catalogue import find
from lab.engine.experiment import Experiment
from lab.engine.plan import Lane
from lab.engine.probe_plan import ProbePlan


def fitting(experiment: Experiment) -> tuple[Experiment, str]:
    """The experiment without lanes and measurements that its problem does not allow.

    Args:
        experiment: of a problem of the catalogue, and without branches.

    Returns:
        What is left, and a sentence on what was left out and why; empty if all fits.

    Raises:
        ValueError: the problem itself cannot be made.
    """
    problem = experiment.problem.make()
    reasons: dict[str, str] = {}

    def fits(label: str, reason: str) -> bool:
        if reason:
            reasons[label] = reason
        return not reason

    def of_rule(lane: Lane) -> str:
        factory = find("optimizer", lane.optimizer).factory
        return "" if factory is None else factory.unfit(problem)

    def of_probe(plan: ProbePlan) -> str:
        return "" if plan.entry.factory is None else plan.make().misfit(problem)

    lanes = [lane for lane in experiment.lanes if fits(lane.name, of_rule(lane))]
    probes = [plan for plan in experiment.probes if fits(plan.name, of_probe(plan))]
    words = "; ".join(f"{label} ({reason})" for label, reason in reasons.items())
    note = f"left out on this problem: {words}" if words else ""
    return replace(experiment, lanes=tuple(lanes), probes=tuple(probes)), note

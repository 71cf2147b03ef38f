"""An experiment cut down to what fits its problem, for those who pick another problem."""

from dataclasses import replace

from lab.engine.catalogue import find
from lab.engine.experiment import Experiment


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

    def fits(kind: str, name: str, label: str) -> bool:
        factory = find(kind, name).factory
        reason = factory.unfit(problem) if factory is not None else ""
        if reason:
            reasons[label] = reason
        return not reason

    lanes = [lane for lane in experiment.lanes if fits("optimizer", lane.optimizer, lane.name)]
    probes = [plan for plan in experiment.probes if fits("probe", plan.name, plan.name)]
    words = "; ".join(f"{label} ({reason})" for label, reason in reasons.items())
    note = f"left out on this problem: {words}" if words else ""
    return replace(experiment, lanes=tuple(lanes), probes=tuple(probes)), note

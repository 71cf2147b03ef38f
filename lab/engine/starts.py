"""Starts that cannot be meant: outside the window in which the problem is looked at."""

from collections.abc import Sequence

from lab.engine.experiment import Experiment
from lab.engine.problem import Problem


def check_starts(experiment: Experiment, problem: Problem) -> None:
    """Refuse a start outside the problem's window, which a file holds only by mistake.

    Sessions themselves take any start: whoever calls the lab from Python may know better.

    Args:
        experiment: whose lanes.
        problem: its problem; one without a window allows every start.

    Raises:
        ValueError: the first such start, with its lane, the window and the nearest start inside.
    """
    if problem.window is None:
        return
    for lane in experiment.lanes:
        for start in lane.start or ():
            pairs = list(zip(start, problem.window, strict=False))
            nearest = [min(max(value, low), high) for value, (low, high) in pairs]
            if nearest != [value for value, _ in pairs]:
                window = ", ".join(f"{low:g} to {high:g}" for low, high in problem.window)
                raise ValueError(
                    f"lane {lane.name!r}: start {_point(start)} lies outside the window "
                    f"({window}); the nearest one inside is {_point(nearest)}"
                )


def _point(values: Sequence[float]) -> str:
    return f"({', '.join(f'{value:.10g}' for value in values)})"

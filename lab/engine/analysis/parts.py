"""Analyses that are parts of other analyses."""

from lab.engine.analysis.base import Progress, Steps


def part_of(steps: Steps, done: float, share: float, *, shows: bool = False) -> Steps:
    """Run a generator as a part of another one's work.

    Args:
        steps: the part.
        done: how much of the whole was done before, from 0 to 1.
        share: how much of the whole the part is.
        shows: whether the part's partial results are those of the whole, and passed on.

    Returns:
        A generator with the part's result, whose progress is that of the whole.
    """
    while True:
        try:
            report = next(steps)
        except StopIteration as stop:
            return stop.value
        yield Progress(done + share * report.done, report.partial if shows else None, report.cost)

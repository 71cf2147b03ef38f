"""What came out of a sweep: the loss of every run against the knob that differs between them."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from lab.engine.limits import GRADIENT_RULES, added_decay, is_of_hessian, limit


class SweepCurve(NamedTuple):
    """Runs of a lane that differ in one knob and in their seeds, n values of s seeds.

    Attributes:
        lane: its name.
        knob: what is swept.
        values: (n,), rising.
        others: the values of other swept knobs, the same for all of these runs.
        runs: (n, s), the numbers of the runs.
        loss: (n, s), NaN for runs that are gone.
        diverged: (n, s), the step at which a run went; -1 for those that go on.
    """

    lane: str
    knob: str
    values: np.ndarray
    others: Mapping[str, float]
    runs: np.ndarray
    loss: np.ndarray
    diverged: np.ndarray

    @property
    def band(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Lowest, median and highest loss (n,) over the seeds that go on; NaN where none does."""
        ordered = np.sort(self.loss, axis=1)  # NaN goes last
        count = np.isfinite(ordered).sum(axis=1)
        rows, last = np.arange(len(ordered)), np.maximum(count - 1, 0)
        middle = (ordered[rows, last // 2] + ordered[rows, (last + 1) // 2]) / 2
        return ordered[:, 0], middle, ordered[rows, last]


def swept_knobs(record: Any) -> list[str]:
    """The knobs of a lane that have several values."""
    return [name for name, values in record.spec.sweep.items() if len(values) > 1]


def sweep_curves(
    record: Any, knob: str, step: int, best: np.ndarray | None = None
) -> list[SweepCurve]:
    """The loss against a swept knob: a curve for each combination of the other swept knobs.

    Args:
        record: of the lane.
        knob: one that the lane sweeps.
        step: whose loss; the newest step on record before it.
        best: (runs,), losses to take instead, such as the lowest so far.

    Returns:
        The curves; none where nothing is on record yet.

    Raises:
        ValueError: a knob that the lane does not sweep.
    """
    sweep = record.spec.sweep
    if knob not in sweep:
        there = ", ".join(sweep) or "nothing"
        raise ValueError(f"lane {record.spec.name!r} does not sweep {knob!r} but {there}")
    found = record.at("loss", step)
    if found is None:
        return []
    loss = np.array(found[1] if best is None else best, dtype=np.float64)
    gone = np.full(record.runs, -1)
    for run, where in record.diverged.items():
        if where.step <= step:
            gone[run], loss[run] = where.step, np.nan
    loss[~np.isfinite(loss)] = np.nan
    names = list(sweep)
    shape = [len(sweep[name]) for name in names] + [record.spec.runs]
    runs = np.moveaxis(np.arange(record.runs).reshape(shape), names.index(knob), -2)
    order = np.argsort(sweep[knob], kind="stable")
    table, curves = record.spec.run_knobs(), []
    for group in runs.reshape(-1, *runs.shape[-2:]):
        group = group[order]
        others = {name: table[group[0, 0]][name] for name in names if name != knob}
        values = np.array([table[run][knob] for run in group[:, 0]], dtype=np.float64)
        curves.append(
            SweepCurve(record.spec.name, knob, values, others, group, loss[group], gone[group])
        )
    return curves


def lowest_losses(record: Any, step: int) -> np.ndarray:
    """The lowest loss (runs,) of every run up to a step."""
    rows = record.read("loss", 0, step + 1)[1]
    return np.fmin.reduce(rows, axis=0, initial=np.nan)


class Edge(NamedTuple):
    """The largest stable learning rate where a lane's curvature was measured.

    Attributes:
        value: of the learning rate.
        formula: what it is made of, in the letters of the knobs.
        step: at which the curvature was measured.
    """

    value: float
    formula: str
    step: int


def stability_edge(curve: SweepCurve, spec: Any, measured: Any) -> Edge | None:
    """Where on the axis of a learning-rate sweep plain steps would stop to shrink.

    It is the rate at which the rule's limit (2/η, and what momentum makes of it) is the largest
    eigenvalue of the Hessian. That is known for rules that step along the gradient alone.

    Args:
        curve: of a sweep of `lr`.
        spec: the lane.
        measured: a result of the probe `hessian_spectrum`, None for none.

    Returns:
        The edge; None where it is not defined.
    """
    if curve.knob != "lr" or measured is None or spec.optimizer not in GRADIENT_RULES:
        return None
    largest, run = float(measured.lambda_max), int(curve.runs[-1, 0])
    found = limit(spec, measured.step, run)
    if found is None or not largest > 0:
        return None
    decay = added_decay(spec, measured.step, run)  # which adds to the curvature
    curvature = "(λmax+λ)" if decay else "λmax"
    formula = found.formula.removesuffix(" − λ")
    formula = formula.replace("/η", f"/{curvature}").replace(")η", f"){curvature}")
    rate = float(curve.values[-1]) * (found.value + decay) / (largest + decay)
    return Edge(rate, formula, measured.step)


def newest_spectrum(recording: Any, lane: str, step: int, run: int = -1) -> Any:
    """The newest measurement of a lane's curvature up to a step that knows an upward direction.

    Args:
        recording: with results of the probe `hessian_spectrum`.
        lane: which lane.
        step: up to which step.
        run: one whose own curvature is preferred, if it was measured.

    Returns:
        The result; None if there is none.
    """
    found = [
        result
        for result in list(recording.results)
        if result.name == "hessian_spectrum"
        and result.lane == lane
        and result.step <= step
        and is_of_hessian(result)
        and result.lambda_max > 0
    ]
    own = [result for result in found if result.run == run]
    return max(reversed(own or found), key=lambda result: result.step, default=None)

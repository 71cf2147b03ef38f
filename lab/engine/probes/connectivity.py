"""The loss between two runs along a session."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

import torch

from lab.engine.analysis.barrier_predictor import barrier_predictor
from lab.engine.analysis.base import Steps, to_numpy
from lab.engine.analysis.connectivity import Path, angle_between, linear_path
from lab.engine.analysis.matching import match_permutation
from lab.engine.analysis.parts import part_of
from lab.engine.catalogue import register
from lab.engine.knobs import Knob
from lab.engine.probes.base import Measurement, Probe, Series, Sight
from lab.engine.problem import Problem

Method = Annotated[
    Literal["weights", "activations", "correlations"],
    Knob(doc="what of the two networks is made alike: weights, or what their units give"),
]


@register(
    "probe",
    "connectivity",
    title="Mode connectivity",
    paper="Frankle et al. 2020, arXiv 1912.05671; Ainsworth et al. 2022, arXiv 2209.04836",
    family="Connectivity",
)
@dataclass(frozen=True)
class Connectivity(Probe):
    """Loss and metrics on all data along the straight line between two runs.

    The line joins the first run of the first lane with the first run of the second; of one lane
    alone, its first two runs. Runs that diverged do not count. Where the network allows it, the
    second end is also permuted towards the first.

    Arrays: `t` and `loss` (points,), and one for each metric; with the prefix `matched_` the same
    after the permutation.

    Its info tells barrier and distance (instability analysis), and where both runs began at one
    point, or one lane branched off the other, the angle between the ways they went since.
    """

    points: Annotated[int, Knob(3, 1001, scale="log", doc="points of the line, ends included")] = 25
    matched: Annotated[bool, Knob(doc="also with the hidden units permuted")] = True
    method: Method = "weights"
    repair: Annotated[
        bool, Knob(doc="correct the statistics of matched hidden units along the line")
    ] = False
    predict: Annotated[bool, Knob(doc="also what second derivatives foresee of the barrier")] = (
        False
    )

    scope: ClassVar[str] = "lanes"
    tracks: ClassVar[tuple[Series, ...]] = (
        Series("barrier", "barrier", doc="highest loss between two runs above the mean of both"),
        Series("matched_barrier", "matched barrier", doc="the same with hidden units permuted"),
        Series("distance", "distance of two runs", doc="length of the straight line between them"),
        Series("angle_start", "angle at the start", "°", doc="between the ways from the start"),
        Series(
            "angle_branch", "angle at the branch", "°", doc="between the ways since two lanes part"
        ),
    )

    def measure(self, problem: Problem, sight: Mapping[str, Sight]) -> Steps[Measurement]:
        """Measure between the two runs."""
        (lane_a, run_a), (lane_b, run_b) = _ends(sight)
        a, b = sight[lane_a].theta[run_a], sight[lane_b].theta[run_b]
        found = yield from measure_path(
            problem,
            a,
            b,
            self.points,
            self.method if self.matched else "",
            self.repair,
            self.predict,
        )
        where = {"lane_a": lane_a, "run_a": run_a, "lane_b": lane_b, "run_b": run_b}
        angles = angles_of(problem, (sight[lane_a].past, run_a, a), (sight[lane_b].past, run_b, b))
        return Measurement(found.arrays, {**where, **found.info, **angles})

    def ready(self, sight: Mapping[str, Sight]) -> bool:
        """Whether there are two runs to join."""
        return len(_ends(sight)) == 2


def measure_path(
    problem: Problem,
    a: torch.Tensor,
    b: torch.Tensor,
    points: int,
    method: str,
    repair: bool = False,
    predict: bool = False,
) -> Steps[Measurement]:
    """The measurement of `Connectivity` between two points (dim,).

    Its info: `barrier` (above the mean of the ends), `barrier_chord`, `distance`, the same with the
    prefix `matched_`; or `unmatched`, why there is no permutation. With `predict` also `height`
    (the loss in the middle above the mean of the ends) and what second order foresees of it:
    `from_middle`, `from_ends`.
    """
    share = 0.45 if method else 0.9
    path = yield from part_of(linear_path.steps(problem, a, b, points), 0.0, share)
    arrays, info = _parts(path, "")
    if method:
        try:
            moved = yield from part_of(match_permutation.steps(problem, a, b, method), share, 0.1)
            path = yield from part_of(
                linear_path.steps(problem, a, moved, points, repair), share + 0.1, share - 0.1
            )
        except ValueError as error:
            info["unmatched"] = str(error)
        else:
            more = _parts(path, "matched_")
            arrays, info = {**arrays, **more[0]}, {**info, **more[1]}
            info["repaired"] = repair
    if predict and not problem.hessian_trouble:
        told = yield from part_of(barrier_predictor.steps(problem, a, b), 0.9, 0.1)
        info |= {"height": told.height, "from_middle": told.from_middle}
        info |= {"from_ends": told.from_ends}
    return Measurement(to_numpy(arrays), info)


def angles_of(problem: Problem, one: tuple, two: tuple) -> dict[str, float | int]:
    """Angles between the ways of two runs, in degrees, from where they began and where they parted.

    Args:
        problem: whose parameters.
        one: the lane's `Past`, the number of the run, and its point (dim,).
        two: the same of the other.

    Returns:
        `angle_start` where both began at one point; `angle_branch` and `branch_step` where their
        lanes were one up to a step. Nothing for a run that is still where it began.
    """
    (past_a, run_a, a), (past_b, run_b, b) = one, two
    if past_a is None or past_b is None:
        return {}
    found: dict[str, float | int] = {}
    steps = {"angle_start": 0}
    forked = past_a.parting(past_b)
    if forked is not None and run_a == run_b:
        steps["angle_branch"] = found["branch_step"] = forked
    for name, step in steps.items():
        rows = past_a.at(step), past_b.at(step)
        if rows[0] is None or rows[1] is None:
            continue
        begun = rows[0][run_a], rows[1][run_b]
        if (begun[0] == begun[1]).all():
            angle = angle_between(problem, torch.tensor(begun[0]), a.cpu(), b.cpu())
            if angle == angle:  # NaN where a run has not moved
                found[name] = angle
    return found


def _ends(sights: Mapping[str, Sight]) -> list[tuple[str, int]]:
    """The two runs to join, as lane and run; fewer where there are none."""
    alive = {lane: sight.alive for lane, sight in sights.items() if sight.alive}
    if len(alive) == 1:
        ((lane, runs),) = alive.items()
        return [(lane, run) for run in runs[:2]]
    return [(lane, runs[0]) for lane, runs in alive.items()][:2]


def _parts(path: Path, prefix: str) -> tuple[dict, dict]:
    """Arrays and numbers of a path, under names with a prefix."""
    arrays = {"loss": path.loss, **path.metrics}
    info = {
        "barrier": path.barrier,
        "barrier_chord": path.barrier_chord,
        "distance": path.length,
    }
    named = {prefix + name: array for name, array in arrays.items()}
    if not prefix:
        named = {"t": path.t, **named}
    return named, {prefix + name: number for name, number in info.items()}

"""The loss between two runs along a session."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, ClassVar

import torch

from lab.engine.analysis.base import Steps, to_numpy
from lab.engine.analysis.connectivity import Path, linear_path
from lab.engine.analysis.matching import match_permutation
from lab.engine.analysis.parts import part_of
from lab.engine.catalogue import register
from lab.engine.knobs import Knob
from lab.engine.probes.base import Measurement, Probe, Sight
from lab.engine.problem import Problem


@register(
    "probe",
    "connectivity",
    title="Mode connectivity",
    paper="Frankle et al. 2020, arXiv 1912.05671; Ainsworth et al. 2022, arXiv 2209.04836",
)
@dataclass(frozen=True)
class Connectivity(Probe):
    """Loss and metrics on all data along the straight line between two runs.

    The line joins the first run of the first lane with the first run of the second; of one lane
    alone, its first two runs. Runs that diverged do not count. Where the network allows it, the
    second end is also permuted towards the first.

    Arrays: `t` and `loss` (points,), and one for each metric; with the prefix `matched_` the same
    after the permutation.
    """

    points: Annotated[int, Knob(3, 1001, scale="log", doc="points of the line, ends included")] = 25
    matched: Annotated[bool, Knob(doc="also with the hidden units permuted")] = True

    scope: ClassVar[str] = "lanes"

    def measure(self, problem: Problem, sight: Mapping[str, Sight]) -> Steps[Measurement]:
        """Measure between the two runs."""
        (lane_a, run_a), (lane_b, run_b) = _ends(sight)
        a, b = sight[lane_a].theta[run_a], sight[lane_b].theta[run_b]
        found = yield from measure_path(problem, a, b, self.points, self.matched)
        where = {"lane_a": lane_a, "run_a": run_a, "lane_b": lane_b, "run_b": run_b}
        return Measurement(found.arrays, {**where, **found.info})

    def ready(self, sight: Mapping[str, Sight]) -> bool:
        """Whether there are two runs to join."""
        return len(_ends(sight)) == 2


def measure_path(
    problem: Problem, a: torch.Tensor, b: torch.Tensor, points: int, matched: bool
) -> Steps[Measurement]:
    """The measurement of `Connectivity` between two points (dim,).

    Its info: `barrier` (above the mean of the ends), `barrier_chord`, `distance`, the same with the
    prefix `matched_`; or `unmatched`, why there is no permutation.
    """
    share = 0.45 if matched else 1.0
    path = yield from part_of(linear_path.steps(problem, a, b, points), 0.0, share)
    arrays, info = _parts(path, "")
    if matched:
        try:
            moved = yield from part_of(match_permutation.steps(problem, a, b), share, 0.1)
        except ValueError as error:
            info["unmatched"] = str(error)
        else:
            path = yield from part_of(linear_path.steps(problem, a, moved, points), 0.55, 0.45)
            more = _parts(path, "matched_")
            arrays, info = {**arrays, **more[0]}, {**info, **more[1]}
    return Measurement(to_numpy(arrays), info)


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

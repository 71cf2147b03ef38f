"""The barriers between all runs along a session."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

import numpy as np
import torch

from lab.engine.analysis.barrier_matrix import barrier_matrix
from lab.engine.analysis.base import Steps, to_numpy
from lab.engine.analysis.chain import check_symmetric, wiring_of
from lab.engine.analysis.parts import part_of
from lab.engine.catalogue import register
from lab.engine.knobs import Knob
from lab.engine.probes.base import Measurement, Probe, Series, Sight
from lab.engine.problem import Problem


@register(
    "probe",
    "barriers",
    title="Barrier matrix",
    paper="Frankle et al. 2020, arXiv 1912.05671; Entezari et al. 2022, arXiv 2110.06296",
    family="Connectivity",
)
@dataclass(frozen=True)
class Barriers(Probe):
    """The barrier of the straight line between every two runs, of all lanes.

    The first runs of all lanes come before the second ones, as many as `most`; runs that diverged
    do not count.

    Arrays: `barrier`, `barrier_chord`, `distance` and, where the problem has a metric,
    `metric_barrier`, (n, n) each; `loss` and `run` (n,). Info: `lanes`, the lane of each, a line
    each.
    """

    points: Annotated[int, Knob(3, 1001, scale="log", doc="points of each line")] = 11
    most: Annotated[int, Knob(2, 64, doc="runs that are compared at most")] = 16
    matched: Annotated[
        Literal["none", "weights", "activations", "correlations"],
        Knob(doc="permute hidden units before, by what of the networks"),
    ] = "none"

    scope: ClassVar[str] = "lanes"
    tracks: ClassVar[tuple[Series, ...]] = (
        Series("highest", "highest barrier", doc="of all lines between two runs"),
        Series("middle", "median barrier", doc="of all lines between two runs"),
    )

    def measure(self, problem: Problem, sight: Mapping[str, Sight]) -> Steps[Measurement]:
        """Measure all pairs."""
        chosen = _chosen(sight, self.most)
        rows = torch.stack([sight[lane].theta[run] for lane, run in chosen])
        matched, unmatched, begun = self.matched, "", 0.0
        if matched != "none":
            begun = 0.02
            try:
                check = check_symmetric(problem, wiring_of(problem), rows[0])
                yield from part_of(check, 0.0, begun)
            except ValueError as error:
                matched, unmatched = "none", str(error)
        work = barrier_matrix.steps(problem, rows, self.points, matched)
        found = yield from part_of(work, begun, 1 - begun, shows=True)
        upper = found.barrier[*torch.triu_indices(len(rows), len(rows), 1)]
        info = {
            "lanes": "\n".join(lane for lane, _ in chosen),
            "metric": found.metric,
            "matched": matched,
            "highest": float(upper.max()),
            "middle": float(upper.median()),
            "evaluations": found.evaluations,
        }
        if unmatched:
            info["unmatched"] = unmatched
        arrays = {
            "barrier": found.barrier,
            "barrier_chord": found.barrier_chord,
            "distance": found.distance,
            "loss": found.loss,
        }
        if found.metric:
            arrays["metric_barrier"] = found.metric_barrier
        runs = np.array([run for _, run in chosen])
        return Measurement({**to_numpy(arrays), "run": runs}, info)

    def ready(self, sight: Mapping[str, Sight]) -> bool:
        """Whether there are two runs to compare."""
        return len(_chosen(sight, 2)) == 2


def _chosen(sights: Mapping[str, Sight], most: int) -> list[tuple[str, int]]:
    """Lane and run of those that are compared: first runs of all lanes before second ones."""
    alive = {lane: sight.alive for lane, sight in sights.items()}
    longest = max((len(runs) for runs in alive.values()), default=0)
    found = [
        (lane, runs[i]) for i in range(longest) for lane, runs in alive.items() if i < len(runs)
    ]
    return sorted(found[:most], key=lambda item: list(alive).index(item[0]))

"""How far apart the lanes are as functions, along a run."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np

from lab.engine.analysis.base import Steps
from lab.engine.analysis.function_distance import function_distance, pairs
from lab.engine.analysis.parts import part_of
from lab.engine.catalogue import register
from lab.engine.knobs import Knob
from lab.engine.probes.base import Measurement, Probe, Series, Sight
from lab.engine.problem import Problem

MOST = 12  # runs that are compared, each with each


@register(
    "probe",
    "function_distance",
    title="Function distance",
    formula=r"\sqrt{E_x |f_a(x) - f_b(x)|^2}",
    paper="Benjamin, Rolnick & Kording 2019, arXiv 1805.08289",
    family="Connectivity",
    look="Two runs may come to one function with parameters far apart, or stay apart as functions.",
)
@dataclass(frozen=True)
class FunctionDistanceProbe(Probe):
    """How different the networks of the lanes are as functions, whatever their parameters.

    Compared are the first runs that go on of all lanes, each with each; of one lane alone, its
    first runs, at most twelve.

    Info: means over the pairs of `distance` (root mean square of the difference of outputs) and of
    `parameters` (distance of the parameters); for classes also of `divergence` (Kullback-Leibler
    in nats, of the second of each pair from the first) and `disagreement`; `distance_low` and
    `distance_high`, the nearest and the farthest pair; `names` of the runs. Array: `distances`
    (n, n).
    """

    samples: Annotated[
        int, Knob(0, 1_000_000, slider=(0, 2000), doc="inputs that are looked at, 0 for all")
    ] = 0

    scope: ClassVar[str] = "lanes"
    tracks: ClassVar[tuple[Series, ...]] = (
        Series("distance", "function distance", log=True, doc="mean over pairs; nearest, farthest"),
        Series("divergence", "divergence", "nats", log=True, doc="of predictions, mean over pairs"),
        Series("disagreement", "disagreement", doc="part of samples put into different classes"),
        Series("parameters", "parameter distance", log=True, doc="mean over pairs of runs"),
    )

    def measure(self, problem: Problem, sight: Mapping[str, Sight]) -> Steps[Measurement]:
        """Compare the runs."""
        runs = _compared(sight)
        points = [sight[lane].theta[run] for lane, run in runs]
        distances = np.zeros((len(runs), len(runs)))
        found, every = [], list(pairs(len(runs)))
        for number, (i, j) in enumerate(every):
            work = function_distance.steps(problem, points[i], points[j], self.samples)
            one = yield from part_of(work, number / len(every), 1 / len(every))
            apart = float((points[i] - points[j]).double().norm())
            found.append((one.rms, one.divergence, one.disagreement, apart))
            distances[i, j] = distances[j, i] = one.rms
        rows = np.array(found)
        means = zip(
            ("distance", "divergence", "disagreement", "parameters"), rows.mean(0), strict=True
        )
        info = {name: float(value) for name, value in means if np.isfinite(value)}
        if len(rows) > 1:
            info |= {"distance_low": float(rows[:, 0].min())}
            info |= {"distance_high": float(rows[:, 0].max())}
        info |= {"samples": one.samples, "pairs": len(rows), "evaluations": 2 * len(rows)}
        info["names"] = ", ".join(f"{lane} {run}" for lane, run in runs)
        return Measurement({"distances": distances}, info)

    def ready(self, sight: Mapping[str, Sight]) -> bool:
        """Whether there are two runs to compare."""
        return len(_compared(sight)) > 1

    @classmethod
    def unfit(cls, problem: Problem) -> str:
        """Why there are no functions to compare."""
        return "" if problem.kernel_outputs else "functions are compared by a network's outputs"


def _compared(sights: Mapping[str, Sight]) -> list[tuple[str, int]]:
    """The runs that are compared, each a lane and a run."""
    alive = {lane: sight.alive for lane, sight in sights.items() if sight.alive}
    if len(alive) == 1:
        ((lane, runs),) = alive.items()
        return [(lane, run) for run in runs[:MOST]]
    return [(lane, runs[0]) for lane, runs in alive.items()][:MOST]

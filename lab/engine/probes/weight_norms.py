"""Lengths of the weights along a run."""

from dataclasses import dataclass
from typing import ClassVar

from lab.engine.analysis.base import Steps, to_numpy
from lab.engine.analysis.weights import weight_norms
from lab.engine.catalogue import register
from lab.engine.probes.base import Measurement, Probe, Series, Sight
from lab.engine.problem import Problem


@register(
    "probe",
    "weight_norms",
    title="Weight norms",
    formula=r"|\theta|, \quad |\theta - \theta_0|, \quad |\Delta\theta| / |\theta|",
    family="Training regime",
    look="Where a step is about a thousandth of the weights that it changes, training often goes "
    "well.",
)
@dataclass(frozen=True)
class WeightNormsProbe(Probe):
    """Lengths of the parameters, of their way from the start, and of the next step beside them.

    Looked at is the first run of the lane that goes on. The step is the one it is about to make, on
    its own mini-batch.

    Info: `norm`, `distance` and `ratio` of the whole vector, and `names` of the layers. Arrays (n,)
    in their order: `norms`, `distances`, `ratios`.
    """

    looks_back: ClassVar[bool] = True
    looks_inside: ClassVar[bool] = True
    tracks: ClassVar[tuple[Series, ...]] = (
        Series("norm", "|θ|", doc="length of all parameters", parts="norms"),
        Series("distance", "|θ − θ₀|", doc="distance from the start", parts="distances"),
        Series(
            "ratio",
            "|Δθ| / |θ|",
            log=True,
            doc="length of the next step over that of θ",
            parts="ratios",
        ),
    )

    def measure(self, problem: Problem, sight: Sight) -> Steps[Measurement]:
        """Measure one run."""
        run = sight.alive[0]
        step = sum(part[run] for part in sight.moment.parts().values())
        given = problem, sight.moment.theta[run], sight.first[run], step
        found = yield from weight_norms.steps(*given)
        arrays = {name: getattr(found, name) for name in ("norms", "distances", "ratios")}
        info = {name: getattr(found, name) for name in ("norm", "distance", "ratio")}
        return Measurement(to_numpy(arrays), {"run": run, **info, "names": ", ".join(found.names)})

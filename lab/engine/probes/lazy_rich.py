"""Lazy or rich: the tangent kernel along a run."""

from dataclasses import dataclass, fields
from typing import Annotated, ClassVar

from lab.engine.analysis.base import Steps
from lab.engine.analysis.tangent_kernel import check_kernel, lazy_rich
from lab.engine.catalogue import register
from lab.engine.knobs import Knob
from lab.engine.probes.base import Measurement, Probe, Series, Sight
from lab.engine.problem import Problem


@register(
    "probe",
    "lazy_rich",
    title="Lazy or rich",
    formula=r"\langle K, YY^T\rangle / |K||YY^T|, \quad 1 - \langle K, K_0\rangle / |K||K_0|",
    paper="Kumar et al. 2024, arXiv 2310.06110; Fort et al. 2020, arXiv 2010.15110",
    family="Training regime",
    look="Lazy training leaves the kernel where it was; in the rich regime it drifts, and turns "
    "towards the targets.",
)
@dataclass(frozen=True)
class LazyRichProbe(Probe):
    """Alignment of the tangent kernel with the targets, its drift, and the way of the parameters.

    Looked at is the first run of the lane that goes on, against where that run began, on samples
    drawn once and the same at every step.

    Info: `alignment`, `centred`, `drift`, each with its standard error `..._error`, `movement`, and
    `samples`.
    """

    samples: Annotated[
        int, Knob(0, 100_000, scale="log", slider=(8, 512), doc="samples of the kernel, 0 for all")
    ] = 64

    looks_back: ClassVar[bool] = True
    tracks: ClassVar[tuple[Series, ...]] = (
        Series("alignment", "kernel alignment", doc="cosine between tangent kernel and targets"),
        Series("centred", "centred alignment", doc="the same, centred over the samples"),
        Series("drift", "kernel drift", doc="1 less the cosine with the kernel at the start"),
        Series("movement", "relative movement", doc="way from the start over its length"),
    )

    def measure(self, problem: Problem, sight: Sight) -> Steps[Measurement]:
        """Measure one run."""
        run = sight.alive[0]
        given = problem, sight.theta[run], sight.first[run], self.samples, sight.seed
        found = yield from lazy_rich.steps(*given)
        return Measurement(
            {}, {"run": run, **{item.name: getattr(found, item.name) for item in fields(found)}}
        )

    @classmethod
    def unfit(cls, problem: Problem) -> str:
        """Why there is no tangent kernel."""
        try:
            check_kernel(problem)
        except ValueError as error:
            return str(error)
        return ""

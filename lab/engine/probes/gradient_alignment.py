"""Gradients of mini-batches along a run."""

from dataclasses import dataclass
from typing import Annotated, ClassVar

from lab.engine.analysis.base import Steps, to_numpy
from lab.engine.analysis.gradient_alignment import gradient_alignment
from lab.engine.analysis.per_sample import check_samples
from lab.engine.catalogue import register
from lab.engine.knobs import Knob
from lab.engine.probes.base import Measurement, Probe, Series, Sight
from lab.engine.problem import Problem


@register(
    "probe",
    "gradient_alignment",
    title="Gradient alignment",
    formula=r"\cos(g_a, g_b)",
    family="Training regime",
    look="Close to 1 every batch says the same; close to 0 a step is mostly noise.",
)
@dataclass(frozen=True)
class GradientAlignmentProbe(Probe):
    """Cosines between the gradients of random mini-batches, and with that on all data.

    Looked at is the first run of the lane that goes on; the batches are the same at every step.

    Info: `mean` over pairs and `full` with all data, each with its standard error, `full_norm`, and
    `batch`, samples of each. Arrays: `cosines` (n, n), `with_full` and `norms` (n,).
    """

    batches: Annotated[int, Knob(2, 1000, slider=(2, 32), doc="how many batches")] = 8
    batch: Annotated[
        int,
        Knob(0, 1_000_000, slider=(0, 512), doc="samples of each, 0 for those of the run, or 32"),
    ] = 0

    tracks: ClassVar[tuple[Series, ...]] = (
        Series("mean", "cosine of batches", doc="mean over pairs of random mini-batches"),
        Series("full", "cosine with all data", doc="mean of batches with the whole gradient"),
    )

    def measure(self, problem: Problem, sight: Sight) -> Steps[Measurement]:
        """Measure one run."""
        run = sight.alive[0]
        own = getattr(problem, "batch_size", 0)
        own = own if 0 < own < problem.samples else min(32, max(1, problem.samples // 2))
        batch = min(self.batch or own, problem.samples)
        given = problem, sight.theta[run], self.batches, batch, sight.seed
        found = yield from gradient_alignment.steps(*given)
        info = {"mean": found.mean, "mean_error": found.error, "full": found.full}
        info |= {"full_error": found.full_error, "full_norm": found.full_norm}
        info |= {"batch": batch, "gradients": found.gradients}
        arrays = {name: getattr(found, name) for name in ("cosines", "with_full", "norms")}
        return Measurement(to_numpy(arrays), {"run": run, **info})

    @classmethod
    def unfit(cls, problem: Problem) -> str:
        """Why there are no mini-batches."""
        try:
            check_samples(problem)
        except ValueError as error:
            return str(error)
        return ""

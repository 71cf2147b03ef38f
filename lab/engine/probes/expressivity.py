"""What a network can express: the functional dimension along a run."""

import math
from dataclasses import dataclass
from typing import Annotated, ClassVar

from lab.engine.analysis.base import Steps, to_numpy
from lab.engine.analysis.expressivity import functional_dimension
from lab.engine.catalogue import register
from lab.engine.knobs import Knob
from lab.engine.probes.base import Measurement, Probe, Series, Sight
from lab.engine.problem import Problem

_LARGEST = 4000  # parameters: the singular values of a square matrix of so many take a minute


@register(
    "probe",
    "functional_dimension",
    title="Functional dimension",
    formula=r"\mathrm{rank}\,\partial_\theta (f_\theta(x_1), \ldots, f_\theta(x_n))",
    paper="Grigsby, Lindsey & Rolnick 2023, arXiv 2306.06179",
    family="Expressivity",
    look="A rank below the bound is a hidden symmetry: directions that leave the function alone.",
)
@dataclass(frozen=True)
class FunctionalDimensionProbe(Probe):
    """How many directions of parameter space change the function of a network.

    Looked at is the first run of the lane that goes on, at Gaussian inputs that are the same at
    every step.

    Info: `rank`, its `bound`, `fraction` of the bound, `inputs`, and below full rank `gap` (last
    singular value that counts over the first that does not). Array: `singular_values`, falling.
    """

    points: Annotated[
        int, Knob(0, 10_000_000, doc="Gaussian inputs, 0 for 30 for each parameter")
    ] = 0

    tracks: ClassVar[tuple[Series, ...]] = (
        Series("rank", "functional dimension", doc="rank of the outputs' derivative"),
        Series("fraction", "rank / bound", doc="1 where there is no hidden symmetry"),
        Series("gap", "gap", log=True, doc="between what counts for the rank and what does not"),
    )

    def measure(self, problem: Problem, sight: Sight) -> Steps[Measurement]:
        """Measure one run."""
        run = sight.alive[0]
        given = problem, sight.theta[run], self.points or None
        found = yield from functional_dimension.steps(*given, seed=sight.seed)
        info = {"rank": found.rank, "bound": found.bound, "fraction": found.rank / found.bound}
        info |= {"inputs": found.points}
        if math.isfinite(found.gap):
            info["gap"] = found.gap
        return Measurement(
            to_numpy({"singular_values": found.singular_values}), {"run": run, **info}
        )

    @classmethod
    def unfit(cls, problem: Problem) -> str:
        """Why there is no such dimension, or none that can be had in a minute."""
        if not hasattr(problem, "outputs"):
            return "the functional dimension is that of a network"
        if problem.sample_trouble:
            return f"the outputs are no function of the input alone: {problem.sample_trouble}"
        if problem.dim > _LARGEST:
            return f"the functional dimension takes too long beyond {_LARGEST:,} parameters"
        return ""

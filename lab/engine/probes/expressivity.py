"""What a network can express: its functional dimension, and how many samples it can fit."""

import math
from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

from lab.engine.analysis.base import Steps, to_numpy
from lab.engine.analysis.complexity import effective_model_complexity
from lab.engine.analysis.expressivity import POINTS, functional_dimension
from lab.engine.catalogue import register
from lab.engine.knobs import Knob
from lab.engine.probes.base import Measurement, Probe, Series, Sight
from lab.engine.problem import Problem

_MOST_WORK = 3e11  # multiplications, about a minute: all derivatives are brought to a triangle


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
            return "the functional dimension is that of a network whose inputs are data"
        if problem.sample_trouble:
            return f"the outputs are no function of the input alone: {problem.sample_trouble}"
        outputs = problem.kernel_outputs
        if 2 * POINTS * outputs * problem.dim**3 > _MOST_WORK:
            size = f"{problem.dim:,} parameters" + (
                f" and {outputs} outputs" if outputs > 1 else ""
            )
            return f"the functional dimension takes too long with {size}"
        return ""


@register(
    "probe",
    "model_complexity",
    title="Model complexity",
    formula=r"\max\,\{n : n \;\mathrm{samples\;are\;fitted}\}",
    paper="Shwartz-Ziv et al. 2024, arXiv 2406.11463; Nakkiran et al. 2020, arXiv 1912.02292",
    family="Expressivity",
    look="Networks fit far fewer samples than they have parameters; random labels fewer still.",
)
@dataclass(frozen=True)
class ModelComplexityProbe(Probe):
    """How many samples a training from a new start can fit: the effective model complexity.

    It belongs to the problem and the training told by the knobs, not to the point of the lane. The
    trainings take a while, so that it is best asked for by hand.

    Info: `complexity`, the largest number of samples that was fitted, `upper`, the smallest that
    was not (0 where all data were fitted), `efficiency`, the complexity over the parameters,
    `parameters`, `gradients`. Arrays (m,), for each number of samples that was tried: `counts`,
    `wrong`, `slope`, `change`, `bend`, `loss`, `steps`, `fitted`.
    """

    optimizer: Annotated[Literal["momentum", "adam", "sgd"], Knob(doc="rule of the trainings")] = (
        "momentum"
    )
    lr: Annotated[float, Knob(1e-6, 100, scale="log", symbol="η", doc="its learning rate")] = 0.1
    batch: Annotated[int, Knob(0, 1_000_000, slider=(0, 512), doc="samples, 0 for all")] = 0
    steps: Annotated[
        int, Knob(10, 1_000_000, scale="log", slider=(100, 20_000), doc="of each training, at most")
    ] = 2000
    counts: Annotated[int, Knob(2, 50, doc="numbers of samples that are tried, from 4 to all")] = 12
    random_labels: Annotated[bool, Knob(doc="shuffle the labels among the samples")] = False

    by_hand: ClassVar[bool] = True
    tracks: ClassVar[tuple[Series, ...]] = (
        Series("complexity", "model complexity", "samples", doc="the most that is fitted"),
        Series("efficiency", "complexity / parameters", doc="samples fitted for each parameter"),
    )

    def measure(self, problem: Problem, sight: Sight) -> Steps[Measurement]:
        """Train the network on more and more samples."""
        found = yield from effective_model_complexity.steps(
            problem,
            sight.theta[sight.alive[0]],
            self.optimizer,
            self.counts,
            self.steps,
            self.batch,
            random_labels=self.random_labels,
            seed=sight.seed,
            knobs={"lr": self.lr},
        )
        names = ("complexity", "upper", "parameters", "efficiency", "gradients")
        info = {name: getattr(found, name) for name in names}
        info |= {"complexity_low": found.complexity, "random_labels": self.random_labels}
        info["complexity_high"] = found.upper or found.complexity
        names = ("counts", "wrong", "slope", "change", "bend", "loss", "steps", "fitted")
        return Measurement(to_numpy({name: getattr(found, name) for name in names}), info)

    @classmethod
    def unfit(cls, problem: Problem) -> str:
        """Why there is nothing to fit."""
        if not hasattr(problem, "on_samples"):
            return "only a network can be trained on other data"
        return "the network has several losses" if problem.terms else ""

"""Sharpness along a run: how much the loss rises nearby, at the worst point and on average."""

from dataclasses import dataclass
from typing import Annotated, ClassVar

from lab.engine.analysis.base import Steps, to_numpy
from lab.engine.analysis.parts import part_of
from lab.engine.analysis.sharpness import mean_rise, worst_rise
from lab.engine.catalogue import register
from lab.engine.knobs import Knob
from lab.engine.probes.base import Measurement, Probe, Series, Sight
from lab.engine.problem import Problem

Radius = Knob(1e-6, 1e3, scale="log", slider=(1e-3, 10.0), symbol="ρ", doc="how far it looks")


@register(
    "probe",
    "sharpness",
    title="Sharpness",
    paper="Foret et al. 2021, arXiv 2010.01412; adaptive: Kwon et al. 2021, arXiv 2102.11600",
    family="Stability & sharpness",
)
@dataclass(frozen=True)
class SharpnessProbe(Probe):
    """How much the loss on all data rises within a distance ρ.

    Looked at is the first run of the lane that goes on. `sam` is the rise at the worst point of a
    ball, `adaptive` that of a ball measured relative to each parameter, `m_sharpness` the mean of
    the worst rises of groups of m samples, and `mean` the rise in random directions.

    Info: these, and `m_sharpness_error` and `mean_error`, standard errors. Array: `rises`, of each
    group of samples.
    """

    radius: Annotated[float, Radius] = 0.05
    steps: Annotated[int, Knob(1, 100, doc="steps uphill: 1 is SAM's, more find worse points")] = 1
    adaptive_radius: Annotated[
        float,
        Knob(0, 1e3, scale="log", slider=(1e-2, 10.0), doc="of the adaptive ball, 0 for none"),
    ] = 0.5
    m: Annotated[int, Knob(0, 100_000, doc="samples of a group for m-sharpness, 0 for none")] = 0
    groups: Annotated[int, Knob(1, 100_000, doc="groups that are looked at, at most")] = 32
    pairs: Annotated[
        int, Knob(0, 10_000, doc="pairs of opposite random directions, 0 for none")
    ] = 16

    tracks: ClassVar[tuple[Series, ...]] = (
        Series("sam", "SAM sharpness", "loss", log=True, doc="the worst rise within ρ"),
        Series("adaptive", "adaptive sharpness", "loss", log=True, doc="relative to parameters"),
        Series("m_sharpness", "m-sharpness", "loss", log=True, doc="worst rises of m samples"),
        Series("mean", "mean rise", "loss", log=True, doc="in random directions"),
    )

    def measure(self, problem: Problem, sight: Sight) -> Steps[Measurement]:
        """Measure the first run that goes on; directions and groups are the same at every step."""
        run = sight.alive[0]
        theta, info, arrays = sight.theta[run], {"run": run, "radius": self.radius}, {}
        climb = {"steps": self.steps, "seed": sight.seed}
        parts = {"sam": worst_rise.steps(problem, theta, self.radius, **climb)}
        if wide := self.adaptive_radius:
            parts["adaptive"] = worst_rise.steps(problem, theta, wide, adaptive=True, **climb)
        if self.m and problem.samples and not problem.sample_trouble:
            group = min(self.m, problem.samples)
            parts["m_sharpness"] = worst_rise.steps(
                problem, theta, self.radius, group, groups=self.groups, **climb
            )
        if self.pairs:
            pairs = max(2, self.pairs)
            parts["mean"] = mean_rise.steps(problem, theta, self.radius, pairs, seed=sight.seed)
        for number, (name, work) in enumerate(parts.items()):
            found = yield from part_of(work, number / len(parts), 1 / len(parts))
            info[name] = found.value
            if name in ("m_sharpness", "mean"):
                info[f"{name}_error"] = found.error
            if name == "m_sharpness":
                arrays["rises"] = found.rises
        return Measurement(to_numpy(arrays), info)

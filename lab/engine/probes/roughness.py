"""The roughness index along a run."""

from dataclasses import dataclass
from typing import Annotated, Literal

import torch

from lab.engine.analysis.base import Steps, to_numpy
from lab.engine.analysis.directions import random_direction
from lab.engine.analysis.roughness import roughness_index
from lab.engine.catalogue import register
from lab.engine.knobs import Knob
from lab.engine.probes.base import Measurement, Probe, Series, Sight
from lab.engine.problem import Problem


@register(
    "probe",
    "roughness",
    title="Roughness index",
    formula=r"\mathrm{std}_i\,T_i\,/\,\mathrm{mean}_i\,T_i",
    paper="Wu et al., arXiv 2103.11069",
    family="Geometry",
)
@dataclass(frozen=True)
class RoughnessIndex(Probe):
    """How much the wiggliness of the loss on all data differs between random lines.

    The lines go through the first run of the lane that goes on; the info says which. Their
    directions are drawn once for the experiment: all steps and all lanes share them, and only what
    normalisation makes of them differs.

    Arrays: `total_variation` (M,), `s` (points,) and `profiles` (M, points), the loss on each line.
    """

    directions: Annotated[int, Knob(3, 1000, scale="log", doc="random lines")] = 20
    radius: Annotated[
        float, Knob(1e-6, 1e3, scale="log", doc="reach of the lines, see scaling")
    ] = 0.25
    points: Annotated[int, Knob(3, 10_001, scale="log", doc="nodes on each line")] = 41
    scaling: Annotated[
        Literal["auto", "filter", "layer", "none"],
        Knob(
            doc="lengths of the lines: filter- or layer-normalised, or as drawn; auto is filter "
            "for weight matrices, and for other problems a radius of 1 spans the window"
        ),
    ] = "auto"
    bias: Annotated[
        Literal["zero", "code"],
        Knob(
            doc="what biases get on normalised lines: nothing (Li et al. 2018), or a copy of "
            "themselves, as in the index's published program"
        ),
    ] = "zero"

    tracks = (
        Series("index", "roughness index", doc="how much the wiggliness of random lines differs"),
        Series(
            "mean_tv_l",
            "mean of T·l",
            doc="how wiggly the lines are: 0.5 on a slope, 1 in a bowl, more with ripples",
        ),
    )

    def measure(self, problem: Problem, sight: Sight) -> Steps[Measurement]:
        """Measure at one run; the directions drawn are the same at every step."""
        run = sight.alive[0]
        found = yield from measure_roughness(
            problem,
            sight.theta[run],
            self.directions,
            self.radius,
            self.points,
            self.scaling,
            sight.seed,
            self.bias,
        )
        return Measurement(found.arrays, {"run": run, **found.info})


def measure_roughness(
    problem: Problem,
    theta: torch.Tensor,
    directions: int,
    radius: float,
    points: int,
    scaling: str,
    seed: int,
    bias: str = "zero",
) -> Steps[Measurement]:
    """The measurement of `RoughnessIndex` at one point (dim,).

    Its info: `index`, its 95 % interval `index_low` to `index_high`, `mean_tv_l` (0.5 slope, 1
    bowl, more ripples), `resolution`, `radius`, `scaling`, `bias`, `evaluations`.
    """
    lines: int | torch.Tensor = directions
    if scaling == "auto":
        if any(len(shape) > 1 for shape in problem.layout.shapes):
            scaling = "filter"
        else:
            scaling, lines = "none", _window_directions(problem, theta, directions, seed)
    found = yield from roughness_index.steps(
        problem, theta, lines, radius, points, scaling, seed, bias
    )
    arrays = {
        "total_variation": found.total_variation,
        "s": found.s,
        "profiles": found.profiles,
    }
    low, high = found.interval
    info = {
        "index": found.index,
        "index_low": low,
        "index_high": high,
        "mean_tv_l": found.mean_tv_l,
        "resolution": found.resolution,
        "radius": radius,
        "scaling": scaling,
        "bias": bias if scaling in ("filter", "layer") else "as drawn",
        "evaluations": found.evaluations,
    }
    return Measurement(to_numpy(arrays), info)


def _window_directions(
    problem: Problem, theta: torch.Tensor, count: int, seed: int
) -> torch.Tensor:
    """Directions (count, dim), uniform on the ellipsoid that fills the problem's window.

    Without a window, uniform on the unit sphere.
    """
    draws = [random_direction(problem.dim, seed, "roughness", i, like=theta) for i in range(count)]
    rows = torch.stack(draws)
    rows = rows / torch.linalg.vector_norm(rows, dim=1, keepdim=True)
    if problem.window is None:
        return rows
    halves = [(high - low) / 2 for low, high in problem.window]
    return rows * torch.tensor(halves).to(theta)

"""The loss along lines through a run's point, along a run."""

from dataclasses import dataclass
from typing import Annotated, ClassVar

import torch

from lab.engine.analysis.base import Steps, to_numpy
from lab.engine.analysis.curvature import top_eigenvalues
from lab.engine.analysis.directions import normalized, random_direction
from lab.engine.analysis.parts import part_of
from lab.engine.analysis.slices import slices
from lab.engine.catalogue import register
from lab.engine.knobs import Knob
from lab.engine.probes.base import Measurement, Probe, Sight
from lab.engine.problem import Problem

_SEARCH = 0.5  # of the work, roughly, that finds eigenvectors


@register(
    "probe", "slices", title="Slices", family="Geometry", paper="Li et al. 2018, arXiv 1712.09913"
)
@dataclass(frozen=True)
class SlicesThroughThePoint(Probe):
    """The loss on all data along lines through the first run of the lane that goes on.

    The lines go along random directions (filter-normalised, then all of one length), the gradient,
    the part of the next step that is momentum, the next step itself, and the Hessian eigenvectors
    of largest modulus. All are drawn against distance in parameter space.

    Arrays: `s` (points,), `loss` (lines, points), a metric of the same shape where the problem has
    one, `slope` and `curvature` (lines,), the first two derivatives at the point. Info: `names`, of
    the lines, between bars; `run`, `reach`, `evaluations`.
    """

    looks_inside: ClassVar[bool] = True

    random: Annotated[int, Knob(0, 10, doc="random directions, filter-normalised")] = 2
    eigen: Annotated[int, Knob(0, 5, doc="eigenvectors of largest modulus")] = 2
    reach: Annotated[
        float, Knob(1e-4, 10, scale="log", doc="of the lines, in parts of the point's length")
    ] = 0.2
    points: Annotated[int, Knob(5, 1001, scale="log", doc="on each line")] = 41

    def measure(self, problem: Problem, sight: Sight) -> Steps[Measurement]:
        """Measure one run; the random directions are the same at every step."""
        run = sight.alive[0]
        theta = sight.theta[run]
        lines = self._random_lines(problem, theta, sight.seed)
        gradient = problem.evaluate_with_gradient(theta[None])[1][0]
        lines["gradient"] = gradient
        if sight.moment is not None:
            parts = sight.moment.parts()
            if "momentum" in parts:
                lines["momentum"] = parts["momentum"][run]
            lines["next step"] = torch.stack([part[run] for part in parts.values()]).sum(dim=0)
        share = 0.0
        if self.eigen and not problem.hessian_trouble:
            share = _SEARCH
            search = top_eigenvalues.steps(problem, theta, self.eigen, seed=sight.seed)
            found = yield from part_of(search, 0.0, share)
            for place, vector in enumerate(found.vectors, start=1):
                lines[f"eigenvector {place}"] = vector
        lines = {name: line for name, line in lines.items() if line.isfinite().all() and line.any()}
        length = float(torch.linalg.vector_norm(theta)) or 1.0
        work = slices.steps(
            problem, theta, torch.stack(list(lines.values())), self.reach * length, self.points
        )
        seen = yield from part_of(work, share, 1 - share)
        arrays = {"s": seen.s, "loss": seen.loss, **seen.metrics}
        arrays |= {"slope": seen.slope, "curvature": seen.curvature}
        info = {"run": run, "names": "|".join(lines), "reach": self.reach * length}
        return Measurement(to_numpy(arrays), {**info, "evaluations": seen.evaluations})

    def _random_lines(
        self, problem: Problem, theta: torch.Tensor, seed: int
    ) -> dict[str, torch.Tensor]:
        draws = [
            random_direction(problem.dim, seed, "slices", i, like=theta) for i in range(self.random)
        ]
        if not draws:
            return {}
        scaling = "filter" if theta.any() else None
        rows = normalized(problem.layout, torch.stack(draws), theta, scaling)
        return {f"random {place}": row for place, row in enumerate(rows, start=1)}

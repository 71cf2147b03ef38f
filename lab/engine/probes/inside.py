"""Inside a step: what each idea of a rule adds to the update that leads on from a step."""

from dataclasses import dataclass
from typing import Annotated, ClassVar

import torch

from lab.engine.analysis.base import Progress, Steps, to_numpy
from lab.engine.analysis.curvature import DENSE_DIM, top_eigenvalues
from lab.engine.catalogue import register
from lab.engine.knobs import Knob
from lab.engine.probes.base import Measurement, Probe, Sight
from lab.engine.problem import Problem


@register("probe", "inside_step", title="Inside the step", family="Geometry")
@dataclass(frozen=True)
class InsideStep(Probe):
    """The parts of the step that each lane is about to make: gradient, momentum and so on.

    Looked at is the first run of the lane that goes on; the info says which. The parts are those of
    `Rule.parts`, on the mini-batch of that step, and they sum to the step.

    Arrays: `parts` (parts, dim) in the order of the info's `names`, `theta` and `gradient` (dim,)
    there. With eigen-directions of the Hessian (on all data, by falling modulus of the eigenvalue)
    also `eigenvalues` and `residuals` (k,), `along` (parts, k), the parts in these directions, and
    `gradient_along` (k,): each direction points uphill, so that the gradient is positive there.
    Info: `loss`, and the step's `lr` where the rule has one.
    """

    directions: Annotated[
        int, Knob(-1, 200, doc="eigen-directions of the Hessian; -1 for all of a small problem")
    ] = -1

    looks_inside: ClassVar[bool] = True

    def measure(self, problem: Problem, sight: Sight) -> Steps[Measurement]:
        """Take the step apart."""
        moment, run = sight.moment, sight.alive[0]
        value, gradient = (found[run] for found in moment.look())
        parts = {name: rows[run] for name, rows in moment.parts().items()}
        stacked = torch.stack(list(parts.values()))
        arrays = {"parts": stacked, "theta": moment.theta[run], "gradient": gradient}
        info = {"run": run, "names": ", ".join(parts), "loss": float(value)}
        if "lr" in sight.knobs:
            info["lr"] = float(sight.knobs["lr"][run])
        yield Progress(0.1)
        if count := self._count(problem):
            theta = moment.theta[run]
            found = yield from top_eigenvalues.steps(problem, theta, count, seed=sight.seed)
            uphill = torch.where(found.vectors @ gradient < 0, -1.0, 1.0).to(found.vectors)
            vectors = found.vectors * uphill[:, None]
            arrays |= {
                "eigenvalues": found.values,
                "residuals": found.residuals,
                "along": stacked @ vectors.T,
                "gradient_along": vectors @ gradient,
            }
            info["converged"] = found.converged
        yield Progress(1.0)
        return Measurement(to_numpy(arrays), info)

    def _count(self, problem: Problem) -> int:
        """How many eigen-directions are looked for."""
        if problem.hessian_trouble:
            return 0
        if self.directions >= 0:
            return min(self.directions, problem.dim)
        return problem.dim if problem.dim <= DENSE_DIM else 0

"""The spectra of all layers side by side, along a run."""

from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

import numpy as np
import torch

from lab.engine.analysis.base import Steps, to_numpy
from lab.engine.analysis.cost import Cost, density_cost, eigenvalues_cost
from lab.engine.analysis.layer_spectra import EXACT, blocks_of, layer_spectra
from lab.engine.analysis.operators import check_operator
from lab.engine.analysis.operators import operator as matrix_of
from lab.engine.catalogue import register
from lab.engine.knobs import Knob
from lab.engine.probes.base import Measurement, Probe, Series, Sight
from lab.engine.probes.knobs import Matrix
from lab.engine.problem import Problem


@register(
    "probe",
    "layer_spectra",
    title="Layer spectra",
    paper="Sankar et al. 2021, arXiv 2012.03801",
    family="Curvature",
    look="The layer whose largest eigenvalue comes near that of the whole carries the sharpness.",
)
@dataclass(frozen=True)
class LayerSpectraProbe(Probe):
    """Leading eigenvalues of every layer's block of the Hessian, and of the whole.

    Looked at is the first run of the lane that goes on. A layer is a tensor of two or more axes
    with the vectors that follow it, its bias for one. Other matrices can be chosen.

    Arrays, a row for each of n layers and one for the whole: `eigenvalues` and `residuals`
    (n + 1, k), by falling modulus, NaN where there are fewer; `sizes`, `converged`. With random
    vectors also `trace`, `trace_error` (its standard error), and the density of all eigenvalues,
    `grid` and `density` (n + 1, 500). `layer_largest` or `tensor_largest` (n,): the largest of each
    layer. Info: `names` of the layers, with commas between them; `lambda_max` of the whole, and
    `layer_lambda_max`, the largest of a single layer.
    """

    k: Annotated[int, Knob(1, 50, doc="eigenvalues of largest modulus of each layer")] = 5
    probes: Annotated[
        int, Knob(0, 64, doc="random vectors for traces and densities, 0 for none of these")
    ] = 0
    steps: Annotated[int, Knob(2, 200, doc="Lanczos steps of each random vector")] = 20
    operator: Matrix = "hessian"
    by: Annotated[
        Literal["layer", "tensor"], Knob(doc="layers with their biases, or each tensor alone")
    ] = "layer"

    tracks: ClassVar[tuple[Series, ...]] = (
        Series(
            "lambda_max",
            "largest eigenvalue λmax",
            log=True,
            doc="of the whole matrix, and of the layers' blocks",
            parts="layer_largest",
        ),
        Series("layer_lambda_max", "largest λmax of a layer", log=True, doc="of the blocks"),
    )

    def measure(self, problem: Problem, sight: Sight) -> Steps[Measurement]:
        """Measure one run; the random vectors are the same at every step."""
        run = sight.alive[0]
        mark = f"vectors {run} "
        start = {
            key.removeprefix(mark): rows
            for key, rows in sight.before.items()
            if key.startswith(mark)
        }
        found = yield from layer_spectra.steps(
            problem,
            sight.theta[run],
            self.k,
            self.probes,
            self.steps,
            operator=self.operator,
            by=self.by,
            seed=sight.seed,
            start=start,
        )
        found = to_numpy(found)
        arrays = {"eigenvalues": found.values, "residuals": found.residuals}
        arrays |= {"sizes": found.sizes, "converged": found.converged}
        if self.probes:
            arrays |= {
                name: getattr(found, name) for name in ("trace", "trace_error", "grid", "density")
            }
        tops = np.where(np.isnan(found.values), -np.inf, found.values).max(axis=1)
        tops = np.where(np.isfinite(tops), tops, np.nan)
        arrays[f"{self.by}_largest"] = tops[:-1]
        info = {
            "run": run,
            "names": ", ".join(found.names[:-1]),
            "operator": self.operator,
            "by": self.by,
            "lambda_max": float(tops[-1]),
            "layer_lambda_max": float(tops[:-1].max()),
            "products": found.products,
        }
        carry = {
            mark + name: rows
            for name, rows in zip(found.names, found.vectors, strict=True)
            if np.isfinite(rows).all() and rows.any(axis=1).all()
        }
        return Measurement(arrays, info, carry)

    def forecast(self, problem: Problem, sight: Sight) -> Steps[Cost] | None:
        """Products, seconds and bytes, from those of the whole; None for few parameters."""
        return None if problem.dim <= EXACT else self._cost(problem, sight.theta[sight.alive[0]])

    def _cost(self, problem: Problem, theta: torch.Tensor) -> Steps[Cost]:
        """A block takes as much as the whole, or a product for each of its eigenvalues."""
        sizes = [
            matrix_of(problem, theta, self.operator, None, layers).size
            for layers in (*blocks_of(problem.layout, self.by).values(), None)
        ]
        given = {"operator": self.operator}
        if self.probes:
            work = density_cost.steps(problem, theta, self.probes, self.steps, self.k, **given)
        else:
            work = eigenvalues_cost.steps(problem, theta, self.k, **given)
        whole = yield from work
        count = sum(min(size, whole.count) for size in sizes)
        kept = sum(sizes) * self.k * theta.element_size()  # vectors of every block
        return Cost(count, whole.unit, whole.seconds * count / whole.count, whole.bytes + kept)

    @classmethod
    def unfit(cls, problem: Problem) -> str:
        """Why this problem has no layers, or no Hessian to speak of."""
        if problem.hessian_trouble:
            return problem.hessian_trouble
        shapes = problem.layout.shapes
        layered = len(shapes) > 1 and any(len(shape) > 1 for shape in shapes)
        return "" if layered else f"{problem.title} has no layers"

    def misfit(self, problem: Problem) -> str:
        """Why this problem does not have the matrix."""
        if reason := self.unfit(problem):
            return reason
        try:
            check_operator(problem, self.operator)
        except ValueError as error:
            return str(error)
        return ""

"""The Hessian's spectrum along a run."""

from dataclasses import dataclass
from typing import Annotated

import torch

from lab.engine.analysis.base import Progress, Steps, to_numpy
from lab.engine.analysis.curvature import Eigenvalues, top_eigenvalues
from lab.engine.analysis.density import spectral_density
from lab.engine.catalogue import register
from lab.engine.knobs import Knob
from lab.engine.probes.base import Measurement, Probe, Sight
from lab.engine.problem import Problem

EXACT_DIM = 200  # up to here all eigenvalues are computed
GRID_POINTS = 500


@register(
    "probe",
    "hessian_spectrum",
    title="Hessian spectrum",
    paper="Ghorbani, Krishnan & Xiao 2019, arXiv 1901.10159",
    family="Curvature",
)
@dataclass(frozen=True)
class HessianSpectrum(Probe):
    """Eigenvalues of the Hessian on all data; for many parameters also their density.

    Looked at is the first run of the lane that goes on; the info says which, and gives
    `two_over_lr`, the sharpness beyond which plain gradient descent is unstable.

    Arrays: `eigenvalues` and `residuals`, by falling modulus: all of them up to 200 parameters, the
    first k for more. Then also `grid`, `density` and `error`, the density of all eigenvalues with
    its standard error (the first k exactly, the others by stochastic Lanczos quadrature).
    """

    k: Annotated[int, Knob(1, 100, doc="eigenvalues of largest modulus, for many parameters")] = 5
    probes: Annotated[int, Knob(0, 64, doc="random vectors of the density, 0 for no density")] = 4
    steps: Annotated[int, Knob(2, 200, doc="Lanczos steps of each random vector")] = 20

    def measure(self, problem: Problem, sight: Sight) -> Steps[Measurement]:
        """Measure one run; the random vectors are the same at every step."""
        run = sight.alive[0]
        found = yield from measure_spectrum(
            problem, sight.theta[run], self.k, self.probes, self.steps, sight.seed
        )
        limit = {}
        if "lr" in sight.knobs and sight.knobs["lr"][run] > 0:
            limit["two_over_lr"] = 2 / float(sight.knobs["lr"][run])
        return Measurement(found.arrays, {"run": run, **found.info, **limit})

    @classmethod
    def unfit(cls, problem: Problem) -> str:
        """Why this problem has no Hessian to speak of."""
        return problem.hessian_trouble


def measure_spectrum(
    problem: Problem, theta: torch.Tensor, k: int, probes: int, steps: int, seed: int
) -> Steps[Measurement]:
    """The measurement of `HessianSpectrum` at one point (dim,).

    Its info: `exact`, `dim`, `lambda_max` and `lambda_min` (the largest and smallest eigenvalue
    among those found), `trace` with `trace_error`, `products`, `converged`.
    """
    exact = problem.dim <= EXACT_DIM
    if exact or not probes:
        count = problem.dim if exact else k
        found: Eigenvalues = yield from top_eigenvalues.steps(problem, theta, count, seed=seed)
        arrays = {"eigenvalues": found.values, "residuals": found.residuals}
        info = {"products": found.products, "converged": found.converged}
        if exact:
            info |= {"trace": float(found.values.double().sum()), "trace_error": 0.0}
    else:
        density = yield from spectral_density.steps(
            problem, theta, probes, steps, seed, deflate=k, points=GRID_POINTS
        )
        arrays = {
            "eigenvalues": density.outliers,
            "residuals": density.outlier_residuals,
            "grid": density.grid,
            "density": density.density,
            "error": density.error,
        }
        info = {
            "products": density.products,
            "converged": density.converged,
            "trace": density.trace,
            "trace_error": density.trace_error,
            "sigma": density.sigma,
        }
    values = arrays["eigenvalues"]
    extremes = {"lambda_max": float(values.max()), "lambda_min": float(values.min())}
    yield Progress(1.0)
    return Measurement(to_numpy(arrays), {"exact": exact, "dim": problem.dim, **extremes, **info})

"""The Hessian's spectrum along a run."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

import numpy as np
import torch

from lab.engine.analysis.base import Progress, Steps, to_numpy
from lab.engine.analysis.batch_spectrum import batch_eigenvalues
from lab.engine.analysis.cost import Cost, density_cost, eigenvalues_cost
from lab.engine.analysis.curvature import top_eigenvalues
from lab.engine.analysis.density import SpectralDensity, smoothed_spectrum, spectral_density
from lab.engine.analysis.index import weight_below_zero
from lab.engine.analysis.operators import check_operator
from lab.engine.analysis.operators import operator as matrix_of
from lab.engine.analysis.outliers import widest_gap
from lab.engine.analysis.parts import part_of
from lab.engine.analysis.quadrature import Rules, student
from lab.engine.catalogue import register
from lab.engine.knobs import Knob, check_name
from lab.engine.probes.base import Measurement, Probe, Series, Sight
from lab.engine.probes.knobs import Matrix
from lab.engine.problem import Problem

GRID_POINTS = 500
INDEFINITE = ("hessian", "rest")  # matrices that may have negative eigenvalues
FEW = 200  # eigenvalues up to which there is no density: each can be seen
BATCHES = 8  # mini-batches that are measured beside all data
LARGEST = 3  # eigenvalues of each
_WHOLE = 0.6  # of the work is done on all data, roughly, where batches are measured too
_ROUNDING = 10.0  # units in the last place of the largest eigenvalue that count as zero


@register(
    "probe",
    "hessian_spectrum",
    title="Hessian spectrum",
    paper="Ghorbani, Krishnan & Xiao 2019, arXiv 1901.10159",
    family="Curvature",
)
@dataclass(frozen=True)
class HessianSpectrum(Probe):
    """Eigenvalues of the Hessian, or of another matrix of the loss, and their density.

    Looked at is the first run of the lane that goes on; the info says which, and gives
    `two_over_lr`, the sharpness beyond which plain gradient descent is unstable.

    Arrays: `eigenvalues` and `residuals`, by falling modulus: all of them up to `exact` parameters,
    the first k for more. Then also `grid`, `density`, `error` (its standard error), `low` and
    `high` (its 90 % interval): the density of all eigenvalues, the first k counted exactly, the
    others by stochastic Lanczos quadrature. Of more than 200 eigenvalues that are all known the
    density is that of these, without an error. With a batch size also `batch_largest` (batches, 3),
    `batch_smallest`, `full_largest`, `predicted_largest` and `local_largest`, see
    `batch_eigenvalues`.
    """

    k: Annotated[int, Knob(1, 100, doc="eigenvalues of largest modulus, for many parameters")] = 12
    probes: Annotated[int, Knob(0, 64, doc="random vectors of the density, 0 for no density")] = 4
    steps: Annotated[int, Knob(2, 200, doc="Lanczos steps of each random vector")] = 20
    operator: Matrix = "hessian"
    layer: Annotated[str, Knob(doc="a tensor's name, for its block alone; empty for all")] = ""
    batch: Annotated[
        int, Knob(0, 1_000_000, doc="size of mini-batches measured beside all data, 0 for none")
    ] = 0
    exact: Annotated[
        int, Knob(0, 2000, doc="parameters up to which all eigenvalues are computed")
    ] = 200

    tracks: ClassVar[tuple[Series, ...]] = (
        Series("lambda_max", "largest eigenvalue λmax", doc="of the matrix that is measured"),
        Series("lambda_min", "smallest eigenvalue λmin", doc="the smallest that was found"),
        Series("trace", "trace", doc="sum of all eigenvalues, with its standard error"),
        Series("outliers", "outliers", doc="eigenvalues above the widest gap of the largest"),
        Series("negative", "negative eigenvalues", doc="how many there are: the index"),
        Series("batch_lambda_max", "λmax of batches", doc="mean over mini-batches"),
    )

    def measure(self, problem: Problem, sight: Sight) -> Steps[Measurement]:
        """Measure one run; the random vectors are the same at every step."""
        run = sight.alive[0]
        theta, start = sight.theta[run], sight.before.get(f"vectors {run}")
        share = _WHOLE if self.batch else 1.0
        whole = self._whole(problem, theta, sight.seed, start)
        found = yield from part_of(whole, 0.0, share)
        arrays, info = dict(found.arrays), {"run": run, **found.info}
        if self.batch:
            batches = _batches(problem, theta, self, sight.seed)
            more = yield from part_of(batches, share, 1 - share)
            arrays |= more.arrays
            info |= more.info
        if "lr" in sight.knobs and sight.knobs["lr"][run] > 0:
            info["two_over_lr"] = 2 / float(sight.knobs["lr"][run])
        yield Progress(1.0)
        carry = {f"vectors {run}": vectors for vectors in found.carry.values()}
        return Measurement(arrays, info, carry)

    def forecast(self, problem: Problem, sight: Sight) -> Steps[Cost] | None:
        """Products, seconds and bytes of the spectrum on all data; None for few parameters."""
        theta = sight.theta[sight.alive[0]]
        matrix = {"operator": self.operator, "layers": self.layers}
        size = matrix_of(problem, theta, self.operator, None, self.layers).size
        if size <= max(self.exact, FEW):
            return None
        if not self.probes:
            return eigenvalues_cost.steps(problem, theta, self.k, **matrix)
        matrix |= {"deflate": min(self.k, size - 1), "points": GRID_POINTS}
        return density_cost.steps(problem, theta, self.probes, self.steps, **matrix)

    def _whole(
        self, problem: Problem, theta: torch.Tensor, seed: int, start: Any
    ) -> Steps[Measurement]:
        """The spectrum on all data."""
        options = {"operator": self.operator, "layers": self.layers, "seed": seed}
        size = matrix_of(problem, theta, self.operator, None, self.layers).size
        exact = size <= self.exact
        if exact or not self.probes:
            count = size if exact else self.k
            found = yield from top_eigenvalues.steps(
                problem, theta, count, start=None if exact else start, **options
            )
            arrays = {"eigenvalues": found.values, "residuals": found.residuals}
            info = {"products": found.products, "converged": found.converged}
            vectors = None if exact else found.vectors
            if exact and size > FEW and self.probes:
                grid, density, sigma = smoothed_spectrum(found.values, GRID_POINTS)
                arrays |= {"grid": grid, "density": density}
                info["sigma"] = sigma
        else:
            density = yield from spectral_density.steps(
                problem,
                theta,
                self.probes,
                self.steps,
                deflate=min(self.k, size - 1),
                points=GRID_POINTS,
                start=start,
                **options,
            )
            arrays, info = _of_density(density)
            if self.operator not in INDEFINITE:
                info = {key: value for key, value in info.items() if "negative" not in key}
            vectors = density.outlier_vectors
        values = arrays["eigenvalues"].double()
        info = {
            "exact": exact,
            "dim": size,
            "operator": self.operator,
            "layer": self.layer,
            "classes": problem.classes,
            "lambda_max": float(values.max()),
            "lambda_min": float(values.min()),
            **(_of_all(values, theta.dtype) if exact else {}),
            **_gap(values),
            **info,
        }
        carry = {} if vectors is None else {"vectors": to_numpy(vectors)}
        if carry and not np.isfinite(carry["vectors"]).all():
            carry = {}
        return Measurement(to_numpy(arrays), info, carry)

    @property
    def layers(self) -> tuple[str, ...] | None:
        """The tensors of the block, None for all."""
        return (self.layer,) if self.layer else None

    @classmethod
    def unfit(cls, problem: Problem) -> str:
        """Why this problem has no Hessian to speak of."""
        return problem.hessian_trouble

    def misfit(self, problem: Problem) -> str:
        """Why this problem does not have the matrix, its block, or batches of it."""
        if reason := self.unfit(problem):
            return reason
        if self.batch and not problem.samples:
            return f"{problem.title} has no samples to make batches of"
        if self.batch and self.operator == "ntk":
            return "the kernel of a batch is another matrix than that of all data (batch = 0)"
        try:
            check_operator(problem, self.operator)
            if self.layer:
                check_name(self.layer, problem.layout.names, "layer")
        except ValueError as error:
            return str(error)
        return ""


def _of_all(values: torch.Tensor, dtype: torch.dtype) -> dict[str, Any]:
    """What is known where all eigenvalues are."""
    zero = _ROUNDING * torch.finfo(dtype).eps * float(values.abs().max())
    return {
        "trace": float(values.sum()),
        "trace_error": 0.0,
        "negative": int((values < -zero).sum()),
        "negative_error": 0.0,
    }


def _gap(values: torch.Tensor) -> dict[str, Any]:
    """How many outliers there are among the largest eigenvalues."""
    count, ratio, edge = widest_gap(values.cpu().numpy())
    return {"outliers": count, "outlier_ratio": ratio, "outlier_edge": edge} if count else {}


def _of_density(found: SpectralDensity) -> tuple[Mapping[str, torch.Tensor], dict[str, Any]]:
    """Arrays and info of a density; the smallest eigenvalue is the smallest node of all."""
    arrays = {
        "eigenvalues": found.outliers,
        "residuals": found.outlier_residuals,
        "grid": found.grid,
        "density": found.density,
        "error": found.error,
        "low": found.low,
        "high": found.high,
    }
    info = {
        "products": found.products,
        "converged": found.converged,
        "trace": found.trace,
        "trace_error": found.trace_error,
        "sigma": found.sigma,
        "lambda_min": float(min(found.outliers.min(), found.nodes.min())),
    }
    left = found.size - len(found.outliers)
    low, high = weight_below_zero(Rules(found.nodes.double(), found.weights.double()))
    middle = (low + high) / 2
    info["negative"] = left * float(middle.mean()) + float((found.outliers < 0).sum())
    if len(middle) > 1:
        spread = float(middle.std()) / len(middle) ** 0.5 * student(len(middle))
        info["negative_error"] = left * (spread + float((high - low).mean()) / 2)
    return arrays, info


def _batches(
    problem: Problem, theta: torch.Tensor, probe: HessianSpectrum, seed: int
) -> Steps[Measurement]:
    """Mini-batches beside all data."""
    found = yield from batch_eigenvalues.steps(
        problem,
        theta,
        min(probe.batch, problem.samples),
        BATCHES,
        LARGEST,
        seed,
        operator=probe.operator,
        layers=probe.layers,
    )
    arrays = {
        "batch_largest": found.batch_largest,
        "batch_smallest": found.batch_smallest,
        "full_largest": found.largest,
        "predicted_largest": found.predicted_largest,
        "local_largest": found.local_largest,
    }
    info = {
        "batch_size": found.batch_size,
        "batch_lambda_max": float(found.batch_largest[:, 0].mean()),
        "batch_lambda_min": float(found.batch_smallest.mean()),
        "predicted_lambda_max": float(found.predicted_largest[0]),
        "predicted_lambda_min": found.predicted_smallest,
        "local_lambda_max": float(found.local_largest[0]),
        "noise_edge": found.edge,
        "noise_sigma2": found.sigma2,
    }
    return Measurement(to_numpy(arrays), info)

"""The density of a matrix's eigenvalues, by stochastic Lanczos quadrature without its outliers.

Source: Ghorbani, Krishnan & Xiao 2019, arXiv 1901.10159, for its use on networks. Unlike there, the
basis is fully re-orthogonalised, and the eigenvalues of largest modulus are taken out first and
counted exactly: a random vector sees a single large eigenvalue badly, and what is left without them
is a bulk about which there is little to be wrong.
"""

import math
from dataclasses import dataclass
from typing import Any

import torch

from lab.engine.analysis.base import Steps, analysis, as_point, check_count, check_positive
from lab.engine.analysis.curvature import top_eigenvalues
from lab.engine.analysis.eigensearch import Eigenvalues
from lab.engine.analysis.operators import Operator
from lab.engine.analysis.operators import operator as matrix_of
from lab.engine.analysis.parts import part_of
from lab.engine.analysis.quadrature import (
    Rules,
    gauss_rules,
    grid_for,
    smoothed,
    smoothing,
    student,
)
from lab.engine.problem import Problem

DEFLATED = 10  # eigenvalues that are taken out first if nothing else is said ...
_PART = 10  # ... but at most one of so many


@dataclass(frozen=True)
class SpectralDensity:
    """An estimate of the density of eigenvalues, of total mass 1.

    Attributes:
        nodes: (probes, steps), the quadrature nodes of each probe.
        weights: (probes, steps), their weights; each probe's add up to 1.
        outliers: (r,), eigenvalues that were taken out first; each counts 1/size, and the nodes
            count (size - r)/size.
        outlier_residuals: (r,)
        outlier_vectors: (r, size)
        grid: (points,), eigenvalues at which the density is given.
        density: (points,), smoothed by a Gaussian, per unit of eigenvalue.
        error: (points,), standard error over probes; NaN for one probe.
        low: (points,), lower end of the density's 90 % interval, by Student's t over probes.
        high: (points,), its upper end.
        sigma: the Gaussian's standard deviation.
        trace: estimate of the sum of all eigenvalues.
        trace_error: its standard error; NaN for one probe.
        trace_interval: its 90 % interval, low and high.
        products: how many products were computed.
        converged: whether the outliers' residuals are all small.
        size: how many eigenvalues there are.
        operator: of which matrix.
    """

    nodes: torch.Tensor
    weights: torch.Tensor
    outliers: torch.Tensor
    outlier_residuals: torch.Tensor
    outlier_vectors: torch.Tensor
    grid: torch.Tensor
    density: torch.Tensor
    error: torch.Tensor
    low: torch.Tensor
    high: torch.Tensor
    sigma: float
    trace: float
    trace_error: float
    trace_interval: tuple[float, float]
    products: int
    converged: bool
    size: int
    operator: str


@analysis
def spectral_density(
    problem: Problem,
    theta: Any,
    probes: int = 10,
    steps: int = 100,
    seed: int = 0,
    deflate: int | None = None,
    sigma: float | None = None,
    points: int = 1001,
    *,
    operator: str = "hessian",
    layers: Any = None,
    batch: Any = None,
    start: Any = None,
) -> Steps[SpectralDensity]:
    """Estimate the density of a matrix's eigenvalues at a point.

    The intervals hold for the density smoothed by the Gaussian of width sigma. With a smaller sigma
    than the steps resolve (see `smoothing`), nodes show as peaks that are no eigenvalues.

    Args:
        problem: whose matrix.
        theta: (dim,).
        probes: random vectors, uniform on the sphere.
        steps: Lanczos steps of each; fewer where there are fewer eigenvalues.
        seed: of the random vectors.
        deflate: how many eigenvalues of largest modulus are computed first and taken out; if not
            given ten, but at most every tenth.
        sigma: width of the smoothing; if not given 0.3 % of the spectrum's range, and not less than
            the steps resolve.
        points: of the grid.
        operator: "hessian", "ggn", "rest", "fisher" or "ntk", see `operators`.
        layers: names of tensors in the layout, for the block of the matrix that belongs to them.
        batch: (samples,) indices of the samples that are used; all if not given.
        start: (r, size), eigenvectors of an earlier point, for the search of those taken out.

    Returns:
        `.nodes`, `.weights`, `.outliers`, `.grid`, `.density`, `.error`, `.low`, `.high`, `.trace`,
        `.trace_error`, `.trace_interval`, `.products`.

    Raises:
        ValueError: a wrong argument, a problem without what the operator is made of, or vectors
            that do not fit into memory.
    """
    point = as_point(problem, theta)
    probes, steps = check_count("probes", probes), check_count("steps", steps)
    points = check_count("points", points, 2)
    sigma = None if sigma is None else check_positive("sigma", sigma)
    found = matrix_of(problem, point, operator, batch, layers)
    count = _deflated(deflate, found.size)
    top, share = _none(found, point, operator), 0.0
    if count:
        share = min(0.5, 3 * count / (3 * count + probes * steps))  # of the work, roughly
        options = {"seed": seed, "start": start, "layers": layers, "batch": batch}
        search = top_eigenvalues.steps(problem, point, count, operator, **options)
        top = yield from part_of(search, 0.0, share)
    left = found.size - count
    steps = min(steps, left)
    against = top.vectors if count else None
    work = gauss_rules(problem, found, point, probes, steps, seed, against)
    rules = yield from part_of(work, share, 1 - share)
    return _density(rules, top, point, found.size, sigma, points)


def _density(
    rules: Rules,
    top: Eigenvalues,
    like: torch.Tensor,
    size: int,
    sigma: float | None,
    points: int,
) -> SpectralDensity:
    """Put the exact part and the random part of a spectrum together."""
    exact, (probes, steps) = top.values.cpu().double(), rules.nodes.shape
    left = size - len(exact)
    sigma = sigma or smoothing(rules, exact, complete=steps == left)
    grid = grid_for(torch.cat([rules.nodes.flatten(), exact]), sigma, points)
    bumps = left / size * smoothed(grid, rules, sigma)
    traces = left * (rules.nodes * rules.weights).sum(dim=1)
    density, trace = bumps.mean(dim=0), float(traces.mean() + exact.sum())
    error, trace_error = torch.full_like(density, torch.nan), math.nan
    if probes > 1:
        error, trace_error = bumps.std(dim=0) / probes**0.5, float(traces.std() / probes**0.5)
    known = torch.zeros_like(density)
    if len(exact):
        even = torch.full_like(exact, 1 / len(exact))[None]
        known = len(exact) / size * smoothed(grid, Rules(exact[None], even), sigma)[0]
    reach = student(probes)
    return SpectralDensity(
        nodes=rules.nodes.to(like),
        weights=rules.weights.to(like),
        outliers=top.values,
        outlier_residuals=top.residuals,
        outlier_vectors=top.vectors,
        grid=grid.to(like),
        density=(density + known).to(like),
        error=error.to(like),
        low=(known + (density - reach * error).clamp_min(0)).to(like),
        high=(known + density + reach * error).to(like),
        sigma=sigma,
        trace=trace,
        trace_error=trace_error,
        trace_interval=(trace - reach * trace_error, trace + reach * trace_error),
        products=top.products + probes * steps,
        converged=top.converged,
        size=size,
        operator=top.operator,
    )


def smoothed_spectrum(
    values: torch.Tensor, points: int = 1001
) -> tuple[torch.Tensor, torch.Tensor, float]:
    """All eigenvalues (n,) as a density: its grid, itself, and the width of the smoothing."""
    exact = values.cpu().double()
    rules = Rules(exact[None], torch.full_like(exact, 1 / len(exact))[None])
    sigma = smoothing(rules, exact[:0], complete=True)
    grid = grid_for(exact, sigma, points)
    return grid.to(values), smoothed(grid, rules, sigma)[0].to(values), sigma


def _deflated(count: int | None, size: int) -> int:
    """How many eigenvalues are taken out.

    Raises:
        ValueError: as many as there are, or more.
    """
    if count is None:
        return min(DEFLATED, size // _PART)
    count = check_count("deflate", count, 0)
    if count >= size:
        raise ValueError(f"deflate = {count}: fewer than the {size} eigenvalues are needed")
    return count


def _none(found: Operator, like: torch.Tensor, name: str) -> Eigenvalues:
    """No eigenvalues."""
    empty = like.new_zeros(0)
    return Eigenvalues(empty, empty, like.new_zeros(0, found.size), 0, True, name)

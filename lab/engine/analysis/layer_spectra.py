"""The spectra of all layers side by side: of the diagonal blocks of a matrix, and of the whole.

Layer-wise Hessians are looked at in Sankar, Khasbage, Vigneswaran & Balasubramanian 2021, "A Deeper
Look at the Hessian Eigenspectrum of Deep Neural Networks", arXiv 2012.03801. Each block is measured
for itself, by the same functions as the whole.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch

from lab.engine.analysis.base import Steps, analysis, as_point, check_count
from lab.engine.analysis.curvature import top_eigenvalues
from lab.engine.analysis.density import smoothed_spectrum, spectral_density
from lab.engine.analysis.layer_paths import layer_name, layers_of
from lab.engine.analysis.operators import operator as matrix_of
from lab.engine.analysis.parts import part_of
from lab.engine.knobs import check_name
from lab.engine.layout import Layout
from lab.engine.problem import Problem

WHOLE = "all parameters"  # what the last row is called
KINDS = ("layer", "tensor")
EXACT = (
    200  # eigenvalues up to which all of them cost hardly more than an estimate of their density
)
POINTS = 500  # of a density's grid


@dataclass(frozen=True)
class LayerSpectra:
    """Spectra of n blocks, one for each layer, and of the whole matrix in the last row.

    Attributes:
        names: (n + 1), of the layers, and `WHOLE`.
        sizes: (n + 1,), how many eigenvalues each has.
        values: (n + 1, k), the leading eigenvalues of each by falling modulus; NaN where there are
            fewer.
        residuals: (n + 1, k): an eigenvalue lies at most this far from each value.
        vectors: (n + 1), each (k or fewer, size).
        trace: (n + 1,), sum of all eigenvalues; NaN if it was not asked for. That of the whole is
            the sum of the layers', which knows it better than random vectors of all parameters:
            these see also what is off the blocks, and that has no trace.
        trace_error: (n + 1,), its standard error, 0 where all eigenvalues were computed; of the
            whole the sum of the others, which may be of the same random vectors.
        grid: (n + 1, points), where the density is given; no points if it was not asked for.
        density: (n + 1, points), of total mass 1.
        converged: (n + 1,), whether the residuals are all small.
        products: how many products were computed in all.
        operator: of which matrix.
    """

    names: tuple[str, ...]
    sizes: torch.Tensor
    values: torch.Tensor
    residuals: torch.Tensor
    vectors: tuple[torch.Tensor, ...]
    trace: torch.Tensor
    trace_error: torch.Tensor
    grid: torch.Tensor
    density: torch.Tensor
    converged: torch.Tensor
    products: int
    operator: str


@analysis
def layer_spectra(
    problem: Problem,
    theta: Any,
    k: int = 5,
    probes: int = 0,
    steps: int = 20,
    *,
    operator: str = "hessian",
    by: str = "layer",
    seed: int = 0,
    batch: Any = None,
    start: Mapping[str, Any] | None = None,
) -> Steps[LayerSpectra]:
    """Leading eigenvalues of every layer's block and of the whole matrix, at a point.

    Args:
        problem: whose matrix.
        theta: (dim,).
        k: eigenvalues of largest modulus of each.
        probes: random vectors for traces and densities; 0 for none of these.
        steps: Lanczos steps of each random vector.
        operator: "hessian", "ggn", "rest", "fisher" or "ntk", see `operators`.
        by: "layer" for a tensor of two or more axes with the vectors that follow it, see
            `layers_of`; "tensor" for each tensor alone.
        seed: of the random vectors.
        batch: (samples,) indices of the samples that are used; all if not given.
        start: name -> (r, size), eigenvectors of an earlier point to begin the searches with.

    Returns:
        `.names`, `.values`, `.residuals`, `.trace`, `.trace_error`, `.density`, `.products`.

    Raises:
        ValueError: a wrong argument, or a problem without what the operator is made of.
    """
    point = as_point(problem, theta)
    k, probes = check_count("k", k), check_count("probes", probes, 0)
    check_name(by, KINDS, "by")
    blocks: dict[str, Any] = {**blocks_of(problem.layout, by), WHOLE: None}
    given = {"operator": operator, "seed": seed, "batch": batch}
    found = []
    for number, (name, layers) in enumerate(blocks.items()):
        options = {**given, "layers": layers, "start": (start or {}).get(name)}
        work = _block(problem, point, k, probes, steps, options)
        found.append((yield from part_of(work, number / len(blocks), 1 / len(blocks))))
    traces, errors = (
        [getattr(one, name) for one in found[:-1]] for name in ("trace", "trace_error")
    )
    like = {"dtype": point.dtype, "device": point.device}
    return LayerSpectra(
        names=tuple(blocks),
        sizes=torch.tensor([one.size for one in found], device=point.device),
        values=torch.stack([_filled(one.values, k) for one in found]),
        residuals=torch.stack([_filled(one.residuals, k) for one in found]),
        vectors=tuple(one.vectors for one in found),
        trace=torch.tensor([*traces, sum(traces)], **like),
        trace_error=torch.tensor([*errors, sum(errors)], **like),
        grid=torch.stack([one.grid for one in found]),
        density=torch.stack([one.density for one in found]),
        converged=torch.tensor([one.converged for one in found], device=point.device),
        products=sum(one.products for one in found),
        operator=operator,
    )


def blocks_of(layout: Layout, by: str) -> dict[str, tuple[str, ...]]:
    """The layers of a layout by name, each with its tensors; `by` as for `layer_spectra`."""
    if by == "tensor":
        return {name: (name,) for name in layout.names}
    return {layer_name(names): names for names in layers_of(layout)}


class _Block(NamedTuple):
    """The spectrum of one block; the fields are those of `LayerSpectra`."""

    size: int
    values: torch.Tensor
    residuals: torch.Tensor
    vectors: torch.Tensor
    converged: bool
    products: int
    trace: float
    trace_error: float
    grid: torch.Tensor
    density: torch.Tensor


def _block(
    problem: Problem,
    point: torch.Tensor,
    k: int,
    probes: int,
    steps: int,
    options: dict[str, Any],
) -> Steps[_Block]:
    """Measure one block: its leading eigenvalues alone, all of them, or the first and a density."""
    operator, layers, batch = (options[name] for name in ("operator", "layers", "batch"))
    size = matrix_of(problem, point, operator, batch, layers).size
    k = min(k, size)
    if probes and size > max(EXACT, k):
        found = yield from spectral_density.steps(
            problem, point, probes, steps, deflate=k, points=POINTS, **options
        )
        top = found.outliers, found.outlier_residuals, found.outlier_vectors
        known = found.trace, found.trace_error, found.grid, found.density
        return _Block(size, *top, found.converged, found.products, *known)
    count = size if probes else k
    found = yield from top_eigenvalues.steps(problem, point, count, **options)
    top = found.values[:k], found.residuals[:k], found.vectors[:k]
    nothing = point.new_empty(0)
    known = torch.nan, torch.nan, nothing, nothing
    if probes:
        grid, density, _ = smoothed_spectrum(found.values, POINTS)
        known = float(found.values.double().sum()), 0.0, grid, density
    return _Block(size, *top, found.converged, found.products, *known)


def _filled(values: torch.Tensor, count: int) -> torch.Tensor:
    """As many numbers as wanted (count,), NaN where there are fewer."""
    rows = values.new_full((count,), torch.nan)
    rows[: len(values)] = values
    return rows

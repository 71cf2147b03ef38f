"""What an analysis will take, before it is begun: how many evaluations, seconds and bytes.

A forecast is a rehearsal: the first pieces of the real work are done, timed and watched, and what
they take is multiplied. It costs about a hundredth of the analysis. Memory is what torch allocates
on top of what is there; seconds are those of this machine as busy as it is now. Times never enter a
result.
"""

import math
import statistics
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import torch

from lab.engine.analysis.base import Steps, as_point, check_count
from lab.engine.analysis.curvature import DENSE_DIM, top_eigenvalues
from lab.engine.analysis.curvature_map import curvature_map
from lab.engine.analysis.density import spectral_density
from lab.engine.analysis.grid import COARSE, Range, grid_axes
from lab.engine.analysis.plane import Plane
from lab.engine.analysis.sampling import points_in_block, vectors_in_block
from lab.engine.device import bytes_text, check_memory
from lab.engine.lanczos import ROOM
from lab.engine.memory import PeakMemory
from lab.engine.problem import Problem

_WARM = 12  # products of a point of a curvature map, with a warm start
_TAIL = 20  # products of a search for eigenvalues beyond two for each
_SLICES = 3  # of an analysis that are rehearsed


class Cost(NamedTuple):
    """A forecast.

    Attributes:
        count: how many values or products.
        unit: which of them: "values" or "products".
        seconds: of the whole work.
        bytes: at the peak, on top of what is there before.
    """

    count: int
    unit: str
    seconds: float
    bytes: int

    @property
    def text(self) -> str:
        """The forecast in words, as in '2,601 values · about 1.2 s · 4.1 MB'."""
        return (
            f"{self.count:,} {self.unit} · about {_time(self.seconds)} · {bytes_text(self.bytes)}"
        )


def surface_cost(
    problem: Problem,
    plane: Plane,
    points: int | tuple[int, int] = 51,
    span: float | tuple[Range, Range] = 1.0,
    *,
    metrics: bool = False,
) -> Cost:
    """What a surface on a plane will take, from one block of its points.

    Args:
        problem: what is evaluated.
        plane: the ground.
        points: as for `surface`.
        span: as for `surface`; the block lies in it.
        metrics: as for `surface`.

    Raises:
        ValueError: a wrong argument, or a block that does not fit into memory.
    """
    center, (d1, d2) = plane.tensors()
    x, y = grid_axes(span, points, center)
    count = len(x) * len(y)
    last = 3 * count // 4 + 1  # about so many points come in the last pass over the grid
    block = min(last, points_in_block(problem, center))
    a = x[torch.arange(block, device=x.device) % len(x)]
    b = y[torch.arange(block, device=y.device) % len(y)]
    evaluate = problem.plane_values_and_metrics if metrics else problem.plane_values

    def work(first: int) -> Any:
        return evaluate(center, d1, d2, a[:first], b[:first])

    names = len(work(1)[1]) if metrics else 0  # the first time, tables and caches are made
    one = _peak(work, 1)
    check_memory(block * one, center.device, f"{block} points side by side")
    begin = time.perf_counter()
    work(block)
    seconds = (time.perf_counter() - begin) * count / block
    # Three copies (at work, shown, and shown before it) of values and what is known; the order.
    grid = count * (3 * (center.element_size() * (1 + names) + 1) + 24 + 2 * center.element_size())
    return Cost(count, "values", seconds, _peak(work, block) + grid)


def curvature_map_cost(
    problem: Problem,
    plane: Plane,
    points: int | tuple[int, int] = 17,
    span: float | tuple[Range, Range] = 1.0,
    *,
    tensors: str = "all",
) -> Cost:
    """What a curvature map will take, from the search at its first point.

    Args:
        problem: whose Hessian.
        plane: the ground.
        points: as for `curvature_map`.
        span: as for `curvature_map`.
        tensors: as for `curvature_map`.

    Raises:
        ValueError: as for `curvature_map`.
    """
    center = plane.tensors()[0]
    x, y = grid_axes(span, points, center)
    count = len(x) * len(y)
    steps = curvature_map.steps(problem, None, plane, span, points, tensors=tensors)
    first, seconds, size = _rehearsed(steps)
    if problem.dim <= DENSE_DIM:
        block = max(1, min(count, points_in_block(problem, center) // problem.dim))
        blocks, each, slices = math.ceil(count / block), problem.dim, 1
    else:
        block = vectors_in_block(problem, center, count)
        blocks, each, slices = math.ceil(count / block), _WARM, _WARM
        starts = (
            count * problem.dim * center.element_size()
        )  # a vector of each point, from the first
        size = starts + (size - starts) * block // min(block, COARSE**2)
    return Cost(count * each, "products", blocks * (first + (slices - 1) * seconds), size)


def eigenvalues_cost(problem: Problem, theta: Any, k: int = 10, operator: str = "hessian") -> Cost:
    """What `top_eigenvalues` will take from a cold start, from its first products.

    Args:
        problem: whose matrix.
        theta: (dim,).
        k: as for `top_eigenvalues`.
        operator: as for `top_eigenvalues`.

    Raises:
        ValueError: as for `top_eigenvalues`.
    """
    point, k = as_point(problem, theta), check_count("k", k)
    products = min(problem.dim, 2 * k + _TAIL)
    first, seconds, size = _rehearsed(top_eigenvalues.steps(problem, point, k, operator))
    rows = _rows(products) - _rows(_SLICES) + 2 * k
    size += max(0, rows) * problem.dim * point.element_size()
    return Cost(products, "products", first + (products - 1) * seconds, size)


def density_cost(
    problem: Problem,
    theta: Any,
    probes: int = 10,
    steps: int = 100,
    deflate: int = 0,
) -> Cost:
    """What `spectral_density` will take, from the first steps of its random vectors.

    Args:
        problem: whose matrix.
        theta: (dim,).
        probes: as for `spectral_density`.
        steps: as for `spectral_density`.
        deflate: as for `spectral_density`.

    Raises:
        ValueError: as for `spectral_density`.
    """
    point = as_point(problem, theta)
    probes, steps = check_count("probes", probes), check_count("steps", steps)
    deflate, steps = check_count("deflate", deflate, 0), min(steps, problem.dim)
    group = vectors_in_block(problem, point, probes)
    few = min(_SLICES, steps)
    trial = spectral_density.steps(problem, point, probes, few, deflate=0)
    first, seconds, size = _rehearsed(trial)
    item = problem.dim * point.element_size()
    size += ((_rows(steps) - few) * group + deflate) * item
    spent = math.ceil(probes / group) * (first + (steps - 1) * seconds)
    count = probes * steps
    if deflate:
        outliers = eigenvalues_cost(problem, point, deflate)
        size, count = max(size, outliers.bytes), count + outliers.count
        spent += outliers.seconds
    return Cost(count, "products", spent, size)


def _rehearsed(steps: Steps) -> tuple[float, float, int]:
    """Do the first slices of an analysis.

    Returns:
        Seconds of the first slice, which makes the graph, and of a later one; bytes at the peak.
    """
    times = []
    with PeakMemory() as memory:
        try:
            for _ in range(_SLICES):
                begin = time.perf_counter()
                next(steps)
                times.append(time.perf_counter() - begin)
        except StopIteration:
            times.append(time.perf_counter() - begin)
        steps.close()
    return times[0], statistics.median(times[1:] or times), memory.peak


def _peak(work: Callable[[int], Any], count: int) -> int:
    """Bytes that work on so many points takes."""
    with PeakMemory() as memory:
        work(count)
    return memory.peak


def _rows(steps: int) -> int:
    """Rows of a Lanczos basis at the moment when there are most: it grows by being copied."""
    room = most = min(steps, ROOM)
    while room < steps:
        more = min(2 * room, steps)
        room, most = more, room + more
    return most


def _time(seconds: float) -> str:
    """Seconds as people say them."""
    if seconds < 1:
        return f"{max(1, round(1000 * seconds))} ms"
    if seconds < 100:
        return f"{seconds:.2g} s"
    minutes = seconds / 60
    return f"{minutes:.0f} min" if minutes < 100 else f"{minutes / 60:.2g} h"

"""What an analysis will take, before it is begun: how many evaluations, seconds and bytes.

A forecast is a rehearsal: the first pieces of the real work are done, watched and timed, and what
they take is multiplied. It costs about a hundredth of the analysis, and goes in slices as the
analysis itself does. Memory is what torch allocates on top of what is there; seconds are those of
this machine as busy as it is now. Times never enter a result.
"""

import contextlib
import math
import statistics
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import torch

from lab.engine.analysis.base import Progress, Steps, analysis, as_point, check_count
from lab.engine.analysis.curvature import COLUMNS, DENSE_DIM, top_eigenvalues
from lab.engine.analysis.curvature_map import curvature_map
from lab.engine.analysis.density import spectral_density
from lab.engine.analysis.grid import COARSE, Range, grid_axes
from lab.engine.analysis.operators import operator as matrix_of
from lab.engine.analysis.plane import Plane
from lab.engine.analysis.sampling import points_in_block, values_at, vectors_in_block
from lab.engine.device import bytes_text, check_memory
from lab.engine.duration import duration
from lab.engine.lanczos import ROOM
from lab.engine.memory import PeakMemory
from lab.engine.problem import Problem

_WARM = 18  # products of a point of a curvature map: 10 to 29 as measured
_ENOUGH = 0.01  # seconds of work that say how long the whole will take
_SEMIDEFINITE = ("ggn", "fisher", "ntk")  # few of their eigenvalues are far from zero
_DENSE = 26  # matrices of single precision at the peak of a dense eigenproblem


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
        takes = f"about {duration(self.seconds)} · {bytes_text(self.bytes)}"
        return f"{self.count:,} {self.unit} · {takes}"


@analysis
def surface_cost(
    problem: Problem,
    plane: Plane,
    points: int | tuple[int, int] = 51,
    span: float | tuple[Range, Range] = 1.0,
    *,
    metrics: bool = False,
) -> Steps[Cost]:
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
    size = _peak(work, 1)
    check_memory(block * size, center.device, f"{block} points side by side")
    yield Progress(0.0)
    begin, done, spent = time.perf_counter(), 0, 0.0
    while spent < _ENOUGH:
        work(block)
        done, spent = done + block, time.perf_counter() - begin
    if block > 1:
        yield Progress(0.5)
        size = _peak(work, block)
    # Three copies (at work, shown, and shown before it) of values and what is known; the order.
    grid = count * (3 * (center.element_size() * (1 + names) + 1) + 24 + 2 * center.element_size())
    return Cost(count, "values", spent / done * count, size + grid)


@analysis
def curvature_map_cost(
    problem: Problem,
    plane: Plane,
    points: int | tuple[int, int] = 17,
    span: float | tuple[Range, Range] = 1.0,
    *,
    tensors: str = "all",
) -> Steps[Cost]:
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
    work = curvature_map.steps(problem, None, plane, span, points, tensors=tensors)
    seen = yield from _rehearsed(problem, center, work)
    if problem.dim <= DENSE_DIM:
        block = max(1, min(count, points_in_block(problem, center) // problem.dim))
        each, size, seconds = problem.dim, seen.peak, seen.first
    else:
        block = vectors_in_block(problem, center, count)
        starts = count * problem.dim * center.element_size()  # a vector of each point
        size = starts + (seen.peak - starts) * block // min(block, COARSE**2)
        each, seconds = _WARM, seen.first + (_WARM - 1) * seen.later
    return Cost(count * each, "products", math.ceil(count / block) * seconds, size)


@analysis
def eigenvalues_cost(
    problem: Problem, theta: Any, k: int = 10, operator: str = "hessian", layers: Any = None
) -> Steps[Cost]:
    """What `top_eigenvalues` will take from a cold start, from its first products.

    Args:
        problem: whose matrix.
        theta: (dim,).
        k: as for `top_eigenvalues`.
        operator: as for `top_eigenvalues`.
        layers: as for `top_eigenvalues`.

    Raises:
        ValueError: as for `top_eigenvalues`.
    """
    point, k = as_point(problem, theta), check_count("k", k)
    size = matrix_of(problem, point, operator, None, layers).size
    search = top_eigenvalues.steps(problem, point, k, operator, layers=layers)
    seen = yield from _rehearsed(problem, point, search)
    return _search_cost(seen, k, size, operator, point.element_size(), min(size, ROOM))


@analysis
def density_cost(
    problem: Problem,
    theta: Any,
    probes: int = 10,
    steps: int = 100,
    deflate: int = 0,
    operator: str = "hessian",
    layers: Any = None,
    points: int = 1001,
) -> Steps[Cost]:
    """What `spectral_density` will take, from the first steps of its random vectors.

    Args:
        problem: whose matrix.
        theta: (dim,).
        probes: as for `spectral_density`.
        steps: as for `spectral_density`.
        deflate: as for `spectral_density`.
        operator: as for `spectral_density`.
        layers: as for `spectral_density`.
        points: as for `spectral_density`.

    Raises:
        ValueError: as for `spectral_density`.
    """
    point = as_point(problem, theta)
    size = matrix_of(problem, point, operator, None, layers).size
    probes, steps = check_count("probes", probes), min(check_count("steps", steps), size)
    deflate, points = check_count("deflate", deflate, 0), check_count("points", points, 2)
    options = {"operator": operator, "layers": layers}
    trial = spectral_density.steps(problem, point, probes, steps, deflate=0, **options)
    seen = yield from _rehearsed(problem, point, trial)
    group, number = vectors_in_block(problem, point, probes), point.element_size()
    rows = (group * (steps - min(steps, ROOM)) + deflate) * size * number
    smooth = 3 * 8 * points * max(steps, deflate)  # distances of a grid from nodes
    seconds = math.ceil(probes / group) * (seen.first + (steps - 1) * seen.later)
    cost = Cost(probes * steps, "products", seconds, rows + max(seen.peak, seen.held + smooth))
    if not deflate:
        return cost
    known, room, left = seen, min(steps, ROOM), 0
    if group > 1 or size <= max(DENSE_DIM, 3 * deflate):  # the search goes another way
        search = top_eigenvalues.steps(problem, point, deflate, **options)
        known, room = (yield from _rehearsed(problem, point, search)), min(size, ROOM)
        left = known.left
    top = _search_cost(known, deflate, size, operator, number, room)
    count, seconds = top.count + cost.count, top.seconds + cost.seconds
    return Cost(count, "products", seconds, max(top.bytes, left + cost.bytes))


class _Rehearsal(NamedTuple):
    """What the first slices of an analysis took.

    Attributes:
        first: seconds of the first one, which makes the graph.
        later: seconds of a later one.
        peak: bytes at the peak.
        held: bytes of what stays from slice to slice.
        left: bytes of what the problem keeps for the next one.
    """

    first: float
    later: float
    peak: int
    held: int
    left: int


def _search_cost(
    seen: _Rehearsal, k: int, size: int, operator: str, number: int, room: int
) -> Cost:
    """What a search for eigenvalues takes.

    Args:
        seen: its first slices, or others like them.
        k: as for `top_eigenvalues`.
        size: of the matrix.
        operator: which it is.
        number: bytes of one number.
        room: rows of a basis that there was room for in the rehearsal.
    """
    k = min(k, size)
    if size <= max(DENSE_DIM, 3 * k):
        matrix = size**2 * number  # its columns gather beside the products
        seconds = seen.first + (math.ceil(size / COLUMNS) - 1) * seen.later
        return Cost(size, "products", seconds, max(seen.peak + matrix, _DENSE * matrix))
    products = (
        3 * k // 2 + 8 if operator in _SEMIDEFINITE else 2 * k + 20
    )  # as measured, give or take half
    products = min(size, products)
    rows = (_rows(products, size) - room) * size * number
    vectors = 3 * k * size * number  # at the end, when no product needs room any more
    seconds = seen.first + (products - 1) * seen.later
    return Cost(products, "products", seconds, rows + max(seen.peak, seen.held + vectors))


def _rehearsed(problem: Problem, point: torch.Tensor, steps: Steps) -> Steps[_Rehearsal]:
    """Do the first slices of an analysis: two are watched, others timed alone."""
    values_at(problem, point[None])  # the first time, tables and caches are made
    yield Progress(0.0)
    memory, watched, alone, there = PeakMemory(), [], [], True
    while there and sum(alone) < _ENOUGH:
        watching = len(watched) < 2
        begin = time.perf_counter()
        with memory if watching else contextlib.nullcontext():
            there = next(steps, None) is not None
        (watched if watching else alone).append(time.perf_counter() - begin)
        yield Progress(0.5)
    held = memory.live
    steps.close()
    left = memory.live
    first, later = watched[0], statistics.fmean(alone or watched)
    slower = max(1.0, watched[-1] / later)  # by being watched
    return _Rehearsal(first / slower, later, memory.peak, held, left)


def _peak(work: Callable[[int], Any], count: int) -> int:
    """Bytes that work on so many points takes."""
    with PeakMemory() as memory:
        work(count)
    return memory.peak


def _rows(steps: int, most: int) -> int:
    """Rows that a Lanczos basis has room for after so many steps, of at most so many."""
    return min(most, math.ceil(steps / ROOM) * ROOM)

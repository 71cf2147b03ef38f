"""Values of a problem at many points, a block at a time.

A block is the work between two looks at the clock: about ten milliseconds on a small problem, one
evaluation on a large one. Its size follows from the problem alone, never from timing, which would
make rounding differ from run to run. Gradient bookkeeping is switched off inside each call and
never across a `yield`: what runs between two slices must find torch as it left it.
"""

import logging
from collections.abc import Callable, Iterator, Mapping
from typing import TypeVar

import torch

from lab.engine.device import is_out_of_memory
from lab.engine.problem import Problem

T = TypeVar("T")
_LOG = logging.getLogger(__name__)
_POINT_WORK = 300_000_000  # multiplications in a block of points
_VECTOR_WORK = 200_000_000  # the same in a block of Hessian products: some 20 ms on two cores
_MOST_POINTS = {"surface": 8192, "function": 256, "network": 128}  # whatever the multiplications
_MOST_NUMBERS = 1 << 20  # parameters in a block of points
_MOST_VECTORS = 64
_GPU_FACTOR = 64  # how much wider a block is where there are thousands of cores


def values_at(problem: Problem, theta: torch.Tensor) -> torch.Tensor:
    """Values (n,) at points (n, dim), on all data, without a graph."""
    with torch.no_grad():
        return problem.evaluate(theta)


def values_and_metrics_at(
    problem: Problem, theta: torch.Tensor
) -> tuple[torch.Tensor, Mapping[str, torch.Tensor]]:
    """Values (n,) and the problem's metrics, each (n,), at points (n, dim), on all data."""
    with torch.no_grad():
        return problem.evaluate(theta), problem.metrics(theta)


def values_on_plane(
    problem: Problem,
    center: torch.Tensor,
    directions: torch.Tensor,
    coordinates: torch.Tensor,
) -> Iterator[tuple[slice, torch.Tensor]]:
    """Values at points of a plane, or of a line, a block at a time.

    Args:
        problem: what is evaluated, on all data.
        center: (dim,).
        directions: (2, dim), or (1, dim) for a line.
        coordinates: (n, 2) or (n, 1), along the directions.

    Yields:
        Which points, and their values.
    """
    d1, d2 = directions[0], directions[-1]

    def values(part: slice) -> torch.Tensor:
        a = coordinates[part, 0].contiguous()
        b = coordinates[part, 1].contiguous() if len(directions) > 1 else torch.zeros_like(a)
        return problem.plane_values(center, d1, d2, a, b)

    yield from in_blocks(values, len(coordinates), points_in_block(problem, center))


def numbers_on_plane(
    problem: Problem,
    center: torch.Tensor,
    directions: torch.Tensor,
    coordinates: torch.Tensor,
) -> Iterator[tuple[slice, tuple[torch.Tensor, Mapping[str, torch.Tensor]]]]:
    """As `values_on_plane`, with the problem's metrics beside the values."""
    d1, d2 = directions[0], directions[-1]

    def numbers(part: slice) -> tuple[torch.Tensor, Mapping[str, torch.Tensor]]:
        a = coordinates[part, 0].contiguous()
        b = coordinates[part, 1].contiguous() if len(directions) > 1 else torch.zeros_like(a)
        return problem.plane_values_and_metrics(center, d1, d2, a, b)

    yield from in_blocks(numbers, len(coordinates), points_in_block(problem, center))


def in_blocks(work: Callable[[slice], T], count: int, block: int) -> Iterator[tuple[slice, T]]:
    """Do work on `count` things, a block at a time; where memory runs out, in smaller blocks.

    Args:
        work: is handed which things to work on; done again in halves where memory ran out.
        count: how many things there are.
        block: how many are tried at once.

    Yields:
        Which things, and what the work gave.

    Raises:
        MemoryError: there is not even enough for one thing.
    """
    first = 0
    while first < count:
        part = slice(first, min(first + block, count))
        try:
            found = work(part)
        except Exception as error:
            if not is_out_of_memory(error):
                raise
            if block == 1:
                raise MemoryError("there is not enough memory for a single point") from error
            block = max(1, block // 2)
            _LOG.warning("memory ran out: going on with %d points at a time", block)
            continue
        yield part, found
        first = part.stop


def points_in_block(problem: Problem, like: torch.Tensor) -> int:
    """How many points are evaluated between two looks at the clock.

    Args:
        problem: what is evaluated.
        like: a tensor on the device in question.
    """
    if _one_by_one(problem, like):
        return 1
    most = min(_MOST_POINTS.get(problem.family, 256), max(1, _MOST_NUMBERS // problem.dim))
    return max(4, min(most, _POINT_WORK // _work(problem, like)))


def vectors_in_block(problem: Problem, like: torch.Tensor, count: int) -> int:
    """How many of `count` vectors are multiplied by a Hessian in one call."""
    if _one_by_one(problem, like):
        return 1
    most = max(1, min(_MOST_VECTORS, _VECTOR_WORK // _work(problem, like)))
    return -(-count // -(-count // most))  # evenly over the calls


def _work(problem: Problem, like: torch.Tensor) -> int:
    """Multiplications of one evaluation, roughly, seen from one CPU core."""
    work = problem.dim * problem.sample_work * max(1, problem.samples)
    return max(1, work // (1 if like.device.type == "cpu" else _GPU_FACTOR))


def _one_by_one(problem: Problem, like: torch.Tensor) -> bool:
    """Whether a problem gains nothing from points side by side, as convolutions on a CPU."""
    convolves = any(len(shape) > 2 for shape in problem.layout.shapes)
    return convolves and like.device.type == "cpu"

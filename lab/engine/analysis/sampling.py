"""Values of a problem at many points, a block at a time.

Gradient bookkeeping is switched off inside each call and never across a `yield`: what runs between
two slices of an analysis must find torch as it left it.
"""

from collections.abc import Iterator

import torch

from lab.engine.device import check_memory
from lab.engine.problem import Problem

_BLOCK_NUMBERS = 1 << 16  # parameters in one block of points: half a megabyte in double precision
_BLOCK_LIMITS = (4, 8192)  # points in a block


def block_size(problem: Problem, like: torch.Tensor) -> int:
    """How many points are evaluated in one call: a fixed rule, so that rounding is repeatable.

    Convolutions on a CPU gain nothing from points side by side, so there it is one at a time.

    Args:
        problem: what is evaluated.
        like: a tensor on the device in question.
    """
    if like.device.type == "cpu" and is_convolutional(problem):
        return 1
    low, high = _BLOCK_LIMITS
    return max(low, min(high, _BLOCK_NUMBERS // problem.dim))


def is_convolutional(problem: Problem) -> bool:
    """Whether a problem has tensors of more than two axes, as convolutions do."""
    return any(len(shape) > 2 for shape in problem.layout.shapes)


def values_at(problem: Problem, theta: torch.Tensor) -> torch.Tensor:
    """Values (n,) at points (n, dim), on all data, without a graph."""
    with torch.no_grad():
        return problem.evaluate(theta)


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
        directions: (m, dim).
        coordinates: (n, m), along the directions.

    Yields:
        Which points, and their values.

    Raises:
        ValueError: a block does not fit into memory.
    """
    count = len(coordinates)
    block = block_size(problem, center)
    needed = 3 * min(block, count) * problem.dim * center.element_size()
    check_memory(needed, center.device, f"a block of {min(block, count)} points")
    for first in range(0, count, block):
        part = slice(first, min(first + block, count))
        yield part, values_at(problem, center + coordinates[part] @ directions)


def side_by_side(problem: Problem, like: torch.Tensor, count: int) -> int:
    """How many vectors of `count` are multiplied by a Hessian in one call: a fixed rule."""
    if like.device.type == "cpu" and is_convolutional(problem):
        return 1
    most = max(4, min(64, _BLOCK_NUMBERS // problem.dim))
    calls = -(-count // most)
    return -(-count // calls)

"""How many directions of parameter space change the function that a network computes.

Source: Grigsby, Lindsey & Rolnick 2023, "Hidden symmetries of ReLU networks", ICML; Grigsby,
Lindsey, Meyerhoff & Wu 2022, arXiv 2209.04036. The functional dimension at theta is the largest
rank, over finite sets of inputs, of the Jacobian of the outputs there by the parameters. It is
estimated from many Gaussian inputs; the gap between the last singular value that counts and the
first that does not tells how clear the rank is.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch

from lab.engine.analysis.base import Progress, Steps, analysis, as_point, check_count
from lab.engine.analysis.chain import Chain
from lab.engine.device import check_memory
from lab.engine.problem import Problem
from lab.engine.seeds import generator
from lab.engine.userarrays import as_tensor

POINTS = 30  # inputs for each parameter: fewer may miss a unit that is seldom at work
_BLOCK_NUMBERS = 1 << 22  # numbers in one block of rows: 32 MB


@dataclass(frozen=True)
class FunctionalDimension:
    """The functional dimension of a network at a point.

    Attributes:
        rank: of the Jacobian; a lower bound of the functional dimension, and almost surely equal.
        bound: the most it can be: parameters, less one for every hidden unit whose incoming and
            outgoing weights can be scaled against each other (ReLU).
        gap: last singular value that counts over the first that does not; infinite at full rank.
        singular_values: (min(rows, dim),), falling.
        points: how many inputs were used.
    """

    rank: int
    bound: int
    gap: float
    singular_values: torch.Tensor
    points: int


@analysis
def functional_dimension(
    problem: Problem,
    theta: Any,
    points: int | None = None,
    inputs: Any = None,
    seed: int = 0,
) -> Steps[FunctionalDimension]:
    """The functional dimension of a network at a point, in double precision.

    Args:
        problem: a network.
        theta: (dim,).
        points: how many standard normal inputs; 30 for each parameter if not given.
        inputs: (N, ...), inputs to be used in place of random ones.
        seed: of the inputs.

    Returns:
        `.rank`, `.bound`, `.gap`, `.singular_values`.

    Raises:
        ValueError: a problem that is no network, or whose outputs for one input depend on the
            other inputs, or whose derivatives are not finite.
    """
    point = as_point(problem, theta)
    wide = point.cpu().double()  # not every GPU has double precision
    outputs: Callable | None = getattr(problem, "outputs", None)
    if outputs is None:
        raise ValueError(f"{problem.title} is no network whose inputs are data")
    shape = tuple(problem.dataset.inputs.shape[1:])
    if inputs is None:
        count = POINTS * problem.dim if points is None else check_count("points", points)
        inputs = torch.randn(count, *shape, generator=generator(seed, "inputs"), dtype=wide.dtype)
    else:
        inputs = as_tensor(inputs).to(wide).reshape(-1, *shape)
        check_count("the number of inputs", len(inputs))
    _check_single(outputs, wide, inputs)
    dim = problem.dim
    check_memory(8 * 3 * dim * dim + 16 * _BLOCK_NUMBERS, wide.device, f"a triangle of {dim}")
    block = max(2, _BLOCK_NUMBERS // dim)
    triangle, rows = wide.new_zeros(0, dim), 0
    for first in range(0, len(inputs), block):
        jacobian = output_jacobian(outputs, wide, inputs[first : first + block])
        rows += len(jacobian)
        triangle = torch.linalg.qr(torch.cat([triangle, jacobian]), mode="r").R
        yield Progress(min(1.0, (first + block) / len(inputs)))
    if not triangle.isfinite().all():
        raise ValueError("the outputs' derivatives are not finite here, so that they have no rank")
    values = torch.linalg.svdvals(triangle)
    room = float(values[0]) * max(rows, dim) * torch.finfo(wide.dtype).eps
    rank = int((values > room).sum())
    full = rank == len(values)
    return FunctionalDimension(
        rank=rank,
        bound=dim - _scalable(problem, wide, outputs, inputs[:64]),
        gap=float("inf") if full or not rank else float(values[rank - 1] / values[rank]),
        singular_values=values.to(point),
        points=len(inputs),
    )


def output_jacobian(outputs: Callable, theta: torch.Tensor, inputs: torch.Tensor) -> torch.Tensor:
    """Derivatives (n * columns, dim) of the outputs for inputs (n, ...), one run for each input."""
    with torch.enable_grad():
        runs = theta.repeat(len(inputs), 1).requires_grad_()
        found = outputs(runs, inputs[:, None])[:, 0]
        columns = [
            torch.autograd.grad(found[:, i].sum(), runs, retain_graph=True, allow_unused=True)[0]
            for i in range(found.shape[1])
        ]
    return torch.cat([torch.zeros_like(runs) if c is None else c for c in columns])


def _check_single(outputs: Callable, theta: torch.Tensor, inputs: torch.Tensor) -> None:
    """Make sure that an input's outputs are its own.

    Raises:
        ValueError: they depend on the other inputs.
    """
    some = inputs[:8]
    with torch.no_grad():
        together = outputs(theta[None], some)[0]
        single = outputs(theta.repeat(len(some), 1), some[:, None])[:, 0]
    if not torch.allclose(together, single, rtol=1e-8, atol=1e-10, equal_nan=True):
        raise ValueError(
            "the outputs for one input depend on the other inputs (batch normalisation?), so they "
            "are no function of the input alone"
        )


def _scalable(
    problem: Problem, theta: torch.Tensor, outputs: Callable, inputs: torch.Tensor
) -> int:
    """How many hidden units can be scaled against what they feed without changing the function."""
    try:
        chain = Chain.of(problem.layout)
    except ValueError:
        return 0
    units = 0
    with torch.no_grad():
        before = outputs(theta[None], inputs)
        for layer, count in enumerate(chain.hidden):
            parts = chain.layout.split(theta.clone())
            for name in (chain.weights[layer], *chain.units[layer]):
                parts[name] = 2 * parts[name]
            after = chain.weights[layer + 1]
            parts[after] = parts[after] / 2
            same = outputs(chain.layout.join(parts)[None], inputs)
            units += count * torch.allclose(before, same, rtol=1e-9, atol=1e-12)
    return units

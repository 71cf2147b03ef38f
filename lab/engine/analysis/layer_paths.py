"""The line between two networks taken one layer at a time."""

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from lab.engine.analysis.base import Progress, Steps, analysis, check_count
from lab.engine.analysis.connectivity import path_ends
from lab.engine.analysis.sampling import in_blocks, points_in_block, values_at
from lab.engine.layout import Layout
from lab.engine.problem import Problem


@dataclass(frozen=True)
class LayerPaths:
    """The loss where one layer, or the first few, goes from one network to another.

    Attributes:
        layers: names of the tensors of each layer.
        t: (points,), from 0 to 1.
        in_a: (layers, points), network a with this layer on the line from a's to b's.
        in_b: (layers, points), network b with this layer on the same line.
        upto_in_a: (layers, points), the same with all layers up to this one moving together.
        upto_in_b: (layers, points).
        barrier: (layers,), mean of the two losses at t = 1/2 less the mean loss of both networks.
        upto_barrier: (layers,), the same for all layers up to this one together.
        evaluations: how many values were computed.
    """

    layers: tuple[tuple[str, ...], ...]
    t: torch.Tensor
    in_a: torch.Tensor
    in_b: torch.Tensor
    upto_in_a: torch.Tensor
    upto_in_b: torch.Tensor
    barrier: torch.Tensor
    upto_barrier: torch.Tensor
    evaluations: int


@analysis
def layer_paths(problem: Problem, a: Any, b: Any, points: int = 3) -> Steps[LayerPaths]:
    """The loss where single layers lie between those of two networks, all others kept.

    Source: Adilova et al. 2024, "Layer-wise linear mode connectivity", arXiv 2307.06966, and its
    code (three points of the line): layer k of a network is replaced by (1 - t) a_k + t b_k, within
    a and within b. Cumulatively: layers 1 to k at once.

    Args:
        problem: whose loss, on all data. A layer is a tensor of two or more axes with the vectors
            that follow it (bias, scale and shift); without such tensors each tensor is one.
        a: (dim,).
        b: (dim,).
        points: of each line, an odd number, so that the middle is one of them.

    Returns:
        `.layers`, `.t`, `.in_a`, `.in_b`, `.barrier` and the same cumulatively.

    Raises:
        ValueError: points of another length, or an even number of points.
    """
    ends = path_ends(problem, a, b)
    if check_count("points", points, 3) % 2 == 0:
        raise ValueError(f"points = {points}: an odd number is needed, such as {points + 1}")
    layers = layers_of(problem.layout)
    t = torch.linspace(0, 1, points, dtype=torch.float64).to(ends)
    wanted = [(0, (), 0.0), (1, (), 0.0), *_wanted(layers, t)]  # both ends as they are, first
    values = torch.empty(len(wanted), dtype=ends.dtype, device=ends.device)
    block = max(1, points_in_block(problem, ends) // 4)

    def work(part: slice) -> torch.Tensor:
        rows = [_mixed(problem.layout, ends, *one) for one in wanted[part]]
        return values_at(problem, torch.stack(rows))

    for part, found in in_blocks(work, len(values), block):
        values[part] = found
        yield Progress(part.stop / len(values))
    mean, table = values[:2].mean(), values[2:].view(2, len(layers), 2, points)
    middle = table[..., points // 2].mean(dim=2) - mean
    return LayerPaths(
        layers=layers,
        t=t,
        in_a=table[0, :, 0],
        in_b=table[0, :, 1],
        upto_in_a=table[1, :, 0],
        upto_in_b=table[1, :, 1],
        barrier=middle[0],
        upto_barrier=middle[1],
        evaluations=len(values),
    )


def layers_of(layout: Layout) -> tuple[tuple[str, ...], ...]:
    """The tensors of each layer: one of two or more axes, with the vectors that follow it."""
    matrices = [len(shape) > 1 for shape in layout.shapes]
    layers: list[list[str]] = []
    for name, is_matrix in zip(layout.names, matrices, strict=True):
        if is_matrix or not layers or not any(matrices):
            layers.append([name])
        else:
            layers[-1].append(name)
    return tuple(tuple(names) for names in layers)


def layer_name(names: Sequence[str]) -> str:
    """What a layer of these tensors is called: as the first, without the word for its kind."""
    return names[0].removesuffix(".weight")


def _wanted(
    layers: tuple[tuple[str, ...], ...], t: torch.Tensor
) -> Iterator[tuple[int, tuple[str, ...], float]]:
    """All networks in order: one layer or all up to it, layer, within a or b, t."""
    for together in (False, True):
        for last in range(len(layers)):
            moving = layers[: last + 1] if together else layers[last : last + 1]
            names = tuple(itertools.chain(*moving))
            for base in (0, 1):
                for value in t.tolist():
                    yield base, names, value


def _mixed(
    layout: Layout, ends: torch.Tensor, base: int, names: tuple[str, ...], t: float
) -> torch.Tensor:
    """One of the ends (dim,), with these tensors at t on the line between both."""
    point = ends[base].clone()
    for name in names:
        part = layout.slices[name]
        point[part] = (1 - t) * ends[0, part] + t * ends[1, part]
    return point

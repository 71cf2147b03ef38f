"""Where a Poisson equation is solved: points with weights, the factor that holds the boundary, u.

Each domain has a solution in closed form, so that a network's error can be told. Source: the three
of Wu et al., arXiv 2103.11069.
"""

import math
from dataclasses import dataclass, fields
from functools import lru_cache
from typing import Literal

import torch

DomainName = Literal["interval", "ball", "cube"]
CUBE_DIM = 10


@dataclass(frozen=True, eq=False)
class Nodes:
    """The points of a quadrature rule, and all that is known there.

    Attributes:
        points: (N, d).
        weights: (N,), which sum to 1: an integral is a mean over the domain.
        factor: (N,), a function that is 0 on the boundary.
        factor_gradient: (N, d).
        factor_laplacian: (N,).
        solution: (N,), u.
        solution_gradient: (N, d).
        source: (N,), f = -Δu.
    """

    points: torch.Tensor
    weights: torch.Tensor
    factor: torch.Tensor
    factor_gradient: torch.Tensor
    factor_laplacian: torch.Tensor
    solution: torch.Tensor
    solution_gradient: torch.Tensor
    source: torch.Tensor

    def __getitem__(self, batch: torch.Tensor) -> "Nodes":
        """The nodes of indices (runs, samples): everything gets an axis of runs in front."""
        return Nodes(**{item.name: getattr(self, item.name)[batch] for item in fields(self)})

    def like(self, other: torch.Tensor) -> "Nodes":
        """The same on another tensor's device and in its precision."""
        return Nodes(**{item.name: getattr(self, item.name).to(other) for item in fields(self)})


@dataclass(frozen=True)
class Domain:
    """What the paper has on a domain.

    Attributes:
        dim: number of coordinates.
        width: units of the network's layers.
        blocks: residual blocks.
        nodes: intervals of Simpson's rule, or scattered points.
        energy: mean over the domain of |∇u|²/2 - f u at the solution, its least value.
        text: what it is, in words.
    """

    dim: int
    width: int
    blocks: int
    nodes: int
    energy: float
    text: str


DOMAINS: dict[str, Domain] = {
    "interval": Domain(1, 4, 1, 400, -(math.pi**2) / 4, "(0, 1)"),
    "ball": Domain(3, 8, 3, 1024, -(math.pi**2) / 16 - 3 / 8, "the unit ball of 3 dimensions"),
    "cube": Domain(
        CUBE_DIM,
        20,
        3,
        1024,
        -CUBE_DIM * (math.pi**2) / 2 ** (CUBE_DIM + 1),
        f"the unit cube of {CUBE_DIM} dimensions",
    ),
}


@lru_cache(maxsize=16)
def quadrature(name: DomainName, count: int, seed: int) -> Nodes:
    """The nodes of a domain, in double precision.

    Args:
        name: which domain.
        count: how many intervals Simpson's rule has on the interval (an even number); elsewhere how
            many points of a scrambled Sobol sequence there are, of equal weight.
        seed: of the scrambling.
    """
    if name == "interval":
        return _interval(count)
    dim = DOMAINS[name].dim
    engine = torch.quasirandom.SobolEngine(dim, scramble=True, seed=seed)
    uniform = engine.draw(count, dtype=torch.float64)
    weights = torch.full((count,), 1 / count, dtype=torch.float64)
    return _ball(uniform, weights) if name == "ball" else _cube(uniform, weights)


def _interval(count: int) -> Nodes:
    """Simpson's rule, both ends with their weight; u = sin πx, factor x(x - 1)."""
    x = torch.linspace(0, 1, count + 1, dtype=torch.float64)
    weights = torch.full_like(x, 2.0)
    weights[1::2], weights[0], weights[-1] = 4.0, 1.0, 1.0
    wave = torch.sin(math.pi * x)
    return Nodes(
        points=x[:, None],
        weights=weights / (3 * count),
        factor=x * (x - 1),
        factor_gradient=(2 * x - 1)[:, None],
        factor_laplacian=torch.full_like(x, 2.0),
        solution=wave,
        solution_gradient=math.pi * torch.cos(math.pi * x)[:, None],
        source=math.pi**2 * wave,
    )


def _ball(uniform: torch.Tensor, weights: torch.Tensor) -> Nodes:
    """Points (N, 3) of the cube as points of the ball; u = sin(π/2 (1 - r)), factor 1 - r²."""
    radius = uniform[:, 0] ** (1 / 3)
    height, angle = 2 * uniform[:, 1] - 1, 2 * math.pi * uniform[:, 2]
    ring = (1 - height * height).clamp_min(0).sqrt()
    unit = torch.stack([ring * angle.cos(), ring * angle.sin(), height], dim=1)
    points = radius[:, None] * unit
    solution = torch.sin(math.pi / 2 * (1 - radius))
    return Nodes(
        points=points,
        weights=weights,
        factor=1 - radius**2,
        factor_gradient=-2 * points,
        factor_laplacian=torch.full_like(radius, -6.0),
        solution=solution,
        solution_gradient=-math.pi / 2 * torch.sin(math.pi / 2 * radius)[:, None] * unit,
        # -u'' - 2 u'/r, where sin(πr/2)/r = (π/2) sinc(r/2) is finite in the middle
        source=(math.pi / 2) ** 2 * solution + math.pi**2 / 2 * torch.sinc(radius / 2),
    )


def _cube(points: torch.Tensor, weights: torch.Tensor) -> Nodes:
    """Points (N, d) as they are; u = ∏ sin πxᵢ, factor ∏ xᵢ(1 - xᵢ)."""
    dim = points.shape[1]
    each = points * (1 - points)
    others = _products_without(each)
    waves, slopes = torch.sin(math.pi * points), math.pi * torch.cos(math.pi * points)
    solution = waves.prod(dim=1)
    return Nodes(
        points=points,
        weights=weights,
        factor=each.prod(dim=1),
        factor_gradient=(1 - 2 * points) * others,
        factor_laplacian=-2 * others.sum(dim=1),
        solution=solution,
        solution_gradient=slopes * _products_without(waves),
        source=dim * math.pi**2 * solution,
    )


def _products_without(each: torch.Tensor) -> torch.Tensor:
    """For every column the product of all others: (N, d) -> (N, d)."""
    columns = torch.arange(each.shape[1])
    return torch.stack([each[:, columns != column].prod(dim=1) for column in columns], dim=1)

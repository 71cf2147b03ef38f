"""Test functions with many minima: where local descent ends depends on step size and luck."""

import math
from dataclasses import dataclass

import torch

from lab.engine.catalogue import register
from lab.engine.problem import Optimum
from lab.engine.problems.surfaces import Surface, Tensors

_RASTRIGIN_RING = 0.9949586376523348  # where 2x + 20π sin 2πx vanishes, nearest to 1
_ACKLEY_RING = 0.95216654595017167
_LEVI_BESIDE = (0.67038052545168634, 1.3296194745483137)


@register(
    "problem",
    "rastrigin",
    family="surface",
    formula=r"20 + x^2 - 10\cos 2\pi x + y^2 - 10\cos 2\pi y",
    paper="Rastrigin 1974, Systems of Extreme Control",
)
@dataclass(frozen=True)
class Rastrigin(Surface):
    """A bowl under an egg box: about a hundred minima on a unit grid, the lowest in the middle.

    Computed with 1 - cos 2πx = 2 sin² πx, so that small values keep their digits.
    """

    window = ((-5.12, 5.12), (-5.12, 5.12))
    first_start = (-3.4, 2.6)
    optima = (
        Optimum((0.0, 0.0), 0.0),
        Optimum((_RASTRIGIN_RING, 0.0), 0.99495905709329139, False),
        Optimum((-_RASTRIGIN_RING, 0.0), 0.99495905709329139, False),
        Optimum((0.0, _RASTRIGIN_RING), 0.99495905709329139, False),
        Optimum((0.0, -_RASTRIGIN_RING), 0.99495905709329139, False),
    )

    def values(self, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        """See the formula."""
        sx, sy = torch.sin(math.pi * x), torch.sin(math.pi * y)
        return x * x + y * y + 20 * (sx * sx + sy * sy)

    def derivatives(self, x: torch.Tensor, y: torch.Tensor) -> tuple[torch.Tensor, Tensors]:
        """Value and partial derivatives."""
        ax, ay = math.pi * x, math.pi * y
        sx, sy = torch.sin(ax), torch.sin(ay)
        fx = x + x + (40 * math.pi) * (sx * torch.cos(ax))
        fy = y + y + (40 * math.pi) * (sy * torch.cos(ay))
        return x * x + y * y + 20 * (sx * sx + sy * sy), (fx, fy)


@register(
    "problem",
    "ackley",
    family="surface",
    formula=(
        r"-20 \exp\left(-0.2\sqrt{\frac{1}{2} (x^2 + y^2)}\right)"
        r" - \exp\left(\frac{1}{2}(\cos 2\pi x + \cos 2\pi y)\right) + e + 20"
    ),
    paper="Ackley 1987, A Connectionist Machine for Genetic Hillclimbing",
)
@dataclass(frozen=True)
class Ackley(Surface):
    """A nearly flat plain of dimples around a deep hole that ends in a point.

    With ρ = √((x² + y²)/2) and s = sin² πx + sin² πy the function is
    -20 (e^(-ρ/5) - 1) - e (e^(-s) - 1): no large numbers cancel near the minimum. The minimum is
    the tip of a cone, where no gradient exists; it is given as 0 there.
    """

    window = ((-5.0, 5.0), (-5.0, 5.0))
    first_start = (-3.4, 2.4)
    hessian_trouble = (
        "the global minimum is the tip of a cone: curvature grows without bound towards it"
    )
    optima = (
        Optimum((0.0, 0.0), 0.0),
        Optimum((_ACKLEY_RING, 0.0), 2.5799275570298722, False),
        Optimum((-_ACKLEY_RING, 0.0), 2.5799275570298722, False),
        Optimum((0.0, _ACKLEY_RING), 2.5799275570298722, False),
        Optimum((0.0, -_ACKLEY_RING), 2.5799275570298722, False),
    )

    def values(self, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        """See the formula."""
        sx, sy = torch.sin(math.pi * x), torch.sin(math.pi * y)
        cone = torch.expm1(-0.2 * _distance(x, y))
        return -20 * cone - math.e * torch.expm1(-(sx * sx + sy * sy))

    def derivatives(self, x: torch.Tensor, y: torch.Tensor) -> tuple[torch.Tensor, Tensors]:
        """Value and partial derivatives."""
        ax, ay = math.pi * x, math.pi * y
        sx, sy = torch.sin(ax), torch.sin(ay)
        distance = _distance(x, y)
        cone = torch.expm1(-0.2 * distance)
        dimples = math.e * torch.expm1(-(sx * sx + sy * sy))
        pull = 2 * (cone + 1) / distance  # 20 · 0.2 e^(-ρ/5) · (1 / 2ρ)
        wave = (2 * math.pi) * (dimples + math.e)
        fx = pull * x + wave * (sx * torch.cos(ax))
        fy = pull * y + wave * (sy * torch.cos(ay))
        return -20 * cone - dimples, (fx, fy)


def _distance(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """√((x² + y²)/2), kept off zero by less than any precision shows, so that 0/0 never occurs."""
    return torch.sqrt((0.5 * (x * x + y * y)).clamp_min(torch.finfo(x.dtype).tiny))


@register(
    "problem",
    "levi13",
    title="Lévi 13",
    family="surface",
    formula=r"\sin^2 3\pi x + (x-1)^2 (1 + \sin^2 3\pi y) + (y-1)^2 (1 + \sin^2 2\pi y)",
    paper="Lévy & Montalvo 1985, SIAM J. Sci. Stat. Comput. 6(1)",
)
@dataclass(frozen=True)
class Levi13(Surface):
    """A bowl with fine ripples of two wavelengths, deep ones near the middle."""

    window = ((-10.0, 10.0), (-10.0, 10.0))
    first_start = (-7.0, 6.0)
    log_scale = True
    optima = (
        Optimum((1.0, 1.0), 0.0),
        Optimum((_LEVI_BESIDE[0], 1.0), 0.10987365835883795, False),
        Optimum((_LEVI_BESIDE[1], 1.0), 0.10987365835883795, False),
    )

    def values(self, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        """See the formula."""
        sx = torch.sin((3 * math.pi) * x)
        sy, ty = torch.sin((3 * math.pi) * y), torch.sin((2 * math.pi) * y)
        return sx * sx + (x - 1) ** 2 * (sy * sy + 1) + (y - 1) ** 2 * (ty * ty + 1)

    def derivatives(self, x: torch.Tensor, y: torch.Tensor) -> tuple[torch.Tensor, Tensors]:
        """Value and partial derivatives."""
        ax, ay, by = (3 * math.pi) * x, (3 * math.pi) * y, (2 * math.pi) * y
        sx, sy, ty = torch.sin(ax), torch.sin(ay), torch.sin(by)
        off_x, off_y = x - 1, y - 1
        p, q = off_x * (sy * sy + 1), off_y * (ty * ty + 1)
        ripple_x = 3 * math.pi * (sx * torch.cos(ax))
        ripple_y = 3 * math.pi * (off_x * off_x * sy * torch.cos(ay))
        ripple_y = ripple_y + 2 * math.pi * (off_y * off_y * ty * torch.cos(by))
        half_x, half_y = p + ripple_x, q + ripple_y
        value = sx * sx + off_x * p + off_y * q
        return value, (half_x + half_x, half_y + half_y)


@register(
    "problem",
    "easom",
    family="surface",
    formula=r"-\cos x \cos y\, \exp(-(x-\pi)^2 - (y-\pi)^2)",
    paper="Easom 1990; as in Jamil & Yang 2013, arXiv 1308.4008",
)
@dataclass(frozen=True)
class Easom(Surface):
    """One narrow well in a plain so flat that no gradient leads to it.

    Usually stated on [-100, 100]², of which the well is a ten-thousandth; the window shows the part
    around it. Further out than about 10 (float32) or 27 (float64) from the well, value and gradient
    underflow to 0.
    """

    window = ((0.0, 2 * math.pi), (0.0, 2 * math.pi))
    first_start = (1.8, 4.4)
    optima = (Optimum((math.pi, math.pi), -1.0),)

    def values(self, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        """See the formula."""
        well = torch.exp(-((x - math.pi) ** 2) - (y - math.pi) ** 2)
        return -torch.cos(x) * torch.cos(y) * well

    def derivatives(self, x: torch.Tensor, y: torch.Tensor) -> tuple[torch.Tensor, Tensors]:
        """Value and partial derivatives."""
        off_x, off_y = x - math.pi, y - math.pi
        well = torch.exp(-(off_x * off_x + off_y * off_y))
        cx, cy = torch.cos(x), torch.cos(y)
        well_x, well_y = cx * well, cy * well
        depth = cx * well_y
        fx = torch.sin(x) * well_y + (off_x + off_x) * depth
        fy = torch.sin(y) * well_x + (off_y + off_y) * depth
        return -depth, (fx, fy)

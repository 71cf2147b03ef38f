"""The polynomial test functions that optimizers have been shown on since the 1950s.

Sums of squares are kept as sums of squares, so that a value near a minimum of zero is small and
never negative, in float32 too.
"""

from dataclasses import dataclass
from typing import Annotated

import torch

from lab.engine.catalogue import register
from lab.engine.knobs import Knob
from lab.engine.problem import Optimum
from lab.engine.problems.surfaces import Surface, Tensors

_SURVEY = "Jamil & Yang 2013, arXiv 1308.4008"


@register(
    "problem",
    "rosenbrock",
    family="surface",
    formula=r"(a - x)^2 + b\,(y - x^2)^2",
    paper="Rosenbrock 1960, The Computer Journal 3(3)",
)
@dataclass(frozen=True)
class Rosenbrock(Surface):
    """A curved narrow valley: easy to find, slow to follow."""

    a: Annotated[float, Knob(-10, 10, symbol="a", doc="where the minimum lies: (a, a²)")] = 1.0
    b: Annotated[float, Knob(1e-3, 1e6, scale="log", symbol="b", doc="steepness of the walls")] = (
        100.0
    )

    log_scale = True

    @property
    def window(self) -> tuple[tuple[float, float], ...]:
        """[-2, 2] × [-1, 3], grown with |a| so that the minimum stays inside."""
        size = max(1.0, abs(self.a))
        return ((-2 * size, 2 * size), (-(size**2), 3 * size**2))

    @property
    def first_start(self) -> tuple[float, ...]:
        """On the valley's far arm, so that the whole bend has to be followed."""
        size = max(1.0, abs(self.a))
        return (1.5 * size if self.a < 0 else -1.5 * size, 2 * size**2)

    @property
    def optima(self) -> tuple[Optimum, ...]:
        """The minimum at (a, a²)."""
        return (Optimum((self.a, self.a**2), 0.0),)

    def values(self, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        """See the formula."""
        return (x - self.a) ** 2 + self.b * (y - x * x) ** 2

    def derivatives(self, x: torch.Tensor, y: torch.Tensor) -> tuple[torch.Tensor, Tensors]:
        """Value and partial derivatives."""
        off, rise = x - self.a, y - x * x
        steep = self.b * rise
        slope = steep + steep
        half = off - slope * x
        return off * off + steep * rise, (half + half, slope)


@register(
    "problem",
    "himmelblau",
    family="surface",
    formula=r"(x^2 + y - 11)^2 + (x + y^2 - 7)^2",
    paper="Himmelblau 1972, Applied Nonlinear Programming",
)
@dataclass(frozen=True)
class Himmelblau(Surface):
    """Four equal minima around a hill: where a run ends depends on where it starts."""

    window = ((-5.0, 5.0), (-5.0, 5.0))
    first_start = (-0.5, -1.0)  # beside the top of the hill
    log_scale = True
    optima = (
        Optimum((3.0, 2.0), 0.0),
        Optimum((-2.8051180869527449, 3.131312518250573), 0.0),
        Optimum((-3.7793102533777469, -3.2831859912861694), 0.0),
        Optimum((3.5844283403304917, -1.8481265269644036), 0.0),
    )

    def values(self, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        """See the formula."""
        return (x * x + y - 11) ** 2 + (x + y * y - 7) ** 2

    def derivatives(self, x: torch.Tensor, y: torch.Tensor) -> tuple[torch.Tensor, Tensors]:
        """Value and partial derivatives."""
        p, q = x * x + y - 11, x + y * y - 7
        twice_p, twice_q = p + p, q + q
        xp, yq = x * twice_p, y * twice_q
        return p * p + q * q, (xp + xp + twice_q, twice_p + yq + yq)


@register(
    "problem",
    "beale",
    family="surface",
    formula=r"(1.5 - x + xy)^2 + (2.25 - x + xy^2)^2 + (2.625 - x + xy^3)^2",
    paper=f"Beale 1958; as in {_SURVEY}",
)
@dataclass(frozen=True)
class Beale(Surface):
    """A flat cross-shaped floor between walls that rise to the sixth power in the corners."""

    window = ((-4.5, 4.5), (-4.5, 4.5))
    first_start = (1.0, 1.5)
    log_scale = True
    optima = (Optimum((3.0, 0.5), 0.0),)

    def values(self, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        """See the formula."""
        y2 = y * y
        first, second, third = x * (y - 1), x * (y2 - 1), x * (y2 * y - 1)
        return (first + 1.5) ** 2 + (second + 2.25) ** 2 + (third + 2.625) ** 2

    def derivatives(self, x: torch.Tensor, y: torch.Tensor) -> tuple[torch.Tensor, Tensors]:
        """Value and partial derivatives."""
        y2 = y * y
        u, v, w = y - 1, y2 - 1, y2 * y - 1
        p, q, r = x * u + 1.5, x * v + 2.25, x * w + 2.625
        half_x, half_y = p * u + q * v + r * w, x * (p + 2 * y * q + 3 * y2 * r)
        return p * p + q * q + r * r, (half_x + half_x, half_y + half_y)


@register(
    "problem",
    "booth",
    family="surface",
    formula=r"(x + 2y - 7)^2 + (2x + y - 5)^2",
    paper=_SURVEY,
)
@dataclass(frozen=True)
class Booth(Surface):
    """A convex quadratic bowl, nine times steeper across than along."""

    window = ((-10.0, 10.0), (-10.0, 10.0))
    first_start = (-7.0, 8.0)
    log_scale = True
    optima = (Optimum((1.0, 3.0), 0.0),)

    def values(self, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        """See the formula."""
        both = x + y
        return (both + y - 7) ** 2 + (both + x - 5) ** 2

    def derivatives(self, x: torch.Tensor, y: torch.Tensor) -> tuple[torch.Tensor, Tensors]:
        """Value and partial derivatives."""
        both = x + y
        p, q = both + y - 7, both + x - 5
        twice_p, twice_q = p + p, q + q
        return p * p + q * q, (twice_p + twice_q + twice_q, twice_p + twice_p + twice_q)


@register(
    "problem",
    "matyas",
    family="surface",
    formula=r"0.26\,(x^2 + y^2) - 0.48\,xy",
    paper=_SURVEY,
)
@dataclass(frozen=True)
class Matyas(Surface):
    """A long straight valley along the diagonal, 25 times flatter along than across.

    Computed as 0.02 (x² + y²) + 0.24 (x - y)², which is the same and never negative.
    """

    window = ((-10.0, 10.0), (-10.0, 10.0))
    first_start = (-9.0, 5.0)
    log_scale = True
    optima = (Optimum((0.0, 0.0), 0.0),)

    def values(self, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        """See the formula."""
        return 0.02 * (x * x + y * y) + 0.24 * (x - y) ** 2

    def derivatives(self, x: torch.Tensor, y: torch.Tensor) -> tuple[torch.Tensor, Tensors]:
        """Value and partial derivatives."""
        across, off = x - y, 0.04 * x
        steep, rise = 0.48 * across, 0.04 * y
        return 0.5 * (x * off + y * rise + across * steep), (off + steep, rise - steep)


@register(
    "problem",
    "styblinski_tang",
    title="Styblinski–Tang",
    family="surface",
    formula=r"\frac{1}{2} (x^4 - 16x^2 + 5x + y^4 - 16y^2 + 5y)",
    paper="Styblinski & Tang 1990, Neural Networks 3(4)",
)
@dataclass(frozen=True)
class StyblinskiTang(Surface):
    """Four wells of three depths, one coordinate independent of the other."""

    window = ((-5.0, 5.0), (-5.0, 5.0))
    first_start = (0.0, 4.5)  # x may still go either way; y lies above the shallower well
    optima = (
        Optimum((-2.9035340277711771, -2.9035340277711771), -78.332331407542831),
        Optimum((-2.9035340277711771, 2.746802770990837), -64.195612359055358, False),
        Optimum((2.746802770990837, -2.9035340277711771), -64.195612359055358, False),
        Optimum((2.746802770990837, 2.746802770990837), -50.058893310567885, False),
    )

    def values(self, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        """See the formula."""
        x2, y2 = x * x, y * y
        return 0.5 * (x2 * (x2 - 16) + y2 * (y2 - 16)) + 2.5 * (x + y)

    def derivatives(self, x: torch.Tensor, y: torch.Tensor) -> tuple[torch.Tensor, Tensors]:
        """Value and partial derivatives."""
        x2, y2 = x * x, y * y
        off_x, off_y = x2 - 8, y2 - 8
        fx, fy = 2 * x * off_x, 2 * y * off_y
        value = 0.5 * (off_x * off_x + off_y * off_y) - 64 + 2.5 * (x + y)
        return value, (fx + 2.5, fy + 2.5)


@register(
    "problem",
    "six_hump_camel",
    title="Six-hump camel",
    family="surface",
    formula=r"(4 - 2.1x^2 + \frac{1}{3} x^4)\,x^2 + xy + (4y^2 - 4)\,y^2",
    paper="Dixon & Szegő 1978, Towards Global Optimisation 2",
)
@dataclass(frozen=True)
class SixHumpCamel(Surface):
    """Six minima in three mirrored pairs; only the two in the middle are global."""

    window = ((-3.0, 3.0), (-2.0, 2.0))
    first_start = (-2.5, 1.5)
    log_scale = True
    optima = (
        Optimum((0.089842013100318062, -0.71265640302073963), -1.0316284534898774),
        Optimum((-0.089842013100318062, 0.71265640302073963), -1.0316284534898774),
        Optimum((1.7036067149699808, -0.79608356867262512), -0.21546382438371764, False),
        Optimum((-1.7036067149699808, 0.79608356867262512), -0.21546382438371764, False),
        Optimum((1.6071047529201972, 0.56865145488413137), 2.1042503103112583, False),
        Optimum((-1.6071047529201972, -0.56865145488413137), 2.1042503103112583, False),
    )

    def values(self, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        """See the formula."""
        x2, y2 = x * x, y * y
        return x2 * (x2 * (x2 / 3 - 2.1) + 4) + x * y + 4 * y2 * (y2 - 1)

    def derivatives(self, x: torch.Tensor, y: torch.Tensor) -> tuple[torch.Tensor, Tensors]:
        """Value and partial derivatives."""
        x2, y2 = x * x, y * y
        fx = x * (x2 * (2 * x2 - 8.4) + 8) + y
        fy = x + y * (16 * y2 - 8)
        value = x2 * (x2 * (x2 / 3 - 2.1) + 4) + x * y + 4 * y2 * (y2 - 1)
        return value, (fx, fy)


@register(
    "problem",
    "mccormick",
    title="McCormick",
    family="surface",
    formula=r"\sin(x + y) + (x - y)^2 - 1.5x + 2.5y + 1",
    paper="McCormick 1976, Mathematical Programming 10",
)
@dataclass(frozen=True)
class McCormick(Surface):
    """A tilted wavy trough; each wave along it holds a minimum, lower towards the lower left."""

    window = ((-1.5, 4.0), (-3.0, 4.0))
    first_start = (3.5, -2.0)
    optima = (
        Optimum((-0.54719755119659775, -1.5471975511965977), -1.9132229549810364),
        Optimum((2.5943951023931955, 1.5943951023931955), 1.2283696986087568, False),
    )

    def values(self, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        """See the formula."""
        return torch.sin(x + y) + (x - y) ** 2 - 1.5 * x + 2.5 * y + 1

    def derivatives(self, x: torch.Tensor, y: torch.Tensor) -> tuple[torch.Tensor, Tensors]:
        """Value and partial derivatives."""
        both, across = x + y, x - y
        wave, steep = torch.cos(both), across + across
        # -1.5 x + 2.5 y = (x + y) / 2 - 2 (x - y)
        value = torch.sin(both) + across * across + 0.5 * both - steep + 1
        return value, (wave + (steep - 1.5), wave - (steep - 2.5))


@register(
    "problem",
    "goldstein_price",
    title="Goldstein–Price",
    family="surface",
    formula=(
        r"[1 + (x+y+1)^2 (19 - 14x + 3x^2 - 14y + 6xy + 3y^2)]"
        r"\,[30 + (2x-3y)^2 (18 - 32x + 12x^2 + 48y - 36xy + 27y^2)]"
    ),
    paper="Goldstein & Price 1971, Mathematics of Computation 25",
)
@dataclass(frozen=True)
class GoldsteinPrice(Surface):
    """Four minima among values that span six decades: hopeless without a log scale.

    The first bracket A is a polynomial of t = x + y alone, the second, B, of d = 2x - 3y alone:
    A = 1 + (t + 1)² (3t² - 14t + 19), A' = 12 (t + 1)(t - 1)(t - 2),
    B = 30 + d² (3d² - 16d + 18), B' = 12 d (d - 1)(d - 3).
    """

    window = ((-2.0, 2.0), (-2.0, 2.0))
    first_start = (-1.5, 1.0)
    log_scale = True
    optima = (
        Optimum((0.0, -1.0), 3.0),
        Optimum((-0.6, -0.4), 30.0, False),
        Optimum((1.8, 0.2), 84.0, False),
        Optimum((1.2, 0.8), 840.0, False),
    )

    def values(self, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        """See the formula."""
        t, d = x + y, 2 * x - 3 * y
        first = (t + 1) ** 2 * (t * (3 * t - 14) + 19) + 1
        return first * (d * d * (d * (3 * d - 16) + 18) + 30)

    def derivatives(self, x: torch.Tensor, y: torch.Tensor) -> tuple[torch.Tensor, Tensors]:
        """Value and partial derivatives."""
        t, d = x + y, 2 * x - 3 * y
        t1, d2 = t + 1, d * d
        a = t1 * t1 * (t * (3 * t - 14) + 19) + 1
        b = d2 * (d * (3 * d - 16) + 18) + 30
        by_t = 12 * t1 * (t - 1) * (t - 2) * b
        by_d = 12 * d * (d - 1) * (d - 3) * a
        return a * b, (by_t + 2 * by_d, by_t - 3 * by_d)

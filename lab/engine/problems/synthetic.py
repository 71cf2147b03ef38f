"""Landscapes made to show one thing: saddles, ill-conditioning, a rippled valley floor."""

import math
from dataclasses import dataclass
from typing import Annotated

import torch

from lab.engine.catalogue import register
from lab.engine.knobs import Knob
from lab.engine.problem import Optimum
from lab.engine.problems.surfaces import Surface, Tensors


@register("problem", "saddle", family="surface", formula=r"x^2 - y^2")
@dataclass(frozen=True)
class Saddle(Surface):
    """The plain saddle: eigenvalues 2 and -2, no minimum, unbounded below along y."""

    window = ((-2.0, 2.0), (-2.0, 2.0))
    first_start = (-1.6, 0.01)  # nearly on the ridge: who leaves it soonest?

    def values(self, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        """See the formula."""
        return x * x - y * y

    def derivatives(self, x: torch.Tensor, y: torch.Tensor) -> tuple[torch.Tensor, Tensors]:
        """Value and partial derivatives."""
        return x * x - y * y, (x + x, -(y + y))


@register("problem", "monkey_saddle", family="surface", formula=r"x^3 - 3xy^2")
@dataclass(frozen=True)
class MonkeySaddle(Surface):
    """A saddle with three ways down, whose Hessian vanishes in the middle; unbounded below."""

    window = ((-2.0, 2.0), (-2.0, 2.0))
    first_start = (1.6, 0.02)

    def values(self, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        """See the formula."""
        return x * (x * x - 3 * y * y)

    def derivatives(self, x: torch.Tensor, y: torch.Tensor) -> tuple[torch.Tensor, Tensors]:
        """Value and partial derivatives."""
        x2, three_y2 = x * x, 3 * y * y
        return x * (x2 - three_y2), (3 * x2 - three_y2, -6 * x * y)


@register(
    "problem",
    "quadratic",
    title="Ill-conditioned quadratic",
    family="surface",
    formula=(
        r"\frac{1}{2} u^2 + \frac{\kappa}{2} v^2,\quad"
        r" u = x\cos\varphi + y\sin\varphi,\ v = y\cos\varphi - x\sin\varphi"
    ),
)
@dataclass(frozen=True)
class Quadratic(Surface):
    """A straight valley with Hessian eigenvalues 1, along (cos φ, sin φ), and κ, across.

    Gradient descent is stable for step sizes below 2/κ and then needs about κ steps. A rotation by
    other than multiples of 90° takes the valley off the axes, where rules that scale each
    coordinate on its own lose their advantage.
    """

    condition: Annotated[
        float, Knob(1, 1e8, scale="log", symbol="κ", doc="condition number, the larger eigenvalue")
    ] = 100.0
    angle: Annotated[
        float, Knob(-180, 180, symbol="φ", unit="°", doc="direction of the valley from the x axis")
    ] = 30.0

    window = ((-2.0, 2.0), (-2.0, 2.0))
    first_start = (-1.2, -1.7)
    log_scale = True
    optima = (Optimum((0.0, 0.0), 0.0),)

    def values(self, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        """See the formula."""
        cos, sin = self._direction()
        return 0.5 * (x * cos + y * sin) ** 2 + 0.5 * self.condition * (y * cos - x * sin) ** 2

    def derivatives(self, x: torch.Tensor, y: torch.Tensor) -> tuple[torch.Tensor, Tensors]:
        """Value and partial derivatives."""
        cos, sin = self._direction()
        u, v = x * cos + y * sin, y * cos - x * sin
        steep = self.condition * v
        return 0.5 * (u * u + steep * v), (u * cos - steep * sin, u * sin + steep * cos)

    def _direction(self) -> tuple[float, float]:
        radians = math.radians(self.angle)
        return math.cos(radians), math.sin(radians)


@register(
    "problem",
    "ripple_valley",
    title="Flat valley with ripples",
    family="surface",
    formula=(
        r"\frac{1}{2}(\lambda x^2 + y^2) + A\left(\sin^2 \frac{\omega x}{2}"
        r" + \sin^2 \frac{\omega y}{2}\right)"
    ),
)
@dataclass(frozen=True)
class RippleValley(Surface):
    """A smooth flat valley under ripples whose height and wavelength are set by hand.

    Two instruments can be checked on it. Roughness grows with A and ω while the shape at large
    stays as it is; and the Hessian at the minimum has eigenvalues λ + A ω²/2 and 1 + A ω²/2,
    however little of that curvature anyone sees from afar. The minimum of zero stays at the origin.
    """

    amplitude: Annotated[
        float, Knob(0, 10, symbol="A", doc="height of a ripple from trough to crest")
    ] = 0.1
    frequency: Annotated[
        float, Knob(0, 200, symbol="ω", doc="angular frequency: 2π/ω from crest to crest")
    ] = 12.0
    flatness: Annotated[
        float, Knob(0, 1, symbol="λ", doc="curvature along the valley, 1 being that across")
    ] = 0.05

    window = ((-4.0, 4.0), (-2.0, 2.0))
    first_start = (-3.5, 1.5)
    optima = (Optimum((0.0, 0.0), 0.0),)

    def values(self, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        """See the formula."""
        sx, sy = torch.sin(0.5 * self.frequency * x), torch.sin(0.5 * self.frequency * y)
        return 0.5 * (self.flatness * x * x + y * y) + self.amplitude * (sx * sx + sy * sy)

    def derivatives(self, x: torch.Tensor, y: torch.Tensor) -> tuple[torch.Tensor, Tensors]:
        """Value and partial derivatives."""
        half = 0.5 * self.frequency
        ax, ay = half * x, half * y
        sx, sy = torch.sin(ax), torch.sin(ay)
        slope, steep = self.flatness * x, self.amplitude * self.frequency
        value = 0.5 * (slope * x + y * y) + self.amplitude * (sx * sx + sy * sy)
        return value, (slope + steep * (sx * torch.cos(ax)), y + steep * (sy * torch.cos(ay)))

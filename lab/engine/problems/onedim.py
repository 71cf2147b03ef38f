"""The three functions of one variable that the diffGrad paper shows its rule on.

All are pieced together; at a joint the piece to the left holds, as in the authors' published code
(github.com/shivram1987/diffGrad, diffGrad_analytical.ipynb), which starts them at x = -1.
"""

from dataclasses import dataclass

import torch

from lab.engine.catalogue import register
from lab.engine.problem import Optimum
from lab.engine.problems.surfaces import Surface, Tensors

_PAPER = "Dubey et al. 2020, arXiv 1909.11015"


@register(
    "problem",
    "diffgrad_f1",
    title="diffGrad F1",
    family="surface",
    formula=r"(x + 0.3)^2\ \text{for}\ x \leq 0,\quad (x - 0.2)^2 + 0.05\ \text{for}\ x > 0",
    paper=_PAPER,
)
@dataclass(frozen=True)
class DiffGradF1(Surface):
    """Two parabolas of one curvature that meet at 0: a deeper well at -0.3, a shallower at 0.2."""

    window = ((-1.0, 1.0),)
    first_start = (-1.0,)
    hessian_trouble = "the slope jumps at x = 0, which second derivatives do not see"
    optima = (Optimum((-0.3,), 0.0), Optimum((0.2,), 0.05, False))

    def values(self, x: torch.Tensor) -> torch.Tensor:
        """See the formula."""
        return self.derivatives(x)[0]

    def derivatives(self, x: torch.Tensor) -> tuple[torch.Tensor, Tensors]:
        """Value and derivative."""
        left = x <= 0
        off = torch.where(left, x + 0.3, x - 0.2)
        square = off * off
        return torch.where(left, square, square + 0.05), (off + off,)


@register(
    "problem",
    "diffgrad_f2",
    title="diffGrad F2",
    family="surface",
    formula=(
        r"-40x - 35.15\ \text{for}\ x \leq -0.9,\quad"
        r" x^3 + x\sin 8x + 0.85\ \text{for}\ x > -0.9"
    ),
    paper=_PAPER,
)
@dataclass(frozen=True)
class DiffGradF2(Surface):
    """A steep ramp into a wavy floor with a deep well at -0.64 and two shallower ones.

    The derivative here is the true one, 3x² + sin 8x + 8x cos 8x on the floor. The authors' code
    has x cos 8x in place of 8x cos 8x, so the paths it prints are no descent on this function and
    end elsewhere (diffGrad near -0.81, where F2 has no minimum). The pieces do not quite meet: at
    x = -0.9 the function falls from 0.85 to 0.8353.
    """

    window = ((-1.0, 1.0),)
    first_start = (-1.0,)
    hessian_trouble = "value and slope jump at x = -0.9, which second derivatives do not see"
    optima = (
        Optimum((-0.64291859891526175,), 0.0001197714699446442),
        Optimum((0.0,), 0.85, False),
        Optimum((0.58805347607924605,), 0.46531810345742706, False),
    )

    def values(self, x: torch.Tensor) -> torch.Tensor:
        """See the formula."""
        floor = x * (x * x + torch.sin(8 * x)) + 0.85
        return torch.where(x <= -0.9, -40 * x - 35.15, floor)

    def derivatives(self, x: torch.Tensor) -> tuple[torch.Tensor, Tensors]:
        """Value and derivative."""
        ramp, angle, square = x <= -0.9, 8 * x, x * x
        sin = torch.sin(angle)
        slope = 3 * square + sin + angle * torch.cos(angle)
        value = torch.where(ramp, -40 * x - 35.15, x * (square + sin) + 0.85)
        return value, (torch.where(ramp, -40.0, slope),)


@register(
    "problem",
    "diffgrad_f3",
    title="diffGrad F3",
    family="surface",
    formula=(
        r"\frac{7}{8} |x|\ \text{for}\ |x| \leq 0.4,"
        r"\quad 0.75 - |x|\ \text{for}\ 0.4 < |x| \leq 0.5,"
        r"\quad x^2\ \text{for}\ |x| > 0.5"
    ),
    paper=_PAPER,
)
@dataclass(frozen=True)
class DiffGradF3(Surface):
    """Straight walls and sharp edges: a kink at each of its three minima and two maxima.

    The slope at 0 is given as -7/8, that of the piece to the left, as in the authors' code.
    """

    window = ((-1.0, 1.0),)
    first_start = (-1.0,)
    hessian_trouble = (
        "its pieces meet in kinks, the minima among them: second derivatives are 0 or 2 and say "
        "nothing about them"
    )
    optima = (Optimum((0.0,), 0.0), Optimum((-0.5,), 0.25, False), Optimum((0.5,), 0.25, False))

    def values(self, x: torch.Tensor) -> torch.Tensor:
        """See the formula."""
        size = x.abs()
        inner = torch.where(size <= 0.4, 0.875 * size, 0.75 - size)
        return torch.where(size <= 0.5, inner, x * x)

    def derivatives(self, x: torch.Tensor) -> tuple[torch.Tensor, Tensors]:
        """Value and derivative."""
        slope = torch.where(x <= 0.5, -1.0, x + x)
        slope = torch.where(x <= 0.4, 0.875, slope)
        slope = torch.where(x <= 0, -0.875, slope)
        slope = torch.where(x <= -0.4, 1.0, slope)
        return self.values(x), (torch.where(x <= -0.5, x + x, slope),)

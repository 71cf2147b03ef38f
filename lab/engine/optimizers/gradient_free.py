"""Gradient-free methods for kinked functions: descent on what a small ball smooths."""

from dataclasses import dataclass
from typing import Annotated, NamedTuple

import torch

from lab.engine.catalogue import register
from lab.engine.knobs import Knob
from lab.engine.layout import Layout
from lab.engine.optimizers.knobs import LearningRate
from lab.engine.optimizers.parts import Parts, built_up
from lab.engine.optimizers.response import FROM_VALUES
from lab.engine.optimizers.rule import Cost, NoState, Rule
from lab.engine.oracle import Oracle

Smoothing = Annotated[
    float,
    Knob(
        0,
        1e3,
        excluded="low",
        scale="log",
        slider=(1e-4, 1.0),
        symbol="δ",
        live=True,
        doc="radius of the ball over which the function is smoothed: wide ones wipe kinks out",
    ),
]


def directions(theta: torch.Tensor, count: int, oracle: Oracle) -> torch.Tensor:
    """Directions of this step, uniform on the unit sphere: (runs, count, dim)."""
    drawn = oracle.noise.normal("directions", theta, (count, theta.shape[1]))
    return drawn / torch.linalg.vector_norm(drawn, dim=2, keepdim=True)


def two_sided(
    theta: torch.Tensor, along: torch.Tensor, width: torch.Tensor, oracle: Oracle
) -> torch.Tensor:
    """The mean of d (f(x + δw) - f(x - δw)) w / (2δ) over directions w.

    Args:
        theta: (runs, dim).
        along: (runs, count, dim), unit vectors w.
        width: (runs, 1), δ.
        oracle: asked for 2 values for each direction.

    Returns:
        (runs, dim), an estimate of the gradient of f smoothed over a ball of radius δ.
    """
    (count, dim), away = along.shape[1:], width[:, :, None] * along
    points = torch.cat([theta[:, None] + away, theta[:, None] - away], dim=1)
    above, below = oracle.values(points).chunk(2, dim=1)  # (runs, count) each
    rises = (above - below) * (dim / (2 * count)) / width
    return torch.einsum("rk,rkd->rd", rises, along)


@register(
    "optimizer",
    "gfm",
    title="GFM",
    family="gradient-free",
    formula=r"g = \frac{1}{b} \sum_i \frac{d}{2\delta} "
    r"(f(x + \delta w_i) - f(x - \delta w_i))\,w_i, \quad x \leftarrow x - \eta\,g",
    paper="Lin, Zheng & Jordan 2022, arXiv 2209.05045, algorithm 1",
    look="It crosses kinks as if they were rounded off over a distance δ, and does not stop there; "
    "its steps are noisy because they follow a few random directions.",
)
@dataclass(frozen=True)
class GFM(Rule):
    """Gradient descent with a gradient estimated from pairs of values in random directions.

    The estimate is unbiased for the gradient of f averaged over a ball of radius δ. The paper takes
    one pair a step and reports a point of the path at random; here the mean of b pairs is taken,
    and the path itself is shown.
    """

    lr: LearningRate = 1e-2
    delta: Smoothing = 0.05
    pairs: Annotated[
        int, Knob(1, 10_000, scale="log", symbol="b", doc="pairs of values at each step")
    ] = 1

    no_limit = FROM_VALUES

    def init(self, theta: torch.Tensor, layout: Layout) -> NoState:
        """Nothing is remembered."""
        return NoState()

    def update(
        self, theta: torch.Tensor, state: NoState, oracle: Oracle
    ) -> tuple[torch.Tensor, NoState]:
        """One step."""
        slope = two_sided(theta, directions(theta, self.pairs, oracle), self.delta, oracle)
        return torch.addcmul(theta, slope, self.lr, value=-1), state

    def parts(self, theta: torch.Tensor, state: NoState, oracle: Oracle) -> Parts:
        """The gradient, which the rule does not know, and how far off the estimate is."""
        slope = two_sided(theta, directions(theta, self.pairs, oracle), self.delta, oracle)
        return built_up(
            ("gradient", -self.lr * oracle.gradient(theta)), ("noise", -self.lr * slope)
        )

    def cost(self, dim: int) -> Cost:
        """Two values for each pair."""
        return Cost(gradients=0, values=2 * self.pairs)


class RecursiveSlope(NamedTuple):
    """State of `GFMPlus`."""

    step: int
    previous: torch.Tensor  # (runs, dim), the point before the present one
    slope: torch.Tensor  # (runs, dim), v, the estimate there


@register(
    "optimizer",
    "gfm_plus",
    title="GFM+",
    family="gradient-free",
    formula=r"v \leftarrow v + \frac{1}{b} \sum_i (g(x_t; w_i) - g(x_{t-1}; w_i)), \quad "
    r"x \leftarrow x - \eta\,v",
    paper="Chen, Xu & Luo 2023, arXiv 2301.06428, algorithm 2",
    look="After each restart the path is smooth: between two of them only the change of the "
    "gradient is estimated, not the gradient.",
)
@dataclass(frozen=True)
class GFMPlus(Rule):
    """GFM with variance reduction: a careful estimate now and then, cheap corrections in between.

    Every m steps v is the mean over b' pairs; in between b pairs estimate how the gradient changed
    since the last point, with the same directions and the same mini-batch at both points.
    """

    lr: LearningRate = 1e-2
    delta: Smoothing = 0.05
    period: Annotated[
        int, Knob(1, 10_000, scale="log", symbol="m", doc="steps from one restart to the next")
    ] = 5
    big_batch: Annotated[
        int, Knob(1, 10_000, scale="log", symbol="b'", doc="pairs of values at a restart")
    ] = 10
    small_batch: Annotated[
        int, Knob(1, 10_000, scale="log", symbol="b", doc="pairs at both points, in other steps")
    ] = 2

    State = RecursiveSlope
    no_limit = FROM_VALUES

    def init(self, theta: torch.Tensor, layout: Layout) -> RecursiveSlope:
        """Nothing estimated yet."""
        return RecursiveSlope(0, torch.zeros_like(theta), torch.zeros_like(theta))

    def update(
        self, theta: torch.Tensor, state: RecursiveSlope, oracle: Oracle
    ) -> tuple[torch.Tensor, RecursiveSlope]:
        """One step."""
        slope = self._slope(theta, state, oracle)
        after = torch.addcmul(theta, slope, self.lr, value=-1)
        return after, RecursiveSlope(state.step + 1, theta, slope)

    def parts(self, theta: torch.Tensor, state: RecursiveSlope, oracle: Oracle) -> Parts:
        """The gradient, which the rule does not know, and how far off the estimate is."""
        slope = self._slope(theta, state, oracle)
        return built_up(
            ("gradient", -self.lr * oracle.gradient(theta)), ("noise", -self.lr * slope)
        )

    def cost(self, dim: int) -> Cost:
        """Two values a pair, at one point in a restart and at two in other steps."""
        others = 4 * self.small_batch * (self.period - 1)
        return Cost(gradients=0, values=(2 * self.big_batch + others) / self.period)

    def _slope(self, theta: torch.Tensor, state: RecursiveSlope, oracle: Oracle) -> torch.Tensor:
        """The estimate v at theta, (runs, dim)."""
        if state.step % self.period == 0:
            return two_sided(theta, directions(theta, self.big_batch, oracle), self.delta, oracle)
        along = directions(theta, self.small_batch, oracle)
        now = two_sided(theta, along, self.delta, oracle)
        return state.slope + now - two_sided(state.previous, along, self.delta, oracle)

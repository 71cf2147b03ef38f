"""U-DoG: DoG's step length in an accelerated method with two gradients a step."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import torch

from lab.engine.catalogue import register
from lab.engine.layout import Layout
from lab.engine.optimizers.dog import FirstMove
from lab.engine.optimizers.knobs import Epsilon, Multiplier
from lab.engine.optimizers.lengths import norm
from lab.engine.optimizers.parts import Parts, built_up
from lab.engine.optimizers.response import AVERAGED_POINTS
from lab.engine.optimizers.rule import Cost, Rule
from lab.engine.oracle import Oracle


class UDoGState(NamedTuple):
    """State of `UDoG` before a step t; theta is the point at which m is taken."""

    step: int
    start: torch.Tensor  # (runs, dim), x₀
    leading: torch.Tensor  # (runs, dim), y_t
    average: torch.Tensor  # (runs, dim), average of x_1 … x_t with the weights w
    total: torch.Tensor  # (runs, 1), sum of these weights
    radius: torch.Tensor  # (runs, 1), r̄_t
    radii: torch.Tensor  # (runs, 1), r̄_0 + … + r̄_t, which is also the weight w_t
    apart: torch.Tensor  # (runs, 1), Q, sum of α² ‖g - m‖² over the steps made
    largest: torch.Tensor  # (runs, 1), M, largest α² ‖m‖² so far


class Stride(NamedTuple):
    """The two half steps that lead from a state to the next."""

    point: torch.Tensor  # (runs, dim), x_{t+1}
    average: torch.Tensor  # (runs, dim), with that point in it: where g is taken
    total: torch.Tensor  # (runs, 1)
    first: torch.Tensor  # (runs, dim), m
    second: torch.Tensor  # (runs, dim), g
    size: torch.Tensor  # (runs, 1), factor of g
    apart: torch.Tensor  # (runs, 1)
    largest: torch.Tensor  # (runs, 1)


@register(
    "optimizer",
    "udog",
    title="U-DoG",
    family="learning-rate-free",
    formula=r"x^+ = y - \alpha \frac{\bar r}{\sqrt{G_x}} m, \quad "
    r"y \leftarrow y - \alpha \frac{\bar r}{\sqrt{G_y}} g, \quad "
    r"\alpha = \frac{1}{\bar r} \sum_{k \leq t} \bar r_k",
    paper="Kreisler, Ivgi, Hinder & Carmon 2024, arXiv 2404.00666; its sums G could not be checked "
    "against the paper's text and follow UniXGrad (Kavis et al. 2019, arXiv 1910.13857)",
    look="Compare it with DoG in gradients, not steps: each step asks for two. The average is "
    "shown; after the slow start it overtakes DoG's in a narrow valley.",
)
@dataclass(frozen=True)
class UDoG(Rule):
    """UniXGrad with the distance travelled in place of the size of the domain.

    With r̄_t the largest distance of any x_k, y_k (k ≤ t) from x₀, at least r_ε, and weights
    w_t = α_t r̄_t: m is the gradient at (w_t y_t + Σ_{k<t} w_k x_{k+1}) / Σ_{k≤t} w_k, which is the
    evaluated point; then x_{t+1} is found, and g is the gradient at the weighted average of
    x_1 … x_{t+1}, which is shown.

    Not verified: the sums. The paper orders them G_{x,t} ≤ G_{y,t} ≤ G_{x,t+1}. Here they are
    G_{x,t} = ε + Q_{t-1} + M_t and G_{y,t} = ε + Q_t + M_t, with UniXGrad's
    Q_t = Σ_{k≤t} α_k² ‖g_k - m_k‖² and M_t = max_{k≤t} α_k² ‖m_k‖², which gives that order and a
    first step of length r_ε. The paper's own sums, and the constant factors that its theory may put
    before them, may differ. r_ε = reps_rel (1 + ‖x₀‖) as in DoG; ε and the multiplier η are added
    here.
    """

    lr: Multiplier = 1.0
    reps_rel: FirstMove = 1e-6
    eps: Epsilon = 1e-8

    State = UDoGState
    no_limit = AVERAGED_POINTS
    shows_another = True
    readings: ClassVar = {
        "rbar": "largest distance from the start of either sequence so far",
        "alpha": "weight of the next gradients: the sum of all radii over the present one",
    }

    def init(self, theta: torch.Tensor, layout: Layout) -> UDoGState:
        """All sequences at the start; the first radius is put in by the first step."""
        zero = torch.zeros_like(theta[:, :1])
        first = self.reps_rel * (1 + norm(theta))
        return UDoGState(0, theta, theta, theta, zero, first, first, zero, zero)

    def update(
        self, theta: torch.Tensor, state: UDoGState, oracle: Oracle
    ) -> tuple[torch.Tensor, UDoGState]:
        """One step."""
        stride = self._stride(theta, state, oracle)
        leading = torch.addcmul(state.leading, stride.second, stride.size, value=-1)
        way = torch.maximum(norm(leading - state.start), norm(stride.point - state.start))
        radius = torch.maximum(state.radius, way)
        radii = state.radii + radius
        theta = torch.lerp(stride.average, leading, radii / (stride.total + radii))
        return theta, UDoGState(
            state.step + 1,
            state.start,
            leading,
            stride.average,
            stride.total,
            radius,
            radii,
            stride.apart,
            stride.largest,
        )

    def shown(self, theta: torch.Tensor, state: UDoGState) -> torch.Tensor:
        """The weighted average of the points x."""
        return state.average

    def read(self, theta: torch.Tensor, state: UDoGState) -> Mapping[str, torch.Tensor]:
        """Radius and weight of the step to come."""
        return {"rbar": state.radius[:, 0], "alpha": (state.radii / state.radius)[:, 0]}

    def parts(self, theta: torch.Tensor, state: UDoGState, oracle: Oracle) -> Parts:
        """Gradient at the evaluated point, the one at the next average, step size, averaging."""
        stride, (_, after) = self._stride(theta, state, oracle), self.update(theta, state, oracle)
        share = after.radii / (after.total + after.radii)
        ahead = after.leading * share + stride.average * (1 - share)
        return built_up(
            ("gradient", -self.lr * stride.first),
            ("perturbation", -self.lr * stride.second),
            ("step size", -stride.size * stride.second),
            ("averaging", ahead - theta),
        )

    def cost(self, dim: int) -> Cost:
        """Two gradients."""
        return Cost(gradients=2)

    def _stride(self, theta: torch.Tensor, state: UDoGState, oracle: Oracle) -> Stride:
        alpha, total = state.radii / state.radius, state.total + state.radii
        reach = self.lr * state.radii  # η α r̄
        first = oracle.gradient(theta)
        largest = torch.maximum(state.largest, (alpha * norm(first)).square_())
        size = reach / (state.apart + largest + self.eps).sqrt_()
        point = torch.addcmul(state.leading, first, size, value=-1)
        average = torch.lerp(state.average, point, state.radii / total)
        second = oracle.gradient(average)
        apart = state.apart + (alpha * norm(second - first)).square_()
        size = reach / (apart + largest + self.eps).sqrt_()
        return Stride(point, average, total, first, second, size, apart, largest)

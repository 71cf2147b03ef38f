"""Frank-Wolfe without gradients: towards a corner of the set that function values point to."""

from dataclasses import dataclass
from typing import Annotated, Literal, NamedTuple

import torch

from lab.engine.catalogue import register
from lab.engine.knobs import Knob
from lab.engine.layout import Layout
from lab.engine.optimizers.parts import Parts, built_up
from lab.engine.optimizers.response import FROM_VALUES
from lab.engine.optimizers.rule import Cost, Rule
from lab.engine.optimizers.sets import Radius, SetName, project, vertex
from lab.engine.oracle import Oracle

Scheme = Literal["kwsa", "rdsa", "i-rdsa"]


class AveragedSlope(NamedTuple):
    """State of `ZerothOrderFrankWolfe`."""

    step: int
    slope: torch.Tensor  # (runs, dim), the average of the estimated gradients


@register(
    "optimizer",
    "zo_frank_wolfe",
    title="Zeroth-order Frank–Wolfe",
    family="gradient-free",
    formula=r"d \leftarrow (1 - \rho_t)\,d + \rho_t\,\tilde g, \quad "
    r"v = \mathrm{argmin}_{v \in C} \langle d, v \rangle, \quad "
    r"x \leftarrow (1 - \gamma_t)\,x + \gamma_t\,v",
    paper="Sahu, Zaheer & Kar 2019, arXiv 1810.03233, algorithm 2; Balasubramanian & Ghadimi 2018, "
    "arXiv 1809.06474",
    look="It always heads for a corner of the set, so it zig-zags between two of them where the "
    "best point lies on an edge. No projection is ever needed.",
)
@dataclass(frozen=True)
class ZerothOrderFrankWolfe(Rule):
    """Steps towards the corner of a convex set that lies best along an averaged estimate of g.

    The estimate takes differences of width c_t = `smoothing` times the paper's: along every
    coordinate (`kwsa`, dim + 1 values), along one Gaussian direction (`rdsa`, 2 values), or the
    mean over m of them (`i-rdsa`, m + 1 values, as the one at the point itself is shared). With
    γ_t = 2/(t+8) it uses ρ_t = 4/(t+8)^⅔ and c_t = 2 d^-½ (t+8)^-⅓ for kwsa, ρ_t = 4 d^-⅓/(t+8)^⅔
    and c_t = 2 d^-3/2 (t+8)^-⅓ for rdsa, and for i-rdsa 1 + d/m in place of d in ρ_t and √m times
    that c_t; ρ_t is kept at 1 at most. These constants were taken from a summary of the paper and
    not compared with its text. c_t is of order one in few dimensions, which blurs a steep function:
    a `smoothing` of 0.001 makes it a finite difference. A start outside of the set is moved to its
    nearest point first. It has no learning rate.
    """

    scheme: Annotated[
        Scheme, Knob(doc="along every coordinate, one random direction, or several of them")
    ] = "kwsa"
    constraint: SetName = "l1 ball"
    radius: Radius = 4.0
    smoothing: Annotated[
        float,
        Knob(
            0,
            1e3,
            excluded="low",
            scale="log",
            slider=(1e-4, 10.0),
            symbol="c",
            live=True,
            doc="width of the differences, times the paper's: wide ones see a smoothed function",
        ),
    ] = 1.0
    directions: Annotated[
        int, Knob(1, 10_000, scale="log", symbol="m", doc="random directions a step, for i-rdsa")
    ] = 6

    State = AveragedSlope
    no_limit = FROM_VALUES

    def init(self, theta: torch.Tensor, layout: Layout) -> AveragedSlope:
        """Nothing averaged yet."""
        return AveragedSlope(0, torch.zeros_like(theta))

    def update(
        self, theta: torch.Tensor, state: AveragedSlope, oracle: Oracle
    ) -> tuple[torch.Tensor, AveragedSlope]:
        """One step."""
        at = self._inside(theta, state)
        slope = self._average(self._estimate(at, state.step + 1, oracle), state)
        corner = vertex(self.constraint, slope, self.radius)
        return torch.lerp(at, corner, self._share(state)), AveragedSlope(state.step + 1, slope)

    def parts(self, theta: torch.Tensor, state: AveragedSlope, oracle: Oracle) -> Parts:
        """Into the set, the corner for this step's estimate, and what the average changes."""
        at = self._inside(theta, state)
        estimate = self._estimate(at, state.step + 1, oracle)
        share = self._share(state)
        now = vertex(self.constraint, estimate, self.radius) - at
        averaged = vertex(self.constraint, self._average(estimate, state), self.radius) - at
        return built_up(
            ("projection", at - theta),
            ("gradient", at - theta + share * now),
            ("momentum", at - theta + share * averaged),
        )

    def cost(self, dim: int) -> Cost:
        """The value at the point and one along each direction."""
        return Cost(gradients=0, values=1 + self._count(dim))

    def _inside(self, theta: torch.Tensor, state: AveragedSlope) -> torch.Tensor:
        return theta if state.step else project(self.constraint, theta, self.radius)

    def _share(self, state: AveragedSlope) -> float:
        """γ of the next step."""
        return 2 / (state.step + 9)

    def _count(self, dim: int) -> int:
        """Directions looked along at each step."""
        return {"kwsa": dim, "rdsa": 1, "i-rdsa": self.directions}[self.scheme]

    def _estimate(self, theta: torch.Tensor, t: int, oracle: Oracle) -> torch.Tensor:
        """The estimated gradient (runs, dim) at theta (runs, dim) in step t."""
        dim = theta.shape[1]
        many = self._count(dim)
        if self.scheme == "kwsa":
            along = torch.eye(dim, dtype=theta.dtype, device=theta.device).expand(
                len(theta), -1, -1
            )
            scale = dim**-0.5
        else:
            along = oracle.noise.normal("directions", theta, (many, dim))  # (runs, many, dim)
            scale = dim**-1.5 * many**0.5
        width = self.smoothing * (2 * scale * (t + 8) ** (-1 / 3))  # (runs, 1)
        points = theta[:, None] + width[:, :, None] * along
        values = oracle.values(torch.cat([theta[:, None], points], dim=1))  # (runs, 1 + many)
        rises = (values[:, 1:] - values[:, :1]) / width
        total = torch.einsum("rk,rkd->rd", rises, along)
        return total if self.scheme == "kwsa" else total / many

    def _average(self, estimate: torch.Tensor, state: AveragedSlope) -> torch.Tensor:
        """The average with one more estimate in it, (runs, dim)."""
        dim, rho = estimate.shape[1], 4 / (state.step + 9) ** (2 / 3)
        if self.scheme == "rdsa":
            rho /= dim ** (1 / 3)
        elif self.scheme == "i-rdsa":
            rho /= (1 + dim / self.directions) ** (1 / 3)
        return torch.lerp(state.slope, estimate, min(1.0, rho))

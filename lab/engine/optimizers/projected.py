"""Gradient descent that is put back into a convex set after every step."""

from dataclasses import dataclass
from typing import Annotated, NamedTuple

import torch

from lab.engine.catalogue import register
from lab.engine.knobs import Knob
from lab.engine.layout import Layout
from lab.engine.optimizers.knobs import LearningRate, Momentum
from lab.engine.optimizers.parts import Parts, built_up
from lab.engine.optimizers.response import KEPT_IN_A_SET
from lab.engine.optimizers.rule import Rule
from lab.engine.optimizers.sets import Radius, SetName, project
from lab.engine.oracle import Oracle


class LastPoint(NamedTuple):
    """State of a rule that looks back by one point."""

    step: int
    previous: torch.Tensor  # (runs, dim), the point before the present one


@register(
    "optimizer",
    "projected_gradient",
    title="Projected gradient",
    family="mirror and constrained",
    formula=r"x \leftarrow P_C(x - \eta\,g + \mu\,(x - x_{t-1}))",
    paper="Goldstein 1964, Bulletin of the AMS 70(5); Levitin & Polyak 1966, USSR Computational "
    "Mathematics and Mathematical Physics 6(5)",
    look="Where the path meets the edge of the set it slides along it, and it stops where the "
    "gradient stands upright on the edge.",
)
@dataclass(frozen=True)
class ProjectedGradient(Rule):
    """A gradient step, and then the nearest point of a convex set around the origin.

    Momentum is Polyak's, μ times the way from the last point to this one, inside the projection; in
    Nesterov's form the gradient is taken at the end of that way as well. A start outside of the set
    is moved to its nearest point first.
    """

    lr: LearningRate = 1e-2
    constraint: SetName = "l2 ball"
    radius: Radius = 1.0
    momentum: Momentum = 0.0
    nesterov: Annotated[
        bool, Knob(doc="take the gradient where the momentum leads: Nesterov's look-ahead")
    ] = False

    State = LastPoint
    no_limit = KEPT_IN_A_SET

    def init(self, theta: torch.Tensor, layout: Layout) -> LastPoint:
        """No point before the start."""
        return LastPoint(0, torch.zeros_like(theta))

    def update(
        self, theta: torch.Tensor, state: LastPoint, oracle: Oracle
    ) -> tuple[torch.Tensor, LastPoint]:
        """One step."""
        at, ahead = self._ahead(theta, state)
        slope = oracle.gradient(ahead if self.nesterov else at)
        moved = torch.addcmul(ahead, slope, self.lr, value=-1)
        return project(self.constraint, moved, self.radius), LastPoint(state.step + 1, at)

    def parts(self, theta: torch.Tensor, state: LastPoint, oracle: Oracle) -> Parts:
        """Gradient, its look-ahead, momentum, and the way back into the set."""
        at, ahead = self._ahead(theta, state)
        slope = oracle.gradient(ahead if self.nesterov else at)
        moved = torch.addcmul(ahead, slope, self.lr, value=-1)
        stages = [("gradient", -self.lr * oracle.gradient(at))]
        if self.nesterov:
            stages.append(("perturbation", -self.lr * slope))
        return built_up(
            *stages,
            ("momentum", ahead - at - self.lr * slope),
            ("projection", project(self.constraint, moved, self.radius) - theta),
        )

    def _ahead(self, theta: torch.Tensor, state: LastPoint) -> tuple[torch.Tensor, torch.Tensor]:
        """The point to step from, and the one that momentum leads to: both (runs, dim)."""
        if not state.step:
            theta = project(self.constraint, theta, self.radius)
            return theta, theta
        return theta, torch.addcmul(theta, theta - state.previous, self.momentum)

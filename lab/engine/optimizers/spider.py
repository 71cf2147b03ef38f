"""SPIDER: normalised descent along a gradient that is kept fresh by differences."""

from dataclasses import dataclass
from typing import Annotated, NamedTuple

import torch

from lab.engine.catalogue import register
from lab.engine.knobs import Knob
from lab.engine.layout import Layout
from lab.engine.optimizers.knobs import LearningRate
from lab.engine.optimizers.parts import Parts, built_up
from lab.engine.optimizers.response import Response
from lab.engine.optimizers.rule import Cost, Rule
from lab.engine.oracle import Oracle


class SpiderState(NamedTuple):
    """State of `Spider`."""

    step: int
    estimate: torch.Tensor  # (runs, dim), v, of the gradient on all data
    previous: torch.Tensor  # (runs, dim), the point before


@register(
    "optimizer",
    "spider",
    title="SPIDER",
    family="first order",
    formula=r"v \leftarrow v + \nabla f_B(x_t) - \nabla f_B(x_{t-1}), \quad "
    r"x \leftarrow x - \eta\,v / \|v\|",
    paper="Fang et al. 2018, arXiv 1807.01695; in this form Chen, Zhou, Liang & Lu 2023, "
    "arXiv 2303.02854",
    look="On mini-batches it goes almost as straight as on all data: each batch is asked only how "
    "the gradient has changed. Every q steps the estimate is made anew.",
)
@dataclass(frozen=True)
class Spider(Rule):
    """Steps of one length along an estimate of the gradient on all data.

    Every q steps the estimate is that gradient itself; in between the difference of a mini-batch's
    gradients at this point and the last is added to it. Without mini-batches it is normalised
    gradient descent. A point where the estimate is zero stays where it is; the authors leave 0/0.
    """

    lr: LearningRate = 1e-2
    period: Annotated[
        int, Knob(1, 1_000_000, symbol="q", doc="steps from one look at all data to the next")
    ] = 5

    State = SpiderState
    broadcasts = True
    besides = "the gradient of every q-th step is on all data"

    def init(self, theta: torch.Tensor, layout: Layout) -> SpiderState:
        """Nothing estimated yet."""
        return SpiderState(0, torch.zeros_like(theta), theta.clone())

    def update(
        self, theta: torch.Tensor, state: SpiderState, oracle: Oracle
    ) -> tuple[torch.Tensor, SpiderState]:
        """One step."""
        if state.step % self.period == 0:
            estimate = oracle.on(theta, None)[1]
        else:
            change = oracle.gradient(theta) - oracle.gradient(state.previous)
            estimate = state.estimate + change
        moved = torch.addcmul(theta, estimate, self._rate(estimate), value=-1)
        return moved, SpiderState(state.step + 1, estimate, theta)

    def parts(self, theta: torch.Tensor, state: SpiderState, oracle: Oracle) -> Parts:
        """The mini-batch's gradient, what the estimate adds to it, and the step's length."""
        gradient, (_, after) = oracle.gradient(theta), self.update(theta, state, oracle)
        return built_up(
            ("gradient", -self.lr * gradient),
            ("momentum", -self.lr * after.estimate),
            ("step size", -self._rate(after.estimate) * after.estimate),
        )

    def response(self, theta: torch.Tensor, state: SpiderState, oracle: Oracle) -> Response:
        """A gradient over its norm as it is."""
        _, after = self.update(theta, state, oracle)
        rate = self._rate(after.estimate)
        return Response(rate, torch.ones_like(rate), "2‖v‖/η")

    def cost(self, dim: int) -> Cost:
        """Two gradients, and every q steps one instead, which counts for more on mini-batches."""
        return Cost(gradients=2 - 1 / self.period)

    def _rate(self, estimate: torch.Tensor) -> torch.Tensor:
        """What the estimate is multiplied by, (runs, 1)."""
        norm = torch.linalg.vector_norm(estimate, dim=1, keepdim=True)
        return torch.where(norm > 0, self.lr / norm, 0.0)

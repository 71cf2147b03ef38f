"""Rules for problems of several losses: how their gradients become one step.

The plain sum lets the largest gradient win. PCGrad takes from each gradient what would undo another
loss; ConFIG (in `config`) looks for a direction that helps all of them alike.
"""

from abc import abstractmethod
from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal, NamedTuple

import torch

from lab.engine.catalogue import register
from lab.engine.knobs import Knob
from lab.engine.layout import Layout
from lab.engine.optimizers.knobs import LearningRate
from lab.engine.optimizers.parts import FURTHER_LOSSES, LOSSES, Parts, built_up
from lab.engine.optimizers.response import SEVERAL_LOSSES, Response
from lab.engine.optimizers.rule import Cost, Rule
from lab.engine.oracle import Oracle
from lab.engine.problem import Problem

COSINE = "smallest cosine of the angle between two losses' gradients, at the point before"


class LossesState(NamedTuple):
    """What the rules without memory keep for the curve."""

    cosine: torch.Tensor  # (runs,)


class SeveralLosses(Rule):
    """A rule that needs a problem of several losses."""

    no_limit = SEVERAL_LOSSES

    @classmethod
    def unfit(cls, problem: Problem) -> str:
        """One loss only."""
        if len(problem.terms) < 2:
            return f"{cls.catalogue_name} needs a problem of several losses; this one has one"
        return ""


class CombinedLosses(SeveralLosses):
    """A step along one direction that is made of the gradients of all losses."""

    State = LossesState
    readings: ClassVar = {"cosine": COSINE}
    besides = "with more losses, a gradient for each"
    lr: torch.Tensor

    @abstractmethod
    def combined(self, gradients: torch.Tensor, oracle: Oracle) -> torch.Tensor:
        """One direction (runs, dim) of the gradients of the losses (runs, losses, dim)."""

    def init(self, theta: torch.Tensor, layout: Layout) -> LossesState:
        """Nothing is known of the angles yet."""
        return LossesState(theta.new_full((len(theta),), torch.nan))

    def update(
        self, theta: torch.Tensor, state: LossesState, oracle: Oracle
    ) -> tuple[torch.Tensor, LossesState]:
        """One step."""
        _, gradients = oracle.terms(theta)
        step = self.lr * self.combined(gradients, oracle)
        return theta - step, LossesState(smallest_cosine(gradients))

    def read(self, theta: torch.Tensor, state: LossesState) -> dict[str, torch.Tensor]:
        """How much the losses disagree."""
        return {"cosine": state.cosine}

    def parts(self, theta: torch.Tensor, state: LossesState, oracle: Oracle) -> Parts:
        """The plain step of each loss, and what combining them otherwise changes."""
        _, gradients = oracle.terms(theta)
        whole = -self.lr * self.combined(gradients, oracle)
        return built_up(*summed(gradients * -self.lr[..., None]), ("projection", whole))

    def cost(self, dim: int) -> Cost:
        """One gradient for each loss, given here for two of them."""
        return Cost(gradients=2)


def unit(vectors: torch.Tensor) -> torch.Tensor:
    """Vectors (..., dim) of length 1 along the given ones; zero stays zero."""
    norms = torch.linalg.vector_norm(vectors, dim=-1, keepdim=True)
    return vectors / norms.where(norms != 0, 1.0)


def smallest_cosine(gradients: torch.Tensor) -> torch.Tensor:
    """The cosine of the widest angle between two of the gradients (runs, losses, dim): (runs,)."""
    units = unit(gradients)
    cosines = units @ units.mT
    itself = torch.eye(cosines.shape[1], dtype=torch.bool, device=cosines.device)
    return cosines.masked_fill(itself, 1.0).amin((1, 2))


def summed(steps: torch.Tensor) -> list[tuple[str, torch.Tensor]]:
    """Stages of a sum of the losses' own steps (runs, losses, dim), for `built_up`."""
    names = [*LOSSES, *[FURTHER_LOSSES] * steps.shape[1]]
    return list(zip(names, steps.cumsum(1).unbind(1), strict=False))


@register(
    "optimizer",
    "sum_of_losses",
    title="Plain sum",
    family="several losses",
    formula=r"x \leftarrow x - \eta \sum_i g_i",
    paper="Robbins & Monro 1951, Annals of Mathematical Statistics 22(3); the usual baseline",
    look="Each loss's own arrow and their sum: the larger gradient decides, even where the other "
    "loss rises.",
)
@dataclass(frozen=True)
class SumOfLosses(CombinedLosses):
    """Plain descent on the sum of the losses, whatever each of them has to say.

    The same points as SGD on the problem; here the losses' gradients are asked for one by one, so
    that their angle can be seen and a race against the other rules is fair.
    """

    lr: LearningRate = 1e-2

    def combined(self, gradients: torch.Tensor, oracle: Oracle) -> torch.Tensor:
        """The sum."""
        return gradients.sum(1)

    def response(self, theta: torch.Tensor, state: LossesState, oracle: Oracle) -> Response:
        """As plain descent."""
        return Response(self.lr, torch.ones_like(self.lr), "2/η")


@register(
    "optimizer",
    "pcgrad",
    title="PCGrad",
    family="several losses",
    formula=r"g_i \leftarrow g_i - \min(0, \langle g_i, g_j \rangle)\, g_j / \|g_j\|^2 "
    r"\;\; (j \neq i), \quad x \leftarrow x - \eta \sum_i g_i",
    paper="Yu, Kumar, Gupta, Levine, Hausman & Finn 2020, arXiv 2001.06782, algorithm 1",
    look="While the cosine is below zero the projection cuts from each arrow what points against "
    "the other; where the two are opposite nothing is left and the run stops.",
)
@dataclass(frozen=True)
class PCGrad(CombinedLosses):
    """Takes from each loss's gradient its part against another's, where the two disagree.

    For each loss i the others are gone through in an order drawn anew for each i, run and step;
    what is projected is the gradient as it has become, onto the others as they were. With two
    losses there is only one order. The package conflictfree goes in the order of the losses
    (`order = "fixed"`); pytorch_optimizer takes the mean in place of the sum by default.
    """

    lr: LearningRate = 1e-2
    order: Annotated[
        Literal["random", "fixed"], Knob(doc="in which order the other losses are looked at")
    ] = "random"
    reduction: Annotated[
        Literal["sum", "mean"], Knob(doc="step along the sum of the gradients or their mean")
    ] = "sum"

    def combined(self, gradients: torch.Tensor, oracle: Oracle) -> torch.Tensor:
        """The sum or mean of the projected gradients."""
        runs, losses, dim = gradients.shape
        places = torch.arange(losses, device=gradients.device)
        order = places.expand(runs, losses, losses)  # row i: in which order i sees the others
        if self.order == "random":
            order = oracle.noise.uniform("order", gradients, (losses, losses)).argsort(dim=2)
        squares = gradients.square().sum(-1)
        projected = gradients
        for other in order.unbind(2):  # (runs, losses): which one each gradient meets now
            onto = gradients.gather(1, other[..., None].expand(-1, -1, dim))
            product = (projected * onto).sum(-1)
            against = (product < 0) & (other != places)
            share = torch.where(against, product / squares.gather(1, other), 0.0)
            projected = projected - share[..., None] * onto
        return projected.sum(1) if self.reduction == "sum" else projected.mean(1)

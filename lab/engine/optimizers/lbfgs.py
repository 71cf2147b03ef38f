"""L-BFGS: Newton's method with an inverse Hessian put together from the last steps."""

from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal, NamedTuple

import torch

from lab.engine.catalogue import register
from lab.engine.knobs import Knob
from lab.engine.layout import Layout
from lab.engine.optimizers.knobs import LearningRate
from lab.engine.optimizers.parts import Parts, built_up
from lab.engine.optimizers.response import BY_CURVATURE
from lab.engine.optimizers.rule import Cost, Rule
from lab.engine.optimizers.strong_wolfe import Sample, strong_wolfe
from lab.engine.oracle import Oracle

LEAST_CURVATURE = 1e-10  # of a pair, ⟨s, y⟩: those below say nothing reliable and are passed over


class Pairs(NamedTuple):
    """The last steps and what they changed, oldest first; empty places are zero.

    Attributes:
        steps: (runs, m, dim), s.
        changes: (runs, m, dim), y, of the gradient.
        weights: (runs, m), 1/⟨s, y⟩.
        scale: (runs, 1), ⟨s, y⟩/⟨y, y⟩ of the newest pair: the inverse Hessian to begin with.
    """

    steps: torch.Tensor
    changes: torch.Tensor
    weights: torch.Tensor
    scale: torch.Tensor


class LBFGSState(NamedTuple):
    """State of `LBFGS`."""

    calls: int
    begun: torch.Tensor  # (runs, 1), 1 once a step was made, else 0
    gradient: torch.Tensor  # (runs, dim), the last one
    step: torch.Tensor  # (runs, dim), the last one
    length: torch.Tensor  # (runs, 1), of that step, as a multiple of its direction
    steps: torch.Tensor  # as in `Pairs`, from here on
    changes: torch.Tensor
    weights: torch.Tensor
    scale: torch.Tensor

    @property
    def pairs(self) -> Pairs:
        """What is remembered of the surface."""
        return Pairs(self.steps, self.changes, self.weights, self.scale)


@register(
    "optimizer",
    "lbfgs",
    title="L-BFGS",
    family="second order",
    formula=r"x \leftarrow x - t\,H_k g, \quad H_k = (I - \rho s y^\top) H_{k-1} "
    r"(I - \rho y s^\top) + \rho s s^\top, \quad \rho = 1 / \langle s, y \rangle",
    paper="Liu & Nocedal 1989, Mathematical Programming 45; Nocedal & Wright 2006, algorithm 7.4",
    look="The first step is along the gradient; after a few pairs it turns into Newton's. The line "
    "search's extra gradients show in a race over gradient evaluations.",
)
@dataclass(frozen=True)
class LBFGS(Rule):
    """Newton steps from the last m steps and changes of the gradient, without any Hessian.

    As torch.optim.LBFGS makes them, one step a call: a pair with ⟨s, y⟩ below 1e-10 is passed over,
    the first step is min(1, 1/‖g‖₁) η long, and a run stands still where its gradient is small
    (`tolerance_grad`) or its direction leads down by too little (`tolerance_change`). torch
    remembers 100 pairs and searches no line unless asked to; without a search η = 1 often flies
    off. With one, lengths are sought that meet the strong Wolfe conditions, starting from η.
    """

    lr: LearningRate = 1.0
    history_size: Annotated[
        int, Knob(1, 1000, scale="log", slider=(1, 100), symbol="m", doc="pairs remembered")
    ] = 10
    line_search: Annotated[
        Literal["strong-wolfe", "none"],
        Knob(doc="whether each step's length is sought, which asks for more gradients"),
    ] = "strong-wolfe"
    c1: Annotated[
        float, Knob(0, 1, doc="strong Wolfe: the part of the promised fall that must come true")
    ] = 1e-4
    c2: Annotated[float, Knob(0, 1, doc="strong Wolfe: the part of the slope that may be left")] = (
        0.9
    )
    search_steps: Annotated[
        int, Knob(1, 1000, scale="log", doc="lengths that a search tries after the first")
    ] = 25
    tolerance_grad: Annotated[
        float,
        Knob(0, 1e6, scale="log", slider=(1e-12, 1.0), live=True, doc="largest slope to rest at"),
    ] = 1e-7
    tolerance_change: Annotated[
        float,
        Knob(
            0,
            1e6,
            scale="log",
            slider=(1e-15, 1.0),
            live=True,
            doc="a fall, or a bracket of the line search, that is too small to go on with",
        ),
    ] = 1e-9

    State = LBFGSState
    no_limit = BY_CURVATURE
    readings: ClassVar = {"length": "length of the step, as a multiple of its direction"}

    def init(self, theta: torch.Tensor, layout: Layout) -> LBFGSState:
        """No pairs yet."""
        runs, dim = theta.shape
        pairs = theta.new_zeros(runs, self.history_size, dim)
        none, one = torch.zeros_like(theta[:, :1]), torch.ones_like(theta[:, :1])
        nowhere = torch.zeros_like(theta)
        return LBFGSState(0, none, nowhere, nowhere, none, pairs, pairs, pairs[:, :, 0], one)

    def update(
        self, theta: torch.Tensor, state: LBFGSState, oracle: Oracle
    ) -> tuple[torch.Tensor, LBFGSState]:
        """One step."""
        value, gradient = oracle.value_and_gradient(theta)
        resting = gradient.abs().amax(1, keepdim=True) <= self.tolerance_grad
        pairs = self._remembered(state, gradient, resting)
        direction = -two_loops(pairs, gradient, min(state.calls, self.history_size))
        length = self._first_length(gradient, state)
        slope = (gradient * direction).sum(1, keepdim=True)
        going = ~resting & ~(slope > -self.tolerance_change)
        if self.line_search == "strong-wolfe":
            start = Sample(torch.zeros_like(length), value[:, None], slope)
            length = self._searched(theta, direction, start, length, going, oracle)
        step = torch.where(going, length * direction, 0.0)
        state = LBFGSState(
            state.calls + 1,
            torch.where(resting, state.begun, 1.0),
            torch.where(resting, state.gradient, gradient),
            torch.where(resting, state.step, step),
            torch.where(going, length, 0.0),
            *pairs,
        )
        return theta + step, state

    def read(self, theta: torch.Tensor, state: LBFGSState) -> dict[str, torch.Tensor]:
        """The length of the last step."""
        return {"length": state.length[:, 0]}

    def parts(self, theta: torch.Tensor, state: LBFGSState, oracle: Oracle) -> Parts:
        """The gradient, the inverse Hessian times it, and what the length changes."""
        gradient = oracle.gradient(theta)
        after, found = self.update(theta, state, oracle)
        newton = two_loops(found.pairs, gradient, min(state.calls, self.history_size))
        return built_up(
            ("gradient", -self.lr * gradient),
            ("preconditioner", -self.lr * newton),
            ("step size", after - theta),
        )

    def cost(self, dim: int) -> Cost:
        """A gradient, and with a line search at least one more."""
        return Cost(1 if self.line_search == "none" else 2)

    def _remembered(
        self, state: LBFGSState, gradient: torch.Tensor, resting: torch.Tensor
    ) -> Pairs:
        """The pairs with the last step among them, where it is worth it."""
        pairs = state.pairs
        if state.calls == 0:
            return pairs
        change = gradient - state.gradient
        product = (state.step * change).sum(1, keepdim=True)
        new = (state.begun > 0) & ~resting & (product > LEAST_CURVATURE)
        if not new.any():
            return pairs
        newer = Pairs(
            _pushed(pairs.steps, state.step),
            _pushed(pairs.changes, change),
            torch.cat([pairs.weights[:, 1:], 1 / product], dim=1),
            product / change.square().sum(1, keepdim=True),
        )
        if new.all():  # no second copy of all pairs
            return newer
        return Pairs(
            torch.where(new[:, :, None], newer.steps, pairs.steps),
            torch.where(new[:, :, None], newer.changes, pairs.changes),
            torch.where(new, newer.weights, pairs.weights),
            torch.where(new, newer.scale, pairs.scale),
        )

    def _first_length(self, gradient: torch.Tensor, state: LBFGSState) -> torch.Tensor:
        """η, and less in the first step, when nothing is known of the surface: (runs, 1)."""
        careful = (1 / gradient.abs().sum(1, keepdim=True)).clamp(max=1.0)
        return torch.where(state.begun > 0, 1.0, careful) * self.lr

    def _searched(
        self,
        theta: torch.Tensor,
        direction: torch.Tensor,
        start: Sample,
        length: torch.Tensor,
        going: torch.Tensor,
        oracle: Oracle,
    ) -> torch.Tensor:
        """The lengths that the line search finds, (runs, 1)."""

        def evaluate(length: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
            value, gradient = oracle.value_and_gradient(torch.addcmul(theta, length, direction))
            return value[:, None], (gradient * direction).sum(1, keepdim=True)

        searching = going & start.value.isfinite() & start.slope.isfinite()
        if not searching.any():
            return length
        shortest = self.tolerance_change / direction.abs().amax(1, keepdim=True)
        return strong_wolfe(
            evaluate,
            start,
            length,
            shortest,
            searching,
            armijo=self.c1,
            curvature=self.c2,
            most=self.search_steps,
        )


def two_loops(pairs: Pairs, gradient: torch.Tensor, most: int) -> torch.Tensor:
    """The inverse Hessian that the pairs imply, times the gradient.

    Args:
        pairs: see there.
        gradient: (runs, dim).
        most: how many of the newest places can hold a pair.

    Returns:
        (runs, dim)
    """
    size = pairs.weights.shape[1]
    places = range(size - most, size)
    result, shares = gradient, {}
    for i in reversed(places):
        shares[i] = pairs.weights[:, i : i + 1] * (pairs.steps[:, i] * result).sum(1, keepdim=True)
        result = torch.addcmul(result, shares[i], pairs.changes[:, i], value=-1)
    result = result * pairs.scale
    for i in places:
        share = pairs.weights[:, i : i + 1] * (pairs.changes[:, i] * result).sum(1, keepdim=True)
        result = torch.addcmul(result, shares[i] - share, pairs.steps[:, i])
    return result


def _pushed(rows: torch.Tensor, newest: torch.Tensor) -> torch.Tensor:
    """Rows (runs, m, dim) without the oldest, and with a newest (runs, dim)."""
    return torch.cat([rows[:, 1:], newest[:, None]], dim=1)

"""Mirror descent: a gradient step in the coordinates of a potential, and its optimistic form."""

from dataclasses import dataclass
from typing import Annotated, Literal, NamedTuple

import torch

from lab.engine.catalogue import register
from lab.engine.knobs import Knob
from lab.engine.layout import Layout
from lab.engine.optimizers.knobs import LearningRate
from lab.engine.optimizers.parts import Parts, built_up
from lab.engine.optimizers.response import KEPT_IN_A_SET, Response
from lab.engine.optimizers.rule import Rule
from lab.engine.optimizers.sets import project
from lab.engine.oracle import Oracle

START_SHARE = 0.01  # of equal weights, mixed into a start that has to be moved onto the simplex
ON_SIMPLEX = 1e-6  # how far from 1 the weights of a start may sum


class MirrorState(NamedTuple):
    """State of the rules of this file."""

    step: int
    previous: torch.Tensor  # (runs, dim), the last gradient; (runs, 0) where nothing looks back


def onto_simplex(theta: torch.Tensor) -> torch.Tensor:
    """Starts (runs, dim) as weights that sum to 1; those that already are stay as they are.

    The others are projected, and then a hundredth of equal weights is mixed in: a multiplicative
    rule never leaves a weight of exactly zero.
    """
    one = torch.ones_like(theta[:, :1])
    on_it = (theta >= 0).all(1, keepdim=True)
    on_it &= (theta.sum(1, keepdim=True) - 1).abs() <= ON_SIMPLEX
    moved = project("simplex", theta, one) * (1 - START_SHARE) + START_SHARE / theta.shape[1]
    return torch.where(on_it, theta, moved)


def entropy_step(weights: torch.Tensor, slope: torch.Tensor, lr: torch.Tensor) -> torch.Tensor:
    """Weights times exp(-lr slope), divided by their sum: (runs, dim), in the log domain."""
    return torch.softmax(torch.addcmul(weights.log(), slope, lr, value=-1), dim=1)


def natural_slope(weights: torch.Tensor, slope: torch.Tensor) -> torch.Tensor:
    """What `entropy_step` follows for a small lr: weights times slope above average."""
    return weights * (slope - (weights * slope).sum(1, keepdim=True))


@register(
    "optimizer",
    "mirror_descent",
    title="Mirror descent",
    family="mirror and constrained",
    formula=r"\nabla\psi(x^+) = \nabla\psi(x) - \eta\,(g + o\,(g - g_{t-1}))",
    paper="Beck & Teboulle 2003, Operations Research Letters 31(3); hypentropy: Ghai, Hazan & "
    "Singer 2020, arXiv 1902.01903; optimistic: Rakhlin & Sridharan 2013, arXiv 1311.1869",
    look="How the path bends: the potential says which directions are short. With entropy the "
    "point stays among weights that sum to 1, and small weights move little.",
)
@dataclass(frozen=True)
class MirrorDescent(Rule):
    """A gradient step in the coordinates that a potential makes of the parameters.

    Potentials: `euclid`, ‖x‖²/2, which is gradient descent; `entropy`, Σ x ln x on weights that sum
    to 1, which is the exponentiated gradient; `hypentropy`, Σ x asinh(x/β) - √(x² + β²), for which
    x⁺ = β sinh(asinh(x/β) - ηg): nearly multiplicative for |x| far above β and plain far below. The
    optimistic form puts 2g - (last gradient) in place of g, the same g at the first step; it costs
    one gradient a step where the extragradient method takes two. With `entropy` a start that is not
    a set of weights is moved onto the simplex at the first step, 1 % of the way from the nearest
    such point towards equal weights, since a weight of zero stays zero.
    """

    lr: LearningRate = 1e-3
    potential: Annotated[
        Literal["hypentropy", "euclid", "entropy"],
        Knob(doc="the measure of distance: both ways multiplicative, plain, weights that sum to 1"),
    ] = "hypentropy"
    beta: Annotated[
        float,
        Knob(
            0,
            1e6,
            excluded="low",
            scale="log",
            slider=(1e-3, 1e2),
            symbol="β",
            live=True,
            doc="for hypentropy: parameters below this size move as in gradient descent with ηβ",
        ),
    ] = 1.0
    optimistic: Annotated[
        bool, Knob(doc="guess that the next gradient changes as much as the last one did")
    ] = False

    State = MirrorState
    no_limit = KEPT_IN_A_SET  # of entropy

    def init(self, theta: torch.Tensor, layout: Layout) -> MirrorState:
        """No gradient seen yet."""
        return MirrorState(0, torch.zeros_like(theta[:, : None if self.optimistic else 0]))

    def update(
        self, theta: torch.Tensor, state: MirrorState, oracle: Oracle
    ) -> tuple[torch.Tensor, MirrorState]:
        """One step."""
        at = self._inside(theta, state)
        gradient = oracle.gradient(at)
        theta = self._move(at, self._slope(gradient, state))
        return theta, MirrorState(state.step + 1, gradient if self.optimistic else state.previous)

    def parts(self, theta: torch.Tensor, state: MirrorState, oracle: Oracle) -> Parts:
        """Gradient, what optimism adds, and what the potential makes of it."""
        at = self._inside(theta, state)
        gradient = oracle.gradient(at)
        slope = self._slope(gradient, state)
        stages = [("gradient", -self.lr * gradient)]
        if self.optimistic:
            stages.append(("momentum", -self.lr * slope))
        step = self._move(at, slope) - theta
        if self.potential == "entropy":
            stages += [
                ("preconditioner", -self.lr * natural_slope(at, slope)),
                ("projection", step),
            ]
        elif self.potential == "hypentropy":
            stages.append(("preconditioner", step))
        return built_up(*stages)

    def response(self, theta: torch.Tensor, state: MirrorState, oracle: Oracle) -> Response | str:
        """A gradient over the potential's second derivative."""
        if self.potential == "entropy":
            return self.no_limit
        gain, formula = _guessing(self.lr, ahead=self.optimistic and state.step > 0)
        bend = None if self.potential == "euclid" else (theta**2 + self.beta**2).rsqrt()
        return Response(self.lr, gain, formula, bend)

    def _inside(self, theta: torch.Tensor, state: MirrorState) -> torch.Tensor:
        """The point to step from: at the start with entropy one on the simplex."""
        return onto_simplex(theta) if self.potential == "entropy" and not state.step else theta

    def _slope(self, gradient: torch.Tensor, state: MirrorState) -> torch.Tensor:
        """The gradient to step along: (runs, dim)."""
        if not (self.optimistic and state.step):
            return gradient
        return 2 * gradient - state.previous

    def _move(self, theta: torch.Tensor, slope: torch.Tensor) -> torch.Tensor:
        """The next point."""
        if self.potential == "entropy":
            return entropy_step(theta, slope, self.lr)
        if self.potential == "euclid":
            return torch.addcmul(theta, slope, self.lr, value=-1)
        dual = torch.addcmul((theta / self.beta).asinh_(), slope, self.lr, value=-1)
        return dual.sinh_().mul_(self.beta)


@register(
    "optimizer",
    "optimistic_gd",
    title="Optimistic GD",
    family="mirror and constrained",
    formula=r"x \leftarrow x - 2\eta\,g_t + \eta\,g_{t-1}",
    paper="Daskalakis, Ilyas, Syrgkanis & Zeng 2018, arXiv 1711.00141",
    look="Along narrow valleys it damps the zig-zag less than momentum; on a saddle between two "
    "players it spirals inwards where plain descent spirals out.",
)
@dataclass(frozen=True)
class OptimisticGD(Rule):
    """Gradient descent with a guess at the next gradient: as much change again as the last time.

    The first step takes the gradient before the start as equal to that at the start, so it is one
    of plain descent.
    """

    lr: LearningRate = 1e-3

    State = MirrorState

    def init(self, theta: torch.Tensor, layout: Layout) -> MirrorState:
        """No gradient seen yet."""
        return MirrorState(0, torch.zeros_like(theta))

    def update(
        self, theta: torch.Tensor, state: MirrorState, oracle: Oracle
    ) -> tuple[torch.Tensor, MirrorState]:
        """One step."""
        gradient = oracle.gradient(theta)
        slope = 2 * gradient - state.previous if state.step else gradient
        theta = torch.addcmul(theta, slope, self.lr, value=-1)
        return theta, MirrorState(state.step + 1, gradient)

    def parts(self, theta: torch.Tensor, state: MirrorState, oracle: Oracle) -> Parts:
        """The gradient, and the change of it that is expected."""
        gradient = oracle.gradient(theta)
        change = gradient - state.previous if state.step else torch.zeros_like(gradient)
        return {"gradient": -self.lr * gradient, "momentum": -self.lr * change}

    def response(self, theta: torch.Tensor, state: MirrorState, oracle: Oracle) -> Response:
        """A gradient, and once more what has changed since the last."""
        return Response(self.lr, *_guessing(self.lr, ahead=state.step > 0))


def _guessing(lr: torch.Tensor, *, ahead: bool) -> tuple[torch.Tensor, str]:
    """The gain (runs, 1) of 2g - (last g), whose sign alternates, or of g; and the limit."""
    return torch.full_like(lr, 3.0 if ahead else 1.0), "2/3η" if ahead else "2/η"

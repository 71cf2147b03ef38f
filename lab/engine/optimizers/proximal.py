"""Proximal gradient: a gradient step on f, then the exact step on a penalty that makes sparse.

The lab draws f alone. What is minimised is f plus the penalty, which is a reading of each rule.
"""

from abc import abstractmethod
from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal, NamedTuple

import torch

from lab.engine.catalogue import register
from lab.engine.knobs import Knob
from lab.engine.layout import Layout
from lab.engine.limits import velocity_formula, velocity_gain
from lab.engine.optimizers.knobs import LearningRate
from lab.engine.optimizers.parts import Parts, built_up
from lab.engine.optimizers.response import Response
from lab.engine.optimizers.rule import Rule
from lab.engine.oracle import Oracle

POWER_STEPS = 100  # Hessian products from which the largest curvature at the start is found

Penalty = Annotated[
    float,
    Knob(
        0,
        1e6,
        scale="log",
        slider=(1e-4, 10.0),
        symbol="λ",
        live=True,
        doc="weight of the penalty: larger ones leave fewer parameters that are not zero",
    ),
]
FindStep = Annotated[
    bool,
    Knob(doc="in place of η use 1/L, L the largest curvature of f at the start"),
]


def soft_threshold(points: torch.Tensor, threshold: torch.Tensor) -> torch.Tensor:
    """Every coordinate moved towards zero by the threshold (runs, 1), and not past it."""
    return points - torch.maximum(torch.minimum(points, threshold), -threshold)


def hard_threshold(points: torch.Tensor, threshold: torch.Tensor) -> torch.Tensor:
    """Coordinates of size up to the threshold (runs, 1) set to zero, the others as they are."""
    return torch.where(points.abs() <= threshold, 0.0, points)


def keep_largest(points: torch.Tensor, count: int) -> torch.Tensor:
    """All but the `count` largest coordinates of each run set to zero."""
    chosen = points.abs().topk(min(count, points.shape[1]), dim=1).indices
    return torch.zeros_like(points).scatter_(1, chosen, points.gather(1, chosen))


def _in_use(points: torch.Tensor) -> torch.Tensor:
    """A divisor (runs, dim) that holds parameters which are zero (runs, dim) where they are."""
    return torch.where(points != 0, 1.0, torch.inf).to(points)


def inverse_curvature(theta: torch.Tensor, oracle: Oracle) -> torch.Tensor:
    """1/L (runs, 1), L the largest size of an eigenvalue of the Hessian at theta (runs, dim).

    By the power method from a random vector, which approaches L from below.
    """
    product = oracle.products(theta)
    vector = oracle.noise.normal("power method", theta)
    for _ in range(POWER_STEPS):
        vector = product(vector / torch.linalg.vector_norm(vector, dim=1, keepdim=True))
    return 1 / torch.linalg.vector_norm(vector, dim=1, keepdim=True)


class ProximalRule(Rule):
    """What the rules of this file share: the step size and the readings."""

    readings: ClassVar = {
        "penalty": "what the penalty adds to the loss that is drawn",
        "nonzeros": "parameters that are not zero",
    }

    lr: LearningRate
    find_step: FindStep

    @abstractmethod
    def _prox(self, points: torch.Tensor, size: torch.Tensor) -> torch.Tensor:
        """The proximal map (runs, dim) of the penalty times the step size (runs, 1)."""

    @abstractmethod
    def _penalty(self, theta: torch.Tensor) -> torch.Tensor:
        """What the penalty is at theta: (runs,)."""

    def read(self, theta: torch.Tensor, state: NamedTuple) -> dict[str, torch.Tensor]:
        """The penalty, and how many parameters are not zero."""
        nonzeros = (theta != 0).sum(1).to(theta.dtype)
        return {"penalty": self._penalty(theta), "nonzeros": nonzeros}

    def _size(
        self, theta: torch.Tensor, step: int, size: torch.Tensor, oracle: Oracle
    ) -> torch.Tensor:
        """The step size (runs, 1): η, or 1/L, which is found at the first step and then kept."""
        if not self.find_step:
            return self.lr
        return size if step else inverse_curvature(theta, oracle)


class SizeState(NamedTuple):
    """State of `ISTA` and `IHT`."""

    step: int
    size: torch.Tensor  # (runs, 1), the step size found at the start; 0 where it is η


class PlainProximal(ProximalRule):
    """Proximal gradient without acceleration."""

    State = SizeState

    def init(self, theta: torch.Tensor, layout: Layout) -> SizeState:
        """No step size found yet."""
        return SizeState(0, torch.zeros_like(theta[:, :1]))

    def update(
        self, theta: torch.Tensor, state: SizeState, oracle: Oracle
    ) -> tuple[torch.Tensor, SizeState]:
        """One step."""
        size = self._size(theta, state.step, state.size, oracle)
        moved = torch.addcmul(theta, oracle.gradient(theta), size, value=-1)
        found = size if self.find_step else state.size
        return self._prox(moved, size), SizeState(state.step + 1, found)

    def parts(self, theta: torch.Tensor, state: SizeState, oracle: Oracle) -> Parts:
        """The gradient step on f, and what the proximal map does to it."""
        size = self._size(theta, state.step, state.size, oracle)
        step = -size * oracle.gradient(theta)
        return built_up(("gradient", step), ("projection", self._prox(theta + step, size) - theta))

    def response(self, theta: torch.Tensor, state: SizeState, oracle: Oracle) -> Response:
        """Plain descent of the parameters that are not set to zero."""
        moved, after = self.update(theta, state, oracle)
        rate = after.size if self.find_step else self.lr
        return Response(rate, torch.ones_like(rate), "2/η", _in_use(moved))


@register(
    "optimizer",
    "ista",
    title="ISTA",
    family="mirror and constrained",
    formula=r"x \leftarrow S_{\eta\lambda}(x - \eta\,g), \quad S_t(v) = \mathrm{sign}(v)\,"
    r"\max(|v| - t, 0)",
    paper="Daubechies, Defrise & De Mol 2004, arXiv math/0307152; Beck & Teboulle 2009, SIAM "
    "Journal on Imaging Sciences 2(1), equation 1.4",
    look="Parameters reach zero exactly and stay there. The loss drawn is f alone: add the reading "
    "penalty to see what is minimised, which falls at every step up to η = 1/L.",
)
@dataclass(frozen=True)
class ISTA(PlainProximal):
    """A gradient step, then every parameter moved towards zero by ηλ and not past it.

    It minimises f + λ Σ|x|, where f is the loss that is drawn; the penalty is a reading. With
    1/L as step size 100 Hessian products are made once, at the start. PyLops' `eps` is twice the λ
    used here.
    """

    lr: LearningRate = 1e-2
    penalty: Penalty = 0.05
    find_step: FindStep = False

    def _prox(self, points: torch.Tensor, size: torch.Tensor) -> torch.Tensor:
        return soft_threshold(points, size * self.penalty)

    def _penalty(self, theta: torch.Tensor) -> torch.Tensor:
        return (self.penalty * theta.abs()).sum(1)


class FISTAState(NamedTuple):
    """State of `FISTA`."""

    step: int
    size: torch.Tensor  # (runs, 1), the step size found at the start; 0 where it is η
    previous: torch.Tensor  # (runs, dim), the point before the present one
    pace: torch.Tensor  # (runs, 1), t, which grows by about a half at each step
    ahead: torch.Tensor  # (runs, 1), how far the next step extrapolates


@register(
    "optimizer",
    "fista",
    title="FISTA",
    family="mirror and constrained",
    formula=r"z = x + \frac{t - 1}{t^+}(x - x_{k-1}), \quad "
    r"x \leftarrow S_{\eta\lambda}(z - \eta\,\nabla f(z)), \quad "
    r"t^+ = \frac{1 + \sqrt{1 + 4 t^2}}{2}",
    paper="Beck & Teboulle 2009, SIAM Journal on Imaging Sciences 2(1), equations 4.1-4.3; "
    "restart: O'Donoghue & Candès 2015, arXiv 1204.3982",
    look="Faster than ISTA but with ripples: loss plus penalty rises where it overshoots. Turn on "
    "the restart and the ripples end.",
)
@dataclass(frozen=True)
class FISTA(ProximalRule):
    """ISTA from a point extrapolated along the last step, by more and more.

    It minimises f + λ Σ|x|, where f is the loss that is drawn; the penalty is a reading. The point
    shown is x; the gradient is taken at z. With `restart` the extrapolation begins anew wherever
    (z - x⁺)·(x⁺ - x) > 0: the step then goes against the momentum (the gradient scheme of
    O'Donoghue & Candès). With 1/L as step size 100 Hessian products are made once, at the start.
    """

    lr: LearningRate = 1e-2
    penalty: Penalty = 0.05
    find_step: FindStep = False
    restart: Annotated[
        bool, Knob(doc="forget the momentum where the step goes against it: no ripples")
    ] = False

    State = FISTAState

    def init(self, theta: torch.Tensor, layout: Layout) -> FISTAState:
        """At rest."""
        zero = torch.zeros_like(theta[:, :1])
        return FISTAState(0, zero, torch.zeros_like(theta), zero + 1, zero)

    def update(
        self, theta: torch.Tensor, state: FISTAState, oracle: Oracle
    ) -> tuple[torch.Tensor, FISTAState]:
        """One step."""
        size = self._size(theta, state.step, state.size, oracle)
        z = torch.addcmul(theta, theta - state.previous, state.ahead)
        moved = self._prox(torch.addcmul(z, oracle.gradient(z), size, value=-1), size)
        pace = (1 + (1 + 4 * state.pace**2).sqrt()) / 2
        ahead = (state.pace - 1) / pace
        if self.restart:
            against = ((z - moved) * (moved - theta)).sum(1, keepdim=True) > 0
            pace, ahead = pace.masked_fill(against, 1.0), ahead.masked_fill(against, 0.0)
        found = size if self.find_step else state.size
        return moved, FISTAState(state.step + 1, found, theta, pace, ahead)

    def parts(self, theta: torch.Tensor, state: FISTAState, oracle: Oracle) -> Parts:
        """Gradient here, gradient at z, the way to z, and what the proximal map does."""
        size = self._size(theta, state.step, state.size, oracle)
        z = torch.addcmul(theta, theta - state.previous, state.ahead)
        moved = torch.addcmul(z, oracle.gradient(z), size, value=-1)
        return built_up(
            ("gradient", -size * oracle.gradient(theta)),
            ("perturbation", -size * oracle.gradient(z)),
            ("momentum", moved - theta),
            ("projection", self._prox(moved, size) - theta),
        )

    def response(self, theta: torch.Tensor, state: FISTAState, oracle: Oracle) -> Response:
        """Descent with a look-ahead, of the parameters that are not set to zero."""
        moved, after = self.update(theta, state, oracle)
        rate = after.size if self.find_step else self.lr
        gain = velocity_gain(state.ahead, ahead=True)
        formula = velocity_formula(momentum=True, share=1, ahead=True)
        return Response(rate, gain, formula, _in_use(moved))

    def _prox(self, points: torch.Tensor, size: torch.Tensor) -> torch.Tensor:
        return soft_threshold(points, size * self.penalty)

    def _penalty(self, theta: torch.Tensor) -> torch.Tensor:
        return (self.penalty * theta.abs()).sum(1)


@register(
    "optimizer",
    "iht",
    title="IHT",
    family="mirror and constrained",
    formula=r"x \leftarrow H(x - \eta\,g), \quad H: |v| \leq \sqrt{2\eta\lambda} \mapsto 0",
    paper="Blumensath & Davies 2008, Journal of Fourier Analysis and Applications 14 (penalty); "
    "2009, arXiv 0805.0510 (s-sparse)",
    look="Parameters jump to zero and back instead of shrinking: which ones are in use changes by "
    "leaps, and then settles. The loss drawn is f alone.",
)
@dataclass(frozen=True)
class IHT(PlainProximal):
    """Iterative hard thresholding: a gradient step, then small parameters are set to zero.

    `penalty` minimises f + λ (number of parameters that are not zero): all up to √(2ηλ) go to 0.
    `sparse` keeps the s largest and has no penalty. Both need steps of at most 1/L to fall at every
    step. Where two are equally large at the limit of s, the choice is that of torch.topk. With 1/L
    as step size 100 Hessian products are made once, at the start.
    """

    lr: LearningRate = 1e-2
    form: Annotated[
        Literal["penalty", "sparse"], Knob(doc="pay λ for each, or keep a fixed number")
    ] = "penalty"
    penalty: Penalty = 0.05
    sparsity: Annotated[
        int, Knob(1, 1_000_000, scale="log", symbol="s", doc="how many parameters stay, for sparse")
    ] = 3
    find_step: FindStep = False

    def _prox(self, points: torch.Tensor, size: torch.Tensor) -> torch.Tensor:
        if self.form == "sparse":
            return keep_largest(points, self.sparsity)
        return hard_threshold(points, (2 * size * self.penalty).sqrt())

    def _penalty(self, theta: torch.Tensor) -> torch.Tensor:
        if self.form == "sparse":
            return torch.zeros_like(theta[:, 0])
        return (self.penalty * (theta != 0)).sum(1)

"""Adan: Adam with Nesterov's look-ahead, made of differences of gradients."""

from dataclasses import dataclass
from typing import Annotated, NamedTuple

import torch

from lab.engine.catalogue import register
from lab.engine.knobs import Knob
from lab.engine.layout import Layout
from lab.engine.limits import average_gain
from lab.engine.optimizers.arithmetic import filled, shrunk
from lab.engine.optimizers.knobs import Beta1, DecoupledDecay, Epsilon, LearningRate
from lab.engine.optimizers.parts import Parts, built_up
from lab.engine.optimizers.response import Response
from lab.engine.optimizers.rule import Rule
from lab.engine.oracle import Oracle


class AdanState(NamedTuple):
    """State of `Adan`: moving averages that start at zero."""

    step: int
    mean: torch.Tensor  # (runs, dim), m, of the gradient
    change: torch.Tensor  # (runs, dim), d, of its difference from one step to the next
    square: torch.Tensor  # (runs, dim), n, of (g + β₂ difference)²
    previous: torch.Tensor  # (runs, dim), the last gradient, clipped


@register(
    "optimizer",
    "adan",
    title="Adan",
    family="adaptive",
    formula=r"u = (\hat m + \beta_2 \hat d) / (\sqrt{\hat n} + \epsilon), \quad "
    r"x \leftarrow (x - \eta u) / (1 + \eta\lambda)",
    paper="Xie et al. 2022, arXiv 2208.06677, algorithm 1",
    look="In a curved valley the change of the gradient steers: the step bends before Adam's does, "
    "as if the gradient had been taken further ahead.",
)
@dataclass(frozen=True)
class Adan(Rule):
    """Adam with the average change of the gradient added to the average gradient.

    As in the authors' code, where the β say how much is kept and the averages, which start at zero,
    are corrected for that. The paper's β are 1 minus these, and its averages start at the first
    gradient without correction. Weight decay is a proximal step after the gradient's; `no_prox`
    shrinks the parameters before it, as AdamW does.
    """

    lr: LearningRate = 1e-3
    beta1: Beta1 = 0.98
    beta2: Annotated[
        float,
        Knob(
            0,
            1,
            excluded="high",
            slider=(0, 0.999),
            symbol="β₂",
            live=True,
            doc="memory of the gradient's change, and the weight it has in the step",
        ),
    ] = 0.92
    beta3: Annotated[
        float,
        Knob(
            0,
            1,
            excluded="high",
            slider=(0, 0.9999),
            symbol="β₃",
            live=True,
            doc="memory of the gradient's size, which scales each coordinate: 0.99 is 100 steps",
        ),
    ] = 0.99
    eps: Epsilon = 1e-8
    weight_decay: DecoupledDecay = 0.0
    no_prox: Annotated[
        bool, Knob(doc="shrink the parameters before the step instead of after it")
    ] = False
    max_grad_norm: Annotated[
        float,
        Knob(
            0,
            1e9,
            scale="log",
            slider=(1e-3, 1e3),
            symbol="c",
            live=True,
            doc="gradients longer than this are cut to it, over all parameters; 0 cuts nothing",
        ),
    ] = 0.0

    State = AdanState
    broadcasts = True

    def init(self, theta: torch.Tensor, layout: Layout) -> AdanState:
        """Nothing averaged yet."""
        return AdanState(0, *(torch.zeros_like(theta) for _ in range(4)))

    def update(
        self, theta: torch.Tensor, state: AdanState, oracle: Oracle
    ) -> tuple[torch.Tensor, AdanState]:
        """One step."""
        after = self._averages(self._clipped(oracle.gradient(theta)), state)
        ahead = self._look_ahead(after)
        decay = self.lr * self.weight_decay
        if self.no_prox:
            moved = shrunk(theta, self.lr, self.weight_decay)
            moved.addcdiv_(ahead, self._root(after), value=-1)
        else:
            moved = torch.addcdiv(theta, ahead, self._root(after), value=-1).div_(1 + decay)
        return moved, after

    def parts(self, theta: torch.Tensor, state: AdanState, oracle: Oracle) -> Parts:
        """Gradient, clipping, momentum (with the change), preconditioner, weight decay."""
        gradient = oracle.gradient(theta)
        clipped = self._clipped(gradient)
        after = self._averages(clipped, state)
        ahead = self._look_ahead(after)
        scaled, decay = -ahead / self._root(after), self.lr * self.weight_decay
        whole = scaled - decay * theta
        return built_up(
            ("gradient", -self.lr * gradient),
            ("clipping", -self.lr * clipped),
            ("momentum", -ahead),
            ("preconditioner", scaled),
            ("weight decay", whole if self.no_prox else whole / (1 + decay)),
        )

    def response(self, theta: torch.Tensor, state: AdanState, oracle: Oracle) -> Response:
        """Two averages over a root; of a sign that alternates the change is twice the gradient."""
        gradient = oracle.gradient(theta)
        clipped = self._clipped(gradient)
        after = self._averages(clipped, state)
        mean = average_gain(self.beta1) / filled(self.beta1, after.step)
        change = 2 * self.beta2 * average_gain(self.beta2) / filled(self.beta2, after.step)
        sizes = (torch.linalg.vector_norm(x, dim=1, keepdim=True) for x in (clipped, gradient))
        left = torch.nan_to_num(torch.div(*sizes), nan=1.0)  # what clipping leaves
        decay = self.lr * self.weight_decay
        whole = torch.ones_like(decay) if self.no_prox else 1 + decay
        return Response(
            self.lr * left / whole,
            mean + change,
            "(2−ηλ)/η[(1−β₁)/(1+β₁)+2β₂(1−β₂)/(1+β₂)]",
            self._root(after),
            shrink=decay / whole,
        )

    def _clipped(self, gradient: torch.Tensor) -> torch.Tensor:
        """The gradient with its norm over all parameters cut, (runs, dim)."""
        limit = self.max_grad_norm
        if limit.device.type == "cpu" and not limit.any():  # a GPU is not asked: it would wait
            return gradient
        norm = torch.linalg.vector_norm(gradient, dim=1, keepdim=True)
        limit = torch.where(limit > 0, limit, torch.inf)
        return gradient * (limit / norm.add_(self.eps)).clamp_(max=1)

    def _averages(self, gradient: torch.Tensor, state: AdanState) -> AdanState:
        """The state with one more gradient in it."""
        # before the first step there is nothing to differ from
        change = gradient - state.previous if state.step else torch.zeros_like(gradient)
        ahead = torch.addcmul(gradient, change, self.beta2)
        return AdanState(
            state.step + 1,
            torch.lerp(gradient, state.mean, self.beta1),
            torch.lerp(change, state.change, self.beta2),
            torch.lerp(ahead.square_(), state.square, self.beta3),
            gradient,
        )

    def _look_ahead(self, after: AdanState) -> torch.Tensor:
        """The step before it is scaled, η (m̂ + β₂ d̂), (runs, dim)."""
        lr = self.lr
        mean = after.mean * (lr / filled(self.beta1, after.step))
        weight = lr * self.beta2 / filled(self.beta2, after.step)
        return mean.addcmul_(after.change, weight)

    def _root(self, after: AdanState) -> torch.Tensor:
        """What it is divided by, √n̂ + ε, (runs, dim)."""
        return (after.square / filled(self.beta3, after.step)).sqrt_().add_(self.eps)

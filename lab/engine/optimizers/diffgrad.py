"""diffGrad: Adam that is slowed down where the gradient hardly changes."""

from dataclasses import dataclass
from typing import Annotated, Literal, NamedTuple

import torch

from lab.engine.catalogue import register
from lab.engine.knobs import Knob
from lab.engine.layout import Layout
from lab.engine.optimizers.adam import AdamRule, EpsilonPlace
from lab.engine.optimizers.knobs import WeightDecay
from lab.engine.optimizers.parts import Parts, built_up, descent_stages
from lab.engine.optimizers.response import Response
from lab.engine.oracle import Oracle


class DiffGradState(NamedTuple):
    """State of `DiffGrad`."""

    step: int
    mean: torch.Tensor  # (runs, dim)
    square: torch.Tensor  # (runs, dim)
    previous: torch.Tensor  # (runs, dim), the last gradient, zero before the first


@register(
    "optimizer",
    "diffgrad",
    title="diffGrad",
    family="adaptive",
    formula=r"\xi = 1 / (1 + e^{-|g_{t-1} - g_t|}), \quad "
    r"x \leftarrow x - \eta\,\xi\,\hat m / (\sqrt{\hat v} + \epsilon)",
    paper="Dubey et al. 2020, IEEE TNNLS 31(11), arXiv 1909.11015",
    look="Beside Adam it brakes where the slope stays the same, up to half: it overshoots a "
    "minimum less, and falls behind on long even slopes.",
)
@dataclass(frozen=True)
class DiffGrad(AdamRule):
    """Adam with a friction for each coordinate: half the step where the gradient stays the same.

    The friction ξ lies between 1/2 and 1, so a step is never longer than Adam's. The formula is the
    paper's (`form="paper"`); the authors' code and the packages made after it (`form="code"`) add ε
    to the root before v is corrected for its start at zero.
    """

    weight_decay: WeightDecay = 0.0
    form: Annotated[
        Literal["code", "paper"],
        Knob(doc="where ε is added: to √v as in the authors' code, or to √v̂ as in their paper"),
    ] = "code"

    State = DiffGradState

    def init(self, theta: torch.Tensor, layout: Layout) -> DiffGradState:
        """Nothing averaged yet."""
        return DiffGradState(0, *(torch.zeros_like(theta) for _ in range(3)))

    def update(
        self, theta: torch.Tensor, state: DiffGradState, oracle: Oracle
    ) -> tuple[torch.Tensor, DiffGradState]:
        """One step."""
        gradient = torch.addcmul(oracle.gradient(theta), theta, self.weight_decay)
        step = state.step + 1
        mean, square = self._average(gradient, state.mean, state.square)
        slowed = (state.previous - gradient).abs_().sigmoid_().mul_(mean)
        slowed, root = self._coasting(slowed, step), self._root(square, step, self._place)
        theta = torch.addcdiv(theta, slowed, root, value=-1)
        return theta, DiffGradState(step, mean, square, gradient)

    def parts(self, theta: torch.Tensor, state: DiffGradState, oracle: Oracle) -> Parts:
        """Gradient, weight decay, momentum, preconditioner, friction."""
        gradient, (_, after) = oracle.gradient(theta), self.update(theta, state, oracle)
        coasting = self._coasting(after.mean, after.step)
        scaled = coasting / self._root(after.square, after.step, self._place)
        share = torch.sigmoid((state.previous - after.previous).abs())
        return built_up(
            *descent_stages(theta, gradient, self.lr, self.weight_decay),
            ("momentum", -coasting),
            ("preconditioner", -scaled),
            ("friction", -scaled * share),
        )

    def response(self, theta: torch.Tensor, state: DiffGradState, oracle: Oracle) -> Response:
        """An average over a root, with the friction that this step has."""
        _, after = self.update(theta, state, oracle)
        share = torch.sigmoid((state.previous - after.previous).abs())
        root = self._root(after.square, after.step, self._place) / share
        return self._response(after.step, root, decay=self.weight_decay)

    @property
    def _place(self) -> EpsilonPlace:
        """Where the form adds ε."""
        return "outside" if self.form == "paper" else "uncorrected"

"""Langevin dynamics: descent with so much noise that the points become samples of exp(-f / T)."""

from dataclasses import dataclass
from typing import Annotated, Literal, NamedTuple

import torch

from lab.engine.catalogue import register
from lab.engine.knobs import Knob
from lab.engine.layout import Layout
from lab.engine.optimizers.knobs import LearningRate
from lab.engine.optimizers.parts import Parts
from lab.engine.optimizers.response import Response
from lab.engine.optimizers.rule import Rule
from lab.engine.oracle import Oracle


class LangevinState(NamedTuple):
    """Langevin dynamics has no memory but the number of steps made."""

    step: int


@register(
    "optimizer",
    "langevin",
    title="Langevin / SGLD",
    family="sampling",
    formula=r"x \leftarrow x - \epsilon_t \nabla f(x) + \sqrt{2 \epsilon_t T}\, \xi, \quad "
    r"\xi \sim N(0, I), \quad \epsilon_t = \eta\,(b + t)^{-\gamma}",
    paper="Roberts & Tweedie 1996, Bernoulli 2(4), ULA; Welling & Teh 2011, ICML, SGLD",
    look="Give the lane many runs: their cloud fills the basin as exp(-f / T) does, wide where the "
    "loss is flat. A warmer cloud crosses ridges.",
)
@dataclass(frozen=True)
class Langevin(Rule):
    """A gradient step and Gaussian noise: in the long run the points are samples of exp(-f / T).

    The unadjusted Langevin algorithm (ULA) by default. Its samples are a little too wide: along a
    direction of curvature h their variance is T / (h (1 - ε h / 2)), and steps beyond 2 / h fly
    off. SGLD is the same on mini-batches, where Welling & Teh write ε / 2 for the length of the
    gradient's step and √ε for the noise (`convention`). Their f is minus the logarithm of the
    posterior, a sum over the data, of which the lab's loss is the mean: `data = "sum"` multiplies
    the gradient by the number of samples; left at the mean, the posterior is that of one sample's
    worth of data. `prior` adds a Gaussian prior. γ = 0.55 is their schedule, with t from 0 here.
    """

    lr: LearningRate = 1e-3
    temperature: Annotated[
        float,
        Knob(
            0,
            1e6,
            scale="log",
            slider=(1e-4, 10.0),
            symbol="T",
            live=True,
            doc="how wide the samples spread: 1 for a posterior, 0 is plain descent",
        ),
    ] = 1.0
    convention: Annotated[
        Literal["ula", "sgld"],
        Knob(doc="ULA steps by ε along the gradient; SGLD writes ε for twice that length"),
    ] = "ula"
    data: Annotated[
        Literal["mean", "sum"],
        Knob(doc="whether f is the mean loss over the samples, or their sum as in a posterior"),
    ] = "mean"
    prior: Annotated[
        float,
        Knob(
            0,
            1e6,
            scale="log",
            slider=(1e-4, 100.0),
            symbol="λ",
            live=True,
            doc="precision of a Gaussian prior around zero: λ times the parameters is added",
        ),
    ] = 0.0
    power: Annotated[
        float,
        Knob(
            0,
            1,
            symbol="γ",
            live=True,
            doc="how fast the steps shrink: 0 not at all, 0.55 in Welling & Teh",
        ),
    ] = 0.0
    delay: Annotated[
        float,
        Knob(
            1,
            1e9,
            scale="log",
            slider=(1.0, 1e5),
            symbol="b",
            live=True,
            doc="after how many steps the shrinking is felt",
        ),
    ] = 1.0

    State = LangevinState

    def init(self, theta: torch.Tensor, layout: Layout) -> LangevinState:
        """No step made."""
        return LangevinState(0)

    def update(
        self, theta: torch.Tensor, state: LangevinState, oracle: Oracle
    ) -> tuple[torch.Tensor, LangevinState]:
        """One step."""
        rate, gradient, noise = self._pieces(theta, state, oracle)
        slope = torch.addcmul(gradient, theta, self.prior)
        return torch.addcmul(theta + noise, slope, rate, value=-1), LangevinState(state.step + 1)

    def parts(self, theta: torch.Tensor, state: LangevinState, oracle: Oracle) -> Parts:
        """The loss's step, the prior's and the noise."""
        rate, gradient, noise = self._pieces(theta, state, oracle)
        pull = -rate * self.prior * theta
        return {"gradient": -rate * gradient, "weight decay": pull, "noise": noise}

    def response(self, theta: torch.Tensor, state: LangevinState, oracle: Oracle) -> Response:
        """As plain descent: what noise adds does not grow by itself."""
        rate, samples = self._rate(state), self._samples(oracle)
        one = torch.ones_like(rate)
        return Response(rate * samples, one, "2/ε", decay=self.prior / samples)

    def _rate(self, state: LangevinState) -> torch.Tensor:
        """The step length, (runs, 1)."""
        rate = self.lr * (self.delay + state.step) ** -self.power
        return rate / 2 if self.convention == "sgld" else rate

    def _samples(self, oracle: Oracle) -> int:
        """What the mean loss's gradient is multiplied by."""
        return max(1, oracle.problem.samples) if self.data == "sum" else 1

    def _pieces(
        self, theta: torch.Tensor, state: LangevinState, oracle: Oracle
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Step length (runs, 1), gradient and noise (runs, dim) of a step."""
        rate = self._rate(state)
        gradient = oracle.gradient(theta) * self._samples(oracle)
        noise = oracle.noise.normal("langevin", theta)
        return rate, gradient, (2 * rate * self.temperature).sqrt() * noise

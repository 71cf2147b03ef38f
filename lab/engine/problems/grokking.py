"""Grokking as the passage from lazy to rich learning, in a regression that can be worked out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Annotated

import torch

from lab.engine.catalogue import register
from lab.engine.knobs import Knob
from lab.engine.layout import Layout
from lab.engine.loss import Loss
from lab.engine.problems.datasets import Dataset
from lab.engine.problems.entries import MSE, BatchSize, DataSeed
from lab.engine.problems.network import Network
from lab.engine.seeds import generator


@register(
    "problem",
    "grokking",
    title="Grokking regression",
    family="network",
    formula=r"\frac{1}{P} \sum_x (f - y)^2, \quad f = \frac{\alpha}{N} \sum_i"
    r" \phi(w_i \cdot x) - f_0, \quad \phi(h) = h + \frac{\epsilon}{2} h^2, \quad"
    r" y = \frac{1}{2} (\beta \cdot x)^2",
    paper="Kumar, Bordelon, Gershman & Pehlevan 2024, ICLR, arXiv 2310.06110",
    look="The training loss falls first, while the test loss even rises; it follows only once the "
    "weights turn towards β. The larger α, the lazier, the later. Slopes are as small as α/N and "
    "outputs move by α² in all: plain descent wants lr = 2 N/α².",
)
@dataclass(frozen=True)
class Grokking(Network):
    """One hidden layer of nearly linear units on a quadratic target of one direction.

    Inputs are normal with covariance I/D and |β|² = D; the read-outs stay at 1. Generalisation lags
    behind without any weight decay, because the kernel at the start is bad at this target.
    """

    alpha: Annotated[
        float, Knob(1e-3, 1e3, scale="log", symbol="α", doc="output scale: how lazy learning is")
    ] = 1.0
    epsilon: Annotated[float, Knob(0, 10, symbol="ε", doc="how far units are from linear")] = 0.1
    inputs: Annotated[int, Knob(1, 500, symbol="D", doc="dimension of the inputs")] = 20
    units: Annotated[int, Knob(1, 5000, symbol="N", doc="hidden units")] = 100
    train: Annotated[int, Knob(1, 10_000, symbol="P", doc="samples to train on")] = 100
    test: Annotated[int, Knob(1, 100_000, scale="log", doc="samples to test on")] = 400
    centred: Annotated[
        bool,
        Knob(doc="take off the output at the start: then all runs start at the problem's weights"),
    ] = True
    batch_size: BatchSize = 0
    data_seed: DataSeed = 0

    @property
    def criterion(self) -> Loss:
        """The mean squared error."""
        return MSE.make()

    @property
    def dataset(self) -> Dataset:
        """The samples to train on."""
        return self._task[0]

    @cached_property
    def _task(self) -> tuple[Dataset, Dataset, torch.Tensor]:
        return quadratic_task(self.inputs, self.train, self.test, self.data_seed)

    @property
    def layout(self) -> Layout:
        """One weight matrix (N, D)."""
        return Layout.of({"weight": (self.units, self.inputs)})

    def start(self, generators: Sequence[torch.Generator]) -> torch.Tensor:
        """Standard normal weights; those of the problem for every run if outputs are centred."""
        if self.centred:
            return self._first.expand(len(generators), -1).clone()
        draws = {"dtype": torch.float64}
        return torch.stack([torch.randn(self.dim, generator=g, **draws) for g in generators])

    def outputs(self, theta: torch.Tensor, inputs: torch.Tensor) -> torch.Tensor:
        """Outputs (runs, N, 1) of inputs (N, D) or (runs, N, D)."""
        found = self._raw(theta, inputs)
        if self.centred:
            found = found - self._raw(self._first.to(theta)[None], inputs)
        return found[..., None]

    def metrics(self, theta: torch.Tensor) -> Mapping[str, torch.Tensor]:
        """The test loss, the weights' alignment, and the error on the samples to train on.

        `alignment` is the part of the weights' squared length that lies along β: 1/D at the start.
        """
        inputs, targets = self._task[1].on(theta)
        weight, beta = theta.unflatten(1, (self.units, self.inputs)), self._task[2].to(theta)
        with torch.no_grad():
            off = (self.outputs(theta, inputs) - targets).square().mean((-2, -1))
            along = (weight @ beta).square().sum(1) / beta.square().sum()
        return {
            "test_loss": off,
            "alignment": along / theta.square().sum(1),
            **super().metrics(theta),
        }

    @cached_property
    def _first(self) -> torch.Tensor:
        """The problem's own weights at the start, (dim,)."""
        draws = generator(self.data_seed, "grokking start")
        return torch.randn(self.dim, generator=draws, dtype=torch.float64)

    def _raw(self, theta: torch.Tensor, inputs: torch.Tensor) -> torch.Tensor:
        """Outputs (runs, samples) with nothing taken off."""
        hidden = inputs @ theta.unflatten(1, (self.units, self.inputs)).mT  # (runs, samples, N)
        return (self.alpha / self.units) * (hidden * (1 + self.epsilon / 2 * hidden)).sum(-1)


@lru_cache(maxsize=8)
def quadratic_task(
    inputs: int, train: int, test: int, seed: int
) -> tuple[Dataset, Dataset, torch.Tensor]:
    """Samples to train on and to test on, and the direction β (D,) with |β|² = D."""
    draws = generator(seed, "quadratic task")
    beta = torch.randn(inputs, generator=draws, dtype=torch.float64)
    beta = beta * inputs**0.5 / beta.norm()
    sets = []
    for count in (train, test):
        x = torch.randn(count, inputs, generator=draws, dtype=torch.float64) / inputs**0.5
        sets.append(Dataset(x, 0.5 * (x @ beta).square()[:, None]))
    return *sets, beta

"""Small ReLU networks of any shape on Gaussian inputs: for studies of what a shape can compute."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Annotated

import torch

from lab.engine.catalogue import register
from lab.engine.knobs import Knob
from lab.engine.problems.datasets import Dataset
from lab.engine.problems.entries import MSE, Activation, DataSeed, LossChoice, Samples, Widths
from lab.engine.problems.mlp import MLP
from lab.engine.seeds import generator


@register(
    "problem",
    "relu_mlp",
    title="ReLU network, Gaussian data",
    family="network",
    paper="Grigsby, Lindsey & Rolnick 2023, Hidden symmetries of ReLU networks, ICML",
    look="Measure the functional dimension: at best it is the number of parameters less one for "
    "each hidden unit; the deeper and narrower the network, the more often it falls short.",
)
@dataclass(frozen=True)
class ReluMLP(MLP):
    """A network of any shape, taught by another one or by noise.

    Weights at the start are normal of variance 2 / inputs of the layer (He et al. 2015, arXiv
    1502.01852), biases normal of a standard deviation of their own. Targets are what a teacher of
    the same kind gives, so that the least loss is zero where the student's shape holds the
    teacher's; or standard normal numbers, which have to be learned by heart.
    """

    widths: Widths = (8,)
    activation: Activation = "relu"
    loss: LossChoice = MSE
    inputs: Annotated[int, Knob(1, 512, doc="numbers that go in")] = 4
    numbers: Annotated[int, Knob(1, 512, doc="numbers that come out")] = 1
    teacher: Annotated[
        tuple[int, ...],
        Knob(1, 4096, doc="hidden units of the teacher's layers; none for targets that are noise"),
    ] = (4,)
    samples: Samples = 200
    start_bias: Annotated[
        float, Knob(0, 10, doc="standard deviation of the biases at the start")
    ] = 0.1
    data_seed: DataSeed = 0

    @cached_property
    def dataset(self) -> Dataset:
        """See `teacher_data`."""
        return teacher_data(self.inputs, self.numbers, self.teacher, self.samples, self.data_seed)

    def start(self, generators: Sequence[torch.Generator]) -> torch.Tensor:
        """Normal weights as He et al. have them, and normal biases."""
        theta = torch.empty(len(generators), self.dim, dtype=torch.float64)
        for draws, row in zip(generators, theta, strict=True):
            for name, part in self.layout.split(row).items():
                if part.ndim > 1:
                    part.normal_(0, math.sqrt(2 / part.shape[1]), generator=draws)
                elif name.endswith("weight"):  # a normalisation's scale
                    part.fill_(1.0)
                else:
                    part.normal_(0, self.start_bias, generator=draws)
        return theta


@lru_cache(maxsize=8)
def teacher_data(
    inputs: int, outputs: int, teacher: tuple[int, ...], samples: int, seed: int
) -> Dataset:
    """Standard normal inputs with what a random ReLU network makes of them.

    Args:
        inputs: numbers of a sample.
        outputs: numbers of a target.
        teacher: hidden units of each of the network's layers; empty for standard normal targets.
        samples: how many.
        seed: of inputs, network and noise.
    """
    draws = generator(seed, "teacher")

    def normal(*shape: int) -> torch.Tensor:
        return torch.randn(*shape, generator=draws, dtype=torch.float64)

    x = normal(samples, inputs)
    if not teacher:
        return Dataset(x, normal(samples, outputs))
    state = x
    for width in teacher:
        weight = normal(width, state.shape[1]) * math.sqrt(2 / state.shape[1])
        state = torch.relu(state @ weight.T + 0.1 * normal(width))
    return Dataset(x, state @ normal(outputs, state.shape[1]).T / math.sqrt(state.shape[1]))

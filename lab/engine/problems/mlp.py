"""The catalogue's fully connected networks, one entry for each data set."""

from abc import abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType
from typing import Annotated, Literal

import torch
from torch.nn import functional

from lab.engine.catalogue import Choice, choose, register
from lab.engine.knobs import Knob
from lab.engine.layout import Layout
from lab.engine.loss import Loss
from lab.engine.problems import datasets
from lab.engine.problems.datasets import Dataset
from lab.engine.problems.dense import Dense, DenseNetwork
from lab.engine.problems.network import check_loss, torch_start

ACTIVATIONS: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
    "relu": torch.relu,
    "tanh": torch.tanh,
    "gelu": functional.gelu,
    "silu": functional.silu,
}
Activation = Literal["relu", "tanh", "gelu", "silu"]
CROSS_ENTROPY = Choice("loss", "cross_entropy", MappingProxyType({}))
MSE = Choice("loss", "mse", MappingProxyType({}))

Samples = Annotated[int, Knob(2, 100_000, scale="log", doc="how many samples are drawn")]
Noise = Annotated[float, Knob(0, 10, slider=(0, 1), doc="standard deviation of the noise")]
DataSeed = Annotated[int, Knob(0, 2**31 - 1, doc="seed of the data, apart from that of the runs")]


@dataclass(frozen=True)
class MLP(DenseNetwork):
    """Fully connected layers on a data set.

    Parameters are named and ordered as in the torch.nn.Sequential of the same layers. Batch
    normalisation always takes its statistics from the samples that are evaluated.
    """

    widths: Annotated[tuple[int, ...], Knob(1, 4096, doc="units of each hidden layer")] = (64, 64)
    activation: Annotated[Activation, Knob(doc="nonlinearity of the hidden layers")] = "tanh"
    skip: Annotated[bool, Knob(doc="add its input to each layer after the first")] = False
    norm: Annotated[bool, Knob(doc="batch normalisation before each activation")] = False
    loss: Annotated[Choice, Knob(kind="loss", doc="what is minimised")] = CROSS_ENTROPY
    batch_size: Annotated[int, Knob(0, 100_000, doc="samples of a mini-batch, 0 for all")] = 0

    def __post_init__(self):
        """Accept a loss by name, table or object, and refuse what does not fit together.

        Raises:
            ValueError: a loss, widths or a batch size that do not fit.
        """
        object.__setattr__(self, "loss", choose("loss", self.loss))
        check_loss(self.criterion, self.dataset)
        if self.skip and len(set(self.widths)) > 1:
            raise ValueError(
                f"widths = {list(self.widths)}: skip connections need hidden layers of one width"
            )

    @property
    @abstractmethod
    def dataset(self) -> Dataset:
        """Inputs and targets."""

    @cached_property
    def criterion(self) -> Loss:
        """The loss itself."""
        return self.loss.make()

    @property
    def layout(self) -> Layout:
        """Weights (out, in) and biases, layer by layer."""
        return self._network[0]

    @property
    def layers(self) -> tuple[Dense, ...]:
        """The hidden layers and the linear last one."""
        return self._network[1]

    def start(self, generators: Sequence[torch.Generator]) -> torch.Tensor:
        """Parameters drawn as torch.nn.Linear draws them: (runs, dim), see `torch_start`."""
        return torch_start(self.layout, generators)

    @property
    def data_text(self) -> str:
        """What a value is computed from."""
        norm = "; batch normalisation with the statistics of these" if self.norm else ""
        return super().data_text + norm

    @cached_property
    def _network(self) -> tuple[Layout, tuple[Dense, ...]]:
        shapes: dict[str, tuple[int, ...]] = {}
        layers = []
        inputs, place = self.dataset.inputs.shape[1], 0
        for depth, width in enumerate((*self.widths, self.dataset.outputs)):
            last = depth == len(self.widths)
            affine = (f"{place}.weight", f"{place}.bias")
            shapes |= {affine[0]: (width, inputs), affine[1]: (width,)}
            norm = None
            if self.norm and not last:
                place += 1
                norm = (f"{place}.weight", f"{place}.bias")
                shapes |= dict.fromkeys(norm, (width,))
            layers.append(
                Dense(
                    *affine,
                    norm,
                    None if last else ACTIVATIONS[self.activation],
                    self.skip and depth > 0 and not last,
                )
            )
            inputs, place = width, place + 2
        return Layout.of(shapes), tuple(layers)


@register("problem", "digits_mlp", title="Digits, MLP", family="network")
@dataclass(frozen=True)
class DigitsMLP(MLP):
    """Handwritten digits (8 × 8 pixels, 1,797 samples) by a fully connected network."""

    samples: Annotated[int, Knob(10, 1797, doc="how many of the 1,797 samples")] = 1797
    data_seed: DataSeed = 0

    @cached_property
    def dataset(self) -> Dataset:
        """See `datasets.digits`."""
        return datasets.digits(self.samples, self.data_seed)


@register("problem", "moons_mlp", title="Moons, MLP", family="network")
@dataclass(frozen=True)
class MoonsMLP(MLP):
    """Two interlocked half circles by a small fully connected network."""

    widths: Annotated[tuple[int, ...], Knob(1, 4096, doc="units of each hidden layer")] = (16, 16)
    samples: Samples = 500
    noise: Noise = 0.2
    data_seed: DataSeed = 0

    @cached_property
    def dataset(self) -> Dataset:
        """See `datasets.moons`."""
        return datasets.moons(self.samples, self.noise, self.data_seed)


@register("problem", "circles_mlp", title="Circles, MLP", family="network")
@dataclass(frozen=True)
class CirclesMLP(MLP):
    """A circle around a smaller one by a small fully connected network."""

    widths: Annotated[tuple[int, ...], Knob(1, 4096, doc="units of each hidden layer")] = (16, 16)
    samples: Samples = 500
    noise: Noise = 0.1
    factor: Annotated[float, Knob(0, 1, doc="radius of the inner circle")] = 0.5
    data_seed: DataSeed = 0

    @cached_property
    def dataset(self) -> Dataset:
        """See `datasets.circles`."""
        return datasets.circles(self.samples, self.noise, self.factor, self.data_seed)


@register("problem", "spirals_mlp", title="Spirals, MLP", family="network")
@dataclass(frozen=True)
class SpiralsMLP(MLP):
    """Spiral arms wound into each other by a small fully connected network."""

    widths: Annotated[tuple[int, ...], Knob(1, 4096, doc="units of each hidden layer")] = (32, 32)
    samples: Samples = 500
    noise: Noise = 0.02
    arms: Annotated[int, Knob(2, 10, doc="how many arms, each a class")] = 2
    turns: Annotated[float, Knob(0.1, 10, doc="how often each arm goes round")] = 1.5
    data_seed: DataSeed = 0

    @cached_property
    def dataset(self) -> Dataset:
        """See `datasets.spirals`."""
        return datasets.spirals(self.samples, self.noise, self.arms, self.turns, self.data_seed)


@register("problem", "wave_mlp", title="Sine wave, MLP", family="network")
@dataclass(frozen=True)
class WaveMLP(MLP):
    """One-dimensional regression: a noisy sine wave by a small fully connected network."""

    widths: Annotated[tuple[int, ...], Knob(1, 4096, doc="units of each hidden layer")] = (32, 32)
    loss: Annotated[Choice, Knob(kind="loss", doc="what is minimised")] = MSE
    samples: Samples = 100
    noise: Noise = 0.1
    waves: Annotated[float, Knob(0.1, 20, doc="whole waves in the interval")] = 1.5
    data_seed: DataSeed = 0

    @cached_property
    def dataset(self) -> Dataset:
        """See `datasets.wave`."""
        return datasets.wave(self.samples, self.noise, self.waves, self.data_seed)

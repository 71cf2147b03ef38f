"""The catalogue's fully connected networks, one entry for each data set."""

from dataclasses import dataclass
from functools import cached_property
from typing import Annotated

from lab.engine.catalogue import register
from lab.engine.knobs import Knob
from lab.engine.layout import Layout
from lab.engine.problems import datasets
from lab.engine.problems.activations import ACTIVATIONS
from lab.engine.problems.datasets import Dataset
from lab.engine.problems.dense import Dense, DenseNetwork
from lab.engine.problems.entries import (
    CROSS_ENTROPY,
    MSE,
    Activation,
    BatchSize,
    DataSeed,
    Digits,
    LossChoice,
    NetworkEntry,
    Noise,
    Norm,
    Samples,
    Skip,
    Widths,
)


@dataclass(frozen=True)
class MLP(NetworkEntry, DenseNetwork):
    """Fully connected layers on a data set.

    Parameters are named and ordered as in the torch.nn.Sequential of the same layers. Batch
    normalisation always takes its statistics from the samples that are evaluated. Skip connections
    have no parameters: where widths differ they are padded with zeros, or cut (option A of He et
    al. 2015, arXiv 1512.03385).
    """

    widths: Widths = (64, 64)
    activation: Activation = "tanh"
    skip: Skip = False
    norm: Norm = False
    loss: LossChoice = CROSS_ENTROPY
    batch_size: BatchSize = 0

    @property
    def layout(self) -> Layout:
        """Weights (out, in) and biases, layer by layer."""
        return self._network[0]

    @property
    def layers(self) -> tuple[Dense, ...]:
        """The hidden layers and the linear last one."""
        return self._network[1]

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

    samples: Digits = 1797
    data_seed: DataSeed = 0

    @cached_property
    def dataset(self) -> Dataset:
        """See `datasets.digits`."""
        return datasets.digits(self.samples, self.data_seed)


@register("problem", "moons_mlp", title="Moons, MLP", family="network")
@dataclass(frozen=True)
class MoonsMLP(MLP):
    """Two interlocked half circles by a small fully connected network."""

    widths: Widths = (16, 16)
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

    widths: Widths = (16, 16)
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

    widths: Widths = (32, 32)
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

    widths: Widths = (32, 32)
    loss: LossChoice = MSE
    samples: Samples = 100
    noise: Noise = 0.1
    waves: Annotated[float, Knob(0.1, 20, doc="whole waves in the interval")] = 1.5
    data_seed: DataSeed = 0

    @cached_property
    def dataset(self) -> Dataset:
        """See `datasets.wave`."""
        return datasets.wave(self.samples, self.noise, self.waves, self.data_seed)

"""A small convolutional network on the digits.

On a CPU convolutions gain nothing from runs side by side, so runs are evaluated one after the
other; elsewhere they become groups of one wide convolution. On a CPU, samples with their channels
last, in blocks that stay in cache, take less than half the time of the plain call.
"""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import torch
from torch.nn import functional

from lab.engine.catalogue import register
from lab.engine.layout import Layout
from lab.engine.problem import Batch, Products
from lab.engine.problems import datasets
from lab.engine.problems.activations import ACTIVATIONS, without_graph
from lab.engine.problems.conv_roperator import ConvolutionLayer, ConvolutionROperator
from lab.engine.problems.datasets import Dataset
from lab.engine.problems.dense import NORM_EPSILON, with_units
from lab.engine.problems.entries import (
    CROSS_ENTROPY,
    Activation,
    BatchSize,
    DataSeed,
    Digits,
    LossChoice,
    NetworkEntry,
    Norm,
    Skip,
    Widths,
)
from lab.engine.problems.network import wants_graph
from lab.engine.structure import LastLayer

SIDE = 8  # pixels
_SAMPLE_BLOCK = 256  # samples evaluated together on a CPU where no graph is kept


class Convolution(NamedTuple):
    """Names of a convolution's tensors in the layout."""

    weight: str
    bias: str
    norm: tuple[str, str] | None


@register("problem", "digits_cnn", title="Digits, CNN", family="network")
@dataclass(frozen=True)
class DigitsCNN(NetworkEntry):
    """Handwritten digits (8 × 8 pixels, 1,797 samples) by a small convolutional network.

    3 × 3 convolutions that keep the size, each with its activation; then 2 × 2 max pooling and a
    linear layer. Parameters are named and ordered as in the torch.nn.Sequential of the same layers.
    Batch normalisation and skip connections are those of `MLP`.
    """

    widths: Widths = (16, 32)
    activation: Activation = "relu"
    skip: Skip = False
    norm: Norm = False
    loss: LossChoice = CROSS_ENTROPY
    batch_size: BatchSize = 64
    samples: Digits = 1797
    data_seed: DataSeed = 0

    collapse_frame = "simplex"

    def __post_init__(self):
        """Check what `NetworkEntry` checks, and that there is a convolution.

        Raises:
            ValueError: knobs that do not fit together.
        """
        super().__post_init__()
        if not self.widths:
            raise ValueError("widths = []: at least one convolution is needed")

    @cached_property
    def dataset(self) -> Dataset:
        """See `datasets.digits`."""
        return datasets.digits(self.samples, self.data_seed)

    @property
    def layout(self) -> Layout:
        """Convolution weights (out, in, 3, 3), the linear weight (10, channels · 16), biases."""
        return self._network[0]

    def outputs(self, theta: torch.Tensor, inputs: torch.Tensor) -> torch.Tensor:
        """Outputs (runs, N, 10) of pixels (N, 64) or (runs, N, 64)."""
        if theta.device.type != "cpu":
            return self._forward(theta, inputs)
        own = inputs.ndim == 3
        rows = theta.split(1)
        each = inputs.split(1) if own else [inputs] * len(rows)
        return torch.cat([self._one_run(*pair) for pair in zip(rows, each, strict=True)])

    def _one_run(self, theta: torch.Tensor, inputs: torch.Tensor) -> torch.Tensor:
        """Outputs (1, N, 10) for theta (1, dim), block by block where samples are independent."""
        if self.norm or wants_graph(theta):
            return self._forward(theta, inputs)
        blocks = inputs.split(_SAMPLE_BLOCK, dim=-2)
        return torch.cat([self._forward(theta, block) for block in blocks], dim=1)

    def products(self, theta: torch.Tensor, batch: Batch | None = None) -> Products:
        """See `Problem.products`; written out for one point on a CPU, samples in blocks.

        Batch normalisation mixes the blocks, so it goes by the graph.
        """
        if self.norm or len(theta) > 1 or theta.device.type != "cpu":
            return super().products(theta, batch)
        inputs, targets = self._data(theta, batch)
        layers = [
            ConvolutionLayer(layer.weight, layer.bias, self.skip and depth > 0)
            for depth, layer in enumerate(self._network[1])
        ]
        images = inputs.reshape(-1, 1, SIDE, SIDE)
        targets = targets if batch is None else targets[0]
        activation = ACTIVATIONS[self.activation]
        network = (layers, activation, self.layout)
        return ConvolutionROperator(*network, theta[0], self.criterion, images, targets)

    def hidden(self, theta: torch.Tensor) -> list[torch.Tensor]:
        """What each convolution gives on all data: theta (runs, dim) -> (runs, N, units, 8, 8)."""
        return self._traced(theta, 1)

    def hidden_sums(self, theta: torch.Tensor) -> list[torch.Tensor]:
        """The same before normalisation, activation and skip connection."""
        return self._traced(theta, 0)

    @property
    def tied_units(self) -> tuple[tuple[str, str], ...]:
        """The convolutions on both sides of each skip connection."""
        names = [layer.weight for layer in self._network[1]]
        return tuple(itertools.pairwise(names)) if self.skip else ()

    def _traced(self, theta: torch.Tensor, which: int) -> list[torch.Tensor]:
        """One of the two that `_layers` tells of each convolution: (runs, N, units, 8, 8)."""
        inputs = self.dataset.on(theta)[0]
        runs = [
            [pair[which] for pair in self._layers(row, inputs, in_place=False)]
            for row in theta.split(1)
        ]
        return [torch.stack(found) for found in zip(*runs, strict=True)]

    def _forward(self, theta: torch.Tensor, inputs: torch.Tensor) -> torch.Tensor:
        """Outputs (runs, N, 10), each run a group of the convolutions."""
        parts = self.layout.split(theta)
        weight, bias = (parts[name] for name in self.layout.names[-2:])
        return torch.baddbmm(bias[:, None], self._features(theta, inputs), weight.mT)

    def _features(self, theta: torch.Tensor, inputs: torch.Tensor) -> torch.Tensor:
        """What the linear layer sees: (runs, N, channels · 16)."""
        *_, (_, last) = self._layers(theta, inputs)
        pooled = functional.max_pool2d(last, 2)  # (N, runs · channels, 4, 4)
        return pooled.reshape(len(pooled), len(theta), -1).transpose(0, 1)

    def last_layer(self, theta: torch.Tensor) -> LastLayer:
        """See `Structure.last_layer`; one run after the other."""
        inputs, labels = self.dataset.on(theta)
        features = torch.cat([self._features(row, inputs) for row in theta.split(1)])
        parts = self.layout.split(theta)
        weight, bias = (parts[name] for name in self.layout.names[-2:])
        return LastLayer(features, labels, weight, bias)

    def _layers(
        self, theta: torch.Tensor, inputs: torch.Tensor, *, in_place: bool = True
    ) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        """What each convolution gives, alone and at its layer's end: (N, runs · channels, 8, 8).

        Where activations may work in place, the first of the two holds only until they do.
        """
        parts = self.layout.split(theta)
        activate = ACTIVATIONS[self.activation]
        activate = without_graph(activate) if in_place and not wants_graph(theta) else activate
        images = inputs.unflatten(-1, (SIDE, SIDE))
        state = images.transpose(0, 1) if images.ndim == 4 else images[:, None]
        for depth, layer in enumerate(self._network[1]):
            weight, bias = parts[layer.weight].flatten(0, 1), parts[layer.bias].flatten()
            if theta.device.type == "cpu":
                weight = weight.contiguous(memory_format=torch.channels_last)
            groups = len(theta) if state.shape[1] > 1 else 1  # one input for all runs
            affine = functional.conv2d(state, weight, bias, padding=1, groups=groups)
            product = affine
            if layer.norm:
                scale, shift = (parts[name].reshape(1, -1, 1, 1) for name in layer.norm)
                product = _normalise(product) * scale + shift
            product = activate(product)
            if self.skip and depth > 0:
                by_run = state.unflatten(1, (len(theta), -1))
                product = product + with_units(by_run, self.widths[depth], dim=2).flatten(1, 2)
            state = product
            yield affine, state

    @cached_property
    def _network(self) -> tuple[Layout, tuple[Convolution, ...]]:
        shapes: dict[str, tuple[int, ...]] = {}
        layers = []
        channels, place = 1, 0
        for width in self.widths:
            names = (f"{place}.weight", f"{place}.bias")
            shapes |= {names[0]: (width, channels, 3, 3), names[1]: (width,)}
            norm = None
            if self.norm:
                place += 1
                norm = (f"{place}.weight", f"{place}.bias")
                shapes |= dict.fromkeys(norm, (width,))
            layers.append(Convolution(*names, norm))
            channels, place = width, place + 2
        place += 2  # pooling and flattening
        features = channels * (SIDE // 2) ** 2
        shapes |= {f"{place}.weight": (10, features), f"{place}.bias": (10,)}
        return Layout.of(shapes), tuple(layers)


def _normalise(hidden: torch.Tensor) -> torch.Tensor:
    """Bring every channel to mean 0 and variance 1 over samples and pixels: (N, channels, 8, 8)."""
    variance, mean = torch.var_mean(hidden, dim=(0, 2, 3), keepdim=True, correction=0)
    return (hidden - mean) * torch.rsqrt(variance + NORM_EPSILON)

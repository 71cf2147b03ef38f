"""Fully connected networks for many runs at once: one batched matrix product for each layer."""

from abc import abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch

from lab.engine.problems.network import Network

NORM_EPSILON = 1e-5  # added to the variance in batch normalisation, as in torch.nn.BatchNorm1d


@dataclass(frozen=True)
class Dense:
    """One layer: affine map, batch normalisation, activation, skip connection, in this order.

    Attributes:
        weight: name of the (out, in) weight in the layout.
        bias: name of the (out,) bias, empty for none.
        norm: names of scale and shift of the batch normalisation, None for none.
        activation: an elementwise function, None for none.
        skip: whether the layer's input is added to its output.
    """

    weight: str
    bias: str = ""
    norm: tuple[str, str] | None = None
    activation: Callable[[torch.Tensor], torch.Tensor] | None = None
    skip: bool = False


class DenseNetwork(Network):
    """A network that is a chain of `Dense` layers."""

    @property
    @abstractmethod
    def layers(self) -> Sequence[Dense]:
        """The layers, from inputs to outputs."""

    def outputs(self, theta: torch.Tensor, inputs: torch.Tensor) -> torch.Tensor:
        """Outputs (runs, N, C) of inputs (N, in) or (runs, N, in)."""
        parts = self.layout.split(theta)
        hidden = inputs if inputs.ndim == 3 else inputs.expand(len(theta), *inputs.shape)
        for layer in self.layers:
            weight = parts[layer.weight].mT  # (runs, in, out)
            if layer.bias:
                product = torch.baddbmm(parts[layer.bias][:, None], hidden, weight)
            else:
                product = torch.bmm(hidden, weight)
            hidden = _finish(layer, parts, product, hidden)
        return hidden


def _finish(
    layer: Dense, parts: dict[str, torch.Tensor], product: torch.Tensor, before: torch.Tensor
) -> torch.Tensor:
    """All of a layer that comes after its affine map: (runs, N, out) -> (runs, N, out)."""
    if layer.norm:
        scale, shift = (parts[name][:, None] for name in layer.norm)
        product = normalise(product) * scale + shift
    if layer.activation:
        product = layer.activation(product)
    return product + before if layer.skip else product


def normalise(hidden: torch.Tensor) -> torch.Tensor:
    """Bring every unit to mean 0 and variance 1 over the samples at hand: (runs, N, out)."""
    variance, mean = torch.var_mean(hidden, dim=1, keepdim=True, correction=0)
    return (hidden - mean) * torch.rsqrt(variance + NORM_EPSILON)

"""What a layer of a fully connected network is."""

from dataclasses import dataclass

import torch
from torch.nn import functional

from lab.engine.problems.activations import Activation


@dataclass(frozen=True)
class Dense:
    """One layer: affine map, batch normalisation, activation, skip connection, in this order.

    Attributes:
        weight: name of the (out, in) weight in the layout.
        bias: name of the (out,) bias, empty for none.
        norm: names of scale and shift of the batch normalisation, None for none.
        activation: an elementwise function, None for none.
        skip: whether the layer's input is added to its output, padded or cut to its width.
    """

    weight: str
    bias: str = ""
    norm: tuple[str, str] | None = None
    activation: Activation | None = None
    skip: bool = False


def with_units(hidden: torch.Tensor, units: int, dim: int = 1) -> torch.Tensor:
    """As many units along an axis as are wanted: padded with zeros, or cut."""
    missing = units - hidden.shape[dim]
    after = hidden.ndim - dim - 1
    return functional.pad(hidden, (0, 0) * after + (0, missing)) if missing else hidden

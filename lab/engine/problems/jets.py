"""A residual network with its derivatives by the inputs, carried forward layer by layer.

A jet is a function's value, gradient and, where wanted, Laplacian at many points. An affine map
acts on each part alike; an elementwise function σ takes (z, ∇z, Δz) to
(σ, σ' ∇z, σ'' |∇z|² + σ' Δz). One pass forward thus gives a Laplacian exactly, and a derivative by
the weights needs a single pass back. Source: Li et al. 2024, "A computational framework for neural
network-based variational Monte Carlo with forward Laplacian", arXiv 2307.08214.
"""

from collections.abc import Callable, Mapping
from typing import Literal

import torch

from lab.engine.layout import Layout

Smooth = Literal["silu", "tanh"]
Tensors = tuple[torch.Tensor, torch.Tensor, torch.Tensor]


def residual_layout(inputs: int, width: int, blocks: int) -> Layout:
    """Names and shapes of a residual network: first layer, two layers a block, last layer."""
    layers = [("first", width, inputs)]
    for number in range(blocks):
        layers += [(f"block{number}.{half}", width, width) for half in ("inner", "outer")]
    layers.append(("last", 1, width))
    shapes: dict[str, tuple[int, ...]] = {}
    for name, rows, columns in layers:
        shapes |= {f"{name}.weight": (rows, columns), f"{name}.bias": (rows,)}
    return Layout.of(shapes)


def residual_jet(
    parts: Mapping[str, torch.Tensor],
    points: torch.Tensor,
    activation: Smooth,
    *,
    skip: bool,
    laplacian: bool,
) -> torch.Tensor:
    """Value and derivatives of y ↦ y + σ(W₂ σ(W₁ y + b₁) + b₂), block by block.

    Args:
        parts: the tensors of `residual_layout`, each (runs, *shape).
        points: (N, d), or (runs, N, d) where each run has its own.
        activation: σ, smooth enough to have two derivatives.
        skip: whether a block's input is added to what it gives.
        laplacian: whether that is wanted too.

    Returns:
        (runs, 1 + d (+ 1), N): value, gradient, Laplacian.
    """
    weight, bias = parts["first.weight"], parts["first.bias"]
    runs, units, d = weight.shape
    columns = points.mT.expand(runs, d, -1)  # (runs, d, N)
    count = columns.shape[2]
    state = [torch.baddbmm(bias[..., None], weight, columns)[:, :, None]]
    state.append(weight[..., None].expand(runs, units, d, count))
    if laplacian:
        state.append(weight.new_zeros(runs, units, 1, count))
    jet = torch.cat(state, dim=2)  # (runs, units, 1 + d (+ 1), N)
    derivatives = _DERIVATIVES[activation]
    for number in range(sum(name.endswith("inner.weight") for name in parts)):
        inner = _activate(_affine(parts, f"block{number}.inner", jet), d, derivatives)
        outer = _activate(_affine(parts, f"block{number}.outer", inner), d, derivatives)
        jet = jet + outer if skip else outer
    return _affine(parts, "last", jet)[:, 0]


def _affine(parts: Mapping[str, torch.Tensor], name: str, jet: torch.Tensor) -> torch.Tensor:
    """An affine map of every part of a jet; the constant belongs to the value alone."""
    moved = torch.bmm(parts[f"{name}.weight"], jet.flatten(2)).unflatten(2, jet.shape[2:])
    value = moved[:, :, :1] + parts[f"{name}.bias"][..., None, None]
    return torch.cat([value, moved[:, :, 1:]], dim=2)


def _activate(
    jet: torch.Tensor, d: int, derivatives: Callable[[torch.Tensor], Tensors]
) -> torch.Tensor:
    """An elementwise function of a jet."""
    gradient, rest = jet[:, :, 1 : 1 + d], jet[:, :, 1 + d :]
    value, first, second = derivatives(jet[:, :, :1])
    result = [value, first * gradient]
    if rest.shape[2]:
        result.append(second * gradient.square().sum(2, keepdim=True) + first * rest)
    return torch.cat(result, dim=2)


def _silu(z: torch.Tensor) -> Tensors:
    """The function z sigmoid(z) with two derivatives."""
    s = torch.sigmoid(z)
    rest = 1 - s
    return z * s, s * (1 + z * rest), s * rest * (2 + z * (rest - s))


def _tanh(z: torch.Tensor) -> Tensors:
    """The hyperbolic tangent with two derivatives."""
    t = torch.tanh(z)
    slope = 1 - t * t
    return t, slope, -2 * t * slope


_DERIVATIVES = {"silu": _silu, "tanh": _tanh}

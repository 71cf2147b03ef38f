"""Recognising a plain chain of linear layers in a user's module."""

import copy
from collections.abc import Iterator

import torch
from torch import nn

from lab.engine.problems.activations import Activation
from lab.engine.problems.dense import Dense

_ACTIVATIONS = (  # elementwise, without parameters or randomness
    nn.CELU,
    nn.ELU,
    nn.GELU,
    nn.Hardswish,
    nn.Hardtanh,
    nn.LeakyReLU,
    nn.LogSigmoid,
    nn.Mish,
    nn.ReLU,
    nn.ReLU6,
    nn.SELU,
    nn.SiLU,
    nn.Sigmoid,
    nn.Softplus,
    nn.Softsign,
    nn.Tanh,
)
_FUNCTIONS = {nn.Tanh: torch.tanh, nn.ReLU: torch.relu}


def dense_layers(module: nn.Module, inputs: torch.Tensor) -> tuple[Dense, ...] | None:
    """Read a `torch.nn.Sequential` of linear layers and activations.

    Args:
        module: any module.
        inputs: what it is called with.

    Returns:
        Its layers, or None if it is anything else: other or derived classes, hooks, shared or
        fixed parameters, two activations in a row, or inputs that are not (samples, features).
    """
    plain = inputs.ndim == 2 and inputs.is_floating_point() and type(module) is nn.Sequential
    if not plain or any(_has_hooks(part) for part in module.modules()):
        return None
    layers: list[Dense] = []
    seen: set[int] = set()
    for name, part in _leaves(module):
        if type(part) is nn.Linear:
            if id(part.weight) in seen or not all(p.requires_grad for p in part.parameters()):
                return None
            seen.add(id(part.weight))
            bias = "" if part.bias is None else f"{name}.bias"
            layers.append(Dense(f"{name}.weight", bias))
        elif type(part) in _ACTIVATIONS and layers and layers[-1].activation is None:
            layers[-1] = Dense(layers[-1].weight, layers[-1].bias, activation=_pure(part))
        elif type(part) is not nn.Identity:
            return None
    return tuple(layers) or None


def _leaves(module: nn.Sequential, prefix: str = "") -> Iterator[tuple[str, nn.Module]]:
    """The parts of nested chains in the order in which they are called, with their names."""
    for name, part in module._modules.items():  # named_children leaves out repetitions
        if type(part) is nn.Sequential:
            yield from _leaves(part, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", part


def _pure(activation: nn.Module) -> Activation:
    """A function of the same values that does not work in place."""
    if type(activation) in _FUNCTIONS:
        return _FUNCTIONS[type(activation)]
    activation = copy.deepcopy(activation)
    if hasattr(activation, "inplace"):
        activation.inplace = False
    return activation


def _has_hooks(module: nn.Module) -> bool:
    return bool(
        module._forward_hooks
        or module._forward_pre_hooks
        or module._backward_hooks
        or module._backward_pre_hooks
    )

"""Products with the derivative of a network's outputs, and with what its loss makes of them."""

from collections.abc import Callable

import torch

from lab.engine.loss import Loss
from lab.engine.structure import Tangent

Products = Callable[[torch.Tensor], torch.Tensor]


def tangent_of(
    theta: torch.Tensor, outputs: torch.Tensor, criterion: Loss, targets: torch.Tensor
) -> Tangent:
    """Everything from the graph of the outputs.

    Args:
        theta: (runs, dim), a leaf.
        outputs: (runs, N, C), computed from theta with their graph.
        criterion: the loss.
        targets: as `Loss.value` takes them.
    """
    push, pull = push_and_pull(theta, outputs)
    ends = outputs.detach()
    return Tangent(
        lambda: sample_slopes(criterion, ends, targets),
        push,
        criterion.bending(ends, targets),
        pull,
    )


def push_and_pull(theta: torch.Tensor, outputs: torch.Tensor) -> tuple[Products, Products]:
    """Products with the derivative J of outputs, and with its transpose.

    Jv is the derivative of Jᵀu by u, in the direction v: two passes back in place of one forward.

    Args:
        theta: (runs, dim), a leaf.
        outputs: (runs, N, C), computed from theta with their graph.

    Returns:
        v (runs, dim) -> Jv (runs, N, C), and u (runs, N, C) -> Jᵀu (runs, dim).
    """
    with torch.enable_grad():
        weights = torch.zeros_like(outputs, requires_grad=True)
        (pulled,) = torch.autograd.grad(outputs, theta, weights, create_graph=True)

    def push(vector: torch.Tensor) -> torch.Tensor:
        return torch.autograd.grad(pulled, weights, vector, retain_graph=True)[0]

    def pull(weight: torch.Tensor) -> torch.Tensor:
        return torch.autograd.grad(outputs, theta, weight, retain_graph=True)[0]

    return push, pull


def sample_slopes(criterion: Loss, outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """The gradient of each sample's own loss by its outputs.

    Args:
        criterion: the loss.
        outputs: (runs, N, C).
        targets: as `Loss.value` takes them.

    Returns:
        (runs, N, C)
    """
    runs, samples, _ = outputs.shape
    shared = targets.ndim < (2 if criterion.targets == "class" else 3)
    own = targets.expand(runs, *targets.shape) if shared else targets
    with torch.enable_grad():
        ends = outputs.detach().flatten(0, 1)[:, None].requires_grad_()  # one sample a run
        value = criterion.value(ends, own.flatten(0, 1)[:, None])
        (slopes,) = torch.autograd.grad(value.sum(), ends)
    return slopes[:, 0].unflatten(0, (runs, samples))

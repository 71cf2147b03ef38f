"""Slow, plain oracles for networks: torch's own modules, one run at a time, in double precision."""

import torch
from torch import nn
from torch.nn import functional

ACTIVATIONS = {"relu": nn.ReLU, "tanh": nn.Tanh, "gelu": nn.GELU, "silu": nn.SiLU}


class Skipped(nn.Module):
    """A chain of hidden blocks, each after the first with its input added (as far as it goes)."""

    def __init__(self, blocks, end):
        super().__init__()
        self.blocks, self.end = nn.ModuleList(blocks), end

    def forward(self, x):
        x = self.blocks[0](x)
        for block in self.blocks[1:]:
            before, x = x, block(x)
            shared = min(before.shape[1], x.shape[1])
            x = torch.cat([x[:, :shared] + before[:, :shared], x[:, shared:]], dim=1)
        return self.end(x)


def mlp(inputs, widths, outputs, activation="tanh", skip=False, norm=False):
    """A fully connected network in double precision."""
    blocks = []
    for width in widths:
        norms = [nn.BatchNorm1d(width)] if norm else []
        blocks.append([nn.Linear(inputs, width), *norms, ACTIVATIONS[activation]()])
        inputs = width
    return _assembled(blocks, [nn.Linear(inputs, outputs)], skip)


def cnn(widths, activation="relu", skip=False, norm=False):
    """A convolutional network for images of 8 x 8 pixels, in double precision."""
    blocks, channels = [], 1
    for width in widths:
        norms = [nn.BatchNorm2d(width)] if norm else []
        convolution = nn.Conv2d(channels, width, 3, padding=1)
        blocks.append([convolution, *norms, ACTIVATIONS[activation]()])
        channels = width
    end = [nn.MaxPool2d(2), nn.Flatten(), nn.Linear(16 * channels, 10)]
    return _assembled(blocks, end, skip)


def _assembled(blocks, end, skip):
    if skip:
        return Skipped([nn.Sequential(*block) for block in blocks], nn.Sequential(*end)).double()
    return nn.Sequential(*(part for block in blocks for part in block), *end).double()


def value_of(module, inputs, targets, loss=functional.cross_entropy):
    """The loss as a function of one flat vector, in the order of `.parameters()`."""
    names = [name for name, _ in module.named_parameters()]
    parameters = [part for _, part in module.named_parameters()]
    buffers = {name: part.clone() for name, part in module.named_buffers()}

    def value(row):
        parts = row.split([part.numel() for part in parameters])
        shaped = [part.view(like.shape) for part, like in zip(parts, parameters, strict=True)]
        named = {**buffers, **dict(zip(names, shaped, strict=True))}
        return loss(torch.func.functional_call(module, named, inputs.double()), targets)

    return value


def derivatives(value, theta):
    """Value (runs,), gradient (runs, dim) and Hessian (runs, dim, dim)."""
    rows = theta.double()
    gradients = [torch.autograd.functional.jacobian(value, row) for row in rows]
    hessians = [torch.autograd.functional.hessian(value, row) for row in rows]
    return torch.stack([value(row) for row in rows]), torch.stack(gradients), torch.stack(hessians)

"""Products with the Hessian of the digits' convolutional network, written out layer by layer.

The R-operator as in `roperator`, for 3 × 3 convolutions, max pooling and a linear layer at one
point. Samples go in blocks with their channels last, which stay in cache: on a CPU that takes less
than half the time of two passes back through a graph, where layouts change on the way.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import torch
from torch.nn import functional
from torch.nn.grad import conv2d_weight

from lab.engine.layout import Layout
from lab.engine.loss import Loss
from lab.engine.problems.activations import Activation
from lab.engine.problems.layers import with_units
from lab.engine.problems.roperator import activated

Parts = Mapping[str, torch.Tensor]  # name -> a tensor of the network

_BLOCK = 256  # samples
_LAST = torch.channels_last


class ConvolutionLayer(NamedTuple):
    """Names of a convolution's tensors in the layout, and whether its input is added."""

    weight: str
    bias: str
    skip: bool


class _State(NamedTuple):
    """What a convolution did to a block of samples, each (n, channels, 8, 8)."""

    layer: ConvolutionLayer
    inputs: torch.Tensor
    slope: torch.Tensor  # f'
    delta: torch.Tensor  # the gradient of the loss by the convolution's result
    bend: torch.Tensor | None  # f'' times the gradient by the layer's result, None where zero


class _Block(NamedTuple):
    """What the network did to a block of samples."""

    states: Sequence[_State]
    first: torch.Tensor  # (n, channels, 8, 8), 1 for the pixel of each window that is its maximum
    features: torch.Tensor  # (n, channels · 16), after pooling
    gradient: torch.Tensor  # (n, 10), by the outputs


class ConvolutionROperator:
    """Products at one point, with vectors one after the other."""

    def __init__(
        self,
        layers: Sequence[ConvolutionLayer],
        activation: Activation,
        layout: Layout,
        theta: torch.Tensor,
        criterion: Loss,
        images: torch.Tensor,
        targets: torch.Tensor,
    ):
        """Go forwards and back once.

        Args:
            layers: the convolutions; the layout's last two tensors are the linear layer's.
            activation: an elementwise function after each.
            layout: of the parameters.
            theta: (dim,).
            criterion: the loss.
            images: (N, 1, 8, 8).
            targets: as `Loss.value` takes them, of one run.
        """
        self._layout, self._layers, self._activation = layout, layers, activation
        self._parts = _split(layout, theta)
        self._weight, self._bias = layout.names[-2:]
        blocks = images.contiguous(memory_format=_LAST).split(_BLOCK)
        passed = [self._forwards(block) for block in blocks]
        outputs = torch.cat([found[3] for found in passed])
        with torch.enable_grad():
            ends = outputs[None].requires_grad_()
            value = criterion.value(ends, targets)
            (gradient,) = torch.autograd.grad(value.sum(), ends, materialize_grads=True)
        self._bend = criterion.bending(outputs[None], targets)
        slopes = gradient[0].split(_BLOCK)
        self._blocks = [self._backwards(*pair) for pair in zip(passed, slopes, strict=True)]

    def __call__(self, vectors: torch.Tensor) -> torch.Tensor:
        """Products (n, dim) of vectors (n, dim) with the Hessian."""
        return torch.stack([self._product(vector) for vector in vectors])

    def _product(self, vector: torch.Tensor) -> torch.Tensor:
        moves = _split(self._layout, vector)
        pushed = [self._push(block, moves) for block in self._blocks]
        bent = self._bend(torch.cat([found[0] for found in pushed])[None])[0].split(_BLOCK)
        total = {name: torch.zeros_like(part) for name, part in moves.items()}
        for block, (_, *moving), gradient in zip(self._blocks, pushed, bent, strict=True):
            self._pull(total, block, moves, *moving, gradient)
        return self._layout.join(total)

    def _forwards(self, images: torch.Tensor) -> tuple:
        """What each layer is given and does, the windows' maxima, features and outputs."""
        state, steps = images, []
        for layer in self._layers:
            sums = _convolved(state, self._parts[layer.weight], self._parts[layer.bias])
            values, slope, bend = activated(self._activation, sums)
            slope = slope.contiguous(memory_format=_LAST)
            steps.append((layer, state, slope, bend))
            state = values + with_units(state, values.shape[1]) if layer.skip else values
        pooled, places = functional.max_pool2d(state, 2, return_indices=True)
        first = torch.zeros_like(state, memory_format=torch.contiguous_format).flatten(2)
        first = first.scatter_(2, places.flatten(2), 1.0).view_as(state)
        first = first.contiguous(memory_format=_LAST)
        features = pooled.flatten(1)
        outputs = torch.addmm(self._parts[self._bias], features, self._parts[self._weight].T)
        return steps, first, features, outputs

    def _backwards(self, passed: tuple, gradient: torch.Tensor) -> _Block:
        """The gradient of the loss by everything on the way."""
        steps, first, features, _ = passed
        rise = _unpooled(gradient @ self._parts[self._weight], first)
        states: list[_State] = []
        for depth, (layer, inputs, slope, bend) in reversed(list(enumerate(steps))):
            delta = rise * slope
            states.append(
                _State(layer, inputs, slope, delta, None if bend is None else bend * rise)
            )
            if depth:
                back = _transposed(delta, self._parts[layer.weight])
                rise = back + with_units(rise, inputs.shape[1]) if layer.skip else back
        return _Block(states[::-1], first, features, gradient)

    def _push(self, block: _Block, moves: Parts) -> tuple:
        """Derivatives of the outputs, sums, inputs and features of a block along a vector."""
        moving, affine, before = None, [], []
        for state in block.states:
            layer = state.layer
            sums = _convolved(state.inputs, moves[layer.weight], moves[layer.bias])
            if moving is not None:
                sums += _convolved(moving, self._parts[layer.weight])
            affine.append(sums)
            before.append(moving)
            after = sums * state.slope
            if layer.skip and moving is not None:
                after += with_units(moving, after.shape[1])
            moving = after
        pooled = functional.avg_pool2d(moving * block.first, 2, divisor_override=1).flatten(1)
        outputs = torch.addmm(moves[self._bias], block.features, moves[self._weight].T)
        return outputs.addmm_(pooled, self._parts[self._weight].T), affine, before, pooled

    def _pull(
        self,
        total: dict[str, torch.Tensor],
        block: _Block,
        moves: Parts,
        affine: Sequence[torch.Tensor],
        before: Sequence[torch.Tensor | None],
        pooled: torch.Tensor,
        gradient: torch.Tensor,
    ) -> None:
        """Add what a block of samples has to say to the product."""
        total[self._weight].addmm_(gradient.T, block.features).addmm_(block.gradient.T, pooled)
        total[self._bias] += gradient.sum(dim=0)
        rise = gradient @ self._parts[self._weight]
        rise = _unpooled(rise.addmm_(block.gradient, moves[self._weight]), block.first)
        for state, sums, moving in zip(block.states[::-1], affine[::-1], before[::-1], strict=True):
            layer, shape = state.layer, moves[state.layer.weight].shape
            own = rise * state.slope
            if state.bend is not None:
                own.addcmul_(state.bend, sums)
            total[layer.weight] += conv2d_weight(state.inputs, shape, own, padding=1)
            total[layer.bias] += own.sum(dim=(0, 2, 3))
            if moving is None:  # the images do not move
                return
            total[layer.weight] += conv2d_weight(moving, shape, state.delta, padding=1)
            back = _transposed(own, self._parts[layer.weight])
            back += _transposed(state.delta, moves[layer.weight])
            rise = back + with_units(rise, state.inputs.shape[1]) if layer.skip else back


def _convolved(
    state: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None = None
) -> torch.Tensor:
    """A convolution's result; with one channel torch would put the channels first again."""
    return functional.conv2d(state, weight, bias, padding=1).contiguous(memory_format=_LAST)


def _transposed(gradient: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    """The gradient by a convolution's input (n, in, 8, 8) from that by its result."""
    return functional.conv_transpose2d(gradient, weight, padding=1)


def _unpooled(gradient: torch.Tensor, first: torch.Tensor) -> torch.Tensor:
    """The gradient before pooling from that by the features (n, channels · 16)."""
    small = gradient.unflatten(1, (first.shape[1], first.shape[2] // 2, -1))
    return functional.interpolate(small.contiguous(memory_format=_LAST), scale_factor=2) * first


def _split(layout: Layout, vector: torch.Tensor) -> dict[str, torch.Tensor]:
    """The tensors of a vector (dim,), convolutions with their channels last."""
    return {
        name: part.contiguous(memory_format=_LAST) if part.ndim == 4 else part
        for name, part in layout.split(vector.detach()).items()
    }

"""Products with the curvature of a fully connected network, written out layer by layer.

The R-operator of Pearlmutter 1994, "Fast exact multiplication by the Hessian", Neural Computation
6(1): the derivative of a gradient in a direction is one pass forwards and one back of derivatives.
What does not depend on the direction is computed once, and many directions at one point become
batched matrix products. Its parts separate: with the loss's curvature alone it is the Gauss-Newton
product (Schraudolph 2002), with the network's alone the product with the rest of the Hessian.
"""

import threading
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import torch

from lab.engine.layout import Layout
from lab.engine.loss import Loss
from lab.engine.problems.activations import Activation
from lab.engine.problems.layers import Dense, with_units
from lab.engine.problems.tangent import sample_slopes
from lab.engine.structure import Tangent

Parts = Mapping[str, torch.Tensor]  # name -> (runs, *shape)
_MOST_KEPT = 1 << 23  # bytes of a room that outlives its operator


class _State(NamedTuple):
    """What a layer did at the points, each (runs, N, units); None stands for a factor of 1 or 0.

    The inputs are (1, N, units) where all runs have the same.
    """

    layer: Dense
    inputs: torch.Tensor
    slope: torch.Tensor | None  # f', None for no activation
    delta: torch.Tensor  # the gradient of the loss by the affine map's result
    bend: torch.Tensor | None  # f'' times the gradient by the layer's result, None where zero


class Rooms(threading.local):
    """Memory for what passes through hidden layers, in each thread its own.

    Asking the system for large pieces anew in every product costs as much as the arithmetic on
    them, and as much again at every new point.
    """

    def __init__(self):
        """Nothing is there yet."""
        self._rooms: dict[tuple[str, int], torch.Tensor] = {}

    def room(self, what: str, depth: int, count: int, like: torch.Tensor) -> torch.Tensor:
        """Room (count, *rest) for a tensor like one (n, *rest), whatever it holds."""
        room = self._rooms.get((what, depth))
        kind = (count, *like.shape[1:]), like.dtype, like.device
        if room is None or (room.shape, room.dtype, room.device) != kind:
            room = self._rooms[what, depth] = like.new_empty(kind[0])
        return room


class ROperator:
    """Products at points that stay where they are.

    With one point it takes any number of vectors n, otherwise one for each point.
    """

    def __init__(
        self,
        layers: Sequence[Dense],
        layout: Layout,
        theta: torch.Tensor,
        criterion: Loss,
        inputs: torch.Tensor,
        targets: torch.Tensor,
        rooms: Rooms,
    ):
        """Go forwards and back once.

        Args:
            layers: of the network; none with batch normalisation, which mixes samples.
            layout: of the parameters.
            theta: (runs, dim).
            criterion: the loss.
            inputs: (N, in), or (runs, N, in) where each run has its own.
            targets: as `Loss.value` takes them.
            rooms: for products of single vectors, one after the other at any point.
        """
        self._layout, self._criterion, self._targets = layout, criterion, targets
        self._parts = layout.split(theta.detach())
        state = inputs if inputs.ndim == 3 else inputs[None]
        passed = []
        for layer in layers:
            shift = self._parts[layer.bias][:, None] if layer.bias else None
            affine = _times(state, self._parts[layer.weight].mT, shift=shift)
            values, slope, bend = activated(layer.activation, affine)
            after = values + with_units(state, values.shape[2], dim=2) if layer.skip else values
            passed.append((layer, state, slope, bend))
            state = after
        self.outputs = state  # (runs, N, C)
        self._bending: tuple[int, object] = (0, None)
        self._wide, self._single = Rooms(), rooms
        self._states = self._backwards(passed)

    def _backwards(self, passed: list[tuple]) -> list[_State]:
        """Gradients of the loss by all that was passed on the way, first layer first."""
        with torch.enable_grad():
            ends = self.outputs.detach().requires_grad_()
            value = self._criterion.value(ends, self._targets)
            (gradient,) = torch.autograd.grad(value.sum(), ends, materialize_grads=True)
        states = []
        for layer, inputs, slope, bend in reversed(passed):
            delta = gradient if slope is None else slope * gradient
            states.append(
                _State(layer, inputs, slope, delta, None if bend is None else bend * gradient)
            )
            if len(states) == len(passed):
                break
            back = _times(delta, self._parts[layer.weight])
            skipped = with_units(gradient, inputs.shape[2], dim=2) if layer.skip else None
            gradient = back if skipped is None else back + skipped
        return states[::-1]

    def hessian(self, vectors: torch.Tensor) -> torch.Tensor:
        """Products (n, dim) of vectors (n, dim) with the Hessian."""
        pushed, affine, states = self._push(vectors)
        return self._pull(self.bend(pushed), self._layout.split(vectors), affine, states)

    def gauss_newton(self, vectors: torch.Tensor) -> torch.Tensor:
        """Products (n, dim) of vectors (n, dim) with the Gauss-Newton matrix."""
        return self.pull(self.bend(self.push(vectors)))

    def rest(self, vectors: torch.Tensor) -> torch.Tensor:
        """Products (n, dim) of vectors (n, dim) with the Hessian less the Gauss-Newton matrix."""
        pushed, affine, states = self._push(vectors)
        nothing = torch.zeros_like(pushed)
        return self._pull(nothing, self._layout.split(vectors), affine, states)

    def push(self, vectors: torch.Tensor) -> torch.Tensor:
        """Derivatives (n, N, C) of the outputs along vectors (n, dim)."""
        return self._push(vectors)[0]

    def pull(self, weights: torch.Tensor) -> torch.Tensor:
        """Gradients (n, dim) of sums of the outputs weighted by (n, N, C)."""
        return self._pull(weights)

    def bend(self, weights: torch.Tensor) -> torch.Tensor:
        """Products (n, N, C) of weights (n, N, C) with the loss's curvature in the outputs."""
        count = len(weights)
        if self._bending[0] != count:
            outputs = self.outputs.expand(count, -1, -1)
            targets = self._targets
            if len(self.outputs) == 1 and targets.ndim > _sample_axes(self._criterion):
                targets = targets.expand(count, *targets.shape[1:])
            self._bending = count, self._criterion.bending(outputs, targets)
        return self._bending[1](weights)

    @property
    def tangent(self) -> Tangent:
        """The parts that have to do with the outputs."""

        def slopes() -> torch.Tensor:
            return sample_slopes(self._criterion, self.outputs, self._targets)

        return Tangent(slopes, self.push, self.bend, self.pull)

    def _push(
        self, vectors: torch.Tensor
    ) -> tuple[torch.Tensor, list[torch.Tensor], list[torch.Tensor | None]]:
        """Forwards along vectors (n, dim).

        Returns:
            Derivatives of the outputs (n, N, C), and of each layer's affine map and inputs, (n, N,
            units); None for the data, which do not move.
        """
        moves = self._layout.split(vectors)
        moving, affines, before = None, [], []
        for depth, (layer, inputs, slope, *_) in enumerate(self._states):
            room = self._space("affine", depth, len(vectors))
            shift = moves[layer.bias][:, None] if layer.bias else None
            affine = _times(inputs, moves[layer.weight].mT, room, shift)
            if moving is not None:
                _add_times(affine, moving, self._parts[layer.weight].mT)
            affines.append(affine)
            before.append(moving)
            after = affine
            if slope is not None:
                after = torch.mul(slope, affine, out=self._space("after", depth, len(vectors)))
            if layer.skip and moving is not None:
                after = after + with_units(moving, after.shape[2], dim=2)
            moving = after
        return moving, affines, before

    def _pull(
        self,
        gradient: torch.Tensor,
        moves: Parts | None = None,
        affines: Sequence[torch.Tensor] = (),
        before: Sequence[torch.Tensor | None] = (),
    ) -> torch.Tensor:
        """Back from the outputs to the parameters.

        Args:
            gradient: (n, N, C), by the outputs.
            moves: the vectors' tensors, for what the network's own curvature adds; None for
                nothing.
            affines: derivatives of the affine maps along the vectors.
            before: derivatives of the layers' inputs along the vectors.

        Returns:
            (n, dim)
        """
        found: dict[str, torch.Tensor] = {}
        for depth in reversed(range(len(self._states))):
            layer, inputs, slope, delta, bend = self._states[depth]
            own = gradient
            if slope is not None:
                own = torch.mul(slope, gradient, out=self._space("own", depth, len(gradient)))
            if moves is not None and bend is not None:  # so there is a slope, and own is its own
                own.addcmul_(bend, affines[depth])
            weight = _times(own.mT, inputs)
            if moves is not None and before[depth] is not None:
                _add_times(weight, delta.mT, before[depth])
            found[layer.weight] = weight
            if layer.bias:
                found[layer.bias] = own.sum(dim=1)
            if not depth:
                break
            back = _times(
                own, self._parts[layer.weight], self._space("back", depth - 1, len(gradient))
            )
            if moves is not None:
                _add_times(back, delta, moves[layer.weight])
            if layer.skip:
                back = back + with_units(gradient, inputs.shape[2], dim=2)
            gradient = back
        return self._layout.join(found)

    def _space(self, what: str, depth: int, count: int) -> torch.Tensor | None:
        """Room (count, N, units) for what a hidden layer gives; None for the last, which is new.

        What the last layer gives is handed out, and must stay as it is.
        """
        if depth == len(self._states) - 1:
            return None
        like = self._states[depth].delta
        small = like[0].numel() * like.element_size() <= _MOST_KEPT
        rooms = self._single if count == 1 and small else self._wide
        return rooms.room(what, depth, count, like)


def activated(
    activation: Activation | None, sums: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor | None, torch.Tensor | None]:
    """An elementwise function's values and first two derivatives; None for 1 and for 0."""
    if activation is None:
        return sums, None, None
    if activation is torch.tanh:
        values = torch.tanh(sums)
        slope = values.square().neg_().add_(1)
        return values, slope, (values * slope).mul_(-2)
    with torch.enable_grad():
        sums = sums.detach().requires_grad_()
        values = activation(sums)
        (slope,) = torch.autograd.grad(values.sum(), sums, create_graph=True)
        bend = None
        if slope.requires_grad:
            (bend,) = torch.autograd.grad(slope.sum(), sums, allow_unused=True)
    if bend is not None and not bend.any():  # of straight pieces, as ReLU is
        bend = None
    return values.detach(), slope.detach(), bend


def _times(
    left: torch.Tensor,
    right: torch.Tensor,
    room: torch.Tensor | None = None,
    shift: torch.Tensor | None = None,
) -> torch.Tensor:
    """Matrix products of (n, a, b) with (m, b, c), where n or m may be 1: (max(n, m), a, c).

    Args:
        left: the first ones.
        right: the second ones.
        room: where the result goes; new memory if not given.
        shift: (max(n, m), 1, c), added to every row.
    """
    if shift is None and len(right) == 1 and left.is_contiguous():  # one tall product
        flat = None if room is None else room.flatten(0, 1)
        return torch.mm(left.flatten(0, 1), right[0], out=flat).unflatten(0, left.shape[:2])
    count = max(len(left), len(right))
    both = left.expand(count, -1, -1), right.expand(count, -1, -1)
    return torch.bmm(*both, out=room) if shift is None else torch.baddbmm(shift, *both, out=room)


def _add_times(total: torch.Tensor, left: torch.Tensor, right: torch.Tensor) -> None:
    """Add to a total the matrix products of left and right, of which one may be shared."""
    if len(right) == 1 and left.is_contiguous():
        total.flatten(0, 1).addmm_(left.flatten(0, 1), right[0])
    else:
        count = len(total)
        total.baddbmm_(left.expand(count, -1, -1), right.expand(count, -1, -1))


def _sample_axes(criterion: Loss) -> int:
    """Axes of the targets of one run."""
    return 1 if criterion.targets == "class" else 2

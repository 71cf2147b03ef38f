"""Fully connected networks for many runs at once: one batched matrix product for each layer.

Inside, samples are the last axis, (runs, units, N): narrow last layers and sums over classes are
several times faster so, and a plane of landscape points can be cut into blocks that stay in cache.
"""

import itertools
from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from typing import Literal

import torch

from lab.engine.noise import Noise
from lab.engine.problem import Batch, Products
from lab.engine.problems.activations import without_graph
from lab.engine.problems.kronecker import factors, joined, sample_gradients
from lab.engine.problems.layers import Dense, with_units
from lab.engine.problems.network import Network, wants_graph
from lab.engine.problems.roperator import Rooms, ROperator
from lab.engine.structure import Fisher, KroneckerFactors, LastLayer, LinearLayer, Tangent

NORM_EPSILON = 1e-5  # added to the variance in batch normalisation, as in torch.nn.BatchNorm1d
# Bytes of the widest layer at the points of a plane that are evaluated side by side.
_BLOCK_BYTES = {"cpu": 1 << 21, "cuda": 1 << 28, "mps": 1 << 26}


class DenseNetwork(Network):
    """A network that is a chain of `Dense` layers."""

    @property
    @abstractmethod
    def layers(self) -> Sequence[Dense]:
        """The layers, from inputs to outputs."""

    def outputs(self, theta: torch.Tensor, inputs: torch.Tensor) -> torch.Tensor:
        """Outputs (runs, N, C) of inputs (N, in) or (runs, N, in)."""
        *_, last = self._states(theta, inputs)
        return last.mT

    def hidden(self, theta: torch.Tensor) -> list[torch.Tensor]:
        """What each hidden layer gives on all data: theta (runs, dim) -> (runs, N, units) each."""
        *states, _ = self._states(theta, self.dataset.on(theta)[0])
        return [state.mT for state in states]

    def hidden_sums(self, theta: torch.Tensor) -> list[torch.Tensor]:
        """What each hidden layer's affine map gives on all data: (runs, N, units) each."""
        parts = self.layout.split(theta)
        state, sums = _columns(self.dataset.on(theta)[0], len(theta)), []
        for layer in self.layers[:-1]:  # their activations leave the sums alone
            sums.append(_affine(layer, parts, state))
            state = _finish(layer, parts, sums[-1], state)
        return [found.mT for found in sums]

    @property
    def tied_units(self) -> tuple[tuple[str, str], ...]:
        """The layers on both sides of each skip connection."""
        pairs = itertools.pairwise(self.layers)
        return tuple((one.weight, two.weight) for one, two in pairs if two.skip)

    @property
    def collapse_frame(self) -> Literal["", "simplex", "orthogonal"]:
        """As the biases of the layers that make the scores have it; empty without classes."""
        count = _trailing_linear(self.layers)
        if not (self.dataset.classes and count):
            return ""
        return "simplex" if any(x.bias for x in self.layers[-count:]) else "orthogonal"

    def last_layer(self, theta: torch.Tensor) -> LastLayer:
        """See `Structure.last_layer`; without hidden layers the features are the inputs.

        Raises:
            ValueError: targets that are no classes, or outputs that are not linear.
        """
        if not self.collapse_frame:
            return super().last_layer(theta)  # which says that there is none
        count = _trailing_linear(self.layers)
        inputs, labels = self.dataset.on(theta)
        states = [_columns(inputs, len(theta)), *self._states(theta, inputs)]
        features = states[len(self.layers) - count].mT
        parts = self.layout.split(theta)
        last = self.layers[-1]
        weight, bias = parts[last.weight], parts[last.bias] if last.bias else None
        for layer in reversed(self.layers[-count:-1]):
            if layer.bias:
                shift = (weight @ parts[layer.bias][..., None])[..., 0]
                bias = shift if bias is None else bias + shift
            weight = weight @ parts[layer.weight]
        return LastLayer(features, labels, weight, bias)

    def _states(self, theta: torch.Tensor, inputs: torch.Tensor) -> Iterator[torch.Tensor]:
        """What each layer gives, one after the other: (runs, units, N)."""
        parts = self.layout.split(theta)
        state = _columns(inputs, len(theta))
        for layer in self._layers_for(theta):
            state = _finish(layer, parts, _affine(layer, parts, state), state)
            yield state

    @property
    def shares_point(self) -> bool:
        """Whether derivatives are written out, see `ROperator`: without batch normalisation."""
        return not any(layer.norm for layer in self.layers)

    def products(self, theta: torch.Tensor, batch: Batch | None = None) -> Products:
        """See `Problem.products`; one point takes any number of vectors."""
        if not self.shares_point:
            return super().products(theta, batch)
        return self._curvature(theta, batch).hessian

    def rest_products(self, theta: torch.Tensor, batch: Batch | None = None) -> Products:
        """See `Problem.rest_products`; one point takes any number of vectors."""
        if not self.shares_point:
            return super().rest_products(theta, batch)
        return self._curvature(theta, batch).rest

    def tangent(self, theta: torch.Tensor, batch: Batch | None = None) -> Tangent:
        """See `Structure.tangent`; one point takes any number of vectors."""
        if not self.shares_point:
            return super().tangent(theta, batch)
        return self._curvature(theta, batch).tangent

    def _curvature(self, theta: torch.Tensor, batch: Batch | None) -> ROperator:
        data = self._data(theta, batch)
        return ROperator(
            self.layers, self.layout, theta, self.criterion, *data, self._product_rooms
        )

    @cached_property
    def _product_rooms(self) -> Rooms:
        return Rooms()

    @property
    def linear_layers(self) -> tuple[LinearLayer, ...]:
        """The affine maps of all layers."""
        return tuple(LinearLayer(layer.weight, layer.bias) for layer in self.layers)

    def kronecker_factors(
        self,
        theta: torch.Tensor,
        fisher: Fisher,
        noise: Noise,
        what: str,
        batch: Batch | None = None,
    ) -> tuple[list[KroneckerFactors], int]:
        """See `Problem.kronecker_factors`; in blocks of runs that take little memory.

        With batch normalisation a sample's gradient is what it has in the loss of all of them.
        """
        blocks, passes, done = [], 0, 0
        for rows, at in self._blocks(theta, batch):
            whole = len(rows) == len(theta)
            streams = noise if whole else noise.of_runs(range(done, done + len(rows)))
            done += len(rows)
            targets = self._data(rows, at)[1]
            inputs, sums, outputs = self._traced(rows, at)
            starts = sample_gradients(
                self.criterion, outputs.detach(), targets, fisher, streams, what
            )
            passes = len(starts)
            back = [torch.autograd.grad(outputs, sums, x, retain_graph=True) for x in starts]
            layers = zip(self.layers, inputs, zip(*back, strict=True), strict=True)
            blocks.append([factors(x.weight, x.bias, *parts) for x, *parts in layers])
        return joined(blocks), passes

    def _traced(
        self, theta: torch.Tensor, batch: Batch | None
    ) -> tuple[list[torch.Tensor], list[torch.Tensor], torch.Tensor]:
        """Each layer's inputs and sums, (runs, units, N), and the outputs, with their graph."""
        inputs, sums = [], []
        with torch.enable_grad():
            parts = self.layout.split(theta.detach().requires_grad_())
            state = _columns(self._data(theta, batch)[0], len(theta))
            for layer in self.layers:
                inputs.append(state.detach())
                sums.append(_affine(layer, parts, state))
                state = _finish(layer, parts, sums[-1], state)
            return inputs, sums, state.mT

    def plane_outputs(
        self,
        center: torch.Tensor,
        d1: torch.Tensor,
        d2: torch.Tensor,
        a: torch.Tensor,
        b: torch.Tensor,
    ) -> Iterator[torch.Tensor]:
        """Outputs at center + a·d1 + b·d2, see `Network.plane_outputs`.

        What the first layer's affine map gives is itself affine in a and b: its products with the
        data are made once for the plane, and each point costs two additions in their place.
        """
        inputs = self.dataset.on(center)[0]
        first, *later = self._layers_for(center)
        ground = torch.stack([center, d1, d2])
        base = _affine(first, self.layout.split(ground), _columns(inputs, 3))  # (3, units, N)
        weights = torch.stack([torch.ones_like(a), a, b], dim=1)  # (points, 3)
        for block in weights.split(self._plane_block(center)):
            parts = self.layout.split(block @ ground)
            product = (block @ base.flatten(1)).view(len(block), *base.shape[1:])
            hidden = _finish(first, parts, product, _columns(inputs, len(block)))
            for layer in later:
                hidden = _finish(layer, parts, _affine(layer, parts, hidden), hidden)
            yield hidden.mT

    def _layers_for(self, theta: torch.Tensor) -> list[Dense]:
        """The layers, with faster activations where no graph is wanted."""
        if wants_graph(theta):
            return list(self.layers)
        return [replace(x, activation=without_graph(x.activation)) for x in self.layers]

    def _plane_block(self, like: torch.Tensor) -> int:
        """How many points are evaluated side by side: as many as stay in the cores' own caches."""
        units = max(self.layout.shapes[self.layout.names.index(x.weight)][0] for x in self.layers)
        one = units * len(self.dataset) * like.element_size()
        return max(1, min(1024, _BLOCK_BYTES[like.device.type] // one))


Parts = Mapping[str, torch.Tensor]  # name -> (runs, *shape)


def _trailing_linear(layers: Sequence[Dense]) -> int:
    """How many layers at the end are affine maps and nothing else."""
    count = 0
    for layer in reversed(layers):
        if layer.norm or layer.activation or layer.skip:
            break
        count += 1
    return count


def _columns(inputs: torch.Tensor, runs: int) -> torch.Tensor:
    """Inputs (N, in) or (runs, N, in) as (runs, in, N), without a copy."""
    return inputs.mT.expand(runs, -1, -1)


def _affine(layer: Dense, parts: Parts, hidden: torch.Tensor) -> torch.Tensor:
    """A layer's affine map: (runs, in, N) -> (runs, out, N)."""
    if not layer.bias:
        return torch.bmm(parts[layer.weight], hidden)
    return torch.baddbmm(parts[layer.bias][..., None], parts[layer.weight], hidden)


def _finish(
    layer: Dense, parts: Parts, product: torch.Tensor, before: torch.Tensor
) -> torch.Tensor:
    """All of a layer that comes after its affine map: (runs, out, N) -> (runs, out, N)."""
    if layer.norm:
        scale, shift = (parts[name][..., None] for name in layer.norm)
        product = normalise(product) * scale + shift
    if layer.activation:
        product = layer.activation(product)
    return product + with_units(before, product.shape[1]) if layer.skip else product


def normalise(hidden: torch.Tensor) -> torch.Tensor:
    """Bring every unit to mean 0 and variance 1 over the samples at hand: (runs, units, N)."""
    variance, mean = torch.var_mean(hidden, dim=-1, keepdim=True, correction=0)
    return (hidden - mean) * torch.rsqrt(variance + NORM_EPSILON)

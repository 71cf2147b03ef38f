"""Correcting the statistics of hidden units between two networks."""

import torch

from lab.engine.analysis.chain import wiring_of
from lab.engine.problem import Problem

Moments = list[tuple[torch.Tensor, torch.Tensor]]  # mean and deviation (runs, units) of each layer


class Repair:
    """Gives every hidden unit, between two networks, the statistics that lie between theirs.

    Source: Jordan, Sedghi, Saukh, Entezari & Neyshabur 2023, "REPAIR: renormalizing permuted
    activations for interpolation repair", arXiv 2211.08403: at a point between two networks each
    unit's sum before the activation is scaled and shifted so that over the data its mean and its
    standard deviation are those of the two networks, averaged with the weights 1 - t and t. The
    deviations are averaged, not the variances. Layer after layer, each with those before it
    corrected. The correction is made in weight and bias, so that the result is a plain parameter
    vector. What batch normalisation follows is left alone: it makes new statistics at every point.
    """

    def __init__(self, problem: Problem, a: torch.Tensor, b: torch.Tensor):
        """Measure the two networks on all data.

        Args:
            problem: a network that tells the sums of its hidden units.
            a: (dim,), at t = 0.
            b: (dim,), at t = 1.

        Raises:
            ValueError: a network that does not tell them, or a hidden layer without bias.
        """
        self._problem = problem
        self._layout, self._layers = problem.layout, wiring_of(problem).layers
        for layer in self._layers:
            if not (layer.bias or layer.normalised):
                raise ValueError(f"a layer without bias cannot be repaired: {layer.weight!r}")
        if len({layer.weight for layer in self._layers}) < len(self._layers):
            raise ValueError("a layer that is used more than once cannot be repaired")
        self._ends = self._moments(torch.stack([a, b]))

    @property
    def passes(self) -> int:
        """How often the network is evaluated to correct a point: once for each such layer."""
        return sum(not layer.normalised for layer in self._layers)

    def __call__(self, theta: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
        """Corrected points (n, dim) of points (n, dim) at t (n,); at the ends they are as given."""
        share, inner = t[:, None].to(theta), ((t > 0) & (t < 1))[:, None].to(theta.device)
        for number, layer in enumerate(self._layers):
            if layer.normalised:
                continue
            mean, deviation = self._moments(theta)[number]
            (mean_a, mean_b), (dev_a, dev_b) = self._ends[number]
            wanted, spread = (
                (1 - share) * one + share * two for one, two in ((mean_a, mean_b), (dev_a, dev_b))
            )
            factor = torch.where(deviation > 0, spread / deviation, 1.0)
            parts = self._layout.split(theta)
            weight, bias = parts[layer.weight], parts[layer.bias]
            wide = factor.unflatten(
                1, [-1 if i == layer.axis else 1 for i in range(weight.ndim - 1)]
            )
            parts |= {layer.weight: weight * wide, layer.bias: factor * (bias - mean) + wanted}
            theta = torch.where(inner, self._layout.join(parts), theta)
        return theta

    def _moments(self, theta: torch.Tensor) -> Moments:
        """Mean and deviation over samples (and pixels) of each layer's sums, (runs, units)."""
        with torch.no_grad():
            rows = [sums.transpose(1, 2).flatten(2) for sums in self._problem.hidden_sums(theta)]
        return [(row.mean(-1), row.std(-1, correction=0)) for row in rows]

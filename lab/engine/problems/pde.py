"""Poisson's equation solved by a small network: deep Ritz and deep Galerkin.

-Δu = f with u = 0 on the boundary; the trial function is a factor that is 0 there times a residual
network N, so that the boundary costs no loss of its own. Source: Wu et al., arXiv 2103.11069, for
domains, networks and start; E & Yu 2018, arXiv 1710.00211, for deep Ritz; Sirignano & Spiliopoulos
2018, arXiv 1708.07469, for deep Galerkin, which is also called the physics-informed or
least-squares loss.

Their matrices. The loss is the mean over the nodes of a quadratic function of what is `seen` there,
z: the residual Δu + f in deep Galerkin, u and its gradient in deep Ritz. These are the outputs of
the Gauss-Newton matrix JᵀSJ, with S the same at every point of parameter space and never negative.
A node's own loss, of which the empirical Fisher matrix is made, carries the weight of the
quadrature rule (times the number of nodes), so that the loss is the mean of these. The tangent
kernel is that of the residual in deep Galerkin (Wang, Yu & Perdikaris 2022, "When and why PINNs
fail to train: a neural tangent kernel perspective", J. Comput. Phys. 449, 110768) and of u itself
in deep Ritz; it carries no weights.

Deviations from the program of the first paper: integrals are taken over nodes that stay the same
(Simpson's rule with both its ends, a scrambled Sobol sequence), and mini-batches are drawn from
these in epochs in place of fresh random points at every step.
"""

import math
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated

import torch

from lab.engine.catalogue import register
from lab.engine.knobs import Knob
from lab.engine.layout import Layout
from lab.engine.problem import Batch, Batches, Problem, Products
from lab.engine.problems.batches import EpochBatches
from lab.engine.problems.entries import BatchSize, DataSeed
from lab.engine.problems.jets import Smooth, residual_jet, residual_layout
from lab.engine.problems.poisson_domains import DOMAINS, Domain, DomainName, Nodes, quadrature
from lab.engine.problems.tangent import push_and_pull
from lab.engine.structure import Tangent

PAPER = "E & Yu 2018, arXiv 1710.00211; network and domains of Wu et al., arXiv 2103.11069"
_KEPT, _AT_WORK = 3, 9  # times all jets: what a gradient and a product with the Hessian hold
_FUNCTIONS = 20  # multiplications by all weights that take as long as the functions of a jet


@dataclass(frozen=True)
class Poisson(Problem):
    """A network that is to solve Poisson's equation; a subclass says by which loss."""

    domain: Annotated[
        DomainName,
        Knob(doc="(0, 1), the unit ball of 3 dimensions or the unit cube of 10"),
    ] = "interval"
    width: Annotated[
        int, Knob(0, 512, doc="units of each layer, 0 for the paper's (4, 8 or 20)")
    ] = 0
    blocks: Annotated[int, Knob(0, 32, doc="residual blocks, 0 for the paper's (1, 3 or 3)")] = 0
    skip: Annotated[bool, Knob(doc="add its input to what a block gives")] = True
    activation: Annotated[Smooth, Knob(doc="nonlinearity of the blocks")] = "silu"
    nodes: Annotated[
        int,
        Knob(
            0,
            100_000,
            doc="intervals of Simpson's rule (even), or points in ball and cube; 0 for 400 or 1024",
        ),
    ] = 0
    batch_size: BatchSize = 0
    data_seed: DataSeed = 0

    family = "network"
    kernel_outputs = 1
    likelihood_trouble = "a differential equation foresees no targets that could be drawn"
    _needs_laplacian = True  # whether `seen` looks at it

    def __post_init__(self):
        """Refuse a number of nodes that makes no rule.

        Raises:
            ValueError: an odd number of intervals.
        """
        if self.domain == "interval" and self.nodes % 2:
            raise ValueError(
                f"nodes = {self.nodes} is not allowed: Simpson's rule needs an even number of "
                f"intervals (nearest {self.nodes + 1})"
            )

    @abstractmethod
    def seen(self, jet: torch.Tensor, nodes: Nodes) -> torch.Tensor:
        """What the loss is a function of, at every node.

        Args:
            jet: (runs, 2 + d, N), the trial function's value, gradient and Laplacian.
            nodes: where, without an axis of runs or with.

        Returns:
            (runs, N, numbers)
        """

    @abstractmethod
    def density(self, seen: torch.Tensor, nodes: Nodes) -> torch.Tensor:
        """What is integrated: `seen` (runs, N, numbers) -> (runs, N)."""

    @abstractmethod
    def density_curvature(self, seen: torch.Tensor) -> torch.Tensor:
        """The diagonal of the density's second derivative by `seen`, the same at every node.

        There is nothing beside the diagonal.

        Args:
            seen: (runs, N, numbers), for kind and number.

        Returns:
            (numbers,)
        """

    @property
    def layout(self) -> Layout:
        """Weights and biases of the first layer, the blocks and the last layer."""
        return self._layout

    @cached_property
    def _layout(self) -> Layout:
        width, blocks = self.width or self._domain.width, self.blocks or self._domain.blocks
        return residual_layout(self._domain.dim, width, blocks)

    @property
    def _domain(self) -> Domain:
        return DOMAINS[self.domain]

    def start(self, generators: Sequence[torch.Generator]) -> torch.Tensor:
        """Normal weights of variance 2 / (inputs + outputs) (Glorot & Bengio 2010), no biases."""
        theta = torch.zeros(len(generators), self.dim, dtype=torch.float64)
        for draws, row in zip(generators, theta, strict=True):
            for part in self.layout.split(row).values():
                if part.ndim > 1:
                    part.normal_(0, math.sqrt(2 / sum(part.shape)), generator=draws)
        return theta

    def evaluate(self, theta: torch.Tensor, batch: Batch | None = None) -> torch.Tensor:
        """The loss of every run: theta (runs, dim), batch (runs, samples) or None -> (runs,)."""
        return self.evaluate_with_outputs(theta, batch)[0]

    def evaluate_with_outputs(
        self, theta: torch.Tensor, batch: Batch | None = None
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """See `Structure.evaluate_with_outputs`, with `seen` as the outputs."""
        nodes = self._nodes(theta, batch)
        seen = self.seen(self.trial(theta, nodes), nodes)
        return self._losses(seen, nodes).mean(-1), seen

    def trial(self, theta: torch.Tensor, nodes: Nodes) -> torch.Tensor:
        """The trial function g N: value, gradient and Laplacian (runs, 2 + d, N)."""
        parts = self.layout.split(theta)
        jet = residual_jet(
            parts, nodes.points, self.activation, skip=self.skip, laplacian=self._needs_laplacian
        )
        d = self._domain.dim
        value, slope = jet[:, :1], jet[:, 1 : 1 + d]
        g, g_slope = nodes.factor[..., None, :], nodes.factor_gradient.mT
        whole = [g * value, g * slope + g_slope * value]
        if self._needs_laplacian:
            cross = (g_slope * slope).sum(1, keepdim=True)
            g_bend = nodes.factor_laplacian[..., None, :]
            whole.append(g * jet[:, 1 + d :] + 2 * cross + g_bend * value)
        return torch.cat(whole, dim=1)

    def functions(self, theta: torch.Tensor, batch: Batch | None = None) -> torch.Tensor:
        """See `Structure.functions`: the trial function at the nodes."""
        return self.trial(theta, self._nodes(theta, batch))[:, :1].mT

    def tangent(self, theta: torch.Tensor, batch: Batch | None = None) -> Tangent:
        """See `Structure.tangent`, with `seen` as the outputs."""
        theta, nodes, seen = self._graph(theta, batch)
        push, pull = push_and_pull(theta, seen)
        ends = seen.detach()
        share = self._weights(nodes) / ends.shape[1]
        curvature = share[..., None] * self.density_curvature(ends)  # ([runs,] N, numbers)
        return Tangent(lambda: self._slopes(ends, nodes), push, lambda u: curvature * u, pull)

    def rest_products(self, theta: torch.Tensor, batch: Batch | None = None) -> Products:
        """See `Problem.rest_products`: the derivative of Jᵀs, with fixed slopes s."""
        theta, nodes, seen = self._graph(theta, batch)
        slopes = self._slopes(seen, nodes) / seen.shape[1]
        with torch.enable_grad():
            (pulled,) = torch.autograd.grad(seen, theta, slopes, create_graph=True)
        return lambda vector: torch.autograd.grad(pulled, theta, vector, retain_graph=True)[0]

    def metrics(self, theta: torch.Tensor) -> Mapping[str, torch.Tensor]:
        """How far the trial function v is from the solution u.

        `error` is |v - u| / |u| in the mean square; `excess_energy` the mean of
        |∇(v - u)|²/2, which is by how much the energy of v is above the least one.
        """
        nodes, d = self._nodes(theta, None), self._domain.dim
        with torch.no_grad():
            jet = self.trial(theta, nodes)
            off = (nodes.weights * (jet[:, 0] - nodes.solution).square()).sum(-1)
            tilt = (jet[:, 1 : 1 + d] - nodes.solution_gradient.mT).square().sum(1)
        size = (nodes.weights * nodes.solution.square()).sum()
        return {
            "error": (off / size).sqrt(),
            "excess_energy": 0.5 * (nodes.weights * tilt).sum(-1),
        }

    @property
    def samples(self) -> int:
        """How many nodes there are."""
        return len(self._all.weights)

    @property
    def sample_work(self) -> int:
        """The numbers of a jet, times what functions of them cost in a narrow network."""
        return _FUNCTIONS * self._jet

    def batches(self, seed: int, streams: Sequence[int]) -> Batches | None:
        """Mini-batches of nodes in epochs; None for all nodes at every step."""
        if not 0 < self.batch_size < self.samples:
            return None
        return EpochBatches(seed, streams, self.samples, self.batch_size)

    def forecast(self, runs: int, dtype: torch.dtype) -> int:
        """Adds the jets of all layers, which are kept for the way back."""
        nodes = min(self.batch_size or self.samples, self.samples)
        return super().forecast(runs, dtype) + _KEPT * runs * self._jets(nodes) * dtype.itemsize

    def product_forecast(self, vectors: int, dtype: torch.dtype, samples: int | None = None) -> int:
        """See `Problem.product_forecast`; in jets of all layers, as measured."""
        jets = vectors * self._jets(self.samples if samples is None else samples)
        return super().product_forecast(vectors, dtype, samples) + _AT_WORK * jets * dtype.itemsize

    @property
    def data_text(self) -> str:
        """How many nodes a value is computed from."""
        text = f"all {self.samples:,} nodes"
        if 0 < self.batch_size < self.samples:
            text += f"; steps see batches of {self.batch_size:,}"
        return text

    @property
    def _jet(self) -> int:
        """Numbers of a jet: a value, its gradient and, where it is needed, its Laplacian."""
        return 1 + self._domain.dim + self._needs_laplacian

    def _jets(self, nodes: int) -> int:
        """Numbers of the jets of all layers at so many nodes."""
        return nodes * self._jet * sum(s[0] for s in self.layout.shapes if len(s) > 1)

    @cached_property
    def _all(self) -> Nodes:
        return quadrature(self.domain, self.nodes or self._domain.nodes, self.data_seed)

    @cached_property
    def _kept(self) -> dict:
        return {}

    def _nodes(self, theta: torch.Tensor, batch: Batch | None) -> Nodes:
        """All nodes, or those of a batch with an axis of runs, of theta's device and precision."""
        key = (theta.device, theta.dtype)
        if key not in self._kept:
            self._kept[key] = self._all.like(theta)
        nodes = self._kept[key]
        return nodes if batch is None else nodes[batch.to(theta.device)]

    def _graph(
        self, theta: torch.Tensor, batch: Batch | None
    ) -> tuple[torch.Tensor, Nodes, torch.Tensor]:
        """The points as a leaf, the nodes, and what is seen there (runs, N, numbers)."""
        nodes = self._nodes(theta, batch)
        with torch.enable_grad():
            theta = theta.detach().requires_grad_()
            return theta, nodes, self.seen(self.trial(theta, nodes), nodes)

    def _weights(self, nodes: Nodes) -> torch.Tensor:
        """The weights of nodes (N,) or (runs, N) in a mean over all nodes: on average 1."""
        return nodes.weights * self.samples

    def _losses(self, seen: torch.Tensor, nodes: Nodes) -> torch.Tensor:
        """Each node's own loss (runs, N); that of the problem is their mean."""
        return self._weights(nodes) * self.density(seen, nodes)

    def _slopes(self, seen: torch.Tensor, nodes: Nodes) -> torch.Tensor:
        """The gradient (runs, N, numbers) of nodes' own losses by what is seen there."""
        with torch.enable_grad():
            ends = seen.detach().requires_grad_()
            (slopes,) = torch.autograd.grad(self._losses(ends, nodes).sum(), ends)
        return slopes


@register(
    "problem",
    "deep_ritz",
    title="Poisson, deep Ritz",
    family="differential equation",
    formula=r"\int \frac{1}{2} |\nabla u|^2 - f u, \quad u = g\,N_\theta, \quad g = 0"
    r"\ \mathrm{on\ the\ boundary}",
    paper=PAPER,
    look="The loss has a known least value below zero, −π²/4 on the interval; the relative error "
    "keeps falling long after the loss looks flat.",
)
@dataclass(frozen=True)
class DeepRitz(Poisson):
    """Poisson's equation as the least energy: first derivatives of a small residual network."""

    _needs_laplacian = False

    def seen(self, jet: torch.Tensor, nodes: Nodes) -> torch.Tensor:
        """Value and gradient of the trial function: (runs, N, 1 + d)."""
        return jet.mT

    def density(self, seen: torch.Tensor, nodes: Nodes) -> torch.Tensor:
        """|∇u|²/2 - f u."""
        return 0.5 * seen[..., 1:].square().sum(-1) - nodes.source * seen[..., 0]

    def density_curvature(self, seen: torch.Tensor) -> torch.Tensor:
        """None by u, 1 by each derivative of it."""
        curvature = seen.new_ones(seen.shape[-1])
        curvature[0] = 0.0
        return curvature

    def kernel_targets(self, like: torch.Tensor) -> torch.Tensor:
        """The solution u, though the loss does not compare with it: see `Structure`."""
        return self._nodes(like, None).solution[:, None]


@register(
    "problem",
    "deep_galerkin",
    title="Poisson, deep Galerkin",
    family="differential equation",
    formula=r"\int (\Delta u + f)^2, \quad u = g\,N_\theta, \quad g = 0"
    r"\ \mathrm{on\ the\ boundary}",
    paper="Sirignano & Spiliopoulos 2018, arXiv 1708.07469; network and domains of Wu et al., "
    "arXiv 2103.11069",
    look="The roughness index rises, then falls, while the loss drops by decades. So it does on a "
    "plain bowl: what tells the two apart is the mean of T·l beside it.",
)
@dataclass(frozen=True)
class DeepGalerkin(Poisson):
    """Poisson's equation as the least squared residual: the Laplacian of a small network."""

    log_scale = True

    def seen(self, jet: torch.Tensor, nodes: Nodes) -> torch.Tensor:
        """The residual Δu + f: (runs, N, 1)."""
        return (jet[:, -1] + nodes.source)[..., None]

    def density(self, seen: torch.Tensor, nodes: Nodes) -> torch.Tensor:
        """The residual's square."""
        return seen[..., 0].square()

    def density_curvature(self, seen: torch.Tensor) -> torch.Tensor:
        """2, so that the Gauss-Newton matrix is 2 JᵀWJ with the nodes' weights W."""
        return seen.new_full((1,), 2.0)

    def kernel_targets(self, like: torch.Tensor) -> torch.Tensor:
        """What Δu is to become, -f: the residual is Δu up to a constant of each node."""
        return -self._nodes(like, None).source[:, None]

"""What a problem is: a function of a flat parameter vector, evaluated for many runs at once."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import ClassVar, NamedTuple, Protocol, TypeVar

import torch

from lab.engine.catalogue import Choice, find
from lab.engine.layout import Layout
from lab.engine.structure import Batch, Structure
from lab.engine.userarrays import Array, as_runs

T = TypeVar("T")
Products = Callable[[torch.Tensor], torch.Tensor]  # v (runs, dim) -> Hv (runs, dim)

PLANE_NUMBERS = 1 << 16  # parameters of all points of a plane that are evaluated side by side


class Optimum(NamedTuple):
    """A known minimum, for marks in the landscape and for distances."""

    point: tuple[float, ...]
    value: float
    is_global: bool = True


class CriticalPoint(NamedTuple):
    """A known point without a gradient, or a whole family of them at one loss.

    Attributes:
        value: the loss there.
        index: how many eigenvalues of the Hessian are negative.
    """

    value: float
    index: int


class Batches(Protocol):
    """The order of mini-batches: a function of the step alone, so that any step can be replayed."""

    def at(self, step: int) -> Batch:
        """The batch of a step: (runs, samples) indices."""


class Problem(Structure, ABC):
    """A function to minimise, with all that the lab wants to know about it.

    A subclass gives `layout`, `start` and `evaluate`; gradients and Hessian products follow by
    automatic differentiation unless it knows better.
    """

    family: ClassVar[str] = "function"  # "surface", "network" or "function"
    window: tuple[tuple[float, float], ...] | None = None  # (low, high) for each coordinate
    optima: tuple[Optimum, ...] = ()
    critical_points: tuple[CriticalPoint, ...] = ()  # all of them, where they are known
    log_scale: bool = False  # whether the landscape is best seen on a logarithmic scale
    origin: Choice | None = None  # the file that made it, for one that a file defines
    hessian_trouble: str = ""  # why second derivatives cannot be trusted, empty if they can

    @property
    @abstractmethod
    def layout(self) -> Layout:
        """Names and shapes of the parameters."""

    @abstractmethod
    def start(self, generators: Sequence[torch.Generator]) -> torch.Tensor:
        """Draw one starting point for each generator: (runs, dim), float64, on the CPU."""

    @abstractmethod
    def evaluate(self, theta: torch.Tensor, batch: Batch | None = None) -> torch.Tensor:
        """The function value of every run, differentiable by torch.

        Args:
            theta: (runs, dim).
            batch: (runs, samples) indices, or None for all data.

        Returns:
            (runs,)
        """

    @property
    def dim(self) -> int:
        """Number of parameters."""
        return self.layout.dim

    @property
    def title(self) -> str:
        """The name as people write it."""
        named = self.choice is not None and self.origin is None
        return self.choice.entry().title if named else type(self).__name__

    @property
    def choice(self) -> Choice | None:
        """Which entry of the catalogue this is, with its knobs; None for a user's own object."""
        if self.origin is not None:
            return self.origin
        name = type(self).__dict__.get("catalogue_name")
        if name is None:
            return None
        knobs = {item.name: getattr(self, item.name) for item in find("problem", name).knobs}
        return Choice("problem", name, knobs)

    @property
    def data_text(self) -> str:
        """What data a value is computed from, for the line under a landscape."""
        return ""

    @property
    def norm_text(self) -> str:
        """Where batch normalisation has its statistics from; empty where there is none."""
        return ""

    def trouble(self) -> str:
        """What a user should know before trusting the picture, as a sentence; empty for nothing."""
        return ""

    def evaluate_with_gradient(
        self, theta: torch.Tensor, batch: Batch | None = None
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Value (runs,) and gradient (runs, dim) of every run, without a graph."""
        with torch.enable_grad():
            theta = theta.detach().requires_grad_()
            value = self.evaluate(theta, batch)
            (gradient,) = torch.autograd.grad(value.sum(), theta)
        return value.detach(), gradient

    def products(self, theta: torch.Tensor, batch: Batch | None = None) -> Products:
        """Hessian-vector products at a fixed point: one graph, kept for as many as are wanted.

        Args:
            theta: (runs, dim).
            batch: (runs, samples) indices, or None for all data.

        Returns:
            A function v (runs, dim) -> Hv (runs, dim); the graph dies with it.
        """
        with torch.enable_grad():
            theta = theta.detach().requires_grad_()
            gradient = self.gradient_graph(theta, batch)

        def product(vector: torch.Tensor) -> torch.Tensor:
            if not gradient.requires_grad:  # a gradient that does not depend on the point
                return torch.zeros_like(vector)
            (result,) = torch.autograd.grad(
                gradient, theta, vector, retain_graph=True, allow_unused=True
            )
            return torch.zeros_like(vector) if result is None else result

        return product

    def gradient_graph(self, theta: torch.Tensor, batch: Batch | None = None) -> torch.Tensor:
        """The gradient (runs, dim) as a differentiable function of theta (runs, dim)."""
        value = self.evaluate(theta, batch)
        (gradient,) = torch.autograd.grad(value.sum(), theta, create_graph=True)
        return gradient

    def hessian(
        self, theta: torch.Tensor, batch: Batch | None = None, block: int = 64
    ) -> torch.Tensor:
        """The exact Hessian of every run.

        Args:
            theta: (runs, dim).
            batch: (runs, samples) indices, or None for all data.
            block: how many columns are computed in one product.

        Returns:
            (runs, dim, dim), symmetric.
        """
        return _dense(self.products, theta, batch, block)

    def gauss_newton(
        self, theta: torch.Tensor, batch: Batch | None = None, block: int = 64
    ) -> torch.Tensor:
        """The generalised Gauss-Newton matrix of every run: arguments and result as of `hessian`.

        It is JᵀSJ with J the derivative of a network's outputs and S the second derivative of the
        loss by them: the Hessian without the curvature of the network, and never negative where
        the loss is convex in the outputs.

        Raises:
            ValueError: a problem that is no network.
        """
        return _dense(self.gauss_newton_products, theta, batch, block)

    def gauss_newton_products(self, theta: torch.Tensor, batch: Batch | None = None) -> Products:
        """Products Jᵀ(S(Jv)) with the Gauss-Newton matrix at a fixed point: as `products`.

        Raises:
            ValueError: a problem that is no network.
        """
        tangent = self.tangent(theta, batch)
        return lambda vector: tangent.pull(tangent.bend(tangent.push(vector)))

    def rest_products(self, theta: torch.Tensor, batch: Batch | None = None) -> Products:
        """Products with the Hessian less the Gauss-Newton matrix at a fixed point: as `products`.

        Raises:
            ValueError: a problem that is no network.
        """
        whole, part = self.products(theta, batch), self.gauss_newton_products(theta, batch)
        return lambda vector: whole(vector) - part(vector)

    def batches(self, seed: int, streams: Sequence[int]) -> Batches | None:
        """The order of mini-batches, or None where every step sees all data.

        Args:
            seed: the experiment's seed.
            streams: one number for each run; runs of one number see the same batches.
        """
        return None

    def forecast(self, runs: int, dtype: torch.dtype) -> int:
        """Bytes that so many runs take at work.

        Ten vectors for each: the point, its gradient, a rule's state, rows for the record, and what
        comes and goes within a step. Problems with data add what they hold for the gradient.
        """
        return 10 * runs * self.dim * dtype.itemsize

    def product_forecast(self, vectors: int, dtype: torch.dtype, samples: int | None = None) -> int:
        """Bytes that products with a Hessian or another matrix take at one point.

        Args:
            vectors: how many side by side.
            dtype: their precision.
            samples: how many samples are used; all if not given.
        """
        return 4 * vectors * self.dim * dtype.itemsize

    def metrics(self, theta: torch.Tensor) -> Mapping[str, torch.Tensor]:
        """Other things worth knowing at a point, on all data: name -> (runs,)."""
        return {}

    def plane_values(
        self,
        center: torch.Tensor,
        d1: torch.Tensor,
        d2: torch.Tensor,
        a: torch.Tensor,
        b: torch.Tensor,
    ) -> torch.Tensor:
        """Values on a plane, on all data and without a graph; networks know faster ways.

        Args:
            center: (dim,), where a = b = 0.
            d1: (dim,).
            d2: (dim,).
            a: (points,), coordinates along d1.
            b: (points,), coordinates along d2.

        Returns:
            (points,), the value at center + a·d1 + b·d2.
        """
        return torch.cat(self._on_plane(self.evaluate, center, d1, d2, a, b))

    def plane_values_and_metrics(
        self,
        center: torch.Tensor,
        d1: torch.Tensor,
        d2: torch.Tensor,
        a: torch.Tensor,
        b: torch.Tensor,
    ) -> tuple[torch.Tensor, Mapping[str, torch.Tensor]]:
        """As `plane_values`, with what `metrics` gives at the same points: name -> (points,).

        Networks know a way that evaluates each point once for both.
        """
        values = self.plane_values(center, d1, d2, a, b)
        parts = self._on_plane(self.metrics, center, d1, d2, a, b)
        return values, {name: torch.cat([p[name] for p in parts]).to(values) for name in parts[0]}

    def _on_plane(
        self,
        work: Callable[[torch.Tensor], T],
        center: torch.Tensor,
        d1: torch.Tensor,
        d2: torch.Tensor,
        a: torch.Tensor,
        b: torch.Tensor,
    ) -> list[T]:
        """What work gives for the points (n, dim) of a plane, a block after the other."""
        block = max(1, PLANE_NUMBERS // self.dim)
        with torch.no_grad():
            return [
                work(center + x[:, None] * d1 + y[:, None] * d2)
                for x, y in zip(a.split(block), b.split(block), strict=True)
            ]

    # What users call: numpy or torch, one vector or a batch, any float type.

    def value(self, theta: Array) -> Array:
        """Function value, on all data.

        Args:
            theta: (runs, dim) or (dim,), numpy or torch, float32 or float64.

        Returns:
            (runs,) or a scalar, of the kind and precision given.

        Raises:
            ValueError: another length than `dim`.
        """
        batch, give_back = as_runs(theta, self.dim)
        return give_back(self.evaluate(batch))

    def gradient(self, theta: Array) -> Array:
        """Gradient of the value, on all data.

        Args:
            theta: (runs, dim) or (dim,), numpy or torch, float32 or float64.

        Returns:
            An array shaped like theta, of the kind and precision given.

        Raises:
            ValueError: another length than `dim`.
        """
        batch, give_back = as_runs(theta, self.dim)
        return give_back(self.evaluate_with_gradient(batch)[1])


def _dense(
    products: Callable[[torch.Tensor, Batch | None], Products],
    theta: torch.Tensor,
    batch: Batch | None,
    block: int,
) -> torch.Tensor:
    """Symmetric matrices (runs, dim, dim) put together from products, a block of columns each."""
    runs, dim = theta.shape
    eye = torch.eye(dim, dtype=theta.dtype, device=theta.device)
    if runs >= dim:  # all runs at once, one column after the other
        product = products(theta, batch)
        full = torch.stack([product(row.expand(runs, dim)) for row in eye], dim=2)
    else:
        full = torch.empty(runs, dim, dim, dtype=theta.dtype, device=theta.device)
        for run in range(runs):
            for rows in eye.split(block):
                count = len(rows)
                at = None if batch is None else batch[run].expand(count, -1)
                columns = products(theta[run].expand(count, dim), at)(rows)
                first = int(rows[0].argmax())
                full[run, :, first : first + count] = columns.T
    return (full + full.mT) / 2

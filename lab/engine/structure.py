"""What a problem may know of how its value is made: several losses, samples, outputs, layers.

None of it is needed to minimise; rules that ask for it say so where a problem has none.
"""

from collections.abc import Callable
from typing import Literal, NamedTuple

import torch

from lab.engine.noise import Noise
from lab.engine.wiring import Wiring

Batch = torch.Tensor  # (runs, samples) indices into the data


class LinearLayer(NamedTuple):
    """Names of the tensors of a network's linear layer in the layout."""

    weight: str
    bias: str  # empty for none


class KroneckerFactors(NamedTuple):
    """A linear layer's Fisher matrix, nearly the Kronecker product of two small ones.

    With a the layer's inputs, and a 1 for its bias after them, and g the gradient of one sample's
    loss with respect to what the layer's affine map gives.
    """

    weight: str  # name in the layout
    bias: str  # the same, empty for none
    inputs: torch.Tensor  # (runs, in (+ 1), in (+ 1)), mean of a aᵀ over the samples
    gradients: torch.Tensor  # (runs, out, out), mean of g gᵀ


class LastLayer(NamedTuple):
    """What a classifier's last layer sees, and what it makes scores of it with."""

    features: torch.Tensor  # (runs, N, d)
    labels: torch.Tensor  # (N,), class numbers
    weight: torch.Tensor  # (runs, K, d); of several linear layers in a row their product
    bias: torch.Tensor | None = None  # (runs, K), what is added to the scores; None for nothing


class Tangent(NamedTuple):
    """A network's outputs to first order around points, and its loss to second order in them.

    With J the derivative of the outputs by the parameters and S the second derivative of the mean
    loss by the outputs. For a differential equation the outputs are what its loss is a function
    of at each node: the residual, or the solution and its gradient. The graphs die with it.
    """

    slopes: Callable[[], torch.Tensor]  # gradients (runs, N, C) of samples' own losses by outputs
    push: Callable[[torch.Tensor], torch.Tensor]  # v (runs, dim) -> Jv (runs, N, C)
    bend: Callable[[torch.Tensor], torch.Tensor]  # u (runs, N, C) -> Su (runs, N, C)
    pull: Callable[[torch.Tensor], torch.Tensor]  # u (runs, N, C) -> Jᵀu (runs, dim)


# Where the targets come from whose gradients make a Fisher matrix: drawn once from the model's
# outputs, the mean over all that it could draw, or the data ("empirical").
Fisher = Literal["sampled", "exact", "empirical"]


class Structure:
    """The questions that only some problems can answer."""

    terms: tuple[str, ...] = ()  # names of the losses, where there are several: see `term_values`
    samples: int = 0  # how many samples the value is a mean over, 0 where there are none
    sample_trouble: str = ""  # why samples have no losses of their own, empty if they have
    sample_work: int = 1  # multiplications by each weight that a sample takes, roughly
    # how many outputs make the tangent kernel, the first of those that `tangent` has for a sample;
    # 0 for a problem without outputs
    kernel_outputs: int = 0
    # why there is no `model_gradient`, empty if there is
    likelihood_trouble: str = "this problem is no network that foresees targets"
    classes: int = 0  # how many classes a network's outputs score, 0 where there are none
    linear_layers: tuple[LinearLayer, ...] = ()  # those that `kronecker_factors` knows
    # pairs of weights by name: a skip connection adds what the one's layer gives to the other's, so
    # that their units, as many as both have, can only change places together
    tied_units: tuple[tuple[str, str], ...] = ()
    # which axes of which tensors hidden units lie along; None where layout and `tied_units` show it
    wiring: Wiring | None = None
    # where class means go in neural collapse: to a simplex where the last layer has a bias, else to
    # orthogonal vectors; empty for a problem without `last_layer`
    collapse_frame: Literal["", "simplex", "orthogonal"] = ""

    # whether `products`, `rest_products` and `tangent` take any number of vectors at one point
    shares_point: bool = False

    def term_values(self, theta: torch.Tensor, batch: Batch | None = None) -> torch.Tensor:
        """The several losses whose sum is the value, for a problem that has `terms`.

        Args:
            theta: (runs, dim).
            batch: (runs, samples) indices, or None for all data.

        Returns:
            (runs, losses), differentiable by torch.
        """
        raise NotImplementedError(f"{type(self).__name__} has one loss")

    def terms_with_gradients(
        self, theta: torch.Tensor, batch: Batch | None = None
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """The several losses (runs, losses) and their gradients (runs, losses, dim)."""
        with torch.enable_grad():
            theta = theta.detach().requires_grad_()
            values = self.term_values(theta, batch)
            sums = values.sum(0)
            gradients = [
                torch.autograd.grad(one, theta, retain_graph=True, materialize_grads=True)[0]
                for one in sums
            ]
        return values.detach(), torch.stack(gradients, dim=1)

    def term_with_gradient(
        self, theta: torch.Tensor, number: int, batch: Batch | None = None
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """One of the several losses (runs,) and its gradient (runs, dim)."""
        with torch.enable_grad():
            theta = theta.detach().requires_grad_()
            value = self.term_values(theta, batch)[:, number]
            (gradient,) = torch.autograd.grad(value.sum(), theta, materialize_grads=True)
        return value.detach(), gradient

    def evaluate_with_outputs(
        self, theta: torch.Tensor, batch: Batch | None = None
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """The value and a network's outputs that it was computed from, both differentiable.

        Args:
            theta: (runs, dim).
            batch: (runs, samples) indices, or None for all data.

        Returns:
            value (runs,) and outputs (runs, samples, outputs).
        """
        raise NotImplementedError(f"{type(self).__name__} has no outputs")

    def functions(self, theta: torch.Tensor, batch: Batch | None = None) -> torch.Tensor:
        """What a network computes as a function of its inputs, for comparing two of them.

        Args:
            theta: (runs, dim).
            batch: (runs, samples) indices, or None for all data.

        Returns:
            (runs, samples, outputs)

        Raises:
            ValueError: a problem that is no network.
        """
        raise ValueError(f"{type(self).__name__} is no network that computes a function")

    def tangent(self, theta: torch.Tensor, batch: Batch | None = None) -> Tangent:
        """What a network's outputs and loss do close to points.

        Args:
            theta: (runs, dim).
            batch: (runs, samples) indices, or None for all data.

        Raises:
            ValueError: a problem that is no network.
        """
        raise ValueError(f"this matrix needs a network's outputs: {type(self).__name__} has none")

    def kernel_targets(self, like: torch.Tensor) -> torch.Tensor:
        """What the outputs of the tangent kernel are to become, up to a constant of each sample.

        Args:
            like: a tensor on the device and of the precision in question.

        Returns:
            (N, kernel_outputs), on all data; rows of a unit matrix for classes.

        Raises:
            ValueError: a problem without outputs.
        """
        raise ValueError(f"a network's targets are needed: {type(self).__name__} has none")

    def model_gradient(
        self, theta: torch.Tensor, noise: Noise, what: str, batch: Batch | None = None
    ) -> torch.Tensor:
        """Gradient of the mean loss at targets drawn from the model's own outputs.

        The draw itself is not differentiated. See `Loss.draw_targets`.

        Args:
            theta: (runs, dim).
            noise: the random streams of these runs.
            what: the purpose of the draw.
            batch: (runs, samples) indices, or None for all data.

        Returns:
            (runs, dim)
        """
        raise NotImplementedError(f"{type(self).__name__}: {self.likelihood_trouble}")

    def kronecker_factors(
        self,
        theta: torch.Tensor,
        fisher: Fisher,
        noise: Noise,
        what: str,
        batch: Batch | None = None,
    ) -> tuple[list[KroneckerFactors], int]:
        """The Kronecker factors of a network's linear layers, for a problem that has any.

        Args:
            theta: (runs, dim).
            fisher: which targets.
            noise: the random streams of these runs, for drawn targets.
            what: the purpose of the draw.
            batch: (runs, samples) indices, or None for all data.

        Returns:
            One pair for each of `linear_layers`, and how many passes back through the network
            that took.
        """
        raise NotImplementedError(f"{type(self).__name__} has no linear layers")

    def last_layer(self, theta: torch.Tensor) -> LastLayer:
        """What the last layer of a classifier sees on all data, and its weight.

        Linear layers at the end with nothing between them count as one.

        Args:
            theta: (runs, dim).

        Returns:
            Features (runs, N, d), labels (N,) and weight (runs, K, d).

        Raises:
            ValueError: a problem without classes or such a layer.
        """
        raise ValueError(f"{type(self).__name__} has no last layer that scores classes")

    def hidden(self, theta: torch.Tensor) -> list[torch.Tensor]:
        """What each hidden layer gives on all data, from inputs to outputs.

        Args:
            theta: (runs, dim).

        Returns:
            (runs, N, units, ...) for each hidden layer.

        Raises:
            ValueError: a problem that does not tell.
        """
        raise ValueError(f"{type(self).__name__} does not tell what its hidden units give")

    def hidden_sums(self, theta: torch.Tensor) -> list[torch.Tensor]:
        """The same as `hidden` for what each layer's affine map gives, before all that follows.

        Raises:
            ValueError: a problem that does not tell.
        """
        raise ValueError(f"{type(self).__name__} does not tell what its hidden units give")

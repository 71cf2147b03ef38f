"""Problems that are a network, data and a loss: what all of them share."""

import math
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from functools import cached_property

import torch

from lab.engine.layout import Layout
from lab.engine.loss import Loss
from lab.engine.problem import Batch, Batches, Problem
from lab.engine.problems.batches import EpochBatches
from lab.engine.problems.datasets import Dataset


class Network(Problem):
    """The mean loss of a network's outputs over data, as a function of its parameters.

    A subclass says how outputs come from parameters, and holds `dataset`, `criterion` and
    `batch_size` (as attributes or properties).
    """

    family = "network"
    dataset: Dataset
    criterion: Loss
    batch_size: int  # samples of a mini-batch, 0 for all data at every step

    @abstractmethod
    def outputs(self, theta: torch.Tensor, inputs: torch.Tensor) -> torch.Tensor:
        """What the network gives for inputs.

        Args:
            theta: (runs, dim).
            inputs: (N, ...) for all runs, or (runs, N, ...) where each run sees its own.

        Returns:
            (runs, N, outputs)
        """

    def evaluate(self, theta: torch.Tensor, batch: Batch | None = None) -> torch.Tensor:
        """Mean loss of every run: theta (runs, dim), batch (runs, samples) or None -> (runs,)."""
        inputs, targets = self._prepared.on(theta)
        if batch is not None:
            batch = batch.to(theta.device)
            inputs, targets = inputs[batch], targets[batch]
        return self.criterion.value(self.outputs(theta, inputs), targets)

    def batches(self, seed: int, streams: Sequence[int]) -> Batches | None:
        """Mini-batches of `batch_size` in the order of `EpochBatches`; None for all data."""
        if not 0 < self.batch_size < len(self.dataset):
            return None
        return EpochBatches(seed, streams, len(self.dataset), self.batch_size)

    def metrics(self, theta: torch.Tensor) -> Mapping[str, torch.Tensor]:
        """Accuracy for classes, root mean squared error for values, on all data."""
        with torch.no_grad():
            inputs, targets = self.dataset.on(theta)
            outputs = self.outputs(theta, inputs)
            if self.dataset.classes:
                right = outputs.argmax(-1) == targets
                return {"accuracy": right.to(theta.dtype).mean(-1)}
            return {"rmse": (outputs - targets).square().mean((-2, -1)).sqrt()}

    @property
    def data_text(self) -> str:
        """How many samples a value is computed from."""
        samples = f"all {len(self.dataset):,} samples"
        if 0 < self.batch_size < len(self.dataset):
            return f"{samples}; steps see batches of {self.batch_size:,}"
        return samples

    @property
    def hessian_trouble(self) -> str:
        """What the loss says about its second derivatives."""
        return self.criterion.hessian_trouble

    @cached_property
    def _prepared(self) -> Dataset:
        """The data with targets in the form that the loss takes."""
        data = self.dataset
        targets = self.criterion.prepared(data.targets, (len(data), data.outputs))
        return Dataset(data.inputs, targets, data.classes)


def check_loss(criterion: Loss, dataset: Dataset) -> None:
    """Refuse a loss that compares classes where the targets are values.

    Raises:
        ValueError: naming the loss and what fits.
    """
    if criterion.targets == "class" and not dataset.classes:
        raise ValueError(
            f"loss = {criterion.choice.name!r} compares classes, but the targets here are values: "
            "take one of the regression losses, such as 'mse'"
        )


def torch_start(layout: Layout, generators: Sequence[torch.Generator]) -> torch.Tensor:
    """Draw parameters as torch's layers do when they are made.

    Weights and biases of a layer with n inputs for each unit are uniform in ±1/√n (which is what
    torch's `kaiming_uniform_(a=√5)` comes to); scales of a normalisation are 1, its shifts 0.

    Args:
        layout: weights of two or more axes are layers, of one axis normalisations; each may be
            followed by its bias.
        generators: one for each run.

    Returns:
        (runs, dim), float64, on the CPU.
    """
    theta = torch.empty(len(generators), layout.dim, dtype=torch.float64)
    for draws, row in zip(generators, theta, strict=True):
        bound = 0.0
        for name, part in layout.split(row).items():
            is_weight = name.endswith("weight")
            if is_weight:
                bound = 1 / math.sqrt(math.prod(part.shape[1:])) if part.ndim > 1 else 0.0
            if bound:
                part.uniform_(-bound, bound, generator=draws)
            else:
                part.fill_(1.0 if is_weight else 0.0)
    return theta

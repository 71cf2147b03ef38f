"""Problems that are a network, data and a loss: what all of them share."""

import math
from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property

import torch

from lab.engine.layout import Layout
from lab.engine.loss import Loss
from lab.engine.noise import Noise
from lab.engine.problem import Batch, Batches, Problem
from lab.engine.problems.batches import EpochBatches
from lab.engine.problems.datasets import Dataset
from lab.engine.problems.tangent import tangent_of
from lab.engine.structure import Tangent

MIXED = "batch normalisation mixes the samples that are evaluated together"
_BLOCK_BYTES = {"cpu": 1 << 26, "cuda": 1 << 30, "mps": 1 << 28}  # kept for runs evaluated at once


class Network(Problem):
    """The mean loss of a network's outputs over data, as a function of its parameters.

    A subclass says how outputs come from parameters, and holds `dataset`, `criterion` and
    `batch_size` (as attributes or properties).
    """

    family = "network"
    log_scale = True  # a loss of training falls over decades
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
        """Mean loss of every run: theta (runs, dim), batch (runs, samples) or None -> (runs,).

        Where no graph is wanted, many runs are evaluated in blocks that take little memory.
        """
        if wants_graph(theta):
            return self._value(theta, batch)
        return torch.cat([self._value(*block) for block in self._blocks(theta, batch)])

    def evaluate_with_gradient(
        self, theta: torch.Tensor, batch: Batch | None = None
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Value (runs,) and gradient (runs, dim), in blocks of runs that take little memory."""
        gradient_of = super().evaluate_with_gradient
        pairs = [gradient_of(*block) for block in self._blocks(theta, batch)]
        if len(pairs) == 1:
            return pairs[0]
        values, gradients = zip(*pairs, strict=True)
        return torch.cat(values), torch.cat(gradients)

    def forecast(self, runs: int, dtype: torch.dtype) -> int:
        """Bytes that value and gradient of so many runs take at once, with the runs themselves."""
        samples = min(self.batch_size or len(self.dataset), len(self.dataset))
        at_once = min(runs, self._runs_at_once(samples, torch.empty(0, dtype=dtype)))
        active = at_once * samples * self._numbers_per_sample * dtype.itemsize
        return super().forecast(runs, dtype) + int(active)

    def product_forecast(self, vectors: int, dtype: torch.dtype, samples: int | None = None) -> int:
        """See `Problem.product_forecast`; in parts of what a gradient holds, as measured."""
        count = self.samples if samples is None else samples
        parts = 1.8 + 2.15 * vectors if self.shares_point else 2.3 * vectors
        kept = parts * count * self._numbers_per_sample * dtype.itemsize
        return super().product_forecast(vectors, dtype, samples) + int(kept)

    def batches(self, seed: int, streams: Sequence[int]) -> Batches | None:
        """Mini-batches of `batch_size` in the order of `EpochBatches`; None for all data."""
        if not 0 < self.batch_size < len(self.dataset):
            return None
        return EpochBatches(seed, streams, len(self.dataset), self.batch_size)

    def metrics(self, theta: torch.Tensor) -> Mapping[str, torch.Tensor]:
        """Accuracy for classes, root mean squared error for values, on all data."""
        inputs = self.dataset.on(theta)[0]
        with torch.no_grad():
            blocks = [self.outputs(rows, inputs) for rows, _ in self._blocks(theta, None)]
            return {self._metric_name: torch.cat([self._metric(outputs) for outputs in blocks])}

    def plane_outputs(
        self,
        center: torch.Tensor,
        d1: torch.Tensor,
        d2: torch.Tensor,
        a: torch.Tensor,
        b: torch.Tensor,
    ) -> Iterator[torch.Tensor]:
        """Outputs (points, N, C) at points of a plane, some points after the others.

        Run to its end under `torch.no_grad`. Override where a plane allows a faster way.

        Args:
            center: (dim,), where a = b = 0.
            d1: (dim,).
            d2: (dim,).
            a: (points,), coordinates along d1.
            b: (points,), coordinates along d2.
        """
        inputs = self.dataset.on(center)[0]
        size = self._runs_at_once(len(self.dataset), center)
        for x, y in zip(a.split(size), b.split(size), strict=True):
            yield self.outputs(center + x[:, None] * d1 + y[:, None] * d2, inputs)

    def plane_values(
        self,
        center: torch.Tensor,
        d1: torch.Tensor,
        d2: torch.Tensor,
        a: torch.Tensor,
        b: torch.Tensor,
    ) -> torch.Tensor:
        """See `Problem.plane_values`."""
        targets = self._prepared.on(center)[1]
        with torch.no_grad():
            blocks = self.plane_outputs(center, d1, d2, a, b)
            return torch.cat([self.criterion.value(outputs, targets) for outputs in blocks])

    def plane_values_and_metrics(
        self,
        center: torch.Tensor,
        d1: torch.Tensor,
        d2: torch.Tensor,
        a: torch.Tensor,
        b: torch.Tensor,
    ) -> tuple[torch.Tensor, Mapping[str, torch.Tensor]]:
        """See `Problem.plane_values_and_metrics`: loss and metric of the same outputs."""
        targets = self._prepared.on(center)[1]
        values, metrics = [], []
        with torch.no_grad():
            for outputs in self.plane_outputs(center, d1, d2, a, b):
                values.append(self.criterion.value(outputs, targets))
                metrics.append(self._metric(outputs))
        return torch.cat(values), {self._metric_name: torch.cat(metrics)}

    @property
    def data_text(self) -> str:
        """How many samples a value is computed from."""
        samples = f"all {len(self.dataset):,} samples"
        if 0 < self.batch_size < len(self.dataset):
            return f"{samples}; steps see batches of {self.batch_size:,}"
        return samples

    @property
    def samples(self) -> int:
        """How many samples there are."""
        return len(self.dataset)

    @property
    def hessian_trouble(self) -> str:
        """What the loss says about its second derivatives."""
        return self.criterion.hessian_trouble

    @property
    def likelihood_trouble(self) -> str:
        """Whether targets can be drawn depends on the loss alone."""
        return self.criterion.likelihood_trouble

    def model_gradient(
        self, theta: torch.Tensor, noise: Noise, what: str, batch: Batch | None = None
    ) -> torch.Tensor:
        """See `Problem.model_gradient`; in blocks of runs that take little memory."""
        gradients, done = [], 0
        for rows, at in self._blocks(theta, batch):
            whole = len(rows) == len(theta)
            streams = noise if whole else noise.of_runs(range(done, done + len(rows)))
            gradients.append(self._model_gradient(rows, streams, what, at))
            done += len(rows)
        return torch.cat(gradients)

    def tangent(self, theta: torch.Tensor, batch: Batch | None = None) -> Tangent:
        """See `Structure.tangent`; one graph of the outputs, kept with what is returned."""
        with torch.enable_grad():
            theta = theta.detach().requires_grad_()
            inputs, targets = self._data(theta, batch)
            outputs = self.outputs(theta, inputs)
        return tangent_of(theta, outputs, self.criterion, targets)

    def _model_gradient(
        self, theta: torch.Tensor, noise: Noise, what: str, batch: Batch | None
    ) -> torch.Tensor:
        """The gradient at drawn targets, of all runs at once."""
        with torch.enable_grad():
            theta = theta.detach().requires_grad_()
            outputs = self.outputs(theta, self._data(theta, batch)[0])
            drawn = self.criterion.draw_targets(outputs.detach(), noise, what)
            (gradient,) = torch.autograd.grad(self.criterion.value(outputs, drawn).sum(), theta)
        return gradient

    def on_samples(
        self, inputs: torch.Tensor, targets: torch.Tensor, batch_size: int = 0
    ) -> "Network":
        """The same network on some of its samples.

        Args:
            inputs: (n,), numbers of the samples whose inputs are taken.
            targets: (n,), numbers of those whose targets go with them: the same, unless targets are
                to be shuffled.
            batch_size: samples of a mini-batch, 0 for all of them at every step.
        """
        data = self.dataset
        return _OnSamples(
            self, Dataset(data.inputs[inputs], data.targets[targets], data.classes), batch_size
        )

    @property
    def classes(self) -> int:
        """How many classes the outputs score, 0 for values."""
        return self.dataset.classes

    @cached_property
    def kernel_outputs(self) -> int:
        """How many outputs there are for each sample."""
        theta, inputs = torch.zeros(1, self.dim), self.dataset.inputs[:2]
        if inputs.is_floating_point():
            inputs = inputs.to(theta)
        with torch.no_grad():
            return self.outputs(theta, inputs).shape[-1]

    def kernel_targets(self, like: torch.Tensor) -> torch.Tensor:
        """See `Structure.kernel_targets`."""
        targets = self.dataset.on(like)[1]
        if self.dataset.classes:
            return torch.nn.functional.one_hot(targets.long(), self.dataset.classes).to(like)
        return targets.reshape(len(targets), -1)

    def evaluate_with_outputs(
        self, theta: torch.Tensor, batch: Batch | None = None
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """See `Problem.evaluate_with_outputs`; all runs at once."""
        inputs, targets = self._data(theta, batch)
        outputs = self.outputs(theta, inputs)
        return self.criterion.value(outputs, targets), outputs

    def functions(self, theta: torch.Tensor, batch: Batch | None = None) -> torch.Tensor:
        """See `Structure.functions`: the outputs."""
        return self.outputs(theta, self._data(theta, batch)[0])

    def _value(self, theta: torch.Tensor, batch: Batch | None) -> torch.Tensor:
        """Mean loss of every run at once."""
        return self.evaluate_with_outputs(theta, batch)[0]

    def _data(self, theta: torch.Tensor, batch: Batch | None) -> tuple[torch.Tensor, torch.Tensor]:
        """Inputs and prepared targets: (N, ...) for all runs, or (runs, N, ...) of batches."""
        inputs, targets = self._prepared.on(theta)
        if batch is None:
            return inputs, targets
        batch = batch.to(theta.device)
        return inputs[batch], targets[batch]

    @property
    def _metric_name(self) -> str:
        return "accuracy" if self.dataset.classes else "rmse"

    def _metric(self, outputs: torch.Tensor) -> torch.Tensor:
        """What `metrics` says of outputs (runs, N, C) on all data: (runs,)."""
        targets = self.dataset.on(outputs)[1]
        if self.dataset.classes:
            return (outputs.argmax(-1) == targets).to(outputs.dtype).mean(-1)
        return (outputs - targets).square().mean((-2, -1)).sqrt()

    def _blocks(
        self, theta: torch.Tensor, batch: Batch | None
    ) -> Iterator[tuple[torch.Tensor, Batch | None]]:
        """Runs (and their batches) in groups that are evaluated together."""
        samples = len(self.dataset) if batch is None else batch.shape[1]
        size = self._runs_at_once(samples, theta)
        for first in range(0, max(1, len(theta)), size):
            rows = slice(first, first + size)
            yield theta[rows], None if batch is None else batch[rows]

    def _runs_at_once(self, samples: int, like: torch.Tensor) -> int:
        """A fixed rule, so that rounding is repeatable."""
        one = samples * self._numbers_per_sample * like.element_size()
        return max(1, int(_BLOCK_BYTES[like.device.type] // one))

    @cached_property
    def _numbers_per_sample(self) -> float:
        """Numbers that one run holds in memory for the gradient at one sample."""
        theta = self.start([torch.Generator()]).float()
        few, more = (kept_bytes(self, theta, samples) for samples in (8, 16))
        return 1.5 * max(1.0, (more - few) / 8 / theta.element_size())  # half as much for gradients

    @cached_property
    def _prepared(self) -> Dataset:
        """The data with targets in the form that the loss takes."""
        data = self.dataset
        targets = self.criterion.prepared(data.targets, (len(data), data.outputs))
        return Dataset(data.inputs, targets, data.classes)


class _OnSamples(Network):
    """A network on other data than its own."""

    def __init__(self, whole: Network, dataset: Dataset, batch_size: int):
        """Take everything but data and batches from `whole`."""
        self._whole = whole
        self.dataset = dataset
        self.criterion: Loss = whole.criterion
        self.batch_size = batch_size

    @property
    def layout(self) -> Layout:
        """See `Problem.layout`."""
        return self._whole.layout

    def start(self, generators: Sequence[torch.Generator]) -> torch.Tensor:
        """See `Problem.start`."""
        return self._whole.start(generators)

    def outputs(self, theta: torch.Tensor, inputs: torch.Tensor) -> torch.Tensor:
        """See `Network.outputs`."""
        return self._whole.outputs(theta, inputs)


def wants_graph(theta: torch.Tensor) -> bool:
    """Whether what is computed from theta is to be differentiated afterwards."""
    return torch.is_grad_enabled() and theta.requires_grad


def kept_bytes(problem: Network, theta: torch.Tensor, samples: int) -> int:
    """Bytes that a graph holds besides the parameters: found by making one for a few samples.

    Args:
        problem: what is evaluated.
        theta: (runs, dim).
        samples: how many samples; they are repeated if there are fewer.
    """
    kept: dict[int, int] = {}

    def note(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        kept[storage.data_ptr()] = storage.nbytes()
        return tensor.detach()  # itself it would hold the graph that holds it, for ever

    batch = (torch.arange(samples) % len(problem.dataset)).expand(len(theta), -1)
    theta = theta.detach().requires_grad_()
    with torch.enable_grad(), torch.autograd.graph.saved_tensors_hooks(note, lambda x: x):
        value = problem.evaluate(theta, batch)
    kept.pop(theta.untyped_storage().data_ptr(), None)
    del value  # until here, so that no storage could be freed and its address used again
    return sum(kept.values())


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

"""Deep linear networks: no nonlinearity, and yet plateaus, saddles and sudden learning."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Annotated

import torch

from lab.engine.catalogue import register
from lab.engine.knobs import Knob
from lab.engine.layout import Layout
from lab.engine.problems.datasets import Dataset
from lab.engine.problems.dense import Dense, DenseNetwork
from lab.engine.problems.entries import (
    MSE,
    BatchSize,
    DataSeed,
    LossChoice,
    NetworkEntry,
    Samples,
    Widths,
)
from lab.engine.seeds import generator


@register(
    "problem",
    "deep_linear",
    title="Deep linear network",
    family="deep linear network",
    formula=r"\frac{1}{K} |W_L \cdots W_1 - A|^2, \quad A = U\,\mathrm{diag}(s)\,V^T",
    paper="Saxe, McClelland & Ganguli 2014, arXiv 1312.6120",
    look="From small weights the modes are learned one after the other, the strongest first: each "
    "is a plateau near a saddle, then a sudden fall.",
)
@dataclass(frozen=True)
class DeepLinear(NetworkEntry, DenseNetwork):
    """Linear layers without biases that are to become one given linear map.

    The formula holds for whitened inputs (condition = 1) and the mean squared error. A mode of
    strength s in aligned weights of equal size then follows dσ/dt = (2L/K) σ^(2-2/L) (s - σ) under
    gradient flow. Every minimum is global (Kawaguchi 2016, arXiv 1605.07110); with fewer than K
    units somewhere the least loss is that of the best map of that rank (Eckart & Young 1936).
    """

    strengths: Annotated[
        tuple[float, ...], Knob(0, 100, symbol="s", doc="singular values of the map to be learned")
    ] = (4.0, 2.0, 1.0)
    widths: Widths = (8,)
    inputs: Annotated[int, Knob(1, 512, doc="inputs, at least as many as there are strengths")] = 6
    condition: Annotated[
        float,
        Knob(
            1, 1e6, scale="log", doc="largest over smallest variance of the inputs, 1 is whitened"
        ),
    ] = 1.0
    samples: Samples = 64
    start_scale: Annotated[
        float, Knob(1e-6, 10, scale="log", doc="weights at the start, in torch's usual sizes")
    ] = 0.1
    loss: LossChoice = MSE
    batch_size: BatchSize = 0
    data_seed: DataSeed = 0

    norm = False

    def __post_init__(self):
        """Check the loss, and that the map fits.

        Raises:
            ValueError: no strengths, fewer inputs than strengths, or fewer samples than inputs.
        """
        if not self.strengths:
            raise ValueError("strengths = []: at least one singular value is needed")
        if self.inputs < len(self.strengths):
            raise ValueError(
                f"inputs = {self.inputs} is not allowed: at least one for each of the "
                f"{len(self.strengths)} strengths is needed (nearest {len(self.strengths)})"
            )
        if self.samples < self.inputs:
            raise ValueError(
                f"samples = {self.samples} is not allowed: at least as many as inputs "
                f"are needed (nearest {self.inputs})"
            )
        super().__post_init__()

    @property
    def dataset(self) -> Dataset:
        """Inputs of the covariance that was asked for, exactly, and what the map makes of them."""
        return self._task[0]

    @cached_property
    def _task(self) -> tuple[Dataset, torch.Tensor]:
        return linear_task(
            self.strengths, self.inputs, self.condition, self.samples, self.data_seed
        )

    @cached_property
    def layout(self) -> Layout:
        """Weights (out, in), from inputs to outputs."""
        sizes = (self.inputs, *self.widths, len(self.strengths))
        shapes = {f"{i}.weight": (sizes[i + 1], sizes[i]) for i in range(len(sizes) - 1)}
        return Layout.of(shapes)

    @property
    def layers(self) -> tuple[Dense, ...]:
        """Affine maps without biases and nothing else."""
        return tuple(Dense(name) for name in self.layout.names)

    def start(self, generators: Sequence[torch.Generator]) -> torch.Tensor:
        """Torch's usual start, scaled."""
        return self.start_scale * super().start(generators)

    def product(self, theta: torch.Tensor) -> torch.Tensor:
        """The map that the network is: theta (runs, dim) -> (runs, outputs, inputs)."""
        parts = self.layout.split(theta)
        whole = parts[self.layout.names[0]]
        for name in self.layout.names[1:]:
            whole = parts[name] @ whole
        return whole

    def metrics(self, theta: torch.Tensor) -> Mapping[str, torch.Tensor]:
        """The error of `Network`, and how strong each mode of the wanted map is by now."""
        left, right = self._vectors
        strength = torch.einsum(
            "ok,roi,ki->rk", left.to(theta), self.product(theta), right.to(theta)
        )
        modes = {f"mode_{k + 1}": strength[:, k] for k in range(strength.shape[1])}
        return {**super().metrics(theta), **modes}

    @cached_property
    def least_loss(self) -> float:
        """The least mean squared error: zero, or that of the best map of the rank there is."""
        inputs, targets = self.dataset.inputs, self.dataset.targets
        seen = torch.linalg.svdvals(targets) / len(inputs) ** 0.5
        rank = min((*self.widths, len(self.strengths)))
        return float(seen[rank:].square().sum()) / len(self.strengths)

    @cached_property
    def _vectors(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Singular vectors of the wanted map: (outputs, modes) and (modes, inputs)."""
        left, _, right = torch.linalg.svd(self._task[1], full_matrices=False)
        return left, right


@lru_cache(maxsize=8)
def linear_task(
    strengths: tuple[float, ...], inputs: int, condition: float, samples: int, seed: int
) -> tuple[Dataset, torch.Tensor]:
    """Samples of a linear map.

    Args:
        strengths: the map's singular values, one for each output.
        inputs: how many there are.
        condition: the variances of the inputs fall evenly, on a logarithmic scale, from 1 to 1 over
            this; there is no correlation, and the variances are met exactly.
        samples: how many.
        seed: of inputs and map.

    Returns:
        The data, and the map (outputs, inputs).
    """
    draws = generator(seed, "linear task")

    def orthonormal(rows: int, columns: int) -> torch.Tensor:
        drawn = torch.randn(rows, columns, generator=draws, dtype=torch.float64)
        return torch.linalg.qr(drawn).Q

    outputs = len(strengths)
    left, right = orthonormal(outputs, outputs), orthonormal(inputs, outputs)
    wanted = left * torch.tensor(strengths, dtype=torch.float64) @ right.T
    deviations = condition ** (-0.5 * torch.linspace(0, 1, inputs, dtype=torch.float64))
    x = samples**0.5 * orthonormal(samples, inputs) * deviations
    return Dataset(x, x @ wanted.T), wanted

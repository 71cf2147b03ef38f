"""Data sets: scikit-learn's digits, and small generated ones. Nothing is downloaded."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache

import torch

from lab.engine.seeds import generator


@dataclass(frozen=True, eq=False)
class Dataset:
    """Inputs and targets, kept as tensors for each device and precision they are asked for.

    Attributes:
        inputs: (N, ...).
        targets: (N,) class numbers, or (N, K) values.
        classes: how many classes there are, 0 for values.
    """

    inputs: torch.Tensor
    targets: torch.Tensor
    classes: int = 0
    _kept: dict = field(default_factory=dict, repr=False)

    def __len__(self) -> int:
        """Number of samples."""
        return len(self.inputs)

    @property
    def outputs(self) -> int:
        """How many numbers a network must give for each sample."""
        return self.classes or self.targets.shape[1]

    def on(self, like: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Inputs and targets on a tensor's device, floating-point ones in its precision."""
        key = (like.device, like.dtype)
        if key not in self._kept:
            self._kept[key] = tuple(
                part.to(like.device, like.dtype if part.is_floating_point() else None)
                for part in (self.inputs, self.targets)
            )
        return self._kept[key]


@lru_cache(maxsize=8)
def digits(samples: int = 1797, seed: int = 0) -> Dataset:
    """Handwritten digits: 8 × 8 pixels in [0, 1], ten classes (Alpaydin & Kaynak 1998).

    Args:
        samples: at most 1797; fewer are drawn at random, kept in their order.
        seed: of that draw.
    """
    from sklearn.datasets import load_digits  # a slow import, and only needed here

    pixels, labels = load_digits(return_X_y=True)
    inputs, targets = torch.from_numpy(pixels) / 16, torch.from_numpy(labels).long()
    if samples < len(inputs):
        order = torch.randperm(len(inputs), generator=generator(seed, "digits"))
        kept = order[:samples].sort().values
        inputs, targets = inputs[kept], targets[kept]
    return Dataset(inputs, targets, classes=10)


@lru_cache(maxsize=8)
def moons(samples: int = 500, noise: float = 0.2, seed: int = 0) -> Dataset:
    """Two half circles that interlock: the upper one of class 0, the lower one of class 1.

    Args:
        samples: how many, half of them on each.
        noise: standard deviation of the Gaussian noise on both coordinates.
        seed: of the noise.
    """
    upper = torch.linspace(0, math.pi, samples - samples // 2, dtype=torch.float64)
    lower = torch.linspace(0, math.pi, samples // 2, dtype=torch.float64)
    points = torch.cat([_circle(upper), torch.tensor([1.0, 0.5]) - _circle(lower)])
    return _classes([points[: len(upper)], points[len(upper) :]], noise, generator(seed, "moons"))


@lru_cache(maxsize=8)
def circles(samples: int = 500, noise: float = 0.1, factor: float = 0.5, seed: int = 0) -> Dataset:
    """A circle of radius 1 (class 0) around a smaller one (class 1).

    Args:
        samples: how many, half of them on each.
        noise: standard deviation of the Gaussian noise on both coordinates.
        factor: radius of the inner circle.
        seed: of the noise.
    """
    rings = []
    for radius, count in ((1.0, samples - samples // 2), (factor, samples // 2)):
        angles = torch.arange(count, dtype=torch.float64) * (2 * math.pi / max(1, count))
        rings.append(radius * _circle(angles))
    return _classes(rings, noise, generator(seed, "circles"))


@lru_cache(maxsize=8)
def spirals(
    samples: int = 500, noise: float = 0.05, arms: int = 2, turns: float = 1.5, seed: int = 0
) -> Dataset:
    """Spiral arms wound into each other, each its own class; the radius grows from 0 to 1.

    Args:
        samples: how many, shared among the arms.
        noise: standard deviation of the Gaussian noise on both coordinates.
        arms: how many arms, evenly turned.
        turns: how often each arm goes round.
        seed: of the noise.
    """
    wound = []
    for arm in range(arms):
        count = samples // arms + (arm < samples % arms)
        radius = (torch.arange(count, dtype=torch.float64) + 1) / count
        angles = 2 * math.pi * (turns * radius + arm / arms)
        wound.append(radius[:, None] * _circle(angles))
    return _classes(wound, noise, generator(seed, "spirals"))


@lru_cache(maxsize=8)
def wave(samples: int = 100, noise: float = 0.1, waves: float = 1.5, seed: int = 0) -> Dataset:
    """One-dimensional regression: y = sin(π · waves · x) + noise, x evenly spaced in [-1, 1].

    Args:
        samples: how many.
        noise: standard deviation of the Gaussian noise on y.
        waves: whole waves in the interval.
        seed: of the noise.
    """
    x = torch.linspace(-1, 1, samples, dtype=torch.float64)[:, None]
    draw = torch.randn(x.shape, generator=generator(seed, "wave"), dtype=torch.float64)
    return Dataset(x, torch.sin(math.pi * waves * x) + noise * draw)


def _circle(angles: torch.Tensor) -> torch.Tensor:
    """Points (N, 2) of the unit circle."""
    return torch.stack([angles.cos(), angles.sin()], dim=1)


def _classes(groups: Sequence[torch.Tensor], noise: float, draws: torch.Generator) -> Dataset:
    """Point groups (N_k, 2) as classes, with Gaussian noise."""
    points = torch.cat(list(groups))
    points = points + noise * torch.randn(points.shape, generator=draws, dtype=points.dtype)
    labels = torch.cat([torch.full((len(g),), k) for k, g in enumerate(groups)])
    return Dataset(points, labels, classes=len(groups))

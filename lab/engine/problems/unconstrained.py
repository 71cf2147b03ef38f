"""The unconstrained-feature model: a deep linear network whose inputs are free as well.

Source: Dang, Tran, Tran, Ho & Nguyen 2023, "Neural collapse in deep linear networks: from balanced
to imbalanced data", ICML. The loss depends on the product Z = W_M ... W_1 H through its distance
from the one-hot labels Y and, at the least norms, through its singular values σ alone; these are
then settled one by one, each against one singular value τ of Y:

    min over σ of  (σ - τ)² / 2N + (M + 1)/2 (λ_W^M λ_H)^(1/(M+1)) σ^(2/(M+1)).

A free bias takes the classes' mean out of Y first.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated

import numpy as np
import torch
from torch.nn import functional

from lab.engine.catalogue import register
from lab.engine.knobs import Knob
from lab.engine.layout import Layout
from lab.engine.problem import Batch, Optimum, Problem
from lab.engine.structure import LastLayer

Parts = Mapping[str, torch.Tensor]


@register(
    "problem",
    "unconstrained_features",
    title="Unconstrained features",
    family="deep linear network",
    formula=r"\frac{1}{2N} |W_M \cdots W_1 H - Y|^2 + \frac{\lambda_W}{2} \sum_m |W_m|^2"
    r" + \frac{\lambda_H}{2} |H|^2",
    paper="Dang et al. 2023, Neural collapse in deep linear networks, ICML",
    look="Features of one class fall together and the class means turn to right angles (with a "
    "bias: to a simplex): NC1 to NC3 go to zero. Classes that are too small vanish.",
)
@dataclass(frozen=True)
class UnconstrainedFeatures(Problem):
    """Free features H and linear layers fitted to one-hot labels, all with weight decay.

    A model of the end of training, in which the least loss, its singular values and the frame of
    the class means are known in closed form. A class of n samples vanishes with one layer where
    n < N² λ_W λ_H.
    """

    counts: Annotated[tuple[int, ...], Knob(1, 1000, doc="samples of each class")] = (25,) * 4
    layers: Annotated[int, Knob(1, 10, symbol="M", doc="linear layers after the features")] = 1
    width: Annotated[int, Knob(1, 512, doc="numbers of a feature, and units between layers")] = 16
    weight_decay: Annotated[
        float, Knob(1e-8, 1, scale="log", doc="λ_W, the penalty on each layer's weights")
    ] = 5e-3
    feature_decay: Annotated[
        float, Knob(1e-8, 1, scale="log", doc="λ_H, the penalty on the features")
    ] = 5e-4
    bias: Annotated[bool, Knob(doc="add a free bias to the scores: a simplex in the end")] = False

    family = "network"
    log_scale = True

    def __post_init__(self):
        """Refuse labels that need no telling apart.

        Raises:
            ValueError: fewer than two classes.
        """
        if len(self.counts) < 2:
            raise ValueError(f"counts = {list(self.counts)}: two classes or more are needed")

    @property
    def layout(self) -> Layout:
        """Features (N, width), weights from the first layer to the last, bias."""
        sizes = [self.width] * self.layers + [self.classes]
        shapes: dict[str, tuple[int, ...]] = {"features": (sum(self.counts), self.width)}
        for number in range(self.layers):
            shapes[f"{number + 1}.weight"] = (sizes[number + 1], sizes[number])
        if self.bias:
            shapes["bias"] = (self.classes,)
        return Layout.of(shapes)

    @property
    def classes(self) -> int:
        """How many classes there are."""
        return len(self.counts)

    @property
    def collapse_frame(self) -> str:
        """As the bias has it."""
        return "simplex" if self.bias else "orthogonal"

    def start(self, generators: Sequence[torch.Generator]) -> torch.Tensor:
        """Normal features and weights of variance 1 / width; no bias."""
        theta = torch.zeros(len(generators), self.dim, dtype=torch.float64)
        for draws, row in zip(generators, theta, strict=True):
            for part in self.layout.split(row).values():
                if part.ndim > 1:
                    part.normal_(0, 1 / math.sqrt(self.width), generator=draws)
        return theta

    def evaluate(self, theta: torch.Tensor, batch: Batch | None = None) -> torch.Tensor:
        """The loss of every run: theta (runs, dim) -> (runs,)."""
        parts = self.layout.split(theta)
        return self._value(parts, self._states(parts)[-1])

    def evaluate_with_gradient(
        self, theta: torch.Tensor, batch: Batch | None = None
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Value (runs,) and closed-form gradient (runs, dim)."""
        parts = self.layout.split(theta)
        states = self._states(parts)
        return self._value(parts, states[-1]), self._gradient(parts, states)

    def gradient_graph(self, theta: torch.Tensor, batch: Batch | None = None) -> torch.Tensor:
        """The closed-form gradient, differentiable once more."""
        parts = self.layout.split(theta)
        return self._gradient(parts, self._states(parts))

    def last_layer(self, theta: torch.Tensor) -> LastLayer:
        """The features, the product of all weights, and the bias."""
        parts = self.layout.split(theta)
        weight = parts["1.weight"]
        for number in range(2, self.layers + 1):
            weight = parts[f"{number}.weight"] @ weight
        labels = self._labels.to(theta.device)
        return LastLayer(parts["features"], labels, weight, parts.get("bias"))

    def metrics(self, theta: torch.Tensor) -> Mapping[str, torch.Tensor]:
        """Accuracy, and how far the loss is above the least one."""
        scores = self._states(self.layout.split(theta))[-1]
        hits = scores.argmax(-1) == self._labels.to(theta.device)
        return {
            "accuracy": hits.to(theta.dtype).mean(-1),
            "excess_loss": self.evaluate(theta) - self.least_loss,
        }

    @property
    def data_text(self) -> str:
        """How many samples a value is computed from."""
        return f"all {sum(self.counts):,} samples"

    @property
    def optima(self) -> tuple[Optimum, ...]:
        """One point of the family of minima: features and layers may be turned against each other.

        Every factor carries the same share of the penalty; see the module on the singular values.
        """
        left, kept, right = self._modes
        share = [
            math.sqrt(self._penalty) * sigma ** (1 / (self.layers + 1)) for _, sigma in kept
        ]  # a factor's singular value times the root of its decay
        count = min(len(kept), self.width)
        sizes = torch.tensor(share[:count], dtype=torch.float64)
        parts = {}
        for name, shape in zip(self.layout.names, self.layout.shapes, strict=True):
            parts[name] = torch.zeros(shape, dtype=torch.float64)
        for number in range(1, self.layers + 1):
            scale = sizes / math.sqrt(self.weight_decay)
            weight = parts[f"{number}.weight"]
            if number < self.layers:
                weight[range(count), range(count)] = scale
            else:
                weight[:, :count] = left[:, :count] * scale
        parts["features"][:, :count] = (
            right[:count] * (sizes / math.sqrt(self.feature_decay))[:, None]
        ).T
        if self.bias:
            parts["bias"] = (self._targets - self._states(_with_run(parts))[-1][0]).mean(0)
        return (Optimum(tuple(self.layout.join(parts).tolist()), self.least_loss),)

    @cached_property
    def least_loss(self) -> float:
        """The least value that the loss can take."""
        total, samples = 0.0, sum(self.counts)
        for place, (tau, sigma) in enumerate(self._modes[1]):
            sigma = sigma if place < self.width else 0.0
            total += (sigma - tau) ** 2 / (2 * samples) + self._price(sigma)
        return total

    @cached_property
    def strengths(self) -> tuple[float, ...]:
        """Singular values of the product Z at the minimum over those of the labels, falling τ."""
        return tuple(
            sigma / tau if place < self.width else 0.0
            for place, (tau, sigma) in enumerate(self._modes[1])
        )

    @cached_property
    def _modes(self) -> tuple[torch.Tensor, list[tuple[float, float]], torch.Tensor]:
        """Labels by singular vectors (K, r), pairs (τ, σ) and vectors (r, N), by falling τ."""
        targets = self._targets.T
        if self.bias:
            targets = targets - targets.mean(1, keepdim=True)
        left, values, right = torch.linalg.svd(targets, full_matrices=False)
        rank = self.classes - self.bias
        pairs = [(tau, self._shrunk(tau)) for tau in values[:rank].tolist()]
        return left[:, :rank], pairs, right[:rank]

    def _shrunk(self, tau: float) -> float:
        """The best singular value of Z against one of the labels: a root, or zero."""
        factors, samples = self.layers + 1, sum(self.counts)
        # with x^factors = σ: x^(2f-2) - τ x^(f-2) + N (λ_W^M λ_H)^(1/f) = 0
        polynomial = np.zeros(2 * factors - 1)
        polynomial[0], polynomial[factors] = 1.0, -tau
        polynomial[-1] += samples * self._penalty
        roots = np.roots(polynomial)
        real = roots.real[(abs(roots.imag) < 1e-9 * abs(roots)) & (roots.real > 0)]
        choices = [0.0, *(float(x) ** factors for x in real)]
        return min(choices, key=lambda s: (s - tau) ** 2 / (2 * samples) + self._price(s))

    @property
    def _penalty(self) -> float:
        """The geometric mean of all decays."""
        logs = self.layers * math.log(self.weight_decay) + math.log(self.feature_decay)
        return math.exp(logs / (self.layers + 1))

    def _price(self, sigma: float) -> float:
        """The least penalty of a singular value of the product."""
        factors = self.layers + 1
        return factors / 2 * self._penalty * sigma ** (2 / factors)

    @cached_property
    def _labels(self) -> torch.Tensor:
        return torch.arange(self.classes).repeat_interleave(torch.tensor(self.counts))  # (N,)

    @cached_property
    def _targets(self) -> torch.Tensor:
        return functional.one_hot(self._labels, self.classes).double()  # (N, K)

    def _states(self, parts: Parts) -> list[torch.Tensor]:
        """Features and what each layer makes of them: (runs, N, units) each."""
        states = [parts["features"]]
        for number in range(1, self.layers + 1):
            states.append(states[-1] @ parts[f"{number}.weight"].mT)
        if self.bias:
            states[-1] = states[-1] + parts["bias"][:, None]
        return states

    def _value(self, parts: Parts, scores: torch.Tensor) -> torch.Tensor:
        off = scores - self._targets.to(scores)
        value = off.square().sum((1, 2)) / (2 * sum(self.counts))
        for name, decay in self._decays.items():
            value = value + decay / 2 * parts[name].square().sum((1, 2))
        return value

    def _gradient(self, parts: Parts, states: Sequence[torch.Tensor]) -> torch.Tensor:
        back = (states[-1] - self._targets.to(states[-1])) / sum(self.counts)
        gradients = {"bias": back.sum(1)} if self.bias else {}
        for number in range(self.layers, 0, -1):
            name = f"{number}.weight"
            gradients[name] = back.mT @ states[number - 1] + self.weight_decay * parts[name]
            back = back @ parts[name]
        gradients["features"] = back + self.feature_decay * parts["features"]
        return self.layout.join(gradients)

    @cached_property
    def _decays(self) -> dict[str, float]:
        weights = {f"{number + 1}.weight": self.weight_decay for number in range(self.layers)}
        return {"features": self.feature_decay, **weights}


def _with_run(parts: Parts) -> dict[str, torch.Tensor]:
    """Tensors with an axis for a single run."""
    return {name: part[None] for name, part in parts.items()}

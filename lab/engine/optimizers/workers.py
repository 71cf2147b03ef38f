"""What rules of many workers share: the graph they talk over, and the data that each of them sees.

Each run of a lane is a worker, in the order of its starts.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Annotated, ClassVar, Literal, NamedTuple

import torch

from lab.engine.knobs import Knob
from lab.engine.layout import Layout
from lab.engine.optimizers.response import WORKERS
from lab.engine.optimizers.rule import Rule
from lab.engine.oracle import Oracle
from lab.engine.problem import Batch

GraphName = Literal["ring", "torus", "star", "exponential", "complete"]
DataName = Literal["all", "strided", "blocks"]

Graph = Annotated[GraphName, Knob(doc="who talks with whom; the denser, the sooner they agree")]
Mixing = Annotated[
    float,
    Knob(
        0,
        1,
        symbol="γ",
        live=True,
        doc="how far each worker goes towards the weighted mean of its neighbourhood: 1 all the "
        "way, 0 nobody listens",
    ),
]
Data = Annotated[
    DataName,
    Knob(
        doc="which samples a worker sees: all, every n-th of n workers, or a block of neighbours "
        "(in the order of the data, so that the workers' losses differ most)"
    ),
]


class WorkersState(NamedTuple):
    """Rules of many workers count their steps; all else is in the points."""

    step: int


class Workers(Rule):
    """A rule whose runs are workers that see each other's points.

    A worker whose point is no longer a finite number falls silent: its neighbours give its weight
    to themselves and go on, and it stays where it is. Points that are only very far away still
    count, as they would in a real network. One run alone has nobody to talk with.
    """

    State = WorkersState
    no_limit = WORKERS
    couples_runs = True
    readings: ClassVar = {"consensus": "mean squared distance of the workers from their mean"}
    graph: GraphName
    mixing: torch.Tensor

    def init(self, theta: torch.Tensor, layout: Layout) -> WorkersState:
        """Nothing has happened yet."""
        return WorkersState(0)

    def read(self, theta: torch.Tensor, state: WorkersState) -> dict[str, torch.Tensor]:
        """The same number for all workers that belong together; silent ones are left out."""
        points = self.teams(theta)
        speaking = points.isfinite().all(-1, keepdim=True)
        count = speaking.sum(1, keepdim=True)
        points = torch.where(speaking, points, 0.0)
        off = torch.where(speaking, points - points.sum(1, keepdim=True) / count, 0.0)
        distance = off.square().sum((1, 2)) / count[:, 0, 0]
        return {"consensus": distance.repeat_interleave(points.shape[1])}

    def teams(self, theta: torch.Tensor) -> torch.Tensor:
        """Points (runs, dim) as (teams, workers, dim)."""
        return theta.reshape(-1, self.group or len(theta), theta.shape[1])

    def mixed(self, theta: torch.Tensor) -> torch.Tensor:
        """Points (runs, dim) after one round of gossip, x_i + γ (Σ_j W_ij x_j - x_i)."""
        points = self.teams(theta)
        weights = mixing_weights(self.graph, points.shape[1]).to(points)
        speaking = points.isfinite().all(-1, keepdim=True)
        heard = weights @ torch.where(speaking, points, 0.0)
        missed = weights @ (~speaking).to(points)  # the weight of those who are silent
        heard = torch.where(speaking, heard + missed * points, points)
        return torch.lerp(theta, heard.view_as(theta), self.mixing)


@lru_cache(maxsize=16)
def mixing_weights(graph: GraphName, workers: int) -> torch.Tensor:
    """The mixing matrix W of a graph, with Metropolis weights.

    W_ij = 1 / (1 + max(degree_i, degree_j)) for neighbours, and the diagonal fills the rows to 1:
    symmetric and doubly stochastic on any graph (Xiao & Boyd 2004, Systems & Control Letters 53).

    Args:
        graph: "ring"; "torus", a grid as square as the number allows whose ends meet; "star" around
            the first worker; "exponential", where i talks with i ± 1, 2, 4, ...; "complete".
        workers: how many there are.

    Returns:
        (workers, workers), float64, on the CPU; the same at every call, so not to be changed.
    """
    linked = _links(graph, workers)
    degrees = linked.sum(1)
    weights = linked / (1.0 + torch.maximum(degrees[:, None], degrees))
    return weights + torch.diag(1 - weights.sum(1))


def _links(graph: GraphName, workers: int) -> torch.Tensor:
    """Who talks with whom: (workers, workers), 1 or 0, symmetric, 0 on the diagonal."""
    place = torch.arange(workers, device="cpu")
    match graph:
        case "ring":
            pairs = [(place, (place + 1) % workers)]
        case "torus":
            rows = max(n for n in range(1, workers + 1) if workers % n == 0 and n * n <= workers)
            columns = workers // rows
            row, column = place // columns, place % columns
            pairs = [
                (place, row * columns + (column + 1) % columns),
                (place, (row + 1) % rows * columns + column),
            ]
        case "star":
            pairs = [(place, torch.zeros_like(place))]
        case "exponential":
            reach = [1 << k for k in range(workers.bit_length()) if 1 << k < workers]
            pairs = [(place, (place + far) % workers) for far in reach]
        case "complete":
            pairs = [(place.repeat_interleave(workers), place.repeat(workers))]
    linked = torch.zeros(workers, workers, dtype=torch.float64, device="cpu")
    for here, there in pairs:
        linked[here, there] = linked[there, here] = 1
    return linked.fill_diagonal_(0)


@dataclass(frozen=True)
class Shares:
    """Which samples each worker sees.

    Where the number of workers does not divide that of the samples, the rest is left to nobody, so
    that all workers see equally many; where there are fewer samples than workers, or none, all
    workers see the same.

    Attributes:
        data: "all", "strided" (worker i of n sees samples i, i + n, i + 2n, ...) or "blocks".
        workers: how many run side by side.
    """

    data: DataName
    workers: int

    def batch(self, oracle: Oracle, theta: torch.Tensor, round_: int = 0) -> Batch | None:
        """What the workers look at in one of the gradients of a step.

        In the first it is the step's mini-batch, each sample exchanged for the one of the worker's
        own that has its place; in later ones, own samples drawn with replacement, as many.

        Args:
            oracle: knows the step's mini-batch.
            theta: (runs, dim).
            round_: which of the step's gradients.

        Returns:
            (runs, samples) indices, or None for the data that the step sees anyway.
        """
        samples, batch = oracle.problem.samples, oracle.batch
        alone = self.data == "all" or samples < self.workers
        if samples == 0 or (alone and (batch is None or round_ == 0)):
            return None
        own = samples if alone else samples // self.workers
        runs = len(theta)
        if batch is None:
            chosen = torch.arange(own, device=theta.device).expand(runs, -1)
        elif round_ == 0:
            chosen = (batch // self.workers).clamp_(max=own - 1)
        else:
            draws = oracle.noise.uniform(f"samples {round_}", theta, (batch.shape[1],))
            chosen = (draws * own).long()
        if alone:
            return chosen
        worker = (torch.arange(runs, device=chosen.device) % self.workers)[:, None]
        return chosen * self.workers + worker if self.data == "strided" else worker * own + chosen

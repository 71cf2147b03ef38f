"""Small problems, rules and probes that the tests of the engine run."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, ClassVar, NamedTuple

import torch

from lab.engine import catalogue
from lab.engine.analysis.base import Progress
from lab.engine.catalogue import KINDS, register
from lab.engine.knobs import Knob
from lab.engine.layout import Layout
from lab.engine.optimizers.rule import Rule
from lab.engine.probes import Measurement, Probe
from lab.engine.problem import Problem
from lab.engine.seeds import generator


class Bowl(Problem):
    """Half the square of theta, times a factor for each coordinate; an object, not an entry."""

    def __init__(self, dim: int = 3):
        self.curvature = torch.arange(1, dim + 1, dtype=torch.float64)

    @property
    def layout(self):
        return Layout.of({"w": (len(self.curvature),)})

    def start(self, generators):
        return torch.stack(
            [torch.randn(len(self.curvature), generator=g, dtype=torch.float64) for g in generators]
        )

    def evaluate(self, theta, batch=None):
        return (self.curvature.to(theta) * theta**2).sum(1) / 2


class Batches:
    """Sixteen of sixty-four samples, drawn anew at every step."""

    def __init__(self, seed, streams):
        self._seed, self._streams = seed, streams

    def at(self, step):
        draws = [generator(self._seed, "toy", stream, step) for stream in self._streams]
        return torch.stack([torch.randint(0, 64, (16,), generator=g) for g in draws])


class Regression(Problem):
    """Fit a line to noisy points, on mini-batches."""

    def __init__(self):
        g = generator(0, "toy regression")
        self.x = torch.randn(64, 3, generator=g, dtype=torch.float64)
        self.y = self.x @ torch.tensor([1.0, -2.0, 0.5], dtype=torch.float64)
        self.y += 0.3 * torch.randn(64, generator=g, dtype=torch.float64)

    @property
    def layout(self):
        return Layout.of({"weight": (2,), "bias": ()})

    def start(self, generators):
        return torch.stack([torch.randn(3, generator=g, dtype=torch.float64) for g in generators])

    def evaluate(self, theta, batch=None):
        x, y = self.x.to(theta), self.y.to(theta)
        if batch is not None:
            x, y = x[batch], y[batch]  # (runs, samples, 3), (runs, samples)
        return ((x @ theta[:, :, None])[..., 0] - y).square().mean(1)

    def batches(self, seed, streams):
        return Batches(seed, streams)


class Trap(Bowl):
    """A bowl that raises at the evaluation of a given number, and never again."""

    def __init__(self, at: int, error: type = RuntimeError):
        super().__init__(2)
        self.at, self.error, self.asked = at, error, 0

    def evaluate(self, theta, batch=None):
        self.asked += 1
        if self.asked == self.at:
            raise self.error("the trap\nhas sprung")
        return super().evaluate(theta, batch)


class WalkState(NamedTuple):
    mean: torch.Tensor
    calls: int


@dataclass(frozen=True)
class Average(Rule):
    """Plain descent that shows the average of its path."""

    lr: Annotated[float, Knob(0, 1e6, live=True)] = 0.1
    slow: Annotated[bool, Knob()] = False

    State = WalkState
    shows_another = True

    def init(self, theta, layout):
        return WalkState(theta.clone(), 1)

    def update(self, theta, state, oracle):
        theta = theta - self.lr * oracle.gradient(theta) / (2 if self.slow else 1)
        return theta, WalkState(
            state.mean + (theta - state.mean) / (state.calls + 1), state.calls + 1
        )

    def shown(self, theta, state):
        return state.mean


@dataclass(frozen=True)
class Where(Probe):
    """Where the runs are, in three slices."""

    power: Annotated[int, Knob(1, 3)] = 1

    def measure(self, problem, sight):
        yield Progress(0.3)
        yield Progress(0.6, partial=sight.theta)
        theta = sight.theta.double().cpu().numpy() ** self.power
        knobs = {f"knob_{name}": value for name, value in sight.knobs.items()}
        return Measurement({"theta": theta, **knobs}, {"seed": sight.seed})


@dataclass(frozen=True)
class Together(Probe):
    """Where the first run of every lane is."""

    scope: ClassVar[str] = "lanes"

    def measure(self, problem, sight):
        yield Progress(0.5)
        rows = {name: one.theta[0].double().cpu().numpy() for name, one in sight.items()}
        return Measurement(rows, {"lanes": list(rows)})


@dataclass(frozen=True)
class Sum(Probe):
    """The sum of all points that were seen so far, carried from one measurement to the next."""

    def measure(self, problem, sight):
        yield Progress(0.5)
        total = sight.theta.double().cpu().numpy() + sight.before.get("total", 0.0)
        return Measurement({"total": total}, {"first": not sight.before}, {"total": total})


@dataclass(frozen=True)
class Clumsy(Probe):
    """Goes wrong in a way of one's choice."""

    way: Annotated[int, Knob(0, 5)] = 0

    def measure(self, problem, sight):
        if self.way == 0:
            raise RuntimeError("at once")
        if self.way == 1:
            return None
        return self._slices()

    def _slices(self):
        yield Progress(0.1)
        if self.way == 2:
            raise ValueError("in the middle")
        if self.way == 3:
            yield "not progress"
        if self.way == 4:
            return "not a measurement"
        return Measurement({"x": [object()]}, {})


@contextlib.contextmanager
def entries() -> Iterator[None]:
    """Inside, the catalogue has the toys, under names that begin with toy_."""
    before = {kind: dict(catalogue.catalogue(kind)) for kind in KINDS}
    register("optimizer", "toy_average")(Average)
    for probe in (Where, Together, Sum, Clumsy):
        register("probe", f"toy_{probe.__name__.lower()}")(probe)
    try:
        yield
    finally:
        for kind, entries_before in before.items():
            catalogue._entries[kind].clear()
            catalogue._entries[kind].update(entries_before)

"""Effective model complexity: how many samples a training procedure can fit.

For growing numbers n of samples a network is started anew and trained; the largest n that it fits
is its complexity. It fits if three things hold in the end (Shwartz-Ziv et al. 2024, "Just how
flexible are neural networks in practice?", arXiv 2406.11463):

1. the samples are fitted: no sample in a wrong class, or a small error of values;
2. training has come to rest: a small gradient, and a loss that hardly changes;
3. it rests at a minimum: no eigenvalue of the Hessian is negative.

The paper's numbers for "small" could not be verified; here they are arguments, relative to what
the same training began with. Nakkiran et al. 2020 (arXiv 1912.02292), who named the measure, ask
for the first of the three alone. The search ends at the first n that is not fitted.
"""

import math
import time
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch

from lab.engine.analysis.base import Progress, Steps, analysis, as_point, check_count
from lab.engine.analysis.curvature import DENSE_DIM, top_eigenvalues
from lab.engine.noise import Noise
from lab.engine.oracle import Oracle
from lab.engine.plan import Lane
from lab.engine.problem import Problem
from lab.engine.seeds import generator

SLICE = 0.002  # seconds
LOOKS = 40  # times that all samples are looked at within a training
FEWEST = 4  # samples
_WRONG = {True: 0.0, False: 0.01}  # allowed by default, of classes and of values


class Criteria(NamedTuple):
    """What counts as fitted.

    Attributes:
        wrong: part of the samples in a wrong class, at most; for values the root mean square error
            over the standard deviation of the targets.
        slope: length of the gradient over that at the start, at most.
        change: of the loss from one look to the next, over the loss at the start, at most.
        bend: the most negative eigenvalue over the largest, at most.
    """

    wrong: float
    slope: float
    change: float
    bend: float


class Trained(NamedTuple):
    """How one training ended, each as in `Criteria`; `bend` is NaN where it was not looked at."""

    wrong: float
    slope: float
    change: float
    bend: float
    loss: float
    steps: int
    gradients: int

    def fits(self, criteria: Criteria) -> bool:
        """Whether all criteria hold; without a Hessian, those that can be judged."""
        bent = not math.isnan(self.bend) and self.bend > criteria.bend
        return self.rests(criteria) and not bent

    def rests(self, criteria: Criteria) -> bool:
        """Whether the samples are fitted and training has come to rest."""
        pairs = zip(self[:3], criteria[:3], strict=True)
        return all(found <= most for found, most in pairs)


@dataclass(frozen=True)
class ModelComplexity:
    """The effective model complexity of a training procedure, and the trainings behind it.

    Attributes:
        complexity: the largest number of samples that was fitted, 0 if none was.
        upper: the smallest that was not; 0 where all were, so that the data are too few.
        parameters: of the network.
        efficiency: complexity over parameters.
        counts: (m,), the numbers of samples that were tried.
        wrong: (m,), see `Criteria`, as the others.
        slope: (m,).
        change: (m,).
        bend: (m,), NaN where the other criteria did not hold, or second derivatives cannot be had.
        loss: (m,), at the end.
        steps: (m,), that training took.
        fitted: (m,).
        gradients: how many were computed.
    """

    complexity: int
    upper: int
    parameters: int
    efficiency: float
    counts: torch.Tensor
    wrong: torch.Tensor
    slope: torch.Tensor
    change: torch.Tensor
    bend: torch.Tensor
    loss: torch.Tensor
    steps: torch.Tensor
    fitted: torch.Tensor
    gradients: int


@analysis
def effective_model_complexity(
    problem: Problem,
    theta: Any = None,
    optimizer: Any = "momentum",
    counts: int | Sequence[int] = 12,
    steps: int = 2000,
    batch: int = 0,
    *,
    random_labels: bool = False,
    wrong: float | None = None,
    slope: float = 0.05,
    change: float = 0.01,
    bend: float = 0.05,
    seed: int = 0,
    knobs: Mapping[str, Any] | None = None,
) -> Steps[ModelComplexity]:
    """The largest number of samples that a network fits when it is trained from a new start.

    Args:
        problem: a network with data.
        theta: (dim,), whose precision and device are used, and nothing else: every training has a
            start of its own. Double precision if not given.
        optimizer: a name of the catalogue, or a `Lane` that sweeps nothing.
        counts: the numbers of samples to try, rising; or how many numbers, from 4 to all of the
            data in even ratios. Those of a smaller number are among those of a larger one.
        steps: of each training, at most; it ends once the first two criteria hold.
        batch: samples of a mini-batch, 0 for all at every step.
        random_labels: shuffle the targets among the samples.
        wrong: see `Criteria`; 0 for classes and 0.01 for values if not given.
        slope: see `Criteria`.
        change: see `Criteria`.
        bend: see `Criteria`.
        seed: of starts, the choice of samples, and batches.
        knobs: the optimizer's, for a name.

    Returns:
        `.complexity`, `.upper`, `.efficiency`, and what was found for each number of samples.

    Raises:
        ValueError: no network, a rule that does not fit it, or numbers that are not allowed.
    """
    if not hasattr(problem, "on_samples"):
        raise ValueError(f"{problem.title} is no network, and what it can fit has no meaning")
    if problem.terms:
        raise ValueError(f"{problem.title} has several losses: what it fits is no single question")
    place = torch.zeros(1, dtype=torch.float64)
    if theta is not None:
        place = as_point(problem, theta)[:1]
    tried = _counts(counts, len(problem.dataset))
    check_count("steps", steps)
    check_count("batch", batch, 0)
    classes = bool(problem.dataset.classes)
    criteria = Criteria(_WRONG[classes] if wrong is None else wrong, slope, change, bend)
    bound = _bound(problem, optimizer, knobs or {}, place)
    order = torch.randperm(len(problem.dataset), generator=generator(seed, "complexity"))
    source = order
    if random_labels:
        source = order[torch.randperm(len(order), generator=generator(seed, "labels"))]
    found: list[Trained] = []
    for number, count in enumerate(tried):
        part = problem.on_samples(order[:count], source[:count], batch)
        start = problem.start([generator(seed, "complexity", count)]).to(place)
        training = _train(part, bound, start, steps, criteria, seed)
        found.append((yield from _reported(training, number, len(tried))))
        if not found[-1].fits(criteria):
            break
    return _result(problem, tried, found, criteria, place)


def _train(
    part: Problem, bound: Any, theta: torch.Tensor, steps: int, criteria: Criteria, seed: int
) -> Generator[float, None, Trained]:
    """Train from a start (1, dim) until it rests or its steps are used up; yields the part done."""
    oracle = Oracle(part, part.batches(seed, [0]), Noise(seed, [0]))
    began, every = time.perf_counter(), max(1, steps // LOOKS)
    with torch.no_grad():
        state = bound.init(theta, part.layout)
        oracle.observe(theta, 0)
        first = _look(part, theta)
    last, end = first[0], Trained(math.inf, math.inf, math.inf, math.nan, first[0], 0, 0)
    for step in range(1, steps + 1):
        with torch.no_grad():
            theta, state = bound.update(theta, state, oracle)
            oracle.observe(theta, step)
        if step % every == 0 or step == steps:
            loss, slope, wrong = _look(part, theta)
            change, last = abs(last - loss) / abs(first[0] or 1.0), loss
            passes = oracle.counts.gradients + step // every + 1
            end = Trained(wrong, slope / first[1], change, math.nan, loss, step, passes)
            if end.rests(criteria) or not math.isfinite(loss):
                break
        if time.perf_counter() - began > SLICE:
            yield step / steps
            began = time.perf_counter()
    if end.rests(criteria) and not part.hessian_trouble:
        end = end._replace(bend=(yield from _bend(part, theta[0], seed)))
    return end


def _look(part: Problem, theta: torch.Tensor) -> tuple[float, float, float]:
    """Loss, length of the gradient, and what is wrong, on all samples of the part."""
    value, gradient = part.evaluate_with_gradient(theta)
    ((_, metric),) = part.metrics(theta).items()
    wrong = float(metric)
    if part.dataset.classes:
        wrong = 1 - wrong
    else:
        spread = float(part.dataset.targets.double().std(correction=0))
        wrong = wrong / spread if spread else wrong
    return float(value), float(torch.linalg.vector_norm(gradient)), wrong


def _bend(part: Problem, point: torch.Tensor, seed: int) -> Generator[float, None, float]:
    """The most negative eigenvalue over the largest, 0 where none is negative."""
    ends = []
    if part.dim <= DENSE_DIM:
        values = torch.linalg.eigvalsh(part.hessian(point[None])[0])
        ends = [float(values[0]), float(values[-1])]
        yield 1.0
    else:
        for which in ("smallest", "largest"):
            search = top_eigenvalues.steps(part, point, 1, seed=seed, which=which)
            while True:
                try:
                    next(search)
                except StopIteration as stop:
                    ends.append(float(stop.value.values[0]))
                    break
                yield 1.0
    low, high = ends
    if low >= 0:
        return 0.0
    return -low / high if high > 0 else math.inf


def _bound(problem: Problem, optimizer: Any, knobs: Mapping[str, Any], like: torch.Tensor) -> Any:
    """The rule with one value for each live knob, for one run.

    Raises:
        ValueError: a sweep, or a rule that does not fit.
    """
    lane = optimizer if isinstance(optimizer, Lane) else Lane(optimizer, **knobs)
    if lane.sweep:
        raise ValueError(f"{', '.join(lane.sweep)}: a training has one value of each knob")
    rule = lane.entry.make(**lane.knobs)
    if reason := rule.unfit(problem):
        raise ValueError(reason)
    live = [item.name for item in lane.entry.knobs if item.knob.live]
    return rule.bind({name: like.new_full((1, 1), lane.knobs[name]) for name in live})


def _counts(counts: int | Sequence[int], samples: int) -> list[int]:
    """The numbers of samples to try.

    Raises:
        ValueError: numbers that do not rise, or that the data do not have.
    """
    if isinstance(counts, int):
        check_count("counts", counts, 2)
        least = min(FEWEST, samples)
        ratio = (samples / least) ** (1 / (counts - 1))
        return sorted({round(least * ratio**place) for place in range(counts)})
    chosen = [check_count("counts", count) for count in counts]
    if not chosen or chosen != sorted(set(chosen)) or chosen[-1] > samples:
        raise ValueError(f"counts = {chosen}: rising numbers up to {samples} are needed")
    return chosen


def _reported(training: Generator[float, None, Trained], number: int, count: int) -> Steps[Trained]:
    """One training of several, with the progress of all."""
    while True:
        try:
            done = next(training)
        except StopIteration as stop:
            yield Progress((number + 1) / count)
            return stop.value
        yield Progress((number + done) / count)


def _result(
    problem: Problem,
    tried: Sequence[int],
    found: Sequence[Trained],
    criteria: Criteria,
    like: torch.Tensor,
) -> ModelComplexity:
    """What all trainings say together."""
    fitted = [one.fits(criteria) for one in found]
    done = [count for count, fits in zip(tried, fitted, strict=False) if fits]
    complexity = done[-1] if done else 0
    columns = {
        name: like.new_tensor([getattr(one, name) for one in found])
        for name in ("wrong", "slope", "change", "bend", "loss")
    }
    return ModelComplexity(
        complexity=complexity,
        upper=0 if fitted[-1] else tried[len(found) - 1],
        parameters=problem.dim,
        efficiency=complexity / problem.dim,
        counts=torch.tensor(tried[: len(found)]),
        steps=torch.tensor([one.steps for one in found]),
        fitted=torch.tensor(fitted),
        gradients=sum(one.gradients for one in found),
        **columns,
    )

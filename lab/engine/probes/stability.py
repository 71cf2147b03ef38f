"""Stability along a run: the curvature that steps meet against what they stand."""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Annotated, Any, ClassVar, NamedTuple

import torch

from lab.engine.analysis.base import Steps, to_numpy
from lab.engine.analysis.coherence import sgd_stability
from lab.engine.analysis.directions import random_direction
from lab.engine.analysis.learning_rates import batch_rates, powers_of_two
from lab.engine.analysis.noise_scale import noise_scale
from lab.engine.analysis.parts import part_of
from lab.engine.analysis.per_sample import has_factors
from lab.engine.analysis.stability import Divisor, stability
from lab.engine.analysis.stability import Stability as Found
from lab.engine.catalogue import register
from lab.engine.knobs import Knob
from lab.engine.optimizers.response import Response
from lab.engine.probes.base import Measurement, Probe, Series, Sight
from lab.engine.problem import Problem

_GUARD = 24  # every so many measurements the search makes sure that it follows the right vector
_GLANCE = 4  # every so many it looks at the vector beside it, moved or not
_FEWEST = 3  # samples whose spread can be known


@register(
    "probe",
    "stability",
    title="Stability",
    paper="Cohen et al. 2021, arXiv 2103.00065; of adaptive rules: 2022, arXiv 2207.14484",
    family="Stability & sharpness",
)
@dataclass(frozen=True)
class StabilityProbe(Probe):
    """The largest eigenvalue of the Hessian, and how much the next step can stand.

    Each search follows the eigenvector that the last one found, so it takes one product or few.
    Every fourth, and each where the vector has moved, looks at the one beside it too, and every
    24th for others that may have overtaken both.
    Looked at is the first run of the lane that goes on. What momentum, weight decay and the
    preconditioner make of 2/η is what the rule says of itself; where there is no limit it says why.

    Info: `lambda_max` with its `residual` on all data; `limit` with its `formula` and `ratio`, the
    curvature that the step meets over what it stands (preconditioned where the rule scales
    coordinates), or `no_limit`, a sentence why there is none; by knobs `preconditioned`,
    `batch_lambda_max` with `batch_ratio` (the step's own mini-batch, preconditioned likewise),
    `noise_scale`, `coherence` (with the largest eigenvalue of the samples looked at,
    `coherence_lambda_max`), `sgd_rate` of plain SGD, `linear_rate` and `root_rate`, the last five
    where the problem has samples. Arrays of the predicted rates: `batch_sizes`, `linear`, `root`,
    and of the coherence `sgd_batch_sizes`, `exact`, `diverging`, `near`.
    """

    tolerance: Annotated[
        float,
        Knob(1e-6, 0.5, scale="log", doc="residual of an eigenvalue as a part of it, at most"),
    ] = 0.05
    preconditioned: Annotated[
        bool, Knob(doc="for rules that scale coordinates: the curvature as their steps meet it")
    ] = True
    batch: Annotated[bool, Knob(doc="also the Hessian of the step's own mini-batch")] = False
    noise_samples: Annotated[
        int, Knob(0, 100_000, doc="gradients for the gradient noise scale, 0 for none")
    ] = 0
    coherence_samples: Annotated[
        int, Knob(0, 256, doc="samples whose curvatures are compared for SGD's limit, 0 for none")
    ] = 0
    rate_pairs: Annotated[
        int, Knob(0, 256, doc="random batches for the predicted largest rates, 0 for no prediction")
    ] = 0

    looks_inside: ClassVar[bool] = True
    tracks: ClassVar[tuple[Series, ...]] = (
        Series("lambda_max", "largest eigenvalue", log=True, doc="of the Hessian on all data"),
        Series("ratio", "curvature / limit", log=True, doc="above 1 the steps grow"),
        Series("preconditioned", "preconditioned curvature", log=True, doc="as the steps meet it"),
        Series("batch_lambda_max", "batch curvature", log=True, doc="of the step's mini-batch"),
        Series("noise_scale", "noise scale", "samples", log=True, doc="tr Σ / |G|²"),
        Series("coherence", "coherence σ", log=True, doc="how alike samples' curvatures are"),
        Series("sgd_rate", "SGD's largest rate", log=True, doc="stable in mean square"),
        Series("linear_rate", "linear law", log=True, doc="largest rate at this batch size"),
        Series("root_rate", "square-root law", log=True, doc="largest rate at this batch size"),
    )

    def measure(self, problem: Problem, sight: Sight) -> Steps[Measurement]:
        """Measure the first run that goes on."""
        run, moment = sight.alive[0], sight.moment
        theta = moment.theta[run]
        batch = moment.oracle.batch
        samples = None if batch is None else batch[run]
        answer = moment.response()
        known = None if isinstance(answer, str) else _of_run(answer, run)
        look = _Look(problem, theta, samples, known, sight, self.tolerance)
        if isinstance(answer, str):
            look.info["no_limit"] = answer
        if "lr" in sight.knobs:
            look.info["lr"] = float(sight.knobs["lr"][run])
        look.info["run"] = run
        look.carry["age"] = torch.tensor(look.age + 1)
        parts = self._parts(look)
        for number, part in enumerate(parts):
            yield from part_of(part(look), number / len(parts), 1 / len(parts))
        return Measurement(to_numpy(look.arrays), look.info, to_numpy(look.carry))

    def _parts(self, look: "_Look") -> list[Callable[["_Look"], Steps[None]]]:
        """What is measured, one after the other."""
        parts: list[Callable[[_Look], Steps[None]]] = [_plain]
        if look.answer is not None and look.answer.divisor is not None and self.preconditioned:
            parts.append(_preconditioned)
        if self.batch and look.samples is not None:
            parts.append(_of_batch)
        if look.problem.samples < _FEWEST or look.problem.sample_trouble:
            return parts
        if self.noise_samples:
            parts.append(partial(_noise, count=max(_FEWEST, self.noise_samples)))
        if self.coherence_samples and has_factors(look.problem):
            parts.append(partial(_coherence, count=self.coherence_samples))
        if self.rate_pairs:
            parts.append(partial(_rates, pairs=max(2, self.rate_pairs)))
        return parts

    @classmethod
    def unfit(cls, problem: Problem) -> str:
        """Why this problem has no Hessian to speak of."""
        return problem.hessian_trouble


class _Answer(NamedTuple):
    """What `Response` says of one run."""

    limit: float
    formula: str
    divisor: Divisor  # (dim,), or a function of (n, dim)
    decay: float


def _of_run(answer: Response, run: int) -> _Answer | None:
    """How one run answers curvature; None where nothing moves, or it is no number."""

    def pick(value: torch.Tensor | None) -> torch.Tensor | None:
        return None if value is None else value[run if len(value) > 1 else 0]

    limit = float(pick(answer.limit))
    if not 0 < limit < math.inf:
        return None
    decay, divisor = pick(answer.decay), pick(answer.divisor)
    if divisor is not None and not (divisor > 0).all():
        return None
    if answer.root is not None:
        divisor = partial(answer.root, run=run)
    return _Answer(limit, answer.formula, divisor, 0.0 if decay is None else float(decay))


@dataclass(frozen=True)
class _Look:
    """What a measurement sees, and what it has found so far."""

    problem: Problem
    theta: torch.Tensor  # (dim,)
    samples: torch.Tensor | None  # (n,), the step's mini-batch
    answer: _Answer | None
    sight: Sight
    tolerance: float
    info: dict[str, Any] = field(default_factory=dict)
    arrays: dict[str, torch.Tensor] = field(default_factory=dict)
    carry: dict[str, torch.Tensor] = field(default_factory=dict)

    @property
    def batch_size(self) -> int:
        """How many samples the step sees."""
        return self.problem.samples if self.samples is None else len(self.samples)

    @property
    def age(self) -> int:
        """How many measurements were planned before this one."""
        return int(self.sight.before.get("age", 0))

    def batch_sizes(self) -> list[int]:
        """Powers of two, and the batch size of the run."""
        return sorted({*powers_of_two(self.problem.samples), self.batch_size})

    def search(self, name: str, answer: _Answer | None, samples: Any = None) -> Steps[Found]:
        """The largest eigenvalue, from the vectors that the last measurement left under a name."""
        beside = self.sight.before.get(f"{name} beside")
        if beside is None:
            beside = random_direction(len(self.theta), self.sight.seed, "beside", like=self.theta)
        found = yield from stability.steps(
            self.problem,
            self.theta,
            math.inf if answer is None else answer.limit,
            None if answer is None else answer.divisor,
            0.0 if answer is None else answer.decay,
            samples,
            self.tolerance,
            self.sight.seed,
            self.sight.before.get(name),
            guarded=self.age % _GUARD == 0,
            beside=beside,
            glance=self.age % _GLANCE == 1,
        )
        self.carry[name] = found.vector
        if found.beside is not None:
            self.carry[f"{name} beside"] = found.beside
        self.info["products"] = self.info.get("products", 0) + found.products
        return found


def _plain(look: _Look) -> Steps[None]:
    """The Hessian on all data."""
    found = yield from look.search("plain", None)
    look.info.update(
        {
            "lambda_max": found.value,
            "residual": found.residual,
            "converged": found.converged,
        }
    )
    answer = look.answer
    if answer is None:
        return
    look.info.update({"limit": answer.limit, "formula": answer.formula, "decay": answer.decay})
    if answer.divisor is None:
        look.info["ratio"] = (found.value + answer.decay) / answer.limit


def _preconditioned(look: _Look) -> Steps[None]:
    """The curvature as a rule meets it that scales coordinates."""
    found = yield from look.search("preconditioned", look.answer)
    look.info.update({"preconditioned": found.value, "ratio": found.ratio})


def _of_batch(look: _Look) -> Steps[None]:
    """The Hessian of the step's own mini-batch."""
    found = yield from look.search("batch", look.answer, look.samples)
    look.info.update({"batch_size": look.batch_size, "batch_lambda_max": found.value})
    if look.answer is not None:
        look.info["batch_ratio"] = found.ratio


def _noise(look: _Look, count: int) -> Steps[None]:
    """The gradient noise scale."""
    found = yield from noise_scale.steps(look.problem, look.theta, count, seed=look.sight.seed)
    look.info.update({"noise_scale": found.simple, "noise_scale_error": found.simple_error})


def _coherence(look: _Look, count: int) -> Steps[None]:
    """How alike the samples' curvatures are, and what follows for SGD."""
    sizes = look.batch_sizes()
    found = yield from sgd_stability.steps(
        look.problem, look.theta, sizes, count, seed=look.sight.seed
    )
    look.info.update(
        {
            "batch_size": look.batch_size,
            "coherence": found.coherence,
            "coherence_form": found.form,
            "coherence_lambda_max": found.largest,
            "sgd_rate": float(found.exact[sizes.index(look.batch_size)]),
        }
    )
    look.arrays.update(
        {
            "sgd_batch_sizes": found.batch_sizes,
            "exact": found.exact,
            "diverging": found.diverging,
            "near": found.near,
        }
    )


def _rates(look: _Look, pairs: int) -> Steps[None]:
    """The largest learning rates by batch size, for a rule as this one."""
    answer, lr, largest = look.answer, look.info.get("lr", 0.0), look.info["lambda_max"]
    stands, divisor = 2.0, None
    if answer is not None and lr > 0:
        stands, divisor = answer.limit * lr, answer.divisor
    if divisor is not None:
        largest = look.info.get("preconditioned")  # searched for where it is not known
    if largest is not None and not largest > 0:
        return
    sizes = look.batch_sizes()
    found = yield from batch_rates.steps(
        look.problem,
        look.theta,
        sizes,
        pairs=pairs,
        stands=stands,
        divisor=divisor,
        lambda_max=largest,
        seed=look.sight.seed,
    )
    at = sizes.index(look.batch_size)
    look.info.update(
        {
            "batch_size": look.batch_size,
            "batch_noise": found.noise,
            "batch_noise_error": found.noise_error,
            "linear_rate": float(found.linear[at]),
            "root_rate": float(found.root[at]),
        }
    )
    look.arrays.update(
        {"batch_sizes": found.batch_sizes, "linear": found.linear, "root": found.root}
    )

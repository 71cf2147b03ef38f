"""Critical points around the runs: their index and their loss."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

import numpy as np
import torch

from lab.engine.analysis.base import Progress, Steps, to_numpy
from lab.engine.analysis.critical_points import MOST_DIM, CriticalPoints, find_critical_points
from lab.engine.catalogue import register
from lab.engine.knobs import Knob
from lab.engine.probes.base import Measurement, Probe, Series, Sight
from lab.engine.problem import Problem
from lab.engine.seeds import generator

MOST_NUMBERS = 1 << 18  # of all points together, up to which they are kept on record
NOISE = (0.0, 0.1, 0.3, 1.0)


@register(
    "probe",
    "critical_points",
    title="Critical points",
    formula=r"\alpha = \#\{\lambda_i < 0\}\,/\,d \quad \mathrm{where} \quad \nabla f = 0",
    paper="Dauphin et al. 2014, arXiv 1406.2572; Pascanu et al. 2014, arXiv 1405.4604",
    family="Topology",
)
@dataclass(frozen=True)
class CriticalPointSearch(Probe):
    """Critical points of any index, found by damped Newton steps from points around the runs.

    The starts are the present points of all runs plus normal noise of several amplitudes, in parts
    of the half width of the problem's window, or of the typical size of a parameter. Every step of
    a start takes a whole Hessian, so that it is best asked for by hand: beyond a few hundred
    parameters, or where a loss is costly, a search takes from minutes to hours.

    Arrays, by rising loss: `loss`, `index` (negative eigenvalues), `zeros` (eigenvalues that count
    as zero), `gradient_norm`, `reached` (how many starts came there), of the first of these the
    noise, `amplitude`, and the place in `lanes` of the lane that it was drawn `around`, (n,);
    `theta` (n, dim) unless that is very large; `known_loss` and `known_index` where the problem
    knows them.
    """

    starts: Annotated[int, Knob(1, 100_000, scale="log", doc="how many")] = 40
    noise: Annotated[
        tuple[float, ...], Knob(0, 1e3, doc="amplitudes, which take turns; 0 for none")
    ] = NOISE
    iterations: Annotated[int, Knob(1, 10_000, scale="log", doc="steps of each start")] = 60
    tol: Annotated[
        float, Knob(1e-14, 1, scale="log", doc="gradient length below which a point is critical")
    ] = 1e-8

    scope: ClassVar[str] = "lanes"
    by_hand: ClassVar[bool] = True
    tracks: ClassVar[tuple[Series, ...]] = (
        Series("found", "critical points", doc="how many different ones were found"),
    )

    def measure(self, problem: Problem, sight: Mapping[str, Sight]) -> Steps[Measurement]:
        """Search around all runs that go on."""
        rows = [one.theta[one.alive] for one in sight.values()]
        lane = np.repeat(np.arange(len(rows)), [len(part) for part in rows])
        first = next(iter(sight.values()))
        around = Around(torch.cat(rows), lane, tuple(sight))
        return (yield from search(problem, around, self, first.seed))

    @classmethod
    def unfit(cls, problem: Problem) -> str:
        """Why there are no second derivatives, or too many."""
        if problem.dim > MOST_DIM:
            most = f"a search needs whole Hessians, of at most {MOST_DIM:,} parameters"
            return f"{most}; this problem has {problem.dim:,}"
        return problem.hessian_trouble


@dataclass(frozen=True)
class Around:
    """What starts are drawn around.

    Attributes:
        points: (n, dim).
        lane: (n,), the lane of each.
        lanes: the names of the lanes.
    """

    points: torch.Tensor
    lane: np.ndarray
    lanes: Sequence[str]


def search(
    problem: Problem, around: Around, knobs: CriticalPointSearch, seed: int
) -> Steps[Measurement]:
    """The measurement of `CriticalPointSearch` around any points; partial results are such, too."""
    starts, origin, amplitude = draw_starts(problem, around.points, knobs.noise, knobs.starts, seed)
    steps = find_critical_points.steps(problem, starts, knobs.iterations, knobs.tol)

    def told(found: CriticalPoints) -> Measurement:
        found = to_numpy(found)
        info = {"lanes": list(around.lanes), "dim": problem.dim, "tol": knobs.tol}
        arrays = _arrays(problem, found)
        arrays |= {"amplitude": amplitude[found.start], "around": around.lane[origin[found.start]]}
        return Measurement(arrays, {**info, **_numbers(found)})

    while True:
        try:
            report = next(steps)
        except StopIteration as stop:
            return told(stop.value)
        partial = None if report.partial is None else told(report.partial)
        yield Progress(report.done, partial)


def draw_starts(
    problem: Problem, points: torch.Tensor, noise: Sequence[float], count: int, seed: int
) -> tuple[torch.Tensor, np.ndarray, np.ndarray]:
    """Starts around points, whose noise takes turns; without noise each point is taken once.

    Args:
        problem: its window gives the unit of the noise in each direction; without one that is the
            root mean square of the points.
        points: (n, dim).
        noise: amplitudes in that unit.
        count: how many starts.
        seed: of the draws.

    Returns:
        The starts (m, dim), and for each the number of its point and its amplitude, (m,). There are
        fewer than `count` where all noise is 0 and the points are fewer.
    """
    size = float(points.double().square().mean().sqrt()) or 1.0
    unit = torch.full((problem.dim,), size, dtype=torch.float64)
    if problem.window is not None:
        unit = torch.tensor([(high - low) / 2 for low, high in problem.window]).double()
    amplitudes = np.resize(np.asarray(noise or (0.0,), dtype=float), count)
    spread = np.linspace(0, len(points) - 1, max(1, -(-count // max(1, len(noise)))))
    origin = np.repeat(spread.round().astype(int), max(1, len(noise)))
    origin = np.resize(origin, count)
    still = amplitudes == 0
    once = np.zeros(count, bool)
    once[np.flatnonzero(still)[np.unique(origin[still], return_index=True)[1]]] = True
    chosen = ~still | once
    origin, amplitudes = origin[chosen], amplitudes[chosen]
    draws = torch.randn(
        count, problem.dim, generator=generator(seed, "critical points"), dtype=torch.float64
    )[torch.as_tensor(chosen)]
    moves = torch.as_tensor(amplitudes)[:, None] * unit * draws
    starts = points[torch.as_tensor(origin, device=points.device)] + moves.to(points)
    return starts, origin, amplitudes


def _arrays(problem: Problem, found: CriticalPoints) -> dict[str, np.ndarray]:
    names = ("loss", "index", "zeros", "gradient_norm", "reached")
    arrays = {name: getattr(found, name) for name in names}
    if found.theta.size <= MOST_NUMBERS:
        arrays["theta"] = found.theta
    if known := problem.critical_points:
        arrays["known_loss"] = np.array([point.value for point in known], dtype=float)
        arrays["known_index"] = np.array([point.index for point in known], dtype=np.int64)
    return arrays


def _numbers(found: CriticalPoints) -> dict[str, Any]:
    names = ("tried", "lost", "gradients", "hessians")
    return {"found": len(found.loss), **{name: getattr(found, name) for name in names}}

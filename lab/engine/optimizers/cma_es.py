"""CMA-ES: a Gaussian cloud that learns the shape of the valley from the members that did best."""

import math
from dataclasses import dataclass
from functools import cache
from typing import Annotated, ClassVar, Literal, NamedTuple

import torch

from lab.engine.catalogue import register
from lab.engine.knobs import Knob
from lab.engine.layout import Layout
from lab.engine.optimizers.parts import Parts, built_up
from lab.engine.optimizers.population import best_first, gathered
from lab.engine.optimizers.response import FROM_VALUES
from lab.engine.optimizers.rule import Cost, Rule
from lab.engine.oracle import Oracle
from lab.engine.problem import Problem

MOST_PARAMETERS = 2000  # the axes of the cloud are 32 MB for each run in float64
LEAST_VARIANCE = 1e-8  # of an axis whose variance rounding has made negative
LARGEST_SIGMA = 1e32


Form = Literal["tutorial", "cma"]


class Strategy(NamedTuple):
    """The constants for a dimension n and a population λ, as in the tutorial's table 1."""

    weights: tuple[
        float, ...
    ]  # λ of them, the best first; the first μ sum to 1, the others are < 0
    mu: int
    mu_eff: float
    c_sigma: float
    d_sigma: float
    c_c: float
    c_1: float
    c_mu: float
    chi: float  # expected length of a standard normal vector
    longest: float  # length of the path beyond which σ is growing too fast to trust its direction
    fastest: float  # largest change of ln σ in one generation


@cache
def strategy(dim: int, population: int, form: Form = "tutorial") -> Strategy:
    """The constants for a dimension (at least 1) and a population (at least 2)."""
    n, mu, own = dim, population // 2, form == "cma"
    raw = [math.log((population + 1) / 2) - math.log(i + 1) for i in range(population)]
    mu_eff = sum(raw[:mu]) ** 2 / sum(w * w for w in raw[:mu])
    mu_eff_minus = sum(raw[mu:]) ** 2 / sum(w * w for w in raw[mu:])
    c_1 = 2 / ((n + 1.3) ** 2 + mu_eff)
    gain = mu_eff - 2 + 1 / mu_eff + (0.25 if own else 0)
    c_mu = min(1 - c_1, 2 * gain / ((n + 2) ** 2 + mu_eff))
    limits = [1 + 2 * mu_eff_minus / (mu_eff + 2)]
    if c_mu > 0:
        limits += [1 + c_1 / c_mu, (1 - c_1 - c_mu) / (n * c_mu)]
    positive, negative = sum(w for w in raw if w > 0), sum(-w for w in raw if w < 0)
    c_sigma = (mu_eff + 2) / (n + mu_eff + (3 if own else 5))
    if own:
        c_sigma = min(0.5, c_sigma)
    chi = math.sqrt(n) * (1 - 1 / (4 * n) + 1 / (21 * n * n))
    if own:
        chi = math.sqrt(2) * math.exp(math.lgamma((n + 1) / 2) - math.lgamma(n / 2))
    return Strategy(
        weights=tuple(w / positive if w >= 0 else min(limits) * w / negative for w in raw),
        mu=mu,
        mu_eff=mu_eff,
        c_sigma=c_sigma,
        d_sigma=1 + 2 * max(0.0, math.sqrt((mu_eff - 1) / (n + 1)) - 1) + c_sigma,
        c_c=(4 + mu_eff / n) / (n + 4 + 2 * mu_eff / n),
        c_1=c_1,
        c_mu=c_mu,
        chi=chi,
        longest=math.sqrt(n * (2 + 4 / (n + 1))) if own else (1.4 + 2 / (n + 1)) * chi,
        fastest=1.0 if own else math.inf,
    )


class Cloud(NamedTuple):
    """State of `CMAES`; the covariance is σ² V D² Vᵀ."""

    step: int
    sigma: torch.Tensor  # (runs, 1), overall size
    scales: torch.Tensor  # (runs, dim), D, lengths of the axes, rising
    axes: torch.Tensor  # (runs, dim, dim), V, their directions in columns
    path_sigma: torch.Tensor  # (runs, dim), the steps lately made, with the cloud's shape taken out
    path_c: torch.Tensor  # (runs, dim), the steps lately made
    population: torch.Tensor  # (runs, population, dim), the points last tried, in any order


@register(
    "optimizer",
    "cma_es",
    title="CMA-ES",
    family="gradient-free",
    formula=r"x_k \sim N(m, \sigma^2 C), \quad m \leftarrow m + c_m \sigma "
    r"\sum_{i \leq \mu} w_i\,y_{i:\lambda}, \quad y = (x - m) / \sigma",
    paper="Hansen 2016, The CMA Evolution Strategy: A Tutorial, arXiv 1604.00772, figure 6",
    look="Size and axis ratio of the cloud: it grows on slopes, stretches along valleys until the "
    "function looks round to it, and then shrinks.",
)
@dataclass(frozen=True)
class CMAES(Rule):
    """Samples a Gaussian cloud, moves to where the best members are, and adapts size and shape.

    One step is one generation, and the point shown is the mean. The tutorial's algorithm with its
    default constants and negative weights for the worse half, as in the package `cmaes` 0.13.1,
    whose trajectories it follows for the same population; the package counts one generation more
    where it corrects the path's length for its start at zero. Members are drawn as m + σ √C z with
    the symmetric root, which does not depend on how axes of equal length are chosen; the tutorial's
    m + σ V D z has the same distribution.

    Hansen's own package `cma` 4.5 agrees in λ, μ, the weights of the better half, c_1, c_c and c_m.
    The form `cma` takes over where it differs: c_σ = (μ_eff + 2) / (n + μ_eff + 3), at most 1/2,
    with d_σ after it; c_μ = 2 (μ_eff - 7/4 + 1/μ_eff) / ((n + 2)² + μ_eff), and with it the weights
    of the worse half; the expected length of a normal vector exactly; the path may be
    √(2n + 4n/(n + 1)) long before C stops following it; and σ grows at most e-fold in a generation.
    In many dimensions that package finds the axes of C only every few generations, here in each.
    """

    mean_rate: Annotated[
        float,
        Knob(
            0,
            10,
            slider=(0, 1),
            symbol="c_m",
            live=True,
            doc="how far the mean moves towards the best members: 1 goes to their weighted mean",
        ),
    ] = 1.0
    sigma: Annotated[
        float,
        Knob(
            0,
            1e6,
            excluded="low",
            scale="log",
            slider=(1e-3, 10.0),
            symbol="σ",
            doc="size of the cloud at the start: about a third of the distance to the best point",
        ),
    ] = 0.5
    population: Annotated[
        int,
        Knob(0, 100_000, symbol="λ", doc="members; 0 takes 4 + 3 ln(dim), and 1 is taken as 2"),
    ] = 0

    form: Annotated[
        Form, Knob(doc="constants of the tutorial, or those of Hansen's package cma")
    ] = "tutorial"

    State = Cloud
    no_limit = FROM_VALUES
    readings: ClassVar = {
        "sigma": "overall size of the cloud",
        "axis_ratio": "longest axis of the cloud over its shortest",
    }

    def init(self, theta: torch.Tensor, layout: Layout) -> Cloud:
        """A round cloud of size σ, all members still at the start."""
        runs, dim = theta.shape
        eye = torch.eye(dim, dtype=theta.dtype, device=theta.device)
        return Cloud(
            0,
            torch.full_like(theta[:, :1], self.sigma),
            torch.ones_like(theta),
            eye.repeat(runs, 1, 1),
            torch.zeros_like(theta),
            torch.zeros_like(theta),
            gathered(theta, self._members(dim)),
        )

    def update(
        self, theta: torch.Tensor, state: Cloud, oracle: Oracle
    ) -> tuple[torch.Tensor, Cloud]:
        """One generation."""
        population, y = self._tried(theta, state, oracle)
        s = strategy(theta.shape[1], population.shape[1], self.form)
        mean_step = self._mean_step(y, s)
        whitened = _through(state.axes, 1 / state.scales, mean_step[:, None])[:, 0]
        path_sigma = (1 - s.c_sigma) * state.path_sigma + math.sqrt(
            s.c_sigma * (2 - s.c_sigma) * s.mu_eff
        ) * whitened
        length = torch.linalg.vector_norm(path_sigma, dim=1, keepdim=True)
        growth = (s.c_sigma / s.d_sigma) * (length / s.chi - 1)
        sigma = state.sigma * growth.clamp(max=s.fastest).exp()
        calm = self._calm(length, state.step, s)
        path_c = (1 - s.c_c) * state.path_c + calm * math.sqrt(
            s.c_c * (2 - s.c_c) * s.mu_eff
        ) * mean_step
        scales, axes = _axes(self._covariance(state, y, path_c, calm, s))
        after = theta + self.mean_rate * state.sigma * mean_step
        sigma = sigma.clamp(max=LARGEST_SIGMA)
        return after, Cloud(state.step + 1, sigma, scales, axes, path_sigma, path_c, population)

    def parts(self, theta: torch.Tensor, state: Cloud, oracle: Oracle) -> Parts:
        """The mean of all members, which is chance alone, and what choosing the best adds."""
        _, y = self._tried(theta, state, oracle)
        size = self.mean_rate * state.sigma
        mean_step = self._mean_step(y, strategy(y.shape[2], y.shape[1], self.form))
        return built_up(("noise", size * y.mean(1)), ("selection", size * mean_step))

    def read(self, theta: torch.Tensor, state: Cloud) -> dict[str, torch.Tensor]:
        """Size and elongation of the cloud."""
        return {
            "sigma": state.sigma[:, 0],
            "axis_ratio": state.scales.amax(1) / state.scales.amin(1),
        }

    def cost(self, dim: int) -> Cost:
        """One value for each member."""
        return Cost(gradients=0, values=self._members(dim))

    @classmethod
    def unfit(cls, problem: Problem) -> str:
        """Too many parameters."""
        if problem.dim > MOST_PARAMETERS:
            return (
                f"CMA-ES learns a covariance of all parameters and takes at most {MOST_PARAMETERS} "
                f"parameters; this problem has {problem.dim}"
            )
        return ""

    def _members(self, dim: int) -> int:
        """λ."""
        return max(2, self.population) if self.population else 4 + math.floor(3 * math.log(dim))

    def _tried(
        self, theta: torch.Tensor, state: Cloud, oracle: Oracle
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """The members of a generation, and their steps y, the best first: (runs, λ, dim) both."""
        z = oracle.noise.normal("population", theta, state.population.shape[1:])
        y = _through(state.axes, state.scales, z)
        population = theta[:, None] + state.sigma[:, :, None] * y
        return population, best_first(y, oracle.values(population))

    def _mean_step(self, y: torch.Tensor, s: Strategy) -> torch.Tensor:
        """The weighted mean (runs, dim) of the steps of the better half."""
        return torch.einsum("k,rkd->rd", y.new_tensor(s.weights[: s.mu]), y[:, : s.mu])

    def _calm(self, length: torch.Tensor, step: int, s: Strategy) -> torch.Tensor:
        """1 where the path is of usual length, 0 where σ is growing too fast: (runs, 1)."""
        young = math.sqrt(1 - (1 - s.c_sigma) ** (2 * (step + 1)))
        return (length / young < s.longest).to(length.dtype)

    def _covariance(
        self, state: Cloud, y: torch.Tensor, path_c: torch.Tensor, calm: torch.Tensor, s: Strategy
    ) -> torch.Tensor:
        """The next C, (runs, dim, dim)."""
        dim, weights = y.shape[2], y.new_tensor(s.weights)
        lengths = _through(state.axes, 1 / state.scales, y).square().sum(2)  # (runs, λ)
        # a bad member far out would make C indefinite: its weight is that of one at distance √dim
        guarded = (lengths.sqrt() + 1e-9).square() if self.form == "cma" else lengths + 1e-8
        weights = torch.where(weights < 0, weights * dim / guarded, weights)
        kept = 1 - s.c_1 - s.c_mu * sum(s.weights)
        kept = kept + s.c_1 * (1 - calm) * s.c_c * (2 - s.c_c)  # (runs, 1)
        c = torch.einsum("rij,rj,rkj->rik", state.axes, state.scales.square(), state.axes)
        return (
            kept[:, :, None] * c
            + s.c_1 * path_c[:, :, None] * path_c[:, None]
            + s.c_mu * torch.einsum("rk,rki,rkj->rij", weights, y, y)
        )


def _through(axes: torch.Tensor, scales: torch.Tensor, vectors: torch.Tensor) -> torch.Tensor:
    """Vectors (runs, k, dim) times V diag(scales) Vᵀ."""
    return (vectors @ axes * scales[:, None]) @ axes.mT


def _axes(c: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Lengths (runs, dim) and directions (runs, dim, dim) of the axes of C (runs, dim, dim).

    Runs whose C is not finite get NaN: the solver would refuse the whole batch.
    """
    c = (c + c.mT) / 2
    finite = c.isfinite().all(2).all(1)[:, None, None]
    eye = torch.eye(c.shape[1], dtype=c.dtype, device=c.device)
    variances, axes = torch.linalg.eigh(torch.where(finite, c, eye))
    scales = torch.where(variances > 0, variances, LEAST_VARIANCE).sqrt()
    # contiguous: a snapshot comes back so, and products round otherwise in another order
    axes = torch.where(finite, axes, torch.nan).contiguous()
    return torch.where(finite[:, 0], scales, torch.nan), axes

"""The cross-entropy method: a Gaussian, fitted to the best of its own samples at every step."""

from dataclasses import dataclass
from typing import Annotated, ClassVar, NamedTuple

import torch

from lab.engine.catalogue import register
from lab.engine.knobs import Knob
from lab.engine.layout import Layout
from lab.engine.optimizers.parts import Parts, built_up
from lab.engine.optimizers.population import best_first, gathered
from lab.engine.optimizers.response import FROM_VALUES
from lab.engine.optimizers.rule import Cost, Rule
from lab.engine.oracle import Oracle


class Spread(NamedTuple):
    """State of `CrossEntropy`."""

    step: int
    std: torch.Tensor  # (runs, dim), standard deviations
    population: torch.Tensor  # (runs, population, dim), the points last tried


@register(
    "optimizer",
    "cross_entropy_method",
    title="Cross-entropy method",
    family="gradient-free",
    formula=r"\mu \leftarrow \alpha\,\mathrm{mean}_E + (1 - \alpha)\,\mu, \quad "
    r"s \leftarrow \max(\alpha\,\mathrm{std}_E + (1 - \alpha)\,s,\; s_{\min})",
    paper="Rubinstein & Kroese 2004, The Cross-Entropy Method, Springer; Rubinstein 1999, "
    "Methodology and Computing in Applied Probability 1",
    look="The cloud shrinks around its best members, often too early: then it stands still on a "
    "slope. A larger floor, more elites or more smoothing keep it awake.",
)
@dataclass(frozen=True)
class CrossEntropy(Rule):
    """Draws from a Gaussian, keeps the best, and takes their mean and spread for the next draw.

    The point shown is the mean; every coordinate has a spread of its own, and none goes below the
    floor. The spread of the elites is taken over n as in the maximum-likelihood fit; `unbiased`
    divides by n - 1, as some packages do.
    """

    std: Annotated[
        float,
        Knob(
            0,
            1e6,
            excluded="low",
            scale="log",
            slider=(1e-2, 1e2),
            symbol="s₀",
            doc="spread at the start, in every coordinate",
        ),
    ] = 1.0
    std_min: Annotated[
        float,
        Knob(
            0,
            1e6,
            scale="log",
            slider=(1e-6, 1.0),
            symbol="s_min",
            live=True,
            doc="the spread never falls below this: without it the cloud soon collapses",
        ),
    ] = 1e-3
    smoothing: Annotated[
        float,
        Knob(
            0,
            1,
            symbol="α",
            live=True,
            doc="how much of the old mean and spread the elites replace: 1 is all of it",
        ),
    ] = 1.0
    population: Annotated[
        int, Knob(2, 100_000, scale="log", symbol="N", doc="points drawn at each step")
    ] = 20
    elites: Annotated[
        int, Knob(1, 100_000, scale="log", doc="the best points, which are kept; at most all")
    ] = 5
    unbiased: Annotated[bool, Knob(doc="spread of the elites over n - 1 in place of n")] = False

    State = Spread
    no_limit = FROM_VALUES
    readings: ClassVar = {"spread": "root mean square of the standard deviations"}

    def init(self, theta: torch.Tensor, layout: Layout) -> Spread:
        """The given spread, all points still at the start."""
        return Spread(0, torch.full_like(theta, self.std), gathered(theta, self.population))

    def update(
        self, theta: torch.Tensor, state: Spread, oracle: Oracle
    ) -> tuple[torch.Tensor, Spread]:
        """One step."""
        population, elites = self._tried(theta, state, oracle)
        free = 1 if self.unbiased and elites.shape[1] > 1 else 0
        std = torch.lerp(state.std, elites.std(1, correction=free), self.smoothing)
        after = torch.lerp(theta, elites.mean(1), self.smoothing)
        return after, Spread(state.step + 1, torch.maximum(std, self.std_min), population)

    def parts(self, theta: torch.Tensor, state: Spread, oracle: Oracle) -> Parts:
        """The mean of all points, which is chance alone, and what choosing the best adds."""
        population, elites = self._tried(theta, state, oracle)
        return built_up(
            ("noise", self.smoothing * (population.mean(1) - theta)),
            ("selection", self.smoothing * (elites.mean(1) - theta)),
        )

    def read(self, theta: torch.Tensor, state: Spread) -> dict[str, torch.Tensor]:
        """How large the cloud is."""
        return {"spread": state.std.square().mean(1).sqrt()}

    def cost(self, dim: int) -> Cost:
        """One value for each point."""
        return Cost(gradients=0, values=self.population)

    def _tried(
        self, theta: torch.Tensor, state: Spread, oracle: Oracle
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """The points of a step (runs, population, dim), and the best of them, the best first."""
        z = oracle.noise.normal("population", theta, (self.population, theta.shape[1]))
        population = torch.addcmul(theta[:, None], state.std[:, None], z)
        return population, best_first(population, oracle.values(population))[:, : self.elites]

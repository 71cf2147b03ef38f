"""OpenAI's evolution strategy: a gradient of ranks, from pairs of points in random directions."""

from dataclasses import dataclass
from typing import Annotated, Literal, NamedTuple

import torch

from lab.engine.catalogue import register
from lab.engine.knobs import Knob
from lab.engine.layout import Layout
from lab.engine.optimizers.knobs import Beta1, Beta2, Epsilon, LearningRate, WeightDecay
from lab.engine.optimizers.parts import Parts, built_up
from lab.engine.optimizers.population import badness, gathered
from lab.engine.optimizers.response import FROM_VALUES
from lab.engine.optimizers.rule import Cost, Rule
from lab.engine.oracle import Oracle


def centred_ranks(values: torch.Tensor) -> torch.Tensor:
    """Ranks of the values of each run, from -1/2 for the largest value to 1/2 for the smallest.

    Args:
        values: (runs, count), count at least 2.

    Returns:
        (runs, count)
    """
    worst_first = badness(values).argsort(dim=1, descending=True, stable=True)
    ranks = torch.arange(values.shape[1], dtype=values.dtype, device=values.device)
    ranks = torch.empty_like(values).scatter_(1, worst_first, ranks.expand_as(values))
    return ranks / (values.shape[1] - 1) - 0.5


class EvolutionState(NamedTuple):
    """State of `OpenAIES`."""

    step: int
    mean: torch.Tensor  # (runs, dim), average of the estimated gradients
    square: torch.Tensor  # (runs, dim), average of their squares; (runs, 0) without Adam
    population: torch.Tensor  # (runs, 2 pairs, dim), the points last tried: all +, then all -


@register(
    "optimizer",
    "openai_es",
    title="OpenAI-ES",
    family="gradient-free",
    formula=r"\tilde g = -\frac{1}{2n} \sum_i (r_i^+ - r_i^-)\,\epsilon_i + \lambda x, \quad "
    r"r^\pm = \mathrm{rank}\,(-f)(x \pm \sigma \epsilon_i)",
    paper="Salimans, Ho, Chen, Sidor & Sutskever 2017, arXiv 1703.03864, algorithm 2, and the "
    "authors' evolution-strategies-starter",
    look="Only ranks count, so that steep and flat places are the same to it: the step length does "
    "not fall near a minimum, where the path jitters over a distance of about σ.",
)
@dataclass(frozen=True)
class OpenAIES(Rule):
    """Weighs random directions by the ranks of the two points along them, and steps with Adam.

    As in the authors' code: ranks over all 2n points, from -1/2 to 1/2; λx is added to the
    gradient; Adam with ε outside of its correction for the start at zero, or SGD along an average
    β₁ v + (1 - β₁) g. The paper divides the estimate by σ and the code does not, which Adam hides
    and SGD shows; `divide` turns it on. The code rounds ranks and directions to float32; here they
    keep the precision of the run. A value that is no number ranks last.
    """

    lr: LearningRate = 1e-2
    sigma: Annotated[
        float,
        Knob(
            0,
            1e3,
            excluded="low",
            scale="log",
            slider=(1e-3, 1.0),
            symbol="σ",
            live=True,
            doc="how far away points are tried: details smaller than this are not seen",
        ),
    ] = 0.02
    pairs: Annotated[
        int, Knob(1, 10_000, scale="log", symbol="n", doc="pairs of points at each step")
    ] = 20
    inner: Annotated[
        Literal["adam", "sgd"], Knob(doc="what makes a step of the estimated gradient")
    ] = "adam"
    divide: Annotated[
        bool, Knob(doc="divide the estimate by σ, as in the paper and not in its code")
    ] = False
    weight_decay: WeightDecay = 0.005
    beta1: Beta1 = 0.9
    beta2: Beta2 = 0.999
    eps: Epsilon = 1e-8

    State = EvolutionState
    no_limit = FROM_VALUES

    def init(self, theta: torch.Tensor, layout: Layout) -> EvolutionState:
        """Nothing averaged yet, all points at the start."""
        square = torch.zeros_like(theta[:, : None if self.inner == "adam" else 0])
        population = gathered(theta, 2 * self.pairs)
        return EvolutionState(0, torch.zeros_like(theta), square, population)

    def update(
        self, theta: torch.Tensor, state: EvolutionState, oracle: Oracle
    ) -> tuple[torch.Tensor, EvolutionState]:
        """One step."""
        uphill, population = self._estimate(theta, oracle)
        slope = torch.addcmul(-uphill, theta, self.weight_decay)
        step, mean, square = self._step(slope, state)
        return theta + step, EvolutionState(state.step + 1, mean, square, population)

    def parts(self, theta: torch.Tensor, state: EvolutionState, oracle: Oracle) -> Parts:
        """Better points against worse ones, weight decay, and what the inner rule makes of them."""
        uphill, _ = self._estimate(theta, oracle)
        slope = torch.addcmul(-uphill, theta, self.weight_decay)
        step, mean, _ = self._step(slope, state)
        stages = [("selection", self.lr * uphill), ("weight decay", -self.lr * slope)]
        if self.inner == "adam":
            stages.append(("momentum", -self.lr * mean / (1 - self.beta1 ** (state.step + 1))))
        return built_up(*stages, ("preconditioner" if self.inner == "adam" else "momentum", step))

    def cost(self, dim: int) -> Cost:
        """Two values for each pair."""
        return Cost(gradients=0, values=2 * self.pairs)

    def _estimate(self, theta: torch.Tensor, oracle: Oracle) -> tuple[torch.Tensor, torch.Tensor]:
        """The direction of better ranks (runs, dim), and the points tried (runs, 2 pairs, dim)."""
        along = oracle.noise.normal("directions", theta, (self.pairs, theta.shape[1]))
        away = self.sigma[:, :, None] * along
        population = torch.cat([theta[:, None] + away, theta[:, None] - away], dim=1)
        better, worse = centred_ranks(oracle.values(population)).chunk(2, dim=1)
        uphill = torch.einsum("rk,rkd->rd", better - worse, along) / (2 * self.pairs)
        return (uphill / self.sigma if self.divide else uphill), population

    def _step(
        self, slope: torch.Tensor, state: EvolutionState
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """The step of the inner rule, and its two averages, all (runs, dim)."""
        mean, t = torch.lerp(slope, state.mean, self.beta1), state.step + 1
        if self.inner == "sgd":
            return -self.lr * mean, mean, state.square
        square = torch.lerp(slope * slope, state.square, self.beta2)
        size = self.lr * (1 - self.beta2**t).sqrt() / (1 - self.beta1**t)
        return -size * mean / (square.sqrt() + self.eps), mean, square

"""Prospect: variance-reduced descent on a spectral risk, for the worst samples' sake."""

from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal, NamedTuple

import torch

from lab.engine.catalogue import register
from lab.engine.knobs import Knob
from lab.engine.layout import Layout
from lab.engine.optimizers.knobs import LearningRate
from lab.engine.optimizers.parts import Parts, built_up
from lab.engine.optimizers.response import ANOTHER_FUNCTION
from lab.engine.optimizers.rule import Rule
from lab.engine.optimizers.spectra import SpectrumName, risk_of, spectrum, weights_of
from lab.engine.oracle import Oracle
from lab.engine.problem import Problem

MOST_NUMBERS = 1 << 22  # of a run's table of gradients: every snapshot holds it


class ProspectState(NamedTuple):
    """State of Prospect; before the first step the tables are empty.

    Attributes:
        step: steps made.
        losses: (runs, samples), as each was when it was last drawn.
        gradients: (runs, samples, dim), likewise.
        weights: (runs, samples), q of the losses in the table.
        used: (runs, samples), the weight with which each gradient of the table is in the mean.
        mean: (runs, dim), the weighted sum of the table's gradients.
        risk: (runs,), of the losses in the table.
    """

    step: int
    losses: torch.Tensor
    gradients: torch.Tensor
    weights: torch.Tensor
    used: torch.Tensor
    mean: torch.Tensor
    risk: torch.Tensor


@register(
    "optimizer",
    "prospect",
    title="Prospect",
    family="several losses",
    formula=r"v = n q_i \nabla l_i(x) - n \rho_i G_i + \bar{g}, \quad "
    r"x \leftarrow (x - \eta v) / (1 + \eta \lambda)",
    paper="Mehta, Roulet, Pillutla & Harchaoui 2023, arXiv 2310.13863; as in the authors' code",
    look="The loss drawn is the mean over the samples, which rises where the worst ones are helped "
    "at the cost of the others; the risk is what falls, and the largest weight says on how few "
    "samples it hangs.",
)
@dataclass(frozen=True)
class Prospect(Rule):
    """Minimises a risk in which samples weigh the more the worse they do, one sample a step.

    A table holds each sample's loss and gradient as they were when it was last drawn; the weights
    are those of the table (see `spectra`). The loss of the sample drawn is renewed before the
    weights, at the point before the step, as in the authors' code; there the l2 penalty is given
    as n λ. Both of its ways with the penalty are offered. With weights that are all equal (a
    superquantile at 0, an extremile with r = 1) this is SAGA. The first step looks at all samples;
    mini-batches of the problem are not used.
    """

    lr: LearningRate = 1e-2
    risk: Annotated[
        SpectrumName, Knob(doc="how weights grow from the best sample to the worst")
    ] = "superquantile"
    quantile: Annotated[
        float,
        Knob(
            0,
            1,
            excluded="high",
            symbol="p",
            live=True,
            doc="superquantile: the share of samples, the best ones, that are left out",
        ),
    ] = 0.5
    extremile: Annotated[
        float,
        Knob(
            1,
            1e3,
            scale="log",
            symbol="r",
            live=True,
            doc="extremile: the risk is the expected worst of so many draws",
        ),
    ] = 2.0
    esrm: Annotated[
        float,
        Knob(
            1e-3,
            100,
            scale="log",
            symbol="ρ",
            live=True,
            doc="ESRM: by what exponent weights grow from the best sample to the worst",
        ),
    ] = 2.0
    shift: Annotated[
        float,
        Knob(
            1e-9,
            1e6,
            scale="log",
            slider=(1e-3, 10.0),
            symbol="ν",
            live=True,
            doc="cost of weights that differ from each other: large ones give the plain mean",
        ),
    ] = 0.1
    weight_decay: Annotated[
        float,
        Knob(
            0,
            1e3,
            scale="log",
            slider=(1e-6, 1.0),
            symbol="λ",
            live=True,
            doc="l2 penalty: λ/2 times the squared norm is added to the risk",
        ),
    ] = 0.0
    penalty: Annotated[
        Literal["proximal", "inside"],
        Knob(doc="shrink the new point by 1 / (1 + ηλ), or add the penalty to each sample's loss"),
    ] = "proximal"

    State = ProspectState
    no_limit = ANOTHER_FUNCTION
    besides = "and a gradient and three numbers for each sample"
    readings: ClassVar = {
        "risk": "the smoothed risk of the losses in the table, without the penalty",
        "largest weight": "of a sample, in units of 1/n: 1 where all weigh the same",
    }

    @classmethod
    def unfit(cls, problem: Problem) -> str:
        """No samples, or too many gradients to remember."""
        numbers = problem.samples * problem.dim
        if problem.samples < 2:
            return f"{cls.catalogue_name} needs the losses of single samples; this problem has none"
        if problem.sample_trouble:
            why = problem.sample_trouble
            return f"{cls.catalogue_name} needs the losses of single samples: {why}"
        if numbers > MOST_NUMBERS:
            return (
                f"{cls.catalogue_name} remembers a gradient for each sample, at most "
                f"{MOST_NUMBERS:,} numbers for each run; {problem.samples:,} samples of "
                f"{problem.dim:,} parameters are {numbers:,}"
            )
        return ""

    def init(self, theta: torch.Tensor, layout: Layout) -> ProspectState:
        """Empty tables: how many samples there are is known at the first step."""
        runs, dim = theta.shape
        none, table = theta.new_zeros(runs, 0), theta.new_zeros(runs, 0, dim)
        unknown = theta.new_full((runs,), torch.nan)
        return ProspectState(0, none, table, none, none, torch.zeros_like(theta), unknown)

    def update(
        self, theta: torch.Tensor, state: ProspectState, oracle: Oracle
    ) -> tuple[torch.Tensor, ProspectState]:
        """One step, on one sample drawn at random."""
        direction, after = self._drawn(theta, state, oracle)
        moved = torch.addcmul(theta, direction, self.lr, value=-1)
        return self._shrunk(moved), after

    def read(self, theta: torch.Tensor, state: ProspectState) -> dict[str, torch.Tensor]:
        """What is minimised, and how uneven the weights are."""
        count = state.weights.shape[1]
        largest = state.weights.amax(1) * count if count else torch.full_like(state.risk, torch.nan)
        return {"risk": state.risk, "largest weight": largest}

    def parts(self, theta: torch.Tensor, state: ProspectState, oracle: Oracle) -> Parts:
        """The step of the table's mean gradient, what the fresh sample changes, the penalty."""
        table = self._filled(theta, state, oracle)
        direction, _ = self._drawn(theta, state, oracle)
        moved = theta - self.lr * direction
        return built_up(
            ("momentum", -self.lr * table.mean),
            ("gradient", -self.lr * direction),
            ("weight decay", self._shrunk(moved) - theta),
        )

    def tables(self, problem: Problem) -> int:
        """A gradient and three numbers for each sample."""
        return problem.samples * (problem.dim + 3)

    def _filled(self, theta: torch.Tensor, state: ProspectState, oracle: Oracle) -> ProspectState:
        """The state with its tables, filled with all samples at the first step."""
        if state.step:
            return state
        every = torch.arange(oracle.problem.samples, device=theta.device).expand(len(theta), -1)
        losses, gradients = self._samples(theta, every, oracle)
        weights = self._weights(losses)
        mean = torch.einsum("rn,rnd->rd", weights, gradients)
        return ProspectState(0, losses, gradients, weights, weights, mean, state.risk)

    def _drawn(
        self, theta: torch.Tensor, state: ProspectState, oracle: Oracle
    ) -> tuple[torch.Tensor, ProspectState]:
        """Direction (runs, dim) of a step and the tables after it."""
        table = self._filled(theta, state, oracle)
        count = table.losses.shape[1]
        chosen = oracle.noise.uniform("sample", theta, (1,)) * count
        chosen = chosen.long().clamp_(max=count - 1)  # (runs, 1)
        rows = chosen[..., None].expand(-1, -1, theta.shape[1])
        known = table.gradients.gather(1, rows)
        if state.step:
            loss, fresh = self._samples(theta, chosen, oracle)
        else:  # all samples were just looked at, here
            loss, fresh = table.losses.gather(1, chosen), known
        weight = table.weights.gather(1, chosen)
        change = weight * fresh[:, 0] - table.used.gather(1, chosen) * known[:, 0]
        losses = table.losses.scatter(1, chosen, loss)
        weights = self._weights(losses)
        after = ProspectState(
            state.step + 1,
            losses,
            table.gradients.scatter(1, rows, fresh),
            weights,
            table.used.scatter(1, chosen, weight),
            table.mean + change,
            risk_of(losses, weights, self.shift),
        )
        return count * change + table.mean, after

    def _samples(
        self, theta: torch.Tensor, chosen: torch.Tensor, oracle: Oracle
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Losses of samples, and the gradients as the table has them."""
        losses, gradients = oracle.samples(theta, chosen)
        if self.penalty == "inside":
            gradients = gradients + (self.weight_decay * theta)[:, None]
        return losses, gradients

    def _weights(self, losses: torch.Tensor) -> torch.Tensor:
        """The weights (runs, samples) of losses (runs, samples)."""
        knob = {
            "superquantile": self.quantile,
            "extremile": self.extremile,
            "ESRM": self.esrm,
        }[self.risk]
        return weights_of(losses, spectrum(self.risk, losses.shape[1], knob), self.shift)

    def _shrunk(self, moved: torch.Tensor) -> torch.Tensor:
        """The new point after the penalty's proximal map, where it is not in the gradients."""
        return moved / (1 + self.lr * self.weight_decay) if self.penalty == "proximal" else moved

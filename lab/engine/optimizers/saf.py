"""SAF: flatness from a network's own past outputs, without a second gradient."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, ClassVar, NamedTuple

import torch

from lab.engine.catalogue import register
from lab.engine.knobs import Knob
from lab.engine.layout import Layout
from lab.engine.optimizers.first_order import velocity_step
from lab.engine.optimizers.knobs import LearningRate, Momentum, WeightDecay
from lab.engine.optimizers.parts import Parts, built_up
from lab.engine.optimizers.response import ANOTHER_FUNCTION
from lab.engine.optimizers.rule import Rule
from lab.engine.oracle import Oracle
from lab.engine.problem import Problem

UNKNOWN = math.inf  # in the place of outputs that have not been seen


class SAFState(NamedTuple):
    """State of `SAF`."""

    step: int
    epoch: int
    seen: int  # samples of the present epoch so far
    velocity: torch.Tensor  # (runs, dim)
    outputs: torch.Tensor  # (runs, epochs back + 1, samples, classes); empty before the first step
    penalty: torch.Tensor  # (runs,), of the last step


@register(
    "optimizer",
    "saf",
    title="SAF",
    family="flatness",
    formula=r"L(x) = f(x) + \frac{\lambda_t \tau^2}{B} \sum_i \mathrm{KL}"
    r"\left(\mathrm{softmax}(z_i^{(e - \tilde E)} / \tau)\,\|\,"
    r"\mathrm{softmax}(z_i / \tau)\right), \quad x \leftarrow x - \eta \nabla L",
    paper="Du et al. 2022, arXiv 2205.14083, in the form of the authors' code",
    look="From epoch start_epoch + 1 on, the trajectory arrow pulls outputs back towards where "
    "they were some epochs ago: sudden falls of the loss into sharp places are slowed down.",
)
@dataclass(frozen=True)
class SAF(Rule):
    """Penalises how far the outputs of each sample have moved within some epochs.

    One gradient for each step. The outputs of every sample are remembered for `epochs_back` + 1
    epochs, which takes samples × classes × that many numbers for each run. What is followed is the
    authors' code, where the penalty is multiplied by τ² and acts in epochs after `start_epoch`,
    counted from 0. A sample whose outputs of that epoch are unknown has no penalty. The base
    optimizer is SGD with momentum.
    """

    lr: LearningRate = 1e-2
    strength: Annotated[
        float,
        Knob(
            0,
            1e3,
            scale="log",
            slider=(1e-2, 10.0),
            symbol="λ_t",
            live=True,
            doc="weight of the penalty for moving outputs; 0 is SGD",
        ),
    ] = 0.3
    temperature: Annotated[
        float,
        Knob(
            0,
            1e3,
            excluded="low",
            scale="log",
            slider=(0.5, 20.0),
            symbol="τ",
            live=True,
            doc="outputs are divided by it before they are compared: large values compare scores, "
            "small ones only the winners",
        ),
    ] = 5.0
    start_epoch: Annotated[int, Knob(0, 10**6, doc="the last epoch without the penalty")] = 5
    epochs_back: Annotated[
        int, Knob(1, 100, symbol="Ẽ", doc="how many epochs old the outputs are that it compares to")
    ] = 3
    momentum: Momentum = 0.0
    weight_decay: WeightDecay = 0.0

    State = SAFState
    no_limit = ANOTHER_FUNCTION
    readings: ClassVar[Mapping[str, str]] = {
        "trajectory_loss": "penalty for the change of outputs since some epochs ago"
    }

    def init(self, theta: torch.Tensor, layout: Layout) -> SAFState:
        """Nothing seen yet."""
        velocity, penalty = torch.zeros_like(theta), torch.zeros_like(theta[:, 0])
        return SAFState(0, 0, 0, velocity, theta.new_empty(len(theta), 0), penalty)

    def update(
        self, theta: torch.Tensor, state: SAFState, oracle: Oracle
    ) -> tuple[torch.Tensor, SAFState]:
        """One step."""
        penalty, gradient, outputs = self._look(theta, state, oracle)
        seen = torch.addcmul(gradient, theta, self.weight_decay)
        theta, velocity = velocity_step(theta, seen, state.velocity, self.lr, self.momentum)
        memory = self._remembered(state, oracle).clone()
        slot = memory[:, state.epoch % (self.epochs_back + 1)]
        slot.scatter_(1, _indices(oracle, outputs), outputs)
        epoch, done = state.epoch, state.seen + outputs.shape[1]
        if done >= oracle.problem.samples:
            epoch, done = epoch + 1, 0
        return theta, SAFState(state.step + 1, epoch, done, velocity, memory, penalty)

    def read(self, theta: torch.Tensor, state: SAFState) -> dict[str, torch.Tensor]:
        """The penalty at the last step, with its weight."""
        return {"trajectory_loss": state.penalty}

    def parts(self, theta: torch.Tensor, state: SAFState, oracle: Oracle) -> Parts:
        """Gradient, trajectory, weight decay, momentum."""
        _, seen, _ = self._look(theta, state, oracle)
        decayed = torch.addcmul(seen, theta, self.weight_decay)
        velocity = torch.addcmul(decayed, state.velocity, self.momentum)
        return built_up(
            ("gradient", -self.lr * oracle.gradient(theta)),
            ("trajectory", -self.lr * seen),
            ("weight decay", -self.lr * decayed),
            ("momentum", -self.lr * velocity),
        )

    def memory(self, layout: Layout) -> int:
        """A velocity; the outputs, which depend on the problem, come on top."""
        return layout.dim

    @classmethod
    def unfit(cls, problem: Problem) -> str:
        """Anything but a network that tells the classes of samples apart."""
        if not (problem.classes and problem.samples):
            return f"{cls.catalogue_name} needs a network whose outputs are scores of classes"
        return ""

    def _look(
        self, theta: torch.Tensor, state: SAFState, oracle: Oracle
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """The penalty, the gradient of the whole loss, and the outputs, on the present batch."""
        earlier = None
        if state.epoch > self.start_epoch:
            slot = self._remembered(state, oracle)[
                :, (state.epoch - self.epochs_back) % (self.epochs_back + 1)
            ]
            earlier = slot.gather(1, _indices(oracle, slot))

        def penalty(outputs: torch.Tensor) -> torch.Tensor:
            if earlier is None:
                return outputs.new_zeros(len(outputs))
            return self.strength[:, 0] * moved(earlier, outputs, self.temperature[:, :, None])

        return oracle.penalised(theta, penalty)

    def _remembered(self, state: SAFState, oracle: Oracle) -> torch.Tensor:
        """All outputs kept (runs, epochs, samples, classes); at the first step a place for them."""
        if state.step:
            return state.outputs
        problem, runs = oracle.problem, len(state.velocity)
        shape = (runs, self.epochs_back + 1, problem.samples, problem.classes)
        return state.velocity.new_full(shape, UNKNOWN)


def moved(earlier: torch.Tensor, outputs: torch.Tensor, temperature: torch.Tensor) -> torch.Tensor:
    """Mean over samples of τ² KL(softmax(earlier / τ) ‖ softmax(outputs / τ)): (runs,).

    Args:
        earlier: (runs, N, classes), infinite where nothing is known.
        outputs: (runs, N, classes).
        temperature: (runs, 1, 1).
    """
    known = (earlier != UNKNOWN).all(-1)
    before = torch.where(known[..., None], earlier, 0.0).div(temperature).log_softmax(-1)
    now = (outputs / temperature).log_softmax(-1)
    each = (before.exp() * (before - now)).sum(-1)
    return temperature[:, 0, 0] ** 2 * torch.where(known, each, 0.0).mean(-1)


def _indices(oracle: Oracle, like: torch.Tensor) -> torch.Tensor:
    """Which samples the present batch has, once for each class: (runs, N, classes)."""
    batch = oracle.batch
    if batch is None:
        batch = torch.arange(oracle.problem.samples).expand(len(like), -1)
    return batch.to(like.device)[..., None].expand(-1, -1, like.shape[-1])

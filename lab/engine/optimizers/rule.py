"""What an update rule is: a frozen dataclass of knobs with two pure functions, init and update."""

import copy
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar, NamedTuple, Self

import torch

from lab.engine.layout import Layout
from lab.engine.optimizers.parts import Parts
from lab.engine.optimizers.response import Response
from lab.engine.oracle import Oracle
from lab.engine.problem import Problem


class NoState(NamedTuple):
    """The state of a rule that remembers nothing."""


class Cost(NamedTuple):
    """What one step asks of the oracle for each run, on average over many steps."""

    gradients: float = 1
    products: float = 0  # Hessian times vector
    values: float = 0


class Rule(ABC):
    """An update rule.

    While a lane runs it, the fields of live knobs hold tensors of shape (runs, 1), one value for
    each run, so that a turned knob needs no rebuild and a sweep is one batch. `update` must
    therefore use them in elementwise arithmetic with (runs, dim) tensors only, and neither function
    may change a tensor that it was handed.
    """

    State: ClassVar[type] = NoState  # the NamedTuple that init and update return
    shows_another: ClassVar[bool] = False  # whether `shown` differs from the evaluated sequence
    couples_runs: ClassVar[bool] = False  # whether the runs of a batch look at each other
    # whether a knob may come as (1, 1) where it is the same for all runs: quicker on small problems
    broadcasts: ClassVar[bool] = False
    readings: ClassVar[Mapping[str, str]] = {}  # name -> what it is, see `read`
    no_limit: ClassVar[str] = ""  # why no curvature is the largest that it stands: see `response`
    besides: ClassVar[str] = ""  # of cost and memory: how they depend on the problem, a phrase
    group: int = 0  # how many runs in a row look at each other, 0 for all: see `in_groups`

    @abstractmethod
    def init(self, theta: torch.Tensor, layout: Layout) -> Any:
        """The state before the first step.

        Args:
            theta: (runs, dim).
            layout: names and shapes of the parameters.

        Returns:
            A NamedTuple of tensors with a leading axis of runs, and of plain numbers.
        """

    @abstractmethod
    def update(self, theta: torch.Tensor, state: Any, oracle: Oracle) -> tuple[torch.Tensor, Any]:
        """One step.

        Args:
            theta: (runs, dim), the point at which the rule is evaluated.
            state: what `init` or the last `update` returned.
            oracle: answers questions about the problem and counts them.

        Returns:
            The next theta and state.
        """

    def shown(self, theta: torch.Tensor, state: Any) -> torch.Tensor:
        """The sequence to report where it is not the one evaluated (averages): (runs, dim)."""
        return theta

    def read(self, theta: torch.Tensor, state: Any) -> Mapping[str, torch.Tensor]:
        """Numbers of the rule's own that are worth a curve (a step size it found, a radius).

        Returns:
            For each name in `readings`: (runs,).
        """
        return {}

    def parts(self, theta: torch.Tensor, state: Any, oracle: Oracle) -> Parts:
        """What each idea of the rule adds to the step that `update` makes of the same arguments.

        A rule of the lab's own names its parts; one that cannot be looked into has one.

        Returns:
            Names out of `parts.NAMES` -> (runs, dim); their sum is the step.
        """
        return {"step": self.update(theta, state, oracle)[0] - theta}

    def response(self, theta: torch.Tensor, state: Any, oracle: Oracle) -> Response | str:
        """How the step that `update` makes of the same arguments answers curvature.

        A rule whose step is linear in the gradients, once its scaling of the coordinates is held
        fixed, overrides this; another says in `no_limit` why it has none.

        Returns:
            What decides how much curvature the step stands, or a sentence why nothing does.
        """
        return self.no_limit

    def cost(self, dim: int) -> Cost:
        """What a step asks on average, on a problem of so many parameters; knobs are numbers."""
        return Cost()

    def tables(self, problem: Problem) -> int:
        """Numbers of a run that `init` cannot know of: tables of samples, averages of losses."""
        return 0

    def memory(self, layout: Layout) -> int:
        """Numbers that a run remembers from one step to the next, but for `tables`."""
        return _numbers(self.init(torch.zeros(1, layout.dim), layout))

    def pack(self, state: Any) -> Any:
        """The state as a tree of tensors, numbers and text, for a snapshot or a file."""
        return list(state)

    def unpack(self, tree: Any, theta: torch.Tensor, layout: Layout) -> Any:
        """The inverse of `pack`, at the point where the state was packed."""
        return self.State(*tree)

    @classmethod
    def unfit(cls, problem: Problem) -> str:
        """Why this rule cannot run on a problem, as a sentence; empty if it can."""
        return ""

    def in_groups(self, size: int) -> Self:
        """The same rule, told how many runs in a row belong together.

        A lane tells it to rules that couple their runs: with a swept knob each combination of
        values has its own runs, one after the other, and they must not mix with the others'.
        """
        told = copy.copy(self)
        object.__setattr__(told, "group", size)
        return told

    def bind(self, values: Mapping[str, torch.Tensor]) -> Self:
        """The same rule with tensors in place of its live knobs."""
        bound = copy.copy(self)
        for name, value in values.items():
            once = self.broadcasts and value.stride(0) == 0  # as a lane expands a single value
            object.__setattr__(bound, name, value[:1] if once else value)
        return bound


def _numbers(tree: Any) -> int:
    """How many numbers the tensors in a tree of tuples and lists hold."""
    if isinstance(tree, torch.Tensor):
        return tree.numel()
    return sum(_numbers(item) for item in tree) if isinstance(tree, list | tuple) else 0

"""Runs any `torch.optim.Optimizer` as a rule, one run after the other.

An optimizer keeps its memory in three places: `state`, `param_groups` and attributes of its own.
The adapter reads all of them after each step as a tree of plain data and puts a copy of that tree
back before the next, so that one optimizer object serves all runs, nothing that was handed in is
changed, and snapshots need no pickling. What an optimizer hides elsewhere (inside an object of its
own, in torch's global random stream) is out of reach: it runs, but is not replayed exactly.
"""

import contextlib
import inspect
from collections.abc import Mapping
from functools import cache
from typing import Any, ClassVar, NamedTuple

import torch

from lab.engine.layout import Layout
from lab.engine.optimizers.response import NOT_LOOKED_INTO
from lab.engine.optimizers.rule import Rule
from lab.engine.optimizers.torch_arguments import Argument
from lab.engine.oracle import Oracle
from lab.engine.problem import Batch, Problem

Tree = dict[str, Any]


class TorchState(NamedTuple):
    """State of a `TorchRule`: the memory of every run, and the bench on which they are stepped."""

    trees: list[Tree]
    bench: "Bench"


class TorchRule(Rule):
    """An optimizer class of torch, or one like it, behind the interface of a rule.

    Subclasses are made by `torch_classes.rule_of`, as dataclasses with knobs for the arguments.
    """

    State = TorchState
    no_limit = NOT_LOOKED_INTO
    optimizer_class: ClassVar[type[torch.optim.Optimizer]]
    arguments: ClassVar[tuple[Argument, ...]]

    def init(self, theta: torch.Tensor, layout: Layout) -> TorchState:
        """Every run's memory as the constructor leaves it."""
        benches = [self._bench(theta, layout, run) for run in range(len(theta))]
        trees = [bench.read(self._knobs(run)) for run, bench in enumerate(benches)]
        return TorchState(trees, benches[0])

    def update(
        self, theta: torch.Tensor, state: TorchState, oracle: Oracle
    ) -> tuple[torch.Tensor, TorchState]:
        """One call of `step` for each run; runs that are no longer finite stay where they are."""
        values, gradients = oracle.value_and_gradient(theta)
        rows, trees, extra = list(theta), list(state.trees), 0
        for run, finite in enumerate(theta.isfinite().all(1).tolist()):
            if finite:
                knobs = self._knobs(run)
                state.bench.write(trees[run])
                self._turn(state.bench.optimizer, trees[run]["knobs"], knobs)
                sight = Sight(theta[run], values[run], gradients[run], oracle, run)
                rows[run], asked = state.bench.step(sight)
                trees[run] = state.bench.read(knobs)
                extra = max(extra, asked)
        asked = oracle.counts.gradients + extra  # the run that asked most speaks for the lane
        oracle.counts = oracle.counts._replace(gradients=asked)
        return torch.stack(rows), TorchState(trees, state.bench)

    def pack(self, state: TorchState) -> list[Tree]:
        """The memory of every run."""
        return state.trees

    def unpack(self, tree: list[Tree], theta: torch.Tensor, layout: Layout) -> TorchState:
        """The inverse of `pack`, with a new bench."""
        return TorchState(tree, self._bench(theta, layout, 0))

    @classmethod
    def unfit(cls, problem: Problem) -> str:
        """What goes wrong when two steps are tried on parameters of the problem's shapes."""
        return _trouble(cls, problem.layout)

    def _bench(self, theta: torch.Tensor, layout: Layout, run: int) -> "Bench":
        """An optimizer constructed for a run at its present point."""
        parameters = [torch.nn.Parameter(x.clone()) for x in layout.split(theta[run]).values()]
        knobs = self._knobs(run)
        values = {argument.name: argument.value(knobs) for argument in self.arguments}
        try:
            optimizer = constructed(self.optimizer_class, parameters, values)
        except Exception as error:
            raise ValueError(f"{self.catalogue_name} cannot be made: {error}") from error
        return Bench(optimizer, parameters)

    def _knobs(self, run: int) -> dict[str, Any]:
        """All knobs of one run as plain values."""
        values = {n: getattr(self, n) for argument in self.arguments for n in argument.knobs}
        return {
            name: value[run].item() if isinstance(value, torch.Tensor) else value
            for name, value in values.items()
        }

    def _turn(
        self, optimizer: torch.optim.Optimizer, before: Mapping[str, Any], now: Mapping[str, Any]
    ) -> None:
        """Tell an optimizer about the knobs that were turned since its last step."""
        for argument in self.arguments:
            if any(before[name] != now[name] for name in argument.knobs):
                for group in optimizer.param_groups:
                    group[argument.name] = argument.value(now)


def constructed(
    optimizer_class: type[torch.optim.Optimizer],
    parameters: list[torch.nn.Parameter],
    values: Mapping[str, Any],
) -> torch.optim.Optimizer:
    """An optimizer of parameters.

    Relatives of Muon want to be told which parameters are matrices: where a plain list is refused,
    groups with the flag `use_muon` are tried, as Keller Jordan's file has them.

    Raises:
        Exception: whatever the constructor said to the plain list.
    """
    try:
        return optimizer_class(parameters, **values)
    except Exception:
        groups = [
            {"params": [p for p in parameters if (p.ndim >= 2) == flag], "use_muon": flag}
            for flag in (True, False)
        ]
        with contextlib.suppress(Exception):
            return optimizer_class([group for group in groups if group["params"]], **values)
        raise


class Sight(NamedTuple):
    """What one run sees before its step."""

    point: torch.Tensor  # (dim,)
    value: torch.Tensor  # (), there
    gradient: torch.Tensor  # (dim,), there
    oracle: Oracle
    run: int


class Bench:
    """An optimizer and its parameters, on which one run at a time is stepped."""

    def __init__(self, optimizer: torch.optim.Optimizer, parameters: list[torch.nn.Parameter]):
        """Take over an optimizer, fresh from its constructor, and what it optimises."""
        self.optimizer = optimizer
        self._parameters = parameters
        self._sizes = [p.numel() for p in parameters]
        self._names = {p: f"parameter {i}" for i, p in enumerate(parameters)}
        self._named = {name: p for p, name in self._names.items()}
        self._attributes = set(vars(optimizer))
        self._group_keys = [set(group) for group in optimizer.param_groups]
        self._takes_closure = len(inspect.signature(type(optimizer).step).parameters) > 1

    def step(self, sight: Sight) -> tuple[torch.Tensor, int]:
        """Step the run whose memory was written last.

        Returns:
            The next point (dim,), and the number of gradients asked for beyond the one given.
        """
        asked = 0

        def closure() -> torch.Tensor:
            nonlocal asked
            point = self._point()
            value, gradient = sight.value, sight.gradient
            if not torch.equal(point, sight.point):
                asked += 1
                found = sight.oracle.of_run(sight.run).value_and_gradient(point[None])
                value, gradient = found[0][0], found[1][0]
            self._hand(gradient)
            return value.clone()

        for parameter, part in zip(self._parameters, self._parts(sight.point), strict=True):
            parameter.data = part
        self._hand(sight.gradient)
        self.optimizer.step(*[closure] if self._takes_closure else [])
        return self._point(), asked

    def read(self, knobs: Mapping[str, Any]) -> Tree:
        """The optimizer's memory, and the knobs it was last told, as plain data.

        Raises:
            ValueError: something in `state` that is not plain data.
        """
        optimizer = self.optimizer
        try:
            state = self._plain(dict(optimizer.state))
        except TypeError as error:
            raise ValueError(f"it keeps {error} in its state, which no file can hold") from error
        groups = [self._plain_items(group, leave={"params"}) for group in optimizer.param_groups]
        own = self._plain_items(vars(optimizer), leave=_common_attributes())
        return {"state": state, "groups": groups, "own": own, "knobs": dict(knobs)}

    def write(self, tree: Tree) -> None:
        """Put a memory back, as a copy."""
        optimizer = self.optimizer
        optimizer.state.clear()
        optimizer.state.update(self._copy(tree["state"]))
        self._restore(vars(optimizer), tree["own"], self._attributes)
        for group, items, keys in zip(
            optimizer.param_groups, tree["groups"], self._group_keys, strict=True
        ):
            self._restore(group, items, keys)

    def _restore(self, target: dict[str, Any], items: Tree, at_first: set[str]) -> None:
        """Set items, and remove those that another run has added since the constructor."""
        for key in [key for key in target if key not in items and key not in at_first]:
            del target[key]
        target.update(self._copy(items))

    def _point(self) -> torch.Tensor:
        """Where the parameters are now, (dim,)."""
        return torch.cat([p.detach().reshape(-1) for p in self._parameters])

    def _hand(self, gradient: torch.Tensor) -> None:
        """Give every parameter its own copy of its part of a gradient (dim,)."""
        for parameter, part in zip(self._parameters, self._parts(gradient), strict=True):
            parameter.grad = part

    def _parts(self, flat: torch.Tensor) -> list[torch.Tensor]:
        """A flat vector (dim,) as new tensors shaped like the parameters."""
        pieces = flat.clone().split(self._sizes)
        return [x.view(p.shape) for x, p in zip(pieces, self._parameters, strict=True)]

    def _plain(self, value: Any) -> Any:
        """Nested lists and dicts of tensors, numbers and text; parameters only as keys, by name."""
        if isinstance(value, torch.Tensor) and value not in self._names:
            return value.detach()
        if value is None or isinstance(value, bool | int | float | str):
            return value
        if isinstance(value, list | tuple):
            items = [self._plain(item) for item in value]
            return items if isinstance(value, list) else tuple(items)
        if isinstance(value, dict):
            return {self._key(key): self._plain(item) for key, item in value.items()}
        raise TypeError(f"a {type(value).__name__}")

    def _key(self, key: Any) -> str | float:
        if isinstance(key, str | int | float):
            return key
        if key in self._names:
            return self._names[key]
        raise TypeError(f"a {type(key).__name__} as a key")

    def _plain_items(self, items: Mapping[str, Any], leave: set[str]) -> Tree:
        """Those items that are plain data; others are taken to be constant."""
        found = {}
        for key in items.keys() - leave:
            try:
                found[key] = self._plain(items[key])
            except TypeError:
                continue
        return found

    def _copy(self, tree: Any) -> Any:
        """The inverse of `_plain`, sharing no tensor and no list with the tree."""
        if isinstance(tree, torch.Tensor):
            return tree.clone()
        if isinstance(tree, list | tuple):
            items = [self._copy(item) for item in tree]
            return items if isinstance(tree, list) else tuple(items)
        if isinstance(tree, dict):
            return {self._named.get(key, key): self._copy(x) for key, x in tree.items()}
        return tree


class _Bowl(Problem):
    """Half the squared distance from the origin, to try an optimizer out on."""

    def __init__(self, layout: Layout):
        self._layout = layout

    @property
    def layout(self) -> Layout:
        return self._layout

    def start(self, generators: list[torch.Generator]) -> torch.Tensor:
        return torch.ones(len(generators), self.dim, dtype=torch.float64)

    def evaluate(self, theta: torch.Tensor, batch: Batch | None = None) -> torch.Tensor:
        return theta.square().sum(1) / 2


@cache
def _common_attributes() -> frozenset[str]:
    """The attributes that every optimizer has by inheritance."""
    parameter = torch.nn.Parameter(torch.zeros(1))
    return frozenset(vars(torch.optim.Optimizer([parameter], {})))


@cache
def _trouble(rule_class: type[TorchRule], layout: Layout) -> str:
    """Why an optimizer cannot be constructed and stepped on such parameters, empty if it can."""
    theta = torch.ones(1, layout.dim)
    try:
        with torch.no_grad():
            rule = rule_class()
            state = rule.init(theta, layout)
            for _ in range(2):
                theta, state = rule.update(theta, state, Oracle(_Bowl(layout)))
    except Exception as error:
        reason = str(error).strip().partition("\n")[0] or type(error).__name__
        return f"{rule_class.catalogue_name} cannot run on this problem's parameters: {reason}"
    return ""

"""How an analysis is written: one generator that yields progress and returns its result.

A generator can be run to its end by a script, or a slice at a time by the engine's thread between
two steps of a run; both see the same numbers. Cancelling is simply not asking it to go on.
"""

import dataclasses
import functools
import inspect
from collections.abc import Callable, Generator
from typing import Any, NamedTuple, TypeVar

import numpy as np
import torch

from lab.engine.knobs import shown
from lab.engine.memory import keep_freed_memory
from lab.engine.problem import Problem
from lab.engine.userarrays import as_runs

T = TypeVar("T")
MOST = 1_000_000_000  # of anything that is counted


class Progress(NamedTuple):
    """How far an analysis is.

    Attributes:
        done: from 0 to 1.
        partial: what is known so far, where that is worth showing (a coarse surface).
        cost: what the whole will take (a `Cost`), where that has just been found out.
    """

    done: float
    partial: Any = None
    cost: Any = None


class Cancelled(Exception):  # noqa: N818 - not an error
    """Raised by a progress callback to stop an analysis."""


Steps = Generator[Progress, None, T]


def analysis(steps: Callable[..., Steps]) -> Callable[..., Any]:
    """Make a public function of a generator.

    The function takes the generator's arguments and `progress`, a callback that is handed each
    `Progress` and may raise `Cancelled`. Its result holds numpy arrays if the arrays given were
    numpy (or lists), and tensors if they were tensors. The generator stays reachable as `.steps`.
    """
    signature = inspect.signature(steps)
    asks_problem = next(iter(signature.parameters)) == "problem"

    @functools.wraps(steps)
    def run(*args: Any, progress: Callable[[Progress], Any] | None = None, **kwargs: Any) -> Any:
        if asks_problem:
            _check_problem(args[0] if args else kwargs.get("problem"))
        keep_freed_memory()
        result = finish(steps(*args, **kwargs), progress)
        given = (*args, *kwargs.values())
        return result if any(isinstance(item, torch.Tensor) for item in given) else to_numpy(result)

    run.steps = steps
    extra = inspect.Parameter("progress", inspect.Parameter.KEYWORD_ONLY, default=None)
    run.__signature__ = signature.replace(
        parameters=[*signature.parameters.values(), extra],
        return_annotation=inspect.Signature.empty,
    )
    return run


def _check_problem(given: Any) -> None:
    """Refuse what is no problem.

    Raises:
        ValueError: it is none.
    """
    if not isinstance(given, Problem):
        raise ValueError(
            f"problem = {shown(given)}: a problem is needed, as lab.problem(...) makes it"
        )


def finish(steps: Steps, progress: Callable[[Progress], Any] | None = None) -> Any:
    """Run a generator to its end and return its result."""
    while True:
        try:
            report = next(steps)
        except StopIteration as stop:
            return stop.value
        if progress is not None:
            try:
                progress(report)
            except BaseException:
                steps.close()
                raise


def to_numpy(result: Any) -> Any:
    """The same result with numpy arrays in place of tensors."""
    if isinstance(result, torch.Tensor):
        return result.detach().cpu().numpy()[()]
    if dataclasses.is_dataclass(result):
        changed = {
            item.name: to_numpy(getattr(result, item.name)) for item in dataclasses.fields(result)
        }
        return dataclasses.replace(result, **changed)
    if isinstance(result, dict):
        return {key: to_numpy(value) for key, value in result.items()}
    if isinstance(result, tuple) and type(result) is tuple:
        return tuple(to_numpy(item) for item in result)
    return result


def as_point(problem: Problem, theta: Any) -> torch.Tensor:
    """One parameter vector as a tensor (dim,), detached.

    Raises:
        ValueError: another shape.
    """
    rows, _ = as_runs(theta, problem.dim)
    if len(rows) != 1:
        raise ValueError(f"one point is needed, {len(rows)} were given (shape {np.shape(theta)})")
    return rows[0].detach()


def check_count(name: str, value: Any, low: int = 1) -> int:
    """A whole number not below a limit, nor so large that nobody can mean it.

    Raises:
        ValueError: anything else.
    """
    whole = isinstance(value, int | np.integer) and not isinstance(value, bool)
    if not whole or value < low:
        raise ValueError(f"{name} = {shown(value)}: a whole number of at least {low} is needed")
    if value > MOST:
        raise ValueError(f"{name} = {shown(value)}: at most {MOST} is allowed")
    return int(value)


def check_positive(name: str, value: Any) -> float:
    """A finite number above zero.

    Raises:
        ValueError: anything else.
    """
    if (
        isinstance(value, bool)
        or not isinstance(value, int | float | np.number)
        or not (0 < value < float("inf"))
    ):
        raise ValueError(f"{name} = {value!r}: a number above 0 is needed")
    return float(value)

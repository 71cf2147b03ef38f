"""A problem made of a user's torch function."""

import math
import operator
from collections.abc import Callable, Sequence
from typing import Any

import torch

from lab.engine.knobs import shown
from lab.engine.layout import Layout
from lab.engine.problem import Batch, Problem
from lab.engine.seeds import generator

Function = Callable[[torch.Tensor], torch.Tensor]
MOST = 100_000_000  # variables
Window = Sequence[Sequence[float]]


class FunctionProblem(Problem):
    """A torch function of one vector, with gradients by automatic differentiation.

    How many runs are evaluated is settled once, when the problem is made: by `torch.func.vmap`
    if that works and gives the same numbers, run by run if not. A function whose constants let it
    work in only one precision is evaluated in that one, and its value converted.
    """

    def __init__(
        self,
        function: Function,
        dim: int,
        window: Window | None = None,
        start: Any = None,
    ):
        """Look at a function.

        Args:
            function: takes a tensor (dim,) and returns a tensor without axes.
            dim: how many numbers it takes.
            window: (low, high) for each coordinate: where the landscape is drawn and runs start.
            start: (dim,), where run 0 starts.

        Raises:
            ValueError: a function that cannot be evaluated or differentiated, returns anything but
                one real number, or another one at every call; or arguments that do not fit
                together.
        """
        self.function = function
        self._layout = Layout.of({"x": (_check_dim(dim),)})
        self.window = None if window is None else _check_window(window, dim)
        self._first = None if start is None else _check_start(start, dim)
        draws = generator(0, "trial points")
        points = self.start([draws, draws, draws])[1:]
        self._dtypes = _check_function(function, points)
        self._at_once = _can_be_batched(function, points.to(self._dtypes[0]))

    @property
    def title(self) -> str:
        """The function's own name."""
        return getattr(self.function, "__name__", type(self.function).__name__)

    @property
    def layout(self) -> Layout:
        """One vector."""
        return self._layout

    def start(self, generators: Sequence[torch.Generator]) -> torch.Tensor:
        """Run 0 where the user said; the others uniform in the window, or standard normal.

        Without a window the draws are standard normal around the user's start, or around 0.
        """
        draws = {"dtype": torch.float64}
        if self.window is None:
            rows = [torch.randn(self.dim, generator=g, **draws) for g in generators]
            centre = 0.0 if self._first is None else self._first
            starts = centre + torch.stack(rows)
        else:
            low, high = torch.tensor(self.window, dtype=torch.float64).T
            rows = [torch.rand(self.dim, generator=g, **draws) for g in generators]
            starts = low + (high - low) * torch.stack(rows)
        if self._first is not None:
            starts[0] = self._first
        return starts

    def evaluate(self, theta: torch.Tensor, batch: Batch | None = None) -> torch.Tensor:
        """Value of every run: theta (runs, dim) -> (runs,)."""
        points = theta if theta.dtype in self._dtypes else theta.to(self._dtypes[0])
        if self._at_once and len(theta) > 1:
            values = torch.func.vmap(self.function)(points)
        else:
            values = torch.stack([self.function(point) for point in points])
        return values.to(theta.dtype)


def _check_dim(dim: Any) -> int:
    try:
        count = operator.index(dim)
    except TypeError:
        count = 0
    if not 1 <= count <= MOST:
        raise ValueError(
            f"dim = {shown(dim)}: the number of the function's variables is needed, at most {MOST}"
        )
    return count


def _check_window(window: Window, dim: int) -> tuple[tuple[float, float], ...]:
    try:
        pairs = tuple((float(low), float(high)) for low, high in window)
    except (TypeError, ValueError) as error:
        raise ValueError(f"window = {window!r}: (low, high) pairs are needed") from error
    if len(pairs) != dim or not all(-math.inf < a < b < math.inf for a, b in pairs):
        raise ValueError(
            f"window = {window!r}: {dim} finite pairs (low, high), low < high, are needed"
        )
    return pairs


def _check_start(start: Any, dim: int) -> torch.Tensor:
    try:
        point = torch.as_tensor(start, dtype=torch.float64).clone()
    except (TypeError, ValueError) as error:
        raise ValueError(f"start = {start!r}: {dim} numbers are needed") from error
    if point.shape != (dim,) or not point.isfinite().all():
        raise ValueError(f"start = {start!r}: {dim} finite numbers are needed")
    return point


def _check_function(function: Function, points: torch.Tensor) -> list[torch.dtype]:
    """Refuse a function that is no problem.

    Returns:
        The precisions in which it can be evaluated, double first.

    Raises:
        ValueError: see `FunctionProblem`.
    """
    name = getattr(function, "__name__", "the function")
    values: dict[torch.dtype, Any] = {}
    with torch.random.fork_rng(devices=[]):
        for dtype in (torch.float64, torch.float32):
            try:
                values[dtype] = function(points[0].to(dtype, copy=True).requires_grad_())
                again = function(points[0].to(dtype, copy=True))
            except Exception as error:
                trouble = error
    if not values:
        line = f"{type(trouble).__name__}: {trouble}".splitlines()[0]
        raise ValueError(
            f"{name} cannot be evaluated at a tensor of shape ({points.shape[1]},): {line}"
        ) from trouble
    for value in values.values():
        if not isinstance(value, torch.Tensor) or value.shape != ():
            shape = f"a tensor of shape {tuple(getattr(value, 'shape', ()))}"
            what = shape if isinstance(value, torch.Tensor) else type(value).__name__
            raise ValueError(f"{name} returned {what}; a torch scalar (no axes) is needed")
        if value.is_complex():
            raise ValueError(f"{name} returned a complex number; a real one is needed")
        if not value.requires_grad:
            raise ValueError(
                f"the value of {name} does not depend on its argument in a way that torch can "
                "differentiate (numpy, .item() and .detach() break the chain)"
            )
    if not torch.allclose(list(values.values())[-1], again, rtol=1e-4, equal_nan=True):
        raise ValueError(
            f"{name} returns another value at every call, and no run could be repeated: "
            "draw what is random once, outside of it"
        )
    return list(values)


def _can_be_batched(function: Function, points: torch.Tensor) -> bool:
    """Whether vmap works on a function and gives the numbers of separate calls."""
    try:
        single = torch.stack([function(point) for point in points])
        together = torch.func.vmap(function)(points)
    except Exception:  # vmap refuses with several kinds of error: branches, .item(), randomness
        return False
    return torch.allclose(single, together, rtol=1e-9, atol=1e-12, equal_nan=True)

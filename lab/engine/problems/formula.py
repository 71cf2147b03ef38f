"""A surface made of a formula that the user types."""

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated

import torch

from lab.engine.catalogue import register
from lab.engine.knobs import Knob
from lab.engine.problem import Batch, Products
from lab.engine.problems.formula_program import Program
from lab.engine.problems.formula_terms import PRIMITIVES, Term
from lab.engine.problems.formula_text import looks_like_formula, read_formula
from lab.engine.problems.surfaces import Surface, Tensors

__all__ = ["Formula", "looks_like_formula"]

_SAMPLES = {1: 2001, 2: 201}  # points for each axis; odd, so that the middle is one of them
_EDGE = Knob(-1e9, 1e9, doc="edge of the window")


class _Sample:
    """The formula on a grid over its window."""

    def __init__(self, formula: "Formula"):
        steps = _SAMPLES[formula.dim]
        axes = [_round_numbers(*edges, steps) for edges in formula.window]
        self.points = torch.cartesian_prod(*axes).reshape(-1, formula.dim)
        with torch.no_grad():
            self.values, slopes = formula.evaluate_with_gradient(self.points)
        self.defined = self.values.isfinite()
        self.smooth = self.defined & slopes.isfinite().all(1)
        self.steepness = slopes.norm(dim=1)


def _round_numbers(low: float, high: float, count: int) -> torch.Tensor:
    """Evenly spaced numbers (count,), without the last digits: poles like to lie at 0 and 0.2."""
    edges = torch.tensor([low, high], dtype=torch.float64)
    weights = torch.arange(count, dtype=torch.float64) / (count - 1)
    decimals = 12 - math.ceil(math.log10(high - low))
    return torch.lerp(*edges, weights).round(decimals=decimals).clamp(*edges)


@register("problem", "formula", family="surface", formula="f(x, y)")
@dataclass(frozen=True)
class Formula(Surface):
    """A function of x, or of x and y, as you type it: `sin(3*x)*y**2 + abs(x - y)`.

    Allowed are numbers, pi, e, + - * / ** %, comparisons, `a if x > 0 else b`, and the functions
    sin cos tan asin acos atan atan2 sinh cosh tanh exp log log2 log10 sqrt hypot abs sign floor
    ceil min max relu sigmoid erf where. A formula without y is a function of one variable. Its
    derivatives are exact; where it is not defined its value is NaN or infinite, see `trouble`.
    """

    text: Annotated[str, Knob(doc="the formula, in x and y")] = "sin(3*x)*y**2 + abs(x - y)"
    x_low: Annotated[float, _EDGE] = -2.0
    x_high: Annotated[float, _EDGE] = 2.0
    y_low: Annotated[float, _EDGE] = -2.0
    y_high: Annotated[float, _EDGE] = 2.0

    def __post_init__(self):
        """Read the formula.

        Raises:
            ValueError: it cannot be read, or the window has no extent.
        """
        if not self._coordinates:
            raise ValueError(f"the formula {self.text!r} depends neither on x nor on y")
        for name, (low, high) in zip("xy", self.window, strict=False):
            if not low < high:
                raise ValueError(f"{name}_low = {low:g} must be below {name}_high = {high:g}")

    @property
    def window(self) -> tuple[tuple[float, float], ...]:
        """Where the landscape is drawn and runs start."""
        edges = ((self.x_low, self.x_high), (self.y_low, self.y_high))
        return edges[: max(self._coordinates) + 1]

    @property
    def hessian_trouble(self) -> str:
        """Which functions in it have kinks or jumps, as a sentence; empty if there are none."""
        tape = self._term.tape
        names = dict.fromkeys(tape.operations[line].name for line in tape.needed([self._term]))
        words = [_WORDS.get(name, name) for name in names if name in _KINKED]
        if not words:
            return ""
        listed = " and ".join(", ".join(words).rsplit(", ", 1))
        return f"the formula uses {listed}: second derivatives miss what happens at a kink or jump"

    @property
    def log_scale(self) -> bool:
        """Whether half of the window lies within the lowest tenth of the range of values."""
        values = self._sample.values[self._sample.defined]
        if not len(values):
            return False
        low, middle, high = values.min(), values.median(), values.max()
        return bool(low < middle < low + 0.1 * (high - low))

    @property
    def first_start(self) -> tuple[float, ...]:
        """A point of the window at the upper quartile of values: high, but on no spike."""
        sample = self._sample
        usable = sample.smooth & (sample.steepness > 0)
        if not usable.any():
            usable = sample.defined
        if not usable.any():
            return tuple((low + high) / 2 for low, high in self.window)
        values = sample.values[usable]
        rank = values.sort().values[len(values) * 3 // 4]
        return tuple(sample.points[usable][(values - rank).abs().argmin()].tolist())

    def trouble(self) -> str:
        """Where in the window the formula or its slope is not finite, as a sentence.

        Looked for on a grid of 201 × 201 points (2001 for one variable), so that a pole between
        them can be missed.

        Returns:
            The sentence, empty if there is no such place.
        """
        for what, fine in (("formula", self._sample.defined), ("slope", self._sample.smooth)):
            if not fine.any():
                return f"the {what} is not finite anywhere in the window"
            if not fine.all():
                share = 100 * float((~fine).double().mean())
                first = self._sample.points[int((~fine).int().argmax())].tolist()
                place = ", ".join(f"{n} = {c:.4g}" for n, c in zip("xy", first, strict=False))
                where = f"{share:.2g} % of the window (first at {place})"
                return f"the {what} is not finite at {where}"
        return ""

    def values(self, *coordinates: torch.Tensor) -> torch.Tensor:
        """The formula; NaN or infinite where it is not defined."""
        return self._value(*coordinates)[0]

    def derivatives(self, *coordinates: torch.Tensor) -> tuple[torch.Tensor, Tensors]:
        """The formula and its partial derivatives."""
        value, *parts = self._value_and_gradient(*coordinates)
        return value, tuple(parts)

    def products(self, theta: torch.Tensor, batch: Batch | None = None) -> Products:
        """Hessian-vector products from the exact second derivatives."""
        with torch.no_grad():
            entries = torch.stack(self._hessian(*theta.unbind(1)), dim=1)
        matrix = entries.reshape(len(theta), self.dim, self.dim)
        return lambda vector: (matrix @ vector.unsqueeze(2)).squeeze(2)

    @cached_property
    def _term(self) -> Term:
        term = read_formula(self.text)
        if term.tape.operations[term.line].name == "variable":
            # The value is to be a tensor of its own, not the coordinate handed in.
            return term.tape.apply("copy", term)
        return term

    @cached_property
    def _coordinates(self) -> list[int]:
        """Which of x (0) and y (1) it depends on."""
        tape = self._term.tape
        lines = [tape.operations[line] for line in tape.needed([self._term])]
        return [int(line.number) for line in lines if line.name == "variable"]

    @cached_property
    def _gradient(self) -> list[Term]:
        return [self._term.tape.derivative(self._term, axis) for axis in range(self.dim)]

    @cached_property
    def _value(self) -> Program:
        return Program(self._term.tape, [self._term], self.dim)

    @cached_property
    def _value_and_gradient(self) -> Program:
        return Program(self._term.tape, [self._term, *self._gradient], self.dim)

    @cached_property
    def _hessian(self) -> Program:
        tape, axes = self._term.tape, range(self.dim)
        entries = [tape.derivative(slope, axis) for slope in self._gradient for axis in axes]
        return Program(tape, entries, self.dim)

    @cached_property
    def _sample(self) -> _Sample:
        return _Sample(self)


_KINKED = {name for name, primitive in PRIMITIVES.items() if primitive.kink}
_WORDS = {"mod": "%", "where": "a condition"}

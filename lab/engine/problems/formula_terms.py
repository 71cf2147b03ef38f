"""Formulas as lists of operations, and their exact derivatives.

A tape holds operations, each listed once and after its arguments. So a walk along it needs no
recursion, shared parts are computed once, and a derivative is just more operations on the same
tape. What a condition, a max or a step makes flat stays flat: neither the branch not taken nor an
infinite slope that is multiplied by zero can turn a derivative into NaN.
"""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import NamedTuple

import torch

Slope = Callable[[tuple["Term", ...], "Term", tuple["Term", ...]], "Term"]


class Operation(NamedTuple):
    """One line of a tape: "constant", "variable", or a primitive of line numbers before it."""

    name: str
    arguments: tuple[int, ...] = ()
    number: float = 0.0  # a constant's value, a variable's axis


class Primitive(NamedTuple):
    """What an operation does.

    Attributes:
        run: a torch function of tensors.
        slope: its derivative, of (arguments, result, derivatives of the arguments); None for
            truth values.
        kink: whether value or slope may jump, so that second derivatives miss something.
    """

    run: Callable[..., torch.Tensor]
    slope: Slope | None
    kink: bool = False


class Tape:
    """Operations in the order in which they can be run."""

    def __init__(self):
        """Begin with nothing."""
        self.operations: list[Operation] = []
        self._lines: dict[tuple, int] = {}
        self._kinked: list[bool] = []  # for each line, whether it contains a kink

    def constant(self, number: float) -> "Term":
        """A number."""
        return self._term(Operation("constant", (), number))

    def variable(self, axis: int) -> "Term":
        """A coordinate, by its number."""
        return self._term(Operation("variable", (), axis))

    def apply(self, name: str, *arguments: "Term") -> "Term":
        """A primitive of terms; one of constants alone is worked out at once, in float64."""
        if all(term.is_constant for term in arguments):
            numbers = [torch.tensor(term.number, dtype=torch.float64) for term in arguments]
            return self.constant(float(PRIMITIVES[name].run(*numbers)))
        return self._term(Operation(name, tuple(term.line for term in arguments)))

    def has_kink(self, term: "Term") -> bool:
        """Whether some part of a term has jumps or kinks, and so may be flat in places."""
        return self._kinked[term.line]

    def needed(self, terms: Iterable["Term"]) -> list[int]:
        """The lines that the terms are made of, in order."""
        lines = {term.line for term in terms}
        for line in range(max(lines), -1, -1):
            if line in lines:
                lines.update(self.operations[line].arguments)
        return sorted(lines)

    def derivative(self, term: "Term", axis: int) -> "Term":
        """The partial derivative of a term: one more term of the same tape."""
        zero = self.constant(0.0)
        slopes: dict[int, Term] = {}
        for line in self.needed([term]):
            name, arguments, number = self.operations[line]
            inner = tuple(slopes.get(argument, zero) for argument in arguments)
            if name == "variable" and number == axis:
                slopes[line] = self.constant(1.0)
            elif any(change.number != 0 for change in inner) and PRIMITIVES[name].slope:
                made_of = tuple(Term(self, argument) for argument in arguments)
                slopes[line] = PRIMITIVES[name].slope(made_of, Term(self, line), inner)
        return slopes.get(term.line, zero)

    def _term(self, operation: Operation) -> "Term":
        key = (operation.name, operation.arguments, repr(operation.number))  # 0.0 is not -0.0
        if key not in self._lines:
            self._lines[key] = len(self.operations)
            self.operations.append(operation)
            kink = operation.name in PRIMITIVES and PRIMITIVES[operation.name].kink
            self._kinked.append(kink or any(self._kinked[line] for line in operation.arguments))
        return Term(self, self._lines[key])


@dataclass(frozen=True)
class Term:
    """One line of a tape, as something to calculate with.

    The operators drop what 0 and 1 make superfluous, as is right in a derivative; `Tape.apply`
    drops nothing, so that 0 * log(x) stays undefined where log(x) is.
    """

    tape: Tape
    line: int

    @property
    def is_constant(self) -> bool:
        """Whether it is a number."""
        return self.tape.operations[self.line].name == "constant"

    @property
    def number(self) -> float:
        """Its value if it is a constant, NaN if not."""
        return self.tape.operations[self.line].number if self.is_constant else math.nan

    def __add__(self, other: "Term | float") -> "Term":
        other = self._term(other)
        if self.number == 0:
            return other
        return self if other.number == 0 else self.tape.apply("add", self, other)

    def __mul__(self, other: "Term | float") -> "Term":
        other = self._term(other)
        if self.number == 0 or other.number == 1:
            return self
        if self.number == 1 or other.number == 0:
            return other
        return self.tape.apply("mul", self, other)

    def __truediv__(self, other: "Term | float") -> "Term":
        other = self._term(other)
        if self.number == 0 or other.number == 1:
            return self
        return self.tape.apply("div", self, other)

    def __neg__(self) -> "Term":
        return self if self.number == 0 else self.tape.apply("neg", self)

    def __sub__(self, other: "Term | float") -> "Term":
        other = self._term(other)
        if self.number == 0:
            return -other
        return self if other.number == 0 else self.tape.apply("sub", self, other)

    def __radd__(self, other: float) -> "Term":
        return self._term(other) + self

    def __rsub__(self, other: float) -> "Term":
        return self._term(other) - self

    def __rmul__(self, other: float) -> "Term":
        return self._term(other) * self

    def __rtruediv__(self, other: float) -> "Term":
        return self._term(other) / self

    def _term(self, value: "Term | float") -> "Term":
        return value if isinstance(value, Term) else self.tape.constant(float(value))


def choose(condition: Term, yes: Term, no: Term) -> Term:
    """One term where a condition holds, another where it does not."""
    if condition.is_constant:
        return yes if condition.number else no
    return yes if yes == no else condition.tape.apply("where", condition, yes, no)


def power(base: Term, exponent: Term) -> Term:
    """A power; a square is a product, which costs less and is as exact."""
    if exponent.number == 2:
        return base.tape.apply("mul", base, base)
    return base.tape.apply("pow", base, exponent)


def _call(name: str, *terms: Term) -> Term:
    return terms[0].tape.apply(name, *terms)


def _smooth(partials: Callable[..., tuple["Term | float", ...]]) -> Slope:
    """The chain rule, of a function (*arguments, result) -> partial derivatives."""

    def slope(arguments: tuple[Term, ...], result: Term, inner: tuple[Term, ...]) -> Term:
        total = result.tape.constant(0.0)
        for partial, change in zip(partials(*arguments, result), inner, strict=True):
            total = total + _link(change, partial)
        return total

    return slope


def _link(change: Term, partial: Term | float) -> Term:
    """A link of the chain rule: the product, with 0 · ∞ = 0 where `change` may be flat."""
    plain = not isinstance(partial, Term) or partial.is_constant or change.is_constant
    if plain or not change.tape.has_kink(change):
        return change * partial
    return _call("link", change, partial)


def _product_unless_flat(change: torch.Tensor, partial: torch.Tensor) -> torch.Tensor:
    return torch.where(change == 0, change, change * partial)


def _sign(a: torch.Tensor) -> torch.Tensor:
    """-1, 0 or 1; torch.sign makes 0 of NaN."""
    return torch.where(a.isnan(), a, a.sign())


def _power_partials(a: Term, b: Term, f: Term) -> tuple[Term | float, ...]:
    """Of a^b: b a^(b-1), and a^b log a; the first is 0 for b = 0, the second for a = 0."""
    if b.is_constant:
        return (b * power(a, b - 1), 0.0)
    zero = a.tape.constant(0.0)
    return (
        _call("link", b, power(a, b - 1)),
        choose(_call("eq", a, zero), zero, f * _call("log", a)),
    )


def _round_partials(a: Term, b: Term) -> tuple[Term, Term]:
    """Of atan2(a, b): b / (a² + b²) and -a / (a² + b²)."""
    square = a * a + b * b
    return (b / square, -a / square)


def _remainder_partials(a: Term, b: Term, f: Term) -> tuple[Term | float, ...]:
    """Of a % b = a - n b: 1 and -n, with the whole number n by which a was in fact reduced."""
    return (1.0, -_call("floor", (a - f) / b + 0.5))


_FLAT = _smooth(lambda *arguments: (0.0,) * (len(arguments) - 1))

PRIMITIVES: dict[str, Primitive] = {
    "add": Primitive(torch.add, _smooth(lambda a, b, f: (1.0, 1.0))),
    "sub": Primitive(torch.sub, _smooth(lambda a, b, f: (1.0, -1.0))),
    "mul": Primitive(torch.mul, _smooth(lambda a, b, f: (b, a))),
    "div": Primitive(torch.div, _smooth(lambda a, b, f: (1 / b, -f / b))),
    "link": Primitive(
        _product_unless_flat,
        lambda at, f, by: _link(by[0], at[1]) + _link(at[0], by[1]),
        kink=True,
    ),
    "neg": Primitive(torch.neg, _smooth(lambda a, f: (-1.0,))),
    "copy": Primitive(torch.clone, _smooth(lambda a, f: (1.0,))),
    "mod": Primitive(torch.remainder, _smooth(_remainder_partials), kink=True),
    "pow": Primitive(torch.pow, _smooth(_power_partials)),
    "sin": Primitive(torch.sin, _smooth(lambda a, f: (_call("cos", a),))),
    "cos": Primitive(torch.cos, _smooth(lambda a, f: (-_call("sin", a),))),
    "tan": Primitive(torch.tan, _smooth(lambda a, f: (1 + f * f,))),
    "asin": Primitive(torch.asin, _smooth(lambda a, f: (1 / _call("sqrt", 1 - a * a),))),
    "acos": Primitive(torch.acos, _smooth(lambda a, f: (-1 / _call("sqrt", 1 - a * a),))),
    "atan": Primitive(torch.atan, _smooth(lambda a, f: (1 / (1 + a * a),))),
    "atan2": Primitive(torch.atan2, _smooth(lambda a, b, f: _round_partials(a, b))),
    "sinh": Primitive(torch.sinh, _smooth(lambda a, f: (_call("cosh", a),))),
    "cosh": Primitive(torch.cosh, _smooth(lambda a, f: (_call("sinh", a),))),
    "tanh": Primitive(torch.tanh, _smooth(lambda a, f: (1 - f * f,))),
    "exp": Primitive(torch.exp, _smooth(lambda a, f: (f,))),
    "log": Primitive(torch.log, _smooth(lambda a, f: (1 / a,))),
    "log2": Primitive(torch.log2, _smooth(lambda a, f: (1 / (math.log(2) * a),))),
    "log10": Primitive(torch.log10, _smooth(lambda a, f: (1 / (math.log(10) * a),))),
    "sqrt": Primitive(torch.sqrt, _smooth(lambda a, f: (0.5 / f,))),
    "sigmoid": Primitive(torch.sigmoid, _smooth(lambda a, f: (f * (1 - f),))),
    "erf": Primitive(
        torch.erf, _smooth(lambda a, f: (2 / math.sqrt(math.pi) * _call("exp", -(a * a)),))
    ),
    "hypot": Primitive(torch.hypot, _smooth(lambda a, b, f: (a / f, b / f))),
    "abs": Primitive(torch.abs, _smooth(lambda a, f: (_call("sign", a),)), kink=True),
    "sign": Primitive(_sign, _FLAT, kink=True),
    "floor": Primitive(torch.floor, _FLAT, kink=True),
    "ceil": Primitive(torch.ceil, _FLAT, kink=True),
    # Of several branches the one that is taken gives the slope; where two are equal, the first.
    "relu": Primitive(
        torch.relu,
        lambda at, f, by: choose(_call("gt", f, f.tape.constant(0.0)), by[0], f.tape.constant(0.0)),
        kink=True,
    ),
    "min": Primitive(
        torch.minimum, lambda at, f, by: choose(_call("le", *at), by[0], by[1]), kink=True
    ),
    "max": Primitive(
        torch.maximum, lambda at, f, by: choose(_call("ge", *at), by[0], by[1]), kink=True
    ),
    "where": Primitive(torch.where, lambda at, f, by: choose(at[0], by[1], by[2]), kink=True),
    "lt": Primitive(torch.lt, None),
    "le": Primitive(torch.le, None),
    "gt": Primitive(torch.gt, None),
    "ge": Primitive(torch.ge, None),
    "eq": Primitive(torch.eq, None),
    "ne": Primitive(torch.ne, None),
    "and": Primitive(torch.logical_and, None),
    "or": Primitive(torch.logical_or, None),
    "not": Primitive(torch.logical_not, None),
}

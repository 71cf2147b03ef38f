"""Random formulas against numpy, and their derivatives against automatic differentiation."""

import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from lab.engine.problem import Problem
from lab.engine.problems.formula import Formula
from lab.engine.problems.formula_program import Program
from lab.engine.problems.formula_terms import PRIMITIVES, Tape, Term

FUNCTIONS = {
    "sin": np.sin,
    "cos": np.cos,
    "tan": np.tan,
    "asin": np.arcsin,
    "acos": np.arccos,
    "atan": np.arctan,
    "sinh": np.sinh,
    "cosh": np.cosh,
    "tanh": np.tanh,
    "exp": np.exp,
    "log": np.log,
    "log2": np.log2,
    "log10": np.log10,
    "sqrt": np.sqrt,
    "sigmoid": lambda a: 1 / (1 + np.exp(-a)),
    "abs": np.abs,
    "sign": np.sign,
    "floor": np.floor,
    "ceil": np.ceil,
    "relu": lambda a: np.maximum(a, 0.0),
}
PAIRS = {
    "atan2": np.arctan2,
    "hypot": np.hypot,
    "min": np.minimum,
    "max": np.maximum,
}
SIGNS = {
    "+": np.add,
    "-": np.subtract,
    "*": np.multiply,
    "/": np.divide,
    "%": np.mod,
}
COMPARISONS = {"<": np.less, "<=": np.less_equal, ">": np.greater, ">=": np.greater_equal}


class Case:
    """A formula as text and as a numpy function of (x, y, noise)."""

    def __init__(self, text, function):
        self.text = text
        self.function = function

    def __repr__(self):
        return self.text

    def value(self, x, y, noise=None):
        """The reference; `noise` is a random generator that upsets each result in its last digits.

        Where that changes the outcome, two correct evaluations may differ.
        """
        with np.errstate(all="ignore"):
            return self.function(x, y, noise)


def _upset(result, noise):
    if noise is None:
        return result
    if result == 0:
        return np.copysign(0.0, noise.choice([-1, 1]))  # the sign of a zero is nobody's promise
    return result * (1 + 1e-13 * noise.choice([-1, 1]))


def _leaf(text, function):
    return Case(text, lambda x, y, noise: function(x, y))


def _apply(text, function, *cases):
    def run(x, y, noise):
        return _upset(function(*(case.function(x, y, noise) for case in cases)), noise)

    return Case(text, run)


def _numbers():
    values = st.sampled_from(["0", "1", "2", "3", "0.5", "1e-3", "7.25", ".1", "12."])
    return values.map(lambda text: _leaf(text, lambda x, y: np.float64(text)))


def _leaves():
    x, y = _leaf("x", lambda x, y: x), _leaf("y", lambda x, y: y)
    constants = [
        _leaf("pi", lambda x, y: np.float64(np.pi)),
        _leaf("e", lambda x, y: np.float64(np.e)),
    ]
    return st.one_of(st.sampled_from([x, y, x, y]), _numbers(), st.sampled_from(constants))


def _larger(inner):
    def call(name, a):
        return _apply(f"{name}({a})", FUNCTIONS[name], a)

    def pair(name, a, b):
        return _apply(f"{name}({a}, {b})", PAIRS[name], a, b)

    def binary(sign, a, b):
        return _apply(f"({a}) {sign} ({b})", SIGNS[sign], a, b)

    def power(a, b):
        return _apply(f"abs({a})**({b})", lambda a, b: np.power(np.abs(a), b), a, b)

    def whole_power(a, exponent):
        return _apply(f"({a})**{exponent}", lambda a: np.power(a, float(exponent.strip("()"))), a)

    def choice(sign, a, b, c, d, style):
        text = {
            "if": f"(({a}) if ({c}) {sign} ({d}) else ({b}))",
            "where": f"where(({c}) {sign} ({d}), {a}, {b})",
        }[style]
        compare = COMPARISONS[sign]
        return _apply(text, lambda a, b, c, d: a if compare(c, d) else b, a, b, c, d)

    return st.one_of(
        st.builds(call, st.sampled_from(sorted(FUNCTIONS)), inner),
        st.builds(pair, st.sampled_from(sorted(PAIRS)), inner, inner),
        st.builds(binary, st.sampled_from(sorted(SIGNS)), inner, inner),
        st.builds(power, inner, inner),
        st.builds(whole_power, inner, st.sampled_from(["0", "1", "2", "3", "-1", "(-2)"])),
        st.builds(lambda a: _apply(f"-({a})", np.negative, a), inner),
        st.builds(
            choice,
            st.sampled_from(sorted(COMPARISONS)),
            inner,
            inner,
            inner,
            inner,
            st.sampled_from(["if", "where"]),
        ),
    )


formulas = st.recursive(_leaves(), _larger, max_leaves=8)

POINTS = np.array([[0.37, 1.91], [-1.13, 0.42], [2.3, -0.77], [-0.6, -1.7], [0.01, 30.0]])


def made(case):
    """The formula, if it is one: constant parts without a finite value are refused."""
    reason = complaint(case.text)
    assert not reason or "is not a finite number" in reason or "depends neither" in reason
    assume(not reason)
    return Formula(case.text)


def complaint(text):
    try:
        Formula(text)
    except ValueError as error:
        return str(error)
    return ""


def settled(numbers, others):
    """Where two evaluations that differ in rounding alone agree."""
    with np.errstate(invalid="ignore"):
        close = np.isclose(numbers, others, rtol=1e-8, atol=1e-10)
    return close | (np.isnan(numbers) & np.isnan(others))


@settings(max_examples=400, deadline=None, derandomize=True)
@given(formulas)
def test_values_are_those_of_numpy(case):
    formula = made(case)
    found = formula.value(POINTS[:, : formula.dim])
    # A formula of x alone sees no y, and the reference then does not depend on it either.
    exact = np.array([case.value(np.float64(x), np.float64(y)) for x, y in POINTS])
    firm = np.ones(len(POINTS), dtype=bool)
    for seed in range(8):
        noise = np.random.default_rng(seed)
        upset = [case.value(np.float64(x), np.float64(y), noise) for x, y in POINTS]
        firm &= settled(exact, np.array(upset))
    np.testing.assert_allclose(found[firm], exact[firm], rtol=1e-7, atol=1e-9)


@settings(max_examples=300, deadline=None, derandomize=True)
@given(formulas)
def test_derivatives_are_those_of_torch(case):
    formula = made(case)
    theta = torch.tensor(POINTS[:, : formula.dim])
    value, gradient = formula.evaluate_with_gradient(theta)
    by_torch, beside = ByTorch(formula), theta * (1 + 1e-12)
    same, expected = by_torch.evaluate_with_gradient(theta)
    torch.testing.assert_close(value, same, equal_nan=True)
    defined = value.isfinite() & moderate(formula, theta)
    check(gradient, expected, by_torch.evaluate_with_gradient(beside)[1], defined)
    check(formula.hessian(theta), by_torch.hessian(theta), by_torch.hessian(beside), defined)


def moderate(formula, theta):
    """Whether no part comes near the ends of the floating point range, where squares overflow."""
    tape = formula._term.tape
    parts = [Term(tape, line) for line in tape.needed([formula._term])]
    sizes = torch.stack(Program(tape, parts, formula.dim)(*theta.unbind(1))).double().abs()
    return ((sizes == 0) | ((sizes > 1e-50) & (sizes < 1e50))).all(0)


class ByTorch(Problem):
    """The same formula, with the gradient by torch and the Hessian from the formula's gradient."""

    def __init__(self, formula):
        self.formula = formula

    @property
    def layout(self):
        return self.formula.layout

    def start(self, generators):
        return self.formula.start(generators)

    def evaluate(self, theta, batch=None):
        # A formula of steps alone does not depend on the point in torch's eyes.
        return self.formula.evaluate(theta) + 0 * theta.sum(1)

    def gradient_graph(self, theta, batch=None):
        return self.formula.gradient_graph(theta) + 0 * theta


def check(found, expected, beside, defined):
    """Compare where torch has an answer, of moderate size, that rounding does not decide."""
    found, expected, beside = (tensor[defined].numpy() for tensor in (found, expected, beside))
    firm = np.isfinite(expected) & (np.abs(expected) < 1e6) & settled(expected, beside)
    np.testing.assert_allclose(found[firm], expected[firm], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", sorted(PRIMITIVES))
def test_every_slope_is_that_of_torch(name):
    primitive = PRIMITIVES[name]
    tape = Tape()
    arity = 3 if name == "where" else 2 if runs_with(primitive.run, 2) else 1
    if primitive.slope is None:
        comparison = tape.apply(name, *(tape.variable(axis) for axis in range(arity)))
        assert tape.derivative(comparison, 0).number == 0
        return
    dim = arity - (name == "where")
    variables = [tape.variable(axis) for axis in range(dim)]
    condition = [tape.apply("lt", variables[0], tape.constant(0.4))] if name == "where" else []
    term = tape.apply(name, *condition, *variables)
    slopes = [tape.derivative(term, axis) for axis in range(dim)]
    points = torch.tensor([[0.3, 0.8], [0.7, 0.2], [0.5, 0.6]], dtype=torch.float64)[:, :dim]
    points.requires_grad_()
    value, *parts = Program(tape, [term, *slopes], dim)(*points.unbind(1))
    (expected,) = torch.autograd.grad(value.sum(), points, allow_unused=True)
    torch.testing.assert_close(torch.stack(parts, 1), expected, rtol=1e-12, atol=1e-12)


def runs_with(run, count):
    try:
        run(*[torch.ones(1)] * count)
    except TypeError:
        return False
    return True


def test_equal_operations_are_listed_once():
    tape = Tape()
    x = tape.variable(0)
    assert tape.apply("sin", x) == tape.apply("sin", x)
    assert tape.constant(0.0) != tape.constant(-0.0)


def test_constants_are_worked_out_and_nothing_else_is_dropped():
    tape = Tape()
    two, three = tape.constant(2.0), tape.constant(3.0)
    assert tape.apply("pow", two, three).number == 8.0
    product = tape.apply("mul", tape.constant(0.0), tape.apply("log", tape.variable(0)))
    assert not product.is_constant


def test_the_branch_not_taken_cannot_spoil_a_derivative():
    formula = Formula("sqrt(x) + x*y if x > 0 else x*y")
    theta = torch.tensor([[-1.0, 2.0], [0.0, 3.0], [4.0, 5.0]], dtype=torch.float64)
    value, gradient = formula.evaluate_with_gradient(theta)
    assert value.tolist() == [-2.0, 0.0, 22.0]
    assert gradient.tolist() == [[2.0, -1.0], [3.0, 0.0], [5.25, 4.0]]
    assert formula.hessian(theta)[1].tolist() == [[0.0, 1.0], [1.0, 0.0]]


@pytest.mark.parametrize("text", ["sqrt(max(x, 0))", "relu(x)**0.5", "sqrt(x if x > 0 else 0)"])
def test_an_infinite_slope_behind_a_flat_part_stays_flat(text):
    formula = Formula(text)
    theta = torch.tensor([[-1.0], [4.0]], dtype=torch.float64)
    value, gradient = formula.evaluate_with_gradient(theta)
    assert value.tolist() == [0.0, 2.0]
    assert gradient.tolist() == [[0.0], [0.25]]
    assert formula.hessian(theta)[:, 0, 0].tolist() == [0.0, -1 / 32]


def test_flat_parts_stay_flat_in_mixed_derivatives():
    formula = Formula("max(x, 0)**y")
    theta = torch.tensor([[-1.0, 0.5]], dtype=torch.float64)
    assert formula.evaluate_with_gradient(theta)[1].tolist() == [[0.0, 0.0]]
    assert formula.hessian(theta).tolist() == [[[0.0, 0.0], [0.0, 0.0]]]


@pytest.mark.parametrize("name", ["abs", "sign", "floor", "ceil", "relu"])
def test_undefined_stays_undefined(name):
    assert np.isnan(Formula(f"{name}(log(x))").value([-1.0]))


def test_remainders_are_differentiated_as_they_were_taken():
    # 1 / 0.01 rounds to 100, yet 1 % 0.01 is nearly 0.01: it was reduced 99 times.
    formula = Formula("1 % x")
    assert formula.value([0.01]) == pytest.approx(0.01)
    assert formula.gradient([0.01]).tolist() == [-99.0]

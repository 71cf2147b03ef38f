import warnings

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lab.engine.problems.formula import Formula, looks_like_formula
from lab.engine.problems.formula_text import FUNCTIONS, MAX_LENGTH, read_formula


def value(text, x=0.0, y=0.0):
    formula = Formula(text)
    return float(formula.value([x, y][: formula.dim]))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("-x**2", -4.0),
        ("2**3**(x - 1)", 8.0),
        ("-x % 3", 1.0),
        ("x - 1 - 1", 0.0),
        ("6 / 2 / x", 1.5),
        ("+x", 2.0),
        ("  x +\n\t1 ", 3.0),
        ("1e1*x + 1.5e-1", 20.15),
        ("x*pi/e", 2.3114546995818834),
        ("min(x, 5, -1)", -1.0),
        ("max(x, 5, -1,)", 5.0),
        ("7 if x > 1 else 8*x", 7.0),
        ("7*x if x > 2 else 8*x if x > 1 else 9*x", 16.0),
        ("where(1 < x < 3, x, 0)", 2.0),
        ("where(1 < x and not x < 0 or x == 7, x, 0)", 2.0),
        ("(x > 1) + (x >= 2) + (x != 2) + (x <= 1)", 2.0),
        ("not x > 1", 0.0),
        ("x if 1 < 2 else y", 2.0),
        ("abs(-x) + sign(-x) + floor(x/4) + ceil(x/4)", 2.0),
        ("log2(x) + log10(x*50) + log(e*x/2)", 4.0),
        ("relu(-x) + relu(x)", 2.0),
        ("hypot(x, 1.5) + sqrt(x*2)", 4.5),
        ("sigmoid(x - 2) + erf(x - 2)", 0.5),
    ],
)
def test_means_what_python_means(text, expected):
    assert value(text, 2.0) == pytest.approx(expected, rel=1e-15)


@pytest.mark.parametrize(
    ("text", "column", "part"),
    [
        ("__import__('os').system('ls')", 1, "'__import__' is not known"),
        ("x + __builtins__", 5, "'__builtins__' is not known"),
        ("x.real", 2, "'.' is not allowed"),
        ("(x).__class__", 4, "'.' is not allowed"),
        ("x + sni(x)", 5, "did you mean 'sin'?"),
        ("arctan2(x, y)", 1, "did you mean 'atan2'?"),
        ("x + z", 5, "'z' is not known"),
        ("X", 1, "did you mean 'x'?"),
        ("lambda: x", 1, "'lambda' is not known"),
        ("x + 'text'", 5, "is not allowed"),
        ("[x]", 1, "'[' is not allowed"),
        ("x^2", 2, "a power is written **"),
        ("x // 2", 3, "floor(a / b)"),
        ("x = 2", 3, "equality is written =="),
        ("x := 2", 3, "':' is not allowed"),
        ("2x", 2, "write 2*x"),
        ("x + 1.5sin(x)", 8, "write 1.5*sin"),
        ("1if x > 0 else 2", 2, "a space is missing"),
        ("1_000*x", 2, "'_000' is not known"),
        ("x(2)", 1, "'x' is not a function"),
        ("x + 2(x)", 5, "'2' is not a function"),
        ("(x + 1)(y)", 1, "'x + 1' is not a function"),
        ("sin", 1, "'sin' is a function"),
        ("2 * cos * x", 5, "'cos' is a function"),
        ("sin()", 1, "sin takes 1 argument, not 0"),
        ("1 + sin(x, y)", 5, "sin takes 1 argument, not 2"),
        ("atan2(x)", 1, "atan2 takes 2 arguments, not 1"),
        ("max(x)", 1, "max takes at least 2 arguments, not 1"),
        ("where(x > 0, x)", 1, "where takes 3 arguments, not 2"),
        ("where(x, 1, 2)", 7, "a comparison such as x > 0"),
        ("x if y else 1", 6, "a comparison such as x > 0"),
        ("x if x > 0", 1, "needs its 'else'"),
        ("sin(*x)", 5, "'*x' is not allowed"),
        ("sin(**x)", 1, "by place, not by name"),
        ("x, y", 1, "'x, y' is not allowed"),
        ("x y", 3, "'y' cannot stand here"),
        ("x + * y", 5, "'*' cannot stand here"),
        ("x +", 4, "ends too early"),
        ("  x * (y - ) ", 12, "')' cannot stand here"),
        ("(x + (y)", 1, "'(' is never closed"),
        ("x + y)", 6, "')' closes a bracket"),
        ("9**9**9", 1, "is not a finite number"),
        ("x + 9**9**9**9**9", 11, "is not a finite number"),
        ("x + 1/0", 5, "1/0 is not a finite number"),
        ("x + log(0)", 5, "log(0) is not a finite number"),
        ("x*(-8)**(1/3)", 3, "(-8)**(1/3) is not a finite number"),
        ("1e999*x", 1, "1e999 is not a finite number"),
        ("9" * 400 + "*x", 1, "too large"),
        ("x + \u03c0", 5, "'π' is not allowed"),
        ("x\x00", 2, "is not allowed"),
    ],
)
def test_errors_name_the_column(text, column, part):
    with pytest.raises(ValueError, match=r"^column \d") as caught:
        Formula(text)
    message = str(caught.value)
    assert message.startswith(f"column {column} of the formula: ")
    assert part in message
    assert "\n" not in message


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("", "is empty"),
        (" \n ", "is empty"),
        ("x" + "+x" * MAX_LENGTH, f"at most {MAX_LENGTH} are read"),
        ("(" * 300 + "x" + ")" * 300, "nested too deeply"),
        ("-" * 900 + "x", "nested too deeply"),
        ("x" + "+x" * 300, "nested too deeply"),
        ("sin(" * 120 + "x" + ")" * 120, "nested too deeply"),
        ("not " * 200 + "x > 0", "nested too deeply"),
        ("2*pi", "depends neither on x nor on y"),
        ("1 if 2 < 3 else x", "depends neither on x nor on y"),
    ],
)
def test_other_errors(text, part):
    with pytest.raises(ValueError, match=part):
        Formula(text)


def test_an_unknown_name_is_told_what_is_allowed():
    with pytest.raises(ValueError, match="allowed are numbers, x, y, pi, e") as caught:
        read_formula("foo(x)")
    assert all(name in str(caught.value) for name in FUNCTIONS)


def test_a_formula_of_full_length_and_depth_is_read():
    text = "sin(" * 90 + "x" + ")" * 90
    assert value(text, 0.0) == 0.0
    terms = "+".join(["x*y**2.5"] * 95)
    assert len(terms) <= MAX_LENGTH
    assert value(terms, 2.0, 1.0) == pytest.approx(190.0)


_FORBIDDEN = ("__import__", "lambda", "os", *"'\"\\[]{}:;#@_é")
_PIECES = st.sampled_from(
    [
        *"xye0123456789.()+-*/%,<>=! \n",
        *("**", "==", " if ", " else ", " and ", "not "),
        *FUNCTIONS,
        *_FORBIDDEN,
    ]
)


@settings(max_examples=400, deadline=None, derandomize=True)
@given(st.one_of(st.text(), st.lists(_PIECES, max_size=40).map("".join)))
def test_garbage_raises_nothing_but_a_value_error_of_one_line(text):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        formula, complaint = attempt(text)
    if formula is None:
        assert len(complaint.splitlines()) == 1
        return
    point = [[0.3, -0.7][: formula.dim]]
    assert formula.value(point).shape == (1,)
    assert formula.gradient(point).shape == (1, formula.dim)


def attempt(text):
    try:
        return Formula(text), ""
    except ValueError as error:
        return None, str(error)


@pytest.mark.parametrize(
    "text",
    ["x", "y", "x-y", "x/y", "sin(3*x)*y**2 + abs(x-y)", "sin(z)", "2*q", "foo(x)", "x^2", "1 < x"],
)
def test_formulas_are_recognised(text):
    assert looks_like_formula(text)


@pytest.mark.parametrize(
    "text",
    [
        *("rosenbrok", "my-model", "a/b.py", "folder/x.py", "x-y.toml", ""),
        *("torchvision.models.resnet18", "C:\\lab\\x(1).py", "module:thing", "six_hump_camel"),
    ],
)
def test_other_strings_are_not(text):
    assert not looks_like_formula(text)

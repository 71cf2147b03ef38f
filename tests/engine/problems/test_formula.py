import math

import numpy as np
import pytest
import torch

import lab
from lab.engine.problems.formula import Formula
from lab.engine.seeds import generator


def test_the_catalogue_makes_one():
    problem = lab.problem("formula", text="x**2 + 3*y", x_low=-1.0)
    assert problem.window == ((-1.0, 2.0), (-2.0, 2.0))
    assert problem.value([2.0, 1.0]) == 7.0
    assert problem.gradient(np.array([2.0, 1.0], dtype=np.float32)).tolist() == [4.0, 3.0]
    assert problem.choice.make() == problem
    assert problem.optima == ()


def test_it_survives_the_way_through_a_file():
    text = "sin(3*x)*y**2 + abs(x-y) + (1 if x > 0 else 2)"
    lanes = [lab.Lane("adam", start=[[1.0, 1.0]])]
    before = lab.Experiment({"name": "formula", "text": text, "y_high": 3.0}, lanes, steps=3)
    again = lab.Experiment.from_toml(before.to_toml())
    assert again == before
    assert again.problem.make() == Formula(text, y_high=3.0)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("rosenbrock", "(1 - x)**2 + 100*(y - x**2)**2"),
        ("himmelblau", "(x**2 + y - 11)**2 + (x + y**2 - 7)**2"),
        (
            "ackley",
            "-20*exp(-0.2*sqrt((x**2 + y**2)/2)) - exp((cos(2*pi*x) + cos(2*pi*y))/2) + e + 20",
        ),
        (
            "levi13",
            "sin(3*pi*x)**2 + (x-1)**2*(1 + sin(3*pi*y)**2) + (y-1)**2*(1 + sin(2*pi*y)**2)",
        ),
        ("easom", "-cos(x)*cos(y)*exp(-(x - pi)**2 - (y - pi)**2)"),
        ("diffgrad_f2", "-40*x - 35.15 if x <= -0.9 else x**3 + x*sin(8*x) + 0.85"),
    ],
)
def test_typed_surfaces_are_those_of_the_catalogue(name, text):
    problem, typed = lab.problem(name), Formula(text)
    assert typed.dim == problem.dim
    low, high = torch.tensor(problem.window, dtype=torch.float64).T
    draws = torch.rand(200, problem.dim, generator=generator(0, "test"), dtype=torch.float64)
    theta = low + (high - low) * draws
    for found, expected in zip(
        typed.evaluate_with_gradient(theta), problem.evaluate_with_gradient(theta), strict=True
    ):
        torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-9)
    torch.testing.assert_close(typed.hessian(theta), problem.hessian(theta), rtol=1e-8, atol=1e-8)


def test_the_hessian_is_that_of_the_value():
    formula = Formula("exp(x*y/4) + sin(x)**3 * cos(y) + x/(y**2 + 1)")
    theta = torch.tensor([[0.3, -1.2], [1.7, 0.4]], dtype=torch.float64)
    for row, found in zip(theta, formula.hessian(theta), strict=True):
        exact = torch.autograd.functional.hessian(lambda t: formula.evaluate(t[None])[0], row)
        torch.testing.assert_close(found, exact)
    vector = torch.tensor([[1.0, 2.0], [3.0, -1.0]], dtype=torch.float64)
    expected = (formula.hessian(theta) @ vector[:, :, None])[:, :, 0]
    torch.testing.assert_close(formula.products(theta)(vector), expected)


def test_a_formula_of_x_alone_has_one_dimension():
    formula = Formula("x**4 - x")
    assert formula.dim == 1
    assert formula.window == ((-2.0, 2.0),)
    assert formula.layout.names == ("x",)
    assert formula.gradient([1.0]).tolist() == [3.0]
    assert formula.hessian(torch.ones(1, 1)).tolist() == [[[12.0]]]


def test_a_formula_of_y_alone_has_two():
    formula = Formula("y**2")
    assert formula.dim == 2
    assert formula.gradient([5.0, 1.0]).tolist() == [0.0, 2.0]


@pytest.mark.parametrize("text", ["x", "x + y", "-y"])
def test_linear_formulas(text):
    formula = Formula(text)
    theta = torch.ones(3, formula.dim)
    value, gradient = formula.evaluate_with_gradient(theta)
    assert value.shape == (3,)
    assert gradient.shape == theta.shape
    assert not formula.hessian(theta).any()


@pytest.mark.parametrize("text", ["x", "y"])
def test_the_value_is_no_view_of_the_point(text):
    formula = Formula(text)
    theta = torch.ones(2, formula.dim)
    value = formula.evaluate(theta)
    value += 1
    assert theta.tolist() == torch.ones(2, formula.dim).tolist()


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("x**2 + y**2", ""),
        ("x + 1/y", "the formula is not finite at 0.5 % of the window (first at x = -2, y = 0)"),
        ("log(x) + y", "the formula is not finite at 50 % of the window (first at x = -2, y = -2)"),
        ("1/(x - 0.2)", "the formula is not finite at 0.05 % of the window (first at x = 0.2)"),
        ("1/x", "the formula is not finite at 0.05 % of the window (first at x = 0)"),
        ("sqrt(-1 - x**2)", "the formula is not finite anywhere in the window"),
        ("sqrt(x**2 + y**2)", "the slope is not finite at 0.0025 % of the window"),
        ("exp(1000*x)", "the formula is not finite at 32 % of the window"),
    ],
)
def test_trouble_is_said_in_one_sentence(text, sentence):
    trouble = Formula(text).trouble()
    assert trouble.startswith(sentence)
    assert bool(trouble) == bool(sentence)
    assert "\n" not in trouble


def test_undefined_values_raise_nothing():
    formula = Formula("log(x)/y + asin(5*x) + x % 0")
    value, gradient = formula.evaluate_with_gradient(torch.zeros(2, 2))
    assert not value.isfinite().any()
    assert gradient.shape == (2, 2)
    assert math.isnan(formula.value([-1.0, 0.0]))


@pytest.mark.parametrize(
    "text",
    [
        *("sin(3*x)*y**2 + abs(x-y)", "log(x)", "1/x + 1/y", "x", "floor(x)", "sqrt(-1 - x**2)"),
        *("x*y", "exp(1000*x)", "0*x", "(1 - x)**2 + 100*(y - x**2)**2"),
    ],
)
def test_the_first_start_lies_in_the_window_where_the_formula_is_defined(text):
    formula = Formula(text)
    for coordinate, (low, high) in zip(formula.first_start, formula.window, strict=True):
        assert low <= coordinate <= high
    if formula.trouble() != "the formula is not finite anywhere in the window":
        assert np.isfinite(formula.value(formula.first_start))
    starts = formula.start([generator(0, "start", run) for run in range(3)])
    assert starts.shape == (3, formula.dim)


def test_the_first_start_is_worth_seeing():
    formula = Formula("(1 - x)**2 + 100*(y - x**2)**2", y_high=3.0)
    assert np.linalg.norm(formula.gradient(formula.first_start)) > 1
    assert formula.value(formula.first_start) < 0.5 * formula.value([-2.0, -2.0])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("(1 - x)**2 + 100*(y - x**2)**2", True),
        ("x**2 + y**2", False),
        ("sin(x)*cos(y)", False),
        ("max(x, 0)", False),
        ("log(-1 - x**2)", False),
    ],
)
def test_log_scale_where_most_of_the_window_is_low(text, expected):
    assert Formula(text).log_scale is expected


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("x**2 + exp(y)", None),
        ("abs(x)", "abs"),
        ("abs(x) + max(x, y)", "abs and max"),
        ("relu(x) + floor(y) + x % 2", "relu, floor and %"),
        ("x if x > y else y", "a condition"),
    ],
)
def test_kinks_are_said(text, words):
    trouble = Formula(text).hessian_trouble
    assert trouble.startswith(f"the formula uses {words}:") if words else trouble == ""


@pytest.mark.parametrize(
    ("edges", "part"),
    [
        ({"x_low": 2.0}, "x_low = 2 must be below x_high = 2"),
        ({"y_low": 5.0}, "y_low = 5 must be below y_high = 2"),
        ({"x_high": math.inf}, "x_high = inf is not allowed"),
    ],
)
def test_a_window_without_extent_is_refused(edges, part):
    with pytest.raises(ValueError, match=part):
        lab.problem("formula", text="x*y", **edges)


def test_the_window_of_an_unused_axis_does_not_matter():
    assert Formula("x**2", y_low=5.0).window == ((-2.0, 2.0),)


def test_a_run_on_a_formula():
    exp = lab.Experiment(
        {"name": "formula", "text": "(x - 1)**2 + abs(y)"},
        [lab.Lane("adam", lr=0.1, start=[[-1.0, 1.0]])],
        steps=200,
        device="cpu",
        dtype="float64",
    )
    assert lab.run(exp).scalar("adam", "loss")[-1, 0] < 0.1

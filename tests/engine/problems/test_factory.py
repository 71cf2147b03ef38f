"""`lab.problem` with whatever a user has."""

import math

import pytest
import torch
from torch import nn

import lab
from lab.engine.problems import mlp
from lab.engine.problems.formula import Formula


def test_names_tables_choices_and_problems():
    expected = lab.problem("rosenbrock", a=2.0)
    for source in (
        {"name": "rosenbrock", "a": 2.0},
        lab.Choice("problem", "rosenbrock", {"a": 2.0, "b": 100.0}),
        expected,
    ):
        assert lab.problem(source) == expected
    assert lab.problem({"name": "rosenbrock", "a": 2.0}, a=3.0) == lab.problem("rosenbrock", a=3.0)
    assert lab.problem(expected) is expected


def test_formulas():
    problem = lab.problem("x**2 + 3*y")
    assert isinstance(problem, Formula)
    assert problem.value([2.0, 1.0]) == pytest.approx(7)
    assert lab.problem("x**2", x_low=-5.0).window[0][0] == -5.0


def test_functions_and_modules():
    assert lab.problem(torch.sum, dim=3).value([1.0, 2.0, 3.0]) == 6.0
    module = nn.Linear(2, 1)
    assert lab.problem(module, data=([[1.0, 2.0]], [[0.5]])).dim == 3


def test_every_entry_of_the_family_network_can_be_made():
    entries = [e for e in lab.catalogue("problem").values() if e.family == "network"]
    assert {entry.name for entry in entries} == {
        "circles_mlp",
        "digits_cnn",
        "digits_mlp",
        "digits_two_heads",
        "grokking",
        "moons_mlp",
        "relu_mlp",
        "spirals_mlp",
        "wave_mlp",
    }
    for entry in entries:
        assert entry.title
        assert entry.summary.endswith(".")
        problem = entry.make()
        assert problem.family == "network"
        assert problem.choice.to_data() == entry.name
        assert all(knob.knob.doc for knob in entry.knobs)
        theta = problem.start([torch.Generator(), torch.Generator()])
        assert theta.shape == (2, problem.dim)
        assert problem.value(theta).isfinite().all()
    assert mlp.DigitsMLP.catalogue_name == "digits_mlp"


LEARNERS = ["digits_mlp", "digits_cnn", "digits_two_heads", "wave_mlp", "grokking", "relu_mlp"]
LINEAR = ["deep_linear", "linear_autoencoder", "unconstrained_features"]
EQUATIONS = ["deep_galerkin", "deep_ritz"]


@pytest.mark.parametrize("name", [*LEARNERS, *LINEAR, *EQUATIONS])
def test_knobs_at_their_limits(name):
    entry = lab.catalogue("problem")[name]
    for knob in entry.knobs:
        for value in knob.invalid_values():
            with pytest.raises(ValueError, match=knob.name):
                entry.make(**{knob.name: value})
        if knob.name in ("activation", "skip", "norm", "data_seed", "noise", "waves"):
            for value in knob.valid_values():
                problem = entry.make(**{knob.name: value})
                assert math.isfinite(problem.value(problem.start([torch.Generator()]))[0])


@pytest.mark.parametrize("name", [*LINEAR, *EQUATIONS])
def test_entries_of_other_families_can_be_made(name):
    entry = lab.catalogue("problem")[name]
    assert entry.summary.endswith(".")
    assert entry.paper
    assert entry.look
    assert entry.formula
    assert all(knob.knob.doc for knob in entry.knobs)
    problem = entry.make()
    assert problem.family == "network"
    assert problem.choice.to_data() == name
    theta = problem.start([torch.Generator(), torch.Generator().manual_seed(1)])
    assert theta.shape == (2, problem.dim)
    assert problem.value(theta.float()).dtype == torch.float32
    for metric in problem.metrics(theta).values():
        assert metric.shape == (2,)


@pytest.mark.parametrize(
    ("source", "options", "message"),
    [
        ("rosenbrok", {}, "did you mean 'rosenbrock'"),
        ("rosenbrock", {"c": 1.0}, "'c' is not a known key"),
        (3, {}, "problem = 3: a name of the catalogue"),
        (None, {}, "problem = None: a name of the catalogue"),
        (lab.problem("booth"), {"a": 1}, "'a' is not a known key"),
        ({"nam": "booth"}, {}, "the name of a problem is needed"),
        ("x +* y", {}, "column"),
    ],
)
def test_what_is_no_problem_is_refused(source, options, message):
    with pytest.raises(ValueError, match=message):
        lab.problem(source, **options)

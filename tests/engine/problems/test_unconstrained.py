"""The unconstrained-feature model against its closed forms, the sheet's numbers and descent."""

import json
import math

import numpy as np
import pytest
import torch

import lab
from lab import analysis

CASES = [
    {},
    {"bias": True},
    {"layers": 2},
    {"layers": 3, "bias": True, "width": 5},
    {"counts": (20, 12, 6, 2)},
    {"counts": (20, 12, 6, 2), "bias": True, "layers": 2},
    {"width": 2},
    {"counts": (3, 3), "weight_decay": 0.9, "feature_decay": 0.9},
]


@pytest.fixture
def values(golden):
    return json.loads((golden / "problem_values.json").read_text())


def starts(problem, runs=2):
    return problem.start([torch.Generator().manual_seed(run) for run in range(runs)])


def test_least_loss_and_strengths_are_the_sheets(values):
    wanted = values["P29_nc"]
    problem = lab.problem("unconstrained_features")
    assert problem.least_loss == pytest.approx(wanted["loss"], rel=1e-12)
    assert wanted["loss"] == pytest.approx(wanted["c"] - wanted["c"] ** 2 / 2, rel=1e-12)
    np.testing.assert_allclose(problem.strengths, wanted["singular"], rtol=1e-12)
    uneven = lab.problem("unconstrained_features", counts=(100, 60, 30, 10))
    np.testing.assert_allclose(uneven.strengths, wanted["imbalanced"], rtol=1e-12)
    deeper = lab.problem("unconstrained_features", layers=2)
    np.testing.assert_allclose(deeper.strengths, values["P29_nc_three_factors_s"], atol=2e-6)


def test_a_class_that_is_too_small_vanishes():
    """Below n = N² λ_W λ_H samples, which are 2.5 here."""
    for last, there in ((2, False), (3, True)):
        problem = lab.problem(
            "unconstrained_features",
            counts=(100 - last, last),
            weight_decay=0.05,
            feature_decay=0.005,
        )
        assert (problem.strengths[-1] > 0) == there


@pytest.mark.parametrize("knobs", CASES)
def test_the_optimum_has_the_least_loss_no_slope_and_no_way_down(knobs):
    problem = lab.problem("unconstrained_features", **{"counts": (5, 5, 5), "width": 4, **knobs})
    point = torch.tensor(problem.optima[0].point, dtype=torch.float64)[None]
    assert problem.value(point)[0] == pytest.approx(problem.least_loss, rel=1e-10)
    assert problem.gradient(point).abs().max() < 1e-10
    assert torch.linalg.eigvalsh(problem.hessian(point))[0, 0] > -1e-9
    around = point + 0.3 * torch.randn(200, problem.dim, dtype=torch.float64)
    assert (problem.value(around) > problem.least_loss).all()


@pytest.mark.parametrize("knobs", CASES)
def test_value_and_gradient(knobs):
    problem = lab.problem("unconstrained_features", **knobs)
    theta = starts(problem).requires_grad_()
    value = problem.evaluate(theta)
    (wanted,) = torch.autograd.grad(value.sum(), theta)
    torch.testing.assert_close(problem.gradient(theta.detach()), wanted)
    parts = {name: part[1] for name, part in problem.layout.split(theta.detach()).items()}
    scores = parts["features"]
    for number in range(problem.layers):
        scores = scores @ parts[f"{number + 1}.weight"].T
    scores = scores + parts.get("bias", 0)
    wrong = scores.clone()
    first = 0
    for label, count in enumerate(problem.counts):
        wrong[first : first + count, label] -= 1
        first += count
    total = wrong.square().sum() / (2 * first)
    total += problem.feature_decay / 2 * parts["features"].square().sum()
    for number in range(problem.layers):
        total += problem.weight_decay / 2 * parts[f"{number + 1}.weight"].square().sum()
    torch.testing.assert_close(value[1].detach(), total)


@pytest.mark.parametrize("knobs", [{}, {"bias": True}, {"layers": 3}])
def test_the_optimum_is_collapsed(knobs):
    problem = lab.problem("unconstrained_features", **knobs)
    point = torch.tensor(problem.optima[0].point, dtype=torch.float64)[None]
    features, labels, weight, _ = problem.last_layer(point)
    found = analysis.neural_collapse(features[0], labels, weight[0], frame=problem.collapse_frame)
    for distance in (found.nc1, found.nc2, found.nc3, found.nc2_features):
        assert abs(distance) < 1e-10
    assert problem.metrics(point)["accuracy"] == 1
    assert problem.metrics(point)["excess_loss"].abs() < 1e-12


def test_descent_finds_it_from_anywhere():
    lanes = [lab.Lane("momentum", lr=3.0, runs=2)]
    experiment = lab.Experiment(
        problem="unconstrained_features", lanes=lanes, steps=1500, dtype="float64"
    )
    record = lab.run(experiment)
    found = record.scalar("momentum", "loss")[-1]
    c = 4 * math.sqrt(25 * 5e-3 * 5e-4)
    np.testing.assert_allclose(found, c - c * c / 2, rtol=1e-6)


def test_one_class_is_refused():
    with pytest.raises(ValueError, match="two classes or more"):
        lab.problem("unconstrained_features", counts=(5,))


def test_there_are_classes_but_no_samples_with_outputs():
    problem = lab.problem("unconstrained_features")
    for kind, names in (("optimizer", ("saf", "kfac")), ("probe", ("lazy_rich",))):
        for name in names:
            assert lab.catalogue(kind)[name].factory.unfit(problem)
    assert not lab.catalogue("probe")["neural_collapse"].factory.unfit(problem)

"""The limit of stability: held against what the rules really do on a quadratic."""

import numpy as np
import pytest

import lab
from lab.engine.limits import limit, limits_along

LR = 0.1


def survives(optimizer: str, curvature: float, **knobs) -> bool:
    """Whether a lane on curvature/2 x² comes closer to 0 than it was."""
    problem = lab.problem(lambda x: curvature * (x**2).sum() / 2, dim=1)
    lane = lab.Lane(optimizer, name="it", lr=LR, start=[[1.0]], **knobs)
    made = lab.Experiment(problem, lanes=[lane], steps=600, device="cpu", dtype="float64")
    last = np.abs(lab.run(made).theta("it")[-20:, 0, 0])
    return bool(np.nan_to_num(last, nan=np.inf).max() < 1)


@pytest.mark.parametrize(
    ("optimizer", "knobs", "formula"),
    [
        ("sgd", {}, "2/η"),
        ("sgd", {"momentum": 0.6}, "2(1+μ)/η"),
        ("sgd", {"momentum": 0.6, "dampening": 0.5}, "2(1+μ)/(1−τ)η"),
        ("sgd", {"momentum": 0.6, "nesterov": True}, "2(1+μ)/(1+2μ)η"),
        ("sgd", {"momentum": 0.6, "nesterov": True, "dampening": 0.5}, "2(1+μ)/(1+2μ−μτ)η"),
        ("momentum", {"momentum": 0.8}, "2(1+μ)/η"),
        ("sgd", {"weight_decay": 4.0}, "2/η − λ"),
        ("momentum", {"momentum": 0.8, "weight_decay": 9.0}, "2(1+μ)/η − λ"),
        ("nesterov", {"momentum": 0.8}, "2(1+μ)/(1+2μ)η"),
        ("torch.optim.SGD", {"momentum": 0.6}, "2(1+μ)/η"),
    ],
)
def test_is_where_the_rule_begins_to_grow(optimizer, knobs, formula):
    found = limit(lab.Lane(optimizer, lr=LR, **knobs), 0)
    assert found.formula == formula
    assert survives(optimizer, 0.97 * found.value, **knobs)
    assert not survives(optimizer, 1.03 * found.value, **knobs)


def test_rules_that_scale_the_gradient_have_the_plain_line():
    assert limit(lab.Lane("adam", lr=0.02), 0) == (pytest.approx(100), "2/η")


@pytest.mark.parametrize("optimizer", ["lion", "muon", "newton", "sam", "torch.optim.Adam"])
def test_none_where_the_rule_says_why_there_is_none(optimizer):
    assert limit(lab.Lane(optimizer, lr=0.02), 0) is None


def test_none_without_a_learning_rate():
    assert limit(lab.Lane("sgd", lr=0.0), 0) is None


def test_of_a_swept_run_and_of_a_turned_knob():
    lane = lab.Lane("sgd", lr=[0.1, 0.2])
    assert [limit(lane, 0, run).value for run in (0, 1)] == pytest.approx([20, 10])
    turned = lab.Lane("sgd", lr=0.1).with_change(10, {"lr": 0.4}).with_change(30, {"lr": 0.1})
    steps, values = limits_along(turned, (0, 20))
    assert steps == [0, 10, 10, 20]
    assert values == pytest.approx([20, 20, 5, 5])


def test_along_nothing_where_there_is_none():
    assert limits_along(lab.Lane("sgd", lr=0.0), (0, 20)) == ([], [])


def test_the_limit_follows_a_schedule_up_to_where_it_comes_to_zero():
    lane = lab.Lane("sgd", lr=[0.1, 0.2], lr_schedule={"name": "cosine", "steps": 10})
    steps, values = limits_along(lane, [0, 20], run=1)
    assert steps[0] == 0
    assert values[0] == pytest.approx(2 / 0.2)
    found = dict(zip(steps[::2], values[::2], strict=True))
    assert found[5] == pytest.approx(2 / 0.1)
    assert max(found) == 9  # from step 10 on the learning rate is 0: every curvature is stood
    assert limits_along(lab.Lane("cma_es"), [0, 20]) == ([], [])

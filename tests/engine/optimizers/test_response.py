"""How rules say that they answer curvature, held against what they really do on a quadratic."""

import pytest
import torch

import lab
from lab.engine.lane import live_knobs
from lab.engine.noise import Noise
from lab.engine.optimizers.rule import Rule
from lab.engine.oracle import Oracle
from lab.engine.plan import Lane

LATE = 10_000  # steps after which averages are full
TINY = 1e-9  # far below ε = 1, so that the scaling of the coordinates stands still

CASES = [
    ("sgd", {}),
    ("sgd", {"momentum": 0.7}),
    ("sgd", {"momentum": 0.7, "dampening": 0.4, "weight_decay": 0.5}),
    ("sgd", {"momentum": 0.7, "nesterov": True}),
    ("momentum", {"weight_decay": 0.8}),
    ("nesterov", {"momentum": 0.6}),
    ("sgdw", {"momentum": 0.5, "weight_decay": 0.9}),
    ("sgdw", {"momentum": 0.5, "weight_decay": 0.2, "form": "paper"}),
    ("adam", {"eps": 1.0, "weight_decay": 0.7}),
    ("adam", {"eps": 1.0, "eps_place": "inside", "beta1": 0.5}),
    ("adamw", {"eps": 1.0, "weight_decay": 0.9}),
    ("amsgrad", {"eps": 1.0}),
    ("amsgrad", {"eps": 1.0, "bias_correction": False}),
    ("adamax", {"eps": 1.0}),
    ("nadamw", {"eps": 1.0}),
    ("nadamw", {"eps": 1.0, "form": "optax", "beta1": 0.6}),
    ("rmsprop", {"eps": 1.0, "weight_decay": 0.3}),
    ("rmsprop", {"eps": 1.0, "momentum": 0.8}),
    ("rmsprop", {"eps": 1.0, "centered": True}),
    ("adagrad", {"eps": 1.0, "lr_decay": 1e-5}),
    ("adahessian", {"eps": 1.0, "hessian_power": 0.0, "weight_decay": 0.6}),
]


def made(optimizer: str, curvature: float, **knobs):
    """A rule on curvature/2 x², late in a run: rule, point, state, oracle."""
    spec = Lane(optimizer, lr=0.1, **knobs)
    live = live_knobs(spec, 0, device=torch.device("cpu"), dtype=torch.float64)
    rule = spec.entry.make(**spec.knobs).bind(live)
    problem = lab.problem(lambda x: curvature * (x**2).sum() / 2, dim=1)
    oracle = Oracle(problem, noise=Noise(0, [0]))
    theta = torch.full((1, 1), TINY, dtype=torch.float64)
    state = rule.init(theta, problem.layout)
    if "step" in state._fields:
        state = state._replace(step=LATE)
    return rule, theta, state, oracle


def grows(optimizer: str, curvature: float, **knobs) -> bool:
    rule, theta, state, oracle = made(optimizer, curvature, **knobs)
    sizes = []
    for step in range(900):
        oracle.observe(theta, step)
        theta, state = rule.update(theta, state, oracle)
        sizes.append(float(theta.abs()))
        if sizes[-1] > 100 * TINY:
            return True
    return max(sizes[-20:]) > TINY


@pytest.mark.parametrize(("optimizer", "knobs"), CASES)
def test_the_limit_is_where_the_rule_begins_to_grow(optimizer, knobs):
    rule, theta, state, oracle = made(optimizer, 1.0, **knobs)
    oracle.observe(theta, 0)
    answer = rule.response(rule.update(theta, state, oracle)[1])
    divisor = 1.0 if answer.divisor is None else float(answer.divisor)
    decay = 0.0 if answer.decay is None else float(answer.decay)
    critical = float(answer.limit) * divisor - decay
    assert answer.limit.shape == (1, 1)
    assert not grows(optimizer, 0.98 * critical, **knobs)
    assert grows(optimizer, 1.02 * critical, **knobs)


def test_adam_stands_38_over_eta():
    """Cohen et al. 2022: (2 + 2β₁) / ((1 - β₁) η) with β₁ = 0.9."""
    rule, theta, state, oracle = made("adam", 1.0)
    answer = rule.response(rule.update(theta, state, oracle)[1])
    assert float(answer.limit) == pytest.approx(38 / 0.1)
    assert answer.formula == "2(1+β₁)/(1−β₁)η"


def test_a_rule_that_cannot_say_says_nothing():
    rule, theta, state, oracle = made("lion", 1.0)
    assert rule.response(rule.update(theta, state, oracle)[1]) is None
    assert Rule.response(rule, state) is None

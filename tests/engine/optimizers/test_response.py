"""How rules say that they answer curvature, held against what they really do on a quadratic.

The real rule runs on a bowl of three coordinates whose axes are turned. What its preconditioner is
made of is put back after every step, so that it stands still as the limit takes it to do; then a
small displacement must die out just below the limit, and grow just above.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
import torch
from rule_problems import two_bowls
from scipy.optimize import brentq

import lab
from lab.engine.catalogue import catalogue
from lab.engine.lane import live_knobs
from lab.engine.noise import Noise
from lab.engine.optimizers.response import Response
from lab.engine.optimizers.rule import Rule
from lab.engine.oracle import Oracle
from lab.engine.plan import Lane
from lab.engine.problem import Problem

LATE = 10_001  # steps after which averages are full
TINY = 1e-9  # a displacement so small that it leaves the scaling of the coordinates alone
STILL = 1 - 1e-12  # a memory that takes in next to nothing
VARIED = [[0.5, 1.0, 3.0]]  # of three coordinates
TURN = np.linalg.qr(np.random.default_rng(0).normal(size=(3, 3)))[0]
BOWL = TURN @ np.diag([1.0, 0.4, 0.1]) @ TURN.T
GRAM = (TURN.T @ np.diag([2.0, 0.7, 0.05]) @ TURN).reshape(1, 9)
ROWS = np.array([[[1.0, 0.2, -0.5], [0.0, 0.0, 0.0]]])
CORNER = np.array([1.0, -2.0, 0.0])  # a resting point with a coordinate that is zero


@dataclass(frozen=True)
class Case:
    """A rule, and what is held.

    Attributes:
        optimizer: its name.
        knobs: of the rule.
        held: fields of its state that are put back after every step.
        slope: of the first coordinate, which then has no curvature: a gradient of a fixed norm.
        rest: (3,), where the rule rests.
        pull: of all coordinates away from zero, against a penalty.
        begin: fields of its state that are put in once.
    """

    optimizer: str
    knobs: Mapping[str, Any] = field(default_factory=dict)
    held: Mapping[str, Any] = field(default_factory=dict)
    slope: float = 0.0
    rest: np.ndarray = field(default_factory=lambda: np.zeros(3))
    pull: float = 0.0
    begin: Mapping[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        """The name of the test."""
        return "-".join([self.optimizer, *(f"{k}={v}" for k, v in self.knobs.items())])

    @property
    def hessian(self) -> np.ndarray:
        """(3, 3), of curvature about 1."""
        free = np.diag([0.0 if self.slope else 1.0, 1.0, 1.0])
        return free @ BOWL @ free


SQUARE = {"square": VARIED}
CASES = [
    Case("sgd"),
    Case("sgd", {"momentum": 0.7}),
    Case("sgd", {"momentum": 0.7, "dampening": 0.4, "weight_decay": 0.5}),
    Case("sgd", {"momentum": 0.7, "nesterov": True}),
    Case("momentum", {"weight_decay": 0.8}),
    Case("nesterov", {"momentum": 0.6}),
    Case("sgdw", {"momentum": 0.5, "weight_decay": 0.9}),
    Case("sgdw", {"momentum": 0.5, "weight_decay": 0.2, "form": "paper"}),
    Case("adam", {"weight_decay": 0.7}, SQUARE),
    Case("adam", {"eps": 1.0, "eps_place": "inside", "beta1": 0.5}, SQUARE),
    Case("adamw", {"weight_decay": 0.9}, SQUARE),
    Case("amsgrad", {"eps": 1.0}, {"largest": VARIED}),
    Case("amsgrad", {"bias_correction": False}, {"largest": VARIED}),
    Case("adamax", {"eps": 1.0}, {"size": VARIED}),
    Case("nadam", {}, SQUARE | {"product": [[0.0]]}),
    Case("nadam", {"weight_decay": 0.5}, SQUARE | {"product": [[0.0]]}),
    Case(
        "nadam",
        {"weight_decay": 0.5, "decoupled_weight_decay": True},
        SQUARE | {"product": [[0.0]]},
    ),
    Case("nadam", {}, SQUARE | {"product": [[0.6]], "step": 3}),
    Case("nadamw", {}, SQUARE),
    Case("nadamw", {"form": "optax", "beta1": 0.6}, SQUARE),
    Case("rmsprop", {"weight_decay": 0.3}, SQUARE),
    Case("rmsprop", {"momentum": 0.8}, SQUARE),
    Case("rmsprop", {"centered": True}, SQUARE | {"mean": [[0.1, 0.2, 0.3]]}),
    Case("adagrad", {"lr_decay": 1e-5, "weight_decay": 0.1}, {"total": VARIED}),
    Case("adadelta", {"weight_decay": 0.2}, SQUARE | {"moved": [[0.2, 0.3, 0.1]]}),
    Case("adahessian", {"eps": 1.0, "hessian_power": 0.0, "weight_decay": 0.6}),
    Case("adahessian", {"period": 1000}, SQUARE),
    Case("adam_atan2", {"weight_decay": 0.4, "b": 0.6}, SQUARE),
    Case("diffgrad", {"weight_decay": 0.3}, SQUARE),
    Case("adan", {"weight_decay": 0.5}, SQUARE),
    Case("adan", {"weight_decay": 0.5, "no_prox": True, "beta1": 0.8}, SQUARE),
    Case("adan", {"max_grad_norm": 0.5}, SQUARE, slope=2.0),
    Case("gravity"),
    Case("sophia_h", {"weight_decay": 0.5}, {"curvature": VARIED}),
    Case("sophia_h", {"form": "v1"}, {"curvature": VARIED}),
    Case("oasis", {"beta2": STILL, "form": "fixed"}, {"diagonal": VARIED}),
    Case("sania", {"lb": -1e9}, {"diagonal": VARIED}),
    Case("sania", {"lb": -1e9, "preconditioner": "adam", "form": "numpy"}, {"diagonal": VARIED}),
    Case("sania_hutchinson", {"lb": -1e9, "beta": STILL}, {"diagonal": VARIED}),
    Case("normalized_gd", {"beta": 0.7}, slope=2.0),
    Case("normalized_gd", {"threshold": 3.0}, slope=2.0),
    Case("spider", {}, {"step": 10_000}, slope=2.0),
    Case("sam", {"momentum": 0.4, "weight_decay": 0.3, "rho": 0.5}, slope=2.0),
    Case("langevin", {"temperature": 0.0, "prior": 0.3, "convention": "sgld"}),
    Case("schedule_free_sgd", {"lr": 0.1, "weight_decay": 0.2}, {"weights": [[0.04]]}),
    Case("schedule_free_adamw", {"weight_decay": 0.2}, SQUARE | {"weights": [[0.04]]}),
    Case(
        "dadapt_sgd",
        {"momentum": 0.6, "weight_decay": 0.1},
        {"distance": [[1.0]], "first": [[1.0]]},
    ),
    Case("dadapt_adam", {"weight_decay": 0.1}, SQUARE | {"distance": [[1.0]]}),
    Case("dadapt_adam", {"weight_decay": 0.1, "decoupled": True}, SQUARE | {"distance": [[1.0]]}),
    Case("dadapt_adagrad", {"momentum": 0.6}, {"distance": [[1.0]], "squares": VARIED}),
    Case("prodigy", {"weight_decay": 0.1}, SQUARE | {"distance": [[0.8]]}),
    Case("prodigy", {"weight_decay": 0.1, "decoupled": False}, SQUARE | {"distance": [[0.8]]}),
    Case("dog", {"weight_decay": 0.1}, {"farthest": [[1.0]], "squares": [[2.0]]}),
    Case("ldog", {"weight_decay": 0.1}, {"farthest": [[1.0]], "squares": [[3.0]]}),
    Case("momo", {"lb": -1e9, "weight_decay": 0.5}),
    Case("momo", {"lb": -1e9, "bias_correction": True}),
    Case("momo_adam", {"lb": -1e9, "weight_decay": 0.5}, SQUARE),
    Case("momo_adam", {"lb": -1e9, "weight_decay": 0.5, "divide": False}, SQUARE),
    Case("optimistic_gd"),
    Case("mirror_descent", {"potential": "euclid"}),
    Case("mirror_descent", {"potential": "euclid", "optimistic": True}),
    Case("mirror_descent", {"beta": 0.7}, rest=CORNER),
    Case("ista", {"penalty": 0.01}, rest=CORNER, pull=0.01),
    Case("iht", {"form": "sparse", "sparsity": 2}, rest=CORNER),
    Case("iht", {"penalty": 1e-3, "find_step": True}, {"size": [[0.2]]}, rest=CORNER),
    Case(
        "fista",
        {"penalty": 0.01},
        {"ahead": [[0.8]]},
        rest=CORNER,
        pull=0.01,
        begin={"previous": [CORNER]},
    ),
    Case("mfac", {"ngrads": 2, "momentum": 0.5}, {"gradients": ROWS, "products": ROWS @ ROWS.mT}),
    Case("shampoo", {"momentum": 0.5}, {"statistics": GRAM}),
]


def made(case: Case, times: float):
    """A rule on a bowl of so many times the curvature: rule, point, state, oracle."""
    spec = Lane(case.optimizer, **{"lr": 0.1} | dict(case.knobs))
    live = live_knobs(spec, 0, device=torch.device("cpu"), dtype=torch.float64)
    rule = spec.entry.make(**spec.knobs).bind(live)
    bowl, rest = torch.tensor(times * case.hessian), torch.tensor(case.rest)

    def loss(x):
        away = x - rest.to(x)
        tilt = case.slope * x[0] - case.pull * (rest.sign().to(x) * x).sum()
        return away @ bowl.to(x) @ away / 2 + tilt

    problem = lab.problem(loss, dim=3)
    shift = torch.tensor([TINY, -TINY / 2, TINY / 3]) * (rest != 0 if rest.any() else 1)
    theta = (rest + shift)[None]
    state = put(rule.init(theta, problem.layout), case.begin, theta)
    return rule, theta, put(state, case.held, theta), Oracle(problem, noise=Noise(0, [0]))


def put(state: Any, values: Mapping[str, Any], theta: torch.Tensor) -> Any:
    """The state with some fields put in, late in a run."""
    late = {"step": LATE} if "step" in state._fields else {}
    fixed = {
        name: value if name == "step" else theta.new_tensor(np.array(value))
        for name, value in (late | dict(values)).items()
    }
    return state._replace(**fixed)


def answer_of(case: Case, times: float = 1.0) -> Response:
    rule, theta, state, oracle = made(case, times)
    oracle.observe(theta, LATE)
    return rule.response(theta, state, oracle)


def roots(answer: Response, dim: int = 3, run: int = 0) -> np.ndarray:
    """P^{-1/2}, (dim, dim)."""
    if answer.root is not None:
        return answer.root(torch.eye(dim, dtype=torch.float64), run).numpy()
    return np.eye(dim) if answer.divisor is None else np.diag(answer.divisor[run].numpy() ** -0.5)


def grows(case: Case, times: float) -> bool:
    rule, theta, state, oracle = made(case, times)
    rest, sizes = torch.tensor(case.rest), []
    for step in range(1200):
        oracle.observe(theta, LATE + step)
        theta, state = rule.update(theta, state, oracle)
        state = put(state, case.held, theta)
        away = (theta - rest)[:, 1:] if case.slope else theta - rest
        sizes.append(float(away.norm()))
        if sizes[-1] > 1000 * TINY:
            return True
        if step > 50 and max(sizes[-50:]) < TINY / 3:
            return False
    return max(sizes[-50:]) > TINY


@pytest.mark.parametrize("case", CASES, ids=str)
def test_the_limit_is_where_the_rule_begins_to_grow(case):
    answer = answer_of(case)
    assert isinstance(answer, Response)
    assert answer.limit.shape == (1, 1)
    root, decay = roots(answer), 0.0 if answer.decay is None else float(answer.decay)

    def over(times: float) -> float:
        met = root @ (times * case.hessian + decay * np.eye(3)) @ root
        return np.linalg.eigvalsh(met)[-1] - float(answer.limit)

    critical = brentq(over, 0.0, 1e9, xtol=1e-9)
    assert not grows(case, 0.98 * critical)
    assert grows(case, 1.02 * critical)


def test_adam_stands_38_over_eta():
    """Cohen et al. 2022: (2 + 2β₁) / ((1 - β₁) η) with β₁ = 0.9."""
    answer = answer_of(Case("adam"))
    assert float(answer.limit) == pytest.approx(38 / 0.1)
    assert answer.formula == "2(1+β₁)/(1−β₁)η"


def test_sam_stands_what_long_and_bartlett_found():
    """‖g‖/2ρ (√(1 + 8ρ/η‖g‖) - 1) for plain steps, arXiv 2309.12488."""
    norm, rho, lr = 2.0, 0.5, 0.1
    edge = norm / (2 * rho) * (np.sqrt(1 + 8 * rho / (lr * norm)) - 1)
    answer = answer_of(Case("sam", {"rho": rho}, slope=norm))
    assert float(answer.limit) == pytest.approx(edge)
    assert isinstance(answer_of(Case("sam", {"adaptive": True})), str)


def test_the_sum_of_losses_is_plain_descent():
    rule, theta, state, oracle = on(two_bowls(), "sum_of_losses", lr=0.1)
    assert float(rule.response(theta, state, oracle).limit) == pytest.approx(20)


ON_NETWORKS = [
    ("kfac", {"fisher": "exact"}),
    ("kfac", {"fisher": "exact", "damping_form": "product", "kl_clip": 1e-3}),
    ("shampoo", {"beta2": 0.9}),
    ("mfac", {"ngrads": 4}),
    ("mfac", {"ngrads": 4, "weight_decay": 0.3}),
    ("ldog", {"weight_decay": 0.2}),
    ("sophia_g", {"beta1": 0.0, "gamma": 1e3, "weight_decay": 0.0}),
]


@pytest.mark.parametrize(("optimizer", "knobs"), ON_NETWORKS)
def test_the_preconditioner_makes_the_steps_of_the_rule(optimizer, knobs):
    """On a network, after some steps: the step without momentum is -η P^{-1/2} P^{-1/2} g."""
    problem = lab.problem("moons_mlp", samples=40, widths=(6, 5))
    rule, theta, state, oracle = on(problem, optimizer, runs=2, **{"lr": 0.1} | knobs)
    for step in range(3):
        oracle.observe(theta, step)
        theta, state = rule.update(theta, state, oracle)
    oracle.observe(theta, 3)
    moved, _ = rule.update(theta, state, oracle)
    answer = rule.response(theta, state, oracle)
    for run in range(2):
        root = roots(answer, problem.dim, run)
        assert np.allclose(root, root.T, atol=1e-9 * abs(root).max())
        slope = oracle.gradient(theta)[run]
        if answer.decay is not None:
            slope = slope + answer.decay[run] * theta[run]
        step, free = (moved - theta)[run].numpy(), root.any(0)
        assert free.sum() > 30
        expected = -float(answer.rate[run]) * (root @ root @ slope.numpy())
        np.testing.assert_allclose(step[free], expected[free], atol=1e-9 * abs(step).max())


@pytest.mark.parametrize(("times", "unstable"), [(0.98, False), (1.02, True)])
def test_kfac_begins_to_grow_at_its_limit(times, unstable):
    """One linear layer with squared errors is a quadratic; the factors are held."""

    def start(scale: float):
        inputs = np.sqrt(scale) * np.random.default_rng(1).normal(size=(20, 3))
        data = torch.tensor(inputs), torch.zeros(20, 1, dtype=torch.float64)
        problem = lab.problem(torch.nn.Linear(3, 1, bias=False), data=data, loss="mse")
        found = on(problem, "kfac", lr=0.1, momentum=0.3, period=1000)
        rule, theta, state, oracle = found
        factors = torch.cat([torch.tensor(GRAM), torch.ones(1, 1)], 1).to(theta)
        return rule, theta * 0 + TINY, state._replace(step=LATE, factors=factors), oracle

    rule, theta, state, oracle = start(1.0)
    answer = rule.response(theta, state, oracle)
    root, bend = roots(answer), oracle.problem.hessian(theta)[0].numpy()
    scale = times * float(answer.limit) / np.linalg.eigvalsh(root @ bend @ root)[-1]
    rule, theta, state, oracle = start(scale)
    for step in range(400):
        oracle.observe(theta, step)
        theta, state = rule.update(theta, state._replace(step=LATE), oracle)
    assert bool(theta.norm() > 10 * TINY) == unstable


def test_clipped_coordinates_do_not_answer():
    case = Case("sophia_h", {}, {"curvature": [[1.0, -1.0, 2.0]]})
    assert answer_of(case).divisor[0].isinf().tolist() == [False, True, False]


@pytest.mark.parametrize("times", [1.0, 1e4])
def test_a_rule_of_the_sign_hops_by_eta_whatever_the_curvature(times):
    """The plain sign, on a slope that turns round: two places η apart, η/2 to either side."""
    problem = lab.problem(lambda x: times * (x**2).sum() / 2, dim=1)
    rule, _, state, oracle = on(problem, "lion", lr=0.1, beta1=0.0, beta2=0.0)
    theta, places = torch.tensor([[1.03]], dtype=torch.float64), []
    for step in range(100):
        oracle.observe(theta, step)
        theta, state = rule.update(theta, state, oracle)
        places.append(float(theta))
    assert max(places[-10:]) - min(places[-10:]) == pytest.approx(0.1)
    assert min(places[-10:]) < 0 < max(places[-10:])
    assert "half of it" in rule.response(theta, state, oracle)


def test_every_rule_answers_or_says_why_not():
    answering = {case.optimizer for case in CASES} | {"kfac", "sum_of_losses", "sophia_g"}
    for name, entry in catalogue("optimizer").items():
        rule = entry.factory
        overrides = rule.response is not Rule.response
        assert overrides == (name in answering), name
        assert overrides or rule.no_limit.endswith("."), name


def on(problem: Problem, optimizer: str, *, runs: int = 1, **knobs):
    """A rule at the start of a run on a problem: rule, point, state, oracle."""
    spec = Lane(optimizer, runs=runs, **knobs)
    live = live_knobs(spec, 0, device=torch.device("cpu"), dtype=torch.float64)
    rule = spec.entry.make(**spec.knobs).bind(live)
    theta = problem.start([torch.Generator().manual_seed(i) for i in range(runs)]).double()
    oracle = Oracle(problem, noise=Noise(0, list(range(runs))))
    return rule, theta, rule.init(theta, problem.layout), oracle

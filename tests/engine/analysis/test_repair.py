import numpy as np
import pytest
import residual_networks
import torch
from torch import nn

import lab
from lab import analysis
from lab.engine.analysis.repair import Repair

RNG = np.random.default_rng(5)


def moments(problem, theta):
    """Mean and deviation of each hidden unit's sums, layer by layer."""
    found = []
    for sums in problem.hidden_sums(theta):
        rows = sums[0].transpose(0, 1).flatten(1).numpy()
        found.append((rows.mean(axis=1), rows.std(axis=1)))
    return found


@pytest.mark.parametrize(
    ("name", "knobs"),
    [
        ("digits_mlp", {"widths": (9, 8), "activation": "relu"}),
        ("digits_mlp", {"widths": (9, 9), "skip": True}),
        ("digits_cnn", {"widths": (3, 4)}),
        (residual_networks.PlainResNet, {}),
        (residual_networks.Mixed, {}),
    ],
)
def test_every_unit_gets_the_statistics_between_those_of_the_ends(name, knobs):
    if isinstance(name, str):
        problem = lab.problem(name, samples=40, **knobs)
    else:
        problem = residual_networks.problem_of(name)
    a, b = (torch.as_tensor(RNG.normal(size=problem.dim)) for _ in range(2))
    t = torch.tensor([0.0, 0.3, 1.0], dtype=torch.float64)
    line = (1 - t[:, None]) * a + t[:, None] * b
    mended = Repair(problem, a, b)(line, t)
    assert (mended[[0, 2]] == line[[0, 2]]).all()
    ends = moments(problem, a[None]), moments(problem, b[None])
    for found, one, two in zip(moments(problem, mended[1:2]), *ends, strict=True):
        for value, first, second in zip(found, one, two, strict=True):
            np.testing.assert_allclose(value, 0.7 * first + 0.3 * second, rtol=1e-9, atol=1e-12)


def test_sums_are_those_before_the_activation():
    problem = lab.problem("digits_mlp", samples=20, widths=(5, 4), activation="relu")
    theta = torch.as_tensor(RNG.normal(size=(1, problem.dim)))
    sums, states = problem.hidden_sums(theta), problem.hidden(theta)
    assert (sums[0] < 0).any()
    for before, after in zip(sums, states, strict=True):
        torch.testing.assert_close(torch.relu(before), after)
    problem = lab.problem("digits_cnn", samples=10, widths=(3, 2))
    theta = torch.as_tensor(RNG.normal(size=(2, problem.dim)))
    for before, after in zip(problem.hidden_sums(theta), problem.hidden(theta), strict=True):
        assert (before < 0).any()
        torch.testing.assert_close(torch.relu(before), after)


def test_a_matched_line_is_repaired(digits, pair):
    moved = analysis.match_permutation(digits, *pair)
    plain = analysis.linear_path(digits, pair[0], moved)
    mended = analysis.linear_path(digits, pair[0], moved, repair=True)
    np.testing.assert_allclose(mended.loss[[0, -1]], plain.loss[[0, -1]], rtol=1e-12)
    assert mended.barrier < 0.9 * plain.barrier


def test_residual_networks_without_normalisation_are_repaired():
    problem, a, b = residual_networks.trained_pair(residual_networks.PlainResNet)
    moved = analysis.match_permutation(problem, a, b)
    plain, matched, mended = (
        analysis.linear_path(problem, a, end, points=5, repair=repair)
        for end, repair in ((b, False), (moved, False), (moved, True))
    )
    assert mended.barrier < matched.barrier < plain.barrier


def test_what_is_normalised_needs_no_repair():
    problem = lab.problem("digits_mlp", samples=30, widths=(6,), norm=True)
    a, b = RNG.normal(size=(2, problem.dim))
    plain, mended = (
        analysis.linear_path(problem, a, b, points=5, repair=repair) for repair in (False, True)
    )
    np.testing.assert_array_equal(plain.loss, mended.loss)


def test_batch_normalisation_makes_new_statistics_at_every_point_of_a_line():
    problem = lab.problem("digits_mlp", samples=50, widths=(6,), norm=True)
    a, b = (torch.as_tensor(RNG.normal(size=problem.dim)) for _ in range(2))
    found = analysis.linear_path(problem, a, b, points=3).loss[1]
    inputs, targets = problem.dataset.inputs, problem.dataset.targets
    module = nn.Sequential(nn.Linear(64, 6), nn.BatchNorm1d(6), nn.Tanh(), nn.Linear(6, 10))
    module = module.double().train()  # torch's own statistics of all that it is called with
    nn.utils.vector_to_parameters((a + b) / 2, module.parameters())
    wanted = nn.functional.cross_entropy(module(inputs.double()), targets)
    assert float(found) == pytest.approx(float(wanted.detach()), rel=1e-9)


@pytest.mark.parametrize(
    ("module", "message"),
    [
        (nn.Sequential(nn.Linear(3, 4, bias=False), nn.ReLU(), nn.Linear(4, 2)), "without bias"),
        (nn.Sequential(nn.Linear(3, 4), *2 * [nn.Linear(4, 4)], nn.Linear(4, 2)), "more than once"),
    ],
)
def test_what_cannot_be_repaired(module, message):
    data = RNG.normal(size=(9, 3)), np.arange(9) % 2
    problem = lab.problem(module.double(), data=data, loss="cross_entropy")
    a, b = RNG.normal(size=(2, problem.dim))
    with pytest.raises(ValueError, match=message):
        analysis.linear_path(problem, a, b, repair=True)

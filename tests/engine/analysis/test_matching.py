import functools
import itertools

import numpy as np
import pytest
import residual_networks
import torch
from torch import nn

import lab
from lab import analysis
from lab.engine.analysis.chain import wiring_of
from lab.engine.analysis.matching import METHODS
from lab.engine.seeds import generator

RNG = np.random.default_rng(0)
INPUTS, CLASSES = RNG.normal(size=(40, 3)), RNG.integers(0, 2, 40)


def network(*widths):
    layers = []
    for wide, narrow in itertools.pairwise((3, *widths, 2)):
        layers += [nn.Linear(wide, narrow), nn.Tanh()]
    module = nn.Sequential(*layers[:-1]).double()
    return lab.problem(module, data=(INPUTS, CLASSES), loss="cross_entropy")


def test_weight_matching_of_the_reference_networks(digits, pair, numbers):
    found = analysis.best_permutation(digits, *pair)
    assert found.objective == pytest.approx(float(numbers["R2_A_objective_wm"]), rel=1e-12)
    assert found.objective_before == pytest.approx(
        float(numbers["R2_A_objective_identity"]), rel=1e-12
    )
    assert (found.permutations[0] == numbers["R2_A_perms_wm"][0]).all()
    moved = analysis.match_permutation(digits, *pair)
    assert (moved == found.theta).all()
    path = analysis.linear_path(digits, pair[0], moved)
    np.testing.assert_allclose(path.loss, numbers["R2_A_curve_wm"][:, 0], rtol=1e-9)
    assert path.barrier == pytest.approx(numbers["R2_A_barriers_wm_tr_te"][0, 0], rel=1e-9)


def test_the_permuted_copy_of_the_reference(digits, pair, numbers):
    wiring, order = wiring_of(digits), torch.as_tensor(numbers["R2_A_self_perms"][0])
    wanted = numbers["R2_A_self_curve_naive"][:, 0]
    naive = [
        wiring.permuted(torch.as_tensor(pair[0]), [turn]).numpy()
        for turn in (order, order.argsort())
    ]
    paths = [analysis.linear_path(digits, pair[0], copy) for copy in naive]
    fits = [np.allclose(path.loss, wanted, rtol=1e-9) for path in paths]
    assert any(fits)  # one of the two ways to read a permutation
    copy, path = naive[fits.index(True)], paths[fits.index(True)]
    assert path.barrier == pytest.approx(0.29105, abs=5e-6)
    back = analysis.match_permutation(digits, pair[0], copy)
    aligned = analysis.linear_path(digits, pair[0], back)
    np.testing.assert_allclose(aligned.loss, numbers["R2_A_self_curve_aligned"][:, 0], rtol=1e-9)
    assert aligned.barrier < 1e-15


@pytest.mark.parametrize("method", METHODS)
def test_a_permuted_copy_is_put_back(digits, pair, method):
    order = torch.as_tensor(RNG.permutation(64))
    shuffled = wiring_of(digits).permuted(torch.as_tensor(pair[0]), [order])
    back = analysis.match_permutation(digits, pair[0], shuffled.numpy(), method=method)
    path = analysis.linear_path(digits, pair[0], back)
    assert path.barrier == pytest.approx(0, abs=1e-12)
    if method == "weights":
        assert (back == pair[0]).all()


@pytest.mark.parametrize("method", METHODS)
def test_channels_of_a_convolutional_network_are_put_back(method):
    problem = lab.problem("digits_cnn", samples=50, widths=(5, 6), norm=True)
    theta = torch.as_tensor(RNG.normal(size=problem.dim))
    order = [torch.as_tensor(RNG.permutation(count)) for count in (5, 6)]
    shuffled = wiring_of(problem).permuted(theta, order)
    assert problem.value(shuffled) == pytest.approx(float(problem.value(theta)), rel=1e-10)
    found = analysis.match_permutation(problem, theta, shuffled, method=method)
    torch.testing.assert_close(found, theta, rtol=0, atol=0)


def test_activation_matching_is_as_good_as_the_reference(digits, pair, numbers):
    found = analysis.best_permutation(digits, *pair, method="activations")
    outputs = [
        np.maximum(
            digits.dataset.inputs.numpy() @ theta[:4096].reshape(64, 64).T + theta[4096:4160], 0
        )
        for theta in pair
    ]
    gains = outputs[0].T @ outputs[1]
    reference = numbers["R2_A_perms_act_inner"][0]  # units that are never at work leave ties
    wanted = gains[np.arange(64), reference].sum()
    assert gains[np.arange(64), found.permutations[0]].sum() == pytest.approx(wanted, rel=1e-12)
    path = analysis.linear_path(digits, pair[0], found.theta)
    assert path.barrier == pytest.approx(numbers["R2_A_barriers_act_inner_tr_te"][0, 0], rel=0.05)


def test_one_hidden_layer_against_all_permutations():
    problem = network(5)
    a, b = RNG.normal(size=(2, problem.dim))
    wiring = wiring_of(problem)
    best = max(
        wiring.objective(torch.as_tensor(a), torch.as_tensor(b), [torch.tensor(order)])
        for order in itertools.permutations(range(5))
    )
    assert analysis.best_permutation(problem, a, b).objective == pytest.approx(best, rel=1e-12)


@pytest.mark.parametrize("seed", range(5))
def test_several_hidden_layers_end_where_no_single_layer_can_gain(seed):
    problem = network(4, 4, 3)
    a, b = RNG.normal(size=(2, problem.dim))
    found = analysis.best_permutation(problem, a, b, seed=seed)
    assert found.objective >= found.objective_before
    assert problem.value(found.theta) == pytest.approx(problem.value(b), rel=1e-12)
    wiring = wiring_of(problem)
    orders = [torch.as_tensor(order) for order in found.permutations]
    for layer, order in enumerate(orders):
        for other in itertools.permutations(range(len(order))):
            changed = [*orders[:layer], torch.tensor(other), *orders[layer + 1 :]]
            value = wiring.objective(torch.as_tensor(a), torch.as_tensor(b), changed)
            assert value <= found.objective + 1e-9


def test_correlations_of_the_reference_networks(digits, pair, numbers):
    """Units that are never at work may stand anywhere: the gain of the reference counts."""
    found = analysis.best_permutation(digits, *pair, method="correlations")
    rows = []
    for theta in pair:
        inputs = digits.dataset.inputs.numpy()
        values = np.maximum(inputs @ theta[:4096].reshape(64, 64).T + theta[4096:4160], 0)
        values, spread = values - values.mean(0), values.std(0)
        rows.append(values / np.where(spread > 0, spread, 1))
    gains = rows[0].T @ rows[1] / len(rows[0])
    reference = numbers["R2_A_perms_act_pearson"][0]
    wanted = gains[np.arange(64), reference].sum()
    assert gains[np.arange(64), found.permutations[0]].sum() == pytest.approx(wanted, rel=1e-12)
    path = analysis.linear_path(digits, pair[0], found.theta)
    golden = numbers["R2_A_barriers_act_pearson_tr_te"][0, 0]
    assert path.barrier == pytest.approx(golden, rel=0.15)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("norm", [False, True])
@pytest.mark.parametrize("widths", [(12, 12, 12), (8, 12, 6)])
def test_layers_tied_by_skip_connections_are_put_back_together(method, norm, widths):
    problem = lab.problem("digits_mlp", samples=60, widths=widths, skip=True, norm=norm)
    theta = torch.as_tensor(np.random.default_rng(1).normal(size=problem.dim)) / 3
    shuffled, orders = shuffle(problem, theta)
    assert problem.value(shuffled) == pytest.approx(float(problem.value(theta)), rel=1e-10)
    before = analysis.linear_path(problem, theta, shuffled, points=5)
    assert np.ptp(np.asarray(before.loss)) > 1e-3
    found = analysis.best_permutation(problem, theta, shuffled, method=method)
    torch.testing.assert_close(found.theta, theta, rtol=0, atol=0)
    for order, back in zip(orders, found.permutations, strict=True):
        assert (order[back] == torch.arange(len(order))).all()


@pytest.mark.parametrize("method", METHODS)
def test_channels_tied_by_skip_connections_are_put_back_together(method):
    problem = lab.problem("digits_cnn", samples=40, widths=(5, 7, 7), skip=True, norm=True)
    theta = torch.as_tensor(np.random.default_rng(2).normal(size=problem.dim))
    shuffled, _ = shuffle(problem, theta)
    found = analysis.match_permutation(problem, theta, shuffled, method=method)
    torch.testing.assert_close(found, theta, rtol=0, atol=0)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("name", ["ResidualMLP", "ResNet", "PlainResNet", "Mixed", "convolutions"])
def test_modules_with_skips_shortcuts_and_norms_are_put_back(name, method):
    problem = residual_networks.problem_of(getattr(residual_networks, name))
    theta = problem.start([generator(0, "start")])[0]
    theta = theta + 0.1 * torch.as_tensor(np.random.default_rng(4).normal(size=problem.dim))
    shuffled, _ = shuffle(problem, theta)
    before = analysis.linear_path(problem, theta, shuffled, points=5)
    found = analysis.match_permutation(problem, theta, shuffled, method=method)
    torch.testing.assert_close(found, theta, rtol=0, atol=0)
    after = analysis.linear_path(problem, theta, found, points=5)
    assert np.ptp(before.loss.numpy()) > 1e-3 > 1e-12 > np.ptp(after.loss.numpy())


@pytest.fixture(scope="module")
def trained():
    """Digits, and two residual networks that were trained on them a little."""
    make = functools.partial(residual_networks.ResNet, widths=(12, 16, 16))
    problem, a, b = residual_networks.trained_pair(make)
    return problem, a, b, analysis.linear_path(problem, a, b, points=5)


@pytest.mark.parametrize(("method", "most"), [("weights", 0.8), ("activations", 0.5)])
def test_matching_lowers_the_barrier_between_trained_residual_networks(trained, method, most):
    problem, a, b, plain = trained
    moved = analysis.match_permutation(problem, a, b, method=method)
    matched, repaired = (
        analysis.linear_path(problem, a, moved, points=5, repair=repair) for repair in (False, True)
    )
    assert plain.loss[[0, -1]].max() < 0.1
    assert matched.barrier < most * plain.barrier
    np.testing.assert_array_equal(matched.loss, repaired.loss)  # batch normalisation has done it
    assert problem.value(moved) == pytest.approx(float(problem.value(b)), rel=1e-4)


def shuffle(problem, theta):
    """A copy whose groups of units are in another order, and the order of each."""
    draws, wiring = np.random.default_rng(3), wiring_of(problem)
    orders = [torch.as_tensor(draws.permutation(group.size)) for group in wiring.groups]
    return wiring.permuted(theta, orders), orders


def test_the_same_seed_gives_the_same_permutation():
    problem = network(8, 8, 8)
    a, b = RNG.normal(size=(2, problem.dim))
    one, same = (analysis.match_permutation(problem, a, b, seed=2) for _ in range(2))
    assert (one == same).all()


@pytest.mark.parametrize(
    ("make", "arguments", "message"),
    [
        (lambda: lab.problem("booth"), {}, "only in a chain of layers"),
        (lambda: network(), {}, "with a hidden layer"),
        (lambda: network(4), {"method": "weight"}, "method = 'weight' .*'weights'"),
    ],
)
def test_what_cannot_be_matched(make, arguments, message):
    problem = make()
    a, b = RNG.normal(size=(2, problem.dim))
    with pytest.raises(ValueError, match=message):
        analysis.match_permutation(problem, a, b, **arguments)


def test_networks_with_numbers_that_are_not_finite():
    problem = network(4)
    with pytest.raises(ValueError, match="finite parameters"):
        analysis.match_permutation(problem, np.ones(problem.dim), np.full(problem.dim, np.nan))

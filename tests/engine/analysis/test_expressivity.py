import itertools

import numpy as np
import pytest
import torch
from torch import nn

import lab
from lab import analysis


def network(*widths, activation=nn.ReLU):
    """A network without data that matter; its outputs are asked at other inputs."""
    layers = []
    for wide, narrow in itertools.pairwise(widths):
        layers += [nn.Linear(wide, narrow), activation()]
    module = nn.Sequential(*layers[:-1]).double()
    data = np.zeros((4, widths[0])), np.zeros((4, widths[-1]))
    return lab.problem(module, data=data, loss="mse")


@pytest.mark.parametrize("case", "abcd")
def test_reference_networks(numbers, case):
    widths = numbers[f"R3_{case}_arch"].tolist()
    theta = np.concatenate([numbers[f"R3_{case}_P{i}"].ravel() for i in range(2 * len(widths) - 2)])
    parameters, bound, rank = numbers[f"R3_{case}_nparam_bound_rank"]
    found = analysis.functional_dimension(network(*widths), theta)
    assert len(theta) == parameters
    assert (found.rank, found.bound) == (rank, bound)
    assert found.gap > 1e9
    assert found.singular_values.shape == (parameters,)


def test_units_that_are_dead_always_on_doubled_or_without_effect(numbers):
    w, b, v, c = (numbers[f"R3_e_241_P{i}"].copy() for i in range(4))
    inputs = numbers["R3_e_241_Z"]
    variants = [(w, b, v, c)]
    dead, on = b.copy(), b.copy()
    dead[0], on[0] = -1e3, 1e3
    variants += [(w, dead, v, c), (w, on, v, c)]
    double_w, double_b, double_v = w.copy(), b.copy(), v.copy()
    double_w[1], double_b[1], double_v[0, 1] = w[0], b[0], v[0, 0]
    variants.append((double_w, double_b, double_v, c))
    mute = v.copy()
    mute[0, 0] = 0
    variants.append((w, b, mute, c))
    ranks = [
        analysis.functional_dimension(
            network(2, 4, 1), np.concatenate([x.ravel() for x in variant]), inputs=inputs
        ).rank
        for variant in variants
    ]
    assert ranks == numbers["R3_e_241_ranks_generic_dead_alwayson_duplicate_zeroout"].tolist()


def test_only_units_that_can_be_scaled_lower_the_bound():
    theta = np.random.default_rng(0).normal(size=21)
    assert analysis.functional_dimension(network(2, 5, 1), theta).bound == 16
    tanh = analysis.functional_dimension(network(2, 5, 1, activation=nn.Tanh), theta)
    assert (tanh.rank, tanh.bound) == (21, 21)
    assert tanh.gap == np.inf


def test_few_points_give_few_rows():
    theta = np.random.default_rng(0).normal(size=21)
    found = analysis.functional_dimension(network(2, 5, 1), theta, points=3)
    assert found.rank == 3
    assert found.points == 3


def test_kinds_of_numbers():
    theta = torch.randn(21, generator=torch.Generator().manual_seed(0))
    found = analysis.functional_dimension(network(2, 5, 1), theta, points=100)
    assert found.singular_values.dtype == torch.float32
    assert found.gap > 1e9  # computed in double precision all the same


def test_what_is_no_function_of_one_input():
    with pytest.raises(ValueError, match="is no network"):
        analysis.functional_dimension(lab.problem("booth"), [0.0, 1.0])
    problem = lab.problem("moons_mlp", norm=True)
    theta = problem.start([torch.Generator().manual_seed(0)])[0]
    with pytest.raises(ValueError, match="batch normalisation"):
        analysis.functional_dimension(problem, theta, points=10)


@pytest.mark.parametrize("width", [4, 6, 8])
def test_how_often_random_networks_have_no_hidden_symmetry(numbers, width):
    """The part of 20 random networks whose rank is at the bound: it falls with depth."""
    table = numbers["R3_f_cols_width_depth_nparam_bound_mean_min_max_fracAtBound_20inits"]
    draws, parts = torch.Generator().manual_seed(0), []
    for _, depth, parameters, bound, mean, *_, wanted in table[table[:, 0] == width][:3]:
        problem = lab.problem("relu_mlp", inputs=width, widths=(width,) * int(depth), teacher=())
        assert problem.dim == parameters
        found = [
            analysis.functional_dimension(problem, theta, points=20 * problem.dim)
            for theta in problem.start([draws] * 20)
        ]
        assert {one.bound for one in found} == {bound}
        assert max(one.rank for one in found) <= bound
        ranks = np.mean([one.rank for one in found])
        assert ranks == pytest.approx(mean, abs=0.15 * bound)
        parts.append(np.mean([one.rank == bound for one in found]))
        assert parts[-1] == pytest.approx(wanted, abs=0.35)  # 20 draws of each
    assert parts[0] == 1
    assert parts == sorted(parts, reverse=True)

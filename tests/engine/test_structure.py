"""What a network's last layer sees, against the outputs that it makes of it."""

import pytest
import torch
from torch import nn

import lab

POINTS = torch.randn(3, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def starts(problem, runs=2):
    draws = torch.Generator().manual_seed(1)
    return 0.3 * torch.randn(runs, problem.dim, generator=draws, dtype=torch.float64)


@pytest.mark.parametrize(
    "name", [("moons_mlp", {}), ("moons_mlp", {"widths": ()}), ("digits_cnn", {"samples": 30})]
)
def test_features_and_weight_of_the_last_layer_make_the_outputs(name):
    problem = lab.problem(name[0], **name[1])
    theta = starts(problem)
    features, labels, weight, bias = problem.last_layer(theta)
    torch.testing.assert_close(bias, theta[:, -problem.classes :])
    outputs = problem.outputs(theta, problem.dataset.inputs)
    torch.testing.assert_close(features @ weight.mT + bias[:, None], outputs)
    assert labels.equal(problem.dataset.targets)
    assert problem.collapse_frame == "simplex"


def test_linear_layers_in_a_row_count_as_one():
    layers = [nn.Linear(4, 5), nn.ReLU(), nn.Linear(5, 6, bias=False), nn.Linear(6, 2, bias=False)]
    problem = lab.problem(nn.Sequential(*layers), data=(POINTS, [0, 1, 0]), loss="mse")
    theta = starts(problem)
    features, labels, weight, bias = problem.last_layer(theta)
    assert bias is None
    assert features.shape == (2, 3, 5)
    assert labels.tolist() == [0, 1, 0]
    torch.testing.assert_close(features @ weight.mT, problem.outputs(theta, POINTS))
    assert problem.collapse_frame == "orthogonal"


def test_biases_of_linear_layers_in_a_row_are_one():
    layers = [nn.Linear(4, 5), nn.ReLU(), nn.Linear(5, 6), nn.Linear(6, 3, bias=False)]
    layers.append(nn.Linear(3, 2))
    problem = lab.problem(nn.Sequential(*layers), data=(POINTS, [0, 1, 0]), loss="mse")
    theta = starts(problem)
    features, _, weight, bias = problem.last_layer(theta)
    outputs = problem.outputs(theta, POINTS)
    torch.testing.assert_close(features @ weight.mT + bias[:, None], outputs)


def test_problems_without_such_a_layer_say_so():
    curved = nn.Sequential(nn.Linear(4, 2), nn.Tanh())
    sources = [
        lab.problem("rosenbrock"),
        lab.problem("wave_mlp"),
        lab.problem(curved, data=(POINTS, [0, 1, 0]), loss="mse"),
    ]
    for problem in sources:
        assert not problem.collapse_frame
        with pytest.raises(ValueError, match="no last layer that scores classes"):
            problem.last_layer(starts(problem))

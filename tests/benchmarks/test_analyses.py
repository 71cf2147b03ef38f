"""Analyses of the digits MLP against what people would write themselves."""

import time

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits
from timing import seconds
from torch import nn

import lab

POINTS = 51
AXIS = torch.linspace(-1, 1, POINTS)


@pytest.fixture(scope="module")
def digits():
    """The module, its data and the lab's problem of them, with a point and two directions."""
    inputs, targets = load_digits(return_X_y=True)
    inputs, targets = torch.tensor(inputs / 16, dtype=torch.float32), torch.tensor(targets)
    torch.manual_seed(0)
    layers = nn.Linear(64, 64), nn.Tanh(), nn.Linear(64, 64), nn.Tanh(), nn.Linear(64, 10)
    module = nn.Sequential(*layers)
    problem = lab.problem(module, data=(inputs, targets), loss="cross_entropy")
    theta = nn.utils.parameters_to_vector(module.parameters()).detach()
    plane = lab.analysis.random_plane(problem, theta)
    return module, inputs, targets, problem, theta, plane


def test_a_surface_on_all_samples(benchmark, claims, digits):
    module, inputs, targets, problem, theta, plane = digits
    found = {}

    def lean_loop():
        rows = []
        with torch.no_grad():
            for b in AXIS:
                for a in AXIS:
                    point = theta + a * plane.d1 + b * plane.d2
                    nn.utils.vector_to_parameters(point, module.parameters())
                    rows.append(nn.functional.cross_entropy(module(inputs), targets).item())
        found["lean"] = np.array(rows).reshape(POINTS, POINTS)

    def ours():
        begin = time.perf_counter()

        def progress(report):
            if report.partial is not None and "first" not in found:
                found["first"] = time.perf_counter() - begin

        found.pop("first", None)
        found["ours"] = lab.analysis.surface(problem, theta, plane, progress=progress).loss

    benchmark.pedantic(ours, rounds=1, warmup_rounds=1)
    theirs, mine = seconds(lean_loop, ours, rounds=2)
    np.testing.assert_allclose(found["ours"], found["lean"], rtol=1e-4)
    claims.at_least("digits MLP, surface 51 × 51, speed / lean loop", theirs / mine, 1.5)
    claims.at_most("the same, share of the time to the first picture", found["first"] / mine, 0.05)

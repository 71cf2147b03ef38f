"""The diffGrad paper's functions, held against the paths that the authors' code prints."""

import json

import numpy as np
import pytest

import lab


@pytest.fixture(scope="module")
def paths(golden):
    entries = json.loads((golden / "optimizers_a.json").read_text())["entries"]
    return {entry["name"]: np.array(entry["rows"])[:, 0] for entry in entries}


def adam(gradient, steps=299, lr=0.1, beta1=0.95, beta2=0.999, eps=1e-8):
    """Adam as in the authors' notebook: eps inside the root."""
    x, m, v = -1.0, 0.0, 0.0
    path = [x]
    for step in range(1, steps + 1):
        g = gradient(x)
        m, v = beta1 * m + (1 - beta1) * g, beta2 * v + (1 - beta2) * g**2
        x -= lr * m / (1 - beta1**step) / np.sqrt(v / (1 - beta2**step) + eps)
        path.append(x)
    return np.array(path)


@pytest.mark.parametrize("number", [1, 3])
def test_the_gradient_walks_the_published_path(paths, number):
    problem = lab.problem(f"diffgrad_f{number}")
    path = adam(lambda x: problem.gradient([x])[0])
    np.testing.assert_allclose(path, paths[f"diffgrad_paper_F{number}_Adam"], atol=1e-9)


def test_f2_differs_from_the_published_gradient_by_the_missing_factor(paths):
    problem = lab.problem("diffgrad_f2")

    def published(x):
        missing = 7 * x * np.cos(8 * x) if x > -0.9 else 0.0
        return problem.gradient([x])[0] - missing

    np.testing.assert_allclose(adam(published), paths["diffgrad_paper_F2_Adam"], atol=1e-9)
    well = problem.optima[0].point[0]
    assert abs(problem.gradient([well])[0]) < 1e-12
    assert abs(published(well)) > 1  # the well is nothing special to the published code


@pytest.mark.parametrize("number", [1, 2, 3])
def test_second_derivatives_are_flagged(number):
    assert lab.problem(f"diffgrad_f{number}").hessian_trouble


def test_values_at_the_joints():
    f1, f2, f3 = (lab.problem(f"diffgrad_f{number}") for number in (1, 2, 3))
    below, above = np.nextafter(-0.9, -1), np.nextafter(-0.9, 0)
    assert f1.value([0.0]) == pytest.approx(0.09)
    assert f1.value([1e-12]) == pytest.approx(0.09)
    assert f2.value([below]) == pytest.approx(0.85)
    assert f2.value([above]) == pytest.approx(0.8353, abs=1e-4)
    joints = [-0.5, -0.4, 0.0, 0.4, 0.5]
    for joint, value in zip(joints, [0.25, 0.35, 0.0, 0.35, 0.25], strict=True):
        for x in (np.nextafter(joint, -1), joint, np.nextafter(joint, 1)):
            assert f3.value([x]) == pytest.approx(value)
    slopes = [f3.gradient([joint])[0] for joint in joints]
    assert slopes == pytest.approx([-1.0, 1.0, -0.875, 0.875, -1.0])

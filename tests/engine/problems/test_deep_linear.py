"""Deep linear networks against closed forms."""

import numpy as np
import pytest
import torch

import lab


def starts(problem, runs=2):
    return problem.start([torch.Generator().manual_seed(run) for run in range(runs)])


def aligned(problem, sizes):
    """Weights that carry each mode straight through, with the same factor in every layer."""
    left, right = problem._vectors
    sizes = torch.as_tensor(sizes, dtype=torch.float64)
    shapes = dict(zip(problem.layout.names, problem.layout.shapes, strict=True))
    parts = {name: torch.zeros(shape, dtype=torch.float64) for name, shape in shapes.items()}
    modes = range(len(sizes))
    first, *middle, last = parts
    parts[first][modes] = sizes[:, None] * right[modes]
    for name in middle:
        parts[name][modes, modes] = sizes
    parts[last][:, modes] = left[:, modes] * sizes
    return problem.layout.join(parts)[None]


@pytest.mark.parametrize("widths", [(), (8,), (5, 4)])
def test_value_is_the_distance_of_the_maps(widths):
    problem = lab.problem("deep_linear", widths=widths, start_scale=1.0)
    theta = starts(problem)
    wanted = problem._task[1]
    torch.testing.assert_close(
        torch.linalg.svdvals(wanted), torch.tensor([4.0, 2.0, 1.0], dtype=torch.float64)
    )
    off = (problem.product(theta) - wanted).square().sum((1, 2)) / 3
    torch.testing.assert_close(problem.value(theta), off)
    torch.testing.assert_close(
        problem.outputs(theta, problem.dataset.inputs),
        problem.dataset.inputs @ problem.product(theta).mT,
    )


def test_inputs_have_the_covariance_asked_for():
    problem = lab.problem("deep_linear", condition=100.0, inputs=5, samples=20)
    x = problem.dataset.inputs
    wanted = torch.diag(torch.logspace(0, -2, 5, dtype=torch.float64))
    torch.testing.assert_close(x.T @ x / 20, wanted, atol=1e-12, rtol=1e-9)


@pytest.mark.parametrize("depth", [2, 3])
def test_modes_are_learned_along_their_closed_form(depth):
    """Small steps of descent against dσ/dt = (2L/K) σ^(2-2/L) (s - σ)."""
    problem = lab.problem("deep_linear", widths=(4,) * (depth - 1), strengths=(2.0, 1.0, 0.5))
    at_first, rate, steps = 0.05, 2e-3, 1500
    theta = aligned(problem, [at_first ** (1 / depth)] * 3)
    for _ in range(steps):
        theta = theta - rate * problem.gradient(theta)
    metrics = problem.metrics(theta)
    for mode, s in enumerate(problem.strengths):
        found = float(metrics[f"mode_{mode + 1}"][0])
        if depth == 2:
            wanted = s / (1 + (s / at_first - 1) * np.exp(-4 * s * rate * steps / 3))
        else:
            wanted = at_first
            for _ in range(steps * 10):
                wanted += rate / 10 * 2 * depth / 3 * wanted ** (2 - 2 / depth) * (s - wanted)
        assert found == pytest.approx(wanted, rel=5e-3)


@pytest.mark.parametrize("width", [1, 2, 3])
def test_a_bottleneck_leaves_the_weakest_modes(width):
    problem = lab.problem("deep_linear", widths=(width,))
    best = aligned(problem, problem.strengths[:width] ** np.array(0.5))
    assert problem.least_loss == pytest.approx(sum(s * s for s in (4, 2, 1)[width:]) / 3)
    assert problem.value(best)[0] == pytest.approx(problem.least_loss, abs=1e-12)
    assert problem.gradient(best).abs().max() < 1e-12
    assert torch.linalg.eigvalsh(problem.hessian(best))[0, 0] > -1e-10


def test_start_is_small_and_last_layer_is_refused():
    problem = lab.problem("deep_linear")
    whole = lab.problem("deep_linear", start_scale=1.0)
    torch.testing.assert_close(starts(problem) * 10, starts(whole))
    with pytest.raises(ValueError, match="no last layer"):
        problem.last_layer(starts(problem))


@pytest.mark.parametrize(
    ("knobs", "message"),
    [
        ({"strengths": ()}, "at least one singular value"),
        ({"inputs": 2}, "nearest 3"),
        ({"samples": 5}, "nearest 6"),
        ({"loss": "cross_entropy"}, "compares classes"),
    ],
)
def test_what_does_not_fit_is_refused(knobs, message):
    with pytest.raises(ValueError, match=message):
        lab.problem("deep_linear", **knobs)

"""Targets drawn from what a network foresees, the gradient there, and the Gauss-Newton matrix."""

import pytest
import torch
from torch import nn

import lab
from lab.engine.noise import Noise
from lab.engine.oracle import Counts, Oracle
from lab.engine.problems import network

SAMPLES = 12


def small(loss: str, batch_size: int = 0, targets: torch.Tensor | None = None):
    """A network 3-4-2 on a dozen samples, two classes or two values."""
    g = torch.Generator().manual_seed(0)
    x = torch.randn(SAMPLES, 3, generator=g, dtype=torch.float64)
    y = torch.randn(SAMPLES, 2, generator=g, dtype=torch.float64)
    y = y.argmax(1) if loss == "cross_entropy" else y
    y = y if targets is None else targets
    module = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2))
    return lab.problem(module, data=(x, y), loss=loss, batch_size=batch_size)


def starts(problem, runs: int) -> torch.Tensor:
    g = torch.Generator().manual_seed(1)
    return torch.randn(runs, problem.dim, generator=g, dtype=torch.float64) / 2


@pytest.mark.parametrize("loss", ["cross_entropy", "mse"])
def test_model_gradient_is_the_gradient_on_the_data_with_the_drawn_targets(loss):
    problem, noise = small(loss), Noise(3)
    theta = starts(problem, 2)
    found = problem.model_gradient(theta, noise, "x")
    outputs = problem.outputs(theta, problem.dataset.inputs)
    drawn = problem.criterion.draw_targets(outputs, noise, "x")
    assert len(drawn) == 2
    for run in range(2):
        _, expected = small(loss, targets=drawn[run]).evaluate_with_gradient(theta[run : run + 1])
        torch.testing.assert_close(found[run : run + 1], expected)


@pytest.mark.parametrize("loss", ["cross_entropy", "mse"])
def test_squares_of_model_gradients_average_to_the_gauss_newton_diagonal(loss):
    """B times the squared gradient, over 20,000 draws, against the product of dense Jacobians."""
    problem, many = small(loss), 20_000
    theta = starts(problem, 1)
    noise = Noise(0, range(many))
    gradients = problem.model_gradient(theta.expand(many, -1), noise, "x")
    estimate = SAMPLES * gradients.square()

    def outputs(row):
        return problem.outputs(row[None], problem.dataset.inputs)[0]

    jacobian = torch.autograd.functional.jacobian(outputs, theta[0])  # (N, 2, dim)
    if loss == "mse":  # the mean over two columns of the square
        middle = torch.eye(2, dtype=torch.float64).expand(SAMPLES, 2, 2)
    else:
        p = outputs(theta[0]).softmax(1)
        middle = torch.diag_embed(p) - p[:, :, None] * p[:, None, :]
    exact = torch.einsum("nid,nij,njd->d", jacobian, middle, jacobian) / SAMPLES
    error = estimate.std(0) / many**0.5
    assert ((estimate.mean(0) - exact).abs() < 5 * error + 1e-12).all()
    assert (exact > 5 * error).any()


def test_blocks_of_runs_draw_what_all_runs_together_draw(monkeypatch):
    problem, noise = small("mse"), Noise(3)
    theta = starts(problem, 5)
    batch = torch.randint(SAMPLES, (5, 4), generator=torch.Generator().manual_seed(2))
    whole = problem.model_gradient(theta, noise, "x", batch)
    monkeypatch.setattr(network.Network, "_runs_at_once", lambda *_: 2)
    torch.testing.assert_close(problem.model_gradient(theta, noise, "x", batch), whole)


def test_oracle_asks_on_the_mini_batch_and_counts():
    problem = small("cross_entropy", batch_size=4)
    oracle = Oracle(problem, problem.batches(0, [0, 1]))
    theta = starts(problem, 2)
    oracle.observe(theta, 3)
    found = oracle.model_gradient(theta, "x")
    torch.testing.assert_close(
        found, problem.model_gradient(theta, oracle.noise, "x", oracle.batch)
    )
    assert not found.requires_grad
    assert oracle.counts == Counts(0, 1, 0)
    torch.testing.assert_close(
        oracle.gauss_newton(theta), problem.gauss_newton(theta, oracle.batch)
    )
    assert oracle.counts == Counts(0, 1, problem.dim)
    assert oracle.model_gradient(theta, "x").equal(found)
    assert not oracle.model_gradient(theta, "y").equal(found)


def test_losses_that_are_no_likelihood_say_so():
    assert not small("mse").likelihood_trouble
    problem = small("mae")
    assert "does not say how likely" in problem.likelihood_trouble
    with pytest.raises(NotImplementedError, match="does not say how likely"):
        problem.model_gradient(starts(problem, 1), Noise(), "x")
    surface = lab.problem("rosenbrock")
    with pytest.raises(NotImplementedError, match="no network"):
        surface.model_gradient(torch.zeros(1, 2), Noise(), "x")


@pytest.mark.parametrize("loss", ["cross_entropy", "mse"])
@pytest.mark.parametrize("batched", [False, True])
def test_gauss_newton_matrix_is_the_product_of_dense_derivatives(loss, batched):
    problem = small(loss)
    theta = starts(problem, 2)
    batch = torch.tensor([[0, 3, 5], [1, 1, 7]]) if batched else None
    found = problem.gauss_newton(theta, batch)
    for run in range(2):
        rows = torch.arange(SAMPLES) if batch is None else batch[run]
        inputs, targets = (x[rows] for x in (problem.dataset.inputs, problem._prepared.targets))
        jacobian = torch.autograd.functional.jacobian(
            lambda row, inputs=inputs: problem.outputs(row[None], inputs)[0].flatten(), theta[run]
        )
        bend = torch.autograd.functional.hessian(
            lambda z, targets=targets: problem.criterion.value(z.view(-1, 2), targets),
            problem.outputs(theta[run : run + 1], inputs)[0].flatten(),
        )
        torch.testing.assert_close(found[run], jacobian.T @ bend @ jacobian)


def test_gauss_newton_matrix_of_a_linear_model_is_its_hessian():
    g = torch.Generator().manual_seed(0)
    x, y = (torch.randn(SAMPLES, n, generator=g, dtype=torch.float64) for n in (3, 2))
    problem = lab.problem(nn.Linear(3, 2), data=(x, y.argmax(1)), loss="cross_entropy")
    theta = starts(problem, 3)
    torch.testing.assert_close(problem.gauss_newton(theta), problem.hessian(theta))


def test_a_surface_has_no_gauss_newton_matrix():
    with pytest.raises(ValueError, match="needs a network's outputs: Rosenbrock has none"):
        lab.problem("rosenbrock").gauss_newton(torch.zeros(1, 2))


def test_the_same_network_on_some_of_its_samples():
    whole = lab.problem("moons_mlp", samples=30, widths=(4,))
    inputs, targets = torch.tensor([3, 7, 11, 20, 29]), torch.tensor([7, 3, 11, 29, 20])
    part = whole.on_samples(inputs, targets, 2)
    theta = whole.start([torch.Generator().manual_seed(0)])
    scores = whole.outputs(theta, whole.dataset.inputs[inputs])[0]
    wanted = torch.nn.functional.cross_entropy(scores, whole.dataset.targets[targets])
    assert part.samples == 5
    assert part.dim == whole.dim
    torch.testing.assert_close(part.evaluate(theta)[0], wanted)
    assert part.batches(0, [0]).at(0).shape == (1, 2)
    assert torch.equal(part.start([torch.Generator().manual_seed(0)]), theta)

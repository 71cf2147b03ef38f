"""The grokking regression against the paper's formulas and reference numbers."""

import numpy as np
import pytest
import torch

import lab


@pytest.fixture
def numbers(golden):
    return np.load(golden / "analyses.npz")


def of_the_sheet(numbers):
    """The problem that the reference numbers are of, and its weights (1, dim)."""
    units, inputs = numbers["R6f_W"].shape
    problem = lab.problem(
        "grokking", alpha=1.7, epsilon=0.3, units=units, inputs=inputs, centred=False
    )
    return problem, torch.as_tensor(numbers["R6f_W"]).flatten()[None]


def test_outputs_against_equation_6_of_the_paper(numbers):
    """The error over all inputs, in closed form, against 200,000 of them."""
    problem, theta = of_the_sheet(numbers)
    beta = torch.as_tensor(numbers["R6f_beta"])
    x = torch.randn(200_000, 20, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    x = x / 20**0.5
    errors = (problem.outputs(theta, x)[0, :, 0] - 0.5 * (x @ beta) ** 2).square()
    deviation = errors.std() / len(errors) ** 0.5
    assert abs(errors.mean() - numbers["R6f_eq6"][0]) < 4 * deviation


def test_kernel_at_the_start_against_reference_numbers(numbers):
    """The alignment of the kernel with the targets; and the kernel in closed form."""
    problem, theta = of_the_sheet(numbers)
    x, y = torch.as_tensor(numbers["R6f_x400"]), torch.as_tensor(numbers["R6f_y400"])
    slopes = torch.func.jacrev(lambda row: problem.outputs(row[None], x)[0, :, 0])(theta[0])
    kernel = slopes @ slopes.T * problem.units / problem.alpha**2
    w = theta.view(30, 20)
    mean, second = w.mean(0), w.T @ w / 30
    inner, along = x @ x.T, x @ mean
    bent = 0.3 * (along[:, None] + along) + 0.09 * x @ second @ x.T
    torch.testing.assert_close(kernel, inner * (1 + bent))
    aligned = y @ kernel @ y / kernel.norm() / (y @ y)
    assert aligned == pytest.approx(numbers["R6f_align_uncentred_centred"][0], rel=1e-9)


def test_data_follow_the_paper():
    problem = lab.problem("grokking", train=5000, inputs=8)
    x, y = problem.dataset.inputs, problem.dataset.targets
    assert (x.T @ x / 5000 * 8 - torch.eye(8)).abs().max() < 0.1
    assert y.mean() == pytest.approx(0.5, rel=0.06)  # E (β·x)²/2 with |β|² = D
    assert lab.problem("grokking").dataset.inputs.shape == (100, 20)


def test_centred_outputs_begin_at_zero_for_every_run():
    problem = lab.problem("grokking", alpha=4.0)
    theta = problem.start([torch.Generator(), torch.Generator().manual_seed(1)])
    assert theta[0].equal(theta[1])
    assert not problem.outputs(theta, problem.dataset.inputs).any()
    null = problem.dataset.targets.square().mean()
    torch.testing.assert_close(problem.value(theta), null.expand(2))
    free = lab.problem("grokking", centred=False)
    theta = free.start([torch.Generator(), torch.Generator().manual_seed(1)])
    assert not theta[0].equal(theta[1])


def test_gradient_metrics_and_batches():
    problem = lab.problem("grokking", batch_size=30)
    draws = torch.Generator().manual_seed(0)
    theta = problem.start([draws] * 2) + torch.randn(2, 2000, generator=draws, dtype=torch.float64)
    gradient = problem.gradient(theta)
    along = torch.randn(2000, generator=draws, dtype=torch.float64)
    ends = problem.value(torch.stack([theta[1] - 1e-5 * along, theta[1] + 1e-5 * along]))
    assert gradient[1] @ along == pytest.approx(float(ends[1] - ends[0]) / 2e-5, rel=1e-6)
    found = problem.metrics(theta)
    torch.testing.assert_close(found["rmse"].square(), problem.value(theta))
    beta = problem._task[2]
    parallel = (torch.ones(100, 1) * beta).flatten()[None]
    assert problem.metrics(parallel)["alignment"][0] == pytest.approx(1)
    assert found["alignment"][0] == pytest.approx(1 / 20, rel=0.3)
    assert problem.batches(0, [0]).at(0).shape == (1, 30)


@pytest.mark.parametrize("alpha", [0.25, 1.0])
def test_the_test_loss_falls_later_as_in_the_reference(numbers, alpha):
    """Steps until 5 % of the loss at the start, within the scatter of the data drawn."""
    table = numbers[f"R6f_alpha{alpha:g}_cols_step_train_test_relmove"]
    level = 0.05 * table[0, 2]
    wanted = [table[table[:, column] < level, 0][0] for column in (1, 2)]
    problem = lab.problem("grokking", alpha=alpha)
    theta, rate = problem.start([torch.Generator()]), 200 / alpha**2
    level = 0.05 * problem.metrics(theta)["test_loss"]
    steps, highest = {}, 0.0
    for step in range(1500):
        value, gradient = problem.evaluate_with_gradient(theta)
        if "train" not in steps and value < level:
            steps["train"] = step
        if step % 10 == 0:
            test = problem.metrics(theta)["test_loss"]
            highest = max(highest, float(test / level * 0.05))
            if test < level:
                steps["test"] = step
                break
        theta = theta - rate * gradient
    assert wanted[0] / 2 < steps["train"] < 2 * wanted[0]
    assert wanted[1] / 4 < steps["test"] < 4 * wanted[1]
    assert steps["test"] > 2 * steps["train"]
    assert highest > 1.02  # it rises first

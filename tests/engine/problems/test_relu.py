"""ReLU networks of any shape: sizes and functional dimension against reference numbers."""

import numpy as np
import pytest
import torch

import lab
from lab import analysis
from lab.engine.problems.relu import teacher_data

SHAPES = [(4, 1), (4, 2), (6, 2), (4, 5)]  # width and hidden layers


@pytest.mark.parametrize(("width", "depth"), SHAPES)
def test_functional_dimension_against_reference_numbers(golden, width, depth):
    """Of eight draws, against the mean and the range of twenty others."""
    table = np.load(golden / "analyses.npz")[
        "R3_f_cols_width_depth_nparam_bound_mean_min_max_fracAtBound_20inits"
    ]
    row = next(row for row in table if tuple(row[:2]) == (width, depth))
    problem = lab.problem("relu_mlp", inputs=width, widths=(width,) * depth)
    assert problem.dim == row[2]
    starts = problem.start([torch.Generator().manual_seed(run) for run in range(8)])
    found = [analysis.functional_dimension(problem, theta) for theta in starts]
    assert {one.bound for one in found} == {row[3]}
    ranks = np.array([one.rank for one in found])
    assert ranks.mean() == pytest.approx(row[4], abs=max(1e-9, (row[6] - row[5]) / 2))
    assert (ranks == row[3]).mean() == pytest.approx(row[7], abs=0.5)
    if depth == 1:
        assert (ranks == row[3]).all()


def test_a_student_of_the_teachers_shape_can_learn_all():
    problem = lab.problem("relu_mlp", widths=(5, 3), teacher=(5, 3), inputs=2)
    data = teacher_data(2, 1, (5, 3), 200, 0)
    assert problem.dataset is data
    draws = [torch.Generator().manual_seed(run) for run in range(3)]
    experiment = lab.Experiment(
        problem={"name": "relu_mlp", "widths": [16], "teacher": [2], "inputs": 2, "samples": 50},
        lanes=[lab.Lane("adam", lr=0.02, runs=4)],
        steps=600,
        dtype="float64",
    )
    loss = lab.run(experiment).scalar("adam", "loss")
    assert loss[-1].min() < 1e-2 * loss[0].min()
    theta = problem.start(draws)
    biases = torch.cat([problem.layout.split(theta)[f"{i}.bias"].flatten() for i in (0, 2, 4)])
    assert 0.05 < biases.std() < 0.2


def test_noise_and_shapes():
    problem = lab.problem("relu_mlp", teacher=(), numbers=3, samples=4000, norm=True)
    assert problem.dataset.targets.shape == (4000, 3)
    assert problem.dataset.targets.std() == pytest.approx(1, rel=0.05)
    theta = problem.start([torch.Generator()])
    assert (problem.layout.split(theta)["1.weight"] == 1).all()
    wide = lab.problem("relu_mlp", widths=(2000,), inputs=50)
    weight = wide.layout.split(wide.start([torch.Generator()]))["0.weight"]
    assert weight.std() == pytest.approx(0.2, rel=0.02)
    assert wide.value(wide.start([torch.Generator()])).isfinite().all()

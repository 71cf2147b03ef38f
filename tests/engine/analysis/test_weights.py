import numpy as np
import pytest

import lab
from lab import analysis

RNG = np.random.default_rng(0)


def test_lengths_of_layers_and_of_the_whole():
    problem = lab.problem("moons_mlp", widths=(4,))
    theta, start, step = RNG.normal(size=(3, problem.dim))
    found = analysis.weight_norms(problem, theta, start, 1e-3 * step)
    assert found.names == tuple(problem.layout.names)
    assert found.norm == pytest.approx(np.linalg.norm(theta))
    assert found.distance == pytest.approx(np.linalg.norm(theta - start))
    assert found.ratio == pytest.approx(1e-3 * np.linalg.norm(step) / np.linalg.norm(theta))
    for number, part in enumerate(problem.layout.slices.values()):
        assert found.norms[number] == pytest.approx(np.linalg.norm(theta[part]))
        assert found.distances[number] == pytest.approx(np.linalg.norm((theta - start)[part]))
        ratio = 1e-3 * np.linalg.norm(step[part]) / np.linalg.norm(theta[part])
        assert found.ratios[number] == pytest.approx(ratio)


def test_without_start_or_step_there_is_nothing_to_compare_with():
    found = analysis.weight_norms(lab.problem("booth"), [3.0, 4.0])
    assert found.norm == 5
    assert np.isnan([found.distance, found.ratio]).all()


def test_what_does_not_move_has_a_ratio_of_zero():
    problem = lab.problem("booth")
    assert analysis.weight_norms(problem, [0.0, 0.0], step=[0.0, 0.0]).ratio == 0
    assert analysis.weight_norms(problem, [0.0, 0.0], step=[1.0, 0.0]).ratio == np.inf


def test_another_number_of_parameters():
    with pytest.raises(ValueError, match="2"):
        analysis.weight_norms(lab.problem("booth"), [1.0, 2.0], [1.0, 2.0, 3.0])

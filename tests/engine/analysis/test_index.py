import numpy as np
import pytest
import torch

import lab
from lab import analysis


def diagonal(values):
    """A quadratic whose Hessian has these eigenvalues."""
    matrix = torch.as_tensor(values)
    return lab.problem(lambda x: 0.5 * (matrix.to(x) * x * x).sum(), dim=len(values))


def test_eigenvalues_are_counted_where_all_can_be_computed():
    found = analysis.hessian_index(diagonal([-3.0, 2.0, -1e-3, 0.0, 5.0]), np.ones(5))
    assert (found.negative, found.smallest, found.error, found.products) == (2, -3, 1, 5)
    assert found.exact


def test_index_of_w3(w3, curvature):
    found = analysis.hessian_index(w3, curvature["W3_theta"])
    spectrum = curvature["W3_exact_spectrum"]
    assert found.smallest == pytest.approx(spectrum.min(), rel=1e-6)
    assert abs(found.negative - (spectrum < 0).sum()) <= found.error
    assert found.exact


@pytest.mark.parametrize("share", [0.02, 0.4])
def test_the_estimate_keeps_within_its_error(share):
    dim = 2100
    count = int(share * dim)
    draws = np.random.default_rng(0)
    values = np.r_[-draws.uniform(0.2, 1, count), draws.uniform(0.2, 3, dim - count)]
    problem, held = diagonal(values), 0
    for seed in range(3):
        found = analysis.hessian_index(problem, np.zeros(dim), probes=4, steps=30, seed=seed)
        assert not found.exact
        assert found.error < 0.1 * dim
        assert found.smallest == pytest.approx(values.min(), rel=1e-3)
        held += abs(found.negative - count) <= found.error
    assert held >= 2


def test_the_index_of_a_batch(w3, curvature):
    theta, batch = curvature["W3_theta"], curvature["W3_batch_idx"][0]
    wanted = np.linalg.eigvalsh(analysis.hessian(w3, theta, batch=batch))
    found = analysis.hessian_index(w3, theta, batch=batch)
    assert abs(found.negative - (wanted < 0).sum()) <= found.error
    assert found.smallest == pytest.approx(wanted[0], rel=1e-9)


def test_a_hessian_that_is_not_finite_has_no_index():
    problem = lab.problem(lambda x: x.sum().sqrt() + (x**4).sum(), dim=10)
    assert np.isnan(analysis.hessian_index(problem, np.zeros(10)).negative)

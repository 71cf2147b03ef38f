import numpy as np
import pytest
import torch

import lab
from lab import analysis
from lab.engine.analysis.batch_spectrum import effective_batch, spike
from lab.engine.layout import Layout
from lab.engine.problem import Problem


def test_the_law_of_spikes_and_the_bulks_edge(numbers):
    """R6b: a random matrix of 1,200 rows with P σ² = 1, and six planted eigenvalues."""
    table = numbers["R6b_cols_b_then_measured6_predicted6_spikes_10_6_3_1.5_.5_.2"]
    for b, *rest in table:
        measured, predicted = rest[:6], rest[6:]
        for value, seen, said in zip((10, 6, 3, 1.5, 0.5, 0.2), measured, predicted, strict=True):
            found = spike(value, (1 / b) ** 0.5).value
            assert found == pytest.approx(said, rel=1e-3)
            assert found == pytest.approx(seen, rel=0.02)


def test_spikes_of_either_sign():
    assert spike(2.0, 1.0) == (2.5, True)
    assert spike(-2.0, 1.0) == (-2.5, True)
    assert spike(0.5, 1.0) == (2.0, False)
    assert spike(-0.5, 1.0) == (-2.0, False)
    assert effective_batch(100, 200) == 200
    assert effective_batch(200, 200) == np.inf


@pytest.mark.parametrize("name", ["W1", "W3"])
def test_batches_of_the_reference(request, curvature, name):
    problem = request.getfixturevalue(name.lower())
    wanted = curvature[f"{name}_batch_top10_LA"]
    found = analysis.batch_eigenvalues(
        problem, curvature[f"{name}_theta"], k=3, indices=curvature[f"{name}_batch_idx"]
    )
    np.testing.assert_allclose(found.batch_largest, wanted[:, :3], rtol=1e-4)
    np.testing.assert_allclose(found.largest, curvature[f"{name}_top20_LA"][:3], rtol=1e-4)
    np.testing.assert_allclose(found.smallest, curvature[f"{name}_exact_spectrum"].min(), rtol=0.01)
    # The noise of a network has directions: it moves the largest eigenvalue far more than noise of
    # its size without directions would; what it does to the eigenvectors tells how far.
    mean, error = wanted[:, 0].mean(), wanted[:, 0].std(ddof=1) / 8**0.5
    assert abs(found.local_largest[0] - mean) < 2 * error
    assert found.predicted_largest[0] - found.largest[0] < 0.2 * (mean - found.largest[0])
    assert found.converged


def test_the_variance_of_an_element_against_whole_matrices(w3, curvature):
    theta, indices = curvature["W3_theta"], curvature["W3_batch_idx"]
    full = curvature["W3_hessian"]
    point = torch.as_tensor(theta)[None]
    rows = torch.as_tensor(indices).long()
    off = [w3.hessian(point, row[None])[0].numpy() - full for row in rows]
    b = 32 / (1 - 32 / 500)
    each = np.array([np.square(one).mean() for one in off]) * b
    found = analysis.batch_eigenvalues(w3, theta, indices=indices)
    assert found.samples == pytest.approx(b)
    assert found.sigma2 == pytest.approx(each.mean(), rel=0.02)
    assert found.noise**2 == pytest.approx(found.sigma2 * 354 / b)
    assert found.sigma2_error == pytest.approx(each.std(ddof=1) / 8**0.5, rel=0.05)
    assert found.edge == 2 * found.noise


class Planted(Problem):
    """The mean of a quadratic for each sample: planted eigenvalues, and noise of mean zero."""

    samples = 64

    def __init__(self, spikes, size, sigma):
        draws = torch.Generator().manual_seed(1)
        noise = torch.randn(self.samples, size, size, generator=draws, dtype=torch.float64)
        noise = (noise + noise.mT) * sigma / 2**0.5
        noise -= noise.mean(dim=0)
        self.matrices = noise + torch.diag(torch.tensor(spikes + [0.0] * (size - len(spikes))))

    @property
    def layout(self):
        return Layout.of({"x": (len(self.matrices[0]),)})

    def start(self, generators):
        return torch.zeros(len(generators), self.dim, dtype=torch.float64)

    def evaluate(self, theta, batch=None):
        rows = torch.arange(self.samples)[None] if batch is None else batch
        matrix = self.matrices[rows].mean(dim=1)
        return 0.5 * (theta * (matrix @ theta[..., None])[..., 0]).sum(dim=1)


def test_noise_without_directions_is_foreseen():
    """Planted eigenvalues and noise of independent elements: both predictions hold."""
    spikes = [10.0, 6.0, 0.5, -8.0]
    problem = Planted(spikes, 300, (16 / 300) ** 0.5)
    found = analysis.batch_eigenvalues(problem, np.zeros(300), 8, batches=4, k=3)
    s2 = 16 / effective_batch(8, 64)
    assert found.noise**2 == pytest.approx(s2, rel=0.05)
    assert found.sigma2 == pytest.approx(16 / 300, rel=0.05)
    np.testing.assert_allclose(found.predicted_largest[:2], [10 + s2 / 10, 6 + s2 / 6], rtol=0.01)
    assert found.predicted_largest[2] == pytest.approx(found.edge)
    np.testing.assert_allclose(found.batch_largest.mean(axis=0), found.predicted_largest, rtol=0.03)
    assert found.batch_smallest.mean() == pytest.approx(found.predicted_smallest, rel=0.03)
    assert found.predicted_smallest == pytest.approx(-8 - s2 / 8, rel=0.01)
    np.testing.assert_allclose(found.local_largest[:2], found.predicted_largest[:2], rtol=0.02)


def test_a_batch_of_all_data_has_no_noise(w3, curvature):
    rows = np.arange(500)[None]
    found = analysis.batch_eigenvalues(w3, curvature["W3_theta"], k=2, indices=rows)
    np.testing.assert_allclose(found.batch_largest[0], found.largest, rtol=1e-4)
    assert found.noise == pytest.approx(0, abs=1e-9)
    assert np.isnan(found.sigma2)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"batch_size": 501}, "at most the 500 samples"),
        ({"batch_size": 0}, "batch_size = 0"),
        ({"operator": "ntk"}, "another kernel"),
        ({"indices": [1, 2]}, "rows of samples"),
    ],
)
def test_bad_input(w3, curvature, given, message):
    with pytest.raises(ValueError, match=message):
        analysis.batch_eigenvalues(w3, curvature["W3_theta"], **given)
    with pytest.raises(ValueError, match="no samples"):
        analysis.batch_eigenvalues(lab.problem("booth"), np.zeros(2))

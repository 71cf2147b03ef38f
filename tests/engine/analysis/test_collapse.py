import numpy as np
import pytest
import torch

from lab import analysis

NAMES = {
    "simplex": ("NC1", "NC2_W_ETF", "NC3_WH_ETF", "NC2_H_ETF"),
    "orthogonal": ("NC1", "NC2_W_OF", "NC3_WH_OF", "NC2_H_OF"),
}


@pytest.mark.parametrize("frame", NAMES)
def test_reference_values(numbers, frame):
    table = dict(zip(numbers["R4_names"], numbers["R4_values"], strict=True))
    found = analysis.neural_collapse(numbers["R4_H"], numbers["R4_y"], numbers["R4_W"], frame)
    wanted = [table[name] for name in NAMES[frame]]
    got = (found.nc1, found.nc2, found.nc3, found.nc2_features)
    np.testing.assert_allclose(got, wanted, rtol=1e-10)


@pytest.mark.parametrize("classes", [2, 5])
def test_complete_collapse_is_zero(classes):
    basis = np.linalg.qr(np.random.default_rng(0).normal(size=(9, classes)))[0].T
    simplex = basis - basis.mean(axis=0)
    labels = np.arange(3 * classes) % classes
    for frame, vectors in (("simplex", simplex), ("orthogonal", basis)):
        found = analysis.neural_collapse(2 * vectors[labels], labels, 3 * vectors, frame)
        np.testing.assert_allclose((found.nc1, found.nc2, found.nc3), 0, atol=1e-13)


def test_spread_within_classes_counts_by_its_square(numbers):
    features, labels = numbers["R4_H"], numbers["R4_y"]
    means = np.stack([features[labels == c].mean(axis=0) for c in range(4)])[labels]
    for t, wanted in numbers["R4_NC1_collapse_t"]:
        shrunk = means + t * (features - means)
        found = analysis.neural_collapse(shrunk, labels, numbers["R4_W"])
        assert found.nc1 == pytest.approx(wanted, rel=1e-9)


def test_classes_of_different_sizes_count_alike():
    features = torch.tensor([[1.0, 0.0], [3.0, 0.0], [2.0, 0.0], [0.0, 1.0]])
    labels = torch.tensor([0, 0, 0, 1])
    found = analysis.neural_collapse(features, labels, torch.eye(2))
    within = 2 / 4  # sum of squares over samples
    between = (2**2 + 1**2) / 4  # squared distance of the means, over four: S_B's only eigenvalue
    direction = np.array([2, -1]) / 5**0.5
    assert found.nc1 == pytest.approx(within * direction[0] ** 2 / between / 2, rel=1e-12)


@pytest.mark.parametrize(
    ("labels", "weight", "frame", "message"),
    [
        ([0, 1, 2], np.eye(3), "simplex", "each class at least once|from 0 to 2"),
        ([0, 0, 1, 1], np.eye(3), "simplex", "each class at least once"),
        ([0, 1, 2, 3], np.eye(3), "simplex", "from 0 to 2"),
        ([0, 1, -1, 2], np.eye(3), "simplex", "from 0 to 2"),
        ([0, 1, 2, 0], np.eye(4), "simplex", r"\(N, d\) and \(K, d\)"),
        ([0, 1, 2, 0], np.eye(3), "etf", "frame = 'etf' is not known"),
    ],
)
def test_bad_input(labels, weight, frame, message):
    with pytest.raises(ValueError, match=message):
        analysis.neural_collapse(np.ones((4, 3)), labels, weight, frame)

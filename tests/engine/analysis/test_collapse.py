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
    assert found.nc4 == table["NC4_agree"]
    assert found.imbalance == 1


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


def test_scores_and_nearest_means_may_choose_differently():
    features = torch.tensor([[2.0, 0.0], [0.4, 0.0], [0.0, 1.0], [0.0, 1.0]])
    labels = torch.tensor([0, 0, 1, 1])  # class means (1.2, 0) and (0, 1)
    plain = analysis.neural_collapse(features, labels, torch.eye(2))
    assert plain.nc4 == 1
    # a bias of 0.5 for the second class outbids the second sample, whose nearest mean is the first
    biased = analysis.neural_collapse(features, labels, torch.eye(2), bias=[0.0, 0.5])
    assert biased.nc4 == 0.75
    assert (biased.nc1, biased.nc2) == (plain.nc1, plain.nc2)


def test_classes_of_different_sizes_go_to_different_lengths():
    """The optimum of |WH - Y|² / 2N with weight decay, found by descent, and in closed form."""
    sizes, rate_w, rate_h = torch.tensor([8, 4, 2]), 1e-3, 1e-3
    labels = torch.repeat_interleave(torch.arange(3), sizes)
    count = len(labels)
    targets = torch.nn.functional.one_hot(labels).double()
    draws = torch.Generator().manual_seed(0)
    weight, features = (
        torch.randn(n, 3, generator=draws, dtype=torch.float64).requires_grad_() for n in (3, count)
    )
    options = {"tolerance_grad": 1e-13, "tolerance_change": 0, "line_search_fn": "strong_wolfe"}
    solver = torch.optim.LBFGS([weight, features], 1.0, 500, **options)

    def loss():
        solver.zero_grad()
        fit = (features @ weight.T - targets).square().sum() / 2 / count
        decay = rate_w / 2 * weight.square().sum() + rate_h / 2 * features.square().sum()
        (fit + decay).backward()
        return fit + decay

    solver.step(loss)
    squares = (sizes * rate_h / rate_w).double().sqrt() - count * rate_h
    of_weight = squares.sqrt()
    of_means = of_weight * (rate_w / rate_h / sizes).sqrt()
    np.testing.assert_allclose(weight.detach().norm(dim=1), of_weight, rtol=1e-5)
    given = features.detach(), labels, weight.detach(), "orthogonal"
    found = analysis.neural_collapse(*given, lengths=(of_weight, of_means))
    np.testing.assert_allclose((found.nc2, found.nc3, found.nc2_features), 0, atol=1e-5)
    assert found.imbalance == 4
    assert analysis.neural_collapse(*given).nc2 > 0.1  # against equal lengths


@pytest.mark.parametrize("frame", ["simplex", "orthogonal"])
def test_lengths_that_do_not_fit(frame):
    lengths = np.ones((2, 3)) if frame == "simplex" else np.ones((2, 2))
    with pytest.raises(ValueError, match="two rows of 3 numbers above 0"):
        analysis.neural_collapse(np.ones((3, 3)), [0, 1, 2], np.eye(3), frame, lengths=lengths)


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

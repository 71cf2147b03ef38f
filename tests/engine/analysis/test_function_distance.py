import numpy as np
import pytest
import torch
from scipy.special import log_softmax, softmax
from scipy.stats import entropy
from torch import nn

import lab
from lab import analysis
from lab.engine.analysis.chain import wiring_of

RNG = np.random.default_rng(0)
MOONS = lab.problem("moons_mlp", samples=80, widths=(6,))
A, B = RNG.normal(size=(2, MOONS.dim))


def outputs(problem, theta):
    with torch.no_grad():
        return problem.outputs(torch.as_tensor(theta)[None], problem.dataset.inputs.double())[0]


def test_distances_of_two_networks():
    found = analysis.function_distance(MOONS, A, B)
    one, two = outputs(MOONS, A).numpy(), outputs(MOONS, B).numpy()
    square = ((one - two) ** 2).sum(1)
    assert found.rms == pytest.approx(square.mean() ** 0.5, rel=1e-12)
    np.testing.assert_allclose(found.per_sample, square**0.5, rtol=1e-10)
    assert found.divergence == pytest.approx(
        entropy(softmax(one, 1), softmax(two, 1), axis=1).mean(), rel=1e-8
    )
    assert found.reverse == pytest.approx(
        entropy(softmax(two, 1), softmax(one, 1), axis=1).mean(), rel=1e-8
    )
    assert found.disagreement == (one.argmax(1) != two.argmax(1)).mean()
    each = (softmax(one, 1) * (log_softmax(one, 1) - log_softmax(two, 1))).sum(1)
    assert found.divergence_error == pytest.approx(each.std(ddof=1) / 80**0.5, rel=1e-8)


def test_a_permuted_copy_is_the_same_function():
    copy = (
        wiring_of(MOONS).permuted(torch.as_tensor(A), [torch.as_tensor(RNG.permutation(6))]).numpy()
    )
    found = analysis.function_distance(MOONS, A, copy)
    assert np.linalg.norm(A - copy) > 1
    assert found.rms == pytest.approx(0, abs=1e-12)
    assert found.divergence == pytest.approx(0, abs=1e-12)
    assert found.disagreement == 0


def test_values_have_no_predictions():
    data = RNG.normal(size=(20, 3)), RNG.normal(size=(20, 2))
    problem = lab.problem(nn.Linear(3, 2).double(), data=data, loss="mse")
    one, two = RNG.normal(size=(2, problem.dim))
    found = analysis.function_distance(problem, one, two)
    change = data[0] @ (one - two)[:6].reshape(2, 3).T + (one - two)[6:]
    assert found.rms == pytest.approx((change**2).sum(1).mean() ** 0.5, rel=1e-10)
    assert np.isnan([found.divergence, found.reverse, found.disagreement]).all()


def test_the_error_is_the_spread_over_draws():
    whole = analysis.function_distance(MOONS, A, B)
    found = [analysis.function_distance(MOONS, A, B, samples=20, seed=s) for s in range(60)]
    spread = np.sqrt(np.mean([(one.rms - whole.rms) ** 2 for one in found]))
    said = np.sqrt(np.mean([one.rms_error**2 for one in found]))
    assert 0.7 < said / spread < 1.6  # a draw without replacement spreads a little less
    assert {one.samples for one in found} == {20}


def test_what_is_no_network():
    with pytest.raises(ValueError, match="is no network"):
        analysis.function_distance(lab.problem("booth"), [0.0, 1.0], [1.0, 1.0])

"""How many samples can be fitted: against networks of which that is known."""

import numpy as np
import pytest
import torch
from torch import nn

import lab
from lab import analysis
from lab.engine.analysis.complexity import Criteria, Trained

RNG = np.random.default_rng(0)


def linear(inputs, outputs=1, samples=30):
    """A linear map of values that no linear map gives: it can fit as many as it has inputs."""
    data = RNG.normal(size=(samples, inputs)), RNG.normal(size=(samples, outputs))
    module = nn.Linear(inputs, outputs, bias=False).double()
    return lab.problem(module, data=data, loss="mse")


@pytest.mark.parametrize("inputs", [5, 8])
def test_a_linear_map_fits_as_many_samples_as_it_has_inputs(inputs):
    found = analysis.effective_model_complexity(
        linear(inputs),
        optimizer="lbfgs",
        counts=range(inputs - 2, inputs + 3),
        steps=200,
        slope=0.2,
    )
    assert (found.complexity, found.upper) == (inputs, inputs + 1)
    assert found.efficiency == 1
    assert found.counts.tolist() == [inputs - 2, inputs - 1, inputs, inputs + 1]
    assert found.fitted.tolist() == [True, True, True, False]
    np.testing.assert_allclose(found.bend[:3], 0, atol=1e-12)  # a bowl
    assert np.isnan(found.bend[3])
    assert found.wrong[3] > 0.01
    assert found.gradients > 0


def test_random_labels_are_harder_to_fit_than_true_ones():
    problem = lab.problem("moons_mlp", samples=200, widths=(5,), noise=0.1)
    given = {"counts": [4, 8, 16, 40, 100], "steps": 500, "knobs": {"lr": 0.05}}
    true = analysis.effective_model_complexity(problem, optimizer="adam", **given)
    random = analysis.effective_model_complexity(
        problem, optimizer="adam", random_labels=True, **given
    )
    assert true.complexity > random.complexity >= 4


def test_where_all_data_are_fitted_there_is_no_upper_end():
    given = {"counts": [2, 4], "steps": 200, "slope": 0.2}
    found = analysis.effective_model_complexity(linear(6, samples=4), optimizer="lbfgs", **given)
    assert (found.complexity, found.upper) == (4, 0)


def test_a_training_that_has_no_time_fits_nothing():
    found = analysis.effective_model_complexity(linear(6), optimizer="sgd", counts=4, steps=1)
    assert (found.complexity, found.upper) == (0, 4)
    assert found.steps.tolist() == [1]


CRITERIA = Criteria(wrong=0.0, slope=0.1, change=0.1, bend=0.1)
GOOD = Trained(0.0, 0.05, 0.05, 0.05, 1.0, 10, 10)


@pytest.mark.parametrize(
    ("changed", "fits"),
    [
        ({}, True),
        ({"bend": float("nan")}, True),  # second derivatives that cannot be had
        ({"wrong": 0.1}, False),
        ({"slope": 0.2}, False),
        ({"change": 0.2}, False),
        ({"bend": 0.2}, False),
        ({"slope": float("nan")}, False),
    ],
)
def test_each_criterion_counts(changed, fits):
    assert GOOD._replace(**changed).fits(CRITERIA) is fits


def test_a_saddle_is_no_minimum():
    """All is fitted and at rest, but the loss falls off to a side: the third criterion."""
    data = torch.zeros(6, 1, dtype=torch.float64), torch.zeros(6, dtype=torch.long)

    class Saddle(nn.Module):
        def __init__(self):
            super().__init__()
            self.w = nn.Parameter(torch.zeros(2, dtype=torch.float64))

        def forward(self, x):
            tilt = 0.01 * (self.w[0] ** 2 - self.w[1] ** 2) + 1e-12 * self.w.sum()
            return torch.stack([5 + tilt + 0 * x[:, 0], 0 * x[:, 0]], dim=1)

    problem = lab.problem(Saddle(), data=data, loss="cross_entropy")
    start = [np.zeros(2)]
    problem.start = lambda generators: torch.as_tensor(np.stack(start))
    given = {"counts": [4, 6], "steps": 3, "slope": 10.0, "knobs": {"lr": 1e-9}}
    found = analysis.effective_model_complexity(problem, optimizer="sgd", **given)
    assert found.complexity == 0
    assert found.wrong[0] == 0
    assert found.bend[0] == pytest.approx(1, rel=1e-3)
    relaxed = analysis.effective_model_complexity(problem, optimizer="sgd", bend=2.0, **given)
    assert relaxed.complexity == 6


def test_precision_of_what_is_computed():
    problem = lab.problem("moons_mlp", samples=20, widths=(3,))
    point = np.zeros(problem.dim, dtype=np.float32)
    found = analysis.effective_model_complexity(problem, point, counts=[4], steps=10)
    assert found.loss.dtype == np.float32


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"counts": [4, 4]}, "rising numbers up to 30"),
        ({"counts": [4, 31]}, "rising numbers up to 30"),
        ({"counts": 1}, "counts = 1: a whole number of at least 2"),
        ({"steps": 0}, "steps = 0"),
        ({"optimizer": lab.Lane("sgd", lr=[0.1, 0.2])}, "one value of each knob"),
        ({"optimizer": "adamm"}, "did you mean 'adam'"),
    ],
)
def test_what_is_not_allowed(given, message):
    with pytest.raises(ValueError, match=message):
        analysis.effective_model_complexity(linear(6), **given)


def test_what_is_no_network():
    with pytest.raises(ValueError, match="is no network"):
        analysis.effective_model_complexity(lab.problem("booth"))
    with pytest.raises(ValueError, match="several losses"):
        analysis.effective_model_complexity(lab.problem("digits_two_heads"))

import numpy as np

import lab
from lab.engine.probes import Evaluation

RNG = np.random.default_rng(0)


def test_all_runs_on_all_data(see, measured):
    problem = lab.problem("moons_mlp", samples=60, batch_size=8)
    full = lab.problem("moons_mlp", samples=60)
    theta = RNG.normal(size=(5, problem.dim))
    found, _ = measured(Evaluation(), problem, see(theta))
    np.testing.assert_allclose(found.arrays["loss"], full.value(theta), rtol=1e-12)
    accuracy = problem.metrics(see(theta).theta)["accuracy"]
    np.testing.assert_array_equal(found.arrays["accuracy"], accuracy)
    assert found.info["evaluations"] == 5
    assert "60 samples" in found.info["data"]


def test_diverged_runs_are_left_blank(see, measured):
    problem = lab.problem("booth")
    found, _ = measured(Evaluation(), problem, see(RNG.normal(size=(4, 2)), diverged=[1, 3]))
    assert np.isnan(found.arrays["loss"]).tolist() == [False, True, False, True]
    assert found.info["evaluations"] == 2
    assert not Evaluation().ready(see(RNG.normal(size=(1, 2)), diverged=[0]))

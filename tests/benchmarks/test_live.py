"""What it costs to watch a run: the largest eigenvalue every ten steps, out of engine time."""

import numpy as np
import pytest
import torch

import lab
from lab.engine.session import Session

EVERY, STEPS = 10, 300
LEAST = 0.98  # of the true eigenvalue, where the vector is followed and nothing has overtaken it


@pytest.mark.parametrize(
    "lane",
    [lab.Lane("sgd", lr=0.5), lab.Lane("momentum", lr=0.1)],
    ids=lambda lane: lane.optimizer,
)
def test_the_largest_eigenvalue_every_ten_steps(benchmark, claims, lane):
    """Full-batch steps on the digits MLP, λmax on the same data."""
    torch.set_num_threads(2)
    problem = {"name": "digits_mlp", "batch_size": 0}
    plan = lab.ProbePlan("stability", EVERY)
    made = lab.Experiment(problem, lanes=[lane], steps=STEPS, dtype="float32", probes=[plan])
    warm = Session(made)
    warm.advance(20)
    warm.jobs.work()
    session = Session(made)
    benchmark.pedantic(session.run, rounds=1)
    share = session.cost["stability"] / sum(session.cost.values())
    name = lane.optimizer
    claims.at_most(f"digits MLP, {name}: λmax every 10 steps, share of engine time", share, 0.3)
    found = session.recording.probe("stability")
    assert [result.step for result in found] == list(range(0, STEPS + 1, EVERY))
    path, exact = session.recording.theta(name)[:, 0], []
    network = lab.problem("digits_mlp", batch_size=0)
    for result in found[::3]:
        top = lab.analysis.top_eigenvalues(network, path[result.step], 3)
        exact.append(result.lambda_max / float(top.values.max()))
    claims.at_least(f"the same, median of λmax over the exact one, {name}", np.median(exact), LEAST)
    assert max(exact) < 1.01

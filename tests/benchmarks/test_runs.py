"""Many runs at once, and a single one, against a plain loop over torch.optim."""

import torch
from timing import seconds

import lab

STEPS = 1000


def peer() -> None:
    """One run of torch.optim.Adam on Rosenbrock, as anyone would write it."""
    point = torch.tensor([-1.5, 2.0], requires_grad=True)
    optimizer = torch.optim.Adam([point], lr=1e-2)
    for _ in range(STEPS):
        optimizer.zero_grad()
        x, y = point[0], point[1]
        loss = (1 - x) ** 2 + 100 * (y - x**2) ** 2
        loss.backward()
        optimizer.step()


def ours(runs: int):
    experiment = lab.Experiment(
        "rosenbrock", [lab.Lane("adam", lr=1e-2, runs=runs)], steps=STEPS, device="cpu"
    )
    return lambda: lab.run(experiment).close()


def test_adam_on_rosenbrock(benchmark, claims):
    benchmark.pedantic(ours(1), rounds=3, warmup_rounds=1)
    peer()
    ours(1000)()
    theirs, single, many = seconds(peer, ours(1), ours(1000))
    claims.at_least("one Adam run on Rosenbrock, speed / torch.optim loop", theirs / single, 1.5)
    claims.at_least(
        "1,000 Adam runs on Rosenbrock, run-steps/s / torch.optim loop", 1000 * theirs / many, 300
    )

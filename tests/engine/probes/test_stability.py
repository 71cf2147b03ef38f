"""Stability in a session: what rules meet and stand, warm starts, predicted rates."""

import numpy as np
import pytest
import torch

import lab
from lab.engine.recorder import open_recording
from lab.engine.session import Session

ALL = {
    "batch": True,
    "noise_samples": 24,
    "coherence_samples": 8,
    "rate_pairs": 4,
}
MOONS = {"name": "moons_mlp", "samples": 48, "widths": (12, 8)}


def run(lanes, problem=MOONS, steps=12, every=4, **knobs):
    plan = lab.ProbePlan("stability", every, knobs)
    made = lab.Experiment(problem, lanes=lanes, steps=steps, dtype="float64", probes=[plan])
    return lab.run(made)


def test_plain_descent_against_dense_eigenvalues():
    recording = run([lab.Lane("sgd", lr=0.2, momentum=0.5, weight_decay=0.1)])
    results = recording.probe("stability")
    assert [found.step for found in results] == [0, 4, 8, 12]
    problem = lab.problem("moons_mlp", samples=48, widths=(12, 8))
    for found in results:
        theta = recording.theta("sgd")[found.step, 0]
        exact = np.linalg.eigvalsh(lab.analysis.hessian(problem, theta))[-1]
        assert found.lambda_max == pytest.approx(exact, rel=5e-3)
        assert found.limit == pytest.approx(2 * 1.5 / 0.2)
        assert found.formula == "2(1+μ)/η"
        assert found.ratio == pytest.approx((exact + 0.1) / 15, rel=5e-3)
        assert "preconditioned" not in found.info
        assert not found.arrays
    cold, *warm = [found.products for found in results]
    assert max(warm) < cold


def test_adam_is_measured_as_its_own_steps_meet_it():
    """P = (1 - β₁ᵗ) (√v̂ + ε) of the coming step, by hand from the gradients of the run."""
    recording = run([lab.Lane("adam", lr=0.01)])
    problem = lab.problem("moons_mlp", samples=48, widths=(12, 8))
    path = recording.theta("adam")[:, 0]
    square = np.zeros(problem.dim)
    for step in range(9):
        square = 0.999 * square + 0.001 * problem.gradient(path[step]) ** 2
    divisor = (1 - 0.9**9) * (np.sqrt(square / (1 - 0.999**9)) + 1e-8)
    root = np.diag(divisor**-0.5)
    exact = np.linalg.eigvalsh(root @ lab.analysis.hessian(problem, path[8]) @ root)[-1]
    found = recording.probe("stability")[2]
    assert found.step == 8
    assert found.preconditioned == pytest.approx(exact, rel=5e-3)
    assert found.limit == pytest.approx(38 / 0.01)
    assert found.ratio == pytest.approx(exact / 3800, rel=5e-3)


def test_everything_that_can_be_asked_for():
    lanes = [lab.Lane("sgd", lr=0.1), lab.Lane("rmsprop", lr=0.001)]
    recording = run(lanes, {**MOONS, "batch_size": 12}, steps=4, **ALL)
    problem = lab.problem("moons_mlp", samples=48, widths=(12, 8))
    for found in recording.probe("stability"):
        assert found.batch_size == 12
        assert found.batch_sizes.tolist() == [1, 2, 4, 8, 12, 16, 32, 48]
        assert found.linear_rate == found.linear[4]
        assert found.root_rate == found.root[4]
        assert found.noise_scale > 0
        assert found.noise_scale_error > 0
        assert 1 <= found.coherence <= 48 * np.sqrt(problem.dim)
        assert found.sgd_rate == found.exact[4] <= found.diverging[4] * 1.01
        stands = found.limit * found.lr
        over = found.info.get("preconditioned", found.lambda_max)
        assert found.linear[-1] == pytest.approx(stands / over)
    batches = problem_batches(recording)
    first = recording.probe("stability")[0]
    theta = torch.tensor(recording.theta("sgd")[0])
    exact = problem.hessian(theta, batches)[0].numpy()
    assert first.batch_lambda_max == pytest.approx(np.linalg.eigvalsh(exact)[-1], rel=5e-3)
    assert first.batch_ratio == pytest.approx(first.batch_lambda_max / 20)


def problem_batches(recording):
    """The first mini-batch of the run."""
    problem = lab.problem("moons_mlp", samples=48, widths=(12, 8), batch_size=12)
    return problem.batches(recording.experiment.seed, [0]).at(0)


def test_what_a_problem_does_not_have_is_left_out():
    lane = lab.Lane("lion", lr=1e-3, start=[[1.0, 1.0]])
    found = run([lane], "himmelblau", steps=0, **ALL).probe("stability")[0]
    exact = np.linalg.eigvalsh(lab.analysis.hessian(lab.problem("himmelblau"), [1.0, 1.0]))[-1]
    assert found.lambda_max == pytest.approx(exact)
    assert not {"limit", "ratio", "batch_size", "noise_scale", "coherence"} & set(found.info)
    assert "no curvature makes them grow" in found.no_limit


def test_a_matrix_that_scales_the_steps_is_looked_through():
    """Shampoo with one gradient in its sums, by hand: L = ggᵀ + εI of a problem of scalars."""
    lane = lab.Lane("shampoo", lr=0.3, eps=1e-2, momentum=0.5, start=[[1.0, 1.0]])
    found = run([lane], "himmelblau", steps=0).probe("stability")[0]
    problem = lab.problem("himmelblau")
    slope = problem.gradient([1.0, 1.0])
    values, vectors = np.linalg.eigh(np.outer(slope, slope) + 1e-2 * np.eye(2))
    root = vectors @ np.diag(values**-0.25) @ vectors.T
    exact = np.linalg.eigvalsh(root @ lab.analysis.hessian(problem, [1.0, 1.0]) @ root)[-1]
    assert found.preconditioned == pytest.approx(exact, rel=5e-3)
    assert found.limit == pytest.approx(2 * 1.5 / 0.3)
    assert found.ratio == pytest.approx(exact / 10, rel=5e-3)


def test_nobody_notices_the_looking():
    lanes = [lab.Lane("adam", lr=1e-2), lab.Lane("langevin", lr=1e-3)]
    problem = {**MOONS, "batch_size": 8}
    watched = run(lanes, problem, every=3, **ALL)
    alone = lab.run(lab.Experiment(problem, lanes=lanes, steps=12, dtype="float64"))
    for name in alone.lanes:
        assert np.array_equal(watched.theta(name), alone.theta(name))
        one, two = (r.scalar(name, "gradient_evaluations") for r in (watched, alone))
        assert np.array_equal(one, two)


def test_a_run_that_was_closed_goes_on_as_if_it_had_not(tmp_path):
    """The warm start is part of what is kept."""
    plan = lab.ProbePlan("stability", 3)
    made = lab.Experiment(MOONS, lanes=[lab.Lane("adam")], steps=12, probes=[plan])
    whole = lab.run(made)
    session = Session(made)
    session.advance(7)
    session.jobs.work()
    session.keep()
    session.recording.save(tmp_path / "half.lab")
    resumed = Session(resume=open_recording(tmp_path / "half.lab"))
    resumed.run()
    again = resumed.recording.probe("stability")
    for one, two in zip(whole.probe("stability"), again, strict=True):
        assert dict(one.info) == dict(two.info)
    resumed.recording.close()


def test_a_kinked_loss_is_refused():
    with pytest.raises(ValueError, match="stability"):
        run([lab.Lane("sgd")], {**MOONS, "loss": "mae"})

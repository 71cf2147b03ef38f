"""Probes of the training regime and of what networks express: they are the analyses they name."""

import numpy as np
import pytest
import torch

import lab
from lab import analysis
from lab.engine import requests
from lab.engine.probes import (
    FunctionalDimensionProbe,
    FunctionDistanceProbe,
    GradientAlignmentProbe,
    LazyRichProbe,
    NeuralCollapseProbe,
)
from lab.engine.session import Session

RNG = np.random.default_rng(0)
MOONS = lab.problem("moons_mlp", samples=60, widths=(5,))
A, B = RNG.normal(size=(2, MOONS.dim))


def test_neural_collapse_of_what_the_last_layer_sees(see, measured):
    found, slices = measured(NeuralCollapseProbe(), MOONS, see([B, A], diverged=[0]))
    layer = MOONS.last_layer(torch.as_tensor(A)[None])
    features, labels, weight, bias = (part.squeeze(0) for part in layer)
    wanted = analysis.neural_collapse(features, labels, weight, "simplex", bias)
    assert found.info["run"] == 1
    assert "nc2_features" not in found.info  # two means are a simplex whatever they are
    for name in ("nc1", "nc2", "nc3", "nc4", "imbalance"):
        assert found.info[name] == getattr(wanted, name)
    scores = MOONS.outputs(torch.as_tensor(A)[None], MOONS.dataset.inputs)[0]
    means = torch.stack([features[labels == c].mean(0) for c in (0, 1)])
    agree = scores.argmax(1) == torch.cdist(features, means).argmin(1)
    assert found.info["nc4"] == pytest.approx(float(agree.double().mean()))
    assert slices >= 2


def test_lazy_or_rich_against_where_the_run_began(see, measured):
    sight = see([A, B], seed=3)._replace(first=torch.as_tensor(np.stack([B, A])))
    found, _ = measured(LazyRichProbe(samples=20), MOONS, sight)
    wanted = analysis.lazy_rich(MOONS, A, B, 20, seed=3)
    for name in ("alignment", "centred_error", "drift", "movement", "samples"):
        assert found.info[name] == getattr(wanted, name)


@pytest.mark.parametrize(("own", "knob", "batch"), [(8, 0, 8), (0, 0, 30), (8, 20, 20)])
def test_gradients_of_the_batches_of_the_run(see, measured, own, knob, batch):
    problem = lab.problem("moons_mlp", samples=60, widths=(5,), batch_size=own)
    found, _ = measured(GradientAlignmentProbe(batches=4, batch=knob), problem, see(A))
    wanted = analysis.gradient_alignment(problem, A, 4, batch)
    assert found.info["batch"] == batch
    assert (found.info["mean"], found.info["full_error"]) == (wanted.mean, wanted.full_error)
    np.testing.assert_array_equal(found.arrays["cosines"], wanted.cosines)


def test_functional_dimension(see, measured):
    problem = lab.problem("relu_mlp", widths=(4,))
    theta = RNG.normal(size=problem.dim)
    found, _ = measured(FunctionalDimensionProbe(points=200), problem, see(theta))
    wanted = analysis.functional_dimension(problem, theta, 200)
    assert (found.info["rank"], found.info["bound"]) == (wanted.rank, wanted.bound)
    assert found.info["fraction"] == wanted.rank / wanted.bound
    assert found.info["gap"] == wanted.gap
    assert found.info["bound"] == problem.dim - 4


def test_function_distance_of_lanes_each_with_each(see, measured):
    third = RNG.normal(size=MOONS.dim)
    sights = {"a": see(A), "b": see([A, B], diverged=[0]), "c": see(third)}
    found, _ = measured(FunctionDistanceProbe(), MOONS, sights)
    pairs = [(A, B), (A, third), (B, third)]
    each = [analysis.function_distance(MOONS, *pair) for pair in pairs]
    rms = [one.rms for one in each]
    assert found.info["distance"] == pytest.approx(np.mean(rms))
    assert found.info["divergence"] == pytest.approx(np.mean([one.divergence for one in each]))
    assert (found.info["distance_low"], found.info["distance_high"]) == (min(rms), max(rms))
    assert found.info["names"] == "a 0, b 1, c 0"
    np.testing.assert_allclose(found.arrays["distances"][[0, 0, 1], [1, 2, 2]], rms)
    assert not FunctionDistanceProbe().ready({"a": see(A)})
    alone, _ = measured(FunctionDistanceProbe(), MOONS, {"a": see([A, B])})
    assert alone.info["distance"] == each[0].rms


@pytest.mark.parametrize(
    ("probe", "problem", "reason"),
    [
        ("neural_collapse", lab.problem("wave_mlp"), "needs classes"),
        ("lazy_rich", lab.problem("booth"), "no network"),
        ("lazy_rich", lab.problem("moons_mlp", norm=True), "no outputs of their own"),
        ("gradient_alignment", lab.problem("booth"), "samples are needed"),
        ("functional_dimension", lab.problem("booth"), "that of a network"),
        ("functional_dimension", lab.problem("moons_mlp", norm=True), "input alone"),
        ("functional_dimension", lab.problem("digits_mlp"), "8,970 parameters and 10 outputs"),
        ("functional_dimension", lab.problem("grokking"), "too long with 2,000 parameters"),
        ("function_distance", lab.problem("booth"), "network's outputs"),
        ("model_complexity", lab.problem("digits_two_heads"), "several losses"),
    ],
)
def test_what_does_not_fit_says_why(probe, problem, reason):
    assert reason in lab.catalogue("probe")[probe].factory.unfit(problem)


def session(**changes):
    plans = [lab.ProbePlan("weight_norms", 4), lab.ProbePlan("lazy_rich", 8, {"samples": 12})]
    problem = {"name": "moons_mlp", "samples": 40, "widths": [4], "batch_size": 10}
    values = {"steps": 16, "dtype": "float64", "device": "cpu", "probes": plans, **changes}
    return Session(lab.Experiment(problem, [lab.Lane("adam", lr=0.05, runs=2)], **values))


def test_the_step_is_the_one_that_is_made():
    made = session()
    made.run()
    theta = made.recording.theta("adam")[:, 0]
    for found in made.recording.probe("weight_norms")[:-1]:
        step = theta[found.step + 1] - theta[found.step]
        length = np.linalg.norm(theta[found.step])
        assert found.ratio == pytest.approx(np.linalg.norm(step) / length, rel=1e-9)
        assert found.norm == pytest.approx(length, rel=1e-12)
        assert found.distance == pytest.approx(np.linalg.norm(theta[found.step] - theta[0]))
        assert len(found.names.split(", ")) == len(found.norms) == len(found.ratios)


def test_planned_asked_for_and_after_resuming_are_the_same(tmp_path):
    whole = session()
    whole.run()
    first = session(steps=8)
    first.run()
    first.recording.save(tmp_path / "half.lab")
    again = Session(resume=lab.open(tmp_path / "half.lab"))
    again.set_steps(16)
    again.run()
    late = session(probes=[])  # ticked when the run is under way
    late.advance(9)
    late.set_probes(whole.experiment.probes)
    late.run()
    for name, step in (("lazy_rich", 16), ("weight_norms", 12)):
        (wanted,) = [r for r in whole.recording.probe(name) if r.step == step]
        for made in (again, late):
            (found,) = [r for r in made.recording.probe(name) if r.step == step]
            assert dict(found.info) == dict(wanted.info)
        options = {"name": name, "lane": "adam", "step": step}
        whole.ask(requests.make(whole, "probe", options))
        whole.jobs.work()
        by_hand = whole.recording.results[-1]
        assert by_hand.step == step
        assert dict(by_hand.info) == dict(wanted.info)
    again.recording.close()


def test_a_branch_looks_back_to_where_its_parent_began():
    made = session()
    made.run()
    branch = made.branch("adam", 8)
    made.run()
    (own,) = [r for r in made.recording.probe("lazy_rich") if (r.lane, r.step) == (branch, 16)]
    (parent,) = [r for r in made.recording.probe("lazy_rich") if (r.lane, r.step) == ("adam", 16)]
    assert own.movement == parent.movement  # with the same knobs it goes the same way


def test_evaluation_says_the_median_and_the_spread_of_runs(see, measured):
    rows = RNG.normal(size=(5, MOONS.dim))
    found, _ = measured(lab.catalogue("probe")["evaluation"].make(), MOONS, see(rows))
    loss = found.arrays["loss"]
    wanted = np.quantile(loss, [0.1, 0.5, 0.9])
    got = [found.info[f"loss{end}"] for end in ("_low", "", "_high")]
    np.testing.assert_allclose(got, wanted, rtol=1e-6)
    assert "accuracy" in found.info


def test_model_complexity_is_asked_for_by_hand():
    problem = {"name": "moons_mlp", "samples": 30, "widths": [3]}
    made = Session(lab.Experiment(problem, [lab.Lane("sgd")], steps=0, dtype="float64"))
    knobs = {"counts": 3, "steps": 60, "optimizer": "adam", "lr": 0.05}
    made.ask(requests.make(made, "probe", {"name": "model_complexity", "knobs": knobs}))
    made.jobs.work()
    (found,) = made.recording.probe("model_complexity")
    wanted = analysis.effective_model_complexity(
        made.problem, None, "adam", 3, 60, knobs={"lr": 0.05}, seed=made.experiment.seed
    )
    assert found.complexity == wanted.complexity
    np.testing.assert_array_equal(found.counts, wanted.counts)
    np.testing.assert_allclose(found.loss, wanted.loss)
    assert lab.catalogue("probe")["model_complexity"].factory.by_hand
    assert "only a network" in lab.catalogue("probe")["model_complexity"].factory.unfit(
        lab.problem("booth")
    )

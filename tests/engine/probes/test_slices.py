"""Slices along a run and asked for by hand: which lines, and that each is what its name says."""

import numpy as np
import pytest

import lab
from lab import analysis
from lab.engine import requests
from lab.engine.session import Session


def session(problem, optimizer="momentum", **options) -> Session:
    lane = lab.Lane(optimizer, lr=0.01, name="a", **options)
    values = {"lanes": [lane], "steps": 6, "device": "cpu", "dtype": "float64", "seed": 3}
    made = Session(lab.Experiment(problem, **values))
    made.run()
    return made


def asked(made: Session, **options):
    made.ask(requests.make(made, "probe", {"name": "slices", **options}))
    made.jobs.work()
    return made.recording.results[-1]


def test_each_line_is_what_its_name_says():
    made = session({"name": "moons_mlp", "widths": [5], "samples": 60})
    found = asked(made, lane="a", step=4)
    problem, theta = made.problem, made.recording.theta("a")
    names = found.names.split("|")
    assert names == [
        "random 1",
        "random 2",
        "gradient",
        "momentum",
        "next step",
        "eigenvector 1",
        "eigenvector 2",
    ]
    step = theta[5, 0] - theta[4, 0]
    wanted = {"gradient": problem.gradient(theta[4, 0]), "next step": step}
    found_by_hand = analysis.top_eigenvalues(problem, theta[4, 0], 2)
    for place in range(2):
        wanted[f"eigenvector {place + 1}"] = found_by_hand.vectors[place]
        row = names.index(f"eigenvector {place + 1}")
        assert found.curvature[row] == pytest.approx(found_by_hand.values[place], rel=1e-5)
    reach = 0.2 * np.linalg.norm(theta[4, 0])
    assert found.reach == pytest.approx(reach)
    np.testing.assert_allclose(found.s[[0, -1]], [-reach, reach])
    for name, along in wanted.items():
        exact = analysis.slices(problem, theta[4, 0], along[None], reach)
        row = names.index(name)
        loss = found.loss[row]
        either = (loss, loss[::-1]) if name.startswith("eigen") else (loss,)  # of either sign
        assert any(np.allclose(exact.loss[0], way, rtol=1e-6) for way in either), name
    assert found.accuracy.shape == found.loss.shape == (7, 41)
    assert found.slope[names.index("gradient")] == pytest.approx(
        np.linalg.norm(wanted["gradient"]), rel=1e-9
    )
    assert found.slope[names.index("next step")] < 0


def test_knobs_and_rules_without_momentum():
    made = session("himmelblau", "sgd", start=[[1.0, 1.0]])
    knobs = {"random": 0, "eigen": 1, "points": 5}
    found = asked(made, lane="a", step=2, knobs=knobs)
    assert found.names == "gradient|next step|eigenvector 1"
    assert found.loss.shape == (3, 5)
    assert "accuracy" not in found.arrays


def test_looking_changes_nothing_and_is_planned_like_any_probe():
    plain = session("himmelblau", start=[[1.0, 1.0]]).recording.theta("a")
    lane = lab.Lane("momentum", lr=0.01, name="a", start=[[1.0, 1.0]])
    plan = lab.ProbePlan("slices", 2, {"points": 7})
    experiment = lab.Experiment(
        "himmelblau", lanes=[lane], steps=6, device="cpu", dtype="float64", seed=3, probes=[plan]
    )
    recording = lab.run(experiment)
    np.testing.assert_array_equal(recording.theta("a"), plain)
    assert [result.step for result in recording.probe("slices")] == [0, 2, 4, 6]

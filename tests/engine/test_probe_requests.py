"""Probes asked for by hand: what they see, what goes on record, and what is refused."""

import numpy as np
import pytest
import torch
from asking import two_lanes
from toys import entries

import lab
from lab.engine import requests
from lab.engine.session import Session


@pytest.fixture(autouse=True)
def toys():
    with entries():
        yield


def asked(made: Session, **options):
    """The result that asking for a probe puts on record."""
    before = len(made.recording.results)
    made.ask(requests.make(made, "probe", options))
    made.jobs.work()
    (found,) = made.recording.results[before:]
    return found


@pytest.mark.parametrize("step", [0, 7, 30])
def test_sees_the_row_of_any_step(step):
    made = two_lanes()
    found = asked(made, name="toy_where", lane="sgd", step=step)
    assert (found.name, found.lane, found.step) == ("toy_where", "sgd", step)
    assert np.array_equal(found.theta, made.recording.theta("sgd")[step])
    assert found.seed == made.experiment.seed


def test_planned_and_asked_for_are_the_same():
    made = two_lanes(probes=[lab.ProbePlan("hessian_spectrum", 10), lab.ProbePlan("toy_where", 10)])
    for name in ("hessian_spectrum", "toy_where"):
        (planned,) = [r for r in made.recording.probe(name) if (r.lane, r.step) == ("sgd", 20)]
        found = asked(made, name=name, lane="sgd", step=20)
        assert dict(found.info) == dict(planned.info)
        assert found.arrays.keys() == planned.arrays.keys()
        for key, array in planned.arrays.items():
            assert np.array_equal(found.arrays[key], array), key


def test_knobs_are_those_of_the_step():
    made = two_lanes()
    made.set_steps(60)
    made.set_knob("sgd", "lr", 5e-4)
    made.run()
    swept = [1e-3, 1e-3, 2e-3, 2e-3]
    assert asked(made, name="toy_where", lane="sgd", step=29).knob_lr == pytest.approx(swept)
    assert asked(made, name="toy_where", lane="sgd", step=30).knob_lr == pytest.approx([5e-4] * 4)
    spectrum = asked(made, name="hessian_spectrum", lane="sgd", step=10)
    assert spectrum.two_over_lr == pytest.approx(2 / 1e-3)


def test_a_branch_has_the_knobs_of_its_past():
    made = two_lanes()
    name = made.branch("adam", 10, {"lr": 0.5})
    made.run()
    assert asked(made, name="toy_where", lane=name, step=5).knob_lr == pytest.approx([0.02])
    assert asked(made, name="toy_where", lane=name, step=20).knob_lr == pytest.approx([0.5])
    at = made.recording.theta("adam")[5]
    assert np.array_equal(asked(made, name="toy_where", lane=name, step=5).theta, at)


def test_knobs_of_the_plan_are_used():
    made = two_lanes(probes=[lab.ProbePlan("toy_where", 100, {"power": 2})])
    found = asked(made, name="toy_where", lane="adam", step=4)
    assert np.array_equal(found.theta, made.recording.theta("adam")[4] ** 2)


def test_the_first_lane_if_none_is_named():
    assert asked(two_lanes(), name="toy_where", step=3).lane == "sgd"


def test_all_lanes_together():
    made = two_lanes()
    found = asked(made, name="toy_together", step=12)
    assert (found.lane, found.step, found.lanes) == ("", 12, ["sgd", "adam"])
    assert np.array_equal(found.adam, made.recording.theta("adam")[12, 0])


@pytest.mark.parametrize(
    ("runs", "ends"),
    [
        ((("adam", 0), ("sgd", 2)), ("adam", 0, "sgd", 2)),
        ((("sgd", 3), ("sgd", 1)), ("sgd", 1, "sgd", 3)),
    ],
)
def test_a_line_between_any_two_runs(runs, ends):
    made = two_lanes()
    found = asked(made, name="connectivity", step=12, runs=runs)
    assert (found.lane_a, found.run_a, found.lane_b, found.run_b) == ends
    a, b = (made.recording.theta(ends[i])[12, ends[i + 1]] for i in (0, 2))
    path = lab.analysis.linear_path(made.problem, a, b, points=len(found.t))
    assert found.loss == pytest.approx(path.loss, rel=1e-12)
    assert found.barrier == pytest.approx(path.barrier, rel=1e-9)


def test_a_step_beyond_the_head_is_the_head():
    assert asked(two_lanes(), name="toy_where", lane="adam", step=10_000).step == 30


def test_diverged_runs_are_not_looked_at():
    lanes = [lab.Lane("sgd", lr=[1e-3, 1.0], start=[-1.0, 1.0]), lab.Lane("sgd", lr=10.0)]
    made = two_lanes(lanes=lanes)
    assert list(made.recording.diverged("sgd")) == [1]
    found = asked(made, name="evaluation", lane="sgd", step=30)
    assert np.isfinite(found.loss).tolist() == [True, False]
    with pytest.raises(ValueError, match="diverged"):
        requests.make(made, "probe", {"name": "hessian_spectrum", "lane": "sgd-2", "step": 30})


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"name": "hessian"}, "hessian_spectrum"),
        ({"name": "toy_where", "lane": "rmsprop"}, "no lane is called 'rmsprop'"),
        ({"name": "toy_where", "runs": (("adam", 4),)}, "no run 4: 0 to 0"),
        ({"name": "connectivity", "runs": (("adam", 0),)}, "cannot be measured"),
    ],
)
def test_refusals_say_what_is_wrong(options, words):
    with pytest.raises(ValueError, match=words):
        requests.make(two_lanes(), "probe", options)


def test_an_unfit_probe_is_refused(monkeypatch):
    made = two_lanes()
    monkeypatch.setattr(type(made.problem), "hessian_trouble", "it has kinks")
    with pytest.raises(ValueError, match="it has kinks"):
        requests.make(made, "probe", {"name": "hessian_spectrum", "lane": "sgd"})


def test_precision_of_the_two_lanes():
    made = two_lanes(dtype="float32")
    job = requests.make(made, "probe", {"name": "toy_where", "lane": "adam", "step": 1})
    next(job.steps)
    assert next(job.steps).partial.dtype == torch.float32


def test_what_is_measured_on_a_chosen_run_says_so():
    made = two_lanes()
    found = asked(made, name="hessian_spectrum", lane="sgd", step=30, runs=[("sgd", 3)])
    assert (found.run, found.chosen) == (3, True)
    assert "chosen" not in asked(made, name="hessian_spectrum", lane="sgd", step=30).info

"""Probes asked for by hand: what they see, what goes on record, and what is refused."""

import numpy as np
import pytest
import torch
from toys import entries

import lab
from lab import analysis
from lab.engine import requests
from lab.engine.analysis import sampling
from lab.engine.analysis.base import to_numpy
from lab.engine.session import Session


@pytest.fixture(autouse=True)
def toys():
    with entries():
        yield


def session(**changes) -> Session:
    lanes = [
        lab.Lane("sgd", lr=[1e-3, 2e-3], start=[[-1.0, 1.0], [1.5, 0.5]]),
        lab.Lane("adam", lr=0.02, start=[0.5, 0.5]),
    ]
    values = {"lanes": lanes, "steps": 30, "device": "cpu", "dtype": "float64", **changes}
    made = Session(lab.Experiment("himmelblau", **values))
    made.run()
    return made


def asked(made: Session, **options):
    """The result that asking for a probe puts on record."""
    before = len(made.recording.results)
    made.ask(requests.make(made, "probe", options))
    made.jobs.work()
    (found,) = made.recording.results[before:]
    return found


@pytest.mark.parametrize("step", [0, 7, 30])
def test_sees_the_row_of_any_step(step):
    made = session()
    found = asked(made, name="toy_where", lane="sgd", step=step)
    assert (found.name, found.lane, found.step) == ("toy_where", "sgd", step)
    assert np.array_equal(found.theta, made.recording.theta("sgd")[step])
    assert found.seed == made.experiment.seed


def test_planned_and_asked_for_are_the_same():
    made = session(probes=[lab.ProbePlan("hessian_spectrum", 10), lab.ProbePlan("toy_where", 10)])
    for name in ("hessian_spectrum", "toy_where"):
        (planned,) = [r for r in made.recording.probe(name) if (r.lane, r.step) == ("sgd", 20)]
        found = asked(made, name=name, lane="sgd", step=20)
        assert dict(found.info) == dict(planned.info)
        assert found.arrays.keys() == planned.arrays.keys()
        for key, array in planned.arrays.items():
            assert np.array_equal(found.arrays[key], array), key


def test_knobs_are_those_of_the_step():
    made = session()
    made.set_steps(60)
    made.set_knob("sgd", "lr", 5e-4)
    made.run()
    swept = [1e-3, 1e-3, 2e-3, 2e-3]
    assert asked(made, name="toy_where", lane="sgd", step=29).knob_lr == pytest.approx(swept)
    assert asked(made, name="toy_where", lane="sgd", step=30).knob_lr == pytest.approx([5e-4] * 4)
    spectrum = asked(made, name="hessian_spectrum", lane="sgd", step=10)
    assert spectrum.two_over_lr == pytest.approx(2 / 1e-3)


def test_a_branch_has_the_knobs_of_its_past():
    made = session()
    name = made.branch("adam", 10, {"lr": 0.5})
    made.run()
    assert asked(made, name="toy_where", lane=name, step=5).knob_lr == pytest.approx([0.02])
    assert asked(made, name="toy_where", lane=name, step=20).knob_lr == pytest.approx([0.5])
    at = made.recording.theta("adam")[5]
    assert np.array_equal(asked(made, name="toy_where", lane=name, step=5).theta, at)


def test_knobs_of_the_plan_are_used():
    made = session(probes=[lab.ProbePlan("toy_where", 100, {"power": 2})])
    found = asked(made, name="toy_where", lane="adam", step=4)
    assert np.array_equal(found.theta, made.recording.theta("adam")[4] ** 2)


def test_the_first_lane_if_none_is_named():
    assert asked(session(), name="toy_where", step=3).lane == "sgd"


def test_all_lanes_together():
    made = session()
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
    made = session()
    found = asked(made, name="connectivity", step=12, runs=runs)
    assert (found.lane_a, found.run_a, found.lane_b, found.run_b) == ends
    a, b = (made.recording.theta(ends[i])[12, ends[i + 1]] for i in (0, 2))
    path = lab.analysis.linear_path(made.problem, a, b, points=len(found.t))
    assert found.loss == pytest.approx(path.loss, rel=1e-12)
    assert found.barrier == pytest.approx(path.barrier, rel=1e-9)


def test_a_step_beyond_the_head_is_the_head():
    assert asked(session(), name="toy_where", lane="adam", step=10_000).step == 30


def test_diverged_runs_are_not_looked_at():
    lanes = [lab.Lane("sgd", lr=[1e-3, 1.0], start=[-1.0, 1.0]), lab.Lane("sgd", lr=10.0)]
    made = session(lanes=lanes)
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
        requests.make(session(), "probe", options)


def test_an_unfit_probe_is_refused(monkeypatch):
    made = session()
    monkeypatch.setattr(type(made.problem), "hessian_trouble", "it has kinks")
    with pytest.raises(ValueError, match="it has kinks"):
        requests.make(made, "probe", {"name": "hessian_spectrum", "lane": "sgd"})


def test_precision_of_the_session():
    made = session(dtype="float32")
    job = requests.make(made, "probe", {"name": "toy_where", "lane": "adam", "step": 1})
    next(job.steps)
    assert next(job.steps).partial.dtype == torch.float32


def shared(made: Session, **options):
    """What is shared at the end of a surface asked for."""
    told = []
    job = requests.make(made, "surface", options)
    job.key, job.share = ("surface",), lambda key, done, value: told.append((done, value))
    made.ask(job)
    made.jobs.work()
    assert told[-1][0] == 1.0
    return told[-1][1]


def network(**changes) -> Session:
    lanes = [lab.Lane("sgd", lr=0.1), lab.Lane("adam", lr=0.01)]
    values = {"lanes": lanes, "steps": 6, "device": "cpu", **changes}
    made = Session(lab.Experiment({"name": "moons_mlp", "widths": [4]}, **values))
    made.run()
    return made


def test_native_surface_is_that_of_the_problem_and_not_on_record():
    made = session()
    found = shared(made, plane="native", window=((-1.0, 1.0), (0.0, 2.0)), points=5)
    expected = made.problem.value([[x, y] for y in found.y.tolist() for x in found.x.tolist()])
    assert np.allclose(found.loss.numpy().ravel(), expected)
    assert made.recording.probe("surface") == []


@pytest.mark.parametrize("plane", ["random", "pca", "eigen", "gradient"])
def test_planes_go_on_record_with_the_ground_they_stand_on(plane):
    made = network()
    found = shared(made, plane=plane, points=5, lane="sgd", step=6)
    (result,) = made.recording.probe("surface")
    assert result.kind == plane
    assert np.array_equal(result.loss, found.loss)
    assert np.array_equal(result.metric_accuracy, found.metrics["accuracy"])
    x, y = float(found.x[1]), float(found.y[2])
    theta = result.center + x * result.d1 + y * result.d2
    assert result.loss[2, 1] == pytest.approx(float(made.problem.value(theta)), rel=1e-4)


def test_another_window_of_a_plane_that_was_found():
    made = network()
    first = to_numpy(shared(made, plane="pca", points=3, step=6))
    window = ((-0.5, 0.5), (0.0, 1.0))
    again = shared(made, plane="pca", points=3, window=window, on=first.plane)
    assert again.plane.text == first.plane.text
    for name in ("center", "d1", "d2"):
        assert np.array_equal(getattr(again.plane, name), getattr(first.plane, name))
    assert (again.x.tolist(), again.y.tolist()) == ([-0.5, 0.0, 0.5], [0.0, 0.5, 1.0])


def test_plane_through_points_needs_three():
    with pytest.raises(ValueError, match="three lanes"):
        list(requests.make(network(), "surface", {"plane": "points", "points": 3}).steps)


def test_unknown_plane_is_named():
    with pytest.raises(ValueError, match="did you mean 'pca'"):
        requests.make(session(), "surface", {"plane": "pcaa"})


def mapped(made: Session, **options):
    """The basin map that asking for it puts on record."""
    made.ask(requests.make(made, "basins", options))
    made.jobs.work()
    return made.recording.results[-1]


def test_a_basin_map_is_made_with_the_lanes_knobs_as_they_stand(tmp_path):
    made = session()
    found = mapped(made, lane="sgd", run=2, points=12, step=5)
    assert (found.name, found.lane, found.step) == ("basin_map", "sgd", 5)
    assert (found.knobs["lr"], found.budget, found.run) == (2e-3, 30, 2)
    direct = lab.analysis.basin_map(made.problem, "sgd", points=12, steps=30, knobs={"lr": 2e-3})
    for name in ("x", "y", "label", "arrived", "steps", "optima", "values"):
        assert np.array_equal(found.arrays[name], getattr(direct, name)), name
    made.recording.save(tmp_path / "a.lab")
    with_file = lab.open(tmp_path / "a.lab")
    (again,) = with_file.probe("basin_map")
    assert np.array_equal(again.label, found.label)
    assert again.info == found.info
    with_file.close()


def test_a_turned_knob_is_seen_by_the_map():
    made = Session(lab.Experiment("himmelblau", lanes=[lab.Lane("sgd", lr=1e-3)], steps=4))
    made.advance(2)
    made.set_knob("sgd", "lr", 5e-3)
    made.run()
    assert mapped(made, points=4, step=1).knobs["lr"] == 1e-3
    assert mapped(made, points=4, step=3).knobs["lr"] == 5e-3


def test_a_map_that_makes_no_sense_is_refused():
    made = session()
    for options, said in (
        ({"run": 9}, "has no run 9"),
        ({"lane": "adm"}, "no lane is called 'adm'"),
    ):
        with pytest.raises(ValueError, match=said):
            requests.make(made, "basins", options)
    network = Session(lab.Experiment("moons_mlp", lanes=[lab.Lane("sgd")], steps=1))
    with pytest.raises(ValueError, match="a basin map needs a problem of two variables"):
        requests.make(network, "basins", {})


def test_what_is_measured_on_a_chosen_run_says_so():
    made = session()
    found = asked(made, name="hessian_spectrum", lane="sgd", step=30, runs=[("sgd", 3)])
    assert (found.run, found.chosen) == (3, True)
    assert "chosen" not in asked(made, name="hessian_spectrum", lane="sgd", step=30).info


def test_a_gradient_plane_has_the_last_move_in_it():
    made = network()
    found = shared(made, plane="gradient", points=3, lane="adam", step=6)
    theta = made.recording.theta("adam")[:, 0]
    before = found.plane.off_plane(theta[5][None])
    assert before == pytest.approx(0, abs=1e-5)
    assert "the part of the last move across it" in found.plane.text
    first = shared(made, plane="gradient", points=3, lane="adam", step=0, window=((-1, 1),) * 2)
    assert "no move yet" in first.plane.text


def test_scaling_and_biases_of_random_directions():
    made = network()
    options = {"plane": "random", "points": 3, "lane": "sgd", "step": 6}
    by_layer = shared(made, **options, scaling="layer", bias="code")
    assert "layer-normalised, biases and norm layers copied" in by_layer.plane.text
    assert "not normalised" in shared(made, **options, scaling="none").plane.text
    with pytest.raises(ValueError, match="normalize"):
        list(requests.make(made, "surface", {**options, "scaling": "filters"}).steps)


def test_what_a_surface_takes_is_told_before_and_time_that_is_left_along_the_way(monkeypatch):
    monkeypatch.setattr(sampling, "points_in_block", lambda *_: 20)
    made = network()
    job = requests.make(made, "surface", {"plane": "random", "points": 21, "lane": "sgd"})
    made.ask(job)
    told = []
    while made.jobs:
        made.jobs.work(0)
        told.append((job.done, job.cost, job.left))
    done, cost, left = told[0]
    assert done == 0
    assert (cost.count, cost.unit) == (441, "values")
    assert left == cost.seconds > 0
    for done, _, left in told[1:-1]:
        assert left is not None
        assert left < 60
        assert 0 < done <= 1


def test_a_surface_that_was_cancelled_goes_on_from_what_is_known(monkeypatch):
    monkeypatch.setattr(sampling, "points_in_block", lambda *_: 20)
    made, told = network(), []
    options = {"plane": "random", "points": 21, "lane": "sgd", "window": ((-1.0, 1.0),) * 2}
    whole = to_numpy(shared(made, **options))
    job = requests.make(made, "surface", options)
    job.key, job.share = ("surface",), lambda key, done, value: told.append(value)
    made.ask(job)
    while not told or told[-1].known.float().mean() < 0.5:
        made.jobs.work(0)
    made.jobs.cancel(("surface",))
    assert not made.jobs
    known = to_numpy(told[-1])
    job = requests.make(made, "surface", {**options, "on": known.plane, "known": known})
    made.ask(job)
    made.jobs.work(0)
    assert job.begun == pytest.approx(known.known.mean())
    made.jobs.work()
    result = made.recording.probe("surface")[-1]
    assert np.array_equal(result.loss, whole.loss)


def test_a_curvature_map_goes_on_record():
    made = session()
    told = []
    job = requests.make(made, "curvature_map", {"points": 5})
    job.key, job.share = ("curvature_map",), lambda key, done, value: told.append(value)
    made.ask(job)
    made.jobs.work()
    (result,) = made.recording.probe("curvature_map")
    assert (result.kind, result.exact, result.tensors) == ("native", True, "all")
    x, y = result.x[1], result.y[3]
    values = np.linalg.eigvalsh(analysis.hessian(made.problem, np.array([x, y])))
    assert result.smallest[3, 1] == pytest.approx(values[0])
    assert result.largest[3, 1] == pytest.approx(values[1])
    made = network()
    with pytest.raises(ValueError, match="a native plane needs 2 variables"):
        requests.make(made, "curvature_map", {"points": 3})
    plane = to_numpy(analysis.random_plane(made.problem, np.ones(made.problem.dim)))
    with pytest.raises(ValueError, match="has none of its own"):
        requests.make(made, "curvature_map", {"on": plane})

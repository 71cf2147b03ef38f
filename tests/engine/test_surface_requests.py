"""Surfaces and curvature maps asked for: planes, records, forecasts, going on."""

import numpy as np
import pytest
from asking import two_lanes, two_networks

from lab import analysis
from lab.engine import requests
from lab.engine.analysis import sampling
from lab.engine.analysis.base import to_numpy
from lab.engine.session import Session


def shared(made: Session, **options):
    """What is shared at the end of a surface asked for."""
    told = []
    job = requests.make(made, "surface", options)
    job.key, job.share = ("surface",), lambda key, done, value: told.append((done, value))
    made.ask(job)
    made.jobs.work()
    assert told[-1][0] == 1.0
    return told[-1][1]


def test_native_surface_is_that_of_the_problem_and_not_on_record():
    made = two_lanes()
    found = shared(made, plane="native", window=((-1.0, 1.0), (0.0, 2.0)), points=5)
    expected = made.problem.value([[x, y] for y in found.y.tolist() for x in found.x.tolist()])
    assert np.allclose(found.loss.numpy().ravel(), expected)
    assert made.recording.probe("surface") == []


@pytest.mark.parametrize("plane", ["random", "pca", "eigen", "gradient"])
def test_planes_go_on_record_with_the_ground_they_stand_on(plane):
    made = two_networks()
    found = shared(made, plane=plane, points=5, lane="sgd", step=6)
    (result,) = made.recording.probe("surface")
    assert result.kind == plane
    assert np.array_equal(result.loss, found.loss)
    assert np.array_equal(result.metric_accuracy, found.metrics["accuracy"])
    x, y = float(found.x[1]), float(found.y[2])
    theta = result.center + x * result.d1 + y * result.d2
    assert result.loss[2, 1] == pytest.approx(float(made.problem.value(theta)), rel=1e-4)


def test_another_window_of_a_plane_that_was_found():
    made = two_networks()
    first = to_numpy(shared(made, plane="pca", points=3, step=6))
    window = ((-0.5, 0.5), (0.0, 1.0))
    again = shared(made, plane="pca", points=3, window=window, on=first.plane)
    assert again.plane.text == first.plane.text
    for name in ("center", "d1", "d2"):
        assert np.array_equal(getattr(again.plane, name), getattr(first.plane, name))
    assert (again.x.tolist(), again.y.tolist()) == ([-0.5, 0.0, 0.5], [0.0, 0.5, 1.0])


def test_plane_through_points_needs_three():
    with pytest.raises(ValueError, match="three lanes"):
        list(requests.make(two_networks(), "surface", {"plane": "points", "points": 3}).steps)


def test_unknown_plane_is_named():
    with pytest.raises(ValueError, match="did you mean 'pca'"):
        requests.make(two_lanes(), "surface", {"plane": "pcaa"})


def test_a_gradient_plane_has_the_last_move_in_it():
    made = two_networks()
    found = shared(made, plane="gradient", points=3, lane="adam", step=6)
    theta = made.recording.theta("adam")[:, 0]
    before = found.plane.off_plane(theta[5][None])
    assert before == pytest.approx(0, abs=1e-5)
    assert "the part of the last move across it" in found.plane.text
    first = shared(made, plane="gradient", points=3, lane="adam", step=0, window=((-1, 1),) * 2)
    assert "no move yet" in first.plane.text


def test_scaling_and_biases_of_random_directions():
    made = two_networks()
    options = {"plane": "random", "points": 3, "lane": "sgd", "step": 6}
    by_layer = shared(made, **options, scaling="layer", bias="code")
    assert "layer-normalised, biases and norm layers copied" in by_layer.plane.text
    assert "not normalised" in shared(made, **options, scaling="none").plane.text
    with pytest.raises(ValueError, match="normalize"):
        list(requests.make(made, "surface", {**options, "scaling": "filters"}).steps)


def test_what_a_surface_takes_is_told_before_and_time_that_is_left_along_the_way(monkeypatch):
    monkeypatch.setattr(sampling, "points_in_block", lambda *_: 20)
    made = two_networks()
    job = requests.make(made, "surface", {"plane": "random", "points": 21, "lane": "sgd"})
    made.ask(job)
    told = []
    while made.jobs:
        made.jobs.work(0)
        if job.cost is None:  # finding it out takes a few slices of its own
            assert job.done == 0
        else:
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
    made, told = two_networks(), []
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
    made = two_lanes()
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
    made = two_networks()
    with pytest.raises(ValueError, match="a native plane needs 2 variables"):
        requests.make(made, "curvature_map", {"points": 3})
    plane = to_numpy(analysis.random_plane(made.problem, np.ones(made.problem.dim)))
    with pytest.raises(ValueError, match="has none of its own"):
        requests.make(made, "curvature_map", {"on": plane})

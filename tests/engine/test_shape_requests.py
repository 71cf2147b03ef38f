"""Topology of a surface that is known, and searches for critical points, asked for by hand."""

import numpy as np
import pytest

import lab
from lab.engine import requests
from lab.engine.analysis.base import to_numpy
from lab.engine.replay import Replay
from lab.engine.session import Session


def session(problem="himmelblau", **changes) -> Session:
    lanes = [lab.Lane("sgd", lr=1e-3, runs=2), lab.Lane("adam", lr=0.02)]
    values = {"lanes": lanes, "steps": 6, "device": "cpu", "dtype": "float64", **changes}
    made = Session(lab.Experiment(problem, **values))
    made.run()
    return made


def surface_of(made: Session, **options):
    """A surface as the window has it."""
    shared = []
    job = requests.make(made, "surface", {"points": 41, **options})
    job.key, job.share = ("surface",), lambda key, done, value: shared.append(value)
    made.ask(job)
    made.jobs.work()
    return to_numpy(shared[-1]), shared


def asked(made, name, **options):
    """What is shared, and what went on record."""
    shared, before = [], len(made.recording.results)
    job = requests.make(made, name, options)
    job.key, job.share = (name,), lambda key, done, value: shared.append((done, value))
    made.ask(job)
    made.jobs.work()
    return shared, made.recording.results[before:]


def test_topology_of_the_surface_that_is_shown():
    made = session()
    surface, _ = surface_of(made)
    shared, (kept,) = asked(made, "topology", surface=surface, lane="sgd", step=4)
    assert (kept.name, kept.lane, kept.step) == ("topology", "", 4)
    found = to_numpy(shared[-1][1])
    assert found.surface.loss is surface.loss  # by which the window knows whose shape it is
    assert found.result.death[1:] == pytest.approx([104.0, 67.7, 13.3], rel=0.05)
    assert np.bincount(kept.point_index).tolist() == [4, 4, 1]


def test_topology_of_a_plane_is_that_of_its_lane():
    made = session("moons_mlp")
    surface, _ = surface_of(made, plane="random", lane="adam", step=6, points=15)
    _, (kept,) = asked(made, "topology", surface=surface, lane="adam", step=6)
    assert (kept.lane, kept.kind) == ("adam", "random")
    assert kept.nx == 15


def test_a_surface_on_its_way_is_refused():
    made = session()
    _, shared = surface_of(made)
    part = to_numpy(next(value for value in shared if value is not None and not value.known.all()))
    with pytest.raises(ValueError, match="still on its way"):
        requests.make(made, "topology", {"surface": part})


def test_of_a_recording_that_cannot_go_on_the_surface_on_record_is_taken():
    made = session("moons_mlp")
    surface, _ = surface_of(made, plane="pca", step=6, points=11)
    replay = Replay(made.recording)
    shared, kept = asked(replay, "topology", step=6)
    assert not kept
    found = shared[-1][1].result
    assert found.birth[0] == surface.loss.min()
    assert not found.refined
    made.recording.results.clear()
    with pytest.raises(ValueError, match="no surface"):
        requests.make(replay, "topology", {"step": 6})


def test_critical_points_are_looked_for_around_all_paths():
    made = session()
    options = {"step": 5, "knobs": {"starts": 80, "noise": [0.0, 0.5]}}
    shared, (kept,) = asked(made, "critical_points", **options)
    assert (kept.name, kept.lane, kept.step) == ("critical_points", "", 5)
    assert kept.found == 9
    assert kept.lanes == ["sgd", "adam"]
    assert set(kept.around) <= {0, 1}
    parts = [value for done, value in shared if done < 1]
    assert parts
    assert all(part.found <= 9 for part in parts)
    assert {"loss", "index", "theta"} <= parts[-1].arrays.keys()


def test_what_cannot_be_searched_is_refused():
    made = session()
    with pytest.raises(ValueError, match="starts"):
        requests.make(made, "critical_points", {"knobs": {"starts": 0}})
    large = session("moons_mlp", steps=0)
    large.problem = lab.problem("moons_mlp", widths=(60, 60))
    with pytest.raises(ValueError, match="2,000 parameters"):
        requests.make(large, "critical_points", {})

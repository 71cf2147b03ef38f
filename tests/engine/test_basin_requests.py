"""Basin maps asked for: the knobs they are made with, and what is refused."""

import numpy as np
import pytest
from asking import two_lanes

import lab
from lab.engine import requests
from lab.engine.session import Session


def mapped(made: Session, **options):
    """The basin map that asking for it puts on record."""
    made.ask(requests.make(made, "basins", options))
    made.jobs.work()
    return made.recording.results[-1]


def test_a_basin_map_is_made_with_the_lanes_knobs_as_they_stand(tmp_path):
    made = two_lanes()
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
    made = two_lanes()
    for options, said in (
        ({"run": 9}, "has no run 9"),
        ({"lane": "adm"}, "no lane is called 'adm'"),
    ):
        with pytest.raises(ValueError, match=said):
            requests.make(made, "basins", options)
    network = Session(lab.Experiment("moons_mlp", lanes=[lab.Lane("sgd")], steps=1))
    with pytest.raises(ValueError, match="a basin map needs a problem of two variables"):
        requests.make(network, "basins", {})

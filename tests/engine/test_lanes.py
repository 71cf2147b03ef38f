import time

import numpy as np
import pytest
import torch

from lab.engine.experiment import Experiment
from lab.engine.lanes import ROUND_SECONDS, Lanes
from lab.engine.plan import Lane
from lab.engine.problems import problem
from lab.engine.recorder import Recorder
from lab.engine.recording import Recording


@pytest.fixture
def arrived():
    return []


@pytest.fixture
def lanes(arrived):
    recording = Recording(Experiment("rosenbrock", device="cpu"), {})
    Recorder(recording)
    place = {"device": torch.device("cpu"), "dtype": torch.float64, "threads": 1}
    found = Lanes(
        problem("rosenbrock"),
        recording,
        **place,
        arrived=lambda lane: arrived.append((lane.spec.name, lane.step)),
    )
    for name in "ab":
        found.enter(found.prepare(Lane("adam", name=name)))
    return found


def reach(lanes, name, step):
    while lanes.able(name).step < step:
        lanes.burst(lanes.able(name), step, float("inf"))


def test_whoever_wants_to_know_is_told_of_every_arrival(lanes, arrived):
    assert arrived == [("a", 0), ("b", 0)]
    reach(lanes, "a", 3)
    assert [step for name, step in arrived if name == "a"][-1] == 3
    assert lanes.present("a").head == 3


def test_preparing_a_lane_changes_nothing(lanes, arrived):
    recording = lanes._recording
    reach(lanes, "a", 5)
    before = recording.experiment, dict(recording.records), list(arrived), list(recording.events)
    lane = lanes.prepare(Lane("sgd", name="a"))
    lanes.prepare(Lane("adam", name="c", branch_of="a", branch_step=3))
    assert before == (
        recording.experiment,
        dict(recording.records),
        list(arrived),
        list(recording.events),
    )
    lanes.enter(lane)
    assert [spec.optimizer for spec in recording.experiment.lanes] == ["sgd", "adam"]
    assert recording.lanes == ["a", "b"]


def test_turns_are_short_and_get_longer_once_the_pace_is_known(lanes):
    lane = lanes.able("a")
    lanes.burst(lane, 10**6, float("inf"))
    assert lane.step == 1  # nothing is known of its pace yet
    begin = time.perf_counter()
    lanes.burst(lane, 10**6, float("inf"))
    assert lane.step > 2
    assert time.perf_counter() - begin < 100 * ROUND_SECONDS  # whatever else the machine does
    step = lane.step
    lanes.burst(lane, 10**6, time.perf_counter() - 1)
    assert lane.step == step + 1  # time is up: one step is made all the same


def test_the_state_of_any_step(lanes):
    reach(lanes, "a", 40)
    theta = lanes.present("a").read("theta", 0, 41)[1]
    for step in range(41):
        np.testing.assert_array_equal(lanes.state_at("a", step).theta, theta[step])


def test_a_lane_that_went_returns_where_it_stood(lanes):
    reach(lanes, "a", 20)
    record = lanes.present("a")
    lanes.remove("a")
    assert [lane.spec.name for lane in lanes.at_work()] == ["b"]
    with pytest.raises(ValueError, match="no lane is called 'a'; there are: b"):
        lanes.able("a")
    lanes.bring_back(record)
    assert lanes.able("a").step == 20
    reach(lanes, "a", 40)
    reach(lanes, "b", 40)
    np.testing.assert_array_equal(
        record.read("theta", 0, 41)[1], lanes.present("b").read("theta", 0, 41)[1]
    )


def test_the_newest_state_is_put_on_record(lanes):
    reach(lanes, "a", 20)
    assert lanes.present("a").state is None
    lanes.keep()
    record = lanes.present("a")
    lanes._running.clear()
    lanes.resume(record)
    assert lanes.able("a").step == 20

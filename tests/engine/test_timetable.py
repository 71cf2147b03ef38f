import numpy as np
import pytest
import torch
from toys import Bowl, Together, Where

from lab.engine.carried import Carried
from lab.engine.probe_plan import ProbePlan
from lab.engine.probes import Probe, Sight
from lab.engine.timetable import NOTHING, Timetable

pytestmark = pytest.mark.usefixtures("toys")


def sight(number=0.0, gone=()):
    return Sight(torch.full((2, 3), float(number)), {"lr": np.zeros(2)}, 0, frozenset(gone))


def schedule(*plans):
    return Timetable(tuple(ProbePlan(*plan) for plan in plans), Bowl())


def named(jobs):
    return [(job.name, job.lane, job.step) for job in jobs]


def result(job):
    try:
        while True:
            next(job.steps)
    except StopIteration as stop:
        return stop.value


def test_the_next_step_at_which_something_is_due():
    both = schedule(("toy_where", 10), ("toy_together", 4))
    steps = [both.next_due(step, 100) for step in (0, 3, 4, 7, 8, 10, 99)]
    assert steps == [4, 4, 8, 8, 10, 12, 100]
    assert both.next_due(0, 3) == 3
    assert schedule().next_due(5, 70) == 70


def test_measurements_of_one_lane_are_due_when_it_arrives():
    one = schedule(("toy_where", 5), ("toy_where", 10, {"power": 2}))
    assert named(one.look("a", 0, sight())) == [("toy_where", "a", 0)] * 2
    assert named(one.look("a", 5, sight())) == [("toy_where", "a", 5)]
    assert named(one.look("a", 7, sight())) == []
    first, second = one.look("b", 10, sight(3))
    assert result(first).arrays["theta"].max() == 3
    assert result(second).arrays["theta"].max() == 9
    assert second.plan == ProbePlan("toy_where", 10, {"power": 2})


def test_measurements_of_all_lanes_wait_for_the_last():
    all_lanes = schedule(("toy_together", 5))
    for lane, step in (("b", 5), ("a", 5), ("b", 10)):
        assert named(all_lanes.look(lane, step, sight(step))) == []
    assert named(all_lanes.settle(4, ["a", "b"])) == []
    assert [(p.name, lane, step) for p, lane, step in all_lanes.waiting] == [
        ("toy_together", "", 5),
        ("toy_together", "", 10),
    ]
    (job,) = all_lanes.settle(9, ["a", "b"])
    assert (job.lane, job.step) == ("", 5)
    assert result(job).info["lanes"] == ["a", "b"]  # in the lanes' order, not as they came
    all_lanes.look("a", 10, sight())
    (job,) = all_lanes.settle(10, ["a", "b"])
    assert all_lanes.waiting == []


def test_a_lane_that_comes_too_late_is_not_waited_for():
    all_lanes = schedule(("toy_together", 5))
    list(all_lanes.look("a", 10, sight()))
    list(all_lanes.settle(10, ["a"]))
    for step in (5, 10):
        list(all_lanes.look("late", step, sight()))
    assert named(all_lanes.settle(100, ["a", "late"])) == []
    list(all_lanes.look("late", 15, sight()))
    assert named(all_lanes.settle(15, ["a", "late"])) == [("toy_together", "", 15)]


def test_a_forgotten_lane_is_not_seen():
    all_lanes = schedule(("toy_together", 5))
    for lane in "ab":
        list(all_lanes.look(lane, 5, sight()))
    all_lanes.forget_lane("a")
    (job,) = all_lanes.settle(5, ["a", "b"])
    assert result(job).info["lanes"] == ["b"]
    list(all_lanes.look("a", 10, sight()))
    all_lanes.forget_lane("a")
    assert named(all_lanes.settle(10, ["a", "b"])) == []


def test_where_nothing_can_be_measured_nothing_is(monkeypatch):
    monkeypatch.setattr(Where, "ready", lambda self, sight: False)
    (job,) = schedule(("toy_where", 5)).look("a", 0, sight())
    assert result(job) is NOTHING


def test_a_probe_that_cannot_even_begin_fails_as_a_job(monkeypatch):
    def broken(self, sight):
        raise RuntimeError("not ready at all")

    monkeypatch.setattr(Where, "ready", broken)
    (job,) = schedule(("toy_where", 5)).look("a", 0, sight())
    with pytest.raises(RuntimeError, match="not ready at all"):
        next(job.steps)


def test_probes_must_fit_the_problem(monkeypatch):
    monkeypatch.setattr(Together, "unfit", classmethod(lambda cls, problem: "no"))
    with pytest.raises(ValueError, match="probe 'toy_together': no"):
        schedule(("toy_where", 5), ("toy_together", 5))


def test_what_was_waiting_in_a_file_is_planned_again():
    both = schedule(("toy_where", 5), ("toy_together", 5))
    where, together = ProbePlan("toy_where", 5), ProbePlan("toy_together", 5)
    assert named(both.again(where, "a", 5, {"a": sight()})) == [("toy_where", "a", 5)]
    assert named(both.again(together, "", 5, {"a": sight(), "b": sight()})) == []
    assert named(both.settle(5, ["a", "b"])) == [("toy_together", "", 5)]
    assert named(both.again(ProbePlan("toy_where", 7), "a", 7, {"a": sight()})) == []
    assert named(both.again(where, "a", 5, {})) == []


def test_what_was_settled_in_a_file_stays_settled():
    all_lanes = schedule(("toy_together", 5))
    all_lanes.settled(10)
    all_lanes.settled(5)
    list(all_lanes.look("late", 10, sight()))
    assert all_lanes.waiting == []


def test_a_sight_knows_which_runs_go_on():
    assert sight().alive == [0, 1]
    assert sight(gone=[0]).alive == [1]
    assert Probe.unfit(Bowl()) == ""


def test_a_measurement_finds_what_the_one_before_it_left():
    carried = Carried()
    one = Timetable((ProbePlan("toy_sum", 5), ProbePlan("toy_sum", 10)), Bowl(), carried)
    jobs = [job for step in (0, 5, 10) for job in one.look("a", step, sight(step))]
    totals = [result(job).arrays["total"].max() for job in jobs]
    assert named(jobs) == [("toy_sum", "a", step) for step in (0, 0, 5, 10, 10)]
    assert totals == [0, 0, 5, 15, 10]  # each plan goes on from its own
    (other,) = one.look("b", 5, sight(5))
    assert result(other).info["first"]
    again = Timetable((ProbePlan("toy_sum", 5),), Bowl(), Carried(carried.rows))
    assert result(next(again.look("a", 15, sight(1)))).arrays["total"].max() == 16
    one.forget_lane("a")
    assert result(next(one.look("a", 15, sight(1)))).info["first"]

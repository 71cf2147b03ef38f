import numpy as np
import pytest
from sessions import THREE, assert_same, experiment, reach
from toys import Trap

from lab.engine.experiment import Experiment
from lab.engine.headless import run
from lab.engine.plan import Lane
from lab.engine.probe_plan import ProbePlan
from lab.engine.recorder import open_recording
from lab.engine.session import Session

pytestmark = pytest.mark.usefixtures("toys")


def test_probes_measure_when_they_are_due():
    recording = run(experiment(steps=20, probes=[ProbePlan("toy_where", 8, {"power": 2})]))
    found = recording.probe("toy_where")
    assert [(r.step, r.lane) for r in found] == [
        (step, lane) for step in (0, 8, 16) for lane in ("adam", "sgd", "toy_average")
    ]
    for result in found:
        theta = recording.theta(result.lane)[result.step].astype(np.float64)
        np.testing.assert_array_equal(result.theta, theta**2)  # NaN where a run is gone
        assert result.arrays["knob_lr"].shape == (len(theta),)
        assert result.seed == 0
        assert not result.theta.flags.writeable
    assert found[-1].knob_lr[0] == np.float32(2e-4)  # turned at step 13


def test_probes_of_all_lanes_see_those_that_are_there_at_the_step():
    lanes = [*THREE, Lane("adam", branch_of="adam", branch_step=30, name="b", runs=2)]
    recording = run(experiment(lanes=lanes, probes=[ProbePlan("toy_together", 10)]))
    found = {r.step: r for r in recording.probe("toy_together")}
    assert sorted(found) == list(range(0, 121, 10))
    for step, result in found.items():
        expected = ["adam", "sgd", "toy_average", "b"]
        if step > 70:
            expected.remove("toy_average")  # it has stopped
        if step < 30:
            expected.remove("b")  # a branch is the lane it comes from, until it leaves it
        if step == 30:
            expected = [name for name in expected if name in result.lanes]
        assert result.lanes == expected
        for name in result.lanes:
            np.testing.assert_array_equal(result.arrays[name], recording.theta(name)[step, 0])


def test_probes_of_all_lanes_do_not_wait_for_lanes_that_failed_or_were_removed():
    trap = Trap(40)
    plan = Experiment(trap, ["sgd", "adam"], [ProbePlan("toy_together", 5)], 60, device="cpu")
    recording = Session(plan).run()
    assert [r.step for r in recording.probe("toy_together")] == list(range(0, 61, 5))
    session = Session(experiment(probes=[ProbePlan("toy_together", 10)]))
    while session.recording.lane("adam").head < 45:
        session._turns.burst(session._lanes.able("adam"), 45, float("inf"))
    for name in ("sgd", "toy_average"):
        session.remove_lane(name)
    session.jobs.work()
    assert [(r.step, r.lanes) for r in session.recording.probe("toy_together")] == [
        (step, ["adam"]) for step in (10, 20, 30, 40)
    ] or [r.step for r in session.recording.probe("toy_together")] == [0, 10, 20, 30, 40]


@pytest.mark.parametrize("way", range(6))
def test_a_probe_that_goes_wrong_is_an_event_and_nothing_more(way, tmp_path):
    plans = [ProbePlan("toy_clumsy", 10, {"way": way}), ProbePlan("toy_where", 10)]
    recording = run(experiment(steps=20, lanes=THREE[:1], probes=plans), to=tmp_path / "x.lab")
    failed = [event for event in recording.events if event.kind == "failed"]
    assert [(e.step, e.lane, e.data["measurement"]) for e in failed] == [
        (step, "adam", "toy_clumsy") for step in (0, 10, 20)
    ]
    words = [
        "RuntimeError: at once",
        "'NoneType' object is not iterable",
        "in the middle",
        "'str' object has no attribute 'done'",
        "TypeError: it gave a str instead of a Measurement",
        "x is no array of numbers but of object",
    ]
    assert words[way] in failed[0].data["message"]
    assert "Traceback" in failed[0].data["details"]
    assert len(recording.probe("toy_where")) == 3
    assert_same(recording, open_recording(tmp_path / "x.lab"))


def test_probes_can_be_changed_on_the_way():
    session = Session(experiment(probes=[ProbePlan("toy_where", 10)]))
    reach(session, 50)
    session.set_probes((ProbePlan("toy_together", 20),))
    session.run()
    assert session.experiment.probes == (ProbePlan("toy_together", 20),)
    assert {r.step for r in session.recording.probe("toy_where")} == {0, 10, 20, 30, 40, 50}
    assert [r.step for r in session.recording.probe("toy_together")] == [60, 80, 100, 120]

import pytest
from sessions import THREE, experiment

from lab.engine.experiment import Experiment
from lab.engine.plan import Lane
from lab.engine.probe_plan import ProbePlan
from lab.engine.session import Session
from lab.engine.turns import WAITING

pytestmark = pytest.mark.usefixtures("toys")


def test_measurements_do_not_pile_up():
    session = Session(experiment(lanes=THREE[:1], probes=[ProbePlan("toy_where", 1)]))
    assert session.advance()
    assert len(session.jobs) == WAITING
    assert session.head < 2 * WAITING
    assert session.advance()  # nothing is done before some are worked off
    assert len(session.jobs) == WAITING
    session.jobs.work()
    session.run()
    assert len(session.recording.results) == 121


def test_what_all_lanes_are_measured_for_is_planned_as_soon_as_the_last_one_arrives():
    lanes = [Lane("sgd", lr=1e-4, name="a"), Lane("sgd", lr=1e-4, name="b")]
    plans = [ProbePlan("connectivity", 10)]
    session = Session(Experiment("rosenbrock", lanes=lanes, steps=10, probes=plans))
    session.jobs.work()
    while session.head < 10:
        session.advance(10, seconds=0.0)
    session.jobs.work()  # nobody asks for steps any more
    assert [result.step for result in session.recording.results] == [0, 10]

"""A session with everything a file can hold, and what it means that two recordings are equal."""

import json

import numpy as np

from lab.engine.experiment import Experiment
from lab.engine.plan import Lane
from lab.engine.probe_plan import ProbePlan
from lab.engine.session import Session


def full_session(path=None, problem="rosenbrock", steps=80):
    """A session with everything a file can hold."""
    lanes = [
        Lane("adam", lr=0.05, start=[[-1.5, 2.0], [1.0, -1.0]]),
        Lane("sgd", lr=[1e-3, 0.5], start=[-1.5, 2.0]),
    ]
    probes = [
        *(ProbePlan("toy_where", 20), ProbePlan("toy_sum", 20)),
        ProbePlan("toy_clumsy", 40, {"way": 2}),
    ]
    experiment = Experiment(problem, lanes, probes, steps=steps, device="cpu", title="Ü 1")
    session = Session(experiment, path=path)
    session.advance(40)
    session.jobs.work()
    session.advance(40)
    session.set_knob("adam", "lr", 0.2)
    session.branch("sgd", 10, {"lr": 1e-4})
    session.add_lane(Lane("adam", name="gone"))
    session.run()
    session.remove_lane("gone")
    session.keep()
    return session


def assert_equal(one, other, problem=True):
    """Two recordings say the same about everything."""
    if problem:
        assert one.experiment == other.experiment
    assert json.loads(json.dumps(one.header)) == other.header
    assert one.lanes == other.lanes
    assert list(one.records) == list(other.records)
    assert one.events == other.events
    assert [list(w) for w in one.waiting] == [list(w) for w in other.waiting]
    assert one.head == other.head
    assert list(one.carried.rows) == list(other.carried.rows)
    for key, arrays in one.carried.rows.items():
        assert_same_arrays(arrays, other.carried.rows[key])
    for name, a in one.records.items():
        b = other.records[name]
        assert (a.spec, a.removed, a.failure) == (b.spec, b.removed, b.failure)
        assert repr(a.diverged) == repr(b.diverged)
        assert sorted(a.columns) == sorted(b.columns)
        for quantity in a.columns:
            left, right = a.read(quantity, 0, 10**9), b.read(quantity, 0, 10**9)
            assert left[1].dtype == right[1].dtype
            for array, again in zip(left, right, strict=True):
                np.testing.assert_array_equal(array, again)
        for quantity in ("loss", "grad_norm"):
            curves = [r.curve(quantity, 0, 10**9, 3) for r in (a, b)]
            ends = [(c.low.min(), c.middle.min(), c.middle.max(), c.high.max()) for c in curves]
            np.testing.assert_allclose(*ends, rtol=1e-6)
        assert dict(a.snapshots) == dict(b.snapshots)
        assert a.state == b.state
    assert len(one.results) == len(other.results)
    for a, b in zip(one.results, other.results, strict=True):
        assert (a.name, a.lane, a.step, a.seconds) == (b.name, b.lane, b.step, b.seconds)
        assert dict(a.info) == dict(b.info)
        assert_same_arrays(a.arrays, b.arrays)


def assert_same_arrays(some, others):
    """The same names, types and numbers."""
    assert sorted(some) == sorted(others)
    for key, array in some.items():
        assert others[key].dtype == array.dtype
        np.testing.assert_array_equal(array, others[key])

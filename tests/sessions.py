"""An experiment of three lanes, and what it means that two sessions did the same."""

import numpy as np
from toys import entries

from lab.engine.experiment import Experiment
from lab.engine.plan import Lane

MEASURED = ("theta", "loss", "grad_norm", "shown")
COUNTED = ("value_evaluations", "gradient_evaluations", "hessian_products")

with entries():
    THREE = (
        Lane("adam", lr=0.05, start=[[-1.5, 2.0], [1.0, -1.0]]),
        Lane("sgd", lr=[1e-3, 2e-3, 0.5], start=[-1.5, 2.0]),
        Lane("toy_average", lr=1e-3, changes=[{"step": 13, "lr": 2e-4}], runs=2, stop=70),
    )


def experiment(problem="rosenbrock", lanes=THREE, steps=120, **more):
    return Experiment(problem, lanes, **{"steps": steps, "device": "cpu", **more})


def assert_same_lane(one, other, name, stop=None):
    """All rows but the seconds are the same, bit for bit."""
    a, b = one.lane(name), other.lane(name)
    stop = 10**9 if stop is None else stop
    for quantity in (*MEASURED, *COUNTED):
        left, right = a.read(quantity, 0, stop), b.read(quantity, 0, stop)
        np.testing.assert_array_equal(left[0], right[0], err_msg=f"{name} {quantity}")
        np.testing.assert_array_equal(left[1], right[1], err_msg=f"{name} {quantity}")
    if stop == 10**9:
        assert repr(a.diverged) == repr(b.diverged)


def assert_same(one, other):
    assert_same_lanes(one, other)
    assert told(one) == told(other)


def assert_same_lanes(one, other):
    assert one.lanes == other.lanes
    for name in one.lanes:
        assert_same_lane(one, other, name)


def told(recording):
    """Results and what went wrong, without what they cost."""
    results = [
        (r.name, r.lane, r.step, dict(r.info), sorted((k, v.tolist()) for k, v in r.arrays.items()))
        for r in recording.results
    ]
    events = [
        (e.step, e.lane, e.kind, e.data.get("run"), e.data.get("message"))
        for e in recording.events
        if e.kind in ("diverged", "failed")
    ]
    return sorted(map(repr, results)), sorted(map(repr, events))


def reach(session, step):
    """Advance to a step, and work off measurements only where stepping waits for them."""
    while session.advance(step):
        session.jobs.work()

"""Sweeps read from a record: the right run at the right value, and the edge of stability."""

import numpy as np
import pytest

import lab
from lab.engine.sweeps import (
    lowest_losses,
    newest_spectrum,
    stability_edge,
    sweep_curves,
    swept_knobs,
)

LRS = (0.5, 0.01, 0.1)


def recorded(optimizer="sgd", *, problem="quadratic", steps=40, probes=(), **lane):
    spec = lab.Lane(optimizer, **{"lr": LRS, **lane})
    made = lab.Experiment(problem, lanes=[spec], steps=steps, dtype="float64", probes=probes)
    return lab.run(made)


def test_every_loss_stands_at_its_value():
    recording = recorded(problem="himmelblau", lr=(0.012, 1e-3, 4e-3), runs=3)
    (curve,) = sweep_curves(recording.lane("sgd"), "lr", 17)
    assert curve.values.tolist() == [1e-3, 4e-3, 0.012]
    assert curve.runs.tolist() == [[3, 4, 5], [6, 7, 8], [0, 1, 2]]
    np.testing.assert_array_equal(curve.loss, recording.scalar("sgd", "loss")[17][curve.runs])
    low, middle, high = curve.band
    np.testing.assert_array_equal(low, curve.loss.min(1))
    np.testing.assert_array_equal(middle, np.median(curve.loss, axis=1))
    np.testing.assert_array_equal(high, curve.loss.max(1))


def test_two_knobs_are_a_curve_for_each_value_of_the_other():
    recording = recorded(
        "momentum", problem="himmelblau", lr=(1e-3, 2e-3), momentum=(0.0, 0.5, 0.9)
    )
    record = recording.lane("momentum")
    assert swept_knobs(record) == ["lr", "momentum"]
    table, loss = record.spec.run_knobs(), recording.scalar("momentum", "loss")[40]
    for knob, other in (("lr", "momentum"), ("momentum", "lr")):
        curves = sweep_curves(record, knob, 40)
        assert len(curves) == len(record.spec.sweep[other])
        for curve in curves:
            for value, run in zip(curve.values, curve.runs[:, 0], strict=True):
                assert table[run] == {knob: value, **curve.others}
            np.testing.assert_array_equal(curve.loss[:, 0], loss[curve.runs[:, 0]])


def test_diverged_runs_tell_their_step_and_have_no_loss():
    recording = recorded(problem="rosenbrock", lr=(1e-4, 0.5), runs=2)
    record = recording.lane("sgd")
    gone = record.diverged[2].step
    (curve,) = sweep_curves(record, "lr", 40)
    assert curve.diverged[0].tolist() == [-1, -1]
    assert curve.diverged[1, 0] == gone
    assert np.isnan(curve.loss[1]).all()
    assert np.isnan([part[1] for part in curve.band]).all()
    (before,) = sweep_curves(record, "lr", gone - 1)
    assert before.diverged[1, 0] == -1
    assert np.isfinite(before.loss[1, 0])


def test_the_lowest_so_far():
    recording = recorded("adam", problem="himmelblau", lr=(0.1, 1.0))
    record = recording.lane("adam")
    lowest = lowest_losses(record, 20)
    np.testing.assert_array_equal(lowest, recording.scalar("adam", "loss")[:21].min(0))
    (curve,) = sweep_curves(record, "lr", 20, lowest)
    np.testing.assert_array_equal(curve.loss[:, 0], lowest)


@pytest.mark.parametrize("momentum", [0.0, 0.5])
def test_gradient_descent_grows_exactly_beyond_the_edge(momentum):
    """On a quadratic the edge is where the slowest run turns from shrinking to growing."""
    problem = lab.Choice("problem", "formula", {"text": "x**2 + 4*y**2"})
    knobs = {} if momentum == 0 else {"momentum": momentum}
    edge = 2 * (1 + momentum) / 8
    recording = recorded(
        "sgd" if momentum == 0 else "momentum",
        problem=problem,
        lr=(0.9 * edge, 0.99 * edge, 1.01 * edge),
        start=[[1.0, 1.0]],
        steps=400,
        probes=[lab.ProbePlan("hessian_spectrum", 100)],
        **knobs,
    )
    name = recording.lanes[0]
    record = recording.lane(name)
    (curve,) = sweep_curves(record, "lr", 400)
    spectrum = newest_spectrum(recording, name, 400)
    found = stability_edge(curve, record.spec, spectrum)
    assert found.value == pytest.approx(edge)
    assert spectrum.step == found.step <= 400
    assert "λmax" in found.formula
    first, last = recording.scalar(name, "loss")[[0, -1]]
    np.testing.assert_array_equal(last < first, [True, True, False])  # NaN where it flew off


def test_weight_decay_moves_the_edge():
    """What decays the parameters counts as curvature."""
    problem = lab.Choice("problem", "formula", {"text": "4*x**2"})
    edge = 2 / (8 + 2)
    recording = recorded(
        problem=problem,
        lr=(0.99 * edge, 1.01 * edge),
        weight_decay=2.0,
        start=[[1.0]],
        steps=200,
        probes=[lab.ProbePlan("hessian_spectrum", 100)],
    )
    name = recording.lanes[0]
    (curve,) = sweep_curves(recording.lane(name), "lr", 200)
    found = stability_edge(curve, recording.lane(name).spec, newest_spectrum(recording, name, 200))
    assert found.value == pytest.approx(edge)
    assert found.formula == "2/(λmax+λ)"
    first, last = recording.scalar(name, "loss")[[0, -1]]
    np.testing.assert_array_equal(last < first, [True, False])


def test_where_there_is_no_edge():
    plan = [lab.ProbePlan("hessian_spectrum", 20)]
    adam = recorded("adam", problem="himmelblau", probes=plan)
    (curve,) = sweep_curves(adam.lane("adam"), "lr", 40)
    spec, found = adam.lane("adam").spec, newest_spectrum(adam, "adam", 40)
    assert found.step == 40
    assert stability_edge(curve, spec, found) is None  # it scales the gradient
    assert stability_edge(curve, spec, None) is None
    assert newest_spectrum(adam, "adam", 19) is None  # it starts on a hill: no curve goes up
    momentum = recorded("momentum", problem="himmelblau", lr=1e-3, momentum=(0.1, 0.9), probes=plan)
    (curve,) = sweep_curves(momentum.lane("momentum"), "momentum", 40)
    spectrum = newest_spectrum(momentum, "momentum", 40)
    assert stability_edge(curve, momentum.lane("momentum").spec, spectrum) is None


def test_a_knob_that_is_not_swept_is_named():
    recording = recorded(problem="himmelblau", lr=(1e-3, 2e-3), steps=1)
    with pytest.raises(ValueError, match="'sgd' does not sweep 'momentum' but lr"):
        sweep_curves(recording.lane("sgd"), "momentum", 1)

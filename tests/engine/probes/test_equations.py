"""Every measurement on the differential equations: it is made, or the reason why not is told."""

import numpy as np
import pytest

import lab
from lab.engine.analysis.operators import OPERATORS
from lab.engine.fitting import fitting

NAMES = ["deep_ritz", "deep_galerkin"]
# what these problems do not have: classes, inputs that are data, a square to draw
REASONS = {
    "neural_collapse": "needs classes",
    "functional_dimension": "that of a network whose inputs are data",
    "model_complexity": "only a network can be trained on other data",
}
SMALL = {  # knobs that make a measurement short
    "critical_points": {"starts": 2, "iterations": 5},
    "topology": {"plane_points": 5},
}


def experiment(name, plans):
    problem = {"name": name, "nodes": 20, "batch_size": 8}
    return lab.Experiment(
        problem,
        [lab.Lane("adam", lr=0.01, runs=2), lab.Lane("sgd", lr=1e-4)],
        probes=plans,
        steps=2,
        dtype="float64",
        device="cpu",
    )


@pytest.mark.parametrize("name", NAMES)
def test_every_probe_measures_or_says_why_not(name):
    plans = [
        lab.ProbePlan(entry.name, 2, SMALL.get(entry.name, {}))
        for entry in lab.catalogue("probe").values()
        if entry.factory.__module__.startswith("lab.")
    ]
    fits, note = fitting(experiment(name, plans))
    recording = lab.run(fits)
    assert not recording.events
    kept = {plan.name for plan in fits.probes}
    assert {plan.name for plan in plans} - kept == set(REASONS)
    for reason in REASONS.values():
        assert reason in note
    for plan in fits.probes:
        found = recording.probe(plan.name)
        assert found, plan.name
        for result in found:
            numbers = [x for x in result.info.values() if isinstance(x, float)]
            assert not np.isnan(numbers).any(), (plan.name, result.info)


@pytest.mark.parametrize("matrix", OPERATORS)
@pytest.mark.parametrize("name", NAMES)
def test_spectra_of_all_matrices(name, matrix):
    batch = 0 if matrix == "ntk" else 8
    plans = [lab.ProbePlan("hessian_spectrum", 2, {"operator": matrix, "batch": batch})]
    recording = lab.run(experiment(name, plans))
    assert not recording.events
    found = recording.probe("hessian_spectrum")
    assert len(found) == 4
    for result in found:
        assert len(result.eigenvalues) == (21 if matrix == "ntk" else 53)
        low = result.eigenvalues.min() / abs(result.eigenvalues).max()
        assert (low < -1e-6) == (matrix in ("hessian", "rest"))

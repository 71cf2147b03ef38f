"""Probes along a run: they leave it alone, come in a fixed order, and go into a file."""

import numpy as np
import pytest

import lab
from lab.engine.fitting import fitting

NAMES = ("hessian_spectrum", "roughness", "connectivity", "evaluation", "inside_step")


def experiment(probes, **changed):
    plans = [lab.ProbePlan(name, every=5) for name in probes]
    lanes = [lab.Lane("adam", lr=0.1, runs=2), lab.Lane("sgd", lr=1e-3)]
    return lab.Experiment("himmelblau", lanes, probes=plans, steps=10, dtype="float64", **changed)


@pytest.fixture(scope="module")
def recording():
    return lab.run(experiment(NAMES))


def test_the_catalogue_lists_them():
    assert set(NAMES) <= set(lab.catalogue("probe"))


def test_when_and_where_they_measure(recording):
    for name in NAMES:
        places = [(result.step, result.lane) for result in recording.probe(name)]
        lanes = [""] if name == "connectivity" else ["adam", "sgd"]
        assert places == [(step, lane) for step in (0, 5, 10) for lane in lanes]
    assert not recording.events


def test_a_run_does_not_notice_that_it_is_measured(recording):
    plain = lab.run(experiment(()))
    for lane in recording.lanes:
        np.testing.assert_array_equal(recording.theta(lane), plain.theta(lane))


def test_the_same_experiment_gives_the_same_measurements(recording):
    again = lab.run(experiment(NAMES))
    for one, two in zip(results(recording), results(again), strict=True):
        assert (one.name, one.lane, one.step) == (two.name, two.lane, two.step)
        assert one.info == two.info
        for name, array in one.arrays.items():
            np.testing.assert_array_equal(array, two.arrays[name])


def results(recording):
    return [result for name in NAMES for result in recording.probe(name)]


def test_measurements_go_into_a_file_and_come_back(recording, tmp_path):
    recording.save(tmp_path / "x.lab")
    opened = lab.open(tmp_path / "x.lab")
    for one, two in zip(results(recording), results(opened), strict=True):
        assert one.info == two.info
        for name, array in one.arrays.items():
            np.testing.assert_array_equal(array, two.arrays[name])
    opened.close()


def test_a_spectrum_is_that_of_the_point_on_record(recording):
    problem = lab.problem("himmelblau")
    for result in recording.probe("hessian_spectrum"):
        theta = recording.theta(result.lane)[result.step, 0]
        wanted = np.linalg.eigvalsh(lab.analysis.hessian(problem, theta))
        np.testing.assert_allclose(np.sort(result.eigenvalues), wanted, rtol=1e-10)


def test_a_problem_that_a_probe_cannot_measure_is_refused():
    with pytest.raises(ValueError, match=r"probe 'hessian_spectrum': .*kinks"):
        lab.run(lab.Experiment("diffgrad_f3", [lab.Lane("sgd")], probes=["hessian_spectrum"]))


@pytest.mark.parametrize(
    ("problem", "knobs", "reason"),
    [
        ("himmelblau", {"operator": "ggn"}, "'ggn' needs a network's outputs: Himmelblau"),
        ("himmelblau", {"batch": 5}, "no samples"),
        ("moons_mlp", {"layer": "0.wieght"}, "did you mean '0.weight'"),
        ("moons_mlp", {"operator": "ntk", "batch": 5}, "the kernel of a batch"),
    ],
)
def test_knobs_that_a_problem_cannot_serve_are_refused_before_the_first_step(
    problem, knobs, reason
):
    plan = lab.ProbePlan("hessian_spectrum", 5, knobs)
    planned = lab.Experiment(problem, [lab.Lane("sgd")], probes=[plan], steps=5)
    with pytest.raises(ValueError, match=rf"^probe 'hessian_spectrum': .*{reason}"):
        lab.run(planned)
    fitted, note = fitting(planned)
    assert not fitted.probes
    assert reason in note

"""Spectra by layer along a run: planned, asked for, resumed, in a file and exported."""

import csv

import numpy as np
import pytest
import torch

import lab
from lab import analysis
from lab.engine import requests
from lab.engine.analysis.base import finish
from lab.engine.probes import LayerSpectraProbe
from lab.engine.session import Session

NET = {"name": "moons_mlp", "samples": 60, "widths": [16, 12], "batch_size": 20}
NAMES = "0, 2, 4"


def session(**changes) -> Session:
    plans = [lab.ProbePlan("layer_spectra", 4, {"k": 3, "probes": 2, "steps": 8})]
    values = {"steps": 12, "dtype": "float64", "device": "cpu", "probes": plans, **changes}
    return Session(lab.Experiment(NET, [lab.Lane("adam", lr=0.05, runs=2)], **values))


@pytest.fixture(scope="module")
def whole() -> Session:
    made = session()
    made.run()
    return made


def same(one, two) -> None:
    assert (one.name, one.lane, one.step) == (two.name, two.lane, two.step)
    assert dict(one.info) == dict(two.info)
    assert set(one.arrays) == set(two.arrays)
    for name, array in one.arrays.items():
        np.testing.assert_array_equal(array, two.arrays[name])


def test_it_is_the_analysis_at_the_point_on_record(whole):
    found = whole.recording.probe("layer_spectra")
    assert [result.step for result in found] == [0, 4, 8, 12]
    first = found[0]
    theta = whole.recording.theta("adam")[0, 0]
    wanted = analysis.layer_spectra(
        whole.problem, theta, 3, 2, 8, seed=whole.experiment.seed, start={}
    )
    assert first.names == ", ".join(wanted.names[:-1]) == NAMES
    np.testing.assert_array_equal(first.eigenvalues, wanted.values)
    for name in ("residuals", "sizes", "converged", "trace", "trace_error", "grid", "density"):
        np.testing.assert_array_equal(first.arrays[name], getattr(wanted, name))
    assert first.lambda_max == wanted.values[-1].max()
    assert first.layer_lambda_max == wanted.values[:-1].max()
    np.testing.assert_array_equal(first.layer_largest, wanted.values[:-1].max(axis=1))
    assert first.products == wanted.products
    cold = analysis.layer_spectra(whole.problem, whole.recording.theta("adam")[12, 0], 3, 2, 8)
    np.testing.assert_allclose(found[-1].eigenvalues, cold.values, rtol=1e-4)
    assert found[-1].products < cold.products  # it began with the vectors of the one before


def test_a_resumed_recording_and_a_file_hold_the_same(whole, tmp_path):
    first = session(steps=8)
    first.run()
    first.recording.save(tmp_path / "half.lab")
    again = Session(resume=lab.open(tmp_path / "half.lab"))
    again.set_steps(12)
    again.run()
    whole.recording.save(tmp_path / "whole.lab")
    opened = lab.open(tmp_path / "whole.lab")
    wanted = whole.recording.probe("layer_spectra")
    for recording in (again.recording, opened):
        for one, two in zip(recording.probe("layer_spectra"), wanted, strict=True):
            same(one, two)
        recording.close()


def test_asked_for_with_other_knobs_at_any_step(whole):
    knobs = {"by": "tensor", "operator": "ggn", "probes": 0}
    options = {"name": "layer_spectra", "lane": "adam", "step": 7, "knobs": knobs}
    whole.ask(requests.make(whole, "probe", options))
    whole.jobs.work()
    found = whole.recording.results[-1]
    assert found.step == 7
    assert found.names.split(", ") == list(whole.problem.layout.names)
    assert found.operator == "ggn"
    assert "trace" not in found.arrays
    assert "layer_largest" not in found.arrays  # it would not go with those of the plan
    theta = whole.recording.theta("adam")[7, 0]
    wanted = analysis.layer_spectra(whole.problem, theta, 3, operator="ggn", by="tensor")
    np.testing.assert_array_equal(found.eigenvalues, wanted.values)


def test_exports_give_the_numbers_back(tmp_path):
    made = session()
    made.run()
    made.recording.export(tmp_path, formats=["csv", "npz", "png", "py"])
    results = made.recording.probe("layer_spectra")
    with np.load(tmp_path / "recording.npz") as file:
        for number, result in enumerate(results):
            for name, array in result.arrays.items():
                path = f"results/layer_spectra/{number:05d}/{name}"
                np.testing.assert_array_equal(file[path], array)
    with (tmp_path / "probe-layer_spectra-eigenvalues.csv").open() as file:
        rows = list(csv.DictReader(file))
    table = np.concatenate([result.eigenvalues.ravel() for result in results])
    np.testing.assert_array_equal([float(row["value"]) for row in rows], table)
    with (tmp_path / "probe-layer_spectra.csv").open() as file:
        assert [row["names"] for row in csv.DictReader(file)] == [NAMES] * len(results)
    assert (tmp_path / "layer_spectra.png").stat().st_size > 10_000


def test_points_that_are_lost_do_not_stop_it(see, measured):
    problem = lab.problem(NET)
    theta = np.stack([np.full(problem.dim, np.nan), np.full(problem.dim, 0.1)])
    found, _ = measured(LayerSpectraProbe(), problem, see(theta, diverged=[0]))
    assert found.info["run"] == 1
    assert all(key.startswith("vectors 1 ") for key in found.carry)
    broken, _ = measured(LayerSpectraProbe(), problem, see(theta[:1]))
    assert np.isnan(broken.arrays["eigenvalues"]).all()
    assert not broken.arrays["converged"].any()
    assert not broken.carry


def test_what_does_not_fit_says_why():
    assert "no layers" in LayerSpectraProbe.unfit(lab.problem("booth"))
    assert "kinks" in LayerSpectraProbe.unfit(lab.problem("diffgrad_f3"))
    linear = lab.problem("deep_linear")
    assert LayerSpectraProbe().misfit(linear) == ""
    no_outputs = LayerSpectraProbe(operator="ggn").misfit(lab.problem("unconstrained_features"))
    assert "'ggn' needs a network's outputs" in no_outputs


def test_a_long_measurement_is_forecast(see):
    problem = lab.problem({**NET, "batch_size": 0})
    sight = see(problem.start([torch.Generator().manual_seed(0)]).numpy())
    for knobs in ({}, {"operator": "ggn"}, {"probes": 3, "steps": 10}):
        probe = LayerSpectraProbe(**knobs)
        found = finish(probe.forecast(problem, sight))
        one = analysis.layer_spectra(problem, sight.theta[0], 5, **knobs)
        assert found.unit == "products"
        assert found.count == pytest.approx(one.products, rel=0.5)
        assert found.bytes > 0
    few = lab.problem("deep_linear")
    assert LayerSpectraProbe().forecast(few, see(np.ones(few.dim))) is None

"""Figures of the numbers along a run."""

import numpy as np
import pytest

import lab
from lab.engine.export.figures import drawings
from lab.engine.export.series import series, tracked
from lab.engine.export.style import Style
from lab.engine.recording import Result


@pytest.fixture(scope="module")
def regime():
    lanes = [lab.Lane("adam", lr=0.02, runs=3), lab.Lane("sgd", lr=0.3)]
    plans = [lab.ProbePlan(n, 5) for n in ("lazy_rich", "function_distance", "evaluation")]
    problem = {"name": "moons_mlp", "samples": 40, "widths": [4]}
    return lab.run(lab.Experiment(problem, lanes, steps=20, probes=plans, device="cpu"))


def test_every_track_of_a_probe_has_its_axes(regime):
    figure = series(regime, "lazy_rich", 20, Style())
    axes = [one for one in figure.axes if one.get_visible()]
    titles = ["kernel alignment", "centred alignment", "kernel drift", "relative movement"]
    assert [one.get_ylabel() for one in axes] == titles
    for one, key in zip(axes, ("alignment", "centred", "drift", "movement"), strict=True):
        for line, lane in zip(one.lines, ("adam", "sgd"), strict=True):
            found = [r.info[key] for r in regime.probe("lazy_rich") if r.lane == lane]
            np.testing.assert_allclose(line.get_ydata(), found)
            np.testing.assert_array_equal(line.get_xdata(), [0, 5, 10, 15, 20])
        assert len(one.collections) == (0 if key == "movement" else 2)  # bands of errors


def test_what_all_lanes_give_together(regime):
    figure = series(regime, "function_distance", 10, Style())
    first = figure.axes[0]
    line, cursor = first.lines
    found = [r.distance for r in regime.probe("function_distance")]
    np.testing.assert_allclose(line.get_ydata(), found)
    assert line.get_label() == "all lanes"
    assert cursor.get_xdata()[0] == 10
    assert first.get_yscale() == "log"


def test_which_probes_have_any(regime):
    assert set(tracked(regime)) == {"lazy_rich", "function_distance", "evaluation"}
    other = lab.Recording(regime.experiment, regime.header)
    other.results = [Result("surface", "", 0, {}, {"evaluations": 3})]
    other.results.append(Result("lazy_rich", "adam", 0, {}, {"drift": float("nan")}))
    assert tracked(other) == []


def test_what_an_export_draws(regime):
    def names(*panels):
        given = regime, panels, 20, Style(), regime.lanes, None
        return {drawing.name for drawing in drawings(*given)}

    probes = {"lazy_rich", "function_distance", "evaluation"}
    assert names("series") == {f"series-{name}" for name in probes}
    both = names("series", "evaluation")  # which draws its own numbers
    assert both == {
        "series-lazy_rich",
        "series-function_distance",
        "evaluation-loss",
        "evaluation-accuracy",
    }

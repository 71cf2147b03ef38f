"""The figure of the layer spectra has the numbers on record."""

import numpy as np
import pytest

import lab
from lab.engine.export.figures import drawings
from lab.engine.export.layer_spectra import layer_densities, layer_spectra
from lab.engine.export.style import Style


@pytest.fixture(scope="module")
def recording():
    problem = {"name": "moons_mlp", "widths": [5, 4], "samples": 60}
    lanes = [lab.Lane("sgd", lr=0.1, name="a"), lab.Lane("adam", lr=0.01, name="b")]
    plans = [lab.ProbePlan("layer_spectra", 5, {"k": 4, "probes": 2})]
    return lab.run(lab.Experiment(problem, lanes=lanes, steps=10, probes=plans, device="cpu"))


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_every_eigenvalue_is_drawn_by_its_sign(recording, theme):
    figure = layer_spectra(recording, 7, Style(theme=theme))
    (axes,) = figure.axes
    drawn = {"o": [], "v": [], "_": []}
    for line in axes.lines:
        if line.get_marker() in drawn:
            drawn[line.get_marker()] += np.asarray(line.get_ydata()).tolist()
    found = [r for r in recording.probe("layer_spectra") if r.step == 5]
    values = np.concatenate([r.eigenvalues.ravel() for r in found])
    np.testing.assert_array_equal(sorted(drawn["o"]), np.sort(values[values > 0]))
    np.testing.assert_array_equal(sorted(drawn["v"]), np.sort(-values[values < 0]))
    assert len(drawn["v"]) > 0
    np.testing.assert_array_equal(drawn["_"], np.abs(np.concatenate([r.trace for r in found])))
    assert [tick.get_text() for tick in axes.get_xticklabels()] == ["0", "2", "4", "all"]
    assert axes.get_yscale() == "log"
    assert "step 5" in axes.get_title(loc="right")


def test_one_lane_alone_and_the_name_of_the_file(recording):
    figure = layer_spectra(recording, 10, Style(), ["b"])
    labels = [line.get_label() for line in figure.axes[0].lines]
    assert "b" in labels
    assert "a" not in labels
    names = [x.name for x in drawings(recording, ("layer_spectra",), 5, Style(), ["a"], None)]
    assert names == ["layer_spectra", "layer_densities-a"]


def test_the_densities_of_a_lane(recording):
    (axes,) = layer_densities(recording, "b", 6, Style(theme="dark")).axes
    found = next(r for r in recording.probe("layer_spectra") if (r.step, r.lane) == (5, "b"))
    assert [line.get_label() for line in axes.lines] == ["0", "2", "4", "all"]
    for row, line in enumerate(axes.lines):
        np.testing.assert_array_equal(line.get_xdata(), found.grid[row])
        np.testing.assert_array_equal(line.get_ydata(), found.density[row])
    assert axes.get_yscale() == "log"

"""`ground.py` and `landscape.py`: what is drawn is what is on record."""

import subprocess
import sys

import numpy as np
import pytest
from matplotlib.colors import to_hex

import lab
from lab.engine.analysis.base import finish
from lab.engine.export.ground import find_ground, off_plane, path_of
from lab.engine.export.landscape import landscape
from lab.engine.export.style import Style
from lab.engine.recording import Result
from lab.palette import LIGHT

SMALL = Style(dpi=50)


def lines_of(figure, marker=None):
    axes = figure.axes[0]
    return [line for line in axes.lines if line.get_marker() == (marker or "None")]


def test_the_surface_is_the_problems_values(valley):
    found = finish(find_ground(valley))
    problem = lab.problem("rosenbrock")
    for i, j in ((0, 0), (17, 250), (300, 300)):
        expected = problem.value(np.array([found.x[j], found.y[i]]))
        assert found.loss[i, j] == pytest.approx(expected, rel=1e-12)
    assert (found.x[0], found.x[-1]) == problem.window[0]
    assert (found.y[0], found.y[-1]) == problem.window[1]
    assert found.titles == ("x", "y")
    assert off_plane(valley, found, valley.lanes, 40) == 0


def test_the_surface_of_a_network_is_the_problems_values_on_the_plane(network):
    found = finish(find_ground(network))
    problem = network.experiment.problem.make()
    plane = found.plane
    for i, j in ((0, 0), (25, 3), (50, 50)):
        theta = plane.center + found.x[j] * np.asarray(plane.d1) + found.y[i] * np.asarray(plane.d2)
        assert found.loss[i, j] == pytest.approx(problem.value(np.asarray(theta)), rel=1e-5)
    directions = np.stack([plane.d1, plane.d2]).astype(float)
    np.testing.assert_allclose(directions @ directions.T, np.eye(2), atol=1e-5)
    assert "% of the variance" in found.titles[0]
    assert "all 40 samples; steps see batches of 10" in found.text


def test_points_off_the_plane_are_said_to_be(network):
    found = finish(find_ground(network))
    theta = network.theta("SGD")[-1].astype(float)
    basis = np.stack([found.plane.d1, found.plane.d2]).astype(float)
    rest = theta - np.asarray(found.plane.center, dtype=float)
    rest = rest - rest @ basis.T @ basis
    expected = np.linalg.norm(rest, axis=1).max()
    assert off_plane(network, found, ["SGD"], 12) == pytest.approx(expected, rel=1e-4)
    caption = landscape(network, on=found, style=SMALL)._supxlabel.get_text()
    assert "off-plane" in caption
    assert "seed 0" in caption


def test_a_recorded_surface_is_taken_first(network):
    center = network.theta("SGD")[0, 0]
    d1, d2 = np.eye(2, len(center), dtype=np.float32)
    x = np.linspace(-1, 1, 3, dtype=np.float32)
    arrays = {"x": x, "y": x, "loss": np.eye(3), "center": center, "d1": d1, "d2": d2}
    info = {"kind": "random", "text": "two random directions"}
    for step in (4, 10):
        network.results.append(Result("surface", "SGD", step, arrays, {**info, "at": step}))
    try:
        late, early = finish(find_ground(network, 12)), finish(find_ground(network, 5))
        before = finish(find_ground(network, 2))
    finally:
        del network.results[-2:]
    assert late.text.startswith("two random directions")
    np.testing.assert_array_equal(late.loss, np.eye(3))
    assert len(early.x) == len(before.x) == 3
    path = path_of(network.lane("SGD"), late, 0, 12)[1]
    np.testing.assert_allclose(path[:, 0], (network.theta("SGD")[:, 0] - center)[:, :2], atol=1e-5)


def test_paths_are_the_recorded_points(valley):
    figure = landscape(valley, 25, SMALL)
    paths = lines_of(figure)
    theta = valley.theta("Adam")[:26]
    x, y = (values.reshape(3, 27) for values in paths[0].get_data())
    np.testing.assert_array_equal(x[:, :-1].T, theta[..., 0])
    np.testing.assert_array_equal(y[:, :-1].T, theta[..., 1])
    assert np.isnan(x[:, -1]).all()
    assert [to_hex(line.get_color()) for line in paths] == list(LIGHT.lanes[:3])


def test_a_branch_is_drawn_from_where_it_leaves(valley):
    branch = lines_of(landscape(valley, None, SMALL))[2]
    x = branch.get_xdata().reshape(3, -1)[:, :-1]
    np.testing.assert_array_equal(x.T, valley.theta("Adam~2")[10:, :, 0])


def test_heads_starts_optima_and_lost_runs(valley):
    figure = landscape(valley, None, SMALL)
    heads = lines_of(figure, "o")
    adam = next(h for h in heads if to_hex(h.get_color()) == LIGHT.lanes[0])
    np.testing.assert_array_equal(adam.get_xydata(), valley.theta("Adam")[-1])
    (stars,) = lines_of(figure, "*")
    np.testing.assert_array_equal(stars.get_xydata(), [[1.0, 1.0]])
    starts = lines_of(figure, "+")
    np.testing.assert_array_equal(starts[0].get_xydata(), valley.theta("Adam")[0])
    lost = [cross for cross in lines_of(figure, "x") if len(cross.get_xdata())]
    assert len(lost) == 1
    assert to_hex(lost[0].get_color()) == LIGHT.warning
    sgd = next(h for h in heads if to_hex(h.get_color()) == LIGHT.lanes[1])
    assert len(sgd.get_xdata()) == 1  # the other run is lost


def test_contours_are_white_and_the_scale_is_logarithmic(valley):
    figure = landscape(valley, None, SMALL)
    axes, bar = figure.axes
    (contours,) = axes.collections
    assert to_hex(contours.get_edgecolor()[0]) == "#ffffff"
    assert contours.get_alpha() == 0.4
    norm = axes.images[0].norm
    low, high = norm.vmin, norm.vmax
    assert norm(low) == pytest.approx(0)
    assert norm(high) == pytest.approx(1)
    assert norm(low + 0.01 * (high - low)) > 0.2  # far above a linear scale
    assert norm.inverse(norm(3.0)) == pytest.approx(3.0)
    assert bar.get_ylabel() == "loss"


def test_a_problem_of_one_variable_is_a_graph(curve):
    figure = landscape(curve, None, SMALL)
    axes = figure.axes[0]
    path = axes.lines[-3].get_xydata()[:-1]
    np.testing.assert_array_equal(path[:, 0], curve.theta("sgd")[:, 0, 0])
    np.testing.assert_array_equal(path[:, 1], curve.scalar("sgd", "loss")[:, 0])
    assert axes.get_ylabel() == "loss"


def test_long_paths_are_thinned_evenly(valley, monkeypatch):
    monkeypatch.setattr("lab.engine.export.ground.DRAWN_POINTS", 3)
    monkeypatch.setattr("lab.engine.export.ground.DRAWN_ROWS", (5, 10))
    steps, points = path_of(valley.lane("Adam"), finish(find_ground(valley)), 0, 40)
    assert steps.tolist() == [0, 10, 20, 30, 40]
    np.testing.assert_array_equal(points, valley.theta("Adam")[::10])


def test_no_pyplot_and_no_display_is_needed():
    code = "import lab.engine.export, sys; assert 'matplotlib.pyplot' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)

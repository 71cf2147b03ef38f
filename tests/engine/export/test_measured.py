import numpy as np
import pytest
from matplotlib.colors import to_hex

from lab.engine.export import measured
from lab.engine.export.spectrum import spectrum
from lab.engine.export.style import Style
from lab.engine.recording import Result
from lab.palette import LIGHT

SMALL = Style(dpi=50)


def sticks(axes):
    return [
        segment
        for c in axes.collections
        if hasattr(c, "get_segments")
        for segment in c.get_segments()
    ]


def test_the_newest_result_up_to_a_step(network):
    results = network.probe("connectivity")
    assert [r.step for r in results] == [0, 6, 12]
    assert measured.at_step(results, 11).step == 6
    assert measured.at_step(results[1:], 3).step == 6
    assert measured.at_step([], 3) is None


def test_a_spectrum_shows_every_eigenvalue(valley):
    figure = spectrum(valley, "Adam", 25, SMALL)
    result = next(r for r in valley.probe("hessian_spectrum") if (r.lane, r.step) == ("Adam", 20))
    drawn = sorted(float(stick[0][0]) for stick in sticks(figure.axes[0]))
    assert drawn == pytest.approx(sorted(result.eigenvalues.tolist()))
    assert "step 20" in figure.axes[0].get_title("right")


def test_two_over_the_learning_rate_is_drawn_where_it_is_near(valley):
    result = next(r for r in valley.probe("hessian_spectrum") if r.lane == "S/GD")
    assert result.two_over_lr == pytest.approx(2 / 0.0005)
    axes = spectrum(valley, "S/GD", 0, SMALL).axes[0]
    (line,) = axes.lines
    assert line.get_xdata() == pytest.approx([4000, 4000])
    assert to_hex(line.get_color()) == LIGHT.warning
    far = Result(
        "hessian_spectrum",
        "S/GD",
        41,
        {"eigenvalues": np.array([1.0])},
        {"exact": True, "two_over_lr": 1e9},
    )
    valley.results.append(far)
    try:
        axes = spectrum(valley, "S/GD", 41, SMALL).axes[0]
    finally:
        valley.results.remove(far)
    assert not len(axes.lines)


def test_a_density_in_decades_with_its_outliers(network):
    grid = np.linspace(-1, 5, 50)
    density = np.exp(-(grid**2) / 0.1)
    arrays = {"eigenvalues": np.array([4.0, 3.0]), "grid": grid, "density": density}
    result = Result("hessian_spectrum", "SGD", 13, arrays, {"exact": False})
    network.results.append(result)
    try:
        axes = spectrum(network, "SGD", 13, SMALL).axes[0]
    finally:
        network.results.remove(result)
    assert axes.get_yscale() == "log"
    curve = axes.lines[0]
    high = density > 1e-4
    np.testing.assert_array_equal(curve.get_ydata()[high], density[high])
    assert sorted(stick[0][0] for stick in sticks(axes)) == [3.0, 4.0]


def test_eigenvalues_along_the_lanes(network):
    axes = measured.eigenvalues(network, 6, SMALL).axes[0]
    top = next(line for line in axes.lines if line.get_label() == "Adam")
    results = [r for r in network.probe("hessian_spectrum") if r.lane == "Adam"]
    assert top.get_xdata().tolist() == [0, 6, 12]
    assert top.get_ydata().tolist() == [r.lambda_max for r in results]


def test_roughness_with_its_interval(network):
    figure = measured.roughness(network, 6, SMALL)
    axes = figure.axes[0]
    line = next(line for line in axes.lines if line.get_label() == "SGD")
    results = [r for r in network.probe("roughness") if r.lane == "SGD"]
    np.testing.assert_array_equal(line.get_ydata(), [r.index for r in results])
    corners = axes.collections[0].get_paths()[0].vertices[:, 1]
    assert corners.max() == pytest.approx(max(r.index_high for r in results))
    assert "3 directions" in axes.get_title("right")
    assert axes.get_ylim()[0] == 0
    mean = figure.axes[1]
    assert any(
        line.get_ydata() == pytest.approx([r.mean_tv_l for r in results]) for line in mean.lines
    )
    assert {text.get_text().strip() for text in mean.texts} == {"slope", "bowl"}


def test_accuracy_on_all_data(network):
    axes = measured.evaluation(network, "accuracy", 6, SMALL).axes[0]
    line = next(line for line in axes.lines if line.get_label() == "SGD")
    results = [r for r in network.probe("evaluation") if r.lane == "SGD"]
    medians = [np.median(r.accuracy) for r in results]
    np.testing.assert_allclose(line.get_ydata(), medians, rtol=1e-6)
    assert axes.get_ylabel() == "accuracy on all data"


def test_connectivity_with_metrics_below(network):
    figure = measured.connectivity(network, 12, SMALL)
    result = network.probe("connectivity")[-1]
    loss, accuracy = figure.axes
    np.testing.assert_array_equal(loss.lines[0].get_ydata(), result.loss)
    np.testing.assert_array_equal(loss.lines[1].get_ydata(), result.matched_loss)
    np.testing.assert_array_equal(accuracy.lines[0].get_ydata(), result.accuracy)
    assert accuracy.get_xlabel() == "from SGD, run 0 to Adam, run 0"


@pytest.mark.parametrize(("loss", "shown"), [([0, 3, 1], True), ([0, 1, 3], False)])
def test_a_barrier_is_marked_where_there_is_one(network, loss, shown):
    loss = np.array(loss, dtype=float)
    info = {"lane_a": "SGD", "run_a": 0, "lane_b": "Adam", "run_b": 0, "barrier": 2.5}
    result = Result("connectivity", "", 13, {"t": np.linspace(0, 1, 3), "loss": loss}, info)
    network.results.append(result)
    try:
        axes = measured.connectivity(network, 13, SMALL).axes[0]
    finally:
        network.results.remove(result)
    assert ("barrier 2.5" in [text.get_text() for text in axes.texts]) == shown


def test_a_run_chosen_by_hand_is_no_point_of_the_lanes_curve(valley):
    planned = [r for r in valley.probe("hessian_spectrum") if r.lane == "S/GD"]
    chosen = Result(
        "hessian_spectrum",
        "S/GD",
        33,
        {"eigenvalues": np.array([1e6])},
        {**planned[-1].info, "chosen": True},
    )
    before = measured.eigenvalues(valley, 40, SMALL).axes[0]
    valley.results.append(chosen)
    try:
        after = measured.eigenvalues(valley, 40, SMALL).axes[0]
    finally:
        valley.results.remove(chosen)
    assert len(after.lines) == len(before.lines)
    for one, two in zip(before.lines, after.lines, strict=True):
        np.testing.assert_array_equal(one.get_ydata(), two.get_ydata())

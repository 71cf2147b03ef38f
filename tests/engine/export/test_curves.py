import numpy as np
import pytest
from matplotlib.colors import to_hex

from lab.engine.export.curves import loss
from lab.engine.export.style import Style
from lab.palette import BAND_OPACITY, LIGHT

SMALL = Style(dpi=50)


def curves_of(figure):
    return {line.get_label(): line for line in figure.axes[0].lines if line.get_linestyle() == "-"}


def test_the_curve_is_the_median_and_the_band_10_to_90_percent(valley):
    figure = loss(valley, None, SMALL)
    line = curves_of(figure)["Adam"]
    recorded = valley.scalar("Adam", "loss")
    np.testing.assert_array_equal(line.get_xdata(), np.arange(41))
    np.testing.assert_allclose(line.get_ydata(), np.median(recorded, axis=1), rtol=1e-6)
    band = figure.axes[0].collections[0]
    assert band.get_alpha() == BAND_OPACITY == 0.18
    low, high = np.quantile(recorded.astype(float), [0.1, 0.9], axis=1)
    corners = band.get_paths()[0].vertices
    for step in (0, 20, 40):
        edges = corners[corners[:, 0] == step][:, 1]
        assert edges.min() == pytest.approx(low[step], rel=1e-5)
        assert edges.max() == pytest.approx(high[step], rel=1e-5)


def test_lanes_have_their_colours_and_a_branch_starts_at_its_step(valley):
    found = curves_of(loss(valley, None, SMALL))
    names = ("Adam", "S/GD", "Adam~2")
    assert [to_hex(found[name].get_color()) for name in names] == list(LIGHT.lanes[:3])
    assert found["Adam~2"].get_xdata()[0] == 10


def test_the_cursor_stands_at_the_step(valley):
    axes = loss(valley, 25, SMALL).axes[0]
    (line,) = [line for line in axes.lines if to_hex(line.get_color()) == LIGHT.muted]
    assert line.get_visible()
    assert list(line.get_xdata()) == [25, 25]
    axes = loss(valley, None, SMALL).axes[0]
    (line,) = [line for line in axes.lines if to_hex(line.get_color()) == LIGHT.muted]
    assert not line.get_visible()


def test_a_divergence_is_marked_at_its_step(valley):
    axes = loss(valley, None, SMALL).axes[0]
    marks = [line for line in axes.lines if line.get_marker() == "x" and len(line.get_xdata())]
    assert len(marks) == 1
    assert marks[0].get_xdata().tolist() == [valley.diverged("S/GD")[1].step]
    assert to_hex(marks[0].get_color()) == LIGHT.warning


def test_a_diverging_run_does_not_flatten_the_others(valley):
    axes = loss(valley, None, SMALL).axes[0]
    first = valley.scalar("Adam", "loss")[0].max()
    assert axes.get_yscale() == "log"
    assert axes.get_ylim()[1] < 1e5 * first


def test_against_evaluations_and_seconds(valley):
    line = curves_of(loss(valley, None, SMALL, against="gradient_evaluations"))["Adam"]
    np.testing.assert_array_equal(line.get_xdata(), np.arange(41))
    figure = loss(valley, None, SMALL, name="grad_norm", against="seconds")
    line = curves_of(figure)["Adam"]
    np.testing.assert_allclose(line.get_xdata(), valley.scalar("Adam", "seconds")[:, 0])
    assert figure.axes[0].get_xlabel() == "time (s)"
    assert figure.axes[0].get_ylabel() == "gradient norm"


def test_an_unknown_axis_is_named(valley):
    with pytest.raises(ValueError, match=r"against = 'second' is not known .*'seconds'"):
        loss(valley, None, SMALL, against="second")

import math

import matplotlib
import numpy as np
import pytest

from lab.engine.export.style import Style, drawn_lanes, dress, legend, save, scale_y
from lab.palette import DARK, LIGHT


def axes_of(style=None):
    return (style or Style()).figure((3, 2)).add_subplot()


def test_an_unknown_theme_is_named():
    with pytest.raises(ValueError, match=r"theme = 'drak' is not known \(did you mean 'dark'\?\)"):
        Style("drak")


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"dpi": 0}, "dpi = 0 is not allowed: at least 10"),
        ({"dpi": math.nan}, "dpi = nan: a whole number is needed"),
        ({"size": (4, 1e9)}, "size = 1000000000 is not allowed: .* at most 50"),
        ({"size": (4,)}, "width and height are needed"),
        ({"size": 4}, "a list is needed"),
    ],
)
def test_sizes_that_make_no_figure(wrong, message):
    with pytest.raises(ValueError, match=message):
        Style(**wrong)


def test_size_and_resolution():
    figure = Style(size=(4, 3), dpi=50).figure((9, 9))
    assert figure.canvas.get_width_height() == (200, 150)
    assert Style(dpi=50).figure((2, 1)).canvas.get_width_height() == (100, 50)


def test_two_spines_and_the_themes_colours():
    axes = axes_of(Style("dark"))
    dress(axes, DARK, "step", "loss")
    shown = [name for name, spine in axes.spines.items() if spine.get_visible()]
    assert sorted(shown) == ["bottom", "left"]
    assert matplotlib.colors.to_hex(axes.get_facecolor()) == DARK.card
    assert axes.xaxis.label.get_color() == DARK.muted


def test_a_legend_without_a_frame():
    axes = axes_of()
    legend(axes, LIGHT)
    assert axes.get_legend() is None
    axes.plot([0, 1], label="Adam")
    legend(axes, LIGHT)
    assert not axes.get_legend().get_frame_on()


@pytest.mark.parametrize(
    ("values", "scale"),
    [
        ([1e-6, 1.0, 100.0], "log"),
        ([0.0, 1e-3, 1.0], "log"),  # a loss that reaches zero
        ([1.0, 2.0, 20.0], "linear"),
        ([-1.0, 1e-3, 1e3], "linear"),
        ([math.nan, math.inf], "linear"),
        ([], "linear"),
    ],
)
def test_decades_where_values_span_them(values, scale):
    axes = axes_of()
    scale_y(axes, np.array(values, dtype=float))
    assert axes.get_yscale() == scale
    low, high = axes.get_ylim()
    inside = [v for v in values if math.isfinite(v) and (scale == "linear" or v > 0)]
    assert all(low < v < high for v in inside)


def test_values_above_the_cap_do_not_stretch_the_axis():
    axes = axes_of()
    scale_y(axes, np.array([1.0, 100.0, 1e20]), cap=1e3)
    assert 100 < axes.get_ylim()[1] < 1e3


def test_a_lane_keeps_its_colour_when_others_are_left_out(valley):
    everything = {lane.name: lane.colour for lane in drawn_lanes(valley, LIGHT)}
    (one,) = drawn_lanes(valley, LIGHT, ["S/GD"])
    assert everything["S/GD"] == one.colour == LIGHT.lanes[1]
    with pytest.raises(ValueError, match="no lane is called 'x'"):
        drawn_lanes(valley, LIGHT, ["x"])


@pytest.mark.parametrize("kind", ["png", "svg", "pdf"])
def test_the_same_figure_is_the_same_bytes_and_no_setting_changes(tmp_path, kind):
    before = dict(matplotlib.rcParams)
    for name in "ab":
        axes = axes_of()
        axes.plot([0, 1, 4], clip_on=True)
        save(axes.figure, tmp_path / f"{name}.{kind}", "A title")
    assert (tmp_path / f"a.{kind}").read_bytes() == (tmp_path / f"b.{kind}").read_bytes()
    assert dict(matplotlib.rcParams) == before
    assert b"A title" in (tmp_path / f"a.{kind}").read_bytes()

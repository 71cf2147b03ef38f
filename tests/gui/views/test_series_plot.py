"""The axis of a quantity against steps."""

import numpy as np
import pytest

from lab.engine.probes.base import Series
from lab.gui.views.series_plot import SeriesPlot
from lab.gui.views.track import Track
from lab.palette import DARK


@pytest.mark.parametrize(
    ("values", "lowest"),
    [
        ([1.0] * 30 + [1e-30], 1e-12),  # one value far below does not squeeze the others
        ([1.0] + [1e-15] * 30, 1e-15),  # where most of them are, the axis is
        ([1.0, 1e-3, 1e-6], 1e-6),
    ],
)
def test_a_logarithmic_axis_reaches_where_the_values_are(qtbot, dressed, values, lowest):
    plot = SeriesPlot()
    qtbot.addWidget(plot)
    plot.set_theme(DARK)
    track = Track("SGD", DARK.lane(0), True, np.arange(len(values)), np.array(values))
    plot.show_series(Series("nc1", "NC1"), [track], len(values), log=True, room=200)
    low, high = plot._goal[1]
    seen = [value for value in values if value >= lowest]
    assert low < np.log10(min(seen)) <= high
    assert high > 0
    if min(values) < lowest:
        assert low > np.log10(min(values))


@pytest.fixture
def plot(qtbot, dressed):
    made = SeriesPlot()
    qtbot.addWidget(made)
    made.set_theme(DARK)
    made.resize(360, 220)
    made.show()
    return made


def lanes(*heights) -> list[Track]:
    steps = np.arange(0, 101, 10)
    return [
        Track(f"lane {i}", DARK.lane(i), False, steps, np.full(11, float(y)))
        for i, y in enumerate(heights)
    ]


@pytest.mark.parametrize("room", [400, 190, 120])
def test_a_long_title_keeps_its_unit(plot, room):
    series = Series("n", "gradient evaluations of everything together", "samples")
    plot.show_series(series, lanes(1), 100, log=False, room=room)
    title = plot.titles["left"]
    assert title.endswith(" [samples]")
    assert ("…" in title) == (room < 400)
    plot.show_series(Series("n", "noise"), lanes(1), 100, log=False, room=room)
    assert plot.titles["left"] == "noise"


def test_a_legend_hides_no_line(plot):
    values = (1.0, 2.0, 3.0, 3.2)
    plot.show_series(Series("n", "n"), lanes(*values), 100, log=False, room=220, named=True)
    assert plot._legend.text().count("lane") == 4
    card = plot._legend.geometry()
    heights = [plot.pixels(0, y).y() for y in values]
    assert not any(card.top() <= y <= card.bottom() for y in heights)
    assert min(heights) > 0
    plot.show_series(Series("n", "n"), lanes(1), 100, log=False, room=220, named=True)
    assert not plot._legend.isVisible()  # one lane needs no name


def test_of_many_thin_lines_the_nearest_are_told(plot):
    (track,) = lanes(100)
    names = [f"layer{i}" for i in range(20)]
    others = np.repeat(10.0 ** np.linspace(-3, 1.75, 20), 11).reshape(20, 11)
    track = track._replace(others=others, names=names)
    plot.show_series(Series("n", "n"), [track], 100, log=True, room=220)
    plot.pointed.emit(50.0, float(np.log10(others[9, 0])))
    found = [name for name in names if f">{name}&nbsp;" in plot._reading.text()]
    assert found in (names[7:11], names[8:12])
    assert plot._reading.text().index(found[-1]) < plot._reading.text().index(found[0])

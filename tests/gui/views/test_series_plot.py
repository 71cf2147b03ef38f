"""The axis of a quantity against steps."""

import numpy as np
import pytest

from lab.engine.probes.base import Series
from lab.gui.views.series_plot import SeriesPlot
from lab.gui.views.tracks import Track
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
    plot.show_tracks(Series("nc1", "NC1"), [track], len(values), log=True, room=200)
    low, high = plot._goal[1]
    seen = [value for value in values if value >= lowest]
    assert low < np.log10(min(seen)) <= high
    assert high > 0
    if min(values) < lowest:
        assert low > np.log10(min(values))

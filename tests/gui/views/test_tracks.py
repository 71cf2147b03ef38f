"""Lines of all lanes on one time axis."""

import numpy as np
import pytest
from PySide6.QtWidgets import QApplication

from lab.gui.views.track import MOST, Track
from lab.gui.views.tracks import Pace, TracksPlot
from lab.palette import DARK


@pytest.fixture
def plot(dressed, qtbot):
    made = TracksPlot("eigenvalue λ")
    qtbot.addWidget(made)
    made.set_theme(DARK)
    made.resize(455, 165)
    made.show()
    return made


def track(main, **fields) -> Track:
    main = np.asarray(main, dtype=float)
    return Track("SGD", DARK.lanes[0], True, np.arange(len(main)) * 10, main, **fields)


def y_range(plot) -> tuple[float, float]:
    return tuple(plot.getPlotItem().getViewBox().viewRange()[1])


def lines(plot) -> list:
    return [item for key, item in plot._drawing._items.items() if key[0] == "line"]


def words(plot) -> list[str]:
    return [item.toPlainText() for item in plot._words._items.values()]


def test_holds_all_lines(plot):
    plot.show_tracks([track([1, 5, 3]), track([2, -4, 2])], 40)
    low, high = y_range(plot)
    assert low < -4 < 5 < high
    assert plot.getPlotItem().getViewBox().viewRange()[0] == [0, 40]


def test_what_flies_off_does_not_stretch_the_axis(plot):
    plot.show_tracks([track([*range(1, 50), 1e9]), track(np.full(40, np.nan))], 500)
    assert y_range(plot)[1] < 100


def test_a_wide_band_does_not_hide_the_lines(plot):
    plot.show_tracks([track([1, 2, 1], low=np.ones(3) / 2, high=np.array([2.0, 90, 2]))], 20)
    assert y_range(plot)[1] < 10


def test_a_near_limit_is_drawn_and_a_far_one_named(plot):
    plot.show_tracks([track([1, 2], limit=([0, 10], [3.0, 3.0]), formula="2/η")], 10)
    assert words(plot) == ["2/η"]
    assert len(lines(plot)) == 2
    assert y_range(plot)[1] > 3
    plot.show_tracks([track([1, 2], limit=([0, 10], [300.0, 300.0]), formula="2/η")], 10)
    assert words(plot) == ["2/η = 300 ↑"]
    assert len(lines(plot)) == 1


@pytest.mark.parametrize("value", [3.0, 300.0])
def test_the_limit_is_named_where_the_axis_ends_now(plot, value):
    plot.show_tracks([track([1, 2], limit=([0, 10], [value, value]), formula="2/η")], 10)
    for end in (20, 7):
        plot.setRange(xRange=(0, end), yRange=(0, 4), padding=0)
        (word,) = plot._words._items.values()
        assert word.pos().x() == end
        assert word.pos().y() == min(value, 4)


def test_dots_stand_where_the_cursor_is(plot):
    plot.show_tracks([track([1, 2, 3]), track([7, 8])], 40)
    for step, values in ((0, [1, 7]), (19, [2, 8]), (99, [3, 8])):
        plot.show_cursor(step)
        dots = plot._heads._items["dots", "heads"]
        assert sorted(y for _, y, _ in dots.spots) == values


def test_one_measurement_is_a_dot(plot):
    plot.show_tracks([track([4.0])], 40)
    plot.show_cursor(0)
    QApplication.processEvents()
    assert len(plot._heads._items["dots", "heads"].spots) == 1


def test_long_ones_are_thinned_and_keep_their_peaks(plot):
    main = np.sin(np.arange(20_000) / 700)
    main[12_345], main[777] = 5.0, -3.0
    plot.show_tracks([track(main, others=np.stack([main / 2]))], 200_000)
    (drawn,) = plot._tracks
    assert len(drawn.steps) <= MOST + 2
    assert drawn.main.max() == 5
    assert drawn.main.min() == -3
    assert (drawn.steps[0], drawn.steps[-1]) == (0, 199_990)
    assert np.array_equal(drawn.others[0], drawn.main / 2)
    assert np.all(np.diff(drawn.steps) > 0)


def test_thinning_goes_over_gaps(plot):
    main = np.ones(2000)
    main[500:] = np.nan
    plot.show_tracks([track(main)], 20_000)
    assert np.nanmax(plot._tracks[0].steps[np.isfinite(plot._tracks[0].main)]) >= 4_900


def test_reading_tells_the_nearest(plot):
    plot.show_tracks([track([1, 2, 3]), track([7, 8], low=np.ones(2), high=np.full(2, 9.0))], 40)
    plot.pointed.emit(11.0, 0.0)
    text = plot._reading.text()
    assert "step 10" in text
    assert "2.00" in text
    assert "8.00 (1.00 – 9.00)" in text


def test_nothing_to_read_where_nothing_is(plot):
    plot.show_tracks([], 40)
    plot.show_cursor(3)
    plot.pointed.emit(11.0, 0.0)
    assert plot._reading.text() == ""


def test_pace(monkeypatch):
    now = [0.0]
    monkeypatch.setattr("lab.gui.views.tracks.time.monotonic", lambda: now[0])
    pace = Pace()
    assert [pace.allows() for _ in range(3)] == [True, False, False]
    now[0] = 0.05
    assert not pace.allows()
    assert pace.allows(at_once=True)
    now[0] = 0.2
    assert pace.allows()

"""The roughness index: over the run, the lines behind it, and what is said of both."""

from dataclasses import replace

import numpy as np
import pytest

import lab
from lab.gui.views.asking import STALE
from lab.gui.views.roughness import Roughness
from lab.palette import BAND_OPACITY, DARK, LIGHT


def lines(desk) -> None:
    desk.view._modes._buttons["lines"].click()


def items(drawing, kind: str) -> dict:
    return {key[1]: item for key, item in drawing._items.items() if key[0] == kind}


def test_index_with_its_interval_and_the_mean_beside_it(desk, surface):
    on = desk(Roughness)
    on.show(surface, 30)
    index = {track.title: track for track in on.view._index._tracks}
    mean = {track.title: track for track in on.view._mean._tracks}
    for lane, title in (("sgd", "SGD"), ("momentum", "Momentum"), ("adam", "Adam")):
        found = [r for r in surface.probe("roughness") if r.lane == lane]
        assert index[title].steps.tolist() == [0, 10, 20, 30, 40, 50, 60]
        assert index[title].main == pytest.approx([r.index for r in found])
        assert index[title].low == pytest.approx([r.index_low for r in found])
        assert index[title].high == pytest.approx([r.index_high for r in found])
        assert mean[title].main == pytest.approx([r.mean_tv_l for r in found])
    for band in items(on.view._index._drawing, "band").values():
        assert band._brush.color().alphaF() == pytest.approx(BAND_OPACITY, abs=0.01)
    assert [plot._cursor.value() for plot in (on.view._index, on.view._mean)] == [30, 30]


def test_slope_and_bowl_are_marked_beside_the_index(desk, surface):
    on = desk(Roughness)
    on.show(surface)
    marks = {
        word: items(on.view._mean._drawing, "line")[word].getData()[1] for word in ("slope", "bowl")
    }
    assert set(marks["slope"]) == {0.5}
    assert set(marks["bowl"]) == {1.0}
    assert on.view._mean.isVisible()


def test_both_time_axes_are_the_same(desk, surface):
    on = desk(Roughness)
    on.show(surface)
    boxes = [plot.getPlotItem().getViewBox() for plot in (on.view._index, on.view._mean)]
    assert boxes[0].viewRange()[0] == boxes[1].viewRange()[0] == [0, 60]
    edges = [(b.sceneBoundingRect().left(), b.sceneBoundingRect().right()) for b in boxes]
    assert edges[0] == edges[1]


def test_the_lines_at_the_cursor_and_their_histogram(desk, surface):
    on = desk(Roughness)
    lines(on)
    on.state.lane = "adam"
    on.show(surface, 33)
    (found,) = [r for r in surface.probe("roughness") if (r.lane, r.step) == ("adam", 30)]
    x, y = items(on.view._lines._lines, "line")["profiles"].getData()
    assert np.isnan(x).sum() == len(found.profiles)
    assert y[np.isfinite(y)] == pytest.approx(found.profiles.ravel())
    edges, counts = items(on.view._lines._bars, "line")["edge"].getData()
    assert counts[1:-1:2].sum() == len(found.total_variation)
    assert edges[0] == 0.5
    assert edges[-1] >= found.total_variation.max() * found.radius
    drawn = items(on.view._lines._lines, "line")["profiles"]
    assert drawn.opacity() == pytest.approx(STALE, abs=0.01)


def test_says_what_it_is_made_of(desk, surface):
    on = desk(Roughness)
    on.show(surface, 20)
    assert on.said.startswith("20 lines, l = 0.25 · SGD, step 20: ")
    assert "mean of T·l" in on.said
    assert "rounding" not in on.said


def test_says_where_rounding_is_measured(desk, surface):
    tired = lab.Recording(surface.experiment, surface.header)
    tired.records = surface.records
    one = surface.probe("roughness")[0]
    tired.results = [replace(one, info={**one.info, "resolution": 3.0})]
    on = desk(Roughness)
    on.show(tired, 0)
    assert "near rounding" in on.said


def test_runs_that_diverge_have_gaps(desk, diverging, result):
    on = desk(Roughness)
    on.show(diverging)
    assert len(on.view._index._tracks) >= 2
    lost = lab.Recording(diverging.experiment, diverging.header)
    lost.records = diverging.records
    nothing = {"total_variation": np.full(8, np.nan), "s": np.linspace(-1, 1, 5)}
    nothing["profiles"] = np.full((8, 5), np.nan)
    gone = dict.fromkeys(("index", "index_low", "index_high", "mean_tv_l", "resolution"), np.nan)
    lost.results = [result("roughness", "adam", 0, nothing, **gone, radius=1.0)]
    for _ in range(2):
        on.show(lost)
        lines(on)
    assert "–" in on.said


@pytest.mark.parametrize("word", ["over time", "lines"])
def test_says_how_to_get_one(desk, bare, word):
    on = desk(Roughness)
    on.view._modes._buttons[word].click()
    on.show(bare)
    plot = on.view._index if word == "over time" else on.view._lines._profiles
    assert "Measure while running" in plot._note.text()
    assert plot._note.isVisible()
    on.view._asking._button.click()
    options = {"name": "roughness", "step": 0, "lane": "sgd"}
    assert on.bridge.posts == [("ask", "probe", ("probe", "roughness"), options)]


def test_says_that_the_first_is_on_its_way(desk, surface):
    early = lab.Recording(surface.experiment, surface.header)
    early.records = surface.records
    on = desk(Roughness)
    on.show(early, 0)
    assert "on its way" in on.view._index._note.text()
    assert not on.view._asking.isVisible()


def test_takes_the_colours_of_a_theme(desk, surface):
    on = desk(Roughness)
    for theme in (DARK, LIGHT):
        on.dress(theme.name)
        for word in ("over time", "lines"):
            on.view._modes._buttons[word].click()
            on.show(surface)
            assert on.has(theme.lanes[0])
            assert on.has(theme.card, near=4)


def test_fades_while_new_results_are_on_their_way(desk, surface):
    on = desk(Roughness)
    on.show(surface)
    again = lab.Recording(surface.experiment, surface.header)
    again.records = surface.records
    on.show(again)
    drawn = on.view._index._drawing._items.values()
    assert len(drawn) == 6
    assert all(item.opacity() == pytest.approx(STALE, abs=0.01) for item in drawn)
    assert not on.view._index._note.isVisible()


def test_readings(desk, surface):
    on = desk(Roughness)
    on.show(surface)
    on.view._mean.pointed.emit(21.0, 0.5)
    assert "step 20" in on.view._mean._reading.text()
    lines(on)
    on.show(surface)
    on.view._lines._profiles.pointed.emit(0.0, 0.0)
    assert "loss" in on.view._lines._profiles._reading.text()
    on.view._lines._counts.pointed.emit(5.0, 0.0)
    assert "20 of 20" in on.view._lines._counts._reading.text()


def test_nothing_is_left_of_it(survivors, surface):
    assert survivors(Roughness, surface) == []

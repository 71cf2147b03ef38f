"""Connectivity: the line between two runs, chosen by the user or not."""

import numpy as np
import pytest

import lab
from lab.gui.bridge import Bridge
from lab.gui.screenshot import InlineWorker
from lab.gui.state import ViewState
from lab.gui.views.asking import STALE
from lab.gui.views.connectivity import ALONE, SETTLE_MS, Connectivity
from lab.palette import DARK, LIGHT


def curves(desk) -> dict:
    return {word: values for word, _, values in desk.view._plot._curves}


def choose(desk, *runs) -> None:
    """As the user chooses: in one list, then in the other."""
    for box, run in zip(desk.view._boxes, runs, strict=True):
        place = desk.view._places[run]
        box.setCurrentIndex(place)
        box.activated.emit(place)


def path(lane_a, run_a, lane_b, run_b, loss, step, result, **more):
    loss = np.asarray(loss, dtype=float)
    arrays = {"t": np.linspace(0, 1, len(loss)), "loss": loss, **more}
    info = {"lane_a": lane_a, "run_a": run_a, "lane_b": lane_b, "run_b": run_b}
    barrier = {"barrier": loss.max() - (loss[0] + loss[-1]) / 2, "distance": 3.0}
    if "matched_loss" in more:
        barrier["matched_barrier"] = float(more["matched_loss"].max() - loss[0])
    return result("connectivity", "", step, arrays, **info, **barrier)


@pytest.fixture
def made(surface):
    """A recording like that of the surface, to put results in by hand."""
    recording = lab.Recording(surface.experiment, surface.header)
    recording.records = surface.records
    return recording


def test_shows_what_was_measured_along_the_way(desk, surface):
    on = desk(Connectivity)
    on.show(surface, 40)
    (found,) = [r for r in surface.probe("connectivity") if r.step == 40]
    assert curves(on)["as trained"] == pytest.approx(found.loss.astype(float))
    assert [box.currentText() for box in on.view._boxes] == ["SGD", "Momentum"]
    assert on.view._boxes[0].count() == 7  # two lanes of one run, one of five
    assert "step 40" in on.said
    assert not on.view._metric.isVisible()
    assert list(curves(on)) == ["as trained"]  # a surface has no units to match


def test_networks_have_matched_units_and_a_metric(desk, network):
    on = desk(Connectivity)
    on.show(network, 20)
    (found,) = [r for r in network.probe("connectivity") if r.step == 20]
    assert curves(on)["matched"] == pytest.approx(found.matched_loss.astype(float))
    assert on.view._metric.isVisible()
    assert on.view._metric.text() == "accuracy"
    on.view._metric.click()
    on.show(network, 20)
    assert curves(on)["as trained"] == pytest.approx(found.accuracy.astype(float))
    assert on.view._plot.titles["left"] == "accuracy"
    assert "barrier" not in on.view._plot._legend.text()


def test_the_barrier_is_an_arrow_with_its_number(desk, made, result):
    hill = [0.1, 0.5, 0.72, 0.5, 0.1]
    flat = {"matched_loss": np.array([0.1, 0.12, 0.15, 0.12, 0.1])}
    made.results = [path("sgd", 0, "adam", 2, hill, 60, result, **flat)]
    on = desk(Connectivity)
    on.show(made)
    drawing = on.view._plot._drawing._items
    assert drawing["text", "barrier"].toPlainText().strip() == "barrier 0.620"
    x, y = drawing["line", "barrier"].getData()
    assert x.tolist() == [0.5, 0.5]
    assert y == pytest.approx([0.1, 0.72])
    assert "matched, barrier 0.0500" in on.view._plot._legend.text()
    assert on.view._plot.titles["bottom"] == "from SGD to Adam · run 3"


def test_one_end_that_is_higher_is_no_barrier(desk, made, result):
    made.results = [path("sgd", 0, "adam", 0, [1.0, 0.4, 0.2, 0.1], 60, result)]
    on = desk(Connectivity)
    on.show(made)
    assert ("text", "barrier") not in on.view._plot._drawing._items
    assert "no barrier" in on.view._plot._legend.text()


@pytest.mark.parametrize("loss", [[5, 3, 1], [1, 3, 5], [1, 5, 1], [5, 1, 5]])
def test_the_legend_stands_where_the_curve_is_not(desk, made, result, loss):
    made.results = [path("sgd", 0, "adam", 0, np.repeat(loss, 9), 60, result)]
    on = desk(Connectivity)
    on.show(made)
    corner = on.view._plot.legend()[1]
    across, up = "right" in corner, "top" in corner
    assert (loss[2 if across else 0] > 3) != up


def test_choosing_two_runs_asks_for_their_line(desk, surface, qtbot):
    on = desk(Connectivity)
    on.show(surface, 33)
    choose(on, ("adam", 1), ("adam", 4))
    assert on.bridge.posts == []  # not before the choice has settled
    qtbot.waitUntil(lambda: len(on.bridge.posts) == 1, timeout=10 * SETTLE_MS)
    options = {"name": "connectivity", "step": 33, "runs": (("adam", 1), ("adam", 4))}
    assert on.bridge.posts == [("ask", "probe", ("probe", "connectivity"), options)]


def test_moving_the_cursor_asks_for_nothing(desk, surface, qtbot):
    on = desk(Connectivity)
    on.show(surface, 33)
    for cursor in (20, 25, 40):
        on.show(surface, cursor)
    assert on.view._asking.isVisible() is False  # 40 was measured
    on.show(surface, 41)
    assert on.view._asking.isVisible()
    assert on.bridge.posts == []


def test_a_chosen_pair_is_shown_from_its_own_side(desk, made, result):
    made.results = [
        path("sgd", 0, "momentum", 0, [1, 2, 3], 20, result),
        path("sgd", 0, "adam", 1, [4, 5, 6], 20, result),
    ]
    on = desk(Connectivity)
    on.show(made, 20)
    choose(on, ("adam", 1), ("sgd", 0))
    on.show(made, 20)
    assert curves(on)["as trained"].tolist() == [6, 5, 4]
    assert on.view._plot.titles["bottom"] == "from Adam · run 2 to SGD"
    assert not on.view._settling.isActive()  # it is there already
    choose(on, ("sgd", 0), ("momentum", 0))
    on.show(made, 20)
    assert curves(on)["as trained"].tolist() == [1, 2, 3]


def test_twice_the_same_run_is_no_line(desk, surface):
    on = desk(Connectivity)
    on.show(surface, 33)
    choose(on, ("sgd", 0), ("sgd", 0))
    assert not on.view._settling.isActive()
    assert on.view.wish() is None


def test_a_single_run_has_no_other_end(desk):
    alone = lab.run(lab.Experiment("booth", lanes=[lab.Lane("sgd", lr=0.01)], steps=3))
    on = desk(Connectivity)
    on.show(alone)
    assert on.view._plot._note.text() == ALONE
    assert not on.view._asking.isVisible()


def test_says_how_to_get_one(desk, bare):
    on = desk(Connectivity)
    on.show(bare)
    assert "choose them above" in on.view._plot._note.text()
    assert [box.currentText() for box in on.view._boxes] == ["SGD #1", "SGD #2"]
    on.view._asking._button.click()
    options = {"name": "connectivity", "step": 0, "runs": (("sgd", 0), ("sgd", 1))}
    assert on.bridge.posts == [("ask", "probe", ("probe", "connectivity"), options)]


def test_lanes_that_come_and_go(desk, surface, bare):
    on = desk(Connectivity)
    on.show(surface)
    choose(on, ("adam", 3), ("sgd", 0))
    on.show(bare)
    assert on.view._boxes[0].count() == 2
    on.show(surface)
    assert on.view._boxes[0].count() == 7


def test_diverged_ends_do_not_break_it(desk, diverging, made, result):
    on = desk(Connectivity)
    on.show(diverging)
    made.results = [path("sgd", 0, "adam", 0, [np.nan, np.nan, 1.0], 60, result)]
    on.show(made)
    made.results = [path("sgd", 0, "adam", 0, [np.nan] * 3, 60, result)]
    on.show(made)
    assert "step 60" in on.said


def test_fades_while_new_results_are_on_their_way(desk, surface, made):
    on = desk(Connectivity)
    on.show(surface, 40)
    on.show(made, 40)
    drawn = on.view._plot._drawing._items.values()
    assert all(item.opacity() == pytest.approx(STALE, abs=0.01) for item in drawn)
    assert not on.view._plot._note.isVisible()


def test_many_runs_are_listed_up_to_a_point(desk):
    lanes = [lab.Lane("sgd", lr=0.01, runs=300), lab.Lane("adam", lr=0.01, runs=300)]
    many = lab.run(lab.Experiment("booth", lanes=lanes, steps=1))
    on = desk(Connectivity)
    on.show(many)
    assert on.view._boxes[0].count() == 400
    assert {lane for lane, _ in on.view._places} == {"sgd", "adam"}


def test_readings(desk, network):
    on = desk(Connectivity)
    on.show(network)
    on.view._plot.pointed.emit(0.51, 0.1)
    text = on.view._plot._reading.text()
    assert "at 0.5" in text
    assert "as trained" in text
    assert "matched" in text


def test_takes_the_colours_of_a_theme(desk, surface):
    on = desk(Connectivity)
    for theme in (DARK, LIGHT):
        on.dress(theme.name)
        on.show(surface)
        assert on.has(theme.lanes[1])  # the second end
        assert on.has(theme.text)


def test_fits_its_column(desk, network):
    on = desk(Connectivity)
    on.show(network)
    assert on.window.width() == 455


def test_the_whole_way(dressed, qtbot):
    """From the lists through the engine to the picture."""
    bridge, state = Bridge(InlineWorker()), ViewState()
    view = Connectivity(bridge, state)
    view.set_theme(DARK)
    view.resize(455, 165)
    view.show()
    bridge.tick.connect(view.refresh)
    bridge.start()
    experiment = lab.Experiment("himmelblau", lanes=[lab.Lane("adam", lr=0.1, runs=3)], steps=9)
    bridge.post("open", experiment, 1, None, 9)
    qtbot.waitUntil(lambda: len(view._places) == 3, timeout=10_000)
    state.cursor = 9
    view._boxes[0].setCurrentIndex(2)
    view._boxes[0].activated.emit(2)
    qtbot.waitUntil(lambda: len(view._plot._curves) == 1, timeout=10_000)
    theta = bridge.frame.recording.theta("adam")[9]
    problem = lab.problem("himmelblau")
    expected = lab.analysis.linear_path(problem, theta[2], theta[1]).loss
    assert view._plot._curves[0][2] == pytest.approx(expected.astype(float), rel=1e-4)
    assert bridge.close()
    view.close()
    view.deleteLater()


def test_nothing_is_left_of_it(survivors, surface):
    assert survivors(Connectivity, surface) == []

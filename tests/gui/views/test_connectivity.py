"""Connectivity: the line between two runs, chosen by the user or not."""

from types import SimpleNamespace

import numpy as np
import pytest

import lab
from lab.engine import requests
from lab.engine.messages import JobState, Partial
from lab.engine.session import Session
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
    for box, run in zip(desk.view._row.boxes, runs, strict=True):
        place = desk.view._row.places[run]
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
    assert [box.currentText() for box in on.view._row.boxes] == ["SGD", "Momentum"]
    assert on.view._row.boxes[0].count() == 7  # two lanes of one run, one of five
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


def test_a_repaired_line_is_called_so(desk, made, result):
    loss = np.array([1.0, 3, 1])
    found = path("sgd", 0, "adam", 0, loss, 60, result, matched_loss=loss)
    found.info["repaired"] = True
    made.results = [found]
    on = desk(Connectivity)
    on.show(made)
    assert list(curves(on)) == ["as trained", "matched and repaired"]


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
    options = {"kind": "line", "ends": (("adam", 1, 33), ("adam", 4, 33))}
    assert on.bridge.posts == [("ask", "join", ("join", "connectivity"), options)]


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
    assert [box.currentText() for box in on.view._row.boxes] == ["SGD #1", "SGD #2"]
    on.view._asking._button.click()
    options = {"kind": "line", "ends": (("sgd", 0, 0), ("sgd", 1, 0))}
    assert on.bridge.posts == [("ask", "join", ("join", "connectivity"), options)]


def test_lanes_that_come_and_go(desk, surface, bare):
    on = desk(Connectivity)
    on.show(surface)
    choose(on, ("adam", 3), ("sgd", 0))
    on.show(bare)
    assert on.view._row.boxes[0].count() == 2
    on.show(surface)
    assert on.view._row.boxes[0].count() == 7


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
    assert on.view._row.boxes[0].count() == 400
    assert {lane for lane, _ in on.view._row.places} == {"sgd", "adam"}


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
    qtbot.waitUntil(lambda: len(view._row.places) == 3, timeout=10_000)
    state.cursor = 9
    view._row.boxes[0].setCurrentIndex(2)
    view._row.boxes[0].activated.emit(2)
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


@pytest.fixture(scope="module")
def joined_session():
    """A branch, and what lies between it and its trunk in every way."""
    lanes = [
        lab.Lane("sgd", lr=0.3, name="trunk"),
        lab.Lane("sgd", lr=0.3, name="branch", branch_of="trunk", branch_step=5, stream=1),
    ]
    problem = lab.problem("moons_mlp", samples=60, widths=(6,), batch_size=8)
    session = Session(lab.Experiment(problem, lanes=lanes, steps=20))
    session.run()
    ends = (("trunk", 0, 20), ("branch", 0, 20))
    for kind, more in (("line", {}), ("layers", {}), ("curve", {"steps": 20}), ("ridge", {})):
        small = {"points": 9} if kind != "line" else {}
        session.ask(requests.make(session, "join", {"kind": kind, "ends": ends, **more, **small}))
        session.jobs.work()
    held = (("trunk", 0, 8), ("trunk", 0, 20))
    session.ask(requests.make(session, "join", {"kind": "line", "ends": held}))
    session.jobs.work()
    assert len(session.recording.results) == 5
    return session.recording


def switch(desk, mode, recording, **frame) -> None:
    desk.view._modes.setCurrentText(mode)
    desk.view._modes.textActivated.emit(mode)
    desk.show(recording, **frame)


def result_of(recording, name):
    return next(result for result in recording.results if result.name == name)


def test_layers_are_bars_with_a_line_for_all_up_to_each(desk, joined_session):
    on = desk(Connectivity)
    on.show(joined_session)
    switch(on, "layers", joined_session)
    found = result_of(joined_session, "layer_paths")
    (word, _, alone, together), (other, *_) = on.view._layers._kinds
    assert (word, other) == ("as trained", "matched")
    np.testing.assert_allclose(alone, found.barrier)
    np.testing.assert_allclose(together, found.upto_barrier)
    on.view._layers.pointed.emit(1.2, 0.1)
    assert "layer 2" in on.view._layers._reading.text()
    assert "evaluations" in on.said


def test_a_trained_curve_beside_the_line(desk, joined_session):
    on = desk(Connectivity)
    on.show(joined_session)
    switch(on, "curve", joined_session)
    found = result_of(joined_session, "curve_path")
    assert list(curves(on)) == ["straight line", "trained curve"]
    assert curves(on)["trained curve"] == pytest.approx(found.loss.astype(float))
    assert "20 training steps" in on.said
    on.view._metric.click()
    on.show(joined_session)
    assert curves(on)["straight line"] == pytest.approx(found.line_accuracy.astype(float))


def test_a_curve_is_seen_while_it_is_trained_and_can_be_given_up(desk, joined_session):
    on = desk(Connectivity)
    on.show(joined_session)
    so_far = SimpleNamespace(
        t=np.linspace(0, 1, 5), loss=np.array([1.0, 3, 2, 3, 1]), metrics={}, barrier=2.0
    )
    running = {
        "asked": {("join", "curve_path"): JobState("curve_path", "", 0.3, 1, 5.0)},
        "partials": {("join", "curve_path"): Partial(0.3, so_far)},
    }
    switch(on, "curve", joined_session, cursor=20, **running)
    assert curves(on) == {"trained curve": pytest.approx(so_far.loss)}
    assert on.view._asking._button.text() == "cancel"
    assert not on.view._asking.geometry().intersects(on.view._row.geometry())
    assert on.view._asking.isVisible()
    on.view._asking._button.click()
    assert on.bridge.posts[-1] == ("cancel", ("join", "curve_path"))


def test_the_ridge_has_both_paths_and_says_how_far_they_are_off(desk, joined_session):
    on = desk(Connectivity)
    on.show(joined_session)
    switch(on, "ridge", joined_session)
    found = result_of(joined_session, "ridge")
    assert [path[0] for path in on.view._ridge._paths] == ["trunk", "branch"]
    assert f"off-plane up to {found.off_plane:.3g}"[:19] in on.said
    assert "parted at step 5" in on.view._ridge._drawing._looks["text", "base"][0]
    x, y = found.path_a[-1]
    on.view._ridge.pointed.emit(float(x), float(y))
    assert "trunk, step 20: off the plane by" in on.view._ridge._reading.text()


def test_a_ridge_is_asked_for_with_the_button_alone(desk, joined_session):
    on = desk(Connectivity)
    on.show(joined_session)
    switch(on, "ridge", joined_session, cursor=12)
    assert not on.view._settling.isActive()
    assert "measure" in on.view._ridge._note.text()
    on.view._asking._button.click()
    options = {"kind": "ridge", "ends": (("trunk", 0, 12), ("branch", 0, 12))}
    assert on.bridge.posts == [("ask", "join", ("join", "ridge"), options)]


def test_an_end_is_held_at_its_step(desk, joined_session):
    on = desk(Connectivity)
    on.show(joined_session, 8)
    choose(on, ("trunk", 0), ("trunk", 0))
    on.view._row.holds[0].click()
    on.show(joined_session, 20)
    assert on.view._row.holds[0].text() == "@ 8"
    assert on.view._row.held == (8, None)
    found = next(r for r in joined_session.results if r.info.get("step_a") == 8)
    assert curves(on)["as trained"] == pytest.approx(found.loss.astype(float))
    assert on.view._plot.titles["bottom"] == "from trunk, step 8 to trunk, step 20"
    assert "held ends" in on.said
    on.show(joined_session, 15)  # nothing was measured between 8 and 15
    assert on.view.wish() == {"kind": "line", "ends": (("trunk", 0, 8), ("trunk", 0, 15))}
    on.view._row.holds[0].click()
    assert on.view._row.held == (None, None)


def test_a_pair_chosen_elsewhere_is_taken_over(desk, surface):
    on = desk(Connectivity)
    on.show(surface, 33)
    on.state.pair = (("adam", 2), ("sgd", 0))
    on.show(surface, 33)
    assert on.view._row.pair == (("adam", 2), ("sgd", 0))
    assert on.view._settling.isActive()


def test_second_order_is_told_to_who_points_at_the_line(desk, joined_session):
    on = desk(Connectivity)
    on.show(joined_session)
    on.view._plot.pointed.emit(0.5, 0.1)
    assert "second-order predictor, from the ends" in on.view._plot._reading.text()
    assert "angle since step 5" in on.said

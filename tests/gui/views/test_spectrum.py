"""The Hessian spectrum: at the cursor, over the run, and asked for."""

from dataclasses import replace

import numpy as np
import pytest
from PySide6.QtWidgets import QToolButton

import lab
from lab.gui.bridge import Bridge
from lab.gui.screenshot import InlineWorker
from lab.gui.views.asking import STALE
from lab.gui.views.spectrum import Spectrum
from lab.palette import DARK, LIGHT


def mode(desk, word: str) -> None:
    desk.view._modes._buttons[word].click()


def words(plot) -> list[str]:
    return [item.toPlainText() for key, item in plot._drawing._items.items() if key[0] == "text"]


def sticks(plot) -> dict:
    """Where the sticks of each row stand."""
    found = {}
    for (kind, key), item in plot._drawing._items.items():
        if kind == "line" and key[0] == "sticks":
            x = item.getData()[0]
            found[key[1]] = sorted(set(x[np.isfinite(x)].tolist()))
    return found


def test_few_parameters_begin_with_the_run_many_with_the_density(desk, surface, network):
    on = desk(Spectrum)
    on.show(surface)
    assert on.view._modes.choice == "over time"
    on.show(network)
    assert on.view._modes.choice == "density"
    mode(on, "over time")
    on.show(surface)
    on.show(network)
    assert on.view._modes.choice == "over time"  # the user's own choice stays


def test_exact_eigenvalues_of_all_visible_lanes_as_sticks(desk, surface):
    on = desk(Spectrum)
    mode(on, "density")
    on.state.lane = "adam"
    on.show(surface, 33)
    found = {r.lane: r for r in surface.probe("hessian_spectrum") if r.step == 30}
    for row, lane in enumerate(["adam", "sgd", "momentum"]):
        assert sticks(on.view._now)[row] == pytest.approx(sorted(found[lane].eigenvalues.tolist()))
    on.state.hidden = frozenset({"sgd"})
    on.show(surface, 33)
    assert len(sticks(on.view._now)) == 2


def test_is_the_newest_at_or_before_the_cursor_and_fades_where_it_is_older(desk, surface):
    on = desk(Spectrum)
    mode(on, "density")
    for cursor, opacity in ((30, 1.0), (34, STALE)):
        on.show(surface, cursor)
        assert "SGD, step 30" in on.said
        seen = [item.opacity() for item in on.view._now._drawing._items.values()]
        assert seen == pytest.approx([opacity] * len(seen), abs=0.01)
        assert on.view._asking.isVisible() == (opacity < 1)
    assert "measured at step 30" in on.view._asking._text.text()
    on.show(surface, 34, playing=True)
    assert not on.view._asking.isVisible()


def test_the_limit_is_a_line_where_it_is_near(desk, surface):
    on = desk(Spectrum)
    mode(on, "density")
    on.show(surface, 60)
    assert "2/η = 571 →" in words(on.view._now)
    assert "2(1+μ)/η = 2375 →" in words(on.view._now)
    assert "2/η" in words(on.view._now)  # adam's, at 33
    assert on.has(DARK.warning)


def test_density_with_its_error_and_the_largest_as_sticks(desk, network):
    on = desk(Spectrum)
    on.show(network, 20)
    (found,) = [r for r in network.probe("hessian_spectrum") if (r.lane, r.step) == ("sgd", 20)]
    assert not found.exact
    drawn = sticks(on.view._now)
    assert drawn["top"] + drawn["bulk"] == pytest.approx(
        sorted(drawn["top"]) + sorted(drawn["bulk"])
    )
    both = sorted(drawn["top"] + drawn["bulk"])
    assert both == pytest.approx(sorted(found.eigenvalues.tolist()))
    assert len(drawn["top"]) == found.outliers
    assert f"{found.outliers} outlier" in on.said
    assert any("2 classes" in word for word in words(on.view._now))
    _, y = on.view._now._drawing._items["line", "edge"].getData()
    there = np.isfinite(y)
    assert 10 ** y[there] == pytest.approx(found.density[there].astype(float), rel=1e-5)
    assert there.any()
    assert np.all(found.density[~there] < found.density[there].min())
    assert "trace" in on.said
    assert "± " in on.said
    low, high = on.view._now.getPlotItem().getViewBox().viewRange()[0]
    assert low < min(0, found.lambda_min)
    assert high > found.lambda_max


@pytest.fixture(scope="session")
def batches():
    """A network with mini-batches measured beside all data, and all eigenvalues known."""
    plans = [lab.ProbePlan("hessian_spectrum", 10, {"batch": 50, "exact": 2000})]
    lanes = [lab.Lane("sgd", lr=0.2)]
    return lab.run(lab.Experiment("moons_mlp", lanes=lanes, steps=10, probes=plans, device="cpu"))


def test_mini_batches_and_what_is_predicted_of_them(desk, batches):
    on = desk(Spectrum)
    on.show(batches, 10)
    found = batches.probe("hessian_spectrum")[-1]
    items = on.view._now._drawing._items
    assert found.exact
    assert ("band", "error") not in items  # nothing is estimated
    drawn = sticks(on.view._now)
    assert len(drawn["top"]) == found.outliers
    assert len(drawn["top"]) + len(drawn["bulk"]) == len(np.unique(found.eigenvalues))
    assert "● batches of 50  ▼ predicted" in words(on.view._now)
    for key, name in (("largest", "predicted_lambda_max"), ("local", "local_lambda_max")):
        assert items["arrow", key].pos().x() == pytest.approx(found.info[name])
    assert {key[1] for key in items if key[0] == "line" and "noise" in key[1]} == {
        ("noise", -found.noise_edge),
        ("noise", found.noise_edge),
    }
    assert "batches of 50" in on.said
    assert "all 354 exact" in on.said
    on.view._now.pointed.emit(float(found.batch_largest[0, 0]), 0.0)
    low, high = on.view._now.getPlotItem().getViewBox().viewRange()[0]
    assert low < found.batch_smallest.min()
    assert high > found.batch_largest.max()
    on.view._now.pointed.emit(float(found.lambda_max), 0.0)
    assert "±" in on.view._now._reading.text()


def test_another_matrix_is_chosen_and_asked_for(desk, network, result):
    on = desk(Spectrum)
    on.show(network, 20)
    menu = on.view._matrix
    assert menu.text() == "H ▾"
    menu._fill()
    actions = {action.text(): action for action in menu.menu().actions()}
    actions["Gauss–Newton matrix"].trigger()
    menu._fill()
    actions = {action.text(): action for action in menu.menu().actions()}
    actions["2.weight"].trigger()
    assert menu.text() == "GGN · 2.weight ▾"
    on.show(network, 20)
    assert "block of 2.weight" in on.view._now._note.text()
    on.view._asking._button.click()
    knobs = {"operator": "ggn", "layer": "2.weight"}
    options = {"name": "hessian_spectrum", "step": 20, "lane": "sgd", "knobs": knobs}
    assert on.bridge.posts == [("ask", "probe", ("probe", "hessian_spectrum"), options)]
    one = next(r for r in network.probe("hessian_spectrum") if r.lane == "sgd" and r.step == 20)
    arrays = {key: np.asarray(value) for key, value in one.arrays.items()}
    ours = result("hessian_spectrum", "sgd", 20, arrays, **{**one.info, **knobs})
    network.results.append(ours)
    try:
        on.show(network, 20)
        assert on.view.newest()[0][1] is ours
        assert not on.view._now._note.isVisible()
        assert "2/η" not in "".join(words(on.view._now))  # no limit for another matrix
        menu.choose(("hessian", ""))
        on.view._turn()
        on.show(network, 20)
        assert on.view.newest()[0][1] is one
    finally:
        network.results.remove(ours)


def test_a_surface_has_one_matrix(desk, surface, network):
    on = desk(Spectrum)
    on.show(network)
    on.view._matrix.choose(("ntk", ""))
    on.show(surface)
    assert on.view._matrix.text() == "H ▾"
    assert not on.view._matrix.isVisible()
    on.show(network)
    assert on.view._matrix.isVisible()


def test_the_largest_over_the_run_for_all_lanes(desk, surface):
    on = desk(Spectrum)
    on.show(surface, 40)
    tracks = {track.title: track for track in on.view._along._tracks}
    assert list(tracks) == ["Adam", "Momentum", "SGD"]  # the selected one is drawn last
    for lane, title in (("sgd", "SGD"), ("momentum", "Momentum"), ("adam", "Adam")):
        found = [r for r in surface.probe("hessian_spectrum") if r.lane == lane]
        assert tracks[title].steps.tolist() == [r.step for r in found]
        assert tracks[title].main == pytest.approx([r.lambda_max for r in found])
        assert tracks[title].others[0] == pytest.approx([r.lambda_min for r in found])
        assert np.isnan(tracks[title].others[1:]).all()  # there are only two
    assert on.view._along._cursor.value() == 40
    assert tracks["SGD"].limit == ([0, 60], pytest.approx([2 / 0.0035] * 2))


def test_moving_the_cursor_draws_nothing_else_anew(desk, surface, monkeypatch):
    on = desk(Spectrum)
    on.show(surface, 10)
    drawn = []
    monkeypatch.setattr(on.view._along, "show_tracks", lambda *a, **k: drawn.append(a))
    on.show(surface, 20)
    assert drawn == []
    assert on.view._along._cursor.value() == 20


def test_runs_that_diverge_keep_what_was_measured_before(desk, diverging):
    on = desk(Spectrum)
    for word in ("over time", "density"):
        mode(on, word)
        on.show(diverging, 40)
    rows = sticks(on.view._now)
    assert len(rows) == 3
    assert "Adam" not in on.said
    assert "SGD, step" in on.said


@pytest.mark.parametrize("source", ["surface", "network"])
def test_a_hessian_of_nothing_but_nan(desk, request, source):
    recording = request.getfixturevalue(source)
    lost = lab.Recording(recording.experiment, recording.header)
    lost.records = recording.records
    one = recording.probe("hessian_spectrum")[0]
    arrays = {key: np.full_like(array, np.nan) for key, array in one.arrays.items()}
    info = dict.fromkeys(("lambda_max", "lambda_min", "trace", "trace_error", "sigma"), np.nan)
    lost.results = [replace(one, arrays=arrays, info={**one.info, **info})]
    on = desk(Spectrum)
    for word in ("density", "over time"):
        mode(on, word)
        on.show(lost, 0)
        on.view._now.pointed.emit(0.0, 0.0)
    assert "λmax –" in on.said


def test_more_lanes_than_rows(desk):
    lanes = [lab.Lane("sgd", lr=1e-3 * (i + 1)) for i in range(8)]
    plans = [lab.ProbePlan("hessian_spectrum", 5)]
    many = lab.run(lab.Experiment("booth", lanes=lanes, steps=5, probes=plans))
    on = desk(Spectrum)
    mode(on, "density")
    on.show(many)
    assert len(sticks(on.view._now)) == 6
    assert "6 of 8 lanes" in on.said


def test_says_how_to_get_one(desk, bare):
    on = desk(Spectrum)
    for word in ("density", "over time"):
        mode(on, word)
        on.show(bare)
        note = on.view._stack.currentWidget()._note
        assert note.isVisible()
        assert "Measure while running" in note.text()
        assert on.view._asking.isVisible()
    on.view._asking._button.click()
    options = {"name": "hessian_spectrum", "step": 0, "lane": "sgd"}
    assert on.bridge.posts == [("ask", "probe", ("probe", "hessian_spectrum"), options)]


def test_says_why_there_is_none(desk, bare):
    header = {**bare.header, "problem": {"hessian_trouble": "ReLU has no second derivative"}}
    kinked = lab.Recording(bare.experiment, header)
    kinked.records = bare.records
    on = desk(Spectrum)
    on.show(kinked, 0)
    assert "ReLU has no second derivative" in on.view._now._note.text()
    assert not on.view._asking.isVisible()


def test_before_anything_is_open(desk):
    on = desk(Spectrum)
    on.view.refresh()
    assert on.said == ""


def test_an_opened_file_looks_the_same(desk, surface, tmp_path):
    surface.save(tmp_path / "x.lab")
    opened = lab.open(tmp_path / "x.lab")
    pictures = []
    for recording in (surface, opened):
        on = desk(Spectrum)
        on.show(recording, 40)
        pictures.append(on.image())
    opened.close()
    assert np.array_equal(*pictures)


def test_takes_the_colours_of_a_theme(desk, surface):
    on = desk(Spectrum)
    mode(on, "density")
    on.show(surface, 60)
    assert on.has(DARK.lanes[1])
    on.dress("light")
    on.show(surface, 60)
    assert on.has(LIGHT.lanes[1])
    assert on.has(LIGHT.warning, near=60)
    assert not on.has(DARK.card, near=10)


def test_reading_tells_the_nearest_eigenvalue(desk, surface):
    on = desk(Spectrum)
    mode(on, "density")
    on.show(surface, 60)
    value = float(surface.probe("hessian_spectrum")[-3].eigenvalues[0])
    on.view._now.pointed.emit(value + 0.1, 0.5)
    assert f"{value:.1f}" in on.view._now._reading.text()


def test_says_what_is_under_way(desk, surface, monkeypatch):
    from lab.engine.messages import JobState

    now = [0.0]
    monkeypatch.setattr("lab.gui.views.chip.time.monotonic", lambda: now[0])
    on = desk(Spectrum)
    for done in (0.1, 0.2, 0.3):
        on.show(surface, 60, job=JobState("hessian_spectrum", "sgd", done, 1))
        now[0] += 0.3
    assert on.said.startswith("computing … 30 %")
    on.show(surface, 60, job=JobState("roughness", "sgd", 0.5, 1))
    assert "computing" not in on.said


def test_measures_where_the_cursor_stands(dressed, qtbot, tmp_path):
    """The whole way: button, engine, record, picture."""
    from lab.gui.state import ViewState

    bridge, state = Bridge(InlineWorker()), ViewState()
    view = Spectrum(bridge, state)
    view.set_theme(DARK)
    view.resize(455, 165)
    view.show()
    bridge.tick.connect(view.refresh)
    bridge.start()
    lanes = [lab.Lane("sgd", lr=0.003), lab.Lane("adam", lr=0.1)]
    bridge.post("open", lab.Experiment("himmelblau", lanes=lanes, steps=50), 1, None, 50)
    qtbot.waitUntil(lambda: bridge.frame.head == 50, timeout=10_000)
    state.cursor, state.lane = 17, "adam"
    button = view._asking.findChild(QToolButton)
    qtbot.waitUntil(button.isVisible, timeout=5_000)
    button.click()
    qtbot.waitUntil(lambda: len(bridge.frame.recording.results) == 1, timeout=10_000)
    (found,) = bridge.frame.recording.results
    assert (found.lane, found.step) == ("adam", 17)
    view._modes.choose("density")
    view._choose("density")
    qtbot.waitUntil(lambda: len(sticks(view._now)) == 1, timeout=5_000)
    assert not view._asking.isVisible()
    assert sticks(view._now)[0] == pytest.approx(sorted(found.eigenvalues.tolist()))
    assert bridge.close()
    view.close()
    view.deleteLater()


@pytest.mark.parametrize("word", ["density", "over time"])
def test_fades_while_a_lane_is_run_again_instead_of_emptying(desk, surface, word, monkeypatch):
    now = [0.0]
    monkeypatch.setattr("lab.gui.views.probing.time.monotonic", lambda: now[0])
    on = desk(Spectrum)
    mode(on, word)
    on.show(surface, 30)
    plot = on.view._stack.currentWidget()
    again = lab.Recording(surface.experiment, surface.header)
    again.records = surface.records
    on.show(again, 30)
    seen = [item.opacity() for item in plot._drawing._items.values()]
    assert seen == pytest.approx([STALE] * len(seen), abs=0.01)
    assert len(seen) > 3
    assert not plot._note.isVisible()
    again.results = surface.results[:]
    on.show(again, 30)
    assert {item.opacity() for item in plot._drawing._items.values()} == {1.0}
    again.results = []
    on.show(again, 30)
    assert not plot._note.isVisible()
    now[0] = 10.0
    on.show(again, 30)
    assert plot._note.isVisible()


def test_many_results_are_drawn_from_a_few_points(desk, surface):
    on = desk(Spectrum)
    long = lab.Recording(replace(surface.experiment, steps=200_000), surface.header)
    long.records = surface.records
    one = surface.probe("hessian_spectrum")[0]
    long.results = [replace(one, step=step) for step in range(0, 200_000, 20)]
    on.show(long, 1000, head=200_000)
    (track,) = on.view._along._tracks
    assert 100 < len(track.steps) < 400


def test_nothing_is_left_of_it(survivors, surface):
    assert survivors(Spectrum, surface) == []


def test_a_run_chosen_by_hand_is_no_point_of_the_lanes_curve(desk, surface, result):
    one = desk(Spectrum)
    one.show(surface)
    steps = one.view._measured.table("adam")[0]
    planned = one.view._measured.newest("adam", 60)
    arrays = {key: np.asarray(value) for key, value in planned.arrays.items()}
    chosen = result("hessian_spectrum", "adam", 60, arrays, **{**planned.info, "chosen": True})
    surface.results.append(chosen)
    try:
        one.show(surface)
        assert one.view._measured.newest("adam", 60) is planned
        np.testing.assert_array_equal(one.view._measured.table("adam")[0], steps)
    finally:
        surface.results.remove(chosen)


def test_words_over_the_density_do_not_lie_over_each_other(desk, network):
    on = desk(Spectrum)
    on.view.resize(384, 160)
    on.show(network, 20)
    items = on.view._now._drawing._items
    boxes = [
        item.mapRectToScene(item.boundingRect())
        for (kind, key), item in items.items()
        if kind == "text" and (key == "outliers" or key[0] == "limit")
    ]
    assert len(boxes) == 2
    assert not boxes[0].intersects(boxes[1])


def test_what_was_asked_for_here_can_be_given_up(desk, bare, monkeypatch):
    from lab.engine.messages import JobState

    now = [0.0]
    monkeypatch.setattr("lab.gui.views.chip.time.monotonic", lambda: now[0])
    on = desk(Spectrum)
    on.show(bare, 0)
    button = on.view._asking._button
    assert button.text() == "measure here"
    button.click()
    assert on.bridge.posts[-1][:3] == ("ask", "probe", ("probe", "hessian_spectrum"))
    job = JobState("hessian_spectrum", "sgd", 0.0, 1, 4.0, "120 products · about 4 s · 3 MB")
    for done in (0.0, 0.01):
        asked = {("probe", "hessian_spectrum"): job._replace(done=done)}
        on.show(bare, 0, asked=asked)
        now[0] += 0.6
    assert on.view._asking.words == "1 % · 4 s left · 120 products · about 4 s · 3 MB"
    assert button.isVisible()
    assert button.text() == "cancel"
    button.click()
    assert on.bridge.posts[-1] == ("cancel", ("probe", "hessian_spectrum"))
    on.show(bare, 0)
    assert button.text() == "measure here"
    for done in (0.0, 0.01):  # a planned one is nobody's to give up
        on.show(bare, 0, job=job._replace(done=done))
        now[0] += 0.6
    assert on.said.startswith("computing")
    assert not button.isVisible()

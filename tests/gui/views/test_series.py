"""Any number along the run: what is offered, drawn, read, and asked for."""

import numpy as np
import pytest

import lab
from lab.engine.messages import JobState
from lab.gui.views.series import AlongRun
from lab.gui.views.tracked import Quantity, number_with_band, probes, quantities
from lab.gui.views.words import short
from lab.palette import DARK, LIGHT

PLANS = ("neural_collapse", "function_distance", "evaluation")


@pytest.fixture(scope="session")
def regime() -> lab.Recording:
    """Two lanes, measured every ten steps; the first of several runs."""
    lanes = [lab.Lane("adam", lr=0.02, runs=3), lab.Lane("sgd", lr=0.3)]
    plans = [lab.ProbePlan(name, 10) for name in PLANS]
    problem = {"name": "moons_mlp", "samples": 60, "widths": [5]}
    return lab.run(lab.Experiment(problem, lanes, steps=40, probes=plans, device="cpu"))


@pytest.fixture(scope="session")
def layered() -> lab.Recording:
    """Two lanes on a network of two layers, the lengths of their weights known."""
    lanes = [lab.Lane("adam", lr=0.02), lab.Lane("sgd", lr=0.3)]
    plans = [lab.ProbePlan("weight_norms", 10)]
    problem = {"name": "moons_mlp", "samples": 60, "widths": [5]}
    return lab.run(lab.Experiment(problem, lanes, steps=20, probes=plans, device="cpu"))


def choose(on, probe, key) -> None:
    """Take an entry of the menu."""
    on.view._button.fill()
    action = next(a for a in actions(on) if a.data() == Quantity(probe, key) and a.actionGroup())
    action.trigger()


def actions(on) -> list:
    menus = [on.view._button.menu()]
    for menu in menus:
        menus += [action.menu() for action in menu.actions() if action.menu()]
    return [action for menu in menus for action in menu.actions()]


def numbers(recording, probe, lane, key) -> list[float]:
    return [r.info[key] for r in recording.probe(probe) if r.lane == lane]


def test_the_first_quantity_that_is_measured(desk, regime):
    on = desk(AlongRun)
    on.show(regime, 25)
    assert on.view._shown == [Quantity("neural_collapse", "nc1")]
    (plot,) = on.view._plots
    assert [track.title for track in plot._tracks] == ["SGD", "Adam"]  # the first lane above
    for track, lane in zip(plot._tracks, ("sgd", "adam"), strict=True):
        assert track.steps.tolist() == [0, 10, 20, 30, 40]
        assert track.main == pytest.approx(numbers(regime, "neural_collapse", lane, "nc1"))
    assert plot.log
    assert plot._heights[1] == pytest.approx(np.log10(plot._tracks[1].main))
    assert plot._cursor.value() == 25
    assert on.said.startswith("Neural collapse · Adam, step 20: ")
    assert on.said.endswith(" ms")
    assert on.view._button.text() == "NC1 ▾"


def test_another_quantity_and_a_plain_axis(desk, regime):
    on = desk(AlongRun)
    on.show(regime)
    choose(on, "neural_collapse", "nc3")
    on.show(regime)
    assert on.view._shown == [Quantity("neural_collapse", "nc3")]
    on.view._button.fill()
    (log,) = [action for action in actions(on) if action.text() == "logarithmic"]
    assert log.isChecked()
    log.trigger()
    on.show(regime)
    (plot,) = on.view._plots
    assert not plot.log
    assert plot._heights[0] == pytest.approx(plot._tracks[0].main)
    choose(on, "neural_collapse", "nc1")
    on.show(regime)
    assert plot.log  # the choice was that of nc3


def test_what_all_lanes_give_together_and_its_band(desk, regime):
    on = desk(AlongRun)
    on.show(regime)
    choose(on, "function_distance", "distance")
    on.show(regime)
    (track,) = on.view._plots[0]._tracks
    assert track.title == "all lanes"
    assert track.main == pytest.approx(numbers(regime, "function_distance", "", "distance"))
    choose(on, "evaluation", "loss")
    on.show(regime)
    adam = on.view._plots[0]._tracks[-1]
    assert adam.low == pytest.approx(numbers(regime, "evaluation", "adam", "loss_low"))
    assert adam.high == pytest.approx(numbers(regime, "evaluation", "adam", "loss_high"))
    sgd = on.view._plots[0]._tracks[0]
    assert np.isnan(sgd.low).all()  # one run has no spread


def test_others_stand_beside_it_where_there_is_room(desk, regime):
    on = desk(AlongRun, size=(1000, 700))
    on.show(regime)
    assert on.view._shown == quantities("neural_collapse")[:4]  # two classes: no nc2_features
    assert [plot.isVisible() for plot in on.view._plots] == [True] * 4
    for plot, key in zip(on.view._plots, ("nc1", "nc2", "nc3", "nc4"), strict=True):
        wanted = numbers(regime, "neural_collapse", "adam", key)
        assert plot._tracks[-1].main == pytest.approx(wanted)
        assert plot.getPlotItem().getViewBox().viewRange()[0] == [0, 40]
    on.view._button.fill()
    loss = [a for a in actions(on) if a.data() == Quantity("evaluation", "loss")][-1]
    assert not loss.isChecked()
    loss.trigger()
    on.show(regime)
    assert on.view._shown[-1] == Quantity("evaluation", "loss")
    assert len(on.view._shown) == 5
    on.window.resize(400, 220)
    on.show(regime)
    assert on.view._shown == [Quantity("neural_collapse", "nc1")]
    assert [plot.isVisible() for plot in on.view._plots] == [True] + [False] * 4


def test_hidden_lanes_are_not_drawn(desk, regime):
    on = desk(AlongRun)
    on.state.toggle("adam")
    on.show(regime)
    assert [track.title for track in on.view._plots[0]._tracks] == ["SGD"]


def test_readings_have_units_and_errors(desk, regime, result):
    on = desk(AlongRun)
    on.show(regime)
    plot = on.view._plots[0]
    plot.pointed.emit(19.0, 0.0)
    assert "step 20" in plot._reading.text()
    choose(on, "function_distance", "divergence")
    on.show(regime)
    plot.pointed.emit(19.0, 0.0)
    assert "in nats" in plot._reading.text()
    made = lab.Recording(regime.experiment, regime.header)
    made.records = regime.records
    made.results = [
        result("lazy_rich", "adam", step, drift=0.5 + step, drift_error=0.25) for step in (0, 10)
    ]
    on.show(made, 10)
    choose(on, "lazy_rich", "drift")
    on.show(made, 10)
    plot.pointed.emit(0.0, 0.0)
    assert "0.500 ± 0.25" in plot._reading.text()
    assert plot._tracks[0].low.tolist() == [0.25, 10.25]
    assert "Adam, step 10: 10.5 ± 0.25" in on.said


def test_bands_from_errors_and_edges(result):
    info = {"a": 2.0, "a_error": 0.5, "b": 3.0, "b_low": 1.0, "b_high": 4.0, "c": True, "d": "x"}
    one = result("lazy_rich", "adam", 0, **info)
    assert number_with_band(one, "a") == (2.0, 1.5, 2.5)
    assert number_with_band(one, "b") == (3.0, 1.0, 4.0)
    assert number_with_band(one, "c")[0] == 1.0
    for key in ("d", "e"):
        assert np.isnan(number_with_band(one, key)).all()


def test_nothing_is_measured_and_how_to_get_it(desk, bare):
    on = desk(AlongRun)
    on.show(bare)
    note = on.view._plots[0]._note
    assert note.isVisible()
    assert "Measure while running" in note.text()
    assert "weight norms" in note.text()
    assert "neural collapse" not in note.text()  # which needs classes
    assert not on.view._asking.isVisible()
    choose(on, "weight_norms", "norm")
    on.show(bare)
    assert "“Weight norms” is not measured along this run" in note.text()
    on.view._asking._button.click()
    options = {"name": "weight_norms", "step": 0, "lane": "sgd"}
    assert on.bridge.posts == [("ask", "probe", ("probe", "weight_norms"), options)]


def test_the_selected_lanes_layers_are_thin_lines_that_are_named(desk, layered):
    on = desk(AlongRun)
    on.show(layered)
    (plot,) = on.view._plots
    assert [track.title for track in plot._tracks] == ["SGD", "Adam"]
    found = [r for r in layered.probe("weight_norms") if r.lane == "adam"]
    adam = plot._tracks[1]
    assert adam.main == pytest.approx([r.norm for r in found])
    assert adam.names == found[0].names.split(", ")
    np.testing.assert_allclose(adam.others.T, [r.norms for r in found])
    assert np.linalg.norm(adam.others, axis=0) == pytest.approx(adam.main)
    assert not plot._tracks[0].others.size
    assert "thin: its layers" in on.said
    x, y = plot._drawing._items["line", (1, "others")].getData()
    rows = np.isfinite(y)
    assert y[rows] == pytest.approx(adam.others.ravel())
    assert x[rows].tolist() == [0, 10, 20] * len(adam.names)
    plot.pointed.emit(9.0, 1.0)
    text = plot._reading.text()
    for name, value in zip(adam.names, found[1].norms, strict=True):
        assert f">{name}&nbsp;<" in text
        assert short(float(value)) in text
    on = desk(AlongRun)
    on.state.lane = "sgd"
    on.show(layered)
    tracks = on.view._plots[0]._tracks
    assert [(track.title, track.others.size > 0) for track in tracks] == [
        ("Adam", False),
        ("SGD", True),
    ]


def test_layers_that_are_not_known_everywhere(desk, layered, result):
    made = lab.Recording(layered.experiment, layered.header)
    made.records = layered.records
    first = next(r for r in layered.probe("weight_norms") if r.lane == "adam")
    nothing = result("weight_norms", "adam", 0, norm=2.0)  # no layer by layer
    ratios = np.array([np.inf, 1.0, 1.0, 1.0])
    still = result("weight_norms", "adam", 10, {**first.arrays, "ratios": ratios}, **first.info)
    made.results = [nothing, still]
    on = desk(AlongRun)
    on.show(made)
    (track,) = on.view._plots[0]._tracks
    assert np.isnan(track.others).all(axis=0).tolist() == [True, False]
    choose(on, "weight_norms", "ratio")
    on.show(made)
    (track,) = on.view._plots[0]._tracks
    assert np.isnan(track.others[0]).all()  # what has no length has no ratio that could be drawn
    assert track.others[1:, 1].tolist() == [1, 1, 1]


def test_a_probe_of_all_lanes_is_asked_for_without_one(desk, regime):
    on = desk(AlongRun)
    on.show(regime)
    choose(on, "function_distance", "distance")
    on.show(regime, 25)
    on.view._asking._button.click()
    options = {"name": "function_distance", "step": 25}
    assert on.bridge.posts == [("ask", "probe", ("probe", "function_distance"), options)]


def test_what_was_asked_for_can_be_stopped(desk, regime):
    on = desk(AlongRun)
    on.show(regime, 25)
    on.view._asking._button.click()
    job = JobState("neural_collapse", "adam", 0.4, 1, left=9.0)
    on.show(regime, 25, job=job)  # a planned one
    assert "computing … 40 %" in on.said
    assert not on.view._asking.isVisible()
    on.show(regime, 25, asked={("probe", "neural_collapse"): job._replace(done=0.5)})
    on.view._asking._button.click()
    assert on.bridge.posts[-1] == ("cancel", ("probe", "neural_collapse"))


def test_a_recording_without_what_was_chosen(desk, regime, surface, bare):
    on = desk(AlongRun)
    on.show(regime)
    on.show(surface)
    assert on.view._choice.lead.probe != "neural_collapse"
    on.show(bare)
    assert on.view._choice.lead is None
    assert on.view._plots[0]._tracks == []
    on.show(regime)
    assert on.view._shown == [Quantity("neural_collapse", "nc1")]


def test_values_that_have_no_logarithm(desk, regime, result):
    made = lab.Recording(regime.experiment, regime.header)
    made.records = regime.records
    values = (0.0, -1.0, 0.01, 1.0)
    made.results = [
        result("neural_collapse", "adam", 10 * step, nc1=value) for step, value in enumerate(values)
    ]
    on = desk(AlongRun)
    on.show(made, 30)
    plot = on.view._plots[0]
    assert plot.log
    assert np.isnan(plot._heights[0]).tolist() == [True, True, False, False]
    other = lab.Recording(regime.experiment, regime.header)
    other.records, other.results = regime.records, made.results[:2]
    on.show(other, 10)
    assert not plot.log  # nothing is above 0


def test_a_single_measurement_can_be_seen(desk, regime, result):
    made = lab.Recording(regime.experiment, regime.header)
    made.records = regime.records
    made.results = [result("neural_collapse", "adam", 0, nc4=0.9)]
    on = desk(AlongRun)
    on.show(made, 0)
    assert on.view._shown == [Quantity("neural_collapse", "nc4")]  # the only one there is
    assert on.has(DARK.lanes[0])


def test_what_is_far_from_what_was_drawn_before_is_seen(desk, regime, result):
    """Items that kept the range before a jump would not be painted after it."""
    made = lab.Recording(regime.experiment, regime.header)
    made.records = regime.records
    made.results = [
        result("neural_collapse", lane, step, nc1=1.5 + step / 10)
        for lane in regime.lanes
        for step in (0, 10, 20, 30, 40)
    ]
    made.results += [result("weight_norms", "", step, norm=step / 800) for step in (0, 20, 40)]
    on = desk(AlongRun, size=(384, 200))
    on.show(made)
    on.view._choice.choose(Quantity("weight_norms", "norm"))
    on.view.outdated()
    for _ in range(3):
        on.show(made)
        on.image()
    plot = on.view._plots[0]
    low, high = plot.getPlotItem().getViewBox().viewRange()[1]
    for item in plot._drawing._items.values():
        seen = item.boundingRect()
        assert (seen.top(), seen.bottom()) == pytest.approx((low, high))


def test_runs_chosen_by_hand_are_no_part_of_the_curve(desk, regime, result):
    made = lab.Recording(regime.experiment, regime.header)
    made.records = regime.records
    made.results = [
        result("neural_collapse", "adam", 0, nc1=1.0),
        result("neural_collapse", "adam", 10, nc1=9.0, chosen=True),
    ]
    on = desk(AlongRun)
    on.show(made, 10)
    assert on.view._plots[0]._tracks[0].main.tolist() == [1.0]


def test_takes_the_colours_of_a_theme(desk, regime):
    on = desk(AlongRun)
    for theme in (DARK, LIGHT):
        on.dress(theme.name)
        on.show(regime)
        assert on.has(theme.lanes[0])
        assert on.has(theme.card, near=4)


def test_every_track_has_a_name_and_is_told_once(desk):
    for entry in probes().values():
        keys = [series.key for series in entry.factory.tracks]
        assert len(set(keys)) == len(keys), entry.name
        assert all(series.title and series.unit for series in entry.factory.tracks), entry.name


def test_nothing_is_left_of_it(survivors, regime):
    assert survivors(AlongRun, regime) == []

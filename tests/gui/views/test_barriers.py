"""The matrix of barriers: names, numbers, and the pair that is clicked."""

import numpy as np
import pytest
from PySide6.QtCore import QPointF, Qt
from PySide6.QtTest import QTest

import lab
from lab.engine.messages import JobState, Partial
from lab.gui.views.asking import STALE
from lab.gui.views.barriers import ALONE, Barriers
from lab.palette import DARK, LIGHT


@pytest.fixture(scope="module")
def recording():
    lanes = [lab.Lane("sgd", lr=0.2, runs=2), lab.Lane("adam", lr=0.01)]
    plans = [lab.ProbePlan("barriers", 10, {"points": 5})]
    return lab.run(lab.Experiment("moons_mlp", lanes=lanes, steps=20, probes=plans, device="cpu"))


@pytest.fixture
def on(desk, recording):
    made = desk(Barriers)
    made.show(recording)
    return made


def test_shows_the_newest_matrix(on, recording):
    found = recording.probe("barriers")[-1]
    table = on.view._table._table
    assert table.runs == (("sgd", 0), ("sgd", 1), ("adam", 0))
    assert table.titles == ("SGD #1", "SGD #2", "Adam")
    np.testing.assert_array_equal(table.values, found.barrier)
    assert on.view._table.top == pytest.approx(found.barrier.max())
    assert "step 20 · 3 runs, highest" in on.said
    on.show(recording, 15)
    assert "step 10" in on.said
    assert on.view._table._opacity == STALE


def test_the_metric_in_place_of_the_loss(on, recording):
    assert on.view._metric.isVisible()
    on.view._metric.click()
    on.show(recording)
    found = recording.probe("barriers")[-1]
    np.testing.assert_array_equal(on.view._table._table.values, found.metric_barrier)


def test_a_click_chooses_the_pair_for_all_panels(on, recording):
    table = on.view._table
    place = table.cell(2, 0).center().toPoint()
    QTest.mouseClick(table, Qt.MouseButton.LeftButton, pos=place)
    assert on.state.pair == (("sgd", 0), ("adam", 0))
    on.show(recording)
    assert table._pair == {("sgd", 0), ("adam", 0)}
    on.state.pair = None
    QTest.mouseClick(table, Qt.MouseButton.LeftButton, pos=table.cell(1, 1).center().toPoint())
    assert on.state.pair is None
    assert table.cell_at(QPointF(1, 1)) is None


def test_hovering_tells_all_numbers_of_a_pair(on, recording):
    found = recording.probe("barriers")[-1]
    tip = on.view._table.tip((2, 1))
    assert tip.startswith("SGD #2 – Adam\nbarrier above the mean of the ends")
    assert f"{found.distance[1, 2]:.3g}"[:3] in tip
    assert "barrier of the accuracy" in tip
    assert on.view._table.tip((1, 1)) == "SGD #2"


def test_matched_networks_are_asked_for(on, recording):
    on.view._matched.click()
    on.show(recording)
    assert "“Barrier matrix”" not in on.view._note.text()  # others were measured: too early
    on.view._asking._button.click()
    options = {"name": "barriers", "step": 20, "knobs": {"matched": "weights"}}
    assert on.bridge.posts == [("ask", "probe", ("probe", "barriers"), options)]


def test_what_is_known_is_drawn_while_it_is_measured(on, recording):
    values = np.full((3, 3), np.nan)
    values[[0, 1, 2, 0, 1], [0, 1, 2, 1, 0]] = [0, 0, 0, 0.5, 0.5]

    class Known:
        barrier = barrier_chord = distance = metric_barrier = values
        metric = "accuracy"

    partials = {("probe", "barriers"): Partial(0.4, Known())}
    asked = {("probe", "barriers"): JobState("barriers", "", 0.4, 1, 5.0)}
    on.show(recording, 20, asked=asked, partials=partials)
    np.testing.assert_array_equal(on.view._table._table.values, values)
    assert "not measured yet" in on.view._table.tip((0, 2))
    assert on.view._asking.isVisible()
    on.view._asking._button.click()
    assert on.bridge.posts == [("cancel", ("probe", "barriers"))]


def test_says_how_to_get_one(desk, bare):
    made = desk(Barriers)
    made.show(bare)
    assert "Barrier matrix" in made.view._note.text()
    made.view._asking._button.click()
    assert made.bridge.posts[0][3]["knobs"] == {"matched": "none"}


def test_a_single_run_has_no_barriers(desk):
    alone = lab.run(lab.Experiment("booth", lanes=[lab.Lane("sgd", lr=0.01)], steps=2))
    made = desk(Barriers)
    made.show(alone)
    assert made.view._note.text() == ALONE
    assert not made.view._asking.isVisible()


@pytest.mark.parametrize("count", [2, 16])
def test_it_fits_with_few_and_with_many_runs(desk, count):
    lanes = [lab.Lane("sgd", lr=0.01, runs=count, name="a lane with a very long name indeed")]
    plans = [lab.ProbePlan("barriers", 1, {"points": 3})]
    made = desk(Barriers)
    made.show(lab.run(lab.Experiment("himmelblau", lanes=lanes, steps=1, probes=plans)))
    assert made.window.width() == 455
    table = made.view._table
    last = table.cell(count - 1, count - 1)
    assert last.bottom() <= table.height()
    assert last.right() <= table.width() - 60  # the colour bar and its numbers
    assert table.cell(0, 0).left() > 100


def test_takes_the_colours_of_a_theme(on, recording):
    for theme in (DARK, LIGHT):
        on.dress(theme.name)
        on.show(recording)
        assert on.has(theme.lanes[0])
        assert on.has(theme.lanes[1])
        assert on.has("#fde725")  # the highest


def test_nothing_is_left_of_it(survivors, recording):
    assert survivors(Barriers, recording) == []

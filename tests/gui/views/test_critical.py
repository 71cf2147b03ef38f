"""Critical points in the window: what was found, what is known, how a search is asked for."""

import numpy as np
import pytest

import lab
from lab.engine.messages import Command, Happened, JobState, Partial, Trouble
from lab.gui.views.critical import EMPTY, Critical, known
from lab.palette import DARK, LIGHT


@pytest.fixture(scope="module")
def searched() -> lab.Recording:
    lanes = [lab.Lane("sgd", lr=0.0035), lab.Lane("adam", lr=0.06)]
    plans = [lab.ProbePlan("critical_points", 10, {"starts": 80})]
    return lab.run(lab.Experiment("himmelblau", lanes=lanes, steps=10, probes=plans, device="cpu"))


@pytest.fixture(scope="module")
def autoencoder() -> lab.Recording:
    plans = [lab.ProbePlan("critical_points", 10, {"starts": 40, "noise": [1.0, 5.0]})]
    lanes = [lab.Lane("sgd", lr=0.05)]
    made = lab.Experiment("linear_autoencoder", lanes=lanes, steps=0, probes=plans, device="cpu")
    return lab.run(made)


def test_index_against_loss(desk, searched):
    on = desk(Critical)
    on.show(searched, 10)
    found = searched.probe("critical_points")[-1]
    spots = on.view._plot.spots
    assert [spot.loss for spot in spots] == pytest.approx(found.loss.tolist())
    assert [spot.alpha for spot in spots] == pytest.approx((found.index / 2).tolist())
    assert len({spot.colour for spot in spots}) == len(np.unique(found.amplitude))
    assert f"{len(found.loss)} critical points" in on.said
    on.view._colours._buttons["lane"].click()
    on.show(searched, 10)
    assert {spot.colour for spot in on.view._plot.spots} <= set(DARK.lanes[:2])


def test_known_points_are_rings(desk, autoencoder):
    on = desk(Critical)
    on.show(autoencoder, 0)
    assert len(on.view._plot._spots.known) == 16
    assert "16 known" in on.said
    rings = known(autoencoder.probe("critical_points")[0])
    assert min(rings) == pytest.approx((1.7, 0.0))
    x, y = on.view._plot._spots.known[0]
    on.view._plot._read(x, y)
    assert "loss" in on.view._plot._reading.text()


def test_a_click_marks_the_point_on_a_landscape_of_two_variables(desk, searched, autoencoder):
    on = desk(Critical)
    on.show(searched, 10)
    on.view._plot.chosen.emit(1)
    found = searched.probe("critical_points")[-1]
    assert on.state.marked == pytest.approx(tuple(found.theta[1]))
    on.show(searched, 10)
    assert on.said.startswith("chosen: loss")
    assert on.view._plot._spots.chosen == 1
    on.view._plot.chosen.emit(-1)
    assert on.state.marked is None
    on.show(autoencoder, 0)
    on.view._plot.chosen.emit(0)
    assert on.state.marked is None


def test_readings(desk, searched):
    on = desk(Critical)
    on.show(searched, 10)
    plot = on.view._plot
    x, y = plot._spots.found[-1]
    plot._read(x, y)
    for word in ("loss", "index α", "reached by", "noise", "around"):
        assert word in plot._reading.text()
    plot._read(x, 10.0)
    assert plot._reading.text() == ""


def test_a_search_is_asked_for_with_its_knobs(desk, bare):
    on = desk(Critical)
    on.show(bare)
    assert on.view._plot._note.text() == EMPTY
    on.view._starts.setText("many")
    on.view._search.click()
    assert not on.bridge.posts
    assert "a whole number is needed" in on.said
    on.view._starts.setText("50")
    on.view._noise.setText("0, 0.5")
    on.view._search.click()
    knobs = {"starts": 50, "noise": [0.0, 0.5]}
    key = ("critical_points",)
    assert on.bridge.posts == [("ask", "critical_points", key, {"step": 0, "knobs": knobs})]
    on.show(bare, asked={key: JobState("critical_points", "", 0.25, 1)})
    assert on.view._stop.isVisibleTo(on.card)
    assert not on.view._open.isVisibleTo(on.card)
    assert on.said == "computing … 25 %"
    on.view._stop.click()
    assert on.bridge.posts[-1] == ("cancel", key)
    on.show(bare)
    assert on.view._open.isVisibleTo(on.card)


def test_what_was_found_so_far_is_shown(desk, searched, bare):
    on = desk(Critical)
    on.show(bare)
    on.view._search.click()
    part = searched.probe("critical_points")[-1]
    key = ("critical_points",)
    asked = {key: JobState("critical_points", "", 0.5, 1)}
    on.show(bare, partials={key: Partial(0.5, part)}, asked=asked)
    assert len(on.view._plot.spots) == len(part.loss)
    assert "lost" not in on.said  # whatever is still on its way


def test_why_a_search_failed_is_said(desk, bare):
    on = desk(Critical)
    on.show(bare)
    on.view._search.click()
    on.show(bare, partials={("critical_points",): Partial(1.0, Trouble("too large", ""))})
    assert on.said == "too large"
    on.view._search.click()
    on.show(bare, partials=on.bridge.frame.partials)  # the engine has not answered yet
    assert on.view._stop.isVisibleTo(on.card)
    command = Command("ask", on.bridge.posts[-1][1:])
    on.bridge.refused.emit(Happened("refused", command, "no"))
    on.show(bare)
    assert on.view._open.isVisibleTo(on.card)


def test_takes_the_colours_of_a_theme(desk, autoencoder):
    on = desk(Critical)
    for theme in (DARK, LIGHT):
        on.dress(theme.name)
        on.show(autoencoder, 0)
        assert on.has(theme.card, near=4)


def test_nothing_is_left(survivors, searched):
    assert not survivors(Critical, searched)

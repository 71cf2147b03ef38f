"""Slices: a line for each direction, its parabola, what is read at the mouse and what is asked."""

import numpy as np
import pytest

import lab
from lab.gui.views.slices import Slices, metric_of, parabola


@pytest.fixture(scope="module")
def recording():
    plans = [lab.ProbePlan("slices", 5)]
    problem = {"name": "moons_mlp", "widths": [5], "samples": 60}
    lanes = [lab.Lane("momentum", lr=0.05, runs=2, name="a")]
    return lab.run(lab.Experiment(problem, lanes=lanes, steps=10, probes=plans, device="cpu"))


def lines(view) -> dict:
    return {key[1]: item for key, item in view._drawing._items.items() if key[0] == "line"}


@pytest.mark.parametrize("theme", ["dark", "light"])
def test_a_line_for_each_direction_and_a_parabola_for_eigenvectors(desk, recording, theme):
    on = desk(Slices, theme=theme)
    on.show(recording, 5)
    found = recording.probe("slices")[1]
    names, drawn = found.names.split("|"), lines(on.view)
    for place, name in enumerate(names):
        x, y = drawn[name].getData()
        np.testing.assert_allclose(x, found.s)
        np.testing.assert_allclose(y, found.loss[place])
        assert on.has(on.view.theme.lane(place)) or name.startswith("random")
    dashed = [key for key in drawn if isinstance(key, tuple)]
    assert sorted(dashed) == [("eigenvector 1", "λ"), ("eigenvector 2", "λ")]
    x, y = drawn["eigenvector 1", "λ"].getData()
    row = names.index("eigenvector 1")
    seen = np.isfinite(y)
    np.testing.assert_allclose(y[seen], parabola(found, row)[seen])
    near = np.abs(found.s) < 0.2 * found.s[-1]
    np.testing.assert_allclose(y[near], found.loss[row][near], rtol=0.02)
    assert "step 5" in on.said


def test_accuracy_and_the_logarithmic_axis(desk, recording):
    on = desk(Slices)
    on.show(recording, 10)
    found = recording.probe("slices")[-1]
    on.view._log.click()
    on.view.refresh()
    np.testing.assert_allclose(
        lines(on.view)["gradient"].getData()[1], np.log10(found.loss[2]), rtol=1e-5
    )
    on.view._modes._buttons["accuracy"].click()
    on.view.refresh()
    np.testing.assert_allclose(lines(on.view)["gradient"].getData()[1], found.accuracy[2])
    assert metric_of(found) == "accuracy"
    assert not on.view._log.isVisible()


def test_numbers_at_the_mouse(desk, recording):
    on = desk(Slices)
    on.show(recording, 10)
    on.view._plot.pointed.emit(0.0, 0.0)
    text = on.view._plot._reading.text()
    assert "gradient" in text
    assert "curvature" in text
    assert "at distance 0" in text


def test_the_selected_run_is_asked_for(desk, recording):
    on = desk(Slices)
    on.show(recording, 7)
    on.view._ask()
    command, name, _, options = on.bridge.posts[-1]
    assert (command, name) == ("ask", "probe")
    assert options == {"name": "slices", "step": 7, "lane": "a"}
    on.state.lane, on.state.run = "a", 1
    on.view._ask()
    assert on.bridge.posts[-1][3]["runs"] == [("a", 1)]


def test_says_how_to_get_it(desk, network):
    on = desk(Slices)
    on.show(network)
    assert "tick “Slices”" in on.view._plot._note.text()


def test_nothing_survives(survivors, recording):
    assert survivors(Slices, recording) == []

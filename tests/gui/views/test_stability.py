"""The edge of stability in its panel: lines, limits, ratios, predicted rates, asking for more."""

import numpy as np
import pytest

import lab
from lab.gui.views.stability import Stability
from lab.palette import DARK, LIGHT


@pytest.fixture(scope="module")
def measured() -> lab.Recording:
    """Rules with and without a preconditioner, and one that cannot say, on mini-batches."""
    plan = lab.ProbePlan(
        "stability",
        10,
        {"batch": True, "coherence_samples": 3, "rate_pairs": 2, "noise_samples": 9},
    )
    lanes = [
        lab.Lane("sgd", lr=0.2, momentum=0.5, weight_decay=0.1),
        lab.Lane("adam", lr=0.01),
        lab.Lane("lion", lr=0.001),
    ]
    problem = {"name": "moons_mlp", "samples": 60, "widths": (8, 8), "batch_size": 20}
    return lab.run(lab.Experiment(problem, lanes=lanes, steps=20, probes=[plan], device="cpu"))


def choose(desk, mode: str) -> None:
    desk.view._modes._buttons[mode].click()


def edges(plot) -> dict:
    return {edge.title: edge for edge in plot._tracks}


def thin(track) -> dict:
    return dict(zip(track.names, track.others, strict=True))


def of(recording, lane: str) -> list:
    return [found for found in recording.probe("stability") if found.lane == lane]


def test_sharpness_of_each_lane_with_its_own_limit(desk, measured):
    on = desk(Stability)
    on.show(measured, 10)
    plot = on.view._sharpness
    drawn = edges(plot)
    assert set(drawn) == {"SGD", "Adam", "Lion"}
    for lane, title in (("sgd", "SGD"), ("adam", "Adam"), ("lion", "Lion")):
        found = of(measured, lane)
        edge = drawn[title]
        assert edge.steps.tolist() == [0, 10, 20]
        assert edge.main == pytest.approx([r.lambda_max for r in found])
        assert thin(edge)["mini-batch"] == pytest.approx([r.batch_lambda_max for r in found])
    assert drawn["SGD"].limit[1] == pytest.approx([2 * 1.5 / 0.2 - 0.1] * 2)
    assert drawn["SGD"].formula == "2(1+μ)/η − λ"
    assert drawn["Adam"].limit[1] == pytest.approx([3800] * 3)  # of the preconditioned one
    scaled = thin(drawn["Adam"])["preconditioned"]
    assert scaled == pytest.approx([r.preconditioned for r in of(measured, "adam")])
    assert not len(drawn["Lion"].limit[0])
    low, high = plot._goal[1]
    assert low < np.log10(drawn["SGD"].main.min())
    assert high > np.log10(3800)
    assert plot._cursor.value() == 10


def test_the_ratio_against_one(desk, measured):
    on = desk(Stability)
    choose(on, "ratio")
    on.show(measured)
    drawn = edges(on.view._ratio)
    assert set(drawn) == {"SGD", "Adam"}
    for lane, title in (("sgd", "SGD"), ("adam", "Adam")):
        assert drawn[title].main == pytest.approx([r.ratio for r in of(measured, lane)])
    line = on.view._ratio._drawing._items["line", "one"].getData()[1]
    assert set(line) == {0.0}
    assert on.has(DARK.warning)


def test_rates_against_batch_sizes_with_the_run_marked(desk, measured):
    on = desk(Stability)
    choose(on, "rates")
    on.show(measured, 12)
    found = of(measured, "sgd")[1]
    curves = on.view._rates._curves
    assert list(curves) == ["linear", "root", "exact", "diverging"]
    for name in ("linear", "root"):
        assert curves[name][0].tolist() == [1, 2, 4, 8, 16, 20, 32, 60]
        assert curves[name][1] == pytest.approx(found.arrays[name])
    assert on.view._rates._chosen == (20, pytest.approx(0.2))
    assert "noise scale" in on.said
    on.view._rates._read(np.log10(8), 0.0)
    assert "B = 8" in on.view._rates._reading.text()
    assert "linear law" in on.view._rates._reading.text()


def test_words_and_hover(desk, measured):
    on = desk(Stability)
    on.show(measured, 10)
    found = of(measured, "sgd")[1]
    assert on.said.startswith("λmax ")
    assert "of the limit · SGD, step 10" in on.said
    assert f"{found.products} products" in on.said
    on.view._sharpness._read(10.2, 0.0)
    text = on.view._sharpness._reading.text()
    for word in ("step 10", "SGD", "Adam", "preconditioned", "mini-batch", "2(1+μ)/η − λ"):
        assert word in text


def test_in_both_themes(desk, measured):
    for name, theme in (("dark", DARK), ("light", LIGHT)):
        on = desk(Stability, theme=name)
        on.show(measured)
        assert on.has(theme.lane(0))
        assert on.has(theme.warning)


def test_nothing_is_measured(desk, bare):
    on = desk(Stability)
    on.show(bare)
    assert "Measure while running" in on.view._sharpness._note.text()
    assert on.view.wish() == {"lane": "sgd"}
    choose(on, "rates")
    on.show(bare)
    assert "no samples" in on.view._rates._note.text()
    assert on.view.wish() is None


def test_rates_can_be_asked_for_here(desk, network):
    on = desk(Stability)
    choose(on, "rates")
    on.show(network, 10)
    on.view._ask()
    (post,) = on.bridge.posts
    options = post[-1]
    assert options["name"] == "stability"
    assert options["step"] == 10
    assert options["knobs"]["rate_pairs"] > 0
    assert options["knobs"]["coherence_samples"] > 0


def test_curvature_that_means_nothing(desk):
    problem = {"name": "moons_mlp", "loss": "mae", "samples": 20}
    kinked = lab.run(lab.Experiment(problem, lanes=[lab.Lane("sgd")], steps=0))
    on = desk(Stability)
    on.show(kinked)
    assert "cannot be measured" in on.view._sharpness._note.text()
    assert on.view.wish() is None


def test_a_rule_that_cannot_say(desk):
    plan = lab.ProbePlan("stability", 5)
    made = lab.Experiment("himmelblau", lanes=[lab.Lane("lion")], steps=5, probes=[plan])
    on = desk(Stability)
    choose(on, "ratio")
    recording = lab.run(made)
    on.show(recording)
    reason = of(recording, "lion")[0].info["no_limit"]
    assert on.view._ratio._note.text() == f"Lion: {reason}"


def test_nothing_of_it_stays(survivors, measured):
    assert not survivors(Stability, measured)


def test_a_rule_that_no_curvature_limits_says_so(desk):
    lanes = [lab.Lane("lion", lr=0.001), lab.Lane("lion", name="two", lr=0.002)]
    plan = lab.ProbePlan("stability", 2)
    problem = {"name": "moons_mlp", "samples": 20, "widths": (4,)}
    made = lab.run(lab.Experiment(problem, lanes=lanes, steps=2, probes=[plan], device="cpu"))
    on = desk(Stability)
    choose(on, "ratio")
    on.show(made)
    note = on.view._ratio._note.text()
    assert note.count("no curvature makes them grow") == 1
    assert note.startswith("Lion, ")

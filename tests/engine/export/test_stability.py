"""Figures of stability."""

import numpy as np
import pytest

import lab
from lab.engine.export.figures import drawings
from lab.engine.export.stability import rates, stability
from lab.engine.export.style import Style
from lab.palette import LIGHT


@pytest.fixture(scope="module")
def measured() -> lab.Recording:
    plan = lab.ProbePlan("stability", 10, {"batch": True, "rate_pairs": 2})
    lanes = [lab.Lane("sgd", lr=0.2), lab.Lane("adam", lr=0.01)]
    problem = {"name": "moons_mlp", "samples": 40, "widths": (4,), "batch_size": 8}
    return lab.run(lab.Experiment(problem, lanes=lanes, steps=20, probes=[plan], device="cpu"))


def of(recording, lane: str, name: str) -> list[float]:
    return [r.info[name] for r in recording.probe("stability") if r.lane == lane]


def test_sharpness_limits_and_ratios(measured):
    figure = stability(measured, 10, Style())
    top, below = figure.axes
    assert (top.get_yscale(), below.get_yscale()) == ("log", "log")
    drawn = [line.get_ydata() for line in top.lines]
    for name in ("lambda_max", "batch_lambda_max"):
        wanted = of(measured, "sgd", name)
        assert any(np.array_equal(line, wanted) for line in drawn)
    assert any(np.allclose(line, 10.0) for line in drawn)  # 2/η
    assert any(np.allclose(line, 3800.0) for line in drawn)  # of Adam
    ratios = [line.get_ydata() for line in below.lines]
    assert any(np.array_equal(line, of(measured, "adam", "ratio")) for line in ratios)
    assert any(np.allclose(line, 1) for line in ratios)
    assert {text.get_text() for text in top.get_legend().get_texts()} == {"sgd", "adam"}


def test_rates_and_where_the_run_stands(measured):
    axes = rates(measured, "sgd", 20, Style()).axes[0]
    lines = {line.get_label(): line.get_xydata() for line in axes.lines}
    assert set(lines) == {"linear law", "square-root law", "this run"}
    assert lines["this run"].tolist() == [[8, pytest.approx(0.2)]]
    last = [r for r in measured.probe("stability") if r.lane == "sgd"][-1]
    assert lines["linear law"][:, 1] == pytest.approx(last.linear)
    assert LIGHT.warning in {line.get_color() for line in axes.lines}


def test_no_figure_where_nothing_was_foretold():
    plan = lab.ProbePlan("stability", 5)
    made = lab.Experiment("himmelblau", lanes=[lab.Lane("sgd")], steps=5, probes=[plan])
    assert rates(lab.run(made), "sgd", 5, Style()) is None


def test_they_are_among_the_figures_of_an_export(measured):
    found = drawings(measured, ["stability"], 20, Style(), measured.lanes, None)
    assert [one.name for one in found] == ["stability", "rates-sgd", "rates-adam"]

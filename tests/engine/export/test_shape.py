"""The figures of topology and of critical points show the numbers on record."""

import numpy as np
import pytest

import lab
from lab.engine.export import shape
from lab.engine.export.style import Style


@pytest.fixture(scope="module")
def recording():
    plans = [
        lab.ProbePlan("topology", 10, {"points": 65}),
        lab.ProbePlan("critical_points", 10, {"starts": 20}),
    ]
    lanes = [lab.Lane("sgd", lr=1e-3)]
    return lab.run(lab.Experiment("himmelblau", lanes=lanes, steps=10, probes=plans, device="cpu"))


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_tree_and_bars(recording, theme):
    found = recording.probe("topology")[-1]
    figure = shape.topology(recording, 10, Style(theme=theme))
    tree, bars = figure.axes
    figure.canvas.draw()
    leaves = [line.get_ydata()[0] for line in tree.lines if line.get_marker() == "o"]
    assert sorted(leaves) == pytest.approx(sorted(found.birth))
    levels = [line.get_ydata()[-1] for line in tree.lines if len(line.get_xdata()) == 3]
    assert set(found.death[np.isfinite(found.death)]) <= set(levels)
    pieces, holes = (part.get_segments() for part in bars.collections)
    assert [row[0, 0] for row in pieces] == pytest.approx(found.birth.tolist())
    assert [(row[0, 0], row[1, 0]) for row in holes] == pytest.approx(found.holes)
    assert "4 basins" in tree.get_title(loc="right")
    assert [tick.get_text() for tick in bars.get_yticklabels()] == ["H$_0$", "H$_1$"]


def test_index_against_loss(recording):
    found = recording.probe("critical_points")[-1]
    figure = shape.critical_points(recording, 10, Style())
    (axes,) = figure.axes
    figure.canvas.draw()
    points = axes.collections[0].get_offsets()
    np.testing.assert_allclose(points, np.stack([found.loss, found.index / 2], axis=1))
    assert f"{len(found.loss)} found" in axes.get_title(loc="right")


def test_known_points_are_rings():
    plans = [lab.ProbePlan("critical_points", 10, {"starts": 4})]
    lanes = [lab.Lane("sgd", lr=1e-3)]
    made = lab.Experiment("linear_autoencoder", lanes=lanes, steps=0, probes=plans, device="cpu")
    (axes,) = shape.critical_points(lab.run(made), 0, Style()).axes
    assert len(axes.lines[0].get_xdata()) == 16
    assert axes.get_legend().get_texts()[0].get_text() == "known"


def test_they_are_among_the_figures(recording, tmp_path):
    files = recording.export(tmp_path, formats=["png", "csv"])
    names = {path.name for path in map(type(tmp_path), files)}
    assert {"topology.png", "critical.png"} <= names
    assert any("topology" in name and name.endswith(".csv") for name in names)

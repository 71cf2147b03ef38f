"""Figures of what lies between runs."""

import numpy as np
import pytest

import lab
from lab.engine import requests
from lab.engine.export import joined
from lab.engine.export.figures import PANELS, drawings
from lab.engine.export.style import Style
from lab.engine.session import Session


@pytest.fixture(scope="module")
def recording():
    lanes = [
        lab.Lane("sgd", lr=0.3, name="trunk"),
        lab.Lane("sgd", lr=0.3, name="branch", branch_of="trunk", branch_step=5, stream=1),
    ]
    problem = lab.problem("moons_mlp", samples=60, widths=(6,), batch_size=8)
    plans = [lab.ProbePlan("barriers", 20, {"points": 5})]
    session = Session(lab.Experiment(problem, lanes=lanes, steps=20, probes=plans))
    session.run()
    ends = (("trunk", 0, 20), ("branch", 0, 20))
    for kind in ("line", "layers", "curve", "ridge"):
        more = {"steps": 20} if kind == "curve" else {}
        session.ask(
            requests.make(session, "join", {"kind": kind, "ends": ends, "points": 9, **more})
        )
        session.jobs.work()
    return session.recording


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_each_has_its_figure(recording, theme):
    style = Style(theme=theme, dpi=40)
    made = drawings(recording, PANELS, 20, style, recording.lanes, None)
    names = {drawing.name for drawing in made}
    wanted = {"connectivity", "connectivity-layers", "connectivity-curve", "connectivity-ridge"}
    assert wanted | {"barriers"} <= names


def test_the_matrix_says_what_it_is(recording):
    figure = joined.barriers(recording, 20, Style(dpi=40))
    loss, bar, accuracy, _ = figure.axes
    (image,) = loss.images
    found = recording.probe("barriers")[-1]
    assert image.get_array()[0, 1] == pytest.approx(found.barrier[0, 1])
    assert [label.get_text() for label in loss.get_yticklabels()] == [
        "trunk, run 0",
        "branch, run 0",
    ]
    assert loss.get_title(loc="left") == "Loss barrier"
    assert accuracy.get_title(loc="left") == "Accuracy barrier"
    assert {text.get_text() for text in loss.texts} == {f"{found.barrier[0, 1]:.2g}"}
    assert bar.get_ylim()[1] == pytest.approx(found.barrier.max())


def test_layers_are_drawn_as_they_were_measured(recording):
    (axes,) = joined.layer_barriers(recording, 20, Style(dpi=40)).axes
    found = recording.probe("layer_paths")[-1]
    heights = [bar.get_height() for bar in axes.patches]
    np.testing.assert_allclose(heights, [*found.barrier, *found.matched_barrier])
    np.testing.assert_allclose(axes.lines[0].get_ydata(), found.upto_barrier)
    assert "trunk, run 0, step 20 to branch, run 0, step 20" in axes.get_title(loc="right")


def test_the_ridge_tells_how_far_the_paths_are_off(recording):
    axes = joined.ridge(recording, 20, Style(dpi=40)).axes[0]
    found = recording.probe("ridge")[-1]
    words = [text.get_text() for text in axes.get_legend().get_texts()]
    assert words == [
        f"trunk, run 0: off-plane up to {found.off_a.max():.3g}",
        f"branch, run 0: off-plane up to {found.off_b.max():.3g}",
    ]
    assert "parted at step 5" in [text.get_text() for text in axes.texts]


def test_a_trained_curve_stands_beside_the_line(recording):
    (axes,) = joined.trained_curve(recording, 20, Style(dpi=40)).axes
    found = recording.probe("curve_path")[-1]
    np.testing.assert_allclose(axes.lines[0].get_ydata(), found.line_loss)
    np.testing.assert_allclose(axes.lines[1].get_ydata(), found.loss)

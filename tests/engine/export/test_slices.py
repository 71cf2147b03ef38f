import numpy as np
import pytest

import lab
from lab.engine.export import slices
from lab.engine.export.figures import drawings
from lab.engine.export.style import Style


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_figure_shows_the_numbers_on_record(theme):
    lanes = [lab.Lane("momentum", lr=1e-3, name="a")]
    plan = lab.ProbePlan("slices", 5)
    experiment = lab.Experiment("himmelblau", lanes=lanes, steps=5, probes=[plan], device="cpu")
    recording = lab.run(experiment)
    found = recording.probe("slices")[-1]
    figure = slices.slices(recording, "a", 5, Style(theme=theme))
    (axes,) = figure.axes
    drawn = {line.get_label(): line for line in axes.lines}
    for place, name in enumerate(found.names.split("|")):
        np.testing.assert_array_equal(drawn[name].get_ydata(), found.loss[place])
    dashed = [line for line in axes.lines if line.get_linestyle() == "--"]
    assert len(dashed) == 2
    names = [x.name for x in drawings(recording, ("slices",), 5, Style(), ["a"], None)]
    assert names == ["slices-a"]

import numpy as np
import pytest

import lab
from lab.engine import requests
from lab.engine.export.curvature import curvature
from lab.engine.export.figures import drawings
from lab.engine.export.style import Style
from lab.engine.session import Session


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_figure_shows_the_map_on_record(theme):
    lanes = [lab.Lane("sgd", lr=1e-3, name="a")]
    made = Session(lab.Experiment("himmelblau", lanes=lanes, steps=3, device="cpu"))
    made.run()
    made.ask(requests.make(made, "curvature_map", {"points": 5}))
    made.jobs.work()
    (found,) = made.recording.probe("curvature_map")
    figure = curvature(made.recording, 3, Style(theme=theme))
    images = [axes.images[0].get_array() for axes in figure.axes if axes.images]
    np.testing.assert_array_equal(images[0], found.largest)
    np.testing.assert_array_equal(images[1], found.smallest)
    np.testing.assert_allclose(images[2], np.abs(found.smallest / found.largest))
    names = [x.name for x in drawings(made.recording, ("curvature",), 3, Style(), ["a"], None)]
    assert names == ["curvature"]
    figure.savefig("/dev/null", format="png")

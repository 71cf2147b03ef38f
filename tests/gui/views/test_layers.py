"""What the colours of the landscape are: loss, accuracy, curvature."""

import numpy as np
import pytest

from lab.gui.views.heatmap import Scale, colour_table
from lab.gui.views.layers import Layers


def test_the_curvature_of_a_surface_is_shown_with_its_scale(user):
    landscape = user.landscape
    assert isinstance(landscape.layers, Layers)
    before = landscape._picture.heat.version
    user.state.layer = "largest"
    user.until(lambda: landscape.layers.layer() is not None and landscape.layers.done == 1)
    user.look(3)
    layer = landscape.layers.layer()
    (found,) = user.recording.probe("curvature_map")
    np.testing.assert_array_equal(layer.values, found.largest)
    assert found.largest.shape == (17, 17)
    assert landscape._bar.title == "λ max"
    assert landscape._bar.values[0] == pytest.approx(found.largest.min())
    assert landscape._picture.heat.version > before
    assert landscape.layers.button.text() == "λ max ▾"
    user.state.layer = "ratio"
    user.look(3)
    np.testing.assert_allclose(
        landscape.layers.layer().values, np.abs(found.smallest / found.largest)
    )
    user.state.layer = "loss"
    user.look(3)
    assert landscape._bar.title == "loss"
    assert landscape._bar.isVisible()


def test_values_and_heights_lead_to_each_other():
    values = np.array([[3.0, 4.0, 7.0], [5.0, 3.5, np.nan]])
    for log in (False, True):
        scale = Scale.of(values, log=log)
        heights = scale.heights(values)
        assert np.isnan(heights[1, 2])
        assert heights[0, 0] == 0
        inner = [(h, v) for h, v in zip(heights.ravel(), values.ravel(), strict=True) if h < 1]
        for height, value in inner:
            assert scale.value(height) == pytest.approx(value)
    assert Scale.of(np.full((2, 2), np.nan), log=True).value(0.5) == 0.5
    assert len(colour_table("viridis")) == 256

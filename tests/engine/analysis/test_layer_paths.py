import numpy as np
import pytest

import lab
from lab import analysis
from lab.engine.analysis.layer_paths import layers_of
from lab.engine.layout import Layout


def test_the_layers_of_the_reference(digits, pair, numbers):
    found = analysis.layer_paths(digits, *pair)
    wanted = numbers["R2_A_layerwise_naive_cols_midBaseA_midBaseB_swapBaseA_swapBaseB_barrier"]
    assert found.layers == (("0.weight", "0.bias"), ("2.weight", "2.bias"))
    np.testing.assert_allclose(found.in_a[:, 1], wanted[:, 0], rtol=1e-9)
    np.testing.assert_allclose(found.in_b[:, 1], wanted[:, 1], rtol=1e-9)
    np.testing.assert_allclose(found.in_a[:, 2], wanted[:, 2], rtol=1e-9)
    np.testing.assert_allclose(found.in_b[:, 0], wanted[:, 3], rtol=1e-9)
    np.testing.assert_allclose(found.barrier, wanted[:, 4], rtol=1e-9)
    assert found.evaluations == 2 + 2 * 2 * 2 * 3


def test_all_layers_together_are_the_whole_line(digits, pair):
    found = analysis.layer_paths(digits, *pair, points=5)
    line = analysis.linear_path(digits, *pair, points=5)
    np.testing.assert_allclose(found.upto_in_a[-1], line.loss, rtol=1e-12)
    np.testing.assert_allclose(found.upto_in_b[-1], line.loss, rtol=1e-12)
    assert found.upto_barrier[-1] == pytest.approx(line.barrier, rel=1e-12)
    np.testing.assert_allclose(found.upto_in_a[0], found.in_a[0], rtol=1e-12)
    np.testing.assert_array_equal(found.t, line.t)


def test_what_counts_as_a_layer():
    shapes = {"g": (2,), "w": (3, 2), "b": (3,), "scale": (3,), "k": (4, 3, 3, 3), "v": (1, 4)}
    assert layers_of(Layout.of(shapes)) == (("g",), ("w", "b", "scale"), ("k",), ("v",))
    assert layers_of(lab.problem("booth").layout) == tuple(
        (name,) for name in lab.problem("booth").layout.names
    )


def test_an_even_number_of_points_has_no_middle():
    with pytest.raises(ValueError, match="points = 4: an odd number is needed, such as 5"):
        analysis.layer_paths(lab.problem("booth"), [0.0, 1.0], [1.0, 1.0], points=4)

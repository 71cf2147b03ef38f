"""Numbers as axes need them."""

import numpy as np
import pytest

from lab.gui.views.values import common, finite, logs


def test_logarithms_where_there_are_any():
    found = logs([100, 1e-300, 0, -1, np.inf, np.nan])
    assert found[:2] == pytest.approx([2, -300])
    assert np.isnan(found[2:]).all()
    assert logs(np.full((2, 3), 10)).tolist() == [[1, 1, 1], [1, 1, 1]]
    assert logs([]).shape == (0,)


def test_finite_numbers_of_any_shape():
    parts = [np.array([[1, np.nan], [np.inf, 2]]), [], (3.0, -np.inf)]
    assert finite(*parts).tolist() == [1, 2, 3]
    assert finite().tolist() == []


def test_what_flies_off_is_left_out():
    values = np.array([*range(1, 50), 1e9])
    assert common(values).tolist() == [*range(1, 50)]
    assert common(np.zeros(3)).tolist() == [0, 0, 0]
    assert common(np.empty(0)).tolist() == []

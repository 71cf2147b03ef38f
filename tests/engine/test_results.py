import copy
import pickle

import numpy as np
import pytest

from lab.engine.results import Result


def test_results_have_their_arrays_and_numbers_as_attributes():
    arrays = {"x": [1, 2], "y": np.array(3.0)}
    info = {"kind": "k", "n": np.int64(3), "z": np.nan, "list": [1, "a"]}
    result = Result.of("p", "sgd", 7, arrays, info, 0.5)
    assert (result.name, result.lane, result.step, result.seconds) == ("p", "sgd", 7, 0.5)
    assert result.x.tolist() == [1, 2]
    assert result.y.shape == ()
    assert (result.kind, result.n, type(result.n), result.list) == ("k", 3, int, [1, "a"])
    with pytest.raises(AttributeError, match="a 'p' result has no 'w'"):
        _ = result.w
    assert copy.copy(result).kind == "k"
    assert pickle.loads(pickle.dumps(result)).n == 3
    with pytest.raises(ValueError, match="read-only"):
        result.x[0] = 1


@pytest.mark.parametrize(
    ("arrays", "info", "words"),
    [
        ({"x": ["a", "b"]}, {}, "x is no array of numbers but of"),
        ({"x": [object()]}, {}, "x is no array of numbers but of object"),
        ({"x": [1j]}, {}, "x is no array of numbers but of complex"),
        ({}, {"k": object()}, "k is no number or text but a object"),
        ({}, {"k": {1, 2}}, "k is no number or text but a set"),
        ({}, {"k": np.zeros(2)}, "k is no number or text but a ndarray"),
    ],
)
def test_results_that_no_file_could_hold_are_refused(arrays, info, words):
    with pytest.raises(ValueError, match=words):
        Result.of("p", "", 0, arrays, info, 0.0)

import numpy as np
import pytest

from lab.engine.carried import Carried


def test_what_is_put_in_comes_out_of_the_text_again():
    carried = Carried()
    assert carried.get("a plan", "adam") == {}
    vectors = np.arange(6, dtype=np.float32).reshape(2, 3)
    carried.put("a plan", "adam", {"vectors": vectors})
    carried.put("a plan", "sgd", {"vectors": 2 * vectors})
    again = Carried(carried.text())
    for lane, factor in (("adam", 1), ("sgd", 2)):
        found = again.get("a plan", lane)["vectors"]
        np.testing.assert_array_equal(found, factor * vectors)
        assert found.dtype == np.float32


def test_the_version_tells_of_every_change():
    carried = Carried()
    versions = [carried.version]
    carried.put("a plan", "adam", {"x": np.zeros(1)})
    versions.append(carried.version)
    carried.put("a plan", "sgd", {})  # nothing was there, nothing came
    assert carried.version == versions[-1]
    carried.forget_lane("sgd")
    assert carried.version == versions[-1]
    carried.forget_lane("adam")
    versions.append(carried.version)
    assert versions == sorted(set(versions))
    assert carried.get("a plan", "adam") == {}


def test_text_that_is_not_whole_is_refused():
    carried = Carried()
    carried.put("a plan", "adam", {"x": np.zeros(4)})
    with pytest.raises(ValueError, match=r"[Dd]amaged|[Ii]ncorrect|[Ii]nvalid"):
        Carried(carried.text().replace("AAAA", "", 3))

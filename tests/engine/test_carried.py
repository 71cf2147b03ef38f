import numpy as np

from lab.engine.carried import Carried


def test_the_newest_arrays_of_each_plan_and_lane_are_there():
    carried = Carried()
    assert carried.get("a plan", "adam") == {}
    vectors = np.arange(6, dtype=np.float32).reshape(2, 3)
    carried.put("a plan", "adam", {"vectors": np.zeros(2)})
    carried.put("a plan", "adam", {"vectors": vectors})
    carried.put("a plan", "sgd", {"vectors": 2 * vectors})
    for kept in (carried, Carried(carried.rows)):
        np.testing.assert_array_equal(kept.get("a plan", "adam")["vectors"], vectors)
        np.testing.assert_array_equal(kept.get("a plan", "sgd")["vectors"], 2 * vectors)
    assert carried.get("another plan", "adam") == {}


def test_a_row_that_did_not_change_is_the_same_object():
    carried = Carried()
    carried.put("a plan", "adam", {"x": np.zeros(1)})
    carried.put("a plan", "sgd", {"x": np.zeros(1)})
    before = dict(carried.rows)
    carried.put("a plan", "adam", {"x": np.zeros(1)})
    assert carried.rows["a plan", "adam"] is not before["a plan", "adam"]
    assert carried.rows["a plan", "sgd"] is before["a plan", "sgd"]


def test_nothing_left_and_lanes_forgotten_have_no_rows():
    carried = Carried()
    for lane in ("adam", "sgd"):
        carried.put("a plan", lane, {"x": np.zeros(1)})
    carried.put("a plan", "sgd", {})
    assert list(carried.rows) == [("a plan", "adam")]
    carried.forget_lane("adam")
    assert carried.rows == {}
    assert carried.get("a plan", "adam") == {}

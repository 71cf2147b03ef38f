"""Results between two runs: their ends, and what is said of them."""

import pytest

from lab.gui.views import joined


@pytest.fixture
def path(result):
    def make(**more):
        ends = {"lane_a": "sgd", "run_a": 0, "lane_b": "adam", "run_b": 2}
        arrays = {"t": 0, "loss": 0, "accuracy": 0, "matched_loss": 0, "line_loss": 0, "bends": 0}
        return result("connectivity", "", 20, arrays, **ends, distance=3.0, **more)

    return make


def test_ends_with_and_without_steps_of_their_own(path):
    assert joined.ends(path()) == (("sgd", 0), ("adam", 2))
    assert joined.is_at_one_step(path())
    held = path(step_a=5)
    assert joined.places(held) == [("sgd", 0, 5), ("adam", 2, 20)]
    assert not joined.is_at_one_step(held)


def test_whichever_end_comes_first_it_is_the_same_pair(path, result):
    ends = {"lane_a": "adam", "run_a": 2, "lane_b": "sgd", "run_b": 0}
    assert joined.pair(path()) == joined.pair(result("connectivity", "", 3, {}, **ends))


def test_metrics_are_what_a_path_has_besides_the_loss(path):
    assert joined.metrics(path()) == ["accuracy"]


def test_what_is_said(path):
    assert joined.about(None, "line") == []
    words = joined.about(path(angle_start=41.6, evaluations=1234), "line")
    assert [word for word in words if word] == [
        "step 20",
        "distance 3.00",
        "angle at the start 42°",
        "1,234 evaluations",
    ]
    assert joined.about(path(step_b=30), "layers")[0] == "held ends"
    assert "90 training steps" in joined.about(path(trained=90, length=4.0), "curve")

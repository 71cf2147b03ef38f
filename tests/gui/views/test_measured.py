"""Results by lane and step, while a recording grows."""

from types import SimpleNamespace

import numpy as np
import pytest

from lab.gui.views.measured import Measured


class Record:
    """As much of a recording as is looked at."""

    def __init__(self, **parents):
        self.results = []
        self.records = {"a": SimpleNamespace(parent=None, first=0)}
        for name, (parent, first) in parents.items():
            shared = SimpleNamespace(spec=SimpleNamespace(name=parent))
            self.records[name] = SimpleNamespace(parent=shared, first=first)


@pytest.fixture
def measured():
    return Measured("probe", lambda found: (found.value, 2 * found.value))


def test_newest_at_or_before_a_step(measured, result):
    recording = Record()
    recording.results = [result("probe", "a", step, value=step) for step in (0, 20, 10)]
    recording.results.append(result("other", "a", 15, value=0))
    measured.follow(recording)
    newest = [measured.newest("a", step) for step in (-1, 0, 9, 10, 19, 1000)]
    assert [found and found.step for found in newest] == [None, 0, 0, 10, 10, 20]
    assert measured.newest("b", 5) is None


def test_only_what_is_new_is_read(measured, result):
    recording = Record()
    recording.results.append(result("probe", "a", 0, value=1.0))
    measured.follow(recording)
    before = measured.count
    measured.follow(recording)
    assert measured.count == before
    recording.results.append(result("probe", "a", 5, value=2.0))
    measured.follow(recording)
    assert measured.count == before + 1
    assert measured.table("a")[1].tolist() == [[1, 2], [2, 4]]


def test_a_newer_result_of_a_step_counts(measured, result):
    recording = Record()
    recording.results = [result("probe", "a", 5, value=1.0), result("probe", "a", 5, value=7.0)]
    measured.follow(recording)
    assert measured.newest("a", 5).value == 7
    assert measured.table("a")[1].tolist() == [[7, 14]]


def test_many_in_any_order(measured, result):
    recording = Record()
    order = np.random.default_rng(0).permutation(500)
    recording.results = [result("probe", "a", int(step), value=float(step)) for step in order]
    measured.follow(recording)
    steps, rows = measured.table("a")
    assert steps.tolist() == list(range(500))
    assert rows[:, 1].tolist() == [2.0 * step for step in range(500)]


def test_another_list_begins_anew(measured, result):
    recording = Record()
    recording.results = [result("probe", "a", 0, value=1.0)]
    measured.follow(recording)
    recording.results = []  # as when a lane is run again
    measured.follow(recording)
    assert measured.newest("a", 9) is None
    assert len(measured.table("a")[0]) == 0


def test_a_branch_shares_the_past(measured, result):
    recording = Record(b=("a", 11))
    recording.results = [result("probe", "a", step, value=float(step)) for step in (0, 10, 20)]
    recording.results += [result("probe", "b", step, value=-float(step)) for step in (20, 30)]
    measured.follow(recording)
    assert measured.table("b")[0].tolist() == [0, 10, 20, 30]
    assert measured.table("b")[1][:, 0].tolist() == [0, 10, -20, -30]
    assert [measured.newest("b", s).value for s in (5, 15, 25, 99)] == [0, 10, -20, -30]


def test_a_branch_without_results_of_its_own(measured, result):
    recording = Record(b=("a", 11))
    recording.results = [result("probe", "a", step, value=float(step)) for step in (0, 10, 20)]
    measured.follow(recording)
    assert measured.newest("b", 25).step == 10
    assert measured.table("b")[0].tolist() == [0, 10]


def test_keys_other_than_the_lane(result):
    measured = Measured("probe", key=lambda found: found.pair)
    recording = Record()
    recording.results = [result("probe", "", 3, pair=pair) for pair in ("ab", "ac")]
    measured.follow(recording)
    assert sorted(measured) == ["ab", "ac"]
    assert measured.newest("ac", 3).pair == "ac"

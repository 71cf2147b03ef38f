"""Paths: read once, thinned by doubling a stride, never more points than there is room for."""

from types import SimpleNamespace

import numpy as np
import pytest

from lab.gui.views import paths
from lab.gui.views.paths import LanePath


class Record:
    """A lane whose runs walk along straight lines."""

    def __init__(self, head: int, runs: int = 2):
        self.head, self.runs, self.reads = head, runs, []

    def at(self, quantity, step):
        if self.head < 0:
            return None
        step = min(step, self.head)
        return step, self._rows(quantity, np.array([step]))[0]

    def read(self, quantity, start, stop):
        self.reads.append((quantity, start, stop))
        steps = np.arange(start, min(stop, self.head + 1))
        return steps, self._rows(quantity, steps)

    def _rows(self, quantity, steps):
        if quantity == "loss":
            return np.ones((len(steps), self.runs))
        rows = np.zeros((len(steps), self.runs, 2))
        rows[..., 0], rows[..., 1] = steps[:, None], np.arange(self.runs)
        return rows


GROUND = SimpleNamespace(place=lambda theta, loss: theta * loss[..., None])


def test_a_short_path_has_all_its_points():
    path = LanePath(Record(40), GROUND)
    assert path.until(10)[:, 0, 0].tolist() == list(range(11))
    assert path.until(40).shape == (41, 2, 2)
    assert path.at(7).tolist() == [[7, 0], [7, 1]]
    assert not path.behind


def test_rows_are_read_once():
    record = Record(40)
    path = LanePath(record, GROUND)
    path.until(40)
    count = len(record.reads)
    path.until(12)
    assert len(record.reads) == count
    record.head = 50
    assert path.behind
    assert len(path.until(50)) == 51
    assert record.reads[-1] == ("loss", 41, 51)


@pytest.mark.parametrize("head", [64, 1000, 70_000])
def test_a_long_path_is_thinned_but_keeps_its_shape(head):
    record = Record(0)
    path = LanePath(record, GROUND, most=400)
    for record.head in np.linspace(0, head, 9).astype(int).tolist():
        points = path.until(record.head)
        assert len(points) <= 201
    steps = points[:, 0, 0]
    assert len(points) > min(head, 90)
    assert len(set(np.diff(steps))) == 1
    assert steps[0] == 0
    assert head - steps[-1] < np.diff(steps)[0]


def test_a_long_record_is_read_a_part_at_a_time(monkeypatch):
    monkeypatch.setattr(paths, "AT_ONCE", 400)
    path = LanePath(Record(1000), GROUND)
    looks = 0
    while path.behind:
        path.until(1000)
        looks += 1
    assert looks == 11
    assert len(path.until(1000)) == 1001


def test_a_lane_without_rows_is_nowhere():
    path = LanePath(Record(-1), GROUND)
    assert path.until(5).shape == (0, 2, 2)
    assert np.isnan(path.at(0)).all()

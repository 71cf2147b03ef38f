import threading
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lab.engine import column as module
from lab.engine.column import Column


class Shelf:
    """Stands in for the file: keeps chunks by number."""

    def __init__(self):
        self.rows = {}

    def put(self, rows):
        self.rows[len(self.rows)] = rows
        return len(self.rows) - 1

    def fetch(self, number):
        return self.rows[number]


@pytest.fixture(params=[3, 64])
def small(request, monkeypatch):
    """Chunks of a few rows."""
    monkeypatch.setattr(module, "CHUNK_ROWS", request.param)
    monkeypatch.setattr(module, "FRESH", 1)


def spill(column, shelf, count):
    """Move some of the oldest chunks out of memory."""
    chunks = column.unfiled()[:count]
    column.mark_filed([shelf.put(chunk.values) for chunk in chunks])
    for _ in column.releasable():
        column.release()


def thin(column, shelf, excess):
    merged = column.thin(excess)
    ids = [shelf.put(new.values) for _, _, new in merged]
    for a, b, _ in merged:
        shelf.rows[a.file_id] = shelf.rows[b.file_id] = None
    column.settle(merged, ids)
    return merged


row_shapes = st.sampled_from([(), (3,), (2, 2)])
blocks = st.lists(
    st.tuples(st.integers(0, 17), st.sampled_from(["keep", "spill"])), min_size=1, max_size=30
)


@settings(deadline=None)
@given(row_shapes, blocks, st.integers(0, 40), st.data())
def test_a_column_reads_like_one_array(row_shape, plan, first, data):
    old, module.CHUNK_ROWS = module.CHUNK_ROWS, data.draw(st.sampled_from([1, 3, 8, 64]))
    try:
        shelf = Shelf()
        column = Column(first, shelf.fetch)
        total = sum(count for count, _ in plan)
        truth = np.arange(total * int(np.prod(row_shape)), dtype=np.float32)
        truth = truth.reshape(total, *row_shape)
        done = 0
        for count, what in plan:
            column.append(truth[done : done + count])
            done += count
            if what == "spill":
                spill(column, shelf, data.draw(st.integers(0, 3)))
            assert column.head == first + done - 1
            start = data.draw(st.integers(first - 5, first + total + 5))
            stop = data.draw(st.integers(first - 5, first + total + 5))
            steps, rows = column.read(start, stop)
            low, high = max(start, first), max(min(stop, first + done), max(start, first))
            np.testing.assert_array_equal(steps, np.arange(low, high))
            if done:  # the shape of a row is not known before
                np.testing.assert_array_equal(rows, truth[low - first : high - first])
            assert not rows.flags.writeable or not rows.size
            found = column.at(start)
            if start < first or not done:
                assert found is None
            else:
                at = min(start, first + done - 1)
                assert found[0] == at
                np.testing.assert_array_equal(found[1], truth[at - first])
    finally:
        module.CHUNK_ROWS = old


@settings(deadline=None)
@given(st.integers(20, 400), st.lists(st.integers(1, 600), max_size=12), st.integers(0, 9))
def test_a_thinned_column_has_every_row_it_claims_to_have(count, thinnings, first):
    old, module.CHUNK_ROWS, module.FRESH = (module.CHUNK_ROWS, module.FRESH), 8, 1
    try:
        shelf = Shelf()
        column = Column(first, shelf.fetch)
        truth = np.random.default_rng(count).normal(size=(count, 2))
        for place, rows in enumerate(np.array_split(truth, len(thinnings) + 1)):
            column.append(rows)
            spill(column, shelf, 99)
            if place < len(thinnings):
                before = column.stored
                merged = thin(column, shelf, thinnings[place])
                saved = sum(a.nbytes + b.nbytes - new.nbytes for a, b, new in merged)
                assert column.stored == before - saved
        steps, rows = column.read(0, first + count)
        np.testing.assert_array_equal(rows, truth[steps - first])
        assert (np.diff(steps) > 0).all()
        strides = [chunk.stride for chunk in column.chunks]
        assert strides == sorted(strides, reverse=True) or max(strides) <= 2 * min(strides)
        for chunk in column.chunks:
            assert chunk.stride == 1 or not chunk.first % chunk.stride
        assert steps[-1] == first + count - 1  # the newest rows are never dropped
        for step in range(first + 8, first + count, 7):
            at, row = column.at(step)
            assert at == steps[steps <= step].max()
            np.testing.assert_array_equal(row, truth[at - first])
        assert column.stored == sum(chunk.nbytes for chunk in column.chunks)
    finally:
        module.CHUNK_ROWS, module.FRESH = old


def filled(rows, shelf, first=0):
    column = Column(first, shelf.fetch)
    column.append(np.arange(rows, dtype=np.float64))
    spill(column, shelf, 999)
    return column


def test_thinning_takes_the_finest_and_oldest_first(small):
    shelf = Shelf()
    rows = module.CHUNK_ROWS
    column = filled(12 * rows, shelf)
    if rows < 4:
        return  # chunks of three rows are tested by the others
    half = column.chunks[0].nbytes
    (pair,) = thin(column, shelf, 1)
    assert (pair[0].first, pair[1].first, pair[2].stride) == (0, rows, 2)
    assert len(thin(column, shelf, 2 * half + 1)) == 3
    assert [chunk.stride for chunk in column.chunks] == [2, 2, 2, 2, 1, 1, 1, 1]
    assert len(thin(column, shelf, 10**9)) == 1  # the newest stay: one pair is left before them
    assert [chunk.stride for chunk in column.chunks][:6] == [2, 2, 2, 2, 2, 1]
    assert len(thin(column, shelf, 10**9)) == 2
    assert [chunk.stride for chunk in column.chunks][:4] == [4, 4, 2, 1]


def test_a_column_with_nothing_to_merge_says_so(small):
    shelf = Shelf()
    column = filled(2, shelf)
    assert column.thin(10**9) == []
    assert Column().thin(1) == []


def test_thinning_that_failed_is_taken_back(small):
    shelf = Shelf()
    column = filled(20 * module.CHUNK_ROWS + 1, shelf)
    before = column.read(0, 10**9)
    chunks, stored, held = column.chunks, column.stored, column.held
    merged = column.thin(10**9)
    assert merged
    column.undo(merged)
    assert (column.chunks, column.stored, column.held) == (chunks, stored, held)
    after = column.read(0, 10**9)
    np.testing.assert_array_equal(before[1], after[1])
    assert thin(column, shelf, 10**9)  # and can be done again


def test_bytes_are_counted_in_memory_and_in_the_file(monkeypatch):
    monkeypatch.setattr(module, "CHUNK_ROWS", 10)
    shelf = Shelf()
    column = Column(0, shelf.fetch)
    assert column.nbytes == 0
    column.append(np.zeros((35, 2)))
    assert (column.held, column.stored, column.nbytes) == (3 * 160, 0, 4 * 160)
    assert len(column.unfiled()) == 3
    column.mark_filed([shelf.put(chunk.values) for chunk in column.unfiled()[:2]])
    assert (column.held, column.stored) == (3 * 160, 2 * 160)
    assert [chunk.first for chunk in column.releasable()] == [0, 10]
    column.release()
    assert (column.held, column.nbytes) == (2 * 160, 3 * 160)
    assert [chunk.first for chunk in column.releasable()] == [10]
    assert [chunk.first for chunk in column.unfiled()] == [20]


def test_wide_rows_make_short_chunks(monkeypatch):
    monkeypatch.setattr(module, "CHUNK_BYTES", 1000)
    column = Column()
    column.append(np.zeros((7, 300), dtype=np.float32))  # a row is more than a chunk should be
    assert [chunk.rows for chunk in column.chunks] == [1] * 7


def test_rows_are_copied_and_cannot_be_changed():
    column = Column()
    rows = np.ones((4, 2))
    column.append(rows)
    rows[:] = 9
    assert column.at(2)[1].tolist() == [1, 1]
    with pytest.raises(ValueError, match="read-only"):
        column.at(2)[1][0] = 3
    with pytest.raises(ValueError, match="read-only"):
        column.read(0, 9)[1][0] = 3


def test_the_rows_of_a_buffer_that_a_file_does_not_have_yet():
    column = Column(5)
    assert len(column.fresh_rows()[1]) == 0
    column.append(np.arange(3))
    assert column.fresh_rows()[0] == 5
    column.mark_written(2)
    first, rows = column.fresh_rows()
    assert (first, rows.tolist()) == (7, [2])


def test_a_loaded_column_goes_on(small):
    shelf = Shelf()
    column = filled(5 * module.CHUNK_ROWS, shelf)
    again = Column(0, shelf.fetch)
    again.load(column.chunks)
    again.append(np.array([-1.0, -2.0]))
    assert (again.held, again.stored) == (0, column.stored)
    assert again.unfiled() == []
    steps, rows = again.read(0, 10**9)
    assert steps.tolist() == list(range(5 * module.CHUNK_ROWS + 2))
    assert rows[-3:].tolist() == [5 * module.CHUNK_ROWS - 1, -1, -2]


def test_rows_that_are_gone_from_the_file_are_an_error_not_a_crash(small):
    shelf = Shelf()
    column = filled(3 * module.CHUNK_ROWS, shelf)
    shelf.rows = dict.fromkeys(shelf.rows)
    for ask in (lambda: column.read(0, 5), lambda: column.at(0)):
        with pytest.raises(ValueError, match="in the file no more"):
            ask()


@pytest.mark.parametrize("thinned", [False, True])
def test_readers_in_other_threads_see_whole_rows_while_one_appends_and_spills(monkeypatch, thinned):
    monkeypatch.setattr(module, "CHUNK_ROWS", 16)
    monkeypatch.setattr(module, "FRESH", 2)
    shelf = Shelf()
    column = Column(0, shelf.fetch)
    total = 4000
    truth = np.arange(total)[:, None] * np.array([1.0, -1.0])
    trouble = []
    state = SimpleNamespace(over=False)
    reads = [0] * 3

    def look(number):
        rng = np.random.default_rng(number)
        while not state.over:
            head = column.head
            if head < 0:
                continue
            start = int(rng.integers(0, max(1, head + 1)))
            steps, rows = column.read(start, start + int(rng.integers(1, 200)))
            if not (rows == truth[steps]).all():
                trouble.append(("read", start))
            if not thinned and head >= start and steps[0] != start:
                trouble.append(("first", start, steps[:3]))
            found = column.at(start)
            if found is None and head >= start:
                trouble.append(("at", start))
            elif found is not None and not (found[1] == truth[found[0]]).all():
                trouble.append(("row", start))
            reads[number] += 1

    def guarded(number):
        try:
            look(number)
        except Exception as error:
            trouble.append(error)

    threads = [threading.Thread(target=guarded, args=(number,)) for number in range(3)]
    for thread in threads:
        thread.start()
    rng = np.random.default_rng(7)
    done = 0
    while done < total or min(reads) < 200:
        count = int(rng.integers(0, 40))
        column.append(truth[done : done + count])
        done = min(total, done + count)
        spill(column, shelf, int(rng.integers(0, 4)))
        if thinned and rng.random() < 0.2:
            thin(column, shelf, 600)
        if trouble:
            break
    state.over = True
    for thread in threads:
        thread.join()
    assert trouble == []
    steps, rows = column.read(0, total)
    np.testing.assert_array_equal(rows, truth[steps])

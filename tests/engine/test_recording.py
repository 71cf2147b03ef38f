import itertools
import threading

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lab.engine import column as columns
from lab.engine import overview as overviews
from lab.engine.experiment import Experiment
from lab.engine.lane import Block
from lab.engine.overview import summary
from lab.engine.plan import Lane
from lab.engine.recorder import Recorder, open_recording
from lab.engine.recording import Recording
from lab.engine.results import Event, Result


def recording_of(*lanes, **budgets):
    recording = Recording(Experiment("rosenbrock", lanes), {"device": "cpu"})
    Recorder(recording, **budgets)
    for lane in recording.experiment.lanes:
        recording.add_lane(lane)
    return recording


def rows_of(rng, count, runs=2):
    theta = rng.normal(size=(count, runs, 3)).astype(np.float32)
    return {
        "theta": theta,
        "loss": (theta**2).sum(2),
        "grad_norm": np.abs(theta[:, :, 0]),
        "seconds": rng.random(count),
        "gradient_evaluations": np.arange(count, dtype=np.float64),
    }


def block(first, rows, low, high):
    return Block(first + low, {name: column[low:high] for name, column in rows.items()})


def in_blocks(rng, count, most=70):
    cuts = [0]
    while cuts[-1] < count:
        cuts.append(min(count, cuts[-1] + int(rng.integers(1, most))))
    return list(itertools.pairwise(cuts))


# -- rows --------------------------------------------------------------------------------------


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 10**6), st.integers(1, 700), st.booleans())
def test_branches_of_branches_read_like_whole_arrays(seed, count, spilled):
    """Three generations, appended in random blocks and read against plain arrays."""
    old = columns.CHUNK_ROWS
    columns.CHUNK_ROWS = 32
    try:
        rng = np.random.default_rng(seed)
        budgets = {"memory": 4000} if spilled else {}
        leave = sorted(rng.integers(0, count, 2).tolist())
        recording = recording_of(
            Lane("sgd", name="a", runs=2),
            Lane("sgd", name="b", runs=2, branch_of="a", branch_step=leave[0]),
            Lane("sgd", name="c", runs=2, branch_of="b", branch_step=leave[1]),
            **budgets,
        )
        truth = {}
        for name, parent, step in (("a", "", -1), ("b", "a", leave[0]), ("c", "b", leave[1])):
            rows = rows_of(rng, count)
            for low, high in in_blocks(rng, count - step - 1):
                recording.lane(name).append(
                    block(step + 1, {k: v[step + 1 :] for k, v in rows.items()}, low, high)
                )
                recording.recorder.keep()
            if parent:
                rows = {
                    key: np.concatenate([truth[parent][key][: step + 1], rows[key][step + 1 :]])
                    for key in rows
                }
            truth[name] = rows
        for name, rows in truth.items():
            np.testing.assert_array_equal(recording.theta(name), rows["theta"])
            np.testing.assert_array_equal(recording.scalar(name, "loss"), rows["loss"])
            seconds = recording.scalar(name, "seconds")
            np.testing.assert_array_equal(seconds, np.repeat(rows["seconds"][:, None], 2, axis=1))
            np.testing.assert_array_equal(recording.steps(name), np.arange(count))
            record = recording.lane(name)
            for _ in range(20):
                start, stop = rng.integers(-5, count + 5, 2).tolist()
                steps, found = record.read("loss", start, stop)
                expected = np.arange(count)[max(0, start) : max(0, stop)]
                np.testing.assert_array_equal(steps, expected)
                np.testing.assert_array_equal(found, rows["loss"][expected])
                found = record.at("theta", start)
                if start < 0:
                    assert found is None
                else:
                    assert found[0] == min(start, count - 1)
                    np.testing.assert_array_equal(found[1], rows["theta"][found[0]])
                check_curve(record, rows["loss"], start, stop, int(rng.integers(1, 30)))
        if spilled and count > 300:
            assert recording.recorder._file is not None
            assert (
                sum(c.held for r in recording.records.values() for c in r.columns.values()) < 9000
            )
        recording.close()
    finally:
        columns.CHUNK_ROWS = old


def check_curve(record, loss, start, stop, points):
    """The drawn band holds the curve: its extremes are those of the stretch, in its order."""
    curve = record.curve("loss", start, stop, points)
    low, high = max(0, start), min(stop, len(loss))
    if low >= high:
        assert len(curve.steps) == 0 or curve.steps[0] < stop
        return
    assert (np.diff(curve.steps) >= 0).all()
    assert curve.steps[-1] < high
    drawn = summary(loss[int(curve.steps[0]) : high])
    np.testing.assert_allclose(curve.low.min(), drawn[:, 0].min(), rtol=1e-6)
    np.testing.assert_allclose(curve.high.max(), drawn[:, 2].max(), rtol=1e-6)
    np.testing.assert_allclose(curve.middle.min(), drawn[:, 1].min(), rtol=1e-6)
    np.testing.assert_allclose(curve.middle.max(), drawn[:, 1].max(), rtol=1e-6)


def test_rows_are_visible_once_they_are_whole(monkeypatch):
    """Readers never see a step in one column that is not in the others."""
    recording = recording_of(Lane("sgd", runs=2))
    record = recording.lane("sgd")
    rows = rows_of(np.random.default_rng(0), 10)
    record.append(block(0, rows, 0, 4))
    first = dict(list(rows.items())[:1])
    for name, column in first.items():  # as if the engine had got no further
        record.columns[name].append(column[4:10])
    assert record.head == 3
    assert len(recording.theta("sgd")) == 4
    assert record.at("theta", 9)[0] == 3


def test_thinned_branches_fall_back_on_their_parents(monkeypatch):
    monkeypatch.setattr(columns, "CHUNK_ROWS", 8)
    monkeypatch.setattr(columns, "FRESH", 1)
    lanes = (
        Lane("sgd", name="a", runs=2),
        Lane("sgd", name="b", runs=2, branch_of="a", branch_step=6),
    )
    recording = recording_of(*lanes, memory=0, room=3000)
    rng = np.random.default_rng(0)
    truth = rows_of(rng, 400)
    recording.lane("a").append(block(0, truth, 0, 7))
    for low in range(7, 400, 8):
        recording.lane("b").append(block(0, truth, low, min(400, low + 8)))
        recording.recorder.keep()
    steps = recording.steps("b")
    assert 7 not in steps  # thinned away
    assert len(steps) < 300
    np.testing.assert_array_equal(recording.theta("b"), truth["theta"][steps])
    assert recording.lane("b").at("theta", 7)[0] == 6
    for step in range(0, 400, 3):
        found, row = recording.lane("b").at("theta", step)
        assert found == steps[steps <= step].max()
        np.testing.assert_array_equal(row, truth["theta"][found])
    assert len(recording.scalar("b", "loss")) == 400  # scalars are never thinned
    recording.close()


def test_readers_in_another_thread_see_whole_rows_while_the_engine_writes(monkeypatch):
    monkeypatch.setattr(columns, "CHUNK_ROWS", 16)
    monkeypatch.setattr(columns, "FRESH", 2)
    recording = recording_of(Lane("sgd", runs=2), memory=2000, room=60_000)
    count = 4000
    truth = rows_of(np.random.default_rng(1), count)
    trouble, reads = [], [0, 0]
    over = threading.Event()

    def look(number):
        rng = np.random.default_rng(number)
        record = recording.lane("sgd")
        while not over.is_set() and not trouble:
            head = record.head
            if head < 0:
                continue
            start = int(rng.integers(0, head + 1))
            steps, theta = record.read("theta", start, start + 300)
            if not np.array_equal(theta, truth["theta"][steps]):
                trouble.append(("theta", start))
            steps, loss = record.read("loss", start, min(start + 300, head + 1))
            if not np.array_equal(loss, truth["loss"][start : min(start + 300, head + 1)]):
                trouble.append(("loss", start))
            found, row = record.at("theta", start)
            if not np.array_equal(row, truth["theta"][found]):
                trouble.append(("row", start))
            record.curve("loss", 0, head + 1, 20)
            reads[number] += 1

    def guarded(number):
        try:
            look(number)
        except Exception as error:
            trouble.append(repr(error))

    threads = [threading.Thread(target=guarded, args=(number,)) for number in range(2)]
    for thread in threads:
        thread.start()
    rng = np.random.default_rng(2)
    for low, high in in_blocks(rng, count, 40):
        recording.lane("sgd").append(block(0, truth, low, high))
        recording.recorder.keep()
    while min(reads) < 20 and not trouble:
        recording.recorder.keep()
    over.set()
    for thread in threads:
        thread.join()
    assert trouble == []
    assert recording.recorder._file is not None
    assert len(recording.steps("sgd")) < count  # it was thinned meanwhile
    recording.close()


def test_what_a_lane_shows_is_what_it_evaluates_unless_it_says_otherwise():
    recording = recording_of(Lane("sgd", runs=2))
    rows = rows_of(np.random.default_rng(0), 5)
    recording.lane("sgd").append(block(0, rows, 0, 5))
    np.testing.assert_array_equal(recording.scalar("sgd", "shown"), rows["theta"])
    recording.lane("sgd").append(Block(5, {**rows, "shown": rows["theta"] + 1}))


def test_arrays_are_read_only_and_missing_names_are_said(monkeypatch):
    recording = recording_of(Lane("sgd", runs=2), Lane("adam", name="x"))
    recording.lane("sgd").append(block(0, rows_of(np.random.default_rng(0), 5), 0, 5))
    for array in (recording.theta("sgd"), recording.scalar("sgd", "seconds")):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 0
    with pytest.raises(ValueError, match="lane 'sgd' has no 'los' on record; there are: theta, lo"):
        recording.scalar("sgd", "los")
    with pytest.raises(ValueError, match="lane 'x' has no 'theta' on record; there are: none yet"):
        recording.theta("x")
    with pytest.raises(ValueError, match="no lane is called 'y'; there are: sgd, x"):
        recording.theta("y")
    assert recording.head == 4
    assert recording.nbytes > 0


def test_memory_does_not_grow_with_the_run(monkeypatch):
    """Eight lanes, scaled down from a million steps and 96 MB; see tests/benchmarks."""
    monkeypatch.setattr(columns, "CHUNK_ROWS", 256)
    lanes = [Lane("sgd", name=f"lane {number}", runs=2) for number in range(8)]
    recording = recording_of(*lanes, memory=400_000)
    truth = rows_of(np.random.default_rng(0), 20_000)
    held = []
    for low in range(0, 20_000, 125):
        for name in recording.lanes:
            recording.lane(name).append(block(0, truth, low, low + 125))
        recording.recorder.keep()
        held.append(sum(c.nbytes for r in recording.records.values() for c in r.columns.values()))
    buffers = 8 * 256 * (24 + 8 + 8 + 8 + 8)
    assert 8 * sum(column.nbytes for column in truth.values()) > 10 * max(held)
    assert max(held) < 400_000 + 2 * buffers
    overviews = sum(o.nbytes for r in recording.records.values() for o in r.overviews.values())
    assert overviews < 2 * 8 * 2 * 16 * 20_000 / 16
    for step in range(0, 20_000, 997):
        for name in recording.lanes:
            found, row = recording.lane(name).at("theta", step)
            assert found == step
            np.testing.assert_array_equal(row, truth["theta"][step])
    recording.close()


def test_memory_is_what_is_held(monkeypatch):
    monkeypatch.setattr(columns, "CHUNK_ROWS", 8)
    monkeypatch.setattr(overviews, "BATCH", 16)
    recording = recording_of(Lane("sgd", runs=2))
    rows = rows_of(np.random.default_rng(0), 80)
    recording.lane("sgd").append(block(0, rows, 0, 80))
    held = sum(column.nbytes for column in rows.values())
    assert held < recording.nbytes < held + 8000
    before = recording.nbytes
    recording.results.append(Result.of("p", "sgd", 0, {"x": np.zeros(1000)}, {}, 0.1))
    assert recording.nbytes == before + 8000


# -- results and events ------------------------------------------------------------------------


def test_results_are_listed_by_step_and_lane():
    recording = recording_of(Lane("sgd"), Lane("adam"))
    for lane, step in (("adam", 5), ("sgd", 5), ("adam", 0), ("", 5), ("sgd", 0)):
        recording.results.append(Result.of("p", lane, step, {}, {}, 0.0))
    recording.results.append(Result.of("q", "sgd", 0, {}, {}, 0.0))
    assert [(r.step, r.lane) for r in recording.probe("p")] == [
        (0, "sgd"),
        (0, "adam"),
        (5, ""),
        (5, "sgd"),
        (5, "adam"),
    ]
    assert recording.probe("roughness") == []
    with pytest.raises(ValueError, match=r"probe = 'roughnes' .* \(did you mean 'roughness'\?\)"):
        recording.probe("roughnes")
    with pytest.raises(ValueError, match=r"'theem' is not a known key \(did you mean 'theme'\?\)"):
        recording.export("nowhere", theem="dark")


def test_a_lane_that_begins_anew_keeps_its_place():
    recording = recording_of(Lane("sgd", runs=2), Lane("adam"))
    recording.lane("sgd").append(block(0, rows_of(np.random.default_rng(0), 5), 0, 5))
    recording.results.append(Result.of("p", "sgd", 0, {}, {}, 0.0))
    recording.results.append(Result.of("p", "adam", 0, {}, {}, 0.0))
    recording.add_lane(Lane("sgd", name="sgd"))
    assert recording.lanes == ["sgd", "adam"]
    assert recording.lane("sgd").head == -1
    assert [r.lane for r in recording.results] == ["adam"]
    recording.drop_lane("sgd")
    assert recording.lanes == ["adam"]


def test_branches_are_found_through_branches():
    recording = recording_of(
        Lane("sgd", name="a"),
        Lane("sgd", name="b", branch_of="a"),
        Lane("sgd", name="x"),
        Lane("sgd", name="c", branch_of="b"),
    )
    assert [r.spec.name for r in recording.branches("a")] == ["b", "c"]
    assert [r.spec.name for r in recording.branches("b")] == ["c"]
    assert recording.branches("x") == []


def test_events_are_plain_data(tmp_path):
    recording = recording_of(Lane("sgd", runs=2))
    recording.events.append(Event(3, "sgd", "knob", {"lr": 0.5}))
    recording.save(tmp_path / "x.lab")
    assert open_recording(tmp_path / "x.lab").events == recording.events

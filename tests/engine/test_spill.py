import gc
import sqlite3

import numpy as np
import pytest
from recorded import assert_equal

from lab.engine import column as columns
from lab.engine import writeback
from lab.engine.experiment import Experiment
from lab.engine.headless import run
from lab.engine.recorder import Recorder, open_recording
from lab.engine.session import Session


@pytest.fixture
def tight(monkeypatch):
    """Little memory, small chunks."""
    monkeypatch.setattr(columns, "CHUNK_ROWS", 16)
    monkeypatch.setattr(columns, "FRESH", 2)
    monkeypatch.setattr("lab.engine.recorder.SPILL", 2000)


def long_session(steps=2000, **budgets):
    session = Session(Experiment("rosenbrock", ["adam", "sgd"], steps=steps, device="cpu"))
    session.recording.recorder = Recorder(session.recording, **budgets)
    for step in range(0, steps + 1, 50):
        session.advance(step)
        session.keep()
    return session


def test_rows_move_to_a_scratch_file_when_memory_is_short(tight):
    whole = run(Experiment("rosenbrock", ["adam", "sgd"], steps=2000, device="cpu"))
    session = long_session(memory=20_000)
    recorder = session.recording.recorder
    held = sum(c.held for r in session.recording.records.values() for c in r.columns.values())
    assert held < 25_000
    scratch = recorder._file.path
    assert scratch.exists()
    assert recorder.path is None  # it is nobody's business
    for name in ("adam", "sgd"):
        np.testing.assert_array_equal(session.recording.theta(name), whole.theta(name))
        np.testing.assert_array_equal(
            session.recording.scalar(name, "loss"), whole.scalar(name, "loss")
        )
    session.recording.close()
    assert not list(scratch.parent.glob(f"{scratch.name}*"))


def test_a_scratch_file_goes_with_its_recording(tight):
    session = long_session(memory=20_000)
    scratch = session.recording.recorder._file.path
    assert scratch.exists()
    assert session.recording.recorder._scratch.atexit
    del session
    gc.collect()  # nobody closed it
    assert not scratch.exists()


def test_a_recording_that_fits_into_memory_makes_no_file():
    session = long_session()
    assert session.recording.recorder._file is None
    session.recording.close()


def test_no_writing_takes_long(tight):
    """However much is waiting, one `keep` moves a little of it."""
    session = Session(Experiment("rosenbrock", ["adam"], steps=3000, device="cpu"))
    session.recording.recorder = recorder = Recorder(session.recording, memory=200_000)
    stored = []
    for step in range(0, 3001, 10):
        session.advance(step)
        session.keep()
        stored.append(sum(c.stored for c in session.recording.lane("adam").columns.values()))
    assert stored[-1] > 0
    assert np.diff(stored).max() < 2000 + 128 * 16  # SPILL and no more than the chunk it ends in
    assert recorder._spill.held <= 200_000
    session.recording.close()


@pytest.mark.parametrize("path", [None, "x.lab"])
def test_a_file_over_its_budget_is_thinned_and_says_which_steps_are_left(tight, tmp_path, path):
    whole = run(Experiment("rosenbrock", ["adam", "sgd"], steps=2000, device="cpu"))
    experiment = Experiment("rosenbrock", ["adam", "sgd"], steps=2000, device="cpu")
    session = Session(experiment)
    recorder = session.recording.recorder = Recorder(session.recording, memory=0, room=10_000)
    recorder.record_to(path and tmp_path / path)
    for step in range(0, 2001, 50):
        session.advance(step)
        session.keep()
    recording = session.recording
    kept = {name: recording.steps(name) for name in ("adam", "sgd")}
    for name, steps in kept.items():
        assert 500 < len(steps) < 1000
        assert steps[0] == 0
        assert steps[-1] == 2000
        np.testing.assert_array_equal(recording.theta(name), whole.theta(name)[steps])
        assert len(recording.scalar(name, "loss")) == 2001
    lengths = [len(steps) for steps in kept.values()]
    assert max(lengths) < 1.3 * min(lengths)  # no lane pays for the others
    theta = [recording.lane(name).columns["theta"] for name in kept]
    for column in theta:
        filed = [chunk.nbytes for chunk in column.chunks if chunk.file_id is not None]
        assert column.stored == sum(filed) <= 6_000
    if path:
        assert_equal(recording, open_recording(tmp_path / path))
    recording.close()


def test_thinning_that_cannot_be_written_is_taken_back(tight, tmp_path, monkeypatch):
    session = long_session(memory=0)
    recorder = session.recording.recorder
    theta = session.recording.theta("adam")
    recorder._spill.room = 10_000

    def refuse(*args, **kwargs):
        raise sqlite3.OperationalError("database or disk is full")

    monkeypatch.setattr(writeback, "add_chunk", refuse)
    with pytest.raises(OSError, match="disk is full"):
        recorder._spill.thin(recorder._file)
    np.testing.assert_array_equal(session.recording.theta("adam"), theta)
    monkeypatch.undo()
    recorder._spill.thin(recorder._file)
    steps = session.recording.steps("adam")
    assert len(steps) < len(theta)
    np.testing.assert_array_equal(session.recording.theta("adam"), theta[steps])
    session.recording.close()


def test_every_step_can_be_replayed_though_its_row_was_thinned_away(tight):
    whole = run(Experiment("rosenbrock", ["adam"], steps=1000, device="cpu"))
    session = long_session(1000, memory=0, room=3_000)
    assert len(session.recording.steps("adam")) < 500
    for step in range(0, 1001, 83):
        state = session.state_at("adam", step)
        np.testing.assert_array_equal(state.theta, whole.theta("adam")[step])
    session.recording.close()

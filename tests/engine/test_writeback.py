import numpy as np
import pytest
from recorded import assert_equal, full_session

from lab.engine.experiment import Experiment
from lab.engine.recorder import open_recording
from lab.engine.session import Session

pytestmark = pytest.mark.usefixtures("toys")


def test_snapshots_that_were_dropped_are_dropped_in_the_file(tmp_path):
    session = full_session(tmp_path / "x.lab")
    record = session.recording.lane("adam")
    record.snapshots._most = 4
    session.set_steps(600)
    while session.head < 600:
        session.advance(session.head + 10)
        session.jobs.work()
        session.keep()
    assert record.snapshots.generation > 2
    opened = open_recording(tmp_path / "x.lab")
    assert dict(opened.lane("adam").snapshots) == dict(record.snapshots)


def written(session):
    """Plan and lane of the rows that `keep` writes into the table of what is carried."""
    db = session.recording.recorder._file.connection()
    rows, statements = dict(session.recording.carried.rows), []
    db.set_trace_callback(statements.append)
    session.keep()
    db.set_trace_callback(None)
    into = [text for text in statements if text.startswith("INSERT OR REPLACE INTO carried")]
    return [key for key in rows for text in into if f"'{key[1]}'" in text]


def test_only_rows_that_measurements_changed_are_written(tmp_path):
    session = Session(Experiment("rosenbrock", ["adam", "sgd"], device="cpu"), path=tmp_path / "x")
    carried = session.recording.carried
    for lane in ("adam", "sgd"):
        carried.put("a plan", lane, {"x": np.arange(3.0)})
    assert written(session) == [("a plan", "adam"), ("a plan", "sgd")]
    assert written(session) == []
    carried.put("a plan", "sgd", {"x": np.ones(2)})
    assert written(session) == [("a plan", "sgd")]
    carried.forget_lane("adam")
    assert written(session) == []
    assert_equal(session.recording, open_recording(tmp_path / "x"))
    again = Session(resume=open_recording(tmp_path / "x"), path=tmp_path / "x")
    assert written(again) == []  # the file has them
    again.recording.carried.put("a plan", "adam", {"x": np.ones(1)})
    assert written(again) == [("a plan", "adam")]
    assert_equal(again.recording, open_recording(tmp_path / "x"))


def test_what_is_carried_onto_a_full_disk_is_not_lost(tmp_path):
    session = full_session(tmp_path / "x.lab")
    before = open_recording(tmp_path / "x.lab")
    db = session.recording.recorder._file.connection()
    pages = db.execute("PRAGMA page_count").fetchone()[0]
    db.execute(f"PRAGMA max_page_count = {pages}")
    carried = session.recording.carried
    carried.put("a plan", "adam", {"x": np.random.default_rng(0).normal(size=100_000)})
    carried.forget_lane("sgd")
    for _ in range(2):
        with pytest.raises(OSError, match=r"x\.lab cannot be written: database or disk is full"):
            session.keep()
        assert_equal(before, open_recording(tmp_path / "x.lab"))
    db.execute("PRAGMA max_page_count = 1000000")
    session.keep()  # there is room again
    assert_equal(session.recording, open_recording(tmp_path / "x.lab"))

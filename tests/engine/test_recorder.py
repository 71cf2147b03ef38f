import json
import os
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from recorded import assert_equal, assert_same_arrays, full_session
from toys import Bowl

from lab.engine import column as columns
from lab.engine.experiment import Experiment
from lab.engine.headless import run
from lab.engine.plan import Lane
from lab.engine.probe_plan import ProbePlan
from lab.engine.recorder import open_recording
from lab.engine.session import Session

pytestmark = pytest.mark.usefixtures("toys")


# -- what is saved is what is opened -----------------------------------------------------------


@pytest.mark.parametrize("way", ["saved", "recorded"])
@pytest.mark.parametrize("rows", [8192, 8])
def test_everything_comes_back(tmp_path, monkeypatch, way, rows):
    monkeypatch.setattr(columns, "CHUNK_ROWS", rows)
    path = tmp_path / "x.lab"
    session = full_session(path if way == "recorded" else None)
    if way == "saved":
        session.recording.save(path)
    opened = open_recording(path)
    assert len(opened.results) == 38
    assert {e.kind for e in opened.events} == {"diverged", "failed", "knob", "branch", "removed"}
    assert_equal(session.recording, opened)
    opened.close()
    session.recording.close()
    assert [p.name for p in tmp_path.iterdir()] == ["x.lab"]
    assert_equal(open_recording(path), open_recording(path))


def test_a_recording_can_be_saved_again_and_again(tmp_path):
    session = full_session()
    recording = session.recording
    recording.save(tmp_path / "a.lab")
    recording.save(str(tmp_path / "b.lab"))
    session.set_steps(120)
    session.run()
    recording.save(tmp_path / "a.lab")  # over the earlier one
    assert open_recording(tmp_path / "b.lab").head == 80
    opened = open_recording(tmp_path / "a.lab")
    assert_equal(recording, opened)
    opened.save(tmp_path / "c.lab")
    assert_equal(recording, open_recording(tmp_path / "c.lab"))
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.lab", "b.lab", "c.lab"]


def test_saving_over_the_file_one_is_recording_into(tmp_path):
    path = tmp_path / "x.lab"
    session = full_session(path)
    session.recording.save(path)
    session.set_steps(120)
    session.run()
    session.recording.save(path)
    opened = open_recording(path)
    assert_equal(session.recording, opened)
    opened.save(path)  # and over the file one is looking at
    session.recording.close()
    assert_equal(opened, open_recording(path))


def test_recording_into_a_file_from_some_point_on(tmp_path, monkeypatch):
    monkeypatch.setattr(columns, "CHUNK_ROWS", 8)
    session = full_session()
    session.recording.recorder._spill.memory = 2000
    session.keep()
    assert session.recording.recorder.path is None
    session.recording.recorder.record_to(tmp_path / "x.lab")
    session.recording.recorder.record_to(tmp_path / "y.lab")  # it has one
    assert session.recording.recorder.path == tmp_path / "x.lab"
    session.set_steps(120)
    session.run()
    assert_equal(session.recording, open_recording(tmp_path / "x.lab"))
    assert not (tmp_path / "y.lab").exists()


def test_a_python_object_leaves_its_name(tmp_path):
    session = full_session(tmp_path / "x.lab", Bowl(2))
    opened = open_recording(tmp_path / "x.lab")
    assert opened.experiment.problem.name == "Bowl object"
    assert_equal(session.recording, opened, problem=False)
    with pytest.raises(
        ValueError, match="problem 'Bowl object' cannot be used: it is not installed"
    ):
        Session(resume=opened)
    assert_equal(session.recording, opened, problem=False)  # it can still be looked at


def test_entries_that_are_not_here_can_be_looked_at(tmp_path, toys):
    from lab.engine import catalogue

    lanes = [Lane("toy_average", lr=1e-4, runs=2), Lane("sgd")]
    probes = [ProbePlan("toy_where", 5)]
    recording = run(Experiment("rosenbrock", lanes, probes, steps=10, device="cpu"))
    recording.save(tmp_path / "x.lab")
    rule = catalogue._entries["optimizer"].pop("toy_average")
    probe = catalogue._entries["probe"].pop("toy_where")
    try:
        opened = open_recording(tmp_path / "x.lab")
        np.testing.assert_array_equal(opened.theta("toy_average"), recording.theta("toy_average"))
        seconds = opened.scalar("toy_average", "seconds")
        np.testing.assert_array_equal(seconds, recording.scalar("toy_average", "seconds"))
        assert len(opened.probe("toy_where")) == 6
        with pytest.raises(ValueError, match="it is not installed here"):
            Session(resume=opened)
        opened.save(tmp_path / "y.lab")
    finally:
        catalogue._entries["optimizer"]["toy_average"] = rule
        catalogue._entries["probe"]["toy_where"] = probe
    assert_equal(recording, open_recording(tmp_path / "y.lab"))


def test_a_lane_that_began_anew_is_anew_in_the_file(tmp_path):
    session = full_session(tmp_path / "x.lab")
    session.restart_lane(Lane("adam", name="adam", start=[[0.5, 0.5]]))
    session.keep()
    assert_equal(session.recording, open_recording(tmp_path / "x.lab"))
    session.run()
    assert_equal(session.recording, open_recording(tmp_path / "x.lab"))
    assert list(open_recording(tmp_path / "x.lab").records) == ["adam", "sgd", "sgd~2", "gone"]


# -- while it is written -----------------------------------------------------------------------


def test_a_file_is_opened_while_it_is_written(tmp_path, monkeypatch):
    monkeypatch.setattr(columns, "CHUNK_ROWS", 16)
    path = tmp_path / "x.lab"
    session = Session(Experiment("rosenbrock", ["adam", "sgd"], steps=400, device="cpu"), path=path)
    opened = []
    for step in range(20, 401, 20):
        session.advance(step)
        session.keep()
        opened.append((step, open_recording(path)))
    for step, recording in opened:  # each has what was there then, and still reads it
        assert recording.head == step
        for name in ("adam", "sgd"):
            theta = session.recording.theta(name)[: step + 1]
            np.testing.assert_array_equal(recording.theta(name), theta)
        recording.close()
    session.recording.close()


RECORD = """
import sys
from lab.engine import session
from lab.engine.experiment import Experiment
from lab.engine.headless import run
from lab.engine.plan import Lane
from lab.engine.probe_plan import ProbePlan
session.PATIENCE, session.KEEP_EVERY = 0.01, 0.0
lanes = [Lane("adam", lr=0.01, runs=3), Lane("sgd", lr=0.1)]
few = {"exact": 0, "k": 2, "probes": 2, "steps": 8}
probes = [ProbePlan("stability", 10), ProbePlan("hessian_spectrum", 20, few)]
problem = {"name": "moons_mlp", "samples": 32, "widths": (8,)}
experiment = Experiment(problem, lanes, probes, steps=10**9, device="cpu")
keep = session.Session.keep

def told(self):
    keep(self)
    print(self.recording.lane("adam").head, flush=True)

session.Session.keep = told
run(experiment, to=sys.argv[1])
"""


def test_a_killed_process_leaves_everything_up_to_its_last_word(tmp_path):
    path = tmp_path / "x.lab"
    process = subprocess.Popen(
        [sys.executable, "-c", RECORD, str(path)], stdout=subprocess.PIPE, text=True
    )
    for line in process.stdout:
        said = int(line)
        if said > 200:
            break
    alive = open_recording(path)  # while somebody else is writing
    assert len(alive.theta("adam")) == alive.lane("adam").head + 1 > said
    alive.close()
    process.kill()
    process.wait()
    process.stdout.close()
    recording = open_recording(path)
    assert recording.lane("adam").head >= said
    assert len(recording.theta("adam")) == recording.lane("adam").head + 1
    assert {(json.loads(plan)["name"], lane) for plan, lane in recording.carried.rows} == {
        (probe, lane) for probe in ("stability", "hessian_spectrum") for lane in ("adam", "sgd")
    }
    steps = recording.head + 40
    whole = run(replace(recording.experiment, steps=steps))
    session = Session(resume=recording)
    session.set_steps(steps)
    session.run()
    for name in ("adam", "sgd"):
        np.testing.assert_array_equal(session.recording.theta(name), whole.theta(name))
    for probe in ("stability", "hessian_spectrum"):
        pairs = zip(session.recording.probe(probe), whole.probe(probe), strict=True)
        for one, two in pairs:
            assert (one.lane, one.step, dict(one.info)) == (two.lane, two.step, dict(two.info))
            assert_same_arrays(one.arrays, two.arrays)
    session.recording.close()


# -- places that cannot be written -------------------------------------------------------------


def test_a_disk_that_is_full_loses_nothing(tmp_path):
    session = full_session(tmp_path / "x.lab")
    db = session.recording.recorder._file.connection()
    pages = db.execute("PRAGMA page_count").fetchone()[0]
    db.execute(f"PRAGMA max_page_count = {pages}")
    session.set_probes(())
    session.set_steps(20_000)
    session.advance()
    with pytest.raises(OSError, match=r"x\.lab cannot be written: database or disk is full"):
        session.keep()
    theta = session.recording.theta("adam")
    assert len(theta) == 20_001
    before = open_recording(tmp_path / "x.lab")
    assert before.head == 80  # what was kept is there as it was
    before.close()
    with pytest.raises(OSError, match="disk is full"):
        session.keep()
    db.execute("PRAGMA max_page_count = 1000000")
    session.keep()  # there is room again
    opened = open_recording(tmp_path / "x.lab")
    np.testing.assert_array_equal(opened.theta("adam"), theta)
    assert_equal(session.recording, opened)


@pytest.mark.parametrize("place", ["no/such/folder/x.lab", "file/x.lab", "folder"])
def test_a_place_that_cannot_be_written_is_one_sentence_and_nothing_is_lost(tmp_path, place):
    (tmp_path / "file").write_text("a file")
    (tmp_path / "folder").mkdir()
    session = full_session()
    with pytest.raises(OSError, match="cannot be written: ") as caught:
        session.recording.save(tmp_path / place)
    assert str(caught.value).startswith(str(tmp_path / place))
    assert "\n" not in str(caught.value)
    with pytest.raises(OSError, match="cannot be written: "):
        run(session.experiment, to=tmp_path / place)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["file", "folder"]
    session.recording.save(tmp_path / "x.lab")
    assert_equal(session.recording, open_recording(tmp_path / "x.lab"))


def test_a_save_that_fails_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "x.lab"
    path.write_text("precious")
    session = full_session(tmp_path / "own.lab")

    def refuse(*args):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", refuse)
    with pytest.raises(OSError, match=r"x\.lab cannot be written: No space left on device"):
        session.recording.save(path)
    monkeypatch.undo()
    assert path.read_text() == "precious"
    session.recording.close()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["own.lab", "x.lab"]


def test_a_recording_is_resumed_in_a_place_that_cannot_be_written(tmp_path):
    full_session(tmp_path / "x.lab").recording.close()
    opened = open_recording(tmp_path / "x.lab")
    with pytest.raises(OSError, match="cannot be written"):
        Session(resume=opened, path=tmp_path / "no" / "x.lab")
    assert not opened.recorder.writable
    session = Session(resume=opened, path=tmp_path / "y.lab")
    session.set_steps(90)
    session.run()
    assert_equal(session.recording, open_recording(tmp_path / "y.lab"))
    assert open_recording(tmp_path / "x.lab").head == 80  # as it was


@pytest.mark.parametrize("rows", [8192, 32])
@pytest.mark.parametrize("same", [True, False])
def test_a_resumed_file_has_everything_at_every_moment(tmp_path, monkeypatch, rows, same):
    path = tmp_path / "x.lab"
    session = full_session(path)
    session.recording.close()
    monkeypatch.setattr(columns, "CHUNK_ROWS", rows)  # and in another version, chunks are shorter
    target = path if same else tmp_path / "y.lab"
    again = Session(resume=open_recording(path), path=target)
    assert_equal(again.recording, open_recording(target))  # before anything is written
    again.set_steps(200)
    again.run()
    assert_equal(again.recording, open_recording(target))
    third = Session(resume=open_recording(target))
    assert_equal(again.recording, third.recording)
    third.keep()
    third.recording.save(tmp_path / "z.lab")
    assert_equal(again.recording, open_recording(tmp_path / "z.lab"))


def test_a_recording_that_is_gone_on_with_is_copied_only_when_something_is_written(tmp_path):
    path = tmp_path / "x.lab"
    full_session(path).recording.close()
    before = path.read_bytes()
    session = Session(resume=open_recording(path))
    recorder = session.recording.recorder
    session.keep()
    session.set_steps(90)
    session.run()
    assert recorder._file.path == path
    assert recorder.path is None
    session.recording.save(tmp_path / "y.lab")
    assert recorder._file.path != path
    assert_equal(session.recording, open_recording(tmp_path / "y.lab"))
    session.recording.close()
    assert not recorder._file.path.exists()
    assert path.read_bytes() == before


@pytest.mark.parametrize("rows", [8192, 16])
def test_a_recording_whose_file_is_written_by_somebody_else_goes_its_own_way(
    tmp_path, monkeypatch, rows
):
    monkeypatch.setattr(columns, "CHUNK_ROWS", rows)
    path = tmp_path / "x.lab"
    owner = full_session(path)
    session = Session(resume=open_recording(path))
    owner.set_steps(300)
    if rows == 8192:  # no full chunk of the lane is in the file
        owner.restart_lane(Lane("sgd", name="adam"))
    owner.set_knob("sgd~2", "lr", 1e-5)
    owner.run()
    session.set_steps(120)
    session.run()
    session.recording.save(tmp_path / "y.lab")
    assert_equal(owner.recording, open_recording(path))
    assert_equal(session.recording, open_recording(tmp_path / "y.lab"))
    late = Session(resume=open_recording(path))
    owner.set_steps(310)
    owner.run()
    with pytest.raises(OSError, match=r"x\.lab was changed by somebody else since it was opened"):
        late.recording.recorder.record_to(path)
    owner.recording.close()

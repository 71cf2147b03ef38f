import base64
import json

import pytest
from recorded import assert_equal, full_session

from lab.engine.experiment import Experiment
from lab.engine.headless import run
from lab.engine.labfile import VERSION, LabFile
from lab.engine.migration import bring_up_to_date, carried_rows
from lab.engine.probe_plan import ProbePlan
from lab.engine.recorder import open_recording
from lab.engine.session import Session

pytestmark = pytest.mark.usefixtures("toys")


def make_format_1(path):
    """Turn a file of the present format into one of the first."""
    file = LabFile(path, writable=True)
    with file.writing() as db:
        rows = [(*key, base64.b64encode(data).decode()) for *key, data in carried_rows(db)]
        assert rows
        db.execute("INSERT INTO meta VALUES ('carried', ?)", (json.dumps(rows),))
        db.execute("DROP TABLE carried")
        db.execute("PRAGMA user_version = 1")
    file.close()


def format_of(path):
    file = LabFile.open_file(path)
    found = file.connection().execute("PRAGMA user_version").fetchone()[0]
    carried = file.connection().execute("SELECT count(*) FROM meta WHERE key = 'carried'")
    try:
        return found, carried.fetchone()[0]
    finally:
        file.close()


@pytest.mark.parametrize("same", [True, False])
def test_a_file_of_the_first_format_is_opened_and_gone_on_with(tmp_path, same):
    path = tmp_path / "x.lab"
    probes = [ProbePlan("toy_sum", 5)]
    plan = Experiment("rosenbrock", ["adam", "sgd"], probes, steps=120, device="cpu")
    session = Session(plan, path=path)
    session.advance(33)
    session.jobs.work()
    session.advance(41)  # measurements are left waiting
    session.keep()
    assert session.jobs
    session.recording.close()
    make_format_1(path)
    before = path.read_bytes()
    target = path if same else tmp_path / "y.lab"
    again = Session(resume=open_recording(path), path=target)
    again.run()
    again.recording.close()
    opened = open_recording(target)
    for one, two in zip(run(plan).probe("toy_sum"), opened.probe("toy_sum"), strict=True):
        assert (one.lane, one.step) == (two.lane, two.step)
        assert one.total.tobytes() == two.total.tobytes()
    assert format_of(target) == (VERSION, 0)
    assert same or path.read_bytes() == before


def test_a_file_of_the_first_format_is_saved_as_it_is(tmp_path):
    session = full_session(tmp_path / "x.lab")
    session.recording.close()
    make_format_1(tmp_path / "x.lab")
    opened = open_recording(tmp_path / "x.lab")
    assert_equal(session.recording, opened)
    opened.save(tmp_path / "y.lab")
    assert format_of(tmp_path / "y.lab") == (1, 1)
    assert_equal(opened, open_recording(tmp_path / "y.lab"))
    Session(resume=opened).recording.save(tmp_path / "z.lab")
    assert format_of(tmp_path / "z.lab") == (VERSION, 0)
    assert_equal(session.recording, open_recording(tmp_path / "z.lab"))


def test_a_file_without_anything_carried_becomes_one_of_the_present_format(tmp_path):
    file = LabFile.create(tmp_path / "x.lab")
    with file.writing() as db:
        db.execute("DROP TABLE carried")
        db.execute("PRAGMA user_version = 1")
    for _ in range(2):
        with file.writing() as db:
            assert carried_rows(db) == []
            bring_up_to_date(db)
    file.close()
    assert format_of(tmp_path / "x.lab") == (VERSION, 0)


@pytest.mark.parametrize("text", ["[", '[["a plan", "adam", "AAA"]]', '[["a plan", "adam"]]'])
def test_text_of_the_first_format_that_is_not_whole_is_one_value_error(tmp_path, text):
    path = tmp_path / "x.lab"
    full_session(path).recording.close()
    make_format_1(path)
    file = LabFile(path, writable=True)
    with file.writing() as db:
        db.execute("UPDATE meta SET value = ? WHERE key = 'carried'", (text,))
    file.close()
    with pytest.raises(ValueError, match=r"^x\.lab: ") as caught:
        open_recording(path)
    assert "\n" not in str(caught.value)

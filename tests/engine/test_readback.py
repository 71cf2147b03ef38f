import sqlite3

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from recorded import full_session
from toys import entries

from lab.engine import column as columns
from lab.engine.labfile import LabFile
from lab.engine.recorder import open_recording

pytestmark = pytest.mark.usefixtures("toys")


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The path of a good file."""
    path = tmp_path_factory.mktemp("whole") / "x.lab"
    with entries(), pytest.MonkeyPatch.context() as patch:
        patch.setattr(columns, "CHUNK_ROWS", 32)  # some chunks are full, some rows are in pieces
        full_session().recording.save(path)
    return path


def read_all(path):
    """Open a file and read everything in it."""
    recording = open_recording(path)
    try:
        for record in recording.records.values():
            for quantity in record.columns:
                record.read(quantity, 0, 10**9)
    finally:
        recording.close()


def test_a_good_file_is_read(whole, tmp_path):
    path = tmp_path / "x.lab"
    path.write_bytes(whole.read_bytes())
    read_all(path)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(part=st.floats(0, 0.9999))
def test_a_file_cut_short_anywhere_is_one_value_error(whole, tmp_path, part):
    path = tmp_path / "cut.lab"
    path.write_bytes(whole.read_bytes()[: int(part * whole.stat().st_size)])
    with pytest.raises(ValueError, match=r"^cut\.lab: ") as caught:
        read_all(path)
    assert "\n" not in str(caught.value)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.lists(st.tuples(st.floats(0, 0.9999), st.binary(min_size=1, max_size=40)), min_size=1))
def test_a_file_with_wrong_bytes_is_read_or_refused(whole, tmp_path, damage):
    path = tmp_path / "bad.lab"
    data = bytearray(whole.read_bytes())
    for place, piece in damage:
        at = int(place * len(data))
        data[at : at + len(piece)] = piece[: len(data) - at]
    path.write_bytes(data)
    try:
        read_all(path)
    except ValueError as error:
        message = str(error)
    else:
        return
    assert message.startswith(("bad.lab: ", "lane "))  # a column may have lost its name
    assert "\n" not in message


@pytest.mark.parametrize(
    ("table", "column", "value"),
    [
        ("meta", "value", "rubbish = ["),
        ("meta", "value", "null"),
        ("meta", "value", ""),
        ("lanes", "data", "[]"),
        ("lanes", "data", "{}"),
        ("lanes", "data", "not json"),
        ("lanes", "data", '{"spec": {"optimizer": 3}}'),
        ("chunks", "data", b"rubbish"),
        ("chunks", "data", "text"),
        ("chunks", "first", "text"),
        ("chunks", "stride", 0),
        ("results", "data", "{}"),
        ("results", "data", "[]"),
        ("results", "arrays", b""),
        ("carried", "arrays", b"rubbish"),
        ("carried", "arrays", "text"),
        ("events", "data", '{"x": 1}'),
        ("events", "data", "3"),
    ],
)
def test_wrong_entries_are_one_value_error(whole, tmp_path, table, column, value):
    path = tmp_path / "bad.lab"
    path.write_bytes(whole.read_bytes())
    db = sqlite3.connect(path)
    db.execute(f"UPDATE {table} SET {column} = ?", (value,))
    db.commit()
    db.close()
    with pytest.raises(ValueError, match=r"^bad\.lab: ") as caught:
        read_all(path)
    assert "\n" not in str(caught.value)
    assert not list(tmp_path.glob("bad.lab-*"))


def test_a_file_without_an_experiment_is_one_value_error(tmp_path):
    LabFile.create(tmp_path / "x.lab").close()
    with pytest.raises(ValueError, match=r"^x\.lab: is damaged or cut short"):
        open_recording(tmp_path / "x.lab")

import sqlite3
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

import numpy as np
import pytest

from lab.engine import labfile as module
from lab.engine.labfile import (
    LabFile,
    add_chunk,
    drop_chunks,
    drop_pieces,
    pack_arrays,
    put_meta,
    replacing,
    unpack_arrays,
)


@pytest.fixture
def file(tmp_path):
    file = LabFile.create(tmp_path / "x.lab")
    yield file
    file.close()


def put(file, rows, **options):
    with file.writing() as db:
        return add_chunk(
            db, "a", "loss", (0, len(rows) - 1, 1), rows, **{"sealed": True, **options}
        )


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_rows_come_back_bit_for_bit(file):
    for rows in (
        np.arange(6, dtype=np.float32).reshape(3, 2),
        np.array([np.nan, np.inf, -0.0]),
        np.arange(12, dtype=np.int64).reshape(3, 4)[:, ::2],
        np.zeros((0, 3)),
    ):
        found = file.fetch(put(file, rows))
        assert found.dtype == rows.dtype
        np.testing.assert_array_equal(found, rows)
    assert file.fetch(10**6) is None


def test_arrays_keep_their_shapes():
    arrays = {"point": np.array(3.0), "none": np.zeros((0, 2)), "flags": np.array([True, False])}
    found = unpack_arrays(pack_arrays(arrays))
    for name, array in arrays.items():
        assert found[name].shape == array.shape
        assert found[name].dtype == array.dtype
    assert unpack_arrays(pack_arrays({})) == {}
    swapped = np.arange(3, dtype=">f8")
    np.testing.assert_array_equal(unpack_arrays(pack_arrays({"x": swapped}))["x"], swapped)
    for data in (b"", b"rubbish", pack_arrays(arrays)[:-3]):
        with pytest.raises(ValueError, match="damaged arrays"):
            unpack_arrays(data)


def test_a_transaction_is_all_or_nothing(file):
    number = put(file, np.arange(3.0))

    def drop_and_fail(db):
        drop_chunks(db, [number])
        raise KeyError

    with pytest.raises(KeyError), file.writing() as db:
        drop_and_fail(db)
    assert file.fetch(number).tolist() == [0, 1, 2]
    with file.writing() as db:
        drop_chunks(db, [number, None])
    assert file.fetch(number) is None


def test_pieces_are_dropped_and_whole_chunks_are_not(file):
    whole = put(file, np.zeros(2))
    piece = put(file, np.zeros(2), sealed=False)
    with file.writing() as db:
        other = add_chunk(db, "a", "theta", (0, 1, 1), np.zeros(2), sealed=False)
        drop_pieces(db, "a", "loss")
    assert file.fetch(piece) is None
    assert file.fetch(whole) is not None
    assert file.fetch(other) is not None


def test_the_number_of_a_chunk_is_never_used_again(file):
    first = put(file, np.zeros(2))
    with file.writing() as db:
        drop_chunks(db, [first])
    assert put(file, np.ones(2)) > first


def test_every_thread_has_its_own_connection(file):
    number = put(file, np.arange(3.0))
    seen = []

    def look():
        seen.append((file.connection(), file.fetch(number).tolist()))

    threads = [threading.Thread(target=look) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [rows for _, rows in seen] == [[0, 1, 2]] * 3
    assert len({id(db) for db, _ in seen} | {id(file.connection())}) == 4


def test_a_closed_file_is_one_plain_file_and_says_that_it_is_closed(file, tmp_path):
    number = put(file, np.arange(3.0))
    assert len(names(tmp_path)) == 3
    file.close()
    assert names(tmp_path) == ["x.lab"]
    with pytest.raises(ValueError, match=r"x\.lab: the recording was closed"):
        file.fetch(number)
    assert names(tmp_path) == ["x.lab"]
    again = LabFile.open_file(tmp_path / "x.lab")
    assert again.fetch(number).tolist() == [0, 1, 2]
    assert names(tmp_path) == ["x.lab"]
    again.close()


def test_a_copy_has_everything(file, tmp_path):
    number = put(file, np.arange(3.0))
    (tmp_path / "y.lab").write_text("old")
    file.copy_to(tmp_path / "y.lab")
    copy = LabFile.open_file(tmp_path / "y.lab")
    assert copy.fetch(number).tolist() == [0, 1, 2]
    copy.close()
    assert names(tmp_path) == ["x.lab", "x.lab-shm", "x.lab-wal", "y.lab"]


# -- files that are none -----------------------------------------------------------------------


def refusal(path):
    with pytest.raises(ValueError, match=rf"^{path.name}: ") as caught:
        LabFile.open_file(path)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_what_is_not_a_lab_file_is_refused_by_name(tmp_path):
    path = tmp_path / "x.lab"
    assert refusal(path) == "x.lab: there is no such file"
    path.mkdir()
    assert refusal(path) == "x.lab: is a folder"
    path.rmdir()
    for data in (b"", b"rubbish", bytes(range(256)) * 99, b"SQLite format 3"):
        path.write_bytes(data)
        assert refusal(path) == "x.lab: is not a .lab file"
    path.write_bytes(b"SQLite format 3\0" + bytes(range(256)) * 99)
    assert "x.lab: is damaged or cut short" in refusal(path)
    path.unlink()
    db = sqlite3.connect(path)
    db.execute("CREATE TABLE meta(key, value)")
    db.commit()
    db.close()
    assert refusal(path) == "x.lab: is not a .lab file (it is some other database)"
    assert names(tmp_path) == ["x.lab"]


def test_a_file_of_a_newer_version_says_so(file, tmp_path):
    with file.writing() as db:
        db.execute(f"PRAGMA user_version = {module.VERSION + 1}")
    file.close()
    said = f"(format {module.VERSION + 1}, this one reads up to {module.VERSION})"
    assert f"was written by a newer version of the lab {said}" in refusal(file.path)


@pytest.mark.parametrize("through", [True, False], ids=["looked through", "too large for that"])
def test_a_file_that_was_cut_short_says_so(file, tmp_path, monkeypatch, through):
    for number in range(20):
        put(file, np.full(5000, float(number)))
    file.close()
    if not through:
        monkeypatch.setattr(module, "_LOOK_THROUGH", 0)
    whole = file.path.read_bytes()
    for part in (20, 100, 4096, 20_000, 100_000, len(whole) // 2, len(whole) - 1):
        path = tmp_path / "cut.lab"
        path.write_bytes(whole[:part])
        message = refusal(path)
        assert message.startswith(("cut.lab: is damaged or cut short", "cut.lab: is not a .lab"))


def test_a_file_that_may_not_be_read_says_so(file, monkeypatch):
    file.close()

    def refuse(*args, **kwargs):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)
    assert refusal(file.path) == "x.lab: cannot be read: Permission denied"


# -- places that cannot be written -------------------------------------------------------------


def test_a_draft_takes_the_place_of_a_file_only_when_it_is_whole(tmp_path):
    path = tmp_path / "x.lab"
    path.write_text("old")

    def write_and_fail(draft):
        draft.write_text("half")
        raise KeyError

    with pytest.raises(KeyError), replacing(path) as draft:
        write_and_fail(draft)
    assert path.read_text() == "old"
    assert names(tmp_path) == ["x.lab"]
    for suffix in ("-wal", "-shm"):  # of a file that was never closed
        Path(f"{path}{suffix}").write_text("stale")
    with replacing(path) as draft:
        draft.write_text("new")
    assert path.read_text() == "new"
    assert names(tmp_path) == ["x.lab"]


@pytest.mark.parametrize("place", ["no/such/folder/x.lab", "file/x.lab", "folder"])
def test_places_that_cannot_be_written_are_one_sentence(tmp_path, place):
    (tmp_path / "file").write_text("a file")
    (tmp_path / "folder").mkdir()
    path = tmp_path / place
    with pytest.raises(OSError, match=r"cannot be written: [A-Za-z ]+$") as caught:
        LabFile.create(path)
    assert str(caught.value).startswith(str(path))
    assert names(tmp_path) == ["file", "folder"]


def test_a_disk_that_is_full_is_one_sentence_and_the_file_stays_as_it_was(file, tmp_path):
    number = put(file, np.arange(3.0))
    with file.writing() as db:
        put_meta(db, experiment="x")
        pages = db.execute("PRAGMA page_count").fetchone()[0]
    file.connection().execute(f"PRAGMA max_page_count = {pages + 2}")
    with pytest.raises(OSError, match=r"x\.lab cannot be written: database or disk is full"):
        put(file, np.zeros(100_000))
    assert file.fetch(number).tolist() == [0, 1, 2]
    file.connection().execute("PRAGMA max_page_count = 1000000")
    assert file.fetch(put(file, np.zeros(100_000))).shape == (100_000,)


LIMITED = """
import resource, sys
import numpy as np
from lab.engine.labfile import LabFile, add_chunk
resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, 300_000))
import signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
file = LabFile.create(sys.argv[1])
try:
    for number in range(1000):
        with file.writing() as db:
            add_chunk(db, "a", "loss", (0, 999, 1), np.full(1000, float(number)), sealed=True)
except OSError as error:
    print(number, error)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="no limits on file sizes there")
def test_a_real_limit_of_the_system_is_met_in_the_same_way(tmp_path):
    path = tmp_path / "x.lab"
    done = subprocess.run(
        [sys.executable, "-c", LIMITED, str(path)], capture_output=True, text=True, check=True
    )
    number, _, sentence = done.stdout.strip().partition(" ")
    assert "cannot be written: " in sentence
    assert "\n" not in sentence
    file = LabFile.open_file(path)
    rows = [r[0] for r in file.connection().execute("SELECT id FROM chunks ORDER BY id")]
    assert len(rows) == int(number) > 3
    for place, row in enumerate(rows):
        assert (file.fetch(row) == place).all()
    file.close()


READ_ONLY = """
import os, sys
from lab.engine.labfile import LabFile
if os.getuid() == 0:  # whom permissions do not stop
    os.setgroups([]); os.setgid(65534); os.setuid(65534)
file = LabFile.open_file(sys.argv[1])
print(file.fetch(1).tolist(), file.fetch(2) is not None)
file.close()
"""


@pytest.mark.skipif(sys.platform == "win32", reason="other permissions there")
@pytest.mark.parametrize("beside", ["-wal -shm", "-wal", ""])
def test_a_file_in_a_folder_that_cannot_be_written_is_read_with_its_log(tmp_path, beside):
    """As a killed process leaves it: the last rows are in the log."""
    source = LabFile.create(tmp_path / "x.lab")
    put(source, np.arange(3.0))
    source.connection().execute("PRAGMA wal_checkpoint(TRUNCATE)")
    put(source, np.arange(4.0))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for suffix in ("", *beside.split()):
            target = folder / f"x.lab{suffix}"
            target.write_bytes(Path(f"{source.path}{suffix}").read_bytes())
            target.chmod(0o444)
        source.close()
        folder.chmod(0o555)
        before = names(folder)
        command = [sys.executable, "-c", READ_ONLY, str(folder / "x.lab")]
        done = subprocess.run(command, capture_output=True, text=True)
        assert done.stdout.strip() == f"[0.0, 1.0, 2.0] {bool(beside)}", done.stderr
        assert names(folder) == before
        folder.chmod(0o755)


def test_a_scratch_file_does_not_wait_for_the_disk(tmp_path):
    file = LabFile.create(tmp_path / "x.lab", lasting=False)
    assert file.connection().execute("PRAGMA synchronous").fetchone()[0] == 0
    file.close()
    file = LabFile.create(tmp_path / "x.lab")
    assert file.connection().execute("PRAGMA synchronous").fetchone()[0] == 1
    assert file.connection().execute("PRAGMA journal_mode").fetchone()[0] == "wal"
    file.close()


def test_somebody_who_is_writing_is_waited_for_a_moment_only(file):
    other = sqlite3.connect(file.path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(OSError, match="cannot be written: database is locked"):
        put(file, np.zeros(3))
    other.execute("ROLLBACK")
    other.close()
    put(file, np.zeros(3))

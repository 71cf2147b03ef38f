"""Where recordings grow, and what a lab that was killed leaves behind."""

import os
import subprocess
import sys
import textwrap

from lab.gui.autosave import KEPT, Autosave


def test_files_of_one_lab_are_its_own(tmp_path):
    autosave = Autosave(tmp_path)
    first, second = autosave.new_file(), autosave.new_file()
    assert first != second
    assert os.path.dirname(first) == os.path.dirname(second)


def test_a_lab_that_runs_is_not_recovered(tmp_path):
    running = Autosave(tmp_path)
    with open(running.new_file(), "wb") as file:
        file.write(b"rows")
    assert Autosave(tmp_path).left_behind() == []


def test_a_killed_lab_leaves_its_recording(tmp_path):
    script = """
        import os, sys
        from pathlib import Path
        from lab.gui.autosave import Autosave
        path = Autosave(Path(sys.argv[1])).new_file()
        Path(path).write_bytes(b"rows")
        os.kill(os.getpid(), 9)
    """
    code = textwrap.dedent(script)
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=False)
    later = Autosave(tmp_path)
    (left,) = later.left_behind()
    assert left.read_bytes() == b"rows"
    later.discard(left)
    assert later.left_behind() == []


def test_clean_end_leaves_nothing_unless_asked(tmp_path):
    for keep, count in ((False, 0), (True, 1)):
        autosave = Autosave(tmp_path)
        with open(autosave.new_file(), "wb") as file:
            file.write(b"rows")
        autosave.release(keep=keep)
        assert len(Autosave(tmp_path / "other").left_behind()) == 0
        later = Autosave(tmp_path)
        assert len(later.left_behind()) == count
        later.release(keep=False)


def test_old_ones_are_deleted(tmp_path):
    for number in range(KEPT + 3):
        folder = tmp_path / "autosave" / f"old-{number}"
        folder.mkdir(parents=True)
        (folder / "1.lab").write_bytes(b"rows")
        os.utime(folder / "1.lab", (number, number))
    left = Autosave(tmp_path).left_behind()
    assert [path.parent.name for path in left] == [f"old-{n}" for n in range(KEPT + 2, 2, -1)]


def test_read_only_home_means_memory(tmp_path):
    blocked = tmp_path / "file"
    blocked.write_text("in the way")
    autosave = Autosave(blocked)
    assert autosave.new_file() is None
    assert autosave.left_behind() == []
    autosave.release(keep=True)

import pytest

from lab.engine.export.files import check_folder, file_names, one_sentence, staged


def write_and_fail(out, error):
    with staged(out) as stage:
        (stage / "one.txt").write_text("new")
        raise error


def test_files_appear_together_at_the_end(tmp_path):
    out = tmp_path / "a" / "b"
    with staged(out) as stage:
        (stage / "one.txt").write_text("1")
        (stage / "two.txt").write_text("2")
        assert not (out / "one.txt").exists()
    assert sorted(path.name for path in out.iterdir()) == ["one.txt", "two.txt"]


def test_an_error_leaves_everything_as_it_was(tmp_path):
    out = tmp_path / "a" / "b"
    with pytest.raises(RuntimeError):
        write_and_fail(out, RuntimeError)
    assert not (tmp_path / "a").exists()


def test_an_error_keeps_what_was_there_before(tmp_path):
    (tmp_path / "one.txt").write_text("old")
    with pytest.raises(KeyboardInterrupt):
        write_and_fail(tmp_path, KeyboardInterrupt)
    assert [path.name for path in tmp_path.iterdir()] == ["one.txt"]
    assert (tmp_path / "one.txt").read_text() == "old"


def test_a_file_where_the_folder_should_be(tmp_path):
    (tmp_path / "out").write_text("")
    with pytest.raises(OSError, match=r"out: the folder cannot be written \(File exists\)$"):
        check_folder(tmp_path / "out")


def test_checking_a_folder_leaves_nothing_behind(tmp_path):
    check_folder(tmp_path / "a" / "b")
    assert list(tmp_path.iterdir()) == []


def test_the_systems_words_become_one_sentence(tmp_path):
    sentence = r"^x: the folder cannot be written \(No space left\)$"
    with pytest.raises(OSError, match=sentence), one_sentence("x"), one_sentence("x"):
        raise OSError(28, "No space left")


def test_names_become_safe_and_stay_apart():
    names = ["SGD", "sgd", "a/b", "a:b", "adam~2", "..", "η", "η" * 300, "η" * 301]
    found = file_names(names)
    assert found["SGD"] == "SGD"
    assert found["adam~2"] == "adam~2"
    assert not any(set(name) & set('/\\:*?"<>|') for name in found.values())
    assert all(len(name.encode()) < 240 for name in found.values())
    assert len({name.lower() for name in found.values()}) == len(names)

"""Sessions on the shelf, and the files behind them."""

import pytest

import lab
from lab.engine import shelf as module
from lab.engine.session import Session
from lab.engine.shelf import Shelf


def session() -> Session:
    return Session(lab.Experiment("himmelblau", [lab.Lane("adam")], steps=20, device="cpu"))


def test_found_by_number_until_let_go():
    shelf, made = Shelf(), session()
    shelf.add(3, made, None)
    assert shelf.session(3) is made
    shelf.keep_only(set())
    with pytest.raises(ValueError, match="session 3"):
        shelf.session(3)


def test_files_of_sessions_let_go_are_deleted(tmp_path):
    shelf = Shelf()
    for number in (1, 2):
        shelf.add(number, session(), str(tmp_path / f"{number}.lab"))
        shelf.write(number)
    shelf.keep_only({2})
    assert sorted(p.name for p in tmp_path.glob("*.lab")) == ["2.lab"]
    shelf.close(2)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["2.lab"]


def test_writing_is_due_once_a_second_and_once_after_the_last_change(monkeypatch):
    shelf, made = Shelf(), session()
    shelf.add(1, made, None)
    assert shelf.due(1, None) == (None, True)
    shelf.write(1)
    assert shelf.due(1, None) == (None, False)
    made.advance(5)
    wait, now = shelf.due(1, None)
    assert not now
    assert 0 < wait <= module.KEEP_EVERY
    assert shelf.due(1, 0.0) == (0.0, False)
    monkeypatch.setattr(module, "KEEP_EVERY", 0.0)
    assert shelf.due(1, None) == (None, True)


def test_closing_writes_what_is_there(tmp_path):
    shelf, made = Shelf(), session()
    shelf.add(1, made, str(tmp_path / "1.lab"))
    made.run()
    shelf.close(1)
    assert lab.open(tmp_path / "1.lab").head == 20


def test_closing_says_that_nothing_could_be_written_and_lets_go(tmp_path, monkeypatch):
    shelf, made = Shelf(), session()
    shelf.add(1, made, str(tmp_path / "gone" / "1.lab"))
    with pytest.raises(OSError, match="No such file"):
        shelf.close(1)
    with pytest.raises(ValueError, match="session 1"):
        shelf.session(1)

"""Garbage is looked for on the window's thread alone."""

import gc
import threading
import weakref

import pytest
from PySide6.QtCore import QObject

from lab.gui.garbage import Garbage


class Knot:
    """Garbage that only the collector finds; it notes the thread it is found on."""

    found: list

    def __init__(self, found):
        self.itself, self.found = self, found

    def __del__(self):
        self.found.append(threading.current_thread().name)


@pytest.fixture
def garbage(qapp):
    owner = QObject()
    made = Garbage(owner)
    assert gc.isenabled()
    made.start()
    yield made
    made.stop()
    assert gc.isenabled()


def test_another_thread_finds_none_and_the_window_finds_it_all(garbage, qtbot):
    found: list[str] = []

    def work():
        for _ in range(2_000):
            Knot(found)

    thread = threading.Thread(target=work, name="engine-like")
    thread.start()
    thread.join()
    assert found == []
    qtbot.waitUntil(lambda: len(found) == 2_000, timeout=20_000)
    assert set(found) == {threading.main_thread().name}


def test_old_garbage_is_found_too(garbage):
    knot = Knot([])
    gc.collect()  # it is old now
    ref = weakref.ref(knot)
    del knot
    young, middle, old = gc.get_threshold()
    kept = []
    for _ in range((middle + 2) * (old + 2)):  # the middle one comes due, then the old one
        kept += [[] for _ in range(young + 50)]
        garbage._look()
    assert ref() is None


def test_a_window_takes_the_collector_over_while_it_is_open(open_window):
    window = open_window()
    assert not gc.isenabled()
    window.close()
    assert gc.isenabled()

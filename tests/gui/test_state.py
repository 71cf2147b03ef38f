"""What the views have in common: set a field, and everyone who listens is told."""

import subprocess
import sys

from lab.gui.state import ViewState


def test_fields_tell_of_their_changes_once():
    state, told = ViewState(), []
    state.events.cursor.connect(lambda step: told.append(("cursor", step)))
    state.events.lane.connect(lambda lane: told.append(("lane", lane)))
    state.cursor = 3
    state.cursor = 3
    state.lane = "adam"
    assert told == [("cursor", 3), ("lane", "adam")]


def test_lanes_are_hidden_and_shown_again():
    state, told = ViewState(), []
    state.events.hidden.connect(told.append)
    assert state.shows("adam")
    state.toggle("adam")
    assert not state.shows("adam")
    assert state.shows("sgd")
    state.toggle("adam")
    assert state.shows("adam")
    assert told == [frozenset({"adam"}), frozenset()]


def test_it_needs_no_qt():
    code = "import lab.gui.state, sys; assert not [m for m in sys.modules if 'PySide6' in m]"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
